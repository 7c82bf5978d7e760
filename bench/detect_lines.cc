#include "bench/detect_lines.h"

#include <fmt/format.h>

namespace sekimori::bench {
namespace {

constexpr unsigned k_rounds = 1000;  // of the bootstrap

class Printer {
 public:
  explicit Printer(const Study& study) : s_(study) {}

  std::vector<std::string> print() {
    print_setup();
    for (std::string& table : attack_table_lines()) lines_.push_back(std::move(table));
    print_rules();
    for (const auto& [name, run] : s_.runs) {
      print_alarms(name, run);
      // Who answers changes what owners suffer; attacks are met once, without.
      if (!run.leaks[0].empty()) print_leaks(name, run);
    }
    print_cases();
    print_stealth();
    return std::move(lines_);
  }

 private:
  void line(const Json& j) { lines_.push_back(j.str()); }
  [[nodiscard]] static Json figure(std::string_view name) {
    Json j;
    j.text("bench", "detect").text("figure", name);
    return j;
  }
  [[nodiscard]] double limit(std::size_t b, Target t) const {
    return s_.limits[b][static_cast<std::size_t>(t)];
  }
  static double rate_above(const std::vector<double>& maxima, double limit, double days) {
    double n = 0;
    for (const double m : maxima) n += m > limit ? 1 : 0;
    return days > 0 ? n / days * 1e4 : 0;
  }
  // What a rule may see when the judge sees only some signals.
  static bool allowed(RuleNeeds needs, std::string_view signals) {
    if (signals == "send" || signals == "recipients and times") return needs == RuleNeeds::sending;
    if (signals == "send+bounce") return needs == RuleNeeds::sending || needs == RuleNeeds::bounces;
    if (signals == "send+login") return needs == RuleNeeds::sending || needs == RuleNeeds::logins;
    return true;
  }

  void print_setup() {
    std::vector<std::string> names;
    for (const Setup& s : s_.setups) names.push_back(fmt::format("\"{}\"", s.name()));
    line(figure("setup")
             .text("mode", s_.options.full ? "full" : "quick")
             .whole("tune_seed", s_.options.tune_seed)
             .whole("tune_half", k_tune_half)
             .whole("test_seed", s_.options.test_seed)
             .whole("test_half", k_test_half)
             .whole("victims_per_world", s_.options.victims)
             .whole("cases_per_world", s_.options.cases)
             .whole("bootstrap_rounds", k_rounds)
             .number("tune_days", s_.tune_days, 0)
             .number("test_days", s_.test_days, 0)
             .number("matched_per_10k", s_.matched)
             .number("line_10", s_.lines[0])
             .number("line_1", s_.lines[1])
             .number("line_0.3", s_.lines[2])
             .raw("worlds", array_of(names)));
  }

  void print_rules() {
    for (std::size_t b = 0; b < baselines().size(); ++b) {
      std::vector<std::string> points;
      for (std::size_t t = 0; t < k_targets; ++t) {
        const double at = s_.limits[b][t];
        points.push_back(Json()
                             .text("target", to_string(static_cast<Target>(t)))
                             .number("limit", at)
                             .number("tuned_per_10k",
                                     rate_above(s_.tuned[b].ordinary, at, s_.tune_days_ordinary))
                             .number("test_per_10k",
                                     rate_above(s_.tested[b].ordinary, at, s_.test_days_ordinary))
                             .number("test_per_10k_with_newsletters",
                                     rate_above(s_.tested[b].everybody, at, s_.test_days))
                             .str());
      }
      line(figure("rule")
               .text("name", baselines()[b].name)
               .text("usual", baselines()[b].usual)
               .raw("points", array_of(points)));
    }
  }

  void print_alarms(std::string_view name, const Run& run) {
    const auto with_baseline = [&](Json j, double everybody) {
      return j.raw("baseline", Json()
                                   .text("name", baselines()[k_new_recipients].name)
                                   .text("target", "0.3")
                                   .number("per_10k", everybody)
                                   .str());
    };
    const double limit_third = limit(k_new_recipients, Target::third);
    for (const Whom whom : {Whom::without_newsletters, Whom::everybody}) {
      const bool all = whom == Whom::everybody;
      const Maxima& tested = s_.tested[k_new_recipients];
      const double rule = all ? rate_above(tested.everybody, limit_third, s_.test_days)
                              : rate_above(tested.ordinary, limit_third, s_.test_days_ordinary);
      const int worlds = name == "all" ? static_cast<int>(s_.setups.size()) : 0;
      for (int i = -1; i < worlds; ++i) {
        line(with_baseline(
            figure("false_alarms")
                .text("signals", name)
                .text("accounts", all ? "all" : "without newsletters")
                .text("world", i < 0 ? "all six" : s_.setups[static_cast<std::size_t>(i)].name())
                .raw("judge", json_of(summarise(run.owners, whom, i, k_rounds))),
            rule));
      }
    }
  }

  void print_leaks(std::string_view name, const Run& run) {
    for (std::size_t k = 0; k < k_all_attack_kinds; ++k) {
      if (run.leaks[k].empty()) continue;
      std::vector<std::string> rules;
      std::string best_by[3];
      double best[3] = {1e18, 1e18, 1e18};
      for (std::size_t b = 0; b < baselines().size(); ++b) {
        if (!allowed(baselines()[b].needs, name)) continue;
        for (std::size_t t = 0; t < k_targets; ++t) {
          const LeakSummary s = summarise(leaks_at(s_.climbs[k][b], s_.limits[b][t]));
          const double values[3] = {s.p50, s.p95, s.mean_leaked};
          // A verdict on content that was simulated stands beside the contest.
          const bool contends = baselines()[b].needs != RuleNeeds::content;
          for (int v = 0; v < 3; ++v) {
            if (!contends || static_cast<Target>(t) != Target::third || s.n == 0 ||
                values[v] >= best[v])
              continue;
            best[v] = values[v];
            best_by[v] = baselines()[b].name;
          }
          if (name != "all" && static_cast<Target>(t) != Target::third) continue;
          rules.push_back(Json()
                              .text("name", baselines()[b].name)
                              .text("target", to_string(static_cast<Target>(t)))
                              .raw("leak", json_of(s))
                              .str());
        }
      }
      const auto of_best = [&](int v) {
        return Json().text("name", best_by[v]).number("value", best[v], v == 2 ? 1 : 0).str();
      };
      line(figure(k < k_attack_kinds ? "leak" : "unforeseen")
               .text("signals", name)
               .text("family", to_string(static_cast<AttackKind>(k)))
               .raw("judge", json_of(summarise(run.leaks[k])))
               .raw("best_rule_at_0.3", Json()
                                            .raw("p50", of_best(0))
                                            .raw("p95", of_best(1))
                                            .raw("mean", of_best(2))
                                            .str())
               .raw("rules", array_of(rules)));
    }
  }

  void print_cases() {
    for (std::size_t k = 0; k < k_case_kinds; ++k) {
      const CaseTally& c = s_.cases[k];
      std::vector<std::string> rules;
      for (std::size_t b = 0; b < baselines().size(); ++b) {
        std::size_t restricted = 0, counted = 0;
        for (const auto& one : c.rules[b]) {
          const Climb* hit = first_above(one.climbs, limit(b, Target::third));
          if (hit != nullptr && hit->t < one.from) continue;
          ++counted;
          if (hit != nullptr && hit->t <= one.to) ++restricted;
        }
        rules.push_back(Json()
                            .text("name", baselines()[b].name)
                            .whole("cases", counted)
                            .whole("restricted", restricted)
                            .str());
      }
      const double thousands = static_cast<double>(c.messages) / 1000;
      const auto per = [&](double n) { return thousands > 0 ? n / thousands : 0; };
      line(figure("case")
               .text("kind", to_string(static_cast<CaseKind>(k)))
               .raw("judge",
                    Json()
                        .whole("cases", c.cases)
                        .whole("restricted", c.restricted)
                        .whole("cases_asked", c.cases_asked)
                        .whole("cases_held", c.cases_held)
                        .whole("messages", c.messages)
                        .number("held_per_1000", per(static_cast<double>(c.timed + c.asked)))
                        .number("asked_per_1000", per(static_cast<double>(c.asked)))
                        .number("questions_per_1000", per(static_cast<double>(c.questions)))
                        .number("held_minutes_per_1000", per(c.minutes), 1)
                        .str())
               .raw("rules_at_0.3", array_of(rules)));
    }
  }

  void print_stealth() {
    for (const auto& [strangers, s] : s_.stealth) {
      line(figure("stealth")
               .whole("strangers_a_day", strangers)
               .raw("judge", json_of(summarise(s.judge)))
               .raw("baseline",
                    Json()
                        .text("name", baselines()[k_new_recipients].name)
                        .text("target", "0.3")
                        .raw("leak", json_of(summarise(
                                         leaks_at(s.rule, limit(k_new_recipients, Target::third)))))
                        .str()));
    }
  }

  const Study& s_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> figure_lines(const Study& study) { return Printer(study).print(); }

}  // namespace sekimori::bench
