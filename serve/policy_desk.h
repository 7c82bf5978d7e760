// What Postfix is told, from what it asks: two-phase accounting over the engine, without a socket.
//
//   RCPT            may this account send at all (standing), is there room for one more; who is
//   asked
//                   for is remembered once, however many lists and stanzas ask
//   DATA            the number of recipients is known: room for all of them is reserved
//   END-OF-MESSAGE  the message becomes one Submission event, is judged, and the answer is kept
//   mail log        `queue active` confirms it; what never became mail is given back
//
// The count of record is Postfix's recipient_count, not the questions we saw: Postfix may refuse a
// recipient after we let it pass, and a bare `postmaster` is never asked about at RCPT. Of the
// names seen, those that cannot be (no such local mailbox) are left out first, then the last ones;
// a missing one is the local postmaster, more are names in the sender's own domain: they count and
// are nobody's stranger.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/event.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "serve/dnsbl_gate.h"
#include "serve/queue_index.h"
#include "serve/reservation_table.h"
#include "serve/rule_book.h"
#include "serve/server_metrics.h"
#include "serve/sign_in_gate.h"
#include "serve/transaction_table.h"
#include "wire/policy.h"

namespace sekimori::serve {

// Gets what an event brought about (standings, holds) for the state writer. Called on the thread
// that asked, after its locks are free, before the answer is sent: it must only enqueue.
using AppliedSink = std::function<void(const decide::Applied&)>;
// Where an address is (GeoIP); may be empty. Any thread, microseconds.
using PlaceOf = std::function<Place(const IpAddress&)>;

struct PolicyDeskOptions {
  std::string host;  // this machine's name, where Postfix sends no policy_context
  HashKey key{};     // hides the table's layout from those who choose addresses
  TransactionTable::Bounds transactions;
  Duration transaction_timeout = hours(1);     // longer than smtpd waits for anything
  Duration reservation_timeout = minutes(15);  // a client that vanished within DATA
  // A message that cleanup took appears in the log within seconds; ten minutes forgive a stalled
  // qmgr.
  Duration commit_timeout = minutes(10);
  std::size_t commits_max = 200'000;  // messages waiting for their log line; over it, taken as sent
  bool log_followed = false;          // without a log END-OF-MESSAGE is the commit
  PlaceOf place;
  AppliedSink sink;
  // Has another panel set the mailbox inactive, and does its mail wait? Cheap; may be empty.
  std::function<bool(std::string_view account)> is_inactive = {};
  // Has a person switched off receiving for the account? Cheap; may be empty.
  std::function<bool(std::string_view account)> receives_nothing = {};
  // Mail from this address, by a client that did not sign in: the answer that refuses it ("450 …"),
  // or "". Microseconds; may be empty.
  std::function<std::string(const IpAddress& client, Instant)> banned = {};
  // Told of each 450 for a closed mailbox: that mail waits at its sender. Cheap; may be empty.
  std::function<void(std::string_view account, const wire::PolicyRequest&, Instant)> waits = {};
  // A header line for mail of this account, "" for none. Microseconds; may be empty.
  std::function<std::string(std::string_view account, Instant)> stamp = {};
  // Where a copy of mail without a sender (a bounce) to this account goes, "" for nowhere. Cheap;
  // may be empty.
  std::function<std::string(std::string_view account)> copy_bounces_to = {};
  // Signed-in clients whose connection is not encrypted; may be null, lives as long as the desk.
  PlainGate* plain = nullptr;
  // The rules that people wrote for addresses; may be null.
  const RuleBook* rules = nullptr;
  // The blacklists asked about mail from outside; may be null. Where `enforces` says no for an
  // account, what they say is only logged.
  const DnsblGate* dnsbl = nullptr;
  std::function<bool(std::string_view account)> enforces = {};
};

// Any thread; each call takes one transaction's shard lock for the length of one engine call.
class PolicyDesk {
 public:
  // All references live as long as the desk.
  PolicyDesk(decide::Engine& engine, ReservationTable& reservations, QueueIndex& queue,
             ServerMetrics& metrics, PolicyDeskOptions options);

  // Appends one answer ("action=…\n\n") to `out`, whatever the request holds.
  // `lists`: what the blacklists say of the client, where to_look_up() named it.
  void answer(const wire::PolicyRequest& request, Instant now, const decide::Directory& directory,
              std::string& out, const std::vector<ListAnswer>* lists = nullptr);
  // The client's address where the answer hangs on blacklists; nullopt: answer() needs none. A rule
  // of a person goes before them, and own networks and sign-ins are never asked about.
  [[nodiscard]] std::optional<IpAddress> to_look_up(const wire::PolicyRequest& request, Instant now,
                                                    const decide::Directory& directory) const;

  // From the log: the message is in the queue; or cleanup, a milter or the client ended it.
  void confirmed(std::string_view queue_id);
  void withdrawn(std::string_view queue_id, Instant now);
  // Forgets old transactions and reservations, and gives back messages that were not confirmed
  // although the log has been read past their time (`log_reached`; nullopt: no log is read). Call
  // every few seconds.
  void sweep(Instant now, std::optional<Instant> log_reached);

  [[nodiscard]] std::size_t transactions() const { return transactions_.size(); }
  [[nodiscard]] std::size_t waiting_commits() const;

 private:
  struct Commit {
    std::string account;
    std::string host;
    Instant t;
  };
  struct Asked;  // one question, normalised

  [[nodiscard]] std::optional<SignIn> plain_of(const Transaction& t, const Asked& asked) const;
  void answer_rcpt(Transaction& t, const Asked& asked, std::string& out);
  void answer_data(Transaction& t, const Asked& asked, std::string& out);
  void answer_end(Transaction& t, const Asked& asked, std::string& out, decide::Applied& applied);
  // The rule that decides over the client, counted as a hit.
  [[nodiscard]] std::optional<RuleBook::Found> ruled(const wire::PolicyRequest& request,
                                                     std::string_view account, decide::RuleUse use,
                                                     Instant now) const;
  // The answer where it denies the client; "" otherwise.
  [[nodiscard]] static std::string denied(const wire::PolicyRequest& request,
                                          const std::optional<RuleBook::Found>& rule);
  // Answers where the blacklists decide; false: they do not.
  [[nodiscard]] bool answer_listed(const wire::PolicyRequest& request, std::string_view account,
                                   const std::vector<ListAnswer>* lists, std::string& out);
  void copy_bounce(const wire::PolicyRequest& request, const decide::Directory& directory,
                   std::string& out);
  Event submission_of(Transaction& t, const Asked& asked) const;
  void repeated_after_restart(const Asked& asked, std::string_view account, std::string& out);
  void release(Transaction& t);
  void put(const decide::Answer& answer, std::string& out);
  [[nodiscard]] std::uint64_t key_of(const wire::PolicyRequest& request);

  decide::Engine& engine_;
  ReservationTable& reservations_;
  QueueIndex& queue_;
  ServerMetrics& metrics_;
  PolicyDeskOptions options_;
  TransactionTable transactions_;
  std::atomic<std::uint64_t> unnamed_{0};  // transactions without instance and queue id

  mutable std::mutex commits_mutex_;
  std::unordered_map<std::string, Commit> commits_;  // by queue id
};

}  // namespace sekimori::serve
