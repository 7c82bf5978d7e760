// The commands that are one request to the API.
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstdio>

#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_print.h"
#include "app/cli_requests.h"
#include "app/installation.h"

namespace sekimori::app {
namespace {

Exit exit_of(int status) {
  if (status >= 200 && status < 300) return Exit::done;
  return status == 400 ? Exit::usage : Exit::refused;
}

// A health report that says "failing" is a refusal for scripts.
bool says_failing(const std::string& body) {
  boost::system::error_code broken;
  const auto report = boost::json::parse(body, broken);
  if (broken || !report.is_object()) return false;
  const auto* level = report.get_object().if_contains("level");
  return level != nullptr && level->is_string() && level->get_string() == "failing";
}

}  // namespace

Exit run_api_command(const Invocation& given) {
  const auto request = api_request(given, system_now());
  if (!request) {
    print_failure(given, request.error());
    return Exit::usage;
  }
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  auto api = Api::connect(loaded->settings);
  if (!api) {
    print_failure(given, api.error());
    return Exit::refused;
  }
  const auto answer = (*api)->call(request->method, request->target, request->body);
  if (!answer) {
    print_failure(given, answer.error());
    return Exit::refused;
  }
  Exit exit = exit_of(answer->status);
  if (given.json) {
    fmt::print("{}{}", answer->body, answer->body.ends_with('\n') ? "" : "\n");
  } else if (exit == Exit::done) {
    fmt::print("{}", printed_answer(given, answer->body));
  } else {
    fmt::print(stderr, "sekimori: {}\n", printed_error(given, answer->status, answer->body));
  }
  if (given.command == "health" && exit == Exit::done && says_failing(answer->body)) {
    exit = Exit::refused;
  }
  if ((*api)->in_process() && request->method != "GET" && exit == Exit::done) {
    const std::size_t open = (*api)->finish();
    fmt::print(stderr, "{}\n",
               say(given, "デーモンが動いていないため、このコマンドが直接行いました。",
                   "The daemon is not running: this command did it by itself."));
    if (open > 0) {
      fmt::print(
          stderr,
          fmt::runtime(
              say(given,
                  "まだ終わっていない作業が {} 件あります。デーモンが次に動いたときに続けます。\n",
                  "{} steps still wait; the daemon goes on with them when it "
                  "starts.\n")),
          open);
      exit = Exit::in_part;
    }
  }
  return exit;
}

}  // namespace sekimori::app
