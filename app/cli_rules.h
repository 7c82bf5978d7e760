// Rules for addresses on the command line: their requests, and the answers in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "app/cli_options.h"
#include "app/cli_requests.h"
#include "base/instant.h"
#include "base/result.h"

namespace sekimori::app {

// nullopt: the command is none of these. Errors: bad_input (a time), operating (a file that cannot
// be read).
[[nodiscard]] std::optional<Result<ApiRequestText>> rule_request(const Invocation& given,
                                                                 Instant now);
[[nodiscard]] std::optional<std::string> printed_rule_answer(const Invocation& given,
                                                             const boost::json::value& answer);
// The lines of a pasted list that are no rules, one a line; "" where the error has none.
[[nodiscard]] std::string printed_rule_lines(const Invocation& given,
                                             const boost::json::value& error);
// Did some of what was asked for not happen?
[[nodiscard]] bool rules_in_part(const Invocation& given, std::string_view body);

}  // namespace sekimori::app
