// For tests: statements on a SQLite file beside the code under test, as another program writes it.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace sekimori::store {

// Runs the statements; all values of their rows, each with a '|' behind it, NULL spelled so.
inline std::string run_sql(const std::string& path, const std::string& text) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  std::string all;
  char* problem = nullptr;
  sqlite3_exec(
      db, text.c_str(),
      [](void* out, int columns, char** values, char**) {
        for (int i = 0; i < columns; ++i) {
          *static_cast<std::string*>(out) += std::string(values[i] ? values[i] : "NULL") + "|";
        }
        return 0;
      },
      &all, &problem);
  EXPECT_EQ(problem, nullptr) << problem;
  sqlite3_free(problem);
  sqlite3_close(db);
  return all;
}

}  // namespace sekimori::store
