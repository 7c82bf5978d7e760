// Receiving and signing in, each switched off by a person for one account, beside the account's
// standing. What is in force is what either of the two forbids: a standing that changes leaves
// these as they are, and a person who switches on again opens nothing that the standing closes.
// Values and words; pure.
//
// Signing in off means that nobody comes in anew. Whoever is in already is thrown out where a
// server can do that (IMAP, POP3, ManageSieve), and what comes over a line that was opened before
// is refused where it cannot (SMTP): no mail is handed in by somebody who may not sign in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/text.h"
#include "base/time_zone.h"
#include "decide/diagnosis.h"
#include "decide/ports.h"

namespace sekimori::decide {

enum class AccountSwitch : std::uint8_t { receive, login };
inline constexpr std::size_t k_account_switches = 2;
[[nodiscard]] std::string_view to_string(AccountSwitch);  // "receive", "login"
[[nodiscard]] std::optional<AccountSwitch> parse_account_switch(std::string_view);

// What became of the letter that tells the owner of it.
enum class SwitchLetter : std::uint8_t {
  none,  // none is written
  due,   // it is written a minute after the last change, and not if that is taken back by then
  sent,
};
[[nodiscard]] std::string_view to_string(SwitchLetter);
[[nodiscard]] std::optional<SwitchLetter> parse_switch_letter(std::string_view);

// One that a person switched off.
struct SwitchedOff {
  std::string account;
  AccountSwitch what = AccountSwitch::receive;
  Instant since;
  Instant until;  // then it goes on by itself; unset: when somebody switches it on
  std::string by;
  std::string reason;  // the owner reads it
  bool operator==(const SwitchedOff&) const = default;
};

// Of one account.
struct Switches {
  std::optional<SwitchedOff> receive;
  std::optional<SwitchedOff> login;
  [[nodiscard]] const std::optional<SwitchedOff>& at(AccountSwitch what) const {
    return what == AccountSwitch::receive ? receive : login;
  }
  [[nodiscard]] std::optional<SwitchedOff>& at(AccountSwitch what) {
    return what == AccountSwitch::receive ? receive : login;
  }
  [[nodiscard]] bool any() const { return receive.has_value() || login.has_value(); }
};
// By account.
using SwitchTable = std::map<std::string, Switches, std::less<>>;

// What Postfix and Dovecot enforce for them, beside the row of the standing. No flag where nothing
// is off; the epoch is not set.
[[nodiscard]] GuardRow guard_row(std::string_view account, const Switches&,
                                 std::string_view portal_url);
// To whoever signs in: one line that holds both languages (`.ja` is `.en`).
[[nodiscard]] Text login_refusal(std::string_view portal_url);

// For the owner's card, by the clock of the server's wall. `what`: what does not work, since when
// and what becomes of the mail; `why`: the persons' reasons; `next`: what to do.
struct SwitchWords {
  Text what;
  Text why;
  Text next;
};
[[nodiscard]] SwitchWords owner_words(const Switches&, const ZoneRule& zone);

// How it came to be on again, for the letter that says so: by a person or by time.
[[nodiscard]] Text words_of_end(std::string_view by, std::string_view reason);
// Who switches what ends by time.
inline constexpr std::string_view k_by_time = "machine";

// What they add to "I cannot get my mail". The gravest still come first.
void add_switches(std::vector<Finding>& findings, const Switches&, const ZoneRule& zone);

// Why a gate of the way back that needs a sign-in waits.
[[nodiscard]] Text gate_waits_for_login(const SwitchedOff& login, const ZoneRule& zone);
// Is this what gate_waits_for_login() said, of whatever switch?
[[nodiscard]] bool is_waiting_for_login(const Text& evidence);

}  // namespace sekimori::decide
