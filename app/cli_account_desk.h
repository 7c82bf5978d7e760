// What people set and write down for one account, on the command line: the requests, and the
// answers in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli.h"
#include "app/cli_options.h"
#include "app/cli_requests.h"
#include "base/instant.h"
#include "base/result.h"

namespace sekimori::app {

// account show: the account, and what else stands at the top of its page.
[[nodiscard]] Exit run_account_command(const Invocation& given);

// nullopt: the command is none of these. Errors: bad_input (a time).
[[nodiscard]] std::optional<Result<ApiRequestText>> account_desk_request(const Invocation& given,
                                                                         Instant now);
[[nodiscard]] std::optional<std::string> printed_account_desk_answer(
    const Invocation& given, const boost::json::value& answer);
// `account list --off …`: what is off, since when, by whom and why.
[[nodiscard]] std::string printed_switched_off(const Invocation& given,
                                               const boost::json::value& page);
// " (receive off)" beside a standing; "" where nothing is.
[[nodiscard]] std::string switched_off_mark(const Invocation& given,
                                            const boost::json::value& account);
// Below a list of accounts: how many have a switch off, and how to see them; "" where none has.
[[nodiscard]] std::string switched_off_count(const Invocation& given,
                                             const boost::json::value& page);
// Of `account show`, beside the account itself: the API's switches and mailbox; "" where it is no
// such answer.
[[nodiscard]] std::string printed_switches(const Invocation& given,
                                           const boost::json::value& switches);
[[nodiscard]] std::string printed_mailbox(const Invocation& given,
                                          const boost::json::value& mailbox);

}  // namespace sekimori::app
