#include "config/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/blacklist.h"
#include "base/ip_network.h"
#include "base/listen_address.h"
#include "base/mail_address.h"
#include "base/sign_in_window.h"
#include "config/units.h"

namespace sekimori::config {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_printable_ascii(char c) { return c >= 0x20 && c < 0x7f; }

template <class Predicate>
bool all(std::string_view text, Predicate&& predicate) {
  return std::ranges::all_of(text, predicate);
}

std::string shown(std::string_view text) {
  std::string out(text.substr(0, 120));
  std::ranges::replace_if(out, is_control, '?');
  return out;
}

Text not_a(std::string_view text, std::string_view ja, std::string_view en) {
  return {fmt::format("「{}」は{}ではありません。", shown(text), ja),
          fmt::format("'{}' is no {}", shown(text), en)};
}

// Dot-separated labels of 1–63 letters, digits, '-', '_' or UTF-8 (RFC 1035 §2.3.4; names in UTF-8
// as RFC 6531 allows), at most 253 bytes.
bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '.') {
      if (label == 0 || label > 63 || text[i - 1] == '-' || text[i - label] == '-') return false;
      label = 0;
      continue;
    }
    const char c = text[i];
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_' &&
        static_cast<unsigned char>(c) < 0x80) {
      return false;
    }
    ++label;
  }
  return true;
}

// scheme://host[:port][/…]: the part behind "scheme://" up to the first of "/?#".
std::string_view authority_of(std::string_view url) {
  const auto start = url.find("://");
  if (start == std::string_view::npos) return {};
  url.remove_prefix(start + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

std::optional<Text> wrong_http_url(std::string_view text) {
  if (!all(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return Text{"URL は空白のない ASCII で書いてください(日本語の部分は %XX の形にします)。",
                "the URL must be ASCII without blanks (write other letters as %XX)"};
  }
  const std::string_view authority = authority_of(text);
  if ((!text.starts_with("http://") && !text.starts_with("https://")) || authority.empty() ||
      authority.starts_with(':')) {
    return Text{
        "https://mail.example.jp/portal のような、http または https の URL ではありません。",
        "no http or https URL such as https://mail.example.jp/portal"};
  }
  if (authority.find('@') != std::string_view::npos) {
    return Text{"URL に利用者名やパスワードを書かないでください。",
                "a URL must not hold a user name or password"};
  }
  return std::nullopt;
}

std::optional<Text> wrong_database_url(std::string_view text) {
  if (all(text, [](char c) { return !is_control(c) && c != ' '; })) {
    if (text.starts_with("sqlite://")) {
      if (text.size() > 10 && text[9] == '/') return std::nullopt;
      return Text{
          "SQLite の場所は sqlite:///var/lib/… のように、/ から始まるパスで書いてください。",
          "SQLite needs an absolute path, as sqlite:///var/lib/…"};
    }
    const std::string_view authority = authority_of(text);
    if ((text.starts_with("postgresql://") || text.starts_with("mysql://")) && !authority.empty()) {
      const auto at = authority.rfind('@');
      if (at != std::string_view::npos && authority.substr(0, at).find(':') != authority.npos) {
        return Text{
            "URL にパスワードを書かず、ファイルに書いて …_password_file で指定してください。",
            "keep the password out of the URL: write it to a file and name that in "
            "…_password_file"};
      }
      return std::nullopt;
    }
  }
  return Text{
      "sqlite:///path、postgresql://user@host/name、mysql://user@host/name のいずれかの形で"
      "書いてください。",
      "no database URL such as sqlite:///path, postgresql://user@host/name or "
      "mysql://user@host/name"};
}

}  // namespace

std::optional<Text> wrong_format(Format format, std::string_view text) {
  constexpr std::size_t k_text_bytes_max = 4096;  // a path's length (PATH_MAX); all else is shorter
  constexpr std::array k_levels{"trace", "debug", "info", "warn", "error"};
  if (text.size() > k_text_bytes_max) {
    return Text{"長すぎます(4096 バイトまでです)。", "too long (at most 4096 bytes)"};
  }
  switch (format) {
    case Format::any:
    case Format::one_line:
      if (!all(text, [](char c) { return !is_control(c); })) {
        return Text{"改行などの制御文字を含まない 1 行で書いてください。",
                    "must be one line without control characters"};
      }
      return std::nullopt;
    case Format::ascii:
      if (!all(text, is_printable_ascii)) {
        return Text{"ASCII の 1 行で書いてください(SMTP の応答に入るためです)。",
                    "must be one line of ASCII, since SMTP replies are"};
      }
      return std::nullopt;
    case Format::blacklist: {
      const auto list = parse_blacklist(text);
      if (list) return std::nullopt;
      return Text{fmt::format("「{}」はブラックリストの書き方ではありません({})。", shown(text),
                              shown(list.error().text)),
                  fmt::format("'{}' is no blacklist: {}", shown(text), shown(list.error().text))};
    }
    case Format::database_url: return wrong_database_url(text);
    case Format::http_url: return wrong_http_url(text);
    case Format::delimiter:
      if (text.size() <= 4 && all(text, [](char c) {
            return c > 0x20 && c < 0x7f && !is_letter(c) && !is_digit(c) && c != '@';
          })) {
        return std::nullopt;
      }
      return not_a(text, "区切り文字(\"+\" など、4 文字までの記号)",
                   "delimiter such as \"+\" (at most 4 signs)");
    case Format::domain:
      if (is_domain(text) && ascii_lower(text) == text) return std::nullopt;
      return not_a(text, "小文字のドメイン(example.jp など)",
                   "domain in lower case such as example.jp");
    case Format::host_name:
      if (is_domain(text)) return std::nullopt;
      return not_a(text, "ホスト名(mx1.example.jp など)", "host name such as mx1.example.jp");
    case Format::identifier:
      if (text.size() <= 32 &&
          all(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; })) {
        return std::nullopt;
      }
      return not_a(text, "32 文字までの英数字と _", "name of at most 32 letters, digits and _");
    case Format::listen:
      if (const auto place = ListenAddress::parse(text);
          place && (place->is_unix() || place->port != 0)) {
        return std::nullopt;
      }
      return not_a(text, "アドレスとポート(127.0.0.1:10040、[::1]:10040、unix:/run/… など)",
                   "address such as 127.0.0.1:10040, [::1]:10040 or unix:/run/sekimori/policy");
    case Format::log_level:
      if (std::ranges::find(k_levels, text) != k_levels.end()) return std::nullopt;
      return not_a(text, "trace、debug、info、warn、error のいずれか",
                   "level (trace, debug, info, warn or error)");
    case Format::mail_address: {
      const auto address = MailAddress::parse(text);
      if (address && address->text() == text && is_domain(address->domain())) return std::nullopt;
      return not_a(text, "小文字のメールアドレス(taro@example.jp など)",
                   "mail address in lower case such as taro@example.jp");
    }
    case Format::network:
      if (IpNetwork::parse(text)) return std::nullopt;
      return not_a(text, "ネットワーク(192.0.2.0/24、2001:db8::/32 など)",
                   "network such as 192.0.2.0/24 or 2001:db8::/32");
    case Format::path:
      if (text.starts_with('/') && all(text, [](char c) { return !is_control(c); })) {
        return std::nullopt;
      }
      return not_a(text, " / から始まるパス", "absolute path");
    case Format::secret_file:
      if (text.starts_with('/') && all(text, [](char c) { return !is_control(c); })) {
        return std::nullopt;
      }
      return Text{
          "秘密の値そのものではなく、それを書いたファイルの / から始まるパスを指定してください。",
          "name the file that holds the secret (an absolute path), not the secret itself"};
    case Format::sign_in_window: {
      const auto window = SignInWindow::parse(text);
      if (window) return std::nullopt;
      return Text{fmt::format("「{}」は数え方の規則ではありません({})。", shown(text),
                              shown(window.error().text)),
                  fmt::format("'{}' is no rule over sign-ins: {}", shown(text),
                              shown(window.error().text))};
    }
    case Format::user_name:
      if (text.size() <= 32 && !is_digit(text.front()) && text.front() != '-' &&
          all(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; })) {
        return std::nullopt;
      }
      return not_a(text, "利用者名", "user name");
    case Format::utc_offset:
      if (parse_utc_offset(text)) return std::nullopt;
      return not_a(text, "時差(+09:00 など)", "distance from UTC such as +09:00");
  }
  return std::nullopt;
}

}  // namespace sekimori::config
