// The durable memory of standing, incidents, holds, audit and the outbox, in SQL.
//
// Times are kept as whole microseconds since 1970 (BIGINT): exact, sortable and the same in every
// database, where DATETIME differs in time zone and fraction. Words (standing, state) are kept as
// the words of the API, so that the tables can be read by a person.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "decide/ports.h"

namespace sekimori::store {

struct StateStoreSettings {
  std::string url;                 // database_url.h
  std::uint32_t busy_ms = 2000;    // how long to wait for another connection's lock
  std::string password_file = {};  // of a database server's password; "": none is needed
};

// Any thread may call; calls are served one at a time. Never throws. After a failure (locked, disk,
// gone) the next call tries anew.
class SqlStateStore : public decide::StateStore {
 public:
  // Makes or updates the tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<SqlStateStore>> open(StateStoreSettings settings);
  ~SqlStateStore() override;
  // Writes what is there already, to see whether it is taken. Errors: operating, uncertain.
  [[nodiscard]] Result<void> try_write();

  // Of two changes with the same epoch a person's beats the machine's; otherwise the first one
  // stays.
  [[nodiscard]] Result<void> apply(const decide::StandingChange&) override;
  [[nodiscard]] Result<void> put_incident(const decide::Incident&) override;
  [[nodiscard]] Result<void> put_hold(const decide::HeldMessage&) override;
  // An entry, a note or a step of id 0 that equals one already there in every field is that one: a
  // retry after an uncertain error writes nothing twice.
  [[nodiscard]] Result<void> append_audit(const decide::AuditEntry&) override;
  [[nodiscard]] Result<void> put_records(std::span<const Record> records) override;
  [[nodiscard]] Result<void> put_step(const decide::Step&) override;
  [[nodiscard]] Result<void> add_note(std::uint64_t incident, const decide::AuditEntry&) override;

  [[nodiscard]] Result<std::vector<decide::StandingRecord>> standings() override;
  [[nodiscard]] Result<std::vector<decide::Step>> open_steps(std::size_t max) override;
  [[nodiscard]] Result<std::vector<decide::Step>> steps_of(std::uint64_t incident) override;
  [[nodiscard]] Result<std::optional<decide::Incident>> incident(std::uint64_t id) override;
  [[nodiscard]] Result<std::vector<decide::Incident>> incidents(const IncidentFilter&) override;
  // Newest first.
  [[nodiscard]] Result<std::vector<decide::HeldMessage>> holds(const HoldFilter&) override;
  // Newest first; at most 1000.
  [[nodiscard]] Result<std::vector<decide::AuditEntry>> audit(const std::optional<decide::Subject>&,
                                                              std::size_t limit) override;
  [[nodiscard]] Result<void> put_approval(const decide::Approval&) override;
  [[nodiscard]] Result<std::vector<decide::Approval>> approvals(const ApprovalFilter&) override;
  [[nodiscard]] Result<std::uint64_t> last_approval_id() override;
  [[nodiscard]] Result<std::uint64_t> last_incident_id() override;

  // The notes of an incident, oldest first.
  [[nodiscard]] Result<std::vector<decide::AuditEntry>> notes(std::uint64_t incident);
  // Removes what ended before `before`: closed incidents with all that belongs to them, audit
  // entries, ended holds, finished steps, approvals that are over. Standings stay.
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit SqlStateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
