// Bans as JSON, for the handlers and the stream.
#pragma once

#include <boost/json/value.hpp>

#include "web/bans.h"

namespace sekimori::web {

[[nodiscard]] boost::json::value json_of_ban(const BanRow&);

}  // namespace sekimori::web
