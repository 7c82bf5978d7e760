#include "app/learn_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "detect/words.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

using detect::grouped;

// The accounts named at the end; all of them are in --json.
constexpr std::size_t k_named_max = 20;

std::string rfc3339(Instant t) {
  std::string out;
  if (t.is_set()) append_instant(out, t);
  return out;
}
json::value time_json(Instant t) {
  return t.is_set() ? json::value(rfc3339(t)) : json::value(nullptr);
}

std::uint64_t number(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

std::string day_of(const json::object& from, const char* key) {
  const auto* value = from.if_contains(key);
  if (value == nullptr || !value->is_string()) return "";
  return local_time(std::string_view(value->get_string())).substr(0, 10);
}

}  // namespace

json::object learn_json(const LearnRun& run) {
  json::array files;
  for (const auto& file : run.files) {
    files.push_back(json::object{{"name", file.name},
                                 {"packed", file.packed},
                                 {"first", file.first.us > 1 ? time_json(file.first) : nullptr},
                                 {"lines", file.lines},
                                 {"lines_too_long", file.lines_too_long},
                                 {"unusable", file.unusable},
                                 {"trouble", file.trouble}});
  }
  json::object out;
  out["files"] = std::move(files);
  out["lines"] = run.read.lines;
  out["unknown_lines"] = run.read.unknown;
  out["from"] = time_json(run.read.first);
  out["until"] = time_json(run.read.last);
  out["events"] = run.read.events;
  out["submissions"] = run.read.submissions;
  out["incomplete"] = run.read.incomplete;
  out["foreign"] = run.read.foreign;
  out["learnt"] = run.learnt;
  out["suspicious"] = run.suspicious;
  out["already"] = run.already;
  out["lived"] = run.lived;
  out["ignored"] = run.ignored;
  out["malformed"] = run.malformed;
  out["seconds"] = run.seconds;
  out["report"] = run.report.empty() ? json::value(nullptr) : json::value(run.report);
  return out;
}

std::string learn_text(const Invocation& given, const LearnRun& run) {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const char* ja, const char* en, std::string value) {
    rows.push_back({say(given, ja, en), std::move(value)});
  };
  const auto& r = run.report;
  const auto usable = static_cast<std::uint64_t>(
      std::ranges::count_if(run.files, [](const auto& f) { return !f.unusable; }));
  row("読んだファイル", "files", grouped(usable));
  row("行数", "lines", grouped(run.read.lines));
  row("読み取れなかった行", "unknown lines", grouped(run.read.unknown));
  if (run.read.first.is_set()) {
    row("ログの期間", "span of the logs",
        fmt::format("{} … {}", local_time(rfc3339(run.read.first)).substr(0, 10),
                    local_time(rfc3339(run.read.last)).substr(0, 10)));
  }
  if (const auto from = day_of(r, "from"); !from.empty()) {
    row("学んだ期間", "learnt of", fmt::format("{} … {}", from, day_of(r, "until")));
  }
  row("アカウント", "accounts", grouped(number(r, "accounts")));
  row("ログイン", "logins", grouped(number(r, "logins")));
  row("送信メール", "messages", grouped(number(r, "messages")));
  row("宛先の延べ数", "recipients", grouped(number(r, "recipients")));
  row("覚えた宛先", "contacts learnt", grouped(number(r, "contacts")));
  row("覚えた差出人", "correspondents learnt", grouped(number(r, "correspondents")));
  double places = 0;
  if (const auto* median = r.if_contains("places_median"); median != nullptr) {
    places = median->is_number() ? median->to_number<double>() : 0;
  }
  row("覚えた接続元(中央値)", "places an account (median)", fmt::format("{}", places));
  if (const auto waiting = number(r, "messages_waiting"); waiting > 0) {
    row("直近 1 日分(明日覚えます)", "of the last day (known tomorrow)", grouped(waiting));
  }
  if (run.already > 0) row("学習済み", "already learnt", grouped(run.already));
  if (run.lived > 0) {
    row("稼働中に把握済み", "seen live already", grouped(run.lived));
  }
  if (run.read.foreign + run.ignored > 0) {
    row("対象外", "not of our accounts, or no news", grouped(run.read.foreign + run.ignored));
  }
  std::string out = table(rows);

  for (const auto& file : run.files) {
    if (file.trouble.empty()) continue;
    out +=
        file.unusable
            ? fmt::format(fmt::runtime(say(given, "{}: 読めませんでした({})\n",
                                           "{}: could not be read ({})\n")),
                          harmless(file.name), harmless(file.trouble))
            : fmt::format(fmt::runtime(say(
                              given, "{}: 途中で壊れているため、そこまでの {} 行を読みました({})\n",
                              "{}: broken before its end; the {} lines before it were "
                              "read ({})\n")),
                          harmless(file.name), grouped(file.lines), harmless(file.trouble));
  }
  const auto* left = r.if_contains("left_out");
  if (left == nullptr || !left->is_object() || number(left->get_object(), "accounts") == 0) {
    return out;
  }
  const auto accounts = number(left->get_object(), "accounts");
  out += fmt::format(
      fmt::runtime(say(given,
                       "\n乗っ取りが疑われる送信があったため、次の {} アカウントの {} 通は"
                       "学習から除きました。\n",
                       "\nBecause of suspicion {1} messages of {0} accounts were left out:\n")),
      grouped(accounts), grouped(number(left->get_object(), "messages")));
  const auto* items = left->get_object().if_contains("items");
  if (items == nullptr || !items->is_array()) return out;
  std::vector<std::vector<std::string>> named;
  for (const auto& item : items->get_array()) {
    if (named.size() == k_named_max || !item.is_object()) break;
    const auto& o = item.get_object();
    const auto* account = o.if_contains("account");
    named.push_back({"  " + (account != nullptr && account->is_string()
                                 ? harmless(std::string_view(account->get_string()))
                                 : ""),
                     fmt::format("{} … {}", day_of(o, "first"), day_of(o, "last")),
                     fmt::format(fmt::runtime(say(given, "{} 通", "{} messages")),
                                 grouped(number(o, "messages")))});
  }
  out += table(named);
  if (accounts > named.size()) {
    out += fmt::format(fmt::runtime(say(given, "  ほか {} アカウント(--json ですべて表示します)\n",
                                        "  and {} more (--json names them)\n")),
                       accounts - named.size());
  }
  return out;
}

}  // namespace sekimori::app
