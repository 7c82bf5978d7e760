#include "app/cli.h"

#include <fmt/format.h>
#include <sodium.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/cli_account_desk.h"
#include "app/cli_commands.h"
#include "app/cli_options.h"

namespace sekimori::app {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

CliEnvironment environment() {
  CliEnvironment out;
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (out.locale = variable(name); !out.locale.empty()) break;
  }
  out.config = variable("SEKIMORI_CONFIG");
  return out;
}

Exit run(const Invocation& given) {
  const std::string& command = given.command;
  if (command == "serve" || command == "helper" || command == "version" ||
      command.starts_with("config ")) {
    return run_service_command(given);
  }
  if (command == "account add" || command == "account password") return run_password_command(given);
  if (command == "account show") return run_account_command(given);
  if (command == "account call-sheet" && given.with_code) return run_call_sheet_command(given);
  if (command == "incident report" && !(given.html.empty() && given.csv.empty())) {
    return run_report_command(given);
  }
  if (command == "bypass" || command == "release-all") return run_panic_command(given);
  if (command == "replay") return run_replay_command(given);
  if (command == "learn") return run_learn_command(given);
  if (command == "analyze") return run_analyze_command(given);
  if (command.starts_with("queue ") && command != "queue list") return run_queue_command(given);
  if (command == "attach") return run_attach_command(given);
  if (command == "manual") return run_manual_command(given);
  if (command == "doctor") return run_doctor_command(given);
  if (command == "drill") return run_drill_command(given);
  return run_api_command(given);
}

}  // namespace

int run_cli(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (::sodium_init() < 0) {
    fmt::print(stderr, "sekimori: no source of randomness\n");
    return static_cast<int>(Exit::refused);
  }
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto given = parse_command_line(words, environment());
  if (!given) {
    std::FILE* to = given.error().to_stderr ? stderr : stdout;
    std::fputs(given.error().text.c_str(), to);
    return given.error().exit_code;
  }
  const Exit exit = run(*given);
  // A full disk or a closed pipe must not look like success.
  if (std::fflush(stdout) != 0 && exit == Exit::done) return static_cast<int>(Exit::refused);
  return static_cast<int>(exit);
}

}  // namespace sekimori::app
