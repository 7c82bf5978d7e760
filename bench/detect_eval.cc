// Runs the judge over real mail with simulated attacks and prints what an operator would ask: how
// many owners were disturbed, how much spam reached its recipients. The gate around the judge is
// the engine's: restrict, hold (timed, asked), release after 20 quiet minutes.
//
//   detect_eval [--data DIR] [--half 0|1] [--seed N] [--victims N] [--send-only] [--no-geo]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <numeric>

#include "bench/detect_world.h"
#include "detect/detector.h"
#include "detect/epoch.h"

namespace sekimori::bench {
namespace {

struct Options {
  std::string data = "../shared/data/email-events";
  unsigned half = 0;
  std::uint64_t seed = 1;
  std::size_t victims = 40;
  bool logins = true, places = true, verbose = false, blasters = true, bare = false;
  std::string only;
  detect::DetectSettings detect;
};

struct Outcome {
  // Of owners.
  std::size_t restricted[2] = {}, held_timed[2] = {}, held_asked[2] = {}, messages[2] = {};
  // Of each attack.
  struct Leak {
    std::size_t recipients = 0;
    bool found = false;    // restricted
    bool touched = false;  // restricted, or a message waits for a person
    bool spoiled = false;  // the account was restricted before the attack
  };
  std::vector<Leak> leaks;
  double seconds = 0;
  std::map<std::string, int> why;
};

// The engine's gate, in short.
Outcome run(const World& w, const Options& o) {
  using namespace detect;
  Outcome out;
  out.leaks.resize(w.attacks.size());
  auto priors = shipped_priors();
  Detector d(o.detect, HashKey{}, priors);
  struct Hold {
    std::string queue_id;
    std::size_t recipients;
    std::int32_t attack;
    bool asked;
  };
  struct Control {
    bool restricted = false;
    Instant release_at;
    std::vector<Hold> holds;
    Instant onset;
  };
  std::vector<Control> controls;
  std::vector<AccountIndex> with_holds;
  std::map<std::string, unsigned> parity;
  for (std::size_t a = 0; a < w.accounts.size(); ++a) parity[w.accounts[a]] = a & 1U;
  Instant next_epoch = w.events.empty() ? Instant{} : w.events.front().event.t + k_epoch;
  const auto begun = std::chrono::steady_clock::now();

  const auto release_due = [&](Instant now) {
    for (std::size_t i = 0; i < with_holds.size();) {
      Control& c = controls[with_holds[i]];
      if (c.restricted || c.holds.empty() || c.release_at > now) {
        if (c.restricted || c.holds.empty()) {
          with_holds[i] = with_holds.back();
          with_holds.pop_back();
        } else {
          ++i;
        }
        continue;
      }
      std::vector<Hold> kept;
      for (const Hold& h : c.holds) {
        if (h.asked) {
          kept.push_back(h);
          continue;
        }
        d.hold_released(with_holds[i], c.release_at, h.queue_id);
        if (h.attack >= 0) out.leaks[static_cast<std::size_t>(h.attack)].recipients += h.recipients;
      }
      c.holds.clear();  // asked ones wait for a person, who never comes here
      with_holds[i] = with_holds.back();
      with_holds.pop_back();
    }
  };

  for (const WorldEvent& we : w.events) {
    const Event& e = we.event;
    if (e.t >= next_epoch) {
      PriorsBuilder builder(priors);
      d.contribute(builder);
      priors = builder.build();
      d.install(priors);
      next_epoch = e.t + k_epoch;
    }
    release_due(e.t);
    d.advance(e.t);
    const AccountIndex a = d.intern(e.account);
    if (a >= controls.size()) controls.resize(a + 1);
    Control& c = controls[a];
    if (const auto* login = std::get_if<Login>(&e.body)) {
      d.login(a, e.t, *login);
    } else if (const auto* settings = std::get_if<SettingsChange>(&e.body)) {
      d.settings_changed(a, e.t, *settings);
    } else if (const auto* bounce = std::get_if<Delivery>(&e.body)) {
      d.delivery(a, e.t, *bounce);
    } else if (const auto* received = std::get_if<Received>(&e.body)) {
      d.received(a, e.t, *received);
    } else if (const auto* mail = std::get_if<Submission>(&e.body)) {
      auto* leak = we.attack >= 0 ? &out.leaks[static_cast<std::size_t>(we.attack)] : nullptr;
      const unsigned p = parity[e.account];
      if (leak == nullptr) ++out.messages[p];
      if (c.restricted) {
        if (leak != nullptr && leak->recipients == 0 && !leak->found && !leak->touched)
          leak->spoiled = true;
        continue;
      }
      const Verdict v = d.judge(a, e.t, *mail);
      Fate fate = Fate::accepted;
      if (v.log_r >= o.detect.restrict_log_r && v.may_restrict) {
        fate = Fate::refused;
        c.restricted = true;
        if (leak != nullptr) {
          leak->found = leak->touched = true;
        } else if (w.attacks.empty()) {
          ++out.restricted[p];
          if (o.verbose) {
            const auto why = d.explain(a, e.t, v);
            fmt::print("  restrict {} {} R {:.1f} {}", e.account, format_instant(e.t), v.log_r,
                       why.headline.en);
            for (const auto& ev : why.evidence)
              fmt::print(" {}={:.1f}", detect::to_string(ev.channel), ev.nats);
            fmt::print(" {}\n", detect::to_string(v.family));
          }
        } else {
          // The owner's own message tipped it: while attacked, that is a find all the same.
          for (std::size_t i = 0; i < w.attacks.size(); ++i) {
            if (w.accounts[w.attacks[i].account] == e.account &&
                (out.leaks[i].recipients > 0 || out.leaks[i].touched)) {
              out.leaks[i].found = out.leaks[i].touched = true;
            }
          }
        }
      } else if (v.advice != HoldAdvice::none) {
        fate = Fate::held;
        const bool asked = v.advice == HoldAdvice::asked;
        if (leak == nullptr) ++(asked ? out.held_asked : out.held_timed)[p];
        if (leak != nullptr && asked) leak->touched = true;
        if (leak == nullptr && asked && o.verbose && w.attacks.empty()) {
          fmt::print("  ask {} R {:.1f} rcpt {} new {} new_hour {} new_day {} learnt? fan {}\n",
                     e.account, v.log_r, v.recipients, v.new_recipients, v.counts.new_hour,
                     v.counts.new_day, v.fan_out);
        }
        if (c.holds.empty()) with_holds.push_back(a);
        c.holds.push_back({mail->queue_id, mail->to.size(), we.attack, asked});
        c.release_at = e.t + minutes(20);
        if (asked) {
          for (Hold& h : c.holds) h.asked = true;
        }
      } else if (leak != nullptr) {
        leak->recipients += mail->to.size();
      }
      d.commit(a, e.t, *mail, v, fate);
      if (fate == Fate::refused) d.contained(a, e.t, v.onset.is_set() ? v.onset : e.t);
    }
  }
  release_due({INT64_MAX});
  if (o.verbose && w.attacks.empty()) {
    const auto audit = d.audit();
    for (std::size_t k = 0; k < k_channels; ++k) {
      fmt::print("  audit {} {:.3f}\n", to_string(static_cast<Channel>(k)),
                 audit[k].mean_likelihood_ratio);
    }
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return out;
}

std::size_t quantile(std::vector<std::size_t> v, double q) {
  if (v.empty()) return 0;
  std::ranges::sort(v);
  return v[std::min(v.size() - 1, static_cast<std::size_t>(q * static_cast<double>(v.size())))];
}

int main_of(int argc, char** argv) {
  Options o;
  if (const char* dir = std::getenv("SEKIMORI_DATA")) o.data = std::string(dir) + "/email-events";
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
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
    else if (arg == "--verbose")
      o.verbose = true;
    else if (arg == "--only")
      o.only = value();
    else if (arg == "--eta")
      o.detect.eta = std::atof(value());
    else if (arg == "--hold")
      o.detect.hold_log_r = std::atof(value());
    else if (arg == "--ask")
      o.detect.ask_log_r = std::atof(value());
    else if (arg == "--slope")
      o.detect.hold_slope = std::atof(value());
    else if (arg == "--restrict")
      o.detect.restrict_log_r = std::atof(value());
    else if (arg == "--fan")
      o.detect.hold_new_recipients = static_cast<std::uint32_t>(std::atoi(value()));
    else {
      fmt::print(stderr, "unknown option {}\n", arg);
      return 2;
    }
  }
  std::map<AttackKind, std::vector<std::size_t>> leaks;
  std::map<AttackKind, std::pair<std::size_t, std::size_t>> found;  // found, all
  std::map<AttackKind, std::size_t> touched;
  bool any = false;
  for (const char* set : {"eu_core_first_400_days", "radoslaw", "collegemsg"}) {
    for (const bool split : {false, true}) {
      if (!o.only.empty() && std::string_view(set).find(o.only) == std::string_view::npos) continue;
      const WorldOptions wo{.data_set = set,
                            .data_dir = o.data,
                            .split = split,
                            .logins = o.logins,
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
      const Outcome b = run(benign, o);
      const unsigned h = o.half;
      const double days = benign.account_days / 2;
      fmt::print(
          "{:24} {:5} accounts {:5} days {:8.0f} | restricted {:3} = {:.2f}/10k | "
          "held {:.2f}/1k, asked {:.2f}/1k | {:.1f} s, {:.2f} us/event\n",
          set, split ? "split" : "as-is", benign.accounts.size(), benign.account_days,
          b.restricted[h], static_cast<double>(b.restricted[h]) / days * 10'000,
          1000.0 * static_cast<double>(b.held_timed[h] + b.held_asked[h]) /
              static_cast<double>(b.messages[h]),
          1000.0 * static_cast<double>(b.held_asked[h]) / static_cast<double>(b.messages[h]),
          b.seconds, b.seconds * 1e6 / static_cast<double>(benign.events.size()));
      std::fflush(stdout);
      for (int k = 0; k < static_cast<int>(AttackKind::count_); ++k) {
        const auto kind = static_cast<AttackKind>(k);
        if (o.victims == 0) break;
        const World attacked = attacked_world(benign, wo, kind, o.victims, o.half);
        const Outcome a = run(attacked, o);
        for (std::size_t i = 0; i < a.leaks.size(); ++i) {
          if (a.leaks[i].spoiled) continue;
          leaks[kind].push_back(a.leaks[i].recipients);
          ++found[kind].second;
          found[kind].first += a.leaks[i].found ? 1 : 0;
          touched[kind] += a.leaks[i].touched ? 1 : 0;
        }
      }
    }
  }
  for (const auto& [kind, values] : leaks) {
    const double mean =
        static_cast<double>(std::accumulate(values.begin(), values.end(), std::size_t{0})) /
        static_cast<double>(values.size());
    fmt::print(
        "{:20} n {:4} leaked p50 {:4} p95 {:5} mean {:7.1f} | restricted {:3.0f} % | "
        "restricted or asked {:3.0f} %\n",
        to_string(kind), values.size(), quantile(values, .5), quantile(values, .95), mean,
        100.0 * static_cast<double>(found[kind].first) / static_cast<double>(found[kind].second),
        100.0 * static_cast<double>(touched[kind]) / static_cast<double>(found[kind].second));
  }
  return any ? 0 : 1;
}

}  // namespace
}  // namespace sekimori::bench

int main(int argc, char** argv) { return sekimori::bench::main_of(argc, argv); }
