// The tables of those of Sekimori's stores that have had more than one version, beside
// state_schema.h and desk_schema.h: for the tests that come from every earlier one.
#pragma once

#include "store/database.h"

namespace sekimori::store {

[[nodiscard]] const Migrations& notice_migrations();
[[nodiscard]] const Migrations& recovery_migrations();
[[nodiscard]] const Migrations& ways_migrations();

}  // namespace sekimori::store
