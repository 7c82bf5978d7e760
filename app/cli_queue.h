// An account's queued mail on the command line.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli.h"
#include "app/cli_options.h"
#include "app/cli_requests.h"
#include "base/result.h"

namespace sekimori::app {

// nullopt: the command is none of these. Errors: bad_input (neither messages nor --all).
[[nodiscard]] std::optional<Result<ApiRequestText>> queue_request(const Invocation& given);
[[nodiscard]] std::optional<std::string> printed_queue_answer(const Invocation& given,
                                                              const boost::json::value& answer);

}  // namespace sekimori::app
