#include "base/listen_address.h"

#include <fmt/format.h>

#include <charconv>

namespace sekimori {

namespace {

// "0" is a port, "080" is a slip.
bool read_port(std::string_view text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && rest == end && (text == "0" || text.front() != '0');
}

}  // namespace

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  ListenAddress out;
  if (text.starts_with("unix:")) {
    const std::string_view path = text.substr(5);
    // sun_path holds 108 bytes with its end (unix(7)).
    if (!path.starts_with('/') || path.size() > 107 || path.find('\0') != path.npos) {
      return bad_input(
          fmt::format("'{}' is no socket such as unix:/run/sekimori/policy, with an "
                      "absolute path of at most 107 bytes",
                      text.substr(0, 120)));
    }
    out.unix_path = path;
    return out;
  }
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && colon > 0) {
    const std::string_view host = text.substr(0, colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    const bool bare = host.find_first_of(":%[") == std::string_view::npos;
    if (const auto ip = IpAddress::parse(host); ip && (bracketed || bare)) {
      out.ip = *ip;
      if (colon + 1 < text.size() && read_port(text.substr(colon + 1), out.port)) return out;
    }
  }
  return bad_input(
      fmt::format("'{}' is no place to listen such as 127.0.0.1:10040, [::1]:10040 or "
                  "unix:/run/sekimori/policy",
                  text.substr(0, 120)));
}

std::string ListenAddress::to_string() const {
  if (is_unix()) return "unix:" + unix_path;
  // An unset address is [::], on which all of the machine's addresses answer.
  const std::string host = ip.is_set() ? ip.to_string() : "::";
  return ip.is_v4() ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

}  // namespace sekimori
