// The ways mail leaves on the command line: their requests, and the answers in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"
#include "app/cli_requests.h"

namespace sekimori::app {

// nullopt: the command is none of these.
[[nodiscard]] std::optional<ApiRequestText> way_request(const Invocation& given);
[[nodiscard]] std::optional<std::string> printed_way_answer(const Invocation& given,
                                                            const boost::json::value& answer);

}  // namespace sekimori::app
