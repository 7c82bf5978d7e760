// The commands behind the command line, by what they need. Each returns how it ended and has said
// so on standard output or standard error.
#pragma once

#include "app/cli.h"
#include "app/cli_options.h"
#include "base/result.h"
#include "config/check.h"

namespace sekimori::app {

// serve, helper, config …, version: no API.
[[nodiscard]] Exit run_service_command(const Invocation& given);
// replay: no API, and no daemon either.
[[nodiscard]] Exit run_replay_command(const Invocation& given);
// What the API does: account list|show|restrict|…, incident, hold, ip, health …
[[nodiscard]] Exit run_api_command(const Invocation& given);
// account add, account password.
[[nodiscard]] Exit run_password_command(const Invocation& given);
// account call-sheet --with-code: two requests.
[[nodiscard]] Exit run_call_sheet_command(const Invocation& given);
// incident report --html, --csv: answers that become files.
[[nodiscard]] Exit run_report_command(const Invocation& given);
// bypass, release-all: also with the daemon dead and databases broken.
[[nodiscard]] Exit run_panic_command(const Invocation& given);
// learn: through the daemon, or over its files when it does not run.
[[nodiscard]] Exit run_learn_command(const Invocation& given);
// analyze: no API, no daemon, no installation needed.
[[nodiscard]] Exit run_analyze_command(const Invocation& given);
// queue hold|release|delete: asks until nothing remains.
[[nodiscard]] Exit run_queue_command(const Invocation& given);
// drill.
[[nodiscard]] Exit run_drill_command(const Invocation& given);
// attach, with and without --undo: as root, on the mail server.
[[nodiscard]] Exit run_attach_command(const Invocation& given);
// manual man|bash: from the tree of commands itself.
[[nodiscard]] Exit run_manual_command(const Invocation& given);
// doctor.
[[nodiscard]] Exit run_doctor_command(const Invocation& given);

// The settings of --config. Errors: operating (cannot be read), bad_input (every error of the
// file).
[[nodiscard]] Result<config::Loaded> load_settings(const Invocation& given);

// Prints a failure: on standard error for people, as the API's error object on standard output with
// --json. `status` is the HTTP status that means the same.
void print_failure(const Invocation& given, int status, std::string_view detail);
void print_failure(const Invocation& given, const Error& error);

// How a command ends whose request was answered with this HTTP status.
[[nodiscard]] Exit exit_of(int status);

// Text in the person's language.
[[nodiscard]] inline const char* say(const Invocation& given, const char* ja, const char* en) {
  return given.language == Language::ja ? ja : en;
}

}  // namespace sekimori::app
