// Where a database is: the URLs of accounts.database and store.database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::store {

enum class Dialect : std::uint8_t { sqlite, postgresql, mysql };

struct DatabaseAddress {
  Dialect dialect = Dialect::sqlite;
  std::string path;  // SQLite's file
  // Of a server. An empty host: its socket on this machine.
  std::string host;
  std::uint16_t port = 0;  // 0: the usual one
  // PostgreSQL: the folder of the socket; MySQL: the socket itself. "": where the client library
  // looks.
  std::string socket;
  std::string user;
  std::string name;
  std::string schema;  // PostgreSQL's search_path; "": as the server has it
};

// sqlite:///path · postgresql://USER@HOST[:PORT]/NAME[?socket=FOLDER&schema=NAME] ·
// mysql://USER@HOST[:PORT]/NAME[?socket=FILE]. Errors: bad_input, which quotes nothing of the URL
// (a password may be in it by mistake).
[[nodiscard]] Result<DatabaseAddress> parse_database_url(std::string_view url);

// What SOCI opens it with. `password` is in it: the text must not leave the call that opens.
// Neither waits without end: 5 s for a connection, 30 s for an answer, `busy_ms` for a lock.
[[nodiscard]] std::string connection_text(const DatabaseAddress& address, std::string_view password,
                                          std::uint32_t busy_ms);

}  // namespace sekimori::store
