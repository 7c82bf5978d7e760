// Pages of SQLite's shared memory file (FILE-shm, the index of its WAL) that can be written to no
// more. SQLite writes there through a mapping, even when it only reads; once the file system takes
// no writes (read-only after a disk error, the file immutable), that is the signal SIGBUS, which
// ends a process. The guard must go on deciding by memory, so the page is replaced by a copy of
// its own, as systemd's journald does with its files (src/basic/sigbus.c). Nothing may be written
// to the database through such a copy, since others do not see it: whoever writes asks for the
// pages back first.
#pragma once

#include <mutex>

#include "base/result.h"

namespace sekimori::store {

// From now on a lost page is replaced, in every thread. A SIGBUS of any other kind ends the process
// as before. Once, at the program's start.
void keep_lost_pages();

// Gives back the file's own pages where copies stand for them; at once where none is lost. Any
// thread. Errors: operating, when a file still cannot be written to.
[[nodiscard]] Result<void> restore_lost_pages();

// To be held while a database is closed, so that no page is given back where nothing is mapped any
// more.
[[nodiscard]] std::unique_lock<std::mutex> hold_mapped_pages();

}  // namespace sekimori::store
