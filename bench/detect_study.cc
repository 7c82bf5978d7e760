#include "bench/detect_study.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string_view>

namespace sekimori::bench {
namespace {

// Lines the judge may restrict at, to find those of 10, 1 and 0.3 false restrictions per 10,000.
constexpr double k_lines[] = {1, 2, 3, 4, 5, 6, 7, 8, 9.21, 10.5, 12, 14, 17};
constexpr double k_shipped_line = 9.21;

using EventsOf = std::vector<std::vector<const WorldEvent*>>;

// An account's own events without what it receives, for the rules.
EventsOf events_of(const World& w) {
  std::map<std::string_view, std::size_t> index;
  for (std::size_t a = 0; a < w.accounts.size(); ++a) index[w.accounts[a]] = a;
  EventsOf out(w.accounts.size());
  for (const WorldEvent& e : w.events) {
    if (!std::holds_alternative<Received>(e.event.body))
      out[index.at(e.event.account)].push_back(&e);
  }
  return out;
}

EventsOf events_of_attacks(const World& attacks) {
  EventsOf out(attacks.attacks.size());
  for (const WorldEvent& e : attacks.events) {
    if (!std::holds_alternative<Received>(e.event.body))
      out[static_cast<std::size_t>(e.attack)].push_back(&e);
  }
  return out;
}

void say(std::string_view what) {
  fmt::print(stderr, "{:7.1f} s  {}\n", static_cast<double>(std::clock()) / CLOCKS_PER_SEC, what);
}

void add_maxima(const World& w, const EventsOf& own, unsigned half, std::size_t baseline,
                Maxima& out) {
  for (std::size_t a = half; a < w.accounts.size(); a += 2) {
    const auto rule = baselines()[baseline].make();
    const auto climbs = climb(*rule, own[a], {});
    const double top = climbs.empty() ? -1e9 : climbs.back().score;
    out.everybody.push_back(top);
    if (!w.owners[a].blaster) out.ordinary.push_back(top);
  }
}

void add_days(const World& w, unsigned half, double& everybody, double& ordinary) {
  for (std::size_t a = half; a < w.accounts.size(); a += 2) {
    const double days = (w.last - w.owners[a].first).days();
    everybody += days;
    if (!w.owners[a].blaster) ordinary += days;
  }
}

void add_owners(const World& w, const GateOutcome& g, unsigned half, std::uint16_t world,
                std::vector<OwnerRow>& out) {
  for (std::size_t a = half; a < w.accounts.size(); a += 2) {
    const Instant end = g.owners[a].restricted.is_set() ? g.owners[a].restricted : w.last;
    const double days = std::max(0.0, (end - w.owners[a].first).days());
    out.push_back({world, w.owners[a].blaster, days, g.owners[a]});
  }
}

void add_leaks(const World& attacks, const GateOutcome& g, std::uint16_t world,
               std::vector<LeakRow>& out) {
  for (std::size_t n = 0; n < g.attacks.size(); ++n) {
    const AttackOutcome& a = g.attacks[n];
    if (a.spoiled) continue;
    const auto hours_to = [&](Instant t) {
      return t.is_set() ? std::max(0.0, (t - attacks.attacks[n].first).seconds() / 3600) : -1.0;
    };
    out.push_back({world, static_cast<double>(a.leaked), hours_to(a.contained), hours_to(a.asked)});
  }
}

// The judge on owners alone, and on the first `kinds` kinds of attacks: each family, or all.
void meet(const World& w, const std::vector<World>& attacks, std::uint16_t world,
          const GateOptions& gate, Run& run, std::size_t kinds = k_attack_kinds) {
  add_owners(w, run_gate(w, nullptr, gate), k_test_half, world, run.owners);
  for (std::size_t k = 0; k < kinds; ++k)
    add_leaks(attacks[k], run_gate(w, &attacks[k], gate), world, run.leaks[k]);
}

void strip_all_but_recipients(World& w) {
  for (WorldEvent& e : w.events) {
    if (auto* mail = std::get_if<Submission>(&e.event.body)) {
      mail->from.clear();
      mail->message_id.reset();
      mail->size = 0;
    }
  }
}

}  // namespace

Study::Study(StudyOptions o)
    : options(std::move(o)), tuned(baselines().size()), tested(baselines().size()) {
  for (auto& kind : climbs) kind.resize(baselines().size());
  for (auto& c : cases) c.rules.resize(baselines().size());
  for (const char* set : {"eu_core_first_400_days", "radoslaw", "collegemsg"}) {
    for (const bool split : {false, true}) {
      if (std::string_view(set).find(options.only) != std::string_view::npos)
        setups.push_back({set, split});
    }
  }
}

bool Study::run() {
  if (!tune()) return false;
  choose();
  for (std::size_t i = 0; i < setups.size(); ++i) test(static_cast<std::uint16_t>(i));
  return true;
}

WorldOptions Study::world_options(const Setup& s, std::uint64_t seed) const {
  return {.data_set = s.set, .data_dir = options.data, .split = s.split, .seed = seed};
}

bool Study::tune() {
  for (std::size_t i = 0; i < setups.size(); ++i) {
    const World w = benign_world(world_options(setups[i], options.tune_seed));
    if (w.accounts.empty()) {
      fmt::print(stderr, "no data: {}/{}.tsv\n", options.data, setups[i].set);
      return false;
    }
    const EventsOf own = events_of(w);
    add_days(w, k_tune_half, tune_days, tune_days_ordinary);
    for (std::size_t b = 0; b < baselines().size(); ++b)
      add_maxima(w, own, k_tune_half, b, tuned[b]);
    for (const double line : k_lines) {
      if (!options.full && line != k_shipped_line) continue;
      GateOptions gate;
      gate.settings.restrict_log_r = line;
      add_owners(w, run_gate(w, nullptr, gate), k_tune_half, static_cast<std::uint16_t>(i),
                 lines_tuned_[line]);
    }
    say("tuned on " + setups[i].name());
  }
  return true;
}

void Study::choose() {
  const AlarmSummary shipped =
      summarise(lines_tuned_[k_shipped_line], Whom::without_newsletters, -1, 0);
  if (shipped.days > 0) matched = shipped.per_10k() + shipped.asked_days / shipped.days * 1e4;
  for (std::size_t b = 0; b < baselines().size(); ++b) {
    auto& limit = limits.emplace_back();
    const auto tune_to = [&](Target t, double rate) {
      limit[static_cast<std::size_t>(t)] = tuned_limit(tuned[b].ordinary, tune_days_ordinary, rate);
    };
    for (std::size_t t = 0; t < k_target_rates.size(); ++t)
      tune_to(static_cast<Target>(t), k_target_rates[t]);
    tune_to(Target::matched, matched);
    limit[static_cast<std::size_t>(Target::usual)] = baselines()[b].usual_limit;
  }
  // The judge's line of each target: the lowest that keeps to it, else the highest.
  for (std::size_t t = 0; t < k_target_rates.size(); ++t) {
    lines[t] = lines_tuned_.rbegin()->first;
    for (const auto& [line, rows] : lines_tuned_) {
      if (summarise(rows, Whom::without_newsletters, -1, 0).per_10k() > k_target_rates[t]) continue;
      lines[t] = line;
      break;
    }
  }
}

void Study::test(std::uint16_t i) {
  const WorldOptions wo = world_options(setups[i], options.test_seed);
  World w = benign_world(wo);
  const SentIndex sent = sent_by(w);
  std::vector<World> attacks;
  for (std::size_t k = 0; k < k_all_attack_kinds; ++k) {
    attacks.push_back(
        attacks_on(w, sent, wo, static_cast<AttackKind>(k), options.victims, k_test_half));
  }
  {
    const EventsOf own = events_of(w);
    for (std::size_t b = 0; b < baselines().size(); ++b) {
      add_maxima(w, own, k_test_half, b, tested[b]);
      for (std::size_t k = 0; k < k_all_attack_kinds; ++k) meet_rule(own, attacks[k], k, b, i);
    }
    add_days(w, k_test_half, test_days, test_days_ordinary);
  }
  say("rules on " + setups[i].name());

  meet(w, attacks, i, {}, runs["all"], k_all_attack_kinds);
  for (const auto& [name, answers] :
       {std::pair{"answered", Answers::within_a_day}, std::pair{"approved", Answers::beforehand}}) {
    GateOptions gate;
    gate.answers = answers;
    add_owners(w, run_gate(w, nullptr, gate), k_test_half, i, runs[name].owners);
  }
  if (options.full) {
    for (const double line : std::set<double>(lines.begin(), lines.end())) {
      if (line == k_shipped_line) continue;
      GateOptions gate;
      gate.settings.restrict_log_r = line;
      meet(w, attacks, i, gate, runs[fmt::format("line {:.2f}", line)]);
    }
    for (std::size_t f = 0; f < detect::k_families; ++f) {
      GateOptions gate;
      gate.settings.without_family = static_cast<std::int8_t>(f);
      meet(w, attacks, i, gate,
           runs[fmt::format("without {}", detect::to_string(static_cast<detect::Family>(f)))]);
    }
  }
  say("the judge");
  for (std::size_t k = 0; k < k_case_kinds; ++k) play_cases(w, sent, wo, static_cast<CaseKind>(k));
  play_stealth(w, sent, wo);
  say("cases and stealth");

  GateOptions gate;
  if (options.full) {
    gate.signals = {.logins = true, .bounces = true, .complaints = false};
    meet(w, attacks, i, gate, runs["all but complaints"]);
    gate.signals = {.logins = true, .bounces = false};
    meet(w, attacks, i, gate, runs["send+login"]);
  }
  strip_networks(w);
  for (World& a : attacks) strip_networks(a);
  if (options.full) {
    gate.signals = {.logins = false, .bounces = true};
    meet(w, attacks, i, gate, runs["send+bounce"]);
  }
  gate.signals = {.logins = false, .bounces = false};
  meet(w, attacks, i, gate, runs["send"]);
  if (options.full) {
    strip_all_but_recipients(w);
    for (World& a : attacks) strip_all_but_recipients(a);
    meet(w, attacks, i, gate, runs["recipients and times"]);
  }
  say("fewer signals");
}

void Study::meet_rule(const EventsOf& own, const World& attacks, std::size_t kind,
                      std::size_t baseline, std::uint16_t world) {
  const EventsOf of = events_of_attacks(attacks);
  for (std::size_t n = 0; n < of.size(); ++n) {
    const World::Attack& attack = attacks.attacks[n];
    const auto rule = baselines()[baseline].make();
    climbs[kind][baseline].push_back(
        {world, attack.first, attack.recipients, climb(*rule, own[attack.account], of[n])});
  }
}

void Study::play_cases(const World& w, const SentIndex& sent, const WorldOptions& wo,
                       CaseKind kind) {
  const CaseWorld c = case_world(w, sent, wo, kind, options.cases, k_test_half);
  CaseTally& tally = cases[static_cast<std::size_t>(kind)];
  GateOptions gate;
  gate.windows.resize(c.world.accounts.size());
  for (const auto& one : c.cases) gate.windows[one.account] = {one.from, one.to};
  const GateOutcome g = run_gate(c.world, nullptr, gate);
  const EventsOf own = events_of(c.world);
  for (const auto& one : c.cases) {
    const OwnerOutcome& o = g.owners[one.account];
    if (o.restricted.is_set() && o.restricted < one.from) {
      ++tally.spoiled;
      continue;
    }
    ++tally.cases;
    if (o.restricted.is_set() && o.restricted <= one.to) ++tally.restricted;
    if (o.held_asked > 0) ++tally.cases_asked;
    if (o.held_asked + o.held_timed > 0) ++tally.cases_held;
    tally.messages += o.messages;
    tally.timed += o.held_timed;
    tally.asked += o.held_asked + o.put_off;
    tally.questions += o.questions;
    tally.minutes += o.held_minutes;
    for (std::size_t b = 0; b < baselines().size(); ++b) {
      const auto rule = baselines()[b].make();
      tally.rules[b].push_back({climb(*rule, own[one.account], {}), one.from, one.to});
    }
  }
}

// A thief on the owner's provider who writes to so many strangers a day among known contacts.
void Study::play_stealth(const World& w, const SentIndex& sent, const WorldOptions& wo) {
  const std::vector<unsigned> steps = options.full
                                          ? std::vector<unsigned>{1, 2, 4, 6, 8, 12, 16, 24}
                                          : std::vector<unsigned>{2, 6, 12, 24};
  const EventsOf own = events_of(w);
  for (const unsigned strangers : steps) {
    WorldOptions with = wo;
    with.strangers = strangers;
    const World attacks =
        attacks_on(w, sent, with, AttackKind::white_box, options.victims, k_test_half);
    add_leaks(attacks, run_gate(w, &attacks, {}), 0, stealth[strangers].judge);
    const EventsOf of = events_of_attacks(attacks);
    for (std::size_t n = 0; n < of.size(); ++n) {
      const World::Attack& attack = attacks.attacks[n];
      const auto rule = baselines()[k_new_recipients].make();
      stealth[strangers].rule.push_back(
          {0, attack.first, attack.recipients, climb(*rule, own[attack.account], of[n])});
    }
  }
}

}  // namespace sekimori::bench
