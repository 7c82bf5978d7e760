// The inside of SqlStateStore, shared by its two files (writing, reading).
#pragma once

#include "store/database.h"
#include "store/state_store.h"

namespace sekimori::store {

struct SqlStateStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

}  // namespace sekimori::store
