// The tables of the state store, version by version. A version that was released never changes.
#pragma once

#include "store/database.h"

namespace sekimori::store {

[[nodiscard]] const Migrations& state_migrations();

}  // namespace sekimori::store
