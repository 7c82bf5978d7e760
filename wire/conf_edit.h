// Edits of configuration files that leave everything else as it stands, byte for byte: what
// `sekimori attach` would write into main.cf, master.cf and its own sekimori.toml. Pure; any
// thread.
//
// main.cf and master.cf (postconf(5), master(5)): a logical line begins in the first column and
// goes on in lines that begin with a blank; lines that are empty or begin with '#' lie between. The
// last definition of a parameter counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::wire {

inline constexpr std::size_t k_conf_file_max = std::size_t{4} << 20U;

enum class ListPlace {
  first,
  last,
  before_last,  // a list that ends in `permit`
};

// The value of the parameter as main.cf has it, its lines joined by blanks; nullopt: not set.
[[nodiscard]] std::optional<std::string> main_cf_value(std::string_view text,
                                                       std::string_view name);

// The text with `item` in the list of that parameter, which is the same where the item stands there
// already (as a word of its own). A parameter that is not set is appended, as `item` beside
// `otherwise` (the value it has by default; may be empty).
[[nodiscard]] std::string with_main_cf_item(std::string_view text, std::string_view name,
                                            std::string_view item, ListPlace place,
                                            std::string_view otherwise);

// The text with the parameter set to the value: in place, or appended.
[[nodiscard]] std::string with_main_cf_value(std::string_view text, std::string_view name,
                                             std::string_view value);

// The text of master.cf with `item` first in the list that this service gives the parameter
// (-o name=value or -o { name = value }). `item` has no blanks. Errors: not_found (no such service,
// or it does not set the parameter).
[[nodiscard]] Result<std::string> with_master_cf_item(std::string_view text,
                                                      std::string_view service,
                                                      std::string_view type, std::string_view name,
                                                      std::string_view item);

// The text of a sekimori.toml with that setting; `value` is spelled as TOML has it. Errors:
// bad_input (the value there goes over several lines).
[[nodiscard]] Result<std::string> with_toml_value(std::string_view text, std::string_view section,
                                                  std::string_view name, std::string_view value);

}  // namespace sekimori::wire
