// guard.db: what Postfix (proxy:sqlite: maps) and Dovecot (password query) enforce by themselves,
// with the daemon alive or dead.
//
// It is small and apart from everything else, so that look-ups never wait for us. WAL, because with
// a rollback journal readers meet "database is locked"; the -wal and -shm files stay when the last
// writer closes, so that a reader without write permission can still open it. All three files are
// 0660; the directory should be 2770 with a group that holds postfix and dovecot's users.
//
// The rows are kept in memory as well: when the file is deleted or damaged under us, it is made
// again with all of them. Postfix's proxymap keeps the old file open until it is restarted, so
// somebody must reload Postfix then: generation() tells.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decide/ports.h"

namespace sekimori::store {

// The schema, exactly as the queries of Postfix and Dovecot expect it.
inline constexpr const char* k_guard_schema =
    "CREATE TABLE IF NOT EXISTS standing(kind TEXT NOT NULL, id TEXT NOT NULL, "
    "no_send INTEGER NOT NULL DEFAULT 0, no_login INTEGER NOT NULL DEFAULT 0, "
    "no_receive INTEGER NOT NULL DEFAULT 0, reply TEXT NOT NULL DEFAULT '', "
    "reason TEXT NOT NULL DEFAULT '', epoch INTEGER NOT NULL DEFAULT 0, "
    "updated TEXT NOT NULL DEFAULT '', PRIMARY KEY(kind,id));"
    "CREATE TABLE IF NOT EXISTS inactive(address TEXT NOT NULL PRIMARY KEY, "
    "waits INTEGER NOT NULL DEFAULT 1);"
    "CREATE TABLE IF NOT EXISTS bypass(on_off INTEGER NOT NULL);"
    "INSERT INTO bypass(on_off) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM bypass);";

struct GuardStoreSettings {
  std::string path;
  std::uint32_t busy_ms = 2000;  // how long to wait for another writer (the command line's bypass)
};

// Any thread may call; calls are served one at a time. Two processes may have it open (the daemon
// and `sekimori bypass`).
class SqliteGuardStore : public decide::GuardStore {
 public:
  // Makes the file when there is none; one that is no database any more is moved aside to
  // `<path>.damaged` and begun anew (then call rebuild). Errors: operating.
  [[nodiscard]] static Result<std::unique_ptr<SqliteGuardStore>> open(GuardStoreSettings settings);
  ~SqliteGuardStore() override;

  // Durable when it returns. A row of the same epoch is written again; one of an older epoch
  // changes nothing. A row that forbids nothing is kept with its flags at 0, so that its epoch
  // still stands against an older one that comes late.
  [[nodiscard]] Result<void> put(const decide::GuardRow&) override;
  // All of them, also those that forbid nothing.
  [[nodiscard]] Result<std::vector<decide::GuardRow>> rows() override;
  // What a person closed of a subject beside its standing, and keeps closed whatever that becomes:
  // readers see what either of the two forbids. No flag: nothing any more. The epoch is the
  // standing's. Where it cannot be written it is written with whatever comes next.
  [[nodiscard]] Result<void> put_choice(const decide::GuardRow& choice);
  // The same for all of them, in memory alone: call it before rebuild(), which writes them.
  void load_choices(std::span<const decide::GuardRow> choices);
  [[nodiscard]] Result<void> set_bypass(bool on) override;
  [[nodiscard]] Result<bool> bypass() override;

  // Mailboxes that the provider has set inactive elsewhere and whose mail waits: exactly these, in
  // one transaction, nothing written where nothing changed. One that waits no longer stays known
  // (it forbids nothing) until forget_waiting(), so that its mail is tried again whatever happens
  // in between.
  [[nodiscard]] Result<void> set_waiting(std::span<const std::string> addresses);
  [[nodiscard]] Result<std::vector<std::string>> waited();  // they wait no longer
  // Mail for this one waited for another reason, which is over: from now on it is among waited().
  [[nodiscard]] Result<void> note_waited(std::string_view address);
  [[nodiscard]] Result<void> forget_waiting(std::string_view address);

  // Makes the content exactly these rows (at start, from the state store), in one transaction;
  // readers see the old or the new. The bypass stays as it is.
  [[nodiscard]] Result<void> rebuild(std::span<const decide::GuardRow> rows);
  // Looks whether the file is still there and sound, and makes it again when not; every put() does
  // the first half itself. Call it every few seconds.
  [[nodiscard]] Result<void> check();
  // 1 at first; grows each time another file has taken the place of the one that was there.
  [[nodiscard]] std::uint64_t generation() const;

 private:
  struct Impl;
  explicit SqliteGuardStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
