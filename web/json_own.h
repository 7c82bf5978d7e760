// The forms of owner_desk.h.
#pragma once

#include <boost/json/value.hpp>
#include <vector>

#include "web/owner_desk.h"

namespace sekimori::web {

[[nodiscard]] boost::json::value json_of(const OwnStatus&);
[[nodiscard]] boost::json::value json_of(const OwnHistoryView&);
[[nodiscard]] boost::json::value json_of(const OwnDevices&);
[[nodiscard]] boost::json::value json_of(const OwnWays&);
// As the owner sees a change: nobody's name, no reason.
[[nodiscard]] boost::json::value json_of_owner(const decide::WayView&);
[[nodiscard]] boost::json::value json_of(const std::vector<OwnService>&);
[[nodiscard]] boost::json::value json_of(const LiveTest&);
[[nodiscard]] boost::json::value json_of(const OwnContact&);
[[nodiscard]] boost::json::value json_of(const OwnTotp&);
[[nodiscard]] boost::json::value json_of(const CheckUp&);
[[nodiscard]] boost::json::value json_of(const ProfileView&);

}  // namespace sekimori::web
