// One rule over counted sign-ins: "no more than so many of these from one address in that time". A
// site that comes from weakforced had it as a field of a time-window database and a line of its
// allow function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori {

// Whose sign-ins are counted together. `net` is the address's /24 or /64.
enum class SignInKey : std::uint8_t { login, ip, net, login_ip };
inline constexpr std::size_t k_sign_in_keys = 4;
// What is counted. `passwords`: different wrong passwords, so that one forgotten device that tries
// the same one again and again counts as one.
enum class SignInCount : std::uint8_t { failed, passwords, ok, all };

struct SignInWindow {
  SignInKey key = SignInKey::ip;
  SignInCount count = SignInCount::failed;
  std::uint32_t seconds = 0;  // of one window
  std::uint32_t windows = 0;  // so many of them together are the time that is looked at
  std::uint32_t limit = 0;    // up to here nothing happens
  bool refuse = false;        // beyond it; otherwise delay
  std::uint32_t delay = 0;    // seconds; 0 with refuse

  // Reads "key=ip count=failed seconds=60 windows=10 limit=20 action=refuse", the pairs in any
  // order; "action=delay delay=3" waits instead. Left out: count=failed, windows=1. Errors:
  // bad_input with what is wrong.
  [[nodiscard]] static Result<SignInWindow> parse(std::string_view text);
  // The same text, complete and in this order: what getDBStats names the figure.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const SignInWindow&) const = default;
};

// One window is a second to a day, there are at most 60, and together they reach at most 30 days
// back: what is counted longer is a habit, which the judge knows better.
inline constexpr std::uint32_t k_sign_in_seconds_max = 86'400;
inline constexpr std::uint32_t k_sign_in_windows_max = 60;
inline constexpr std::size_t k_sign_in_rules_max = 64;
inline constexpr std::uint32_t k_sign_in_limit_max = 1'000'000;
// Postfix waits ten seconds for Dovecot, which has pauses of its own.
inline constexpr std::uint32_t k_sign_in_delay_max = 5;

[[nodiscard]] std::string_view to_string(SignInKey key);
[[nodiscard]] std::string_view to_string(SignInCount count);

}  // namespace sekimori
