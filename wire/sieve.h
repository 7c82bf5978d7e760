// Sieve scripts (RFC 5228), as far as it matters where mail goes: the whole grammar is read, and
// what is given back is what acts. Pure; any thread.
//
//   script     = *command
//   command    = identifier arguments (";" / "{" *command "}")
//   arguments  = *argument [test / "(" test *("," test) ")"]
//   argument   = string / "[" string *("," string) "]" / number / tag
//   string     = quoted / "text:" … "." on a line of its own
//   number     = digits ["K" / "M" / "G"]        tag = ":" identifier
//
// Lines may end in LF alone, as Pigeonhole takes them. Tests are read and not kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sekimori::wire {

// Pigeonhole's own bound (sieve_max_script_size).
inline constexpr std::size_t k_sieve_max = std::size_t{1} << 20U;
// Blocks and tests within each other; Pigeonhole takes 32 of each.
inline constexpr int k_sieve_nesting_max = 64;
// A script of a person has some dozens.
inline constexpr std::size_t k_sieve_actions_max = 10'000;

enum class SieveVerb : std::uint8_t {
  keep,
  discard,
  stop,
  redirect,  // target: the address
  fileinto,  // target: the mailbox
  reject,    // reject, ereject (RFC 5429); target: the words
  vacation,  // RFC 5230; target: the words
  notify,    // RFC 5435; target: the method, "mailto:…"
  include,   // RFC 6609; target: the script's name
  pipe,      // vnd.dovecot.pipe, filter and execute; target: the program
};

struct SieveAction {
  SieveVerb verb = SieveVerb::keep;
  std::string target;       // encoded-character (RFC 5228 §2.4.2.4) is resolved
  bool is_constant = true;  // false: made of variables (RFC 5229) or a list (RFC 6134), known when
                            // mail comes and not before
  bool copy = false;        // :copy (RFC 3894): the mail also stays
  bool is_global = false;   // include: a script of the administrator's
  int depth = 0;            // blocks around it: 0 acts on all mail that gets there
  std::uint32_t line = 0;   // from 1
  std::uint32_t column = 0;
  // vacation
  std::vector<std::string> addresses;
  std::string from;
  std::string handle;
  std::string subject;
  bool operator==(const SieveAction&) const = default;
};

struct SieveScript {
  std::vector<std::string> extensions;  // of all `require`
  std::vector<SieveAction> actions;     // in the script's order
};

// Errors: bad_input, "line 3, column 7: …".
[[nodiscard]] Result<SieveScript> parse_sieve(std::string_view script);

// Addresses to which the script may send mail by redirect or a mailto: notification, in lower case,
// sorted, each once. What is known only when mail comes stands as written, with its "${…}".
[[nodiscard]] std::vector<std::string> sieve_targets(const SieveScript& script);

// A text as a quoted string.
[[nodiscard]] std::string sieve_quoted(std::string_view text);

}  // namespace sekimori::wire
