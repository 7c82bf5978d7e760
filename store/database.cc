#include "store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "store/files.h"
#include "store/lost_page.h"

// SOCI's own headers of these want the servers' client headers as well.
namespace soci {
extern "C" {
const backend_factory* factory_postgresql();
const backend_factory* factory_mysql();
}
}  // namespace soci

namespace sekimori::store {
namespace {

// What one writer at a time is agreed by, on a server: "Sekimori".
constexpr long long k_writer_lock = 0x53656b696d6f7269;
constexpr std::string_view k_mysql_lock = "LEFT(CONCAT('sekimori.', DATABASE()), 64)";

// After this a connection to a server is tried before it is used.
constexpr std::chrono::seconds k_idle_before_a_question(20);

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

Database::Database(DatabaseSettings settings) : settings_(std::move(settings)) {
  if (const auto address = parse_database_url(settings_.url)) dialect_ = address->dialect;
}

void Database::open() {
  forget_if_dead();
  used_ = std::chrono::steady_clock::now();
  if (open_) return;
  const auto address = parse_database_url(settings_.url);
  if (!address) throw std::runtime_error(address.error().text);
  address->dialect == Dialect::sqlite ? open_file(*address) : open_server(*address);
}

void Database::open_file(const DatabaseAddress& address) {
  // Made by us, so that it is never readable by everybody, whatever the umask.
  struct stat info{};
  const bool missing = ::stat(address.path.c_str(), &info) != 0;
  if (missing) {
    if (!settings_.create)
      throw std::runtime_error(fmt::format("there is no file {}", address.path));
    const auto made = store::open_file(address.path, O_RDWR | O_CREAT, settings_.file_mode);
    if (!made) throw std::runtime_error(made.error().text);
    (void)::fchmod(made->get(), settings_.file_mode);
  }
  session_.open(soci::sqlite3, connection_text(address, "", settings_.busy_ms));
  open_ = true;
  session_ << fmt::format("PRAGMA busy_timeout = {}", settings_.busy_ms);
  if (settings_.own || missing) {
    std::string mode;
    session_ << "PRAGMA journal_mode = WAL", soci::into(mode);
  }
  if (settings_.own) session_ << "PRAGMA synchronous = FULL";
}

void Database::open_server(const DatabaseAddress& address) {
  Secret password;
  if (!settings_.password_file.empty()) {
    auto read = read_secret(settings_.password_file);
    if (!read) throw std::runtime_error(read.error().text);
    password = std::move(*read);
  }
  std::string text = connection_text(address, password.reveal(), settings_.busy_ms);
  try {
    if (address.dialect == Dialect::mysql) {
      session_.open(*soci::factory_mysql(), text);
    } else {
      session_.open(*soci::factory_postgresql(), text);
    }
  } catch (...) {
    sodium_memzero(text.data(), text.size());
    throw;
  }
  sodium_memzero(text.data(), text.size());
  open_ = true;
  if (address.dialect == Dialect::mysql) {
    // A text that does not fit is an error, || puts texts together, "x" is a name: as elsewhere.
    session_ << "SET SESSION sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,ANSI_QUOTES'";
    session_ << fmt::format("SET SESSION innodb_lock_wait_timeout = {}",
                            std::max(1U, settings_.busy_ms / 1000));
  } else {
    session_ << fmt::format("SET lock_timeout = {}", std::max(1U, settings_.busy_ms));
  }
}

void Database::begin() {
  // SQLite: the write lock at once, since a transaction that begins by reading could not get it
  // later without failing (SQLITE_BUSY_SNAPSHOT). Our own tables on a server: one writer at a time
  // as well, since a store reads before it writes and must not be overtaken between.
  if (dialect_ == Dialect::sqlite) {
    session_ << "BEGIN IMMEDIATE";
    return;
  }
  if (settings_.own && dialect_ == Dialect::mysql) {  // before the snapshot that its reads see
    int is_ours = 0;
    session_ << fmt::format("SELECT COALESCE(GET_LOCK({}, {}), 0)", k_mysql_lock,
                            std::max(1U, settings_.busy_ms / 1000)),
        soci::into(is_ours);
    if (is_ours != 1) throw std::runtime_error("another connection is writing");
  }
  session_ << "START TRANSACTION";
  if (settings_.own && dialect_ == Dialect::postgresql) {  // given back at the transaction's end
    session_ << fmt::format("SELECT pg_advisory_xact_lock({})", k_writer_lock);
  }
}

void Database::let_others_write() {
  if (settings_.own && dialect_ == Dialect::mysql) {
    session_ << fmt::format("DO RELEASE_LOCK({})", k_mysql_lock);
  }
}

void Database::forget_if_dead() noexcept {
  if (!open_ || dialect_ == Dialect::sqlite ||
      std::chrono::steady_clock::now() - used_ < k_idle_before_a_question) {
    return;
  }
  try {
    int one = 0;
    session_ << "SELECT 1", soci::into(one);
  } catch (...) {
    close();
  }
}

void Database::close() noexcept {
  open_ = false;
  const auto held = hold_mapped_pages();
  try {
    session_.close();
  } catch (...) {  // a broken connection cannot be closed any better
  }
}

void Database::rollback() noexcept {
  if (!open_) return;
  try {
    session_ << "ROLLBACK";
    let_others_write();
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
  if (dialect_ == Dialect::sqlite) {
    if (auto there = restore_lost_pages(); !there) {
      return operating_failure(fmt::format("{}: {}", what, there.error().text));
    }
  }
  try {
    open();
    begin();
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
  try {
    let_others_write();
  } catch (const std::exception&) {  // the server gives back what a closed connection held
    close();
  }
  return {};
}

namespace {

void replace_word(std::string& text, std::string_view word, std::string_view by) {
  for (std::size_t at = text.find(word); at != std::string::npos;
       at = text.find(word, at + by.size())) {
    text.replace(at, word.size(), by);
  }
}

// The statement as this database wants it.
std::string spelled(std::string statement, Dialect dialect) {
  if (dialect == Dialect::postgresql) replace_word(statement, "INSTR(", "STRPOS(");
  // Only there an index belongs to its table's names.
  if (dialect != Dialect::mysql && statement.starts_with("DROP INDEX ")) {
    statement.erase(statement.find(" ON "));
  }
  if (dialect != Dialect::mysql) return statement;
  // Its TEXT ends at 64 KiB; its usual comparison takes "a" for "A", and queue ids are both.
  replace_word(statement, " TEXT", " MEDIUMTEXT");
  if (statement.starts_with("CREATE TABLE")) {
    statement += " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
  }
  return statement;
}

// -1: nothing is noted.
int version_of(soci::session& sql, const std::string& name) {
  int version = -1;
  sql << "SELECT version FROM schema_version WHERE name = :name", soci::use(name),
      soci::into(version);
  return sql.got_data() ? version : -1;
}

void set_version(soci::session& sql, const std::string& name, int version) {
  sql << "DELETE FROM schema_version WHERE name = :name", soci::use(name);
  sql << "INSERT INTO schema_version (name, version) VALUES (:name, :version)", soci::use(name),
      soci::use(version);
}

// MySQL ends the transaction at each CREATE and ALTER. How many statements of a version are done is
// kept, so that a start after a broken one goes on behind them.
class Progress {
 public:
  Progress(soci::session& sql, const std::string& name, Dialect dialect)
      : sql_(sql), name_(name + "+"), is_kept_(dialect == Dialect::mysql) {
    if (is_kept_) started_at_ = done_ = std::max(0, version_of(sql_, name_));
  }
  void run(int index, const std::string& statement) {
    if (index < done_) return;
    if (!is_kept_) {
      sql_ << statement;
      return;
    }
    try {
      sql_ << statement;
    } catch (const soci::soci_error& e) {
      // The power failed between the statement and the note of it: it is there, or gone already.
      const std::string why = e.get_error_message();
      const bool is_done = index == started_at_ && (why.find("exists") != std::string::npos ||
                                                    why.find("Duplicate") != std::string::npos ||
                                                    why.find("Unknown table") != std::string::npos);
      if (!is_done) throw;
    }
    done_ = index + 1;
    set_version(sql_, name_, done_);
    sql_ << "COMMIT";
    sql_ << "START TRANSACTION";
  }
  void end() {
    if (is_kept_) sql_ << "DELETE FROM schema_version WHERE name = :name", soci::use(name_);
  }

 private:
  soci::session& sql_;
  std::string name_;
  bool is_kept_;
  int done_ = 0;
  int started_at_ = 0;
};

}  // namespace

Result<void> migrate(Database& database, const std::string& name, const Migrations& migrations) {
  const std::string what = fmt::format("cannot prepare the tables of {}", name);
  const Dialect dialect = database.dialect();
  auto made = database.write(what, [&](soci::session& sql) -> Result<void> {
    sql << spelled(
        "CREATE TABLE IF NOT EXISTS schema_version (name VARCHAR(64) NOT NULL PRIMARY KEY, "
        "version INTEGER NOT NULL)",
        dialect);
    return {};
  });
  if (!made) return made;
  for (;;) {
    bool up_to_date = false;
    auto done = database.write(what, [&](soci::session& sql) -> Result<void> {
      const int version = std::max(0, version_of(sql, name));
      if (static_cast<std::size_t>(version) > migrations.size()) {
        return operating_failure(
            fmt::format("{}: the database is of version {}, this program knows {}: use the newer "
                        "program, or a copy from before",
                        what, version, migrations.size()));
      }
      up_to_date = static_cast<std::size_t>(version) == migrations.size();
      if (up_to_date) return {};
      Progress progress(sql, name, dialect);
      int index = 0;
      for (const std::string& statement : migrations[static_cast<std::size_t>(version)]) {
        progress.run(index++, spelled(statement, dialect));
      }
      progress.end();
      set_version(sql, name, version + 1);
      return {};
    });
    if (!done || up_to_date) return done;
  }
}

}  // namespace sekimori::store
