// What is set for the server and its domains: domains and their administrators, policy (limits,
// lines, modes) with where each value comes from, a dry run of a policy over past traffic, the
// settings, the notices' texts, health over time. Part of Control, in a header of its own; threads
// and errors as there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/policy.h"
#include "decide/records.h"
#include "decide/switches.h"
#include "web/control.h"

namespace sekimori::web {

// ---- domains and who looks after them ----

enum class DomainOrder : std::uint8_t { domain, accounts, contained, held };

struct DomainQuery {
  std::string search;                             // part of the name or the description; "" = all
  std::optional<std::vector<std::string>> among;  // only these
  bool contained = false;                         // only where something is contained
  DomainOrder order = DomainOrder::domain;
  bool descending = false;
  std::size_t offset = 0;
  std::size_t limit = 100;
};
struct DomainSummary {
  std::string domain;
  std::string description;
  bool active = true;  // as the provider's store says
  std::uint64_t accounts = 0;
  decide::StandingRecord standing;  // the domain's own
  // Of its accounts.
  std::uint64_t restricted = 0, suspended = 0, recovering = 0, probation = 0;
  std::uint64_t held = 0;  // messages
  decide::Mode mode = decide::Mode::observe;
  std::uint32_t own_values = 0;  // set for the domain itself
  [[nodiscard]] std::uint64_t contained() const { return restricted + suspended + recovering; }
};
struct AdminQuery {
  std::string search;
  std::string domain;  // "" = all
  std::size_t offset = 0;
  std::size_t limit = 100;
};
// One of the provider's administrators, who sign in to the panel with the password they have there.
struct AdminSummary {
  std::string login;
  bool active = true;
  bool superadmin = false;  // an operator here
  bool totp = false;
  std::vector<std::string> domains;
};

// ---- policy ----

// Where a value in force comes from.
enum class PolicySource : std::uint8_t { setting, domain, account, probation };
[[nodiscard]] std::string_view to_string(PolicySource);

struct PolicyItem {
  decide::PolicyField field = decide::PolicyField::mode;
  double value = 0;  // in force
  PolicySource source = PolicySource::setting;
  std::string where;          // "limits.recipients_per_hour", "example.jp", "news@example.jp"
  double inherited = 0;       // what would hold without an own value
  std::optional<double> own;  // set for this subject
  Instant changed;            // of the own value
  std::string by;
  std::string reason;
};
struct PolicyView {
  decide::Subject subject;
  std::vector<PolicyItem> items;  // all fields, in their order
};
struct PolicyOrder {
  decide::Subject subject;  // a domain or an account
  decide::PolicyValues values;
  std::string reason;
};

struct DryRunOrder {
  decide::Subject subject;      // the server: as if the settings were these
  decide::PolicyValues values;  // unset: what stands above holds
  std::uint32_t days = 7;       // 1…30
};
enum class DryRunState : std::uint8_t { running, done, failed };
[[nodiscard]] std::string_view to_string(DryRunState);
// What one of the two policies would have made of the mail.
struct DryRunSide {
  std::uint64_t reached = 0;  // recipients
  std::uint64_t refused = 0;  // recipients
  std::uint64_t held = 0;     // messages
  std::uint64_t held_accounts = 0, restricted = 0, suspended = 0;
  double held_minutes = 0;  // of messages let go
};
struct DryRunAccount {
  std::string account;
  DryRunSide before, after;
};
struct DryRun {
  std::uint64_t id = 0;
  DryRunOrder order;
  std::string by;
  Instant started;
  DryRunState state = DryRunState::running;
  std::string error;         // failed: why
  bool as_enforced = false;  // nothing is held where the guard only observes: judged as if it acted
  bool cut_short = false;    // time was up: what lies behind `last` was not looked at
  std::uint64_t events = 0;
  Instant first, last;  // of the events looked at
  std::uint64_t accounts = 0;
  double seconds = 0;
  DryRunSide before, after;
  std::vector<DryRunAccount> differing;  // the largest difference first
  std::uint64_t differing_count = 0;
};
inline constexpr std::size_t k_dry_run_accounts_max = 200;
inline constexpr std::uint32_t k_dry_run_days_max = 30;

// ---- receiving and signing in, switched by a person ----

struct SwitchState {
  bool works = true;                       // in force: neither the standing nor a person has it off
  bool standing_allows = true;             // the account's own and its domain's
  std::optional<decide::SwitchedOff> off;  // by a person
  // What it takes is done: sessions ended, Dovecot's memory emptied. While it is not it is tried
  // again.
  bool done = true;
  decide::SwitchLetter letter = decide::SwitchLetter::none;  // to the owner, of `off`
};
struct SwitchesView {
  std::string account;
  SwitchState receive, login;
};
[[nodiscard]] inline decide::Switches switched_off(const SwitchesView& view) {
  return {.receive = view.receive.off, .login = view.login.off};
}
struct SwitchOrder {
  std::string account;
  decide::AccountSwitch what = decide::AccountSwitch::receive;
  bool on = true;
  std::string reason;  // needed for off: the owner reads it
  Instant until;       // of off; unset: until somebody switches it on
  bool tell = true;    // the owner and the domain's admins, by mail
};

// ---- settings ----

struct SettingView {
  std::string name;
  std::string section;
  Text meaning;
  std::string value;    // in force, as TOML spells it; secrets masked
  std::string written;  // as the file has it now, where that is another
  std::string source;   // "default" or "sekimori.toml:12"
  bool needs_restart = false;
};
struct SettingsView {
  std::string file;
  std::vector<SettingView> items;
  std::vector<std::string> faults;  // of the file as it is now
};

// ---- notices' texts ----

enum class TextSource : std::uint8_t { shipped, file, panel };
[[nodiscard]] std::string_view to_string(TextSource);
struct NoticeTextSummary {
  std::string name;  // "restricted.owner.ja"
  std::string subject;
  TextSource source = TextSource::shipped;
  Instant changed;  // in the panel
  std::string by;
};
struct NoticeTextView {
  NoticeTextSummary summary;
  std::string text;     // "Subject: …", an empty line, the body
  std::string without;  // what holds when the panel's own is taken away
  std::vector<std::string> placeholders;
};
struct NoticeTextFault {
  int line = 0;
  Text what;
};
struct NoticePreview {
  std::string subject;
  std::string body;
  std::vector<NoticeTextFault> faults;  // then nothing else is filled
};

// ---- health over time ----

struct HealthSpanView {
  std::string item;
  HealthLevel level = HealthLevel::ok;
  Instant since, last;
  Text verdict;
};

class ServerDesk {
 public:
  virtual ~ServerDesk() = default;

  [[nodiscard]] virtual Result<Page<DomainSummary>> domains(const DomainQuery&) = 0;
  [[nodiscard]] virtual Result<Page<AdminSummary>> admins(const AdminQuery&) = 0;

  // not_found: none of this server's.
  [[nodiscard]] virtual Result<PolicyView> policy(const decide::Subject&) = 0;
  // In force and durable when it returns. Audited with what was and what is.
  [[nodiscard]] virtual Result<PolicyView> set_policy(const PolicyOrder&, const Caller& by) = 0;
  // In the background, one at a time. bad_input: another is running.
  [[nodiscard]] virtual Result<DryRun> begin_dry_run(const DryRunOrder&, const Caller& by) = 0;
  // The last few are remembered, until a restart.
  [[nodiscard]] virtual Result<DryRun> dry_run(std::uint64_t id) = 0;

  // not_found: no account of this server.
  [[nodiscard]] virtual Result<SwitchesView> switches(std::string_view account) = 0;
  // In force and durable when it returns; it was so already: nothing changes. Audited. bad_input:
  // `until` is over already.
  [[nodiscard]] virtual Result<SwitchesView> set_switch(const SwitchOrder&, const Caller& by) = 0;

  [[nodiscard]] virtual Result<SettingsView> settings() = 0;
  // Takes over what may change while running, as SIGHUP does. bad_input: the file is not usable.
  [[nodiscard]] virtual Result<SettingsView> reload(const Caller& by) = 0;

  [[nodiscard]] virtual Result<std::vector<NoticeTextSummary>> notice_texts() = 0;
  [[nodiscard]] virtual Result<NoticeTextView> notice_text(std::string_view name) = 0;
  // With made-up values; an unsound text says where it is wrong.
  [[nodiscard]] virtual Result<NoticePreview> preview_notice_text(std::string_view name,
                                                                  const std::string& text) = 0;
  // bad_input: it is not sound.
  [[nodiscard]] virtual Result<NoticeTextView> put_notice_text(std::string_view name,
                                                               const std::string& text,
                                                               const Caller& by) = 0;
  [[nodiscard]] virtual Result<NoticeTextView> reset_notice_text(std::string_view name,
                                                                 const Caller& by) = 0;

  // By item and time, of the last `days`.
  [[nodiscard]] virtual Result<std::vector<HealthSpanView>> health_history(std::uint32_t days) = 0;
};

}  // namespace sekimori::web
