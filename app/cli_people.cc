// The commands that are one request to the API, and the call sheet, which may be two.
#include <fcntl.h>
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <iterator>

#include "app/cli_account_desk.h"
#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_print.h"
#include "app/cli_print_recovery.h"
#include "app/cli_requests.h"
#include "app/cli_rules.h"
#include "app/installation.h"
#include "store/files.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

// A health report that says "failing" is a refusal for scripts.
bool says_failing(const std::string& body) {
  boost::system::error_code broken;
  const auto report = boost::json::parse(body, broken);
  if (broken || !report.is_object()) return false;
  const auto* level = report.get_object().if_contains("level");
  return level != nullptr && level->is_string() && level->get_string() == "failing";
}

void print_answer(const Invocation& given, int status, const std::string& body) {
  if (given.json) {
    fmt::print("{}{}", body, body.ends_with('\n') ? "" : "\n");
  } else if (exit_of(status) == Exit::done) {
    fmt::print("{}", printed_answer(given, body));
  } else {
    fmt::print(stderr, "sekimori: {}\n", printed_error(given, status, body));
  }
}

// The daemon, or its inside where none runs. Null: it was said why there is neither.
std::unique_ptr<Api> connected(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return nullptr;
  }
  auto api = Api::connect(loaded->settings);
  if (!api) {
    print_failure(given, api.error());
    return nullptr;
  }
  return std::move(*api);
}

}  // namespace

Exit exit_of(int status) {
  if (status >= 200 && status < 300) return Exit::done;
  return status == 400 ? Exit::usage : Exit::refused;
}

Exit run_account_command(const Invocation& given) {
  const auto api = connected(given);
  if (!api) return Exit::refused;
  const auto path = "/api/v1/accounts/" + web::percent_encode(given.subject);
  const auto answer = api->call("GET", path);
  if (!answer) {
    print_failure(given, answer.error());
    return Exit::refused;
  }
  boost::system::error_code broken;
  auto account = boost::json::parse(answer->body, broken);
  if (exit_of(answer->status) != Exit::done || broken || !account.is_object()) {
    print_answer(given, answer->status, answer->body);
    return exit_of(answer->status);
  }
  // What cannot be told now is left out: the rest is what was asked for.
  for (const char* part : {"switches", "mailbox"}) {
    const auto more = api->call("GET", path + "/" + part);
    // Null where it is not told, or cannot be read.
    account.get_object()[part] =
        more && more->status == 200 ? boost::json::parse(more->body, broken) : boost::json::value();
  }
  print_answer(given, answer->status, boost::json::serialize(account));
  return Exit::done;
}

Exit run_call_sheet_command(const Invocation& given) {
  const auto api = connected(given);
  if (!api) return Exit::refused;
  const auto path = "/api/v1/accounts/" + web::percent_encode(given.subject);
  boost::json::value parts[2];
  const ApiRequestText requests[] = {{"GET", path + "/call-sheet", ""},
                                     {"POST", path + "/recovery-code", ""}};
  for (std::size_t i = 0; i < std::size(requests); ++i) {
    const auto answer = api->call(requests[i].method, requests[i].target);
    if (!answer) {
      print_failure(given, answer.error());
      return Exit::refused;
    }
    if (const Exit exit = exit_of(answer->status); exit != Exit::done) {
      print_answer(given, answer->status, answer->body);
      return exit;
    }
    boost::system::error_code broken;
    parts[i] = boost::json::parse(answer->body, broken);
    if (broken || !parts[i].is_object()) {
      print_failure(given, operating_failure("the daemon's answer is no JSON").error());
      return Exit::refused;
    }
  }
  if (given.json) {
    auto all = parts[0].get_object();
    all["code"] = parts[1].get_object()["code"];
    all["code_expires"] = parts[1].get_object()["expires"];
    fmt::print("{}\n", boost::json::serialize(all));
  } else {
    fmt::print("{}", printed_call_sheet(given, parts[0], parts[1]));
  }
  return Exit::done;
}

Exit run_report_command(const Invocation& given) {
  const auto path = "/api/v1/incidents/" + web::percent_encode(given.subject);
  const std::string lang = given.language == Language::ja ? "ja" : "en";
  struct Wanted {
    std::string target;
    const std::string* name;
    store::FileHandle file;
  };
  std::vector<Wanted> wanted;
  if (!given.html.empty()) wanted.push_back({path + "/damage.html?lang=" + lang, &given.html, {}});
  if (!given.csv.empty()) {
    wanted.push_back({path + "/recipients.csv?bom=1&lang=" + lang, &given.csv, {}});
  }
  // Opened as whoever asks: the way to the API may become another user.
  for (Wanted& one : wanted) {
    if (*one.name == "-") continue;
    auto file = store::open_file(*one.name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!file) {
      print_failure(given, file.error());
      return Exit::refused;
    }
    one.file = std::move(*file);
  }
  const auto api = connected(given);
  if (!api) return Exit::refused;
  for (const Wanted& one : wanted) {
    const auto answer = api->call("GET", one.target);
    if (!answer) {
      print_failure(given, answer.error());
      return Exit::refused;
    }
    if (const Exit exit = exit_of(answer->status); exit != Exit::done) {
      print_answer(given, answer->status, answer->body);
      return exit;
    }
    if (!one.file.is_open()) {
      fmt::print("{}", answer->body);
    } else if (auto done = store::write_all(one.file.get(), answer->body, *one.name); !done) {
      print_failure(given, done.error());
      return Exit::refused;
    }
  }
  return Exit::done;
}

Exit run_api_command(const Invocation& given) {
  const auto request = api_request(given, system_now());
  if (!request) {
    print_failure(given, request.error());
    return Exit::usage;
  }
  const auto api = connected(given);
  if (!api) return Exit::refused;
  auto answer = api->call(request->method, request->target, request->body);
  Invocation asked = given;
  if (given.command == "ip unblock" && answer && answer->status == 404) {
    // There is no rule; a ban, perhaps.
    asked.command = "ip unban";
    if (asked.reason.empty()) asked.reason = "ip unblock";
    if (const auto ban = api_request(asked, system_now())) {
      answer = api->call(ban->method, ban->target, ban->body);
    }
  }
  if (!answer) {
    print_failure(given, answer.error());
    return Exit::refused;
  }
  Exit exit = exit_of(answer->status);
  print_answer(asked, answer->status, answer->body);
  // A ban of the same network is another matter, and still holds.
  const bool is_network = given.subject.find_first_of(".:") != std::string::npos;
  if (given.command == "ip unblock" && asked.command == given.command && is_network &&
      !given.json && exit == Exit::done) {
    const auto ban = api->call("GET", "/api/v1/bans/" + web::percent_encode(given.subject));
    if (ban && ban->status == 200 && ban->body.find("\"ended\":null") != std::string::npos) {
      fmt::print(
          "{} sekimori ip unban {}\n",
          say(given, "まだ遮断されています。解除するには:", "It is still banned; to end that:"),
          given.subject);
    }
  }
  // What only rules have was asked for: no bans behind them.
  const bool of_rules =
      !given.rule.action.empty() || !given.rule.use.empty() || !given.rule.kind.empty();
  if (given.command == "ip list" && !given.json && !of_rules && exit == Exit::done) {
    asked.command = "ip bans";
    asked.state.clear();  // of rules
    if (const auto bans = api_request(asked, system_now())) {
      if (auto listed = api->call(bans->method, bans->target, bans->body)) {
        print_answer(asked, listed->status, listed->body);
      }
    }
  }
  if (given.command == "health" && exit == Exit::done && says_failing(answer->body)) {
    exit = Exit::refused;
  }
  if (api->in_process() && request->method != "GET" && exit == Exit::done) {
    const std::size_t open = api->finish();
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
  if (exit == Exit::done && rules_in_part(given, answer->body)) exit = Exit::in_part;
  return exit;
}

}  // namespace sekimori::app
