#include "app/analyze_json.h"

#include <boost/json/array.hpp>
#include <cmath>
#include <utility>

#include "app/analyze_view.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// Of the lists whose length strangers choose; what is behind them is counted in "others".
constexpr std::size_t k_guessers_max = 10'000;
constexpr std::size_t k_top = 50;

json::value time_json(Instant t) {
  return t.is_set() ? json::value(stamp_of(t)) : json::value(nullptr);
}
std::string utf8(std::string_view text) { return wire::valid_utf8(text); }

json::object totals_json(const Analysis& analysis) {
  const SurveyTotals& t = analysis.survey.totals();
  json::object out;
  const std::pair<const char*, std::uint64_t> figures[] = {
      {"lines", t.lines},
      {"unknown_lines", t.unknown_lines},
      {"routine_lines", t.routine_lines},
      {"foreign_lines", t.foreign_lines},
      {"warnings", t.warnings},
      {"connects", t.connects},
      {"postscreen_connects", t.postscreen_connects},
      {"messages", t.messages},
      {"bytes", t.bytes},
      {"sent", t.sent},
      {"forwarded", t.forwarded},
      {"deferred", t.deferred},
      {"deferred_messages", t.deferred_messages},
      {"bounced", t.bounced},
      {"expired", t.expired},
      {"rejected", t.rejected},
      {"reject_warnings", t.reject_warnings},
      {"held", t.held},
      {"discarded", t.discarded},
      {"submissions", t.submissions},
      {"recipients", t.recipients},
      {"logins", t.logins},
      {"plaintext_logins", t.plaintext_logins},
      {"auth_failures", analysis.survey.tries().failures()},
      {"pickups", t.pickups}};
  for (const auto& [key, value] : figures) out[key] = value;
  return out;
}

json::array accounts_json(const Analysis& analysis, Language language) {
  json::array out;
  for (const auto& row : accounts_in_order(analysis)) {
    const AccountTraffic& a = *row.traffic;
    const AccountVerdict& v = *row.verdict;
    json::array reasons;
    for (const auto& reason : v.reasons) reasons.push_back(json::value(reason.in(language)));
    json::object one{{"address", utf8(a.address)},
                     {"submissions", a.submissions},
                     {"recipients", a.recipients},
                     {"addresses", a.addresses},
                     {"verdict", to_string(v.verdict)},
                     {"reasons", std::move(reasons)},
                     {"bytes", a.bytes},
                     {"sent", a.sent},
                     {"deferred", a.deferred},
                     {"bounced", a.bounced},
                     {"listed", a.listed},
                     {"logins", a.logins},
                     {"plaintext_logins", a.plaintext_logins},
                     {"first", time_json(a.first)},
                     {"last", time_json(a.last)},
                     {"log_r", std::round(v.log_r * 1000) / 1000}};
    if (v.verdict != Verdict::normal) {
      one["sureness"] = to_string(v.sureness);
      one["prevented"] = v.prevented;
    }
    if (v.verdict == Verdict::suspicious) one["first_held"] = time_json(v.first_held);
    if (v.verdict == Verdict::hijacked) {
      one["onset"] = time_json(v.onset);
      one["stopped"] = time_json(v.stopped);
      one["got_out"] = v.got_out;
      one["family"] = v.family;
    }
    out.push_back(std::move(one));
  }
  return out;
}

json::array guessers_json(const std::vector<AuthTries::Guesser>& guessers) {
  json::array out;
  for (const auto& g : guessers) {
    if (out.size() == k_guessers_max) break;
    out.push_back(json::object{{"ip", g.ip.to_string()},
                               {"failures", g.failures},
                               {"accounts", g.accounts},
                               {"kind", to_string(g.kind)},
                               {"first", time_json(g.first)},
                               {"last", time_json(g.last)}});
  }
  return out;
}

json::array targets_json(const std::vector<AuthTries::Target>& targets) {
  json::array out;
  for (const auto& t : targets) {
    if (out.size() == k_guessers_max) break;
    out.push_back(json::object{{"account", utf8(t.name)},
                               {"failures", t.failures},
                               {"addresses", t.addresses},
                               {"distributed", t.addresses >= AuthTries::k_distributed_min},
                               {"first", time_json(t.first)},
                               {"last", time_json(t.last)}});
  }
  return out;
}

json::array causes_json(const LogSurvey::CauseCounts& counts, Language language) {
  json::array out;
  for (const auto& row : causes_in_order(counts)) {
    out.push_back(json::object{{"cause", to_string(row.cause)},
                               {"text", words(row.cause).in(language)},
                               {"count", row.n}});
  }
  return out;
}

json::array counts_json(const NameTable<Count>& table, const char* key) {
  json::array out;
  for (const auto* row : table.top(k_top)) {
    out.push_back(json::object{{key, utf8(row->name)}, {"count", row->value.n}});
  }
  return out;
}
json::array outcomes_json(const NameTable<Outcomes>& table, const char* key) {
  json::array out;
  for (const auto* row : table.top(k_top)) {
    out.push_back(json::object{{key, utf8(row->name)},
                               {"sent", row->value.sent},
                               {"deferred", row->value.deferred},
                               {"bounced", row->value.bounced}});
  }
  return out;
}
json::array samples_json(const NameTable<Sample>& table) {
  json::array out;
  for (const auto* row : table.top(k_top)) {
    out.push_back(json::object{
        {"form", utf8(row->name)}, {"count", row->value.n}, {"sample", utf8(row->value.line)}});
  }
  return out;
}

}  // namespace

json::object analysis_json(const Analysis& analysis, Language language) {
  const LogSurvey& s = analysis.survey;
  json::array files;
  for (const auto& file : analysis.files) {
    files.push_back(json::object{{"name", utf8(file.name)},
                                 {"packed", file.packed},
                                 {"first", file.first.us > 1 ? time_json(file.first) : nullptr},
                                 {"lines", file.lines},
                                 {"lines_too_long", file.lines_too_long},
                                 {"unusable", file.unusable},
                                 {"trouble", utf8(file.trouble)}});
  }
  json::array successes;
  for (const auto& one : s.tries().successes()) {
    successes.push_back(json::object{{"account", utf8(one.account)},
                                     {"ip", one.ip.to_string()},
                                     {"t", time_json(one.t)},
                                     {"failures", one.failures},
                                     {"named", one.named}});
  }
  json::array senders;
  for (const auto* row : s.senders().top(k_top)) {
    senders.push_back(json::object{{"address", utf8(row->name)},
                                   {"messages", row->value.messages},
                                   {"recipients", row->value.recipients},
                                   {"bytes", row->value.bytes}});
  }
  json::array users;
  for (const auto& [uid, user] : s.users()) {
    users.push_back(json::object{{"uid", uid},
                                 {"messages", user.messages},
                                 {"recipients", user.recipients},
                                 {"bytes", user.bytes}});
  }
  json::object out;
  out["files"] = std::move(files);
  out["from"] = time_json(s.first());
  out["until"] = time_json(s.last());
  out["seconds"] = analysis.seconds;
  out["totals"] = totals_json(analysis);
  out["accounts"] = accounts_json(analysis, language);
  out["guessers"] = guessers_json(s.tries().guessers());
  out["guessed"] = targets_json(s.tries().targets());
  out["success_after_failures"] = std::move(successes);
  out["bounces"] = causes_json(s.bounces(), language);
  out["deferrals"] = causes_json(s.deferrals(), language);
  out["refusals"] = causes_json(s.refusals(), language);
  out["block_lists_met"] = counts_json(s.lists_met(), "list");
  out["block_lists_used"] = counts_json(s.lists_used(), "list");
  out["local_users"] = std::move(users);
  out["senders"] = std::move(senders);
  out["recipients"] = counts_json(s.recipients(), "address");
  out["recipient_domains"] = outcomes_json(s.recipient_domains(), "domain");
  out["relays"] = outcomes_json(s.relays(), "relay");
  out["hosts"] = counts_json(s.hosts(), "host");
  out["programs"] = counts_json(s.programs(), "program");
  out["unknown"] = samples_json(s.unknown_forms());
  out["warnings"] = samples_json(s.warning_forms());
  return out;
}

}  // namespace sekimori::app
