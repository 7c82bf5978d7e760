// The tables of what people keep beside standings and incidents: rules and one-time codes. Shared
// by the stores that work on them.
#pragma once

#include "store/database.h"

namespace sekimori::store {

[[nodiscard]] const Migrations& desk_migrations();

}  // namespace sekimori::store
