// The database of one test. SQLite, in the test's own folder; or, with SEKIMORI_TEST_DATABASE set
// to the URL of an empty database of a server, a place of its own there, made anew for each path:
// that is how the same tests are run on PostgreSQL and MariaDB (tests/e2e/test_databases.py).
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "store/database.h"

namespace sekimori::store {

inline std::string test_server() {
  const char* url = std::getenv("SEKIMORI_TEST_DATABASE");
  return url == nullptr ? "" : url;
}
inline bool on_sqlite() { return test_server().empty(); }

// The same place for the same path; the folder of `path` is of one test only.
inline std::string test_database(const std::string& path) {
  const std::string server = test_server();
  if (server.empty()) return "sqlite://" + path;
  const std::string place = fmt::format("t{:016x}", std::hash<std::string>{}(path));
  const auto address = parse_database_url(server).value();
  const bool mysql = address.dialect == Dialect::mysql;
  Database database({.url = server, .own = false});
  auto made = database.write("make a test's database", [&](soci::session& sql) -> Result<void> {
    sql << (mysql ? "CREATE DATABASE IF NOT EXISTS " + place + " CHARACTER SET utf8mb4"
                  : "CREATE SCHEMA IF NOT EXISTS " + place);
    return {};
  });
  EXPECT_TRUE(made) << made.error().text;
  return mysql
             ? fmt::format("mysql://{}@localhost/{}?socket={}", address.user, place, address.socket)
             : server + "&schema=" + place;
}

// Runs one statement on the side, as PostfixAdmin or an operator would; the first value of the
// first row, "NULL" for none.
inline std::string run_on_database(const std::string& url, const std::string& text) {
  Database database({.url = url, .busy_ms = 5000, .own = false});
  std::string value;
  auto done = database.write("a test's own statement", [&](soci::session& sql) -> Result<void> {
    if (!text.starts_with("SELECT")) {
      sql << text;
      return {};
    }
    soci::indicator null = soci::i_ok;
    sql << text, soci::into(value, null);
    if (null == soci::i_null) value = "NULL";
    return {};
  });
  EXPECT_TRUE(done) << text << ": " << done.error().text;
  return value;
}

}  // namespace sekimori::store
