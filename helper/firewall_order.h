// The helper's requests about the firewall (protocol.h), read and carried out.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "helper/firewall.h"

namespace sekimori::helper {

// Returns further members of the answer. `said`: for the log; "firewall" where it is not worth a
// line. Errors: bad_input (the request), operating (the kernel).
[[nodiscard]] Result<std::string> firewall_order(Firewall& firewall,
                                                 const boost::json::object& request,
                                                 std::string& said);

}  // namespace sekimori::helper
