// What one installation keeps in files: secrets, its hash key, its name.
#pragma once

#include <string>

#include "base/hash.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/settings.h"
#include "store/files.h"
#include "store/state_store.h"

namespace sekimori::app {

// The one clock reading of the program (wall clock, UTC).
[[nodiscard]] Instant system_now();

using store::read_secret;

// The database of incidents and audit records, as the settings have it.
[[nodiscard]] store::StateStoreSettings state_database(const config::Settings& settings);

// The key of the hash tables, made at the first start and kept in the state folder (0600). Without
// it the contact memory of a snapshot means nothing, so it is backed up with the state.
[[nodiscard]] Result<HashKey> installation_key(const std::string& state_dir);

// server.name, or the host's name.
[[nodiscard]] std::string host_name(const config::Settings& settings);

// A word that no earlier start of this host had: part of the event ids.
[[nodiscard]] std::string boot_id();

// Started as root: becomes server.user with all its groups, for good. Started as anybody else:
// nothing to do. Errors: operating (no such user, not allowed).
[[nodiscard]] Result<void> become_user(const std::string& user);

}  // namespace sekimori::app
