#include "store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>

#include <stdexcept>

#include "store/files.h"

namespace sekimori::store {
namespace {

constexpr std::string_view k_sqlite = "sqlite://";

bool is_lock(const std::exception& e) {
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&e);
  if (sqlite == nullptr) return false;
  const int code = sqlite->result() & 0xff;
  return code == 5 || code == 6;  // SQLITE_BUSY, SQLITE_LOCKED
}

// SOCI's what() quotes the values that were bound, password hashes among them: only the bare
// message may leave this file.
std::string words_of(const std::exception& e) {
  const auto* soci_error = dynamic_cast<const soci::soci_error*>(&e);
  return soci_error != nullptr ? soci_error->get_error_message() : e.what();
}

}  // namespace

Result<std::string> sqlite_path(std::string_view url) {
  if (!url.starts_with(k_sqlite)) {
    return bad_input(fmt::format("this build opens SQLite only (sqlite:///path), not {}",
                                 url.substr(0, url.find(':'))));
  }
  const std::string_view path = url.substr(k_sqlite.size());
  if (path.empty() || path.find_first_of(std::string_view("\"\0", 2)) != std::string_view::npos) {
    return bad_input("the database URL names no usable path (sqlite:///path)");
  }
  return std::string(path);
}

void Database::open() {
  if (open_) return;
  const auto path = sqlite_path(settings_.url);
  if (!path) throw std::runtime_error(path.error().text);
  // Made by us, so that it is never readable by everybody, whatever the umask.
  struct stat info{};
  const bool missing = ::stat(path->c_str(), &info) != 0;
  if (missing) {
    if (!settings_.create) throw std::runtime_error(fmt::format("there is no file {}", *path));
    const auto made = open_file(*path, O_RDWR | O_CREAT, settings_.file_mode);
    if (!made) throw std::runtime_error(made.error().text);
    (void)::fchmod(made->get(), settings_.file_mode);
  }
  session_.open(soci::sqlite3, fmt::format("dbname=\"{}\"", *path));
  open_ = true;
  session_ << fmt::format("PRAGMA busy_timeout = {}", settings_.busy_ms);
  if (settings_.own || missing) {
    std::string mode;
    session_ << "PRAGMA journal_mode = WAL", soci::into(mode);
  }
  if (settings_.own) session_ << "PRAGMA synchronous = FULL";
}

void Database::close() noexcept {
  open_ = false;
  try {
    session_.close();
  } catch (...) {  // a broken connection cannot be closed any better
  }
}

void Database::rollback() noexcept {
  if (!open_) return;
  try {
    session_ << "ROLLBACK";
  } catch (...) {
    close();
  }
}

Error Database::failure(std::string_view what, const std::exception& e) {
  const std::string words = words_of(e);
  if (!is_lock(e)) close();
  return Error{ErrorKind::operating, fmt::format("{}: {}", what, words)};
}

Result<void> Database::write(std::string_view what,
                             const std::function<Result<void>(soci::session&)>& work) {
  const std::lock_guard guard(mutex_);
  try {
    open();
    // Takes the write lock at once: a transaction that begins by reading could not get it later
    // without failing (SQLITE_BUSY_SNAPSHOT).
    session_ << "BEGIN IMMEDIATE";
  } catch (const std::exception& e) {
    return std::unexpected(failure(what, e));
  }
  try {
    auto done = work(session_);
    if (!done) {
      rollback();
      return done;
    }
  } catch (const std::exception& e) {
    rollback();
    return std::unexpected(failure(what, e));
  }
  try {
    session_ << "COMMIT";
  } catch (const std::exception& e) {
    const std::string words = words_of(e);
    rollback();
    close();
    return uncertain_write(fmt::format("{}: the end of the transaction failed: {}", what, words));
  }
  return {};
}

Result<void> migrate(Database& database, const std::string& name, const Migrations& migrations) {
  const std::string what = fmt::format("cannot prepare the tables of {}", name);
  auto made = database.write(what, [](soci::session& sql) -> Result<void> {
    sql << "CREATE TABLE IF NOT EXISTS schema_version (name VARCHAR(64) NOT NULL PRIMARY KEY, "
           "version INTEGER NOT NULL)";
    return {};
  });
  if (!made) return made;
  for (;;) {
    bool up_to_date = false;
    auto done = database.write(what, [&](soci::session& sql) -> Result<void> {
      int version = 0;
      sql << "SELECT version FROM schema_version WHERE name = :name", soci::use(name),
          soci::into(version);
      const bool first = !sql.got_data();
      if (first) version = 0;
      if (version < 0 || static_cast<std::size_t>(version) > migrations.size()) {
        return operating_failure(
            fmt::format("{}: the database is of version {}, this program knows {}: use the newer "
                        "program, or a copy from before",
                        what, version, migrations.size()));
      }
      up_to_date = static_cast<std::size_t>(version) == migrations.size();
      if (up_to_date) return {};
      for (const std::string& statement : migrations[static_cast<std::size_t>(version)]) {
        sql << statement;
      }
      ++version;
      if (first) {
        sql << "INSERT INTO schema_version (name, version) VALUES (:name, :version)",
            soci::use(name), soci::use(version);
      } else {
        sql << "UPDATE schema_version SET version = :version WHERE name = :name",
            soci::use(version), soci::use(name);
      }
      return {};
    });
    if (!done || up_to_date) return done;
  }
}

}  // namespace sekimori::store
