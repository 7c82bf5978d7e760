// Runs the judge over real mail with simulated attacks and prints what an operator would ask: how
// many owners were disturbed, how much spam reached its recipients. The quick tool for tuning;
// scripts/bench detect has everything, with baselines.
//
//   detect_eval [--data DIR] [--half 0|1] [--seed N] [--victims N] [--only SET] [--kind F1]
//               [--send-only] [--no-geo] [--bare] [--no-blasters] [--answered | --approved]
//               [--no-complaints] [--unforeseen] [--verbose] [--attacks] [--eta|--hold|… X]
//               [--trace ACCOUNT]
//   --attacks: a line for every attack that leaked
//   --trace: a line for every message of that account, with what was judged and done
//   --unforeseen: the attacks that no table was made for, instead of the families
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <numeric>

#include "bench/detect_gate.h"

namespace sekimori::bench {
namespace {

struct Options {
  std::string data = "../shared/data/email-events";
  unsigned half = 0;
  std::uint64_t seed = 1;
  std::size_t victims = 40;
  bool logins = true, places = true, blasters = true, bare = false;
  bool answered = false, approved = false, attacks = false, unforeseen = false;
  std::string only, kind;
  GateOptions gate;
};

std::size_t quantile(std::vector<std::size_t> v, double q) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return v[std::min(v.size() - 1, static_cast<std::size_t>(q * static_cast<double>(v.size())))];
}

struct Tally {
  std::vector<std::size_t> leaks;
  std::size_t restricted = 0, touched = 0;
};

// What owners suffered, over all worlds.
struct Disturbed {
  double days = 0, restricted = 0, messages = 0, timed = 0, asked = 0, questions = 0;
  void add(const OwnerOutcome& x, double over_days) {
    days += over_days;
    restricted += x.restricted.is_set() ? 1 : 0;
    messages += x.messages;
    timed += x.held_timed;
    asked += x.held_asked + x.put_off;
    questions += x.questions;
  }
  void print(std::string_view whom) const {
    const double thousands = messages / 1000;
    fmt::print(
        "{:32} restricted {:3.0f} = {:.2f}/10k | held {:.2f}/1k, wait for a person {:.2f}/1k, "
        "questions {:.2f}/1k\n",
        whom, restricted, restricted / days * 1e4, (timed + asked) / thousands, asked / thousands,
        questions / thousands);
  }
};

void print_benign(const World& w, const GateOutcome& b, const WorldOptions& wo, const Options& o,
                  double seconds) {
  std::size_t restricted = 0, of_blasters = 0, messages = 0, timed = 0, asked = 0;
  for (std::size_t a = o.half; a < w.accounts.size(); a += 2) {
    const OwnerOutcome& x = b.owners[a];
    if (x.restricted.is_set()) {
      ++restricted;
      if (w.owners[a].blaster) ++of_blasters;
      if (o.gate.whys)
        fmt::print("  restrict {} {} {}\n", w.accounts[a], format_instant(x.restricted), x.why);
    }
    if (o.gate.whys && !w.owners[a].blaster && x.held_asked + x.held_timed > 0) {
      fmt::print("  held {} {} of {} messages: {} by time, {} wait, {} questions\n", w.accounts[a],
                 x.held_asked + x.held_timed, x.messages, x.held_timed, x.held_asked, x.questions);
    }
    messages += x.messages;
    timed += x.held_timed;
    asked += x.held_asked;
  }
  const double thousands = static_cast<double>(messages) / 1000;
  fmt::print(
      "{:24} {:5} accounts {:5} days {:8.0f} | restricted {:3} ({} newsletters) = {:.2f}/10k | "
      "held {:.2f}/1k, asked {:.2f}/1k | {:.1f} s, {:.2f} us/event\n",
      wo.data_set, wo.split ? "split" : "as-is", w.accounts.size(), w.account_days, restricted,
      of_blasters, static_cast<double>(restricted) / (w.account_days / 2) * 10'000,
      static_cast<double>(timed + asked) / thousands, static_cast<double>(asked) / thousands,
      seconds, seconds * 1e6 / static_cast<double>(w.events.size()));
  std::fflush(stdout);
}

void print_attack(const World& w, const World& attacks, const GateOutcome& out,
                  const WorldOptions& wo, std::size_t n) {
  const AttackOutcome& a = out.attacks[n];
  const World::Attack& plan = attacks.attacks[n];
  const auto hours_to = [&](Instant t) {
    return t.is_set() ? fmt::format("{:.1f} h", (t - plan.first).seconds() / 3600)
                      : std::string("never");
  };
  fmt::print("  attack {} {} {} {} leaked {} of {} | asked {} restricted {}\n",
             to_string(plan.kind), wo.data_set, wo.split ? "split" : "as-is",
             w.accounts[plan.account], a.leaked, plan.recipients, hours_to(a.asked),
             hours_to(a.contained));
}

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    auto& detect = o.gate.settings;
    if (arg == "--data")
      o.data = value();
    else if (arg == "--half")
      o.half = static_cast<unsigned>(std::atoi(value())) & 1U;
    else if (arg == "--seed")
      o.seed = std::strtoull(value(), nullptr, 10);
    else if (arg == "--victims")
      o.victims = std::strtoull(value(), nullptr, 10);
    else if (arg == "--send-only")
      o.logins = false;
    else if (arg == "--bare")
      o.bare = true;
    else if (arg == "--no-geo")
      o.places = false;
    else if (arg == "--no-blasters")
      o.blasters = false;
    else if (arg == "--answered")
      o.answered = true;
    else if (arg == "--no-complaints")
      o.gate.signals.complaints = false;
    else if (arg == "--attacks")
      o.attacks = true;
    else if (arg == "--unforeseen")
      o.unforeseen = true;
    else if (arg == "--approved")
      o.approved = true;
    else if (arg == "--verbose")
      o.gate.whys = true;
    else if (arg == "--only")
      o.only = value();
    else if (arg == "--trace")
      o.gate.trace = value();
    else if (arg == "--kind")
      o.kind = value();
    else if (arg == "--eta")
      detect.eta = std::atof(value());
    else if (arg == "--hold")
      detect.hold_log_r = std::atof(value());
    else if (arg == "--ask")
      detect.ask_log_r = std::atof(value());
    else if (arg == "--slope")
      detect.hold_slope = std::atof(value());
    else if (arg == "--restrict")
      detect.restrict_log_r = std::atof(value());
    else if (arg == "--fan")
      detect.hold_new_recipients = static_cast<std::uint32_t>(std::atoi(value()));
    else {
      fmt::print(stderr, "unknown option {}\n", arg);
      return false;
    }
  }
  return true;
}

int main_of(int argc, char** argv) {
  Options o;
  if (const char* dir = std::getenv("SEKIMORI_DATA")) o.data = std::string(dir) + "/email-events";
  if (!parse(argc, argv, o)) return 2;
  std::map<AttackKind, Tally> tallies;
  Disturbed everybody, ordinary;
  bool any = false;
  for (const char* set : {"eu_core_first_400_days", "radoslaw", "collegemsg"}) {
    for (const bool split : {false, true}) {
      if (!o.only.empty() && std::string_view(set).find(o.only) == std::string_view::npos) continue;
      const WorldOptions wo{.data_set = set,
                            .data_dir = o.data,
                            .split = split,
                            .logins = o.logins,
                            .bounces = o.logins,
                            .places = o.places,
                            .seed = o.seed,
                            .bare = o.bare,
                            .blasters = o.blasters};
      const World benign = benign_world(wo);
      if (benign.accounts.empty()) {
        fmt::print("skipped {}: no data at {}\n", set, o.data);
        continue;
      }
      any = true;
      const std::clock_t begun = std::clock();
      GateOptions owners_gate = o.gate;
      owners_gate.answers = o.answered   ? Answers::within_a_day
                            : o.approved ? Answers::beforehand
                                         : Answers::never;
      const GateOutcome b = run_gate(benign, nullptr, owners_gate);
      for (std::size_t a = o.half; a < benign.accounts.size(); a += 2) {
        const Instant end = b.owners[a].restricted.is_set() ? b.owners[a].restricted : benign.last;
        const double days = std::max(0.0, (end - benign.owners[a].first).days());
        everybody.add(b.owners[a], days);
        if (!benign.owners[a].blaster) ordinary.add(b.owners[a], days);
      }
      print_benign(benign, b, wo, o, static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC);
      if (o.victims == 0) continue;
      const SentIndex sent = sent_by(benign);
      const std::size_t first = o.unforeseen ? k_attack_kinds : 0;
      const std::size_t last = o.unforeseen ? k_all_attack_kinds : k_attack_kinds;
      for (std::size_t k = first; k < last; ++k) {
        const auto kind = static_cast<AttackKind>(k);
        if (!o.kind.empty() && to_string(kind).find(o.kind) == std::string_view::npos) continue;
        const World attacks = attacks_on(benign, sent, wo, kind, o.victims, o.half);
        const GateOutcome out = run_gate(benign, &attacks, o.gate);
        for (std::size_t n = 0; n < out.attacks.size(); ++n) {
          const AttackOutcome& a = out.attacks[n];
          if (a.spoiled) continue;
          if (o.attacks && a.leaked > 0) print_attack(benign, attacks, out, wo, n);
          tallies[kind].leaks.push_back(a.leaked);
          tallies[kind].restricted += a.contained.is_set() ? 1 : 0;
          tallies[kind].touched += a.contained.is_set() || a.asked.is_set() ? 1 : 0;
        }
      }
    }
  }
  if (any) {
    everybody.print("all owners");
    ordinary.print("without newsletters");
  }
  for (const auto& [kind, t] : tallies) {
    const auto n = static_cast<double>(t.leaks.size());
    fmt::print(
        "{:20} n {:4} leaked p50 {:4} p95 {:5} mean {:7.1f} | restricted {:3.0f} % | "
        "restricted or asked {:3.0f} %\n",
        to_string(kind), t.leaks.size(), quantile(t.leaks, .5), quantile(t.leaks, .95),
        static_cast<double>(std::accumulate(t.leaks.begin(), t.leaks.end(), std::size_t{0})) / n,
        100 * static_cast<double>(t.restricted) / n, 100 * static_cast<double>(t.touched) / n);
  }
  return any ? 0 : 1;
}

}  // namespace
}  // namespace sekimori::bench

int main(int argc, char** argv) { return sekimori::bench::main_of(argc, argv); }
