// Mail that came back and requests to blacklists on the command line: the answers in words.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"

namespace sekimori::app {

// nullopt: the command is none of these.
[[nodiscard]] std::optional<std::string> printed_report_answer(const Invocation& given,
                                                               const boost::json::value& answer);

}  // namespace sekimori::app
