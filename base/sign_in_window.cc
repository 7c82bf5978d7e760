#include "base/sign_in_window.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace sekimori {
namespace {

constexpr std::array<std::string_view, 4> k_keys{"login", "ip", "net", "login_ip"};
constexpr std::array<std::string_view, 4> k_counts{"failed", "passwords", "ok", "all"};

template <class Enum>
bool take_word(const std::array<std::string_view, 4>& words, std::string_view text, Enum& out) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != text) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

bool take_number(std::string_view text, std::uint32_t min, std::uint32_t max, std::uint32_t& out) {
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return false;
  if (value < min || value > max) return false;
  out = value;
  return true;
}

}  // namespace

std::string_view to_string(SignInKey key) { return k_keys[static_cast<std::size_t>(key)]; }
std::string_view to_string(SignInCount count) { return k_counts[static_cast<std::size_t>(count)]; }

Result<SignInWindow> SignInWindow::parse(std::string_view text) {
  SignInWindow out;
  out.windows = 1;
  bool has_key = false;
  std::optional<bool> refuse;
  std::string_view rest = text;
  while (true) {
    const auto start = rest.find_first_not_of(' ');
    if (start == std::string_view::npos) break;
    rest.remove_prefix(start);
    const std::string_view pair = rest.substr(0, rest.find(' '));
    rest.remove_prefix(pair.size());
    const auto equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    bool ok = false;
    if (name == "key") {
      ok = has_key = take_word(k_keys, value, out.key);
    } else if (name == "count") {
      ok = take_word(k_counts, value, out.count);
    } else if (name == "seconds") {
      ok = take_number(value, 1, k_sign_in_seconds_max, out.seconds);
    } else if (name == "windows") {
      ok = take_number(value, 1, k_sign_in_windows_max, out.windows);
    } else if (name == "limit") {
      ok = take_number(value, 1, k_sign_in_limit_max, out.limit);
    } else if (name == "delay") {
      ok = take_number(value, 1, k_sign_in_delay_max, out.delay);
    } else if (name == "action") {
      ok = value == "refuse" || value == "delay";
      refuse = value == "refuse";
    }
    if (!ok) return bad_input(fmt::format("'{}' is not understood", pair.substr(0, 80)));
  }
  if (!has_key) return bad_input("key=login, ip, net or login_ip is missing");
  if (out.seconds == 0) return bad_input("seconds= is missing");
  if (out.limit == 0) return bad_input("limit= is missing");
  if (!refuse) return bad_input("action=refuse or action=delay is missing");
  out.refuse = *refuse;
  if (out.refuse && out.delay != 0) return bad_input("delay= goes with action=delay");
  if (!out.refuse && out.delay == 0) return bad_input("action=delay needs delay=");
  if (std::uint64_t{out.seconds} * out.windows > 30ULL * k_sign_in_seconds_max) {
    return bad_input("the windows together reach back more than 30 days");
  }
  return out;
}

std::string SignInWindow::to_string() const {
  std::string out = fmt::format("key={} count={} seconds={} windows={} limit={} action={}",
                                sekimori::to_string(key), sekimori::to_string(count), seconds,
                                windows, limit, refuse ? "refuse" : "delay");
  if (!refuse) out += fmt::format(" delay={}", delay);
  return out;
}

}  // namespace sekimori
