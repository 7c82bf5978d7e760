// What the parts of CaseStore (case_store.cc, case_notes.cc) share.
#pragma once

#include <utility>

#include "store/case_store.h"
#include "store/database.h"

namespace sekimori::store {

struct CaseStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

}  // namespace sekimori::store
