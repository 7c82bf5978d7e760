// sekimori doctor: every check, its verdict and the command that mends it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "app/cli_attach.h"
#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "app/doctor.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

const char* level_word(const Invocation& given, Finding level) {
  switch (level) {
    case Finding::good: return say(given, "良好", "ok");
    case Finding::warning: return say(given, "注意", "warning");
    case Finding::bad: return say(given, "異常", "FAILING");
    case Finding::unknown: return say(given, "不明", "unknown");
  }
  return "";
}

void print_json(const std::vector<Check>& checks, bool whole) {
  json::array all;
  for (const auto& check : checks) {
    json::object o{{"name", check.name},
                   {"level", to_string(check.level)},
                   {"verdict", json::object{{"ja", check.verdict.ja}, {"en", check.verdict.en}}}};
    if (!check.mend.en.empty()) {
      o["mend"] = json::object{{"ja", check.mend.ja}, {"en", check.mend.en}};
    }
    all.push_back(std::move(o));
  }
  fmt::print("{}\n", json::serialize(json::object{{"healthy", whole}, {"checks", all}}));
}

}  // namespace

Exit run_doctor_command(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  const AttachPlace place(given.attach.root);
  const ServerPaths paths = attach_paths(given, loaded->settings);
  DoctorSetup setup{place, paths, loaded->settings, attach_folder(given, place, paths), {}};
  if (!given.mx.empty()) {
    auto mx = MailEndpoint::parse(given.mx);
    if (!mx) {
      print_failure(given, mx.error());
      return Exit::usage;
    }
    setup.mx = *mx;
  }
  const auto checks = examine(setup);
  std::size_t bad = 0;
  std::size_t warnings = 0;
  std::size_t unknown = 0;
  for (const auto& check : checks) {
    bad += check.level == Finding::bad ? 1 : 0;
    warnings += check.level == Finding::warning ? 1 : 0;
    unknown += check.level == Finding::unknown ? 1 : 0;
  }
  if (given.json) {
    print_json(checks, bad == 0);
  } else {
    for (const auto& check : checks) {
      fmt::print("{} {}  {}\n", padded(level_word(given, check.level), 8), padded(check.name, 18),
                 harmless(check.verdict.in(given.language)));
      const std::string& mend = check.mend.in(given.language);
      if (!mend.empty()) fmt::print("{:27}→ {}\n", "", harmless(mend));
    }
    fmt::print(fmt::runtime(say(given, "{} 項目: 異常 {}、注意 {}、不明 {}\n",
                                "{} checks: {} failing, {} warnings, {} unknown\n")),
               checks.size(), bad, warnings, unknown);
  }
  if (bad > 0) return Exit::refused;
  return unknown > 0 ? Exit::in_part : Exit::done;
}

}  // namespace sekimori::app
