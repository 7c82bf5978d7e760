// What a mail log says, added up line by line: totals, accounts, wrong passwords, causes, top
// lists. No I/O, no clock. One thread at a time.
//
// Memory is bounded by the accounts, addresses and names met (the maxima below, about 300 MB when
// all are reached) and never grows with the length of the log.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/auth_tries.h"
#include "app/log_causes.h"
#include "app/name_table.h"
#include "base/instant.h"
#include "decide/directory.h"
#include "detect/flat_map.h"
#include "wire/log_line.h"

namespace sekimori::app {

struct SurveyTotals {
  std::uint64_t lines = 0;
  std::uint64_t unknown_lines = 0;  // of Postfix or Dovecot in no form we know, or without a stamp
  std::uint64_t routine_lines = 0;
  std::uint64_t foreign_lines = 0;
  std::uint64_t warnings = 0;
  std::uint64_t connects = 0;             // smtpd
  std::uint64_t postscreen_connects = 0;  // before smtpd
  std::uint64_t messages = 0;             // that entered the queue
  std::uint64_t bytes = 0;
  std::uint64_t sent = 0, deferred = 0, bounced = 0;  // delivery attempts by their outcome
  std::uint64_t forwarded = 0;                        // of `sent`: "forwarded as"
  std::uint64_t deferred_messages = 0;                // with at least one deferred attempt
  std::uint64_t expired = 0;
  std::uint64_t rejected = 0;  // "reject" of smtpd, cleanup, postscreen, a proxy or a milter
  std::uint64_t reject_warnings = 0, held = 0, discarded = 0;
  std::uint64_t submissions = 0, recipients = 0;  // with a login
  std::uint64_t logins = 0;                       // IMAP, POP3, ManageSieve, submission of Dovecot
  std::uint64_t plaintext_logins = 0;             // of these without TLS, not on this machine
  std::uint64_t pickups = 0;                      // by sendmail(1)
};

// What one account did.
struct AccountTraffic {
  std::string address;
  std::uint64_t submissions = 0, recipients = 0, bytes = 0;
  std::uint64_t sent = 0, deferred = 0, bounced = 0, listed = 0;
  std::uint64_t logins = 0, plaintext_logins = 0;
  std::uint64_t addresses = 0;  // of clients, of messages and logins
  Instant first, last;
};
struct UserTraffic {  // a user of the machine, by sendmail(1)
  std::uint64_t messages = 0, recipients = 0, bytes = 0;
};
struct HourTraffic {
  std::uint32_t sent = 0, deferred = 0, bounced = 0, rejected = 0, submissions = 0, failures = 0;
};
struct Outcomes {
  std::uint64_t sent = 0, deferred = 0, bounced = 0;
  [[nodiscard]] std::uint64_t weight() const { return sent + deferred + bounced; }
  Outcomes& operator+=(const Outcomes& more) {
    sent += more.sent;
    deferred += more.deferred;
    bounced += more.bounced;
    return *this;
  }
};
struct SenderTraffic {
  std::uint64_t messages = 0, recipients = 0, bytes = 0;
  [[nodiscard]] std::uint64_t weight() const { return messages; }
  SenderTraffic& operator+=(const SenderTraffic& more) {
    messages += more.messages;
    recipients += more.recipients;
    bytes += more.bytes;
    return *this;
  }
};
// Lines of one form, with the first of them.
struct Sample {
  std::uint64_t n = 0;
  std::string line;
  [[nodiscard]] std::uint64_t weight() const { return n; }
  Sample& operator+=(const Sample& more) {
    n += more.n;
    return *this;
  }
};

class LogSurvey {
 public:
  static constexpr std::size_t k_accounts_max = 200'000;
  static constexpr std::size_t k_account_addresses_max = 4'000'000;  // pairs, 16 bytes each
  static constexpr std::size_t k_names_max = 50'000;                 // of each top list
  static constexpr std::size_t k_forms_max = 2'000;                  // of unknown lines, warnings
  static constexpr std::size_t k_messages_max = 1'000'000;           // in the queue at once
  static constexpr std::size_t k_users_max = 10'000;
  static constexpr std::size_t k_hours_max = 90'000;  // ten years of hours
  using CauseCounts = std::array<std::uint64_t, static_cast<std::size_t>(Cause::count_)>;

  // `key` keeps strangers from choosing names that collide.
  explicit LogSurvey(const HashKey& key);

  // One line, in the order of time; `t` is its time. True when the judge wants to hear of it
  // (serve/history_join): it belongs to somebody's message or login.
  bool line(const wire::LogLine& line, Instant t);
  // A line that is no log line.
  void unreadable(std::string_view text);
  // The log ends here; before it, hosts() and programs() lack some lines.
  void finish();

  [[nodiscard]] const SurveyTotals& totals() const { return totals_; }
  // By account; the last one is "" for those beyond the maximum, where there were any.
  [[nodiscard]] const std::vector<AccountTraffic>& accounts() const { return accounts_; }
  [[nodiscard]] const AuthTries& tries() const { return tries_; }
  [[nodiscard]] const CauseCounts& bounces() const { return bounces_; }
  [[nodiscard]] const CauseCounts& deferrals() const { return deferrals_; }
  [[nodiscard]] const CauseCounts& refusals() const { return refusals_; }
  [[nodiscard]] const NameTable<Outcomes>& recipient_domains() const { return domains_; }
  [[nodiscard]] const NameTable<Outcomes>& relays() const { return relays_; }
  [[nodiscard]] const NameTable<Count>& recipients() const { return recipients_; }
  [[nodiscard]] const NameTable<SenderTraffic>& senders() const { return senders_; }
  // Block lists named by others when they refused our mail, and by us when we refused theirs.
  [[nodiscard]] const NameTable<Count>& lists_met() const { return lists_met_; }
  [[nodiscard]] const NameTable<Count>& lists_used() const { return lists_used_; }
  [[nodiscard]] const NameTable<Count>& programs() const { return programs_; }
  [[nodiscard]] const NameTable<Count>& hosts() const { return hosts_; }
  [[nodiscard]] const NameTable<Sample>& unknown_forms() const { return unknown_; }
  [[nodiscard]] const NameTable<Sample>& warning_forms() const { return warnings_; }
  [[nodiscard]] const std::map<std::uint32_t, UserTraffic>& users() const { return users_; }
  // By hour since 1970.
  [[nodiscard]] const std::map<std::int64_t, HourTraffic>& hours() const { return hours_; }
  [[nodiscard]] Instant first() const { return first_; }
  [[nodiscard]] Instant last() const { return last_; }

 private:
  enum class By : std::uint8_t { other, account, user };
  struct Queued {  // a message between its first line and its removal
    std::uint64_t key = 0;
    Instant t;
    std::uint32_t who = 0;  // account or uid
    By by = By::other;
    bool active = false;
    bool deferred = false;
  };
  [[nodiscard]] std::uint64_t key_of(std::string_view queue_id) const;
  Queued* find(std::string_view queue_id);
  Queued& open(std::string_view queue_id, Instant t);
  Queued& begin(std::string_view queue_id, Instant t);
  Queued& add(std::uint64_t key, Instant t);
  void close(std::string_view queue_id);
  void make_room(Instant t);
  std::uint32_t account_of(std::string_view login);
  void came_from(std::uint32_t account, const IpAddress& ip, Instant t);
  bool failed(const AuthTries::Try& tried);
  [[nodiscard]] bool is_known(std::string_view login) const;
  void place(const wire::LogLine& line, Instant t);
  std::string_view listed(std::string_view text);

  bool on(const wire::LogLine&, const wire::LogUnknown&);
  bool on(const wire::LogLine&, const wire::PostfixClient&);
  bool on(const wire::LogLine&, const wire::PostfixMessageId&);
  bool on(const wire::LogLine&, const wire::PostfixQueueActive&);
  bool on(const wire::LogLine&, const wire::PostfixDelivery&);
  bool on(const wire::LogLine&, const wire::PostfixExpired&);
  bool on(const wire::LogLine&, const wire::PostfixQueueChange&);
  bool on(const wire::LogLine&, const wire::PostfixVerdict&);
  bool on(const wire::LogLine&, const wire::PostfixPickup&);
  bool on(const wire::LogLine&, const wire::PostfixAuthFailure&);
  bool on(const wire::LogLine&, const wire::PostfixConnect&);
  bool on(const wire::LogLine&, const wire::PostscreenNote&);
  bool on(const wire::LogLine&, const wire::DovecotLogin&);
  bool on(const wire::LogLine&, const wire::DovecotLoginFailed&);
  bool on(const wire::LogLine&, const wire::DovecotAuthFailure&);
  bool on(const wire::LogLine&, const wire::DovecotLogout&);
  bool on(const wire::LogLine&, const auto&) { return false; }

  HashKey key_;
  SurveyTotals totals_;
  Instant first_, last_, now_;
  std::uint64_t host_ = 0;  // hash of the host's name
  bool any_host_ = false;
  HourTraffic* hour_ = nullptr;
  std::int64_t hour_number_ = -1;
  HourTraffic beyond_;  // hours beyond the maximum
  detect::FlatMap queue_;
  std::vector<Queued> messages_;
  std::vector<std::uint32_t> free_;
  decide::Directory directory_;
  detect::FlatMap logins_;         // hash of a login as written → account
  detect::FlatMap account_index_;  // hash of the account → account
  detect::FlatMap account_ips_;    // hash of account and address
  std::vector<AccountTraffic> accounts_;
  std::vector<IpAddress> last_ips_;  // of each account: mostly the same again
  std::optional<std::uint32_t> other_accounts_;
  AuthTries tries_;
  CauseCounts bounces_{}, deferrals_{}, refusals_{};
  NameTable<Outcomes> domains_, relays_;
  NameTable<Count> recipients_;
  NameTable<SenderTraffic> senders_;
  NameTable<Count> lists_met_, lists_used_, programs_, hosts_;
  NameTable<Sample> unknown_, warnings_;
  std::map<std::uint32_t, UserTraffic> users_;
  std::map<std::int64_t, HourTraffic> hours_;
  // Lines of one host and of the programs that take turns, until they go to their table.
  struct Recent {
    std::string name;
    std::uint64_t n = 0;
  };
  static void count(Recent& recent, std::string_view name, NameTable<Count>& table);
  Recent host_lines_;
  std::array<Recent, 64> program_lines_;
  std::string scratch_;
};

}  // namespace sekimori::app
