// How every store of Sekimori's own tables is opened.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "store/database.h"
#include "store/state_store.h"

namespace sekimori::store {

// An Impl (made of DatabaseSettings, with a member `database`) whose tables, called `name`, are up
// to date. Errors: as migrate().
template <class Impl>
[[nodiscard]] Result<std::unique_ptr<Impl>> open_own(const StateStoreSettings& settings,
                                                     const std::string& name,
                                                     const Migrations& migrations) {
  auto impl = std::make_unique<Impl>(DatabaseSettings{
      .url = settings.url, .password_file = settings.password_file, .busy_ms = settings.busy_ms});
  if (auto done = migrate(impl->database, name, migrations); !done) {
    return std::unexpected(done.error());
  }
  return impl;
}

}  // namespace sekimori::store
