// sekimori analyze: what a mail log says, and which of its accounts look hijacked.
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <thread>

#include "act/geoip.h"
#include "app/analyze_html.h"
#include "app/analyze_json.h"
#include "app/analyze_report.h"
#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "app/engine_settings.h"
#include "app/installation.h"
#include "config/units.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_files_max = 900;   // open at once; below the usual limit of 1024
constexpr unsigned k_threads_default = 8;  // more do not help: one of them adds everything up

// One line on a terminal that is written over.
class Progress {
 public:
  explicit Progress(const Invocation& given) : on_(!given.json && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(double share, Instant t) {
    if (!on_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    const std::string day = t.is_set() ? local_time(format_instant(t)).substr(0, 16) : "";
    if (share < 0) {
      fmt::print(stderr, "\r\033[K{}", day);
    } else {
      const int filled = static_cast<int>(std::min(share, 1.0) * 20);
      fmt::print(stderr, "\r\033[K[{:━<{}}{:╌<{}}] {:3.0f}% {}", "", filled, "", 20 - filled,
                 share * 100, day);
    }
    std::fflush(stderr);
    shown_ = true;
  }

 private:
  bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

std::int32_t utc_offset_of(const config::Settings& settings) {
  if (auto offset = config::parse_utc_offset(settings.maillog.utc_offset)) {
    return static_cast<std::int32_t>(offset->us / 1'000'000);
  }
  const time_t now = ::time(nullptr);
  tm local{};
  ::localtime_r(&now, &local);
  return static_cast<std::int32_t>(local.tm_gmtoff);
}

// The settings of --config; of the usual place where a file can be read there; else the defaults:
// the command works without any installation.
Result<config::Settings> settings_of(const Invocation& given) {
  if (!given.config_given && ::access(given.config.c_str(), R_OK) != 0) return config::Settings{};
  auto loaded = load_settings(given);
  if (!loaded) return std::unexpected(loaded.error());
  return std::move(loaded->settings);
}

bool write_file(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return true;
  }
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return false;
  const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && whole;
}

}  // namespace

Exit run_analyze_command(const Invocation& given) {
  const auto failed = [&given](const Error& error) {
    print_failure(given, error);
    return Exit::refused;
  };
  auto names = given.logs;
  if (names.empty()) {
    if (::isatty(STDIN_FILENO) == 1) {
      fmt::print(stderr, "{}\n",
                 say(given,
                     "読むメールログを指定してください(例: sekimori analyze "
                     "/var/log/mail.log*)。",
                     "which mail logs? For example: sekimori analyze /var/log/mail.log*"));
      return Exit::usage;
    }
    names.emplace_back("-");
  }
  if (names.size() > k_files_max) {
    fmt::print(stderr,
               fmt::runtime(say(given, "一度に読めるのは {} ファイルまでです。\n",
                                "at most {} files at once\n")),
               k_files_max);
    return Exit::usage;
  }
  const auto settings = settings_of(given);
  if (!settings) return failed(settings.error());

  AnalyzeOptions options;
  options.set = {system_now(), utc_offset_of(*settings)};
  ::randombytes_buf(options.key.data(), options.key.size());
  config::Settings enforcing = *settings;
  enforcing.server.mode = config::Mode::enforce;
  enforcing.mode = {};
  options.engine = engine_settings(enforcing, HashKey{});
  // A log's contacts are few beside a server's; the filter grows by doubling, and 64 large ones
  // would take longer to lay out than a small log to read.
  options.engine.detect.contact_filter_bytes = 64UL * 1024;
  act::GeoIp geoip;
  if (!settings->geoip.country.empty() || !settings->geoip.asn.empty()) {
    if (auto done = geoip.load({settings->geoip.country, settings->geoip.asn, ""}); !done) {
      fmt::print(stderr, "sekimori: {}\n", done.error().text);
    }
    options.place = [&geoip](const IpAddress& ip) { return geoip.lookup(ip); };
  }
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  options.threads =
      given.threads > 0 ? static_cast<unsigned>(given.threads) : std::min(cores, k_threads_default);

  std::vector<serve::LogArchive> archives;
  std::vector<serve::LogSet::File> missing;
  for (const auto& name : names) {
    if (auto opened = serve::LogArchive::open(name)) {
      archives.push_back(std::move(*opened));
    } else {
      serve::LogSet::File file;
      file.name = name;
      file.trouble = opened.error().text;
      file.unusable = true;
      missing.push_back(std::move(file));
    }
  }
  serve::LogSet set(std::move(archives), options.set);
  Analysis analysis(options);
  {
    Progress progress(given);
    options.progress = [&progress](double share, Instant t) { progress.show(share, t); };
    analyze(set, options, analysis);
  }
  std::ranges::move(missing, std::back_inserter(analysis.files));

  for (const auto& file : analysis.files) {
    if (file.trouble.empty()) continue;
    fmt::print(stderr, "sekimori: {}{}\n",
               file.trouble.starts_with(file.name) ? "" : harmless(file.name) + ": ",
               harmless(file.trouble));
  }
  const bool any = std::ranges::any_of(analysis.files, [](const auto& f) { return !f.unusable; });
  if (!any) {
    // What is wrong with each file stands in it, for programs, too.
    if (given.json)
      fmt::print("{}\n", boost::json::serialize(analysis_json(analysis, given.language)));
    return Exit::refused;
  }
  if (!given.html.empty() && !write_file(given.html, analysis_html(analysis, given.language))) {
    return failed(
        Error{ErrorKind::operating, fmt::format("{}: {}", given.html, std::strerror(errno))});
  }
  if (given.json) {
    fmt::print("{}\n", boost::json::serialize(analysis_json(analysis, given.language)));
  } else if (given.html != "-") {
    fmt::print("{}", analysis_text(given, analysis, ::isatty(STDOUT_FILENO) == 1));
  }
  const bool whole =
      std::ranges::all_of(analysis.files, [](const auto& f) { return f.trouble.empty(); });
  return whole ? Exit::done : Exit::in_part;
}

}  // namespace sekimori::app
