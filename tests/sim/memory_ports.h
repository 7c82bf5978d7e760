// Journal, database and guard.db as memories that outlive the simulated process, each call with the
// faults of the seed. They keep the contracts of decide/ports.h exactly as store/ does.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "decide/ports.h"
#include "tests/sim/faults.h"

namespace sekimori::sim {

class MemoryJournal : public decide::EventJournal {
 public:
  MemoryJournal(Faults& faults, bool may_fail) : faults_(faults), may_fail_(may_fail) {}
  Result<std::uint64_t> append(const Event& event) override;
  void sync() { synced_ = events_.size(); }
  // What was not synced is gone. Returns how many events were lost.
  std::size_t power_cut();
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  Faults& faults_;
  bool may_fail_;
  std::vector<Event> events_;
  std::size_t synced_ = 0;
  std::uint64_t failures_ = 0;
};

class MemoryState : public decide::StateStore {
 public:
  explicit MemoryState(Faults& faults) : faults_(faults) {}
  Result<void> apply(const decide::StandingChange&) override;
  Result<void> put_incident(const decide::Incident&) override;
  Result<void> put_hold(const decide::HeldMessage&) override;
  Result<void> append_audit(const decide::AuditEntry&) override;
  Result<void> put_records(std::span<const Record>) override;
  Result<void> put_step(const decide::Step&) override;
  Result<void> add_note(std::uint64_t, const decide::AuditEntry&) override;
  Result<std::vector<decide::StandingRecord>> standings() override;
  Result<std::vector<decide::Step>> open_steps(std::size_t max) override;
  Result<std::vector<decide::Step>> steps_of(std::uint64_t incident) override;
  Result<std::optional<decide::Incident>> incident(std::uint64_t id) override;
  Result<std::vector<decide::Incident>> incidents(const IncidentFilter&) override;
  Result<std::vector<decide::HeldMessage>> holds(const HoldFilter&) override;
  Result<std::vector<decide::AuditEntry>> audit(const std::optional<decide::Subject>&,
                                                std::size_t limit) override;
  Result<void> put_approval(const decide::Approval&) override;
  Result<std::vector<decide::Approval>> approvals(const ApprovalFilter&) override;
  Result<std::uint64_t> last_approval_id() override;
  Result<std::uint64_t> last_incident_id() override;

  struct Tables {
    std::map<decide::Subject, decide::StandingRecord> standings;
    std::map<std::uint64_t, decide::Incident> incidents;
    std::map<std::string, decide::HeldMessage> holds;
    std::vector<decide::AuditEntry> audit;
    std::map<std::uint64_t, decide::Step> steps;
    std::uint64_t last_incident = 0;
    std::map<std::uint64_t, decide::Approval> approvals;
  };
  [[nodiscard]] const Tables& tables() const { return tables_; }
  // Sees each hold before it is written: what stands there (or nullptr), and what will.
  std::function<void(const decide::HeldMessage*, const decide::HeldMessage&)> on_hold;

 private:
  void insert_audit(const decide::AuditEntry&);
  void insert_incident(const decide::Incident&);
  Faults& faults_;
  Tables tables_;
};

class MemoryGuard : public decide::GuardStore {
 public:
  explicit MemoryGuard(Faults& faults) : faults_(faults) {}
  Result<void> put(const decide::GuardRow&) override;
  Result<std::vector<decide::GuardRow>> rows() override;
  Result<void> set_bypass(bool on) override;
  Result<bool> bypass() override { return bypass_; }
  Result<void> rebuild(const std::vector<decide::GuardRow>& rows);
  [[nodiscard]] const std::map<decide::Subject, decide::GuardRow>& table() const { return rows_; }

 private:
  Faults& faults_;
  std::map<decide::Subject, decide::GuardRow> rows_;
  bool bypass_ = false;
};

}  // namespace sekimori::sim
