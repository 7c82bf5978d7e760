// The answers of the way back and of telling in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"

namespace sekimori::app {

// nullopt: the command is none of these.
[[nodiscard]] std::optional<std::string> printed_recovery_answer(const Invocation& given,
                                                                 const boost::json::value& answer);
// What an error says beside its sentence: the problems of a refused password, the gates that a
// restore would walk past. "" where there is none; else lines that begin on a new one.
[[nodiscard]] std::string printed_error_details(const Invocation& given,
                                                const boost::json::value& error);
// The outcome of a change of password, with how to say a generated one.
[[nodiscard]] std::string printed_password(const Invocation& given,
                                           const boost::json::value& outcome);
// The call sheet; `code` {"code","expires"} or null.
[[nodiscard]] std::string printed_call_sheet(const Invocation& given,
                                             const boost::json::value& sheet,
                                             const boost::json::value& code);

}  // namespace sekimori::app
