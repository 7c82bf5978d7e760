// What Postfix and Dovecot say of their own configuration: the output of postconf(1) and
// doveconf(1). Pure; any thread.
//
// `postconf`     parameter = value                          (postconf(5); one line each)
// `postconf -M`  service type private unpriv chroot wakeup maxproc command [-o name=value]…
// `postconf -P`  service/type/parameter = value
// `doveconf -n`  # 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
//                key = value
//                kind [name] {  …  }                        (one setting or brace a line)
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sekimori::wire {

// A large site's `postconf -n` has some ten kilobytes, doveconf's less than a hundred.
inline constexpr std::size_t k_conf_output_max = std::size_t{4} << 20U;
// Dovecot's own blocks are nested four deep.
inline constexpr std::size_t k_conf_nesting_max = 16;

using ConfValues = std::map<std::string, std::string, std::less<>>;

// Lines without '=' (warnings that slipped in) are passed over. Errors: bad_input (too long).
[[nodiscard]] Result<ConfValues> parse_postconf(std::string_view output);

struct PostfixService {
  std::string name;  // "smtp", "127.0.0.1:587", "submission"
  std::string type;  // "inet", "unix", …
  bool chrooted = false;
  std::string command;  // "smtpd", without its arguments
  ConfValues options;   // its own values of main.cf's parameters (-o)
};

// From `postconf -M` and `postconf -P`. Errors: bad_input (too long, a line of fewer than eight
// words).
[[nodiscard]] Result<std::vector<PostfixService>> parse_services(std::string_view services,
                                                                 std::string_view options);

// The value with every $name, ${name} and $(name) replaced, the way Postfix does it, up to ten
// deep; what has no value becomes "", and a conditional (${name?…}) stays as it is.
[[nodiscard]] std::string expanded(std::string_view value, const ConfValues& values);

// A list's words: split at commas and blanks, { … } kept together (postconf(5)).
[[nodiscard]] std::vector<std::string> conf_words(std::string_view value);

struct DovecotBlock {
  std::string kind;  // "passdb", "service"
  std::string name;  // "sql", "auth"; "" where it has none
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<DovecotBlock> blocks;

  // The last one of that name; null when it is not set.
  [[nodiscard]] const std::string* find(std::string_view setting) const;
  // An empty text when it is not set.
  [[nodiscard]] std::string_view get(std::string_view setting) const;
  [[nodiscard]] const DovecotBlock* block(std::string_view kind, std::string_view name) const;
};

struct DovecotConf {
  int major = 0;
  int minor = 0;
  std::string version;  // "2.3.19.1"
  DovecotBlock root;
};

// Errors: bad_input (too long, braces that do not match, no version in the first line).
[[nodiscard]] Result<DovecotConf> parse_doveconf(std::string_view output);

// "3.7.11" → {3, 7}; {0, 0} where it is no version.
[[nodiscard]] std::pair<int, int> version_of(std::string_view text);

}  // namespace sekimori::wire
