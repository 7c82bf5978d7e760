#include "decide/rule_words.h"

#include <fmt/format.h>

#include <charconv>

#include "base/mail_address.h"

namespace sekimori::decide {
namespace {

std::string range_words(std::string_view text, std::size_t slash) {
  const auto address = IpAddress::parse(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  int bits = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  const bool number = error == std::errc() && end == digits.data() + digits.size();
  const int most = address && address->is_v4() ? 32 : 128;
  if (!address) {
    return "範囲の「/」の前がアドレスではありません。192.0.2.0/24 や 2001:db8::/32 のように書いてください。";
  }
  if (!number || bits < 0 || bits > most) {
    return fmt::format("範囲の「/」の後には 0 から {} までの数を書いてください。", most);
  }
  const IpAddress first = address->network(bits, bits);
  if (first != *address) {
    return fmt::format(
        "この範囲の先頭は {0} です。範囲なら {0}/{1}、1 つのアドレスなら {2} と書いてください。",
        first.to_string(), bits, address->to_string());
  }
  return fmt::format(
      "拒否できる範囲は /{}(IPv6 は /{})までです。これより広い範囲は、書き間違いを防ぐため受け付けません。",
      k_deny_bits_v4, k_deny_bits_v6);
}

std::string japanese(std::string_view text) {
  if (text.empty()) {
    return fmt::format("一度に受け付けるのは {} 行までです。", k_rule_lines_max);
  }
  const std::string lower = ascii_lower(text);
  if (lower.starts_with("country:")) {
    return "国は country:JP のように、ISO 3166-1 の 2 文字で書いてください。";
  }
  if (lower.starts_with("asn:") ||
      (lower.size() > 2 && lower.starts_with("as") && lower[2] >= '0' && lower[2] <= '9')) {
    return "AS 番号は AS64500 のように、1 から 4294967295 までの数で書いてください。";
  }
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    return range_words(text, slash);
  }
  return "アドレス、範囲、AS 番号、国のどれとしても読めません。192.0.2.1、192.0.2.0/24、AS64500、country:JP "
         "のように書いてください。";
}

}  // namespace

Text rule_line_words(const RuleLineError& error) { return {japanese(error.text), error.what}; }

}  // namespace sekimori::decide
