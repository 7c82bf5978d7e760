// One connection to an SQL database through SOCI: opened when needed, reopened after a failure,
// every exception turned into an Error. Only .cc files of store/ include this (SOCI's headers are
// heavy).
//
// Dialects: SQLite, PostgreSQL, MySQL and MariaDB. SQL in store/ keeps to what all of them read;
// what differs is here and in account_impl.h (PostfixAdmin's own tables).
#pragma once

#include <soci/soci.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/database_url.h"

namespace sekimori::store {

struct DatabaseSettings {
  std::string url;  // database_url.h
  // The file of a server's password, read at each connection; "": none is needed.
  std::string password_file = {};
  // How long a statement waits for another connection's lock. Short enough that the state writer's
  // queue does not grow unseen, long enough for somebody's `sqlite3 … .backup`.
  std::uint32_t busy_ms = 2000;
  // Our own database: WAL, and durable on every commit. Otherwise (somebody else's) its settings
  // are left as they are.
  bool own = true;
  bool create = true;         // a missing file is made, in WAL
  unsigned file_mode = 0640;  // of a file that is made
};

// Calls may come from any thread; one at a time is served.
class Database {
 public:
  explicit Database(DatabaseSettings settings);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Of a URL that cannot be read: SQLite.
  [[nodiscard]] Dialect dialect() const { return dialect_; }

  // Runs work(session), which returns a value or a Result. What it throws becomes an operating
  // error that begins with `what` ("cannot read incidents").
  template <class Work>
  [[nodiscard]] auto read(std::string_view what, const Work& work) {
    using Returned = std::invoke_result_t<Work, soci::session&>;
    using Value = typename ResultOf<Returned>::Value;
    const std::lock_guard guard(mutex_);
    try {
      open();
      return Result<Value>(work(session_));
    } catch (const std::exception& e) {
      return Result<Value>(std::unexpected(failure(what, e)));
    }
  }

  // Runs work(session) in a transaction, one writer at a time for our own tables (busy_ms is waited
  // for another), that is committed when it returns success and rolled back
  // when it returns an error or throws (operating). A commit that fails is an uncertain error.
  [[nodiscard]] Result<void> write(std::string_view what,
                                   const std::function<Result<void>(soci::session&)>& work);

 private:
  template <class T>
  struct ResultOf {
    using Value = T;
  };
  template <class T>
  struct ResultOf<Result<T>> {
    using Value = T;
  };
  void open();  // throws
  void open_file(const DatabaseAddress& address);
  void open_server(const DatabaseAddress& address);
  void begin();             // throws
  void let_others_write();  // throws
  // A server may have ended a connection that nobody used for a while.
  void forget_if_dead() noexcept;
  // Also closes the session unless the trouble is a lock.
  [[nodiscard]] Error failure(std::string_view what, const std::exception& e);
  void close() noexcept;
  void rollback() noexcept;

  DatabaseSettings settings_;
  Dialect dialect_ = Dialect::sqlite;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point used_;
  soci::session session_;
  bool open_ = false;
};

// A statement put together at run time; what is bound must outlive it.
class Query {
 public:
  explicit Query(soci::session& sql) : statement_(sql) {}
  template <class T>
  Query& into(T& target) {
    statement_.exchange(soci::into(target));
    return *this;
  }
  template <class T>
  Query& into(T& target, soci::indicator& is_null) {
    statement_.exchange(soci::into(target, is_null));
    return *this;
  }
  template <class T>
  Query& bind(const T& value) {
    statement_.exchange(soci::use(value));
    return *this;
  }
  template <class T>
  Query& bind(const T& value, soci::indicator& is_null) {
    statement_.exchange(soci::use(value, is_null));
    return *this;
  }
  void run(const std::string& text) {
    statement_.alloc();
    statement_.prepare(text);
    statement_.define_and_bind();
    statement_.execute();
  }
  // A statement that gives no rows.
  void execute(const std::string& text) {
    statement_.alloc();
    statement_.prepare(text);
    statement_.define_and_bind();
    statement_.execute(true);
  }
  [[nodiscard]] bool next() { return statement_.fetch(); }

 private:
  soci::statement statement_;
};

// The steps from one schema version to the next: migrations[0] makes version 1 out of nothing. In
// words that all dialects share; TEXT stands for texts of any length, and texts are compared by
// their bytes.
using Migrations = std::vector<std::vector<std::string>>;
// Brings the schema called `name` up to date, each version in a transaction of its own. Errors:
// operating; also when the database is newer than this program.
[[nodiscard]] Result<void> migrate(Database& database, const std::string& name,
                                   const Migrations& migrations);

}  // namespace sekimori::store
