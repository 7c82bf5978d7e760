// The report's arithmetic, its rules and its worlds: what the figures in docs/detection.md rest on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/mail_address.h"
#include "bench/detect_baselines.h"
#include "bench/detect_cases.h"
#include "bench/detect_figures.h"
#include "bench/detect_gate.h"
#include "bench/detect_lines.h"

namespace sekimori::bench {
namespace {

TEST(Statistics, PoissonBoundsAreTheExactOnes) {
  // Garwood's table: 0, 1, 5 and 20 events, one-sided 95 %.
  EXPECT_NEAR(poisson_upper(0, .95), 2.996, .001);
  EXPECT_NEAR(poisson_upper(1, .95), 4.744, .001);
  EXPECT_NEAR(poisson_upper(5, .95), 10.513, .001);
  EXPECT_NEAR(poisson_upper(20, .95), 29.062, .001);
  EXPECT_EQ(poisson_lower(0, .95), 0);
  EXPECT_NEAR(poisson_lower(5, .95), 1.970, .001);
}

TEST(Statistics, QuantilesTakeTheValueAtTheirPlace) {
  EXPECT_EQ(quantile({}, .5), 0);
  EXPECT_EQ(quantile({3, 1, 2}, .5), 2);
  EXPECT_EQ(quantile({1, 2, 3, 4}, 1), 4);
  EXPECT_EQ(mean(std::vector<double>{1, 2, 6}), 3);
}

TEST(Statistics, BootstrapDrawsAccountsNotEvents) {
  // All events on one account of a hundred: the interval must reach to none and past twice.
  std::vector<Cluster> clumped(100, {0, 10});
  clumped[7].events = 20;
  std::vector<Cluster> spread(100, {.2, 10});
  const Interval wide = bootstrap_rate(clumped, 2000, 1);
  const Interval narrow = bootstrap_rate(spread, 2000, 1);
  EXPECT_EQ(wide.low, 0);
  EXPECT_GE(wide.high, .04);
  EXPECT_NEAR(narrow.low, .02, 1e-9);
  EXPECT_NEAR(narrow.high, .02, 1e-9);
  EXPECT_EQ(bootstrap_rate(clumped, 2000, 1).high, wide.high);  // the seed decides
}

TEST(Statistics, TunedLimitKeepsToItsRate) {
  std::vector<double> maxima;
  for (int i = 1; i <= 100; ++i) maxima.push_back(i);
  // 100,000 account-days at 1 in 10,000: ten may pass.
  EXPECT_EQ(tuned_limit(maxima, 100'000, 1), 90);
  EXPECT_EQ(tuned_limit(maxima, 100'000, .3), 97);
  EXPECT_EQ(tuned_limit(maxima, 1000, 1), 100);  // none may
  // Equal maxima stay together below the limit.
  EXPECT_EQ(tuned_limit({5, 5, 5, 1}, 10'000, 2), 5);
}

Instant noon(int day, int second = 0) {
  return Instant{1'600'000'000'000'000} + days(day) + seconds(second);
}

WorldEvent mail(Instant t, std::vector<std::string> to, std::int32_t attack = -1) {
  WorldEvent e;
  e.event.t = t;
  e.event.account = "a@org.example";
  e.attack = attack;
  Submission s;
  s.to = std::move(to);
  e.event.body = std::move(s);
  return e;
}

const Baseline& rule_named(std::string_view name) {
  for (const Baseline& b : baselines()) {
    if (b.name == name) return b;
  }
  ADD_FAILURE() << "no rule " << name;
  return baselines().front();
}

std::vector<Climb> climbs_of(std::string_view name, const std::vector<WorldEvent>& own,
                             const std::vector<WorldEvent>& attack = {}) {
  std::vector<const WorldEvent*> mine, theirs;
  for (const auto& e : own) mine.push_back(&e);
  for (const auto& e : attack) theirs.push_back(&e);
  const auto rule = rule_named(name).make();
  return climb(*rule, mine, theirs);
}

TEST(Rules, WindowsForget) {
  const std::vector<WorldEvent> own{mail(noon(0), {"x", "y"}), mail(noon(0, 3599), {"z"}),
                                    mail(noon(0, 3600), {"z"}), mail(noon(2), {"x"})};
  EXPECT_EQ(climbs_of("recipients/hour", own).back().score, 3);
  EXPECT_EQ(climbs_of("recipients/day", own).back().score, 4);
  EXPECT_EQ(climbs_of("new recipients/day", own).back().score, 3);
  EXPECT_EQ(climbs_of("leaky bucket, 1/s", own).back().score, 2);
}

TEST(Rules, RefuseTheMessageThatPassesTheLimit) {
  const std::vector<WorldEvent> own{mail(noon(0), {"x"})};
  std::vector<WorldEvent> attack;
  for (int i = 0; i < 10; ++i)
    attack.push_back(mail(noon(1, i), {"p" + std::to_string(i), "q" + std::to_string(i)}, 0));
  const auto climbs = climbs_of("recipients/hour", own, attack);
  const Climb* hit = first_above(climbs, 6);
  ASSERT_NE(hit, nullptr);
  EXPECT_EQ(hit->leaked, 6U);  // three messages of two went, the fourth would have passed 6
  EXPECT_TRUE(hit->attacked);
  EXPECT_EQ(first_above(climbs, 20), nullptr);
  EXPECT_FALSE(first_above(climbs, 0)->attacked);  // restricted before: such an attack is left out

  const std::vector<ClimbRow> rows{{0, attack.front().event.t, 20, climbs}};
  EXPECT_TRUE(leaks_at(rows, 0).empty());
  ASSERT_EQ(leaks_at(rows, 6).size(), 1U);
  EXPECT_EQ(leaks_at(rows, 6)[0].leaked, 6);
  EXPECT_NEAR(leaks_at(rows, 6)[0].contained_h, 3.0 / 3600, 1e-9);
  EXPECT_EQ(leaks_at(rows, 100)[0].leaked, 20);  // not found: all of it
  EXPECT_LT(leaks_at(rows, 100)[0].contained_h, 0);
}

TEST(Rules, CusumRisesWithStrangersAndFallsWithFriends) {
  std::vector<WorldEvent> own;
  for (int i = 0; i < 50; ++i) own.push_back(mail(noon(i), {"friend"}));
  const double calm = climbs_of("CUSUM per event", own).back().score;
  for (int i = 0; i < 5; ++i) own.push_back(mail(noon(60, i), {"s" + std::to_string(i)}));
  EXPECT_GT(climbs_of("CUSUM per event", own).back().score, calm + 5);
}

// A small organisation: thirty people who write to their neighbours for sixty days.
class SmallWorld : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 ("sekimori_bench_" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream out(directory_ / "small.tsv");
    out << "ts\tsender\tnrcpt\trcpts\n";
    for (int day = 0; day < 60; ++day) {
      for (int who = 0; who < 30; ++who) {
        out << 1'600'000'000 + day * 86400 + who * 700 << '\t' << who << "\t2\t"
            << (who + 1 + day % 3) % 30 << ',' << (who + 5) % 30 << '\n';
      }
    }
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] WorldOptions options(bool split = false) const {
    return {.data_set = "small", .data_dir = directory_.string(), .split = split, .seed = 3};
  }
  std::filesystem::path directory_;
};

std::string bytes_of(const World& w) {
  std::string out;
  for (const WorldEvent& e : w.events) {
    out += format_instant(e.event.t) + e.event.account + std::to_string(e.event.body.index());
    if (const auto* s = std::get_if<Submission>(&e.event.body)) {
      for (const auto& to : s->to) out += to;
      out += s->ip.to_string() + std::to_string(s->size);
    }
  }
  return out;
}

TEST_F(SmallWorld, SameSeedSameWorldAndSameFigures) {
  const World a = benign_world(options()), b = benign_world(options());
  ASSERT_EQ(a.accounts.size(), 30U);
  EXPECT_EQ(bytes_of(a), bytes_of(b));
  std::string first;
  for (int i = 0; i < 2; ++i) {
    const World attacks = attacks_on(a, sent_by(a), options(), AttackKind::f2_botnet, 8, 1);
    const GateOutcome g = run_gate(a, &attacks, {});
    std::vector<LeakRow> rows;
    for (const AttackOutcome& x : g.attacks)
      rows.push_back({0, static_cast<double>(x.leaked), -1, -1});
    const std::string figures = json_of(summarise(rows)) + bytes_of(attacks);
    if (i == 0) first = figures;
    EXPECT_EQ(first, figures);
  }
  WorldOptions other = options();
  other.seed = 4;
  EXPECT_NE(bytes_of(benign_world(other)), bytes_of(a));
}

TEST_F(SmallWorld, SameSeedsSameReport) {
  std::filesystem::copy_file(directory_ / "small.tsv", directory_ / "radoslaw.tsv");
  std::vector<std::string> first;
  for (int i = 0; i < 2; ++i) {
    Study study(
        {.full = true, .data = directory_.string(), .only = "radoslaw", .victims = 2, .cases = 1});
    ASSERT_TRUE(study.run());
    const std::vector<std::string> lines = figure_lines(study);
    if (i == 0) first = lines;
    EXPECT_EQ(first, lines);
  }
  // Every family with every set of signals, every case, every rule.
  const auto count = [&](std::string_view figure) {
    return std::ranges::count_if(first, [&](const std::string& line) {
      return line.contains(std::string("\"figure\":\"") + std::string(figure) + '"');
    });
  };
  EXPECT_GE(count("leak"), static_cast<long>((5 + detect::k_families) * k_attack_kinds));
  EXPECT_EQ(count("unforeseen"), static_cast<long>(k_all_attack_kinds - k_attack_kinds));
  EXPECT_EQ(count("case"), static_cast<long>(k_case_kinds));
  EXPECT_EQ(count("rule"), static_cast<long>(baselines().size()));
  EXPECT_EQ(count("attack_table"), static_cast<long>(detect::k_families));

  Study nothing({.data = "nowhere", .only = "radoslaw"});
  EXPECT_FALSE(nothing.run());
}

TEST_F(SmallWorld, AttacksLeaveNoArtefact) {
  for (const bool split : {false, true}) {
    const WorldOptions o = options(split);
    const World w = benign_world(o);
    const SentIndex sent = sent_by(w);
    std::map<std::string, Instant> first_seen;  // account and recipient
    std::set<std::string, std::less<>> domains;
    for (const WorldEvent& e : w.events) {
      if (const auto* s = std::get_if<Submission>(&e.event.body)) {
        for (const auto& to : s->to) {
          first_seen.try_emplace(e.event.account + to, e.event.t);
          domains.emplace(domain_of(to));
        }
      }
    }
    for (std::size_t k = 0; k < k_all_attack_kinds; ++k) {
      const World attacks = attacks_on(w, sent, o, static_cast<AttackKind>(k), 10, 1);
      ASSERT_FALSE(attacks.attacks.empty()) << to_string(static_cast<AttackKind>(k));
      std::size_t recipients = 0, at_known_domains = 0;
      Instant last;
      for (const WorldEvent& e : attacks.events) {
        EXPECT_GE(e.event.t, last);
        last = e.event.t;
        EXPECT_EQ(e.event.t.us % 1'000'000, 0);  // whole seconds, as owners' mail
        const auto* s = std::get_if<Submission>(&e.event.body);
        if (s == nullptr) continue;
        for (const auto& to : s->to) {
          ++recipients;
          at_known_domains += domains.contains(domain_of(to)) ? 1 : 0;
        }
      }
      EXPECT_GE(at_known_domains * 10, recipients * 9) << to_string(static_cast<AttackKind>(k));
      const auto kind = static_cast<AttackKind>(k);
      if (kind != AttackKind::f5_contacts && kind != AttackKind::slow_contacts) continue;
      // Contacts are those of the past.
      for (const WorldEvent& e : attacks.events) {
        const auto* s = std::get_if<Submission>(&e.event.body);
        if (s == nullptr) continue;
        for (const auto& to : s->to) {
          ASSERT_TRUE(first_seen.contains(e.event.account + to));
          EXPECT_LT(first_seen[e.event.account + to], e.event.t);
        }
      }
    }
  }
}

TEST_F(SmallWorld, CasesKeepTheOwnersMailInOrder) {
  const WorldOptions o = options(true);
  const World w = benign_world(o);
  const SentIndex sent = sent_by(w);
  for (std::size_t k = 0; k < k_case_kinds; ++k) {
    const auto kind = static_cast<CaseKind>(k);
    const CaseWorld c = case_world(w, sent, o, kind, 4, 1);
    ASSERT_FALSE(c.cases.empty()) << to_string(kind);
    for (const auto& one : c.cases) EXPECT_LT(one.from, one.to) << to_string(kind);
    Instant last;
    for (const WorldEvent& e : c.world.events) {
      EXPECT_GE(e.event.t, last) << to_string(kind);
      EXPECT_FALSE(e.event.account.empty());
      last = e.event.t;
    }
    const GateOutcome g = run_gate(c.world, nullptr, {});
    EXPECT_EQ(g.owners.size(), w.accounts.size());
  }
}

TEST_F(SmallWorld, GateCountsReleasedSpamAsLeaked) {
  World w = benign_world(options());
  World attacks = attacks_on(w, sent_by(w), options(), AttackKind::f1_bulk, 8, 1);
  strip_networks(w);
  strip_networks(attacks);
  GateOptions holds_only;  // never restricts, holds everything with a stranger for 20 minutes
  holds_only.settings.restrict_log_r = 1e9;
  holds_only.settings.hold_log_r = -1e9;
  holds_only.settings.ask_log_r = 1e9;
  holds_only.settings.hold_slope = 0;
  holds_only.settings.hold_new_recipients = 1'000'000;
  holds_only.signals.logins = false;  // with networks, some patterns restrict below the line
  const GateOutcome g = run_gate(w, &attacks, holds_only);
  ASSERT_EQ(g.attacks.size(), attacks.attacks.size());
  for (std::size_t i = 0; i < g.attacks.size(); ++i)
    EXPECT_EQ(g.attacks[i].leaked, attacks.attacks[i].recipients);
}

}  // namespace
}  // namespace sekimori::bench
