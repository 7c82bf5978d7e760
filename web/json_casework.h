// The forms of casework (casework.h).
#pragma once

#include <boost/json/value.hpp>

#include "web/casework.h"
#include "web/json_views.h"

namespace sekimori::web {

[[nodiscard]] boost::json::value json_of(const decide::Enquiry&);
[[nodiscard]] boost::json::value json_of(const EnquiryDetails&);
[[nodiscard]] boost::json::value json_of(const decide::Customer&);
[[nodiscard]] boost::json::value json_of(const decide::AccountNote&);
[[nodiscard]] boost::json::value json_of(const decide::Feedback&);
[[nodiscard]] boost::json::value json_of(const std::optional<decide::Investigation>&,
                                         std::uint64_t incident);
// What whoever asked sees of it: nobody's name, nothing of what is registered.
[[nodiscard]] boost::json::value json_of_owner(const decide::Enquiry&);

}  // namespace sekimori::web
