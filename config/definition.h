// What settings.def says of each setting, as data: for the parser, `config check`, `config show`
// and the printed pages. Constant after start-up; any thread may read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "config/settings.h"

namespace sekimori::config {

enum class Lifetime : std::uint8_t {
  live,     // a reload takes it over
  restart,  // in force from the next start on
};

// What a plain number counts.
enum class CountedIn : std::uint8_t {
  none,
  accounts,
  channels,
  characters,
  connections,
  entries,
  events,
  files,
  messages,
  nats,
  per_10000_account_days,
  recipients,
  requests,
  threads,
};

// What a text (or each entry of a list, or each key of a table) must be.
enum class Format : std::uint8_t {
  any,
  ascii,         // one line of printable ASCII
  blacklist,     // base/blacklist.h
  database_url,  // sqlite:///path, postgresql://…, mysql://…, without a password
  delimiter,     // punctuation, at most 4 characters
  domain,
  host_name,
  http_url,    // http or https, ASCII, without user or password
  identifier,  // letters, digits and _
  listen,      // base/listen_address.h
  log_level,
  mail_address,
  network,  // base/ip_network.h
  one_line,
  path,            // absolute
  secret_file,     // an absolute path whose content is a secret
  sign_in_window,  // base/sign_in_window.h
  user_name,
  utc_offset,
};

// Both ends allowed, in the smallest unit of the type (microseconds, bytes, or the number itself).
struct Bounds {
  bool limited = false;
  double min = 0;
  double max = 0;
};

using Slot = std::variant<bool*, std::int64_t*, double*, std::string*, Duration*, ByteCount*,
                          TextList*, Mode*, Language*, ModeTable*>;

struct SectionDefinition {
  std::string_view name;
  std::string_view ja;
  std::string_view en;
};

struct Definition {
  std::string_view section;
  std::string_view field;
  std::string_view name;  // "section.field"
  Bounds bounds;
  CountedIn unit;
  Lifetime lifetime;
  Format format;
  std::string_view ja;
  std::string_view en;
  Slot (*slot)(Settings&);  // where its value is

  // The file it names holds a secret; the value itself is shown only where it is a path.
  [[nodiscard]] bool is_secret() const { return format == Format::secret_file; }
};

// In the order of settings.def; the definitions of a section stand together.
[[nodiscard]] std::span<const SectionDefinition> sections();
[[nodiscard]] std::span<const Definition> definitions();

// The value as TOML spells it: 20000, 7.0, "30s", ["127.0.0.1:10040"]. A secret_file value that is
// no path (someone wrote the secret itself) prints as "********".
[[nodiscard]] std::string print_value(const Definition& definition, const Settings& settings);
// A bound in the spelling of the setting's type: 4, 0.1, 1000s.
[[nodiscard]] std::string print_bound(const Definition& definition, double bound);
[[nodiscard]] Text type_name(const Definition& definition);
[[nodiscard]] Text unit_name(CountedIn unit);

}  // namespace sekimori::config
