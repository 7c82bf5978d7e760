// How the guard is tuned. Every setting stands once, in config/settings.def: from there come this
// struct, the parser, the defaults, the bounds, the example file and the reference pages.
//
// Settings is a plain value: copy it, compare it, hand parts of it down. It holds no secret; where
// one is needed it holds the path of a file, which app/ reads into a Secret.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/text.h"
#include "config/units.h"

namespace sekimori::config {

// observe: says what it would do and changes nothing. enforce: does it.
enum class Mode : std::uint8_t { observe, enforce };

using TextList = std::vector<std::string>;
// Domain or account (lower case) → mode.
using ModeTable = std::map<std::string, Mode, std::less<>>;

// For defaults in settings.def, whose rows cannot hold braces with commas.
template <class... Items>
[[nodiscard]] TextList list_of(Items... items) {
  return TextList{std::string(items)...};
}

// settings.policy.listen is the setting "policy.listen", and so for all. A default-constructed
// Settings holds the defaults.
struct Settings {
// NOLINTBEGIN(bugprone-macro-parentheses): the arguments are types and names
#define SECTION(name, Type, ja, en) struct Type {
#define SETTING(section, field, Type, initial, bounds, unit, lifetime, format, ja, en) \
  Type field = initial;
#define END_SECTION(name, Type)                 \
  bool operator==(const Type&) const = default; \
  }                                             \
  name;
#include "config/settings.def"
#undef SECTION
#undef SETTING
#undef END_SECTION
  // NOLINTEND(bugprone-macro-parentheses)
  bool operator==(const Settings&) const = default;
};

// The mode that holds for an account: its own (mode.accounts) before its domain's (mode.domains)
// before the server's. `account` in the normalised form of MailAddress::text().
[[nodiscard]] Mode mode_for(const Settings& settings, std::string_view account);

[[nodiscard]] std::string_view to_string(Mode mode);
[[nodiscard]] std::string_view to_string(Language language);

}  // namespace sekimori::config
