// serve, helper, config and version.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <cstdio>
#include <iterator>

#include "app/cli_commands.h"
#include "app/cli_helper.h"
#include "app/daemon.h"
#include "app/notice_setup.h"
#include "app/stand_in.h"
#include "app/version.h"
#include "app/watchdog.h"
#include "config/pages.h"
#include "web/api.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

void print_json(const json::value& value) { fmt::print("{}\n", json::serialize(value)); }

Exit serve(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  for (const auto& finding : loaded->findings) {
    fmt::print(stderr, "{}\n", config::print_finding(finding, loaded->filename, given.language));
  }
  return run_daemon(*loaded) == 0 ? Exit::done : Exit::refused;
}

Exit run_helper_command(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  const auto log = [](std::string_view line) {
    fmt::print(stderr, "sekimori helper: {}\n", line);
    std::fflush(stderr);
  };
  // Without it a dead daemon makes sign-ins slow; the helper's own work goes on.
  if (auto stands = start_stand_in(loaded->settings, log); !stands) log(stands.error().text);
  // The helper takes these from a signalfd; blocked before the watchdog's thread exists, so that
  // they do not end the process there.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  Watchdog watchdog(loaded->settings, log);
  watchdog.start();
  return helper::run_helper(helper_options(loaded->settings)) == 0 ? Exit::done : Exit::refused;
}

json::object json_of(const config::Finding& finding) {
  return json::object{
      {"severity", finding.severity == config::Severity::error ? "error" : "warning"},
      {"line", finding.line},
      {"column", finding.column},
      {"name", finding.name},
      {"what", json::object{{"ja", finding.what.ja}, {"en", finding.what.en}}},
      {"nearest", finding.nearest}};
}

Exit config_check(const Invocation& given) {
  const std::string path = given.subject.empty() ? given.config : given.subject;
  auto loaded = config::read_settings_file(path);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  std::ranges::move(template_findings(loaded->settings), std::back_inserter(loaded->findings));
  const bool usable = loaded->usable();
  if (given.json) {
    json::array findings;
    for (const auto& finding : loaded->findings) findings.push_back(json_of(finding));
    print_json(json::object{{"file", path}, {"usable", usable}, {"findings", findings}});
  } else {
    for (const auto& finding : loaded->findings) {
      fmt::print("{}\n", config::print_finding(finding, path, given.language));
    }
    if (loaded->findings.empty()) {
      fmt::print("{}: {}\n", path, say(given, "問題はありません。", "no fault found."));
    }
  }
  return usable ? Exit::done : Exit::refused;
}

Exit config_show(const Invocation& given) {
  auto loaded = config::read_settings_file(given.config);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  const auto values = config::effective_values(*loaded);
  if (given.json) {
    json::array all;
    for (const auto& value : values) {
      all.push_back(json::object{
          {"name", value.name},
          {"value", value.value},
          {"source", value.source},
          {"lifetime", value.lifetime == config::Lifetime::live ? "live" : "restart"}});
    }
    print_json(json::object{{"file", given.config}, {"settings", all}});
  } else {
    for (const auto& value : values) {
      fmt::print(
          "{} = {}  # {}\n", value.name, value.value,
          value.source == "default" ? say(given, "既定値", "default") : value.source.c_str());
    }
  }
  for (const auto& finding : loaded->findings) {
    fmt::print(stderr, "{}\n", config::print_finding(finding, given.config, given.language));
  }
  return loaded->usable() ? Exit::done : Exit::refused;
}

}  // namespace

Result<config::Loaded> load_settings(const Invocation& given) {
  auto loaded = config::read_settings_file(given.config);
  if (!loaded || loaded->usable()) return loaded;
  std::string all;
  for (const auto& finding : loaded->findings) {
    if (finding.severity != config::Severity::error) continue;
    if (!all.empty()) all += '\n';
    all += config::print_finding(finding, given.config, given.language);
  }
  return bad_input(std::move(all));
}

void print_failure(const Invocation& given, int status, std::string_view detail) {
  if (given.json) {
    const std::string body = web::error_response(status, detail).body;
    fmt::print("{}{}", body, body.ends_with('\n') ? "" : "\n");
  } else {
    fmt::print(stderr, "sekimori: {}\n", detail);
  }
}

void print_failure(const Invocation& given, const Error& error) {
  switch (error.kind) {
    case ErrorKind::bad_input: return print_failure(given, 400, error.text);
    case ErrorKind::not_found: return print_failure(given, 404, error.text);
    case ErrorKind::operating:
    case ErrorKind::uncertain: return print_failure(given, 503, error.text);
  }
}

Exit run_service_command(const Invocation& given) {
  if (given.command == "serve") return serve(given);
  if (given.command == "helper") return run_helper_command(given);
  if (given.command == "config check") return config_check(given);
  if (given.command == "config show") return config_show(given);
  if (given.command == "config example") {
    fmt::print("{}", config::print_example());
  } else if (given.command == "config reference") {
    fmt::print("{}", config::print_reference(given.language));
  } else if (given.json) {
    print_json(json::object{{"version", k_version}});
  } else {
    fmt::print("sekimori {}\n", k_version);
  }
  return Exit::done;
}

}  // namespace sekimori::app
