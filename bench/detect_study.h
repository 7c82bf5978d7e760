// Everything the report rests on: worlds made once, every rule and the judge run over them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/detect_figures.h"

namespace sekimori::bench {

inline constexpr unsigned k_tune_half = 0, k_test_half = 1;
inline constexpr std::size_t k_new_recipients = 2;  // in baselines(): the strongest simple rule

struct StudyOptions {
  bool full = false;
  std::string data = "../shared/data/email-events", only;
  std::size_t victims = 0, cases = 0;
  std::uint64_t tune_seed = 1, test_seed = 7;
};

struct Setup {
  std::string set;
  bool split;
  [[nodiscard]] std::string name() const { return set + (split ? " split" : " as-is"); }
};

// What a run of the judge shows, over all worlds.
struct Run {
  std::vector<OwnerRow> owners;
  std::array<std::vector<LeakRow>, k_all_attack_kinds>
      leaks;  // of the unforeseen: with all signals
};

struct CaseTally {
  std::size_t cases = 0, restricted = 0, cases_asked = 0, cases_held = 0, spoiled = 0;
  std::uint64_t messages = 0, timed = 0, asked = 0, questions = 0;  // asked: put off, too
  double minutes = 0;
  struct RuleCase {
    std::vector<Climb> climbs;
    Instant from, to;
  };
  std::vector<std::vector<RuleCase>> rules;  // of each baseline
};

// A rule's highest scores on owners' mail.
struct Maxima {
  std::vector<double> everybody, ordinary;
};

struct Stealth {
  std::vector<LeakRow> judge;
  std::vector<ClimbRow> rule;
};

// Gathers; who prints reads what run() left.
class Study {
 public:
  explicit Study(StudyOptions options);

  // False when a data set is not there (said on standard error).
  [[nodiscard]] bool run();

  StudyOptions options;
  std::vector<Setup> setups;
  std::vector<Maxima> tuned, tested;  // of each baseline, on the tuning and the test half
  std::vector<std::array<double, k_targets>> limits;
  double tune_days = 0, tune_days_ordinary = 0, test_days = 0, test_days_ordinary = 0;
  double matched = 0;               // per 10,000: restricted or asked about by the judge
  std::array<double, 3> lines{};    // the judge's, of the targets 10, 1 and 0.3
  std::map<std::string, Run> runs;  // by the signals, the line or the family left out
  std::array<std::vector<std::vector<ClimbRow>>, k_all_attack_kinds> climbs;  // of each baseline
  std::array<CaseTally, k_case_kinds> cases;
  std::map<unsigned, Stealth> stealth;  // by strangers a day

 private:
  [[nodiscard]] WorldOptions world_options(const Setup& s, std::uint64_t seed) const;
  bool tune();
  void choose();
  void test(std::uint16_t world);
  void meet_rule(const std::vector<std::vector<const WorldEvent*>>& own, const World& attacks,
                 std::size_t kind, std::size_t baseline, std::uint16_t world);
  void play_cases(const World& w, const SentIndex& sent, const WorldOptions& wo, CaseKind kind);
  void play_stealth(const World& w, const SentIndex& sent, const WorldOptions& wo);

  std::map<double, std::vector<OwnerRow>> lines_tuned_;  // by the judge's line
};

}  // namespace sekimori::bench
