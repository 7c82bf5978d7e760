// Waiting mail and damage reports on the command line: their requests, and the answers in words.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"
#include "app/cli_requests.h"

namespace sekimori::app {

// nullopt: the command is none of these. Errors: operating (a text file that cannot be read).
[[nodiscard]] std::optional<Result<ApiRequestText>> aftermath_request(const Invocation& given);
[[nodiscard]] std::optional<std::string> printed_aftermath_answer(const Invocation& given,
                                                                  const boost::json::value& answer);

}  // namespace sekimori::app
