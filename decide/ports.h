// The seams between deciding and the world. Implementations: store/ (SQL, journal), act/ (hands),
// app/ (clock). Tests and the simulator bring their own, which fail, lie or crash on purpose.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "decide/records.h"

namespace sekimori::decide {

// Where events are kept before their answer is given. append() is called under a shard's lock, from
// any thread: one write(2), no fsync (that happens within 100 ms on another thread). The returned
// sequence number grows by one per event over all shards.
class EventJournal {
 public:
  virtual ~EventJournal() = default;
  // Errors: operating (disk full, gone); nothing of it is kept, and the caller goes on (degraded).
  [[nodiscard]] virtual Result<std::uint64_t> append(const Event&) = 0;
};

// A change of standing with all that must be remembered with it, in one transaction.
struct StandingChange {
  StandingRecord record;                        // as it is now
  Standing from = Standing::normal;             // as it was
  std::optional<Incident> open_incident;        // to be inserted (id already given)
  std::optional<IncidentState> incident_state;  // of record.incident, else unchanged
  std::vector<StepKind> steps;                  // what the hands must do, in this order
  AuditEntry audit;
};

// The durable memory of standing, incidents, holds, audit and the outbox. Called from one thread at
// a time (the state writer's); never on the decision path. All writes are idempotent by their keys.
class StateStore {
 public:
  virtual ~StateStore() = default;
  // Durable when it returns. A change whose (subject, epoch) is not newer than what is stored
  // changes nothing and succeeds. Errors: operating (retry), uncertain (retry: idempotent).
  [[nodiscard]] virtual Result<void> apply(const StandingChange&) = 0;
  [[nodiscard]] virtual Result<void> put_incident(const Incident&) = 0;  // insert or replace
  // Insert or replace. One older (held_at) than stored, or open where that ended, changes nothing.
  [[nodiscard]] virtual Result<void> put_hold(const HeldMessage&) = 0;
  [[nodiscard]] virtual Result<void> append_audit(const AuditEntry&) = 0;
  // Holds and audit entries, in this order, as by put_hold and append_audit; a store that can takes
  // them in one transaction (all or none). Errors: bad_input when one of them is refused.
  using Record = std::variant<HeldMessage, AuditEntry>;
  [[nodiscard]] virtual Result<void> put_records(std::span<const Record> records) {
    for (const Record& record : records) {
      const auto* const hold = std::get_if<HeldMessage>(&record);
      auto done = hold != nullptr ? put_hold(*hold) : append_audit(std::get<AuditEntry>(record));
      if (!done) return done;
    }
    return {};
  }
  [[nodiscard]] virtual Result<void> put_step(const Step&) = 0;  // by id; id 0 inserts
  [[nodiscard]] virtual Result<void> add_note(std::uint64_t incident, const AuditEntry&) = 0;

  [[nodiscard]] virtual Result<std::vector<StandingRecord>>
  standings() = 0;  // all not normal, or once changed
  [[nodiscard]] virtual Result<std::vector<Step>> open_steps(
      std::size_t max) = 0;  // waiting, retrying; oldest first
  [[nodiscard]] virtual Result<std::vector<Step>> steps_of(std::uint64_t incident) = 0;
  [[nodiscard]] virtual Result<std::optional<Incident>> incident(std::uint64_t id) = 0;
  struct IncidentFilter {
    std::optional<IncidentState> state;
    std::optional<Subject> subject;
    std::size_t offset = 0;
    std::size_t limit = 100;  // ≤ 1000
    std::string within = {};  // a domain: it and its accounts; "" = all
  };
  [[nodiscard]] virtual Result<std::vector<Incident>> incidents(
      const IncidentFilter&) = 0;  // newest first
  struct HoldFilter {
    std::optional<std::string> account;
    std::optional<HoldState> state;
    std::optional<std::uint64_t> incident;
    std::size_t offset = 0;
    std::size_t limit = 100;
    std::string within = {};  // accounts of this domain; "" = all
    // Set: in the order of queue ids, those behind this one ("": from the first), so that a reader
    // misses none while others change. Unset: the newest first.
    std::optional<std::string> after = {};
    Instant ended_since = {};  // set: with an ended_at not before
  };
  [[nodiscard]] virtual Result<std::vector<HeldMessage>> holds(const HoldFilter&) = 0;
  [[nodiscard]] virtual Result<std::vector<AuditEntry>> audit(const std::optional<Subject>&,
                                                              std::size_t limit) = 0;
  // Insert or replace by id; what is not newer (records.h: is_newer) than what is stored changes
  // nothing and succeeds.
  [[nodiscard]] virtual Result<void> put_approval(const Approval&) = 0;
  struct ApprovalFilter {
    std::optional<std::string> account;
    std::optional<ApprovalState> state;
    std::optional<std::uint64_t> id;
    std::size_t offset = 0;
    std::size_t limit = 100;
  };
  [[nodiscard]] virtual Result<std::vector<Approval>> approvals(
      const ApprovalFilter&) = 0;  // newest first
  // The largest id of an approval ever given (0: none).
  [[nodiscard]] virtual Result<std::uint64_t> last_approval_id() = 0;
  // The largest incident id ever given (0: none), so that the engine goes on from it.
  [[nodiscard]] virtual Result<std::uint64_t> last_incident_id() = 0;
};

// Reads all holds that the filter means, page by page, in the order of their queue ids; its offset,
// limit and after are not looked at. Errors: as holds().
[[nodiscard]] inline Result<void> each_hold(StateStore& store, StateStore::HoldFilter filter,
                                            const std::function<void(HeldMessage&)>& each) {
  filter.offset = 0;
  filter.limit = 1000;
  filter.after = "";
  while (true) {
    auto page = store.holds(filter);
    if (!page) return std::unexpected(page.error());
    if (!page->empty()) filter.after = page->back().queue_id;
    for (HeldMessage& hold : *page) each(hold);
    if (page->size() < filter.limit) return {};
  }
}

// What Postfix and Dovecot enforce by themselves, dead daemon or not (guard.db).
struct GuardRow {
  Subject subject;
  bool no_send = false;
  bool no_login = false;
  bool no_receive = false;  // incoming mail answered 450 / kept in our queue
  std::string reply;        // "525 5.7.13 …", ASCII
  std::string reason;       // words for the person who is refused a login (UTF-8)
  std::uint64_t epoch = 0;
};
class GuardStore {
 public:
  virtual ~GuardStore() = default;
  // Writes (or, when nothing is forbidden, removes) the row; an older epoch changes nothing.
  [[nodiscard]] virtual Result<void> put(const GuardRow&) = 0;
  [[nodiscard]] virtual Result<std::vector<GuardRow>> rows() = 0;
  // The panic handle: with bypass on, no row is enforced.
  [[nodiscard]] virtual Result<void> set_bypass(bool on) = 0;
  [[nodiscard]] virtual Result<bool> bypass() = 0;
};

// An account of the provider's store (PostfixAdmin's schema).
struct AccountRow {
  std::string address;
  std::string name;
  std::string domain;
  bool active = true;
  std::string phone;
  std::string email_other;
  std::uint64_t quota_bytes = 0;  // 0: unlimited
  Instant created;
  Instant modified;
};
// The directory as the decision path needs it: who is an account and what other spellings mean it.
struct DirectorySnapshot {
  std::vector<std::string> accounts;                 // normalised, sorted
  std::map<std::string, std::string> alias_domains;  // alias domain → target domain
  std::vector<std::string> domains;
  // Addresses that are no account and deliver to just one: of those whose bounces are that one's.
  std::map<std::string, std::string> aliases = {};
};
class AccountStore {
 public:
  virtual ~AccountStore() = default;
  [[nodiscard]] virtual Result<DirectorySnapshot> directory() = 0;
  [[nodiscard]] virtual Result<std::optional<AccountRow>> account(std::string_view address) = 0;
  struct AccountFilter {
    std::string search;  // part of address or name; "" = all
    std::string domain;  // "" = all
    std::size_t offset = 0;
    std::size_t limit = 100;
  };
  [[nodiscard]] virtual Result<std::vector<AccountRow>> accounts(const AccountFilter&) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> count(const AccountFilter&) = 0;
  // Makes a mailbox (and its alias row address → address), hash as this Dovecot reads it.
  [[nodiscard]] virtual Result<void> add(const AccountRow&, std::string_view password_hash) = 0;
  [[nodiscard]] virtual Result<void> set_password(std::string_view address,
                                                  std::string_view password_hash) = 0;
  [[nodiscard]] virtual Result<std::string> password_hash(std::string_view address) = 0;
};

// One message in Postfix's queue, as postqueue -j tells it.
struct QueueEntry {
  std::string queue_name;  // "active", "deferred", "hold", "incoming"
  std::string queue_id;
  Instant arrival;
  std::uint64_t size = 0;
  std::string sender;
  std::vector<std::string> recipients;
};
// A message to delete, and what must be true of it: short queue ids are reused, so say what is
// known of the one that is meant. What does not fit stays.
struct QueueTarget {
  std::string id;
  std::optional<std::string> sender;
  Instant arrival;    // to the second; unset: not compared
  Instant not_after;  // it arrived by then; unset: not compared
};
// The hands. Each call may block for seconds; called from the hands' own thread, never on the
// decision path. All are idempotent: doing one twice changes nothing more.
class Hands {
 public:
  virtual ~Hands() = default;
  // Dovecot (doveadm over HTTP). Nobody logged in is success.
  [[nodiscard]] virtual Result<void> flush_auth_cache(std::string_view account) = 0;
  [[nodiscard]] virtual Result<std::uint32_t> kick(std::string_view account) = 0;
  // Postfix's queue, through the privileged helper. Ids are validated there again.
  [[nodiscard]] virtual Result<void> hold(std::span<const std::string> queue_ids) = 0;
  // Lets held mail go and has it delivered at once. Ids that are gone are no error.
  [[nodiscard]] virtual Result<void> release(std::span<const std::string> queue_ids) = 0;
  // How many stayed because they are not the messages that were meant. Ids that are gone are no
  // error.
  [[nodiscard]] virtual Result<std::uint64_t> remove(std::span<const QueueTarget> messages) = 0;
  [[nodiscard]] virtual Result<void> requeue(std::span<const std::string> queue_ids) = 0;
  // Calls `each` per message, streaming; false from it ends the listing.
  [[nodiscard]] virtual Result<void> list_queue(
      const std::function<bool(const QueueEntry&)>& each) = 0;
  // The SASL login a queued message was handed in with ("" when there was none).
  [[nodiscard]] virtual Result<std::string> sasl_login_of(std::string_view queue_id) = 0;
  // The Subject header of a queued message, decoded, "" when it has none. Content of
  // communication: bad_input unless the settings allow it (queue.show_subjects).
  [[nodiscard]] virtual Result<std::string> subject_of(std::string_view queue_id) = 0;
  // The whole server's sending, pickup included (defer_transports).
  [[nodiscard]] virtual Result<void> stop_server_sending(bool stop) = 0;
};

// Tells people. One port; channels (mail, webhook, later voice) behind it.
struct Notice {
  std::string kind;  // "restricted", "suspended", "restored", "held_asked", …
  Subject subject;
  std::uint64_t incident = 0;
  Text summary;
};
class Notifier {
 public:
  virtual ~Notifier() = default;
  [[nodiscard]] virtual Result<void> tell(const Notice&) = 0;
};

}  // namespace sekimori::decide
