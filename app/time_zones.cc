#include "app/time_zones.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "base/approval.h"

namespace sekimori::app {
namespace {

constexpr std::string_view k_zones = "/usr/share/zoneinfo/";
// The largest file of the database has 4 KiB.
constexpr std::size_t k_file_max = 64UL * 1024;

bool is_name(std::string_view name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  });
  return plain && !name.empty() && name.size() <= k_zone_name_max && !name.starts_with('/') &&
         name.find("//") == std::string_view::npos;
}

// The name behind /etc/localtime; "UTC" where there is none.
std::string own_zone() {
  std::array<char, 256> target{};
  const auto n = ::readlink("/etc/localtime", target.data(), target.size());
  const std::string_view path(target.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const auto at = path.find("zoneinfo/");
  if (at == std::string_view::npos) return "UTC";
  return std::string(path.substr(at + std::string_view("zoneinfo/").size()));
}

}  // namespace

Result<NamedZone> time_zone(std::string_view name) {
  if (name.empty()) {
    if (auto own = time_zone(own_zone())) return own;
    return NamedZone{"UTC", "UTC0"};
  }
  if (auto rule = ZoneRule::of_offset(name)) return NamedZone{std::string(name), *rule};
  const auto unknown = [name] {
    return bad_input(
        fmt::format("'{}' is no time zone this machine knows: write a name such as "
                    "Asia/Tokyo (package tzdata), or an offset such as +09:00",
                    name.substr(0, k_zone_name_max)));
  };
  if (!is_name(name)) return unknown();
  std::ifstream file(fmt::format("{}{}", k_zones, name), std::ios::binary);
  std::string bytes(k_file_max, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  // The magic, and between the last two line breaks the rule.
  if (!bytes.starts_with("TZif") || !bytes.ends_with('\n')) return unknown();
  const auto begin = bytes.rfind('\n', bytes.size() - 2);
  if (begin == std::string::npos) return unknown();
  NamedZone out{std::string(name), bytes.substr(begin + 1, bytes.size() - begin - 2)};
  if (!ZoneRule::parse(out.rule)) return unknown();
  return out;
}

ZoneRule server_zone() {
  const auto own = time_zone("");
  return own ? ZoneRule::parse(own->rule).value_or(ZoneRule()) : ZoneRule();
}

}  // namespace sekimori::app
