#include "store/guard_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "store/files.h"
#include "store/lost_page.h"

namespace sekimori::store {
namespace {

using decide::GuardRow;
using decide::Subject;

constexpr unsigned k_mode = 0660;
// The -wal file is cut back to this when it is reset: the table is a few pages.
constexpr int k_wal_bytes_max = 1024 * 1024;

constexpr const char* k_put =
    "INSERT INTO standing(kind, id, no_send, no_login, no_receive, reply, reason, epoch, updated) "
    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) "
    "ON CONFLICT(kind, id) DO UPDATE SET no_send = excluded.no_send, no_login = excluded.no_login, "
    "no_receive = excluded.no_receive, reply = excluded.reply, reason = excluded.reason, "
    "epoch = excluded.epoch, updated = excluded.updated WHERE excluded.epoch >= standing.epoch";
constexpr const char* k_put_waiting =
    "INSERT INTO inactive(address, waits) VALUES(?1, ?2) "
    "ON CONFLICT(address) DO UPDATE SET waits = excluded.waits";
constexpr const char* k_rows =
    "SELECT kind, id, no_send, no_login, no_receive, reply, reason, epoch FROM standing "
    "ORDER BY kind, id";

// One prepared statement.
class Statement {
 public:
  Statement(sqlite3* db, const char* text) {
    code_ = sqlite3_prepare_v2(db, text, -1, &statement_, nullptr);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  void bind(int at, std::string_view text) {
    if (code_ != SQLITE_OK) return;
    code_ = sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()),
                              SQLITE_TRANSIENT);
  }
  void bind(int at, std::int64_t value) {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, at, value);
  }
  // True while there is a row.
  bool step() {
    if (code_ != SQLITE_OK && code_ != SQLITE_ROW) return false;
    code_ = sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }
  void reset() {
    sqlite3_reset(statement_);
    code_ = SQLITE_OK;
  }
  [[nodiscard]] std::int64_t integer(int at) { return sqlite3_column_int64(statement_, at); }
  [[nodiscard]] std::string text(int at) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, at));
    return bytes == nullptr
               ? std::string()
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, at)));
  }
  [[nodiscard]] bool good() const {
    return code_ == SQLITE_OK || code_ == SQLITE_DONE || code_ == SQLITE_ROW;
  }
  [[nodiscard]] int code() const { return code_; }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

bool is_damage(int code) {
  const int base = code & 0xff;
  return base == SQLITE_CORRUPT || base == SQLITE_NOTADB;
}

void bind_row(Statement& put, const GuardRow& row) {
  put.bind(1, to_string(row.subject.kind));
  put.bind(2, row.subject.id);
  put.bind(3, std::int64_t{row.no_send});
  put.bind(4, std::int64_t{row.no_login});
  put.bind(5, std::int64_t{row.no_receive});
  put.bind(6, row.reply);
  put.bind(7, row.reason);
  put.bind(8, static_cast<std::int64_t>(row.epoch));
}

}  // namespace

struct SqliteGuardStore::Impl {
  explicit Impl(GuardStoreSettings s) : settings(std::move(s)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { close(); }

  GuardStoreSettings settings;
  mutable std::mutex mutex;
  sqlite3* db = nullptr;
  ino_t inode = 0;
  dev_t device = 0;
  // Together they are as the file should be.
  std::map<Subject, GuardRow> mirror;                // of the standings
  std::map<Subject, GuardRow> choices;               // what people closed beside them
  std::map<std::string, bool, std::less<>> waiting;  // address → waits (still)
  bool bypass = false;
  std::uint64_t generation = 1;
  int last_code = SQLITE_OK;

  void close() {
    const auto held = hold_mapped_pages();
    if (db != nullptr) sqlite3_close_v2(db);
    db = nullptr;
  }

  [[nodiscard]] std::unexpected<Error> failure(std::string_view what, int code) {
    last_code = code;
    const char* words = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    return operating_failure(fmt::format("cannot {} {}: {}", what, settings.path, words));
  }

  Result<void> run(const char* text, std::string_view what) {
    const int code = sqlite3_exec(db, text, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return {};
    return failure(what, code);
  }

  // Opens the file, making it when there is none.
  Result<void> open() {
    bool made = false;
    {
      // Made before SQLite opens it: -wal and -shm take over its mode, whatever the umask.
      struct stat info{};
      made = ::stat(settings.path.c_str(), &info) != 0;
      if (!made && info.st_size == 0 && ::access(settings.path.c_str(), R_OK | W_OK) != 0) {
        // Deleted, and then asked for by a reader: SQLite makes an empty file for whoever opens
        // one, and it may be root's. The directory is ours.
        made = ::unlink(settings.path.c_str()) == 0;
      }
      if (made) {
        for (const char* suffix : {"-wal", "-shm"}) {
          // They belong to the file that is gone; SQLite would play them back into the new one.
          (void)::unlink((settings.path + suffix).c_str());
        }
      }
      auto file = open_file(settings.path, O_RDWR | O_CREAT, k_mode);
      if (!file) return std::unexpected(file.error());
      if (made) (void)::fchmod(file->get(), k_mode);
      if (::fstat(file->get(), &info) != 0) return errno_failure("look at", settings.path);
      inode = info.st_ino;
      device = info.st_dev;
    }
    int code = sqlite3_open_v2(settings.path.c_str(), &db,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
    if (code != SQLITE_OK) {
      auto error = failure("open", code);
      close();
      return error;
    }
    keep_quiet(db);
    const std::string pragmas = fmt::format(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {};",
        k_wal_bytes_max);
    auto done = run(pragmas.c_str(), "open");
    if (done) done = begin();
    if (done) done = end(run(k_guard_schema, "make the tables of"));
    if (!done) {
      close();
      return done;
    }
    for (const char* suffix : {"-wal", "-shm"}) {
      (void)::chmod((settings.path + suffix).c_str(), k_mode);  // of another program's making
    }
    return {};
  }

  Result<void> begin() {
    if (auto there = restore_lost_pages(); !there) return there;
    return run("BEGIN IMMEDIATE", "write");
  }
  Result<void> end(Result<void> done) {
    if (done) {
      const int code = sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr);
      if (code == SQLITE_OK) {
        // Into the file itself, without waiting for or disturbing any reader, so that the file
        // alone is good too (a backup, a deleted -wal). Writes are rare; if it cannot be now, then
        // later.
        sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        return done;
      }
      auto error = failure("write", code);
      done = uncertain_write(error.error().text);
    }
    if (sqlite3_get_autocommit(db) == 0) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    return done;
  }

  [[nodiscard]] bool is_same_file() const {
    struct stat info{};
    return ::stat(settings.path.c_str(), &info) == 0 && info.st_ino == inode &&
           info.st_dev == device;
  }

  // What is in force for the subject: what either of the two forbids.
  [[nodiscard]] GuardRow together(const Subject& subject) const {
    GuardRow row;
    if (const auto known = mirror.find(subject); known != mirror.end()) row = known->second;
    row.subject = subject;
    const auto choice = choices.find(subject);
    if (choice == choices.end()) return row;
    // The standing's words say more where both forbid.
    if (!row.no_send) row.reply = choice->second.reply;
    if (!row.no_login) row.reason = choice->second.reason;
    row.no_send |= choice->second.no_send;
    row.no_login |= choice->second.no_login;
    row.no_receive |= choice->second.no_receive;
    return row;
  }
  Result<void> write_row(Statement& put, const Subject& subject) {
    const GuardRow row = together(subject);
    put.reset();
    bind_row(put, row);
    put.step();
    return put.good() ? Result<void>() : failure("write", put.code());
  }
  Result<void> write_one(const Subject& subject) {
    if (auto begun = begin(); !begun) return begun;
    Statement put(db, k_put);
    return end(write_row(put, subject));
  }

  // Writes all of both in one transaction.
  Result<void> write_all_rows() {
    if (auto begun = begin(); !begun) return begun;
    return end([&]() -> Result<void> {
      if (auto done = run("DELETE FROM standing", "write"); !done) return done;
      Statement put(db, k_put);
      for (const auto& [subject, row] : mirror) {
        if (auto done = write_row(put, subject); !done) return done;
      }
      for (const auto& [subject, choice] : choices) {
        if (mirror.contains(subject)) continue;
        if (auto done = write_row(put, subject); !done) return done;
      }
      if (auto done = run("DELETE FROM inactive", "write"); !done) return done;
      for (const auto& [address, waits] : waiting) {
        if (auto done = write_waiting(address, waits); !done) return done;
      }
      return write_bypass();
    }());
  }
  Result<void> write_waiting(std::string_view address, bool waits) {
    Statement put(db, k_put_waiting);
    put.bind(1, address);
    put.bind(2, std::int64_t{waits});
    put.step();
    return put.good() ? Result<void>() : failure("write", put.code());
  }
  Result<void> write_bypass() {
    return run(bypass ? "UPDATE bypass SET on_off = 1" : "UPDATE bypass SET on_off = 0", "write");
  }

  [[nodiscard]] bool is_empty() const {
    return mirror.empty() && choices.empty() && waiting.empty() && !bypass;
  }

  // Opens the file if it is not open or not the one that we opened; fills a new one from the
  // mirror.
  Result<void> ready() {
    if (db != nullptr && is_same_file()) return {};
    if (db != nullptr) ++generation;
    close();
    if (auto done = open(); !done) {
      if (!is_damage(last_code)) return done;
      return begin_anew();
    }
    return is_empty() ? Result<void>() : write_all_rows();
  }

  // For a file that is no sound database any more.
  Result<void> begin_anew() {
    close();
    const std::string aside = settings.path + ".damaged";
    if (::rename(settings.path.c_str(), aside.c_str()) != 0 && errno != ENOENT) {
      return errno_failure("move aside", settings.path);
    }
    ++generation;
    if (auto done = open(); !done) return done;
    return is_empty() ? Result<void>() : write_all_rows();
  }

  // What a reader that comes now would see: our own connection may answer from its cache.
  Result<void> check_as_reader() {
    sqlite3* fresh = nullptr;
    int code = sqlite3_open_v2(settings.path.c_str(), &fresh, SQLITE_OPEN_READONLY, nullptr);
    bool sound = false;
    if (code == SQLITE_OK) {
      keep_quiet(fresh);
      Statement select(fresh, "PRAGMA quick_check(1)");
      sound = select.step() && select.text(0) == "ok";
      code = select.good() ? (sound ? SQLITE_OK : SQLITE_CORRUPT) : select.code();
    }
    sqlite3_close_v2(fresh);
    if (sound) return {};
    last_code = code;
    return operating_failure(
        fmt::format("cannot read {}: {}", settings.path, sqlite3_errstr(code)));
  }

  // No checkpoint on closing: it takes the file's exclusive lock, and a look-up that comes just
  // then fails, as Postfix's sqlite maps do not wait. And the -wal and -shm files stay.
  void keep_quiet(sqlite3* connection) const {
    sqlite3_busy_timeout(connection, static_cast<int>(settings.busy_ms));
    sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    int persist = 1;
    sqlite3_file_control(connection, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  }

  // Runs `work`, once more on a new file when the old one proves damaged.
  template <class Work>
  auto with_file(const Work& work) -> decltype(work()) {
    const std::lock_guard guard(mutex);
    last_code = SQLITE_OK;
    if (auto done = ready(); !done) return std::unexpected(done.error());
    auto result = work();
    if (result || !is_damage(last_code)) return result;
    if (auto done = begin_anew(); !done) return std::unexpected(done.error());
    return work();
  }

  Result<std::vector<GuardRow>> read_rows() {
    std::vector<GuardRow> found;
    Statement select(db, k_rows);
    while (select.step()) {
      GuardRow row;
      const auto kind = decide::parse_subject_kind(select.text(0));
      if (!kind) continue;  // not of our making, and no query of ours asks for it
      row.subject = {*kind, select.text(1)};
      row.no_send = select.integer(2) != 0;
      row.no_login = select.integer(3) != 0;
      row.no_receive = select.integer(4) != 0;
      row.reply = select.text(5);
      row.reason = select.text(6);
      row.epoch = static_cast<std::uint64_t>(select.integer(7));
      found.push_back(std::move(row));
    }
    if (!select.good()) return failure("read", select.code());
    return found;
  }
  Result<void> read_waiting() {
    Statement select(db, "SELECT address, waits FROM inactive");
    while (select.step()) waiting.insert_or_assign(select.text(0), select.integer(1) != 0);
    return select.good() ? Result<void>() : failure("read", select.code());
  }
  Result<bool> read_bypass() {
    Statement select(db, "SELECT on_off FROM bypass");
    const bool on = select.step() && select.integer(0) != 0;
    if (!select.good()) return failure("read", select.code());
    return on;
  }
};

SqliteGuardStore::SqliteGuardStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteGuardStore::~SqliteGuardStore() = default;

Result<std::unique_ptr<SqliteGuardStore>> SqliteGuardStore::open(GuardStoreSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  auto loaded = impl->with_file([&]() -> Result<void> {
    auto rows = impl->read_rows();
    if (!rows) return std::unexpected(rows.error());
    for (GuardRow& row : *rows) impl->mirror.insert_or_assign(row.subject, row);
    auto on = impl->read_bypass();
    if (!on) return std::unexpected(on.error());
    impl->bypass = *on;
    return impl->read_waiting();
  });
  if (!loaded) return std::unexpected(loaded.error());
  return std::unique_ptr<SqliteGuardStore>(new SqliteGuardStore(std::move(impl)));
}

Result<void> SqliteGuardStore::put(const GuardRow& given) {
  GuardRow row = given;
  if (!row.no_send && !row.no_login && !row.no_receive) row.reply = row.reason = "";
  return impl_->with_file([&]() -> Result<void> {
    const auto known = impl_->mirror.find(row.subject);
    if (known != impl_->mirror.end() && known->second.epoch > row.epoch) return {};
    auto before = known == impl_->mirror.end() ? std::optional<GuardRow>() : known->second;
    impl_->mirror.insert_or_assign(row.subject, row);
    auto done = impl_->write_one(row.subject);
    if (done) return done;
    if (before) {
      impl_->mirror.insert_or_assign(row.subject, std::move(*before));
    } else {
      impl_->mirror.erase(row.subject);
    }
    return done;
  });
}

void SqliteGuardStore::load_choices(std::span<const GuardRow> choices) {
  const std::lock_guard guard(impl_->mutex);
  impl_->choices.clear();
  for (const GuardRow& choice : choices) impl_->choices.insert_or_assign(choice.subject, choice);
}

Result<void> SqliteGuardStore::put_choice(const GuardRow& choice) {
  {
    const std::lock_guard guard(impl_->mutex);
    if (choice.no_send || choice.no_login || choice.no_receive) {
      impl_->choices.insert_or_assign(choice.subject, choice);
    } else {
      impl_->choices.erase(choice.subject);
    }
  }
  return impl_->with_file([&] { return impl_->write_one(choice.subject); });
}

Result<std::vector<GuardRow>> SqliteGuardStore::rows() {
  return impl_->with_file([&] { return impl_->read_rows(); });
}

Result<void> SqliteGuardStore::set_bypass(bool on) {
  return impl_->with_file([&]() -> Result<void> {
    const bool before = impl_->bypass;
    if (auto begun = impl_->begin(); !begun) return begun;
    impl_->bypass = on;
    auto done = impl_->end(impl_->write_bypass());
    if (!done) impl_->bypass = before;
    return done;
  });
}

Result<bool> SqliteGuardStore::bypass() {
  return impl_->with_file([&]() -> Result<bool> {
    auto on = impl_->read_bypass();
    if (on) impl_->bypass = *on;  // the command line may have set it
    return on;
  });
}

Result<void> SqliteGuardStore::rebuild(std::span<const GuardRow> rows) {
  return impl_->with_file([&]() -> Result<void> {
    auto on = impl_->read_bypass();
    if (!on) return std::unexpected(on.error());
    std::map<Subject, GuardRow> next;
    for (const GuardRow& row : rows) next.insert_or_assign(row.subject, row);
    impl_->bypass = *on;
    impl_->mirror.swap(next);
    auto done = impl_->write_all_rows();
    if (!done) impl_->mirror.swap(next);
    return done;
  });
}

Result<void> SqliteGuardStore::set_waiting(std::span<const std::string> addresses) {
  return impl_->with_file([&]() -> Result<void> {
    std::map<std::string, bool, std::less<>> changes;
    for (const std::string& address : addresses) {
      const auto known = impl_->waiting.find(address);
      if (known == impl_->waiting.end() || !known->second) changes[address] = true;
    }
    std::set<std::string_view> wanted(addresses.begin(), addresses.end());
    for (const auto& [address, waits] : impl_->waiting) {
      if (waits && !wanted.contains(address)) changes[address] = false;
    }
    if (changes.empty()) return {};
    if (auto begun = impl_->begin(); !begun) return begun;
    auto done = impl_->end([&]() -> Result<void> {
      for (const auto& [address, waits] : changes) {
        if (auto put = impl_->write_waiting(address, waits); !put) return put;
      }
      return {};
    }());
    if (done) {
      for (const auto& [address, waits] : changes) impl_->waiting[address] = waits;
    }
    return done;
  });
}

Result<void> SqliteGuardStore::note_waited(std::string_view address) {
  return impl_->with_file([&]() -> Result<void> {
    if (impl_->waiting.contains(address)) return {};  // it still waits, or is tried already
    if (auto begun = impl_->begin(); !begun) return begun;
    auto done = impl_->end(impl_->write_waiting(address, false));
    if (done) impl_->waiting.emplace(address, false);
    return done;
  });
}

Result<std::vector<std::string>> SqliteGuardStore::waited() {
  const std::lock_guard guard(impl_->mutex);
  std::vector<std::string> found;
  for (const auto& [address, waits] : impl_->waiting) {
    if (!waits) found.push_back(address);
  }
  return found;
}

Result<void> SqliteGuardStore::forget_waiting(std::string_view address) {
  return impl_->with_file([&]() -> Result<void> {
    const auto known = impl_->waiting.find(address);
    if (known == impl_->waiting.end() || known->second) return {};
    if (auto begun = impl_->begin(); !begun) return begun;
    auto done = impl_->end([&]() -> Result<void> {
      Statement gone(impl_->db, "DELETE FROM inactive WHERE address = ?1 AND waits = 0");
      gone.bind(1, address);
      gone.step();
      return gone.good() ? Result<void>() : impl_->failure("write", gone.code());
    }());
    if (done) impl_->waiting.erase(known);
    return done;
  });
}

Result<void> SqliteGuardStore::check() {
  return impl_->with_file([&] { return impl_->check_as_reader(); });
}

std::uint64_t SqliteGuardStore::generation() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->generation;
}

}  // namespace sekimori::store
