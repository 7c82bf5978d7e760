// sekimori learn: old mail logs as events, sent in batches to the daemon, or folded here when it
// does not run.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_print.h"
#include "app/cli_text.h"
#include "app/installation.h"
#include "app/learn_report.h"
#include "config/units.h"
#include "decide/directory.h"
#include "store/account_store.h"
#include "web/control.h"
#include "wire/event_json.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// Every file is opened before rights are given up; a year of daily logs of several hosts.
constexpr std::size_t k_files_max = 900;
// A batch is judged within some milliseconds, so mail is answered between two.
constexpr std::size_t k_batch_bytes = 256UL * 1024;
constexpr std::size_t k_batch_events = 2000;
constexpr std::uint64_t k_lines_a_look = 4096;  // the clock is asked once in so many lines

std::int32_t utc_offset_of(const config::Settings& settings) {
  if (auto offset = config::parse_utc_offset(settings.maillog.utc_offset)) {
    return static_cast<std::int32_t>(offset->us / 1'000'000);
  }
  const time_t now = ::time(nullptr);
  tm local{};
  ::localtime_r(&now, &local);
  return static_cast<std::int32_t>(local.tm_gmtoff);
}

// One line on a terminal that is written over.
class Progress {
 public:
  explicit Progress(const Invocation& given)
      : given_(given), on_(!given.json && ::isatty(STDERR_FILENO) == 1) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const serve::LogSet& set, const serve::LogSet::Line& line) {
    if (!on_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    std::string stamp;
    append_instant(stamp, line.t);
    const double share =
        set.bytes() == 0 ? 0
                         : static_cast<double>(set.bytes_read()) / static_cast<double>(set.bytes());
    const int filled = static_cast<int>(share * 20);
    fmt::print(stderr, "\r\033[K[{:━<{}}{:╌<{}}] {:3.0f}% {} {}", "", filled, "", 20 - filled,
               share * 100, local_time(stamp).substr(0, 10),
               fitting(harmless(set.files()[line.file].name), 40));
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  const Invocation& given_;
  bool on_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

// Batches of events, and what the other side made of them.
class Sender {
 public:
  Sender(const Invocation& given, Api& api, std::size_t bytes_max, LearnRun& run)
      : given_(given), api_(api), bytes_max_(bytes_max), run_(run) {}

  void put(const Event& event) {
    if (failed_) return;
    const std::size_t before = lines_.size();
    wire::append_event(lines_, event);
    const std::size_t length = lines_.size() - before;
    if (length > bytes_max_) {
      lines_.resize(before);  // a message to more recipients than any limit lets pass
      ++run_.malformed;
      return;
    }
    if (lines_.size() > bytes_max_) {
      std::string last = lines_.substr(before);
      lines_.resize(before);
      send(false);
      lines_ = std::move(last);
    }
    if (++events_ >= k_batch_events) send(false);
  }
  // Ends the run.
  void finish() { send(true); }
  [[nodiscard]] const std::optional<Error>& failure() const { return failed_; }

 private:
  void send(bool last) {
    if (failed_ || (lines_.empty() && !last)) return;
    auto answer = api_.send_lines(last ? "/api/v1/history?finish=true" : "/api/v1/history", lines_);
    lines_.clear();
    events_ = 0;
    if (!answer) {
      failed_ = answer.error();
      return;
    }
    boost::system::error_code broken;
    const auto body = json::parse(answer->body, broken);
    if (answer->status != 200 || broken || !body.is_object()) {
      failed_ = Error{ErrorKind::operating, printed_error(given_, answer->status, answer->body)};
      return;
    }
    const auto& o = body.get_object();
    const auto add = [&o](const char* key, std::uint64_t& to) {
      if (const auto* value = o.if_contains(key); value != nullptr && value->is_number()) {
        to += value->to_number<std::uint64_t>();
      }
    };
    add("learnt", run_.learnt);
    add("suspicious", run_.suspicious);
    add("already", run_.already);
    add("lived", run_.lived);
    add("ignored", run_.ignored);
    add("malformed", run_.malformed);
    if (const auto* report = o.if_contains("report"); report != nullptr && report->is_object()) {
      run_.report = report->get_object();
    }
  }

  const Invocation& given_;
  Api& api_;
  std::size_t bytes_max_;
  LearnRun& run_;
  std::string lines_;
  std::size_t events_ = 0;
  std::optional<Error> failed_;
};

Result<std::vector<serve::LogArchive>> open_all(const std::vector<std::string>& names) {
  if (names.size() > k_files_max) {
    return bad_input(
        fmt::format("at most {} files at once; the older ones may be learnt later", k_files_max));
  }
  std::vector<serve::LogArchive> out;
  for (const auto& name : names) {
    auto opened = serve::LogArchive::open(name);
    if (!opened) return std::unexpected(opened.error());
    out.push_back(std::move(*opened));
  }
  return out;
}

Result<decide::Directory> read_directory(const config::Settings& settings) {
  store::AccountStoreSettings from;
  from.url = settings.accounts.database;
  from.password_file = settings.accounts.database_password_file;
  from.table_prefix = settings.accounts.table_prefix;
  from.create = false;
  auto accounts = store::PostfixadminStore::open(std::move(from));
  if (!accounts) return std::unexpected(accounts.error());
  auto snapshot = (*accounts)->directory();
  if (!snapshot) return std::unexpected(snapshot.error());
  return decide::Directory(*snapshot, settings.accounts.recipient_delimiter, "");
}

Exit failed(const Invocation& given, const Error& error) {
  print_failure(given, error);
  return Exit::refused;
}

}  // namespace

Exit run_learn_command(const Invocation& given) {
  auto loaded = load_settings(given);
  if (!loaded) return failed(given, loaded.error());
  const config::Settings& settings = loaded->settings;
  // In this order: logs are often root's, databases must not become root's.
  auto archives = open_all(given.logs);
  if (!archives) return failed(given, archives.error());
  auto api = Api::connect(settings);
  if (!api) return failed(given, api.error());
  if (auto done = become_user(settings.server.user); !done) return failed(given, done.error());
  auto directory = read_directory(settings);
  if (!directory) return failed(given, directory.error());

  const auto begun = std::chrono::steady_clock::now();
  LearnRun run;
  serve::HistoryJoinOptions joining;
  joining.host = host_name(settings);
  joining.utc_offset_s = utc_offset_of(settings);
  Sender sender(
      given, **api,
      std::min(k_batch_bytes, static_cast<std::size_t>(settings.web.body_bytes_max.bytes) / 2),
      run);
  serve::HistoryJoin join(*directory, std::move(joining),
                          [&sender](Event&& event) { sender.put(event); });
  serve::LogSet set(std::move(*archives), {system_now(), utc_offset_of(settings)});
  {
    Progress progress(given);
    std::uint64_t number = 0;
    while (const auto line = set.next()) {
      join.line(line->text, line->reference);
      if (sender.failure()) break;
      if (++number % k_lines_a_look == 0) progress.show(set, *line);
    }
    if (!sender.failure()) {
      join.finish();
      sender.finish();
    }
  }
  if (sender.failure()) return failed(given, *sender.failure());
  if (auto kept = (*api)->keep(); !kept) return failed(given, kept.error());
  run.files = set.files();
  run.read = join.counts();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();

  if (given.json) {
    fmt::print("{}\n", json::serialize(learn_json(run)));
  } else {
    fmt::print("{}", learn_text(given, run));
  }
  const bool whole =
      std::ranges::all_of(run.files, [](const auto& f) { return f.trouble.empty(); });
  const bool any = std::ranges::any_of(run.files, [](const auto& f) { return !f.unusable; });
  return whole ? Exit::done : any ? Exit::in_part : Exit::refused;
}

}  // namespace sekimori::app
