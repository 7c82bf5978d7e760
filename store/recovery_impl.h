// Shared by the two halves of the recovery store.
#pragma once

#include "store/database.h"
#include "store/recovery_store.h"
#include "store/state_rows.h"

namespace sekimori::store {

struct RecoveryStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

}  // namespace sekimori::store
