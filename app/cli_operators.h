// The panel's users on the command line: requests, and answers in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"
#include "app/cli_requests.h"

namespace sekimori::app {

// nullopt: the command is none of these.
[[nodiscard]] std::optional<ApiRequestText> operator_request(const Invocation& given);
[[nodiscard]] std::optional<std::string> printed_operator_answer(const Invocation& given,
                                                                 const boost::json::value& answer);

}  // namespace sekimori::app
