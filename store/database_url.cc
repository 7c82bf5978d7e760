#include "store/database_url.h"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <charconv>

namespace sekimori::store {
namespace {

constexpr std::string_view k_sqlite = "sqlite://";

// As libpq and SOCI's MySQL backend both read it.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void append(std::string& text, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  if (!text.empty()) text += ' ';
  text += key;
  text += '=';
  text += quoted(value);
}

bool is_plain(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
         std::string_view::npos;
}

}  // namespace

Result<DatabaseAddress> parse_database_url(std::string_view text) {
  DatabaseAddress address;
  if (text.starts_with(k_sqlite)) {
    address.path = text.substr(k_sqlite.size());
    if (address.path.empty() ||
        address.path.find_first_of(std::string_view("\"\0", 2)) != std::string::npos) {
      return bad_input("the database URL names no usable path (sqlite:///path)");
    }
    return address;
  }
  const auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "postgresql" && url->scheme() != "mysql")) {
    return bad_input(
        "no database URL: sqlite:///path, postgresql://user@host/name or mysql://user@host/name");
  }
  if (url->has_password()) {
    return bad_input("the password of a database goes to a file (…password_file), not to its URL");
  }
  address.dialect = url->scheme() == "mysql" ? Dialect::mysql : Dialect::postgresql;
  address.host = url->host_address();
  if (url->has_port()) {
    const std::string port = url->port();
    const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (wrong != std::errc() || end != port.data() + port.size() || address.port == 0) {
      return bad_input("the port in the database URL is no port");
    }
  }
  address.user = url->user();
  const auto segments = url->segments();
  if (segments.size() == 1) address.name = segments.front();
  if (address.name.empty() || address.user.empty()) {
    return bad_input("the database URL needs a user and the database's name: user@host/name");
  }
  for (const auto& parameter : url->params()) {
    if (parameter.key == "socket" && parameter.value.starts_with('/')) {
      address.socket = parameter.value;
    } else if (parameter.key == "schema" && address.dialect == Dialect::postgresql &&
               is_plain(parameter.value)) {
      address.schema = parameter.value;
    } else {
      return bad_input("the database URL takes ?socket=/path and, with PostgreSQL, ?schema=name");
    }
  }
  return address;
}

std::string connection_text(const DatabaseAddress& address, std::string_view password,
                            std::uint32_t busy_ms) {
  std::string text;
  if (address.dialect == Dialect::sqlite) return fmt::format("dbname=\"{}\"", address.path);
  append(text, "dbname", address.name);
  append(text, "user", address.user);
  append(text, "password", password);
  const std::string port = address.port == 0 ? "" : std::to_string(address.port);
  if (address.dialect == Dialect::mysql) {
    append(text, "unix_socket", address.socket);
    append(text, "host", address.host);
    append(text, "port", port);
    return text + " charset='utf8mb4' connect_timeout='5' read_timeout='30' write_timeout='30'";
  }
  append(text, "host", address.socket.empty() ? address.host : address.socket);
  append(text, "port", port);
  const std::string path =
      address.schema.empty() ? "" : fmt::format(" -c search_path={}", address.schema);
  return text + fmt::format(
                    " connect_timeout='5' tcp_user_timeout='30000' application_name='sekimori' "
                    "client_encoding='UTF8' options='-c statement_timeout=30000 -c lock_timeout={} "
                    "-c timezone=UTC{}'",
                    busy_ms, path);
}

}  // namespace sekimori::store
