// sekimori replay: recorded events judged again, by one configuration or by two.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>

#include "act/geoip.h"
#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "app/compare_report.h"
#include "app/engine_settings.h"
#include "app/installation.h"
#include "app/replay.h"
#include "detect/words.h"

namespace sekimori::app {
namespace {

Exit failed(const Invocation& given, const Error& error) {
  print_failure(given, error);
  return Exit::refused;
}

// One line on a terminal that is written over.
class Progress {
 public:
  explicit Progress(const Invocation& given)
      : given_(given), on_(!given.json && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::uint64_t events, Instant t) {
    if (!on_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    fmt::print(stderr,
               fmt::runtime(say(given_, "\r\033[K{} 件({} まで)", "\r\033[K{} events, up to {}")),
               detect::grouped(events), local_time(format_instant(t)));
    std::fflush(stderr);
    shown_ = true;
  }

 private:
  const Invocation& given_;
  bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

// What all replays share: the settings of --config, where the events come from, which of them.
struct Prepared {
  config::Settings settings;
  std::string name;  // of the settings file; "" for the defaults
  std::vector<std::string> events;
  Instant from, until;
  act::GeoIp geoip;
  bool places = false;
};

// One mode for all: the question is what the judge makes of these events.
decide::EngineSettings judged_in(config::Settings settings, const std::string& mode) {
  settings.server.mode = mode == "observe" ? config::Mode::observe : config::Mode::enforce;
  settings.mode = {};
  return engine_settings(settings, HashKey{});
}

Result<void> prepare(const Invocation& given, Prepared& out) {
  // Without EVENTS the journal of this installation is meant, and with it its settings.
  if (given.config_given || given.events.empty()) {
    auto loaded = load_settings(given);
    if (!loaded) return std::unexpected(loaded.error());
    out.settings = std::move(loaded->settings);
    out.name = given.config;
  }
  out.events = given.events;
  if (out.events.empty()) out.events.push_back(out.settings.journal.directory);
  const Instant now = system_now();
  const auto moment = [&](const std::string& text, Instant& to) -> Result<void> {
    if (text.empty()) return {};
    const auto parsed = parse_moment(text, now);
    if (!parsed) return std::unexpected(parsed.error());
    to = *parsed;
    return {};
  };
  if (auto done = moment(given.from, out.from); !done) return done;
  if (auto done = moment(given.until, out.until); !done) return done;
  if (out.from.is_set() && out.until.is_set() && out.until <= out.from) {
    return bad_input(say(given, "--until は --from より後の時刻にしてください。",
                         "--until must lie after --from"));
  }
  const auto& files = out.settings.geoip;
  if (!files.country.empty() || !files.asn.empty()) {
    if (auto done = out.geoip.load({files.country, files.asn, ""}); !done) {
      fmt::print(stderr, "sekimori: {}\n", done.error().text);
    }
    out.places = true;
  }
  return {};
}

Exit compare_command(const Invocation& given, Prepared& prepared) {
  Invocation other = given;
  other.config = given.compare;
  auto loaded = load_settings(other);
  if (!loaded) return failed(given, loaded.error());
  CompareOptions options;
  options.events = prepared.events;
  options.a = judged_in(prepared.settings, given.mode);
  options.b = judged_in(loaded->settings, given.mode);
  options.from = prepared.from;
  options.until = prepared.until;
  options.language = given.language;
  if (prepared.places) {
    options.place = [&prepared](const IpAddress& ip) { return prepared.geoip.lookup(ip); };
  }
  CompareReport report;
  report.name_a = prepared.name;
  report.name_b = given.compare;
  report.mode = given.mode;
  report.settings = setting_differences(prepared.settings, loaded->settings);
  {
    Progress progress(given);
    options.progress = [&progress](std::uint64_t events, Instant t) { progress.show(events, t); };
    auto compared = compare(options);
    if (!compared) return failed(given, compared.error());
    report.comparison = std::move(*compared);
  }
  if (given.json) {
    fmt::print("{}\n", boost::json::serialize(compare_json(report)));
  } else {
    fmt::print("{}", compare_text(given, report));
  }
  return report.comparison.reading.skipped == 0 ? Exit::done : Exit::in_part;
}

}  // namespace

Exit run_replay_command(const Invocation& given) {
  Prepared prepared;
  if (auto done = prepare(given, prepared); !done) return failed(given, done.error());
  if (!given.compare.empty()) return compare_command(given, prepared);
  ReplayOptions options;
  options.events = prepared.events;
  options.decisions = given.decisions;
  options.settings = judged_in(prepared.settings, given.mode);
  options.from = prepared.from;
  options.until = prepared.until;
  options.language = given.language;
  options.print_hash = given.hash;
  if (prepared.places) {
    options.place = [&prepared](const IpAddress& ip) { return prepared.geoip.lookup(ip); };
  }
  const auto summary = replay(options);
  if (!summary) return failed(given, summary.error());
  return summary->skipped == 0 ? Exit::done : Exit::in_part;
}

}  // namespace sekimori::app
