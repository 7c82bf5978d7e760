#include "app/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>

#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "detect/words.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

using detect::grouped;
using Rows = std::vector<std::vector<std::string>>;

// The accounts named at the end; all of them (up to k_differing_max) are in --json.
constexpr std::size_t k_named_max = 20;

// What a replay looks at: sections, or single settings.
constexpr auto k_judging = std::to_array<std::string_view>(
    {"detect.", "limits.", "recovery.probation", "standing.probation", "memory.accounts_max",
     "memory.contact_filter"});

json::value time_json(Instant t) {
  return t.is_set() ? json::value(format_instant(t)) : json::value(nullptr);
}

json::object json_of(const Outcome& o) {
  return {{"reached", o.reached},
          {"refused", o.refused},
          {"deleted", o.deleted},
          {"waiting", o.waiting},
          {"messages", o.messages},
          {"held", o.held},
          {"asked", o.asked},
          {"held_minutes", std::round(o.held_minutes * 10) / 10},
          {"first_held", time_json(o.first_held)},
          {"restricted", time_json(o.restricted)},
          {"suspended", time_json(o.suspended)}};
}
// How long mail waited then cannot be told from what is kept of it.
json::object recorded_json(const Outcome& o) {
  auto out = json_of(o);
  out.erase("held_minutes");
  return out;
}

std::string when(Instant t) { return local_time(format_instant(t)); }
std::string minutes_text(double minutes) {
  return grouped(static_cast<std::uint64_t>(std::llround(std::max(minutes, 0.0))));
}
std::string name_of(const Invocation& given, const std::string& file) {
  return file.empty() ? say(given, "既定の設定", "the defaults") : harmless(file);
}

// One line that says what the table below means for people.
std::string verdict(const Invocation& given, const Comparison& c) {
  const auto fewer = static_cast<std::int64_t>(c.a.reached - c.b.reached);
  const std::string size = grouped(static_cast<std::uint64_t>(fewer < 0 ? -fewer : fewer));
  const double share = c.a.reached == 0 ? 0
                                        : 100.0 * std::abs(static_cast<double>(fewer)) /
                                              static_cast<double>(c.a.reached);
  if (fewer == 0 && c.differing_count == 0) {
    return say(given, "どちらの設定でも結果は同じです。\n", "Both come to the same.\n");
  }
  if (fewer == 0) {
    return say(given, "相手に届く宛先の数は、どちらの設定でも同じです。\n",
               "As many recipients would have been reached with both.\n");
  }
  if (given.language == Language::ja) {
    return fmt::format("B では、相手に届く宛先が A より {} 件({:.1f}%){}。\n", size, share,
                       fewer > 0 ? "減ります" : "増えます");
  }
  return fmt::format("With B {} recipients {} ({:.1f}%) would have been reached than with A.\n",
                     size, fewer > 0 ? "fewer" : "more", share);
}

std::string settings_text(const Invocation& given, const CompareReport& report) {
  Rows rows;
  std::size_t others = 0;
  for (const auto& setting : report.settings) {
    if (!setting.judging) {
      ++others;
      continue;
    }
    rows.push_back({"  " + setting.name, harmless(setting.a), "→ " + harmless(setting.b)});
  }
  std::string out;
  if (rows.empty()) {
    out += say(given, "判定に関わる設定に違いはありません。\n",
               "No setting that has a part in judging differs.\n");
  } else {
    out += say(given, "異なる設定(A → B)\n", "Settings that differ (A → B)\n");
    out += table(rows);
  }
  if (others > 0) {
    out += fmt::format(fmt::runtime(say(given, "  ほかに、判定に関わらない設定が {} 件異なります\n",
                                        "  and {} more that have no part in judging\n")),
                       others);
  }
  return out;
}

std::string outcome_words(const Invocation& given, const Outcome& o) {
  if (o.suspended.is_set()) {
    return fmt::format("{} {}", standing_word("suspended", given.language), when(o.suspended));
  }
  if (o.restricted.is_set()) {
    return fmt::format("{} {}", standing_word("restricted", given.language), when(o.restricted));
  }
  if (o.held > 0) {
    return fmt::format("{} {}", say(given, "保留", "held"), when(o.first_held));
  }
  if (o.refused > 0) return say(given, "上限で拒否", "refused by a limit");
  return say(given, "そのまま送信", "passed");
}

}  // namespace

std::vector<SettingDifference> setting_differences(const config::Settings& a,
                                                   const config::Settings& b) {
  std::vector<SettingDifference> out;
  for (const auto& definition : config::definitions()) {
    SettingDifference found{.name = std::string(definition.name),
                            .a = config::print_value(definition, a),
                            .b = config::print_value(definition, b)};
    if (found.a == found.b) continue;
    found.judging = std::ranges::any_of(
        k_judging, [&](std::string_view begin) { return found.name.starts_with(begin); });
    out.push_back(std::move(found));
  }
  return out;
}

json::object compare_json(const CompareReport& report) {
  const Comparison& c = report.comparison;
  const auto side = [](const Outcome& o, std::uint64_t held, std::uint64_t stopped,
                       std::uint64_t suspended) {
    auto out = json_of(o);
    out["accounts_held"] = held;
    out["accounts_stopped"] = stopped;
    out["accounts_suspended"] = suspended;
    return out;
  };
  json::object out;
  out["from"] = time_json(c.first);
  out["until"] = time_json(c.last);
  out["mode"] = report.mode;
  out["events"] = c.events;
  out["events_read"] = c.reading.events;
  out["lines_skipped"] = c.reading.skipped;
  out["accounts"] = c.accounts;
  auto a = side(c.a, c.held_accounts_a, c.restricted_a, c.suspended_a);
  a["config"] = report.name_a.empty() ? json::value(nullptr) : json::value(report.name_a);
  a["benign_minutes"] = std::round(c.benign_minutes_a * 10) / 10;
  auto b = side(c.b, c.held_accounts_b, c.restricted_b, c.suspended_b);
  b["config"] = report.name_b.empty() ? json::value(nullptr) : json::value(report.name_b);
  b["benign_minutes"] = std::round(c.benign_minutes_b * 10) / 10;
  out["a"] = std::move(a);
  out["b"] = std::move(b);
  if (c.recorded) {
    auto then = side(c.then, c.held_accounts_then, c.restricted_then, c.suspended_then);
    then.erase("held_minutes");
    out["recorded"] = std::move(then);
  } else {
    out["recorded"] = nullptr;
  }
  json::array settings;
  for (const auto& setting : report.settings) {
    settings.push_back(json::object{
        {"name", setting.name}, {"a", setting.a}, {"b", setting.b}, {"judging", setting.judging}});
  }
  out["settings"] = std::move(settings);
  out["accounts_differing"] = c.differing_count;
  json::array differing;
  for (const auto& account : c.differing) {
    differing.push_back(json::object{
        {"account", account.account},
        {"a", json_of(account.a)},
        {"b", json_of(account.b)},
        {"recorded", c.recorded ? json::value(recorded_json(account.recorded)) : nullptr}});
  }
  out["differing"] = std::move(differing);
  out["seconds"] = c.seconds;
  return out;
}

std::string compare_text(const Invocation& given, const CompareReport& report) {
  const Comparison& c = report.comparison;
  const auto t = [&given](const char* ja, const char* en) { return say(given, ja, en); };
  std::string out = table({{t("期間", "period"), when(c.first) + " … " + when(c.last)},
                           {t("出来事", "events"), grouped(c.events)},
                           {t("送信したアカウント", "accounts that sent"), grouped(c.accounts)},
                           {"A", name_of(given, report.name_a)},
                           {"B", name_of(given, report.name_b)},
                           {t("動作", "mode"), report.mode}});
  out += '\n' + settings_text(given, report) + '\n';
  out += verdict(given, c);

  Rows rows = {{"", "A", "B"}};
  if (c.recorded) rows.front().emplace_back(t("実際", "as it was"));
  const auto row = [&](std::string name, std::string a, std::string b, std::string then) {
    rows.push_back({std::move(name), std::move(a), std::move(b)});
    if (c.recorded) rows.back().push_back(std::move(then));
  };
  const auto count = [&](const char* ja, const char* en, std::uint64_t a, std::uint64_t b,
                         std::uint64_t then) {
    row(t(ja, en), grouped(a), grouped(b), grouped(then));
  };
  count("相手に届いた宛先", "recipients reached", c.a.reached, c.b.reached, c.then.reached);
  count("拒否した宛先", "recipients refused", c.a.refused, c.b.refused, c.then.refused);
  count("待ったままの宛先", "recipients still waiting", c.a.waiting, c.b.waiting, c.then.waiting);
  count("保留したメール", "messages held", c.a.held, c.b.held, c.then.held);
  count("  うち人の確認が必要", "  of these for a person", c.a.asked, c.b.asked, c.then.asked);
  count("保留のあったアカウント", "accounts with held mail", c.held_accounts_a, c.held_accounts_b,
        c.held_accounts_then);
  count("送信を止めたアカウント", "accounts stopped", c.restricted_a, c.restricted_b,
        c.restricted_then);
  count("  うちログインも停止", "  of these suspended", c.suspended_a, c.suspended_b,
        c.suspended_then);
  row(t("止めなかったアカウントのメールが待った時間(分)",
        "minutes mail waited, accounts never stopped"),
      minutes_text(c.benign_minutes_a), minutes_text(c.benign_minutes_b), "-");
  out += '\n' + table(rows);

  if (c.differing_count > 0) {
    out += '\n' + fmt::format(fmt::runtime(t("結果の異なるアカウント: {}\n",
                                             "Accounts with a different outcome: {}\n")),
                              grouped(c.differing_count));
    Rows named = {{t("アカウント", "account"), "", t("結果", "outcome"), t("届いた", "reached"),
                   t("拒否", "refused"), t("待ち", "waiting"), t("保留", "held"),
                   t("要確認", "asked")}};
    const auto add = [&](std::string account, const char* side, const Outcome& o) {
      named.push_back({std::move(account), side, outcome_words(given, o), grouped(o.reached),
                       grouped(o.refused), grouped(o.waiting), grouped(o.held), grouped(o.asked)});
    };
    for (std::size_t i = 0; i < std::min(c.differing.size(), k_named_max); ++i) {
      add(harmless(c.differing[i].account), "A", c.differing[i].a);
      add("", "B", c.differing[i].b);
    }
    out += table(named);
    if (c.differing_count > k_named_max) {
      out += fmt::format(fmt::runtime(t("ほか {} アカウント(--json で表示します)\n",
                                        "and {} more (--json names them)\n")),
                         grouped(c.differing_count - k_named_max));
    }
  }
  if (c.reading.skipped > 0) {
    out += '\n' + fmt::format(fmt::runtime(t("読めなかった行が {} 行あり、除きました(書式は "
                                             "docs/events.md)。\n",
                                             "{} lines could not be read and were left out "
                                             "(docs/events.md has the format).\n")),
                              grouped(c.reading.skipped));
  }
  return out;
}

}  // namespace sekimori::app
