#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <utility>

#include "app/replay_run.h"
#include "decide/standing.h"

namespace sekimori::app {
namespace {

constexpr std::uint64_t k_events_a_look = 4096;

void earliest(Instant& at, Instant t) {
  if (t.is_set() && (!at.is_set() || t < at)) at = t;
}

void add(Outcome& to, const Outcome& from) {
  to.reached += from.reached;
  to.refused += from.refused;
  to.deleted += from.deleted;
  to.waiting += from.waiting;
  to.messages += from.messages;
  to.held += from.held;
  to.asked += from.asked;
  to.held_minutes += from.held_minutes;
  earliest(to.first_held, from.first_held);
  earliest(to.restricted, from.restricted);
  earliest(to.suspended, from.suspended);
}

enum Side : std::uint8_t { side_a, side_b, side_recorded, sides };

// What is counted of one account. Most never meet the guard: they get no outcomes, only the sums of
// what they sent.
struct Tally {
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::unique_ptr<std::array<Outcome, sides>> outcomes;
};

class Ledger {
 public:
  explicit Ledger(std::size_t accounts_max) : accounts_max_(accounts_max) {}

  // A message came in: all sides let it pass until one of them says otherwise.
  void offered(const std::string& account, std::uint64_t recipients) {
    Tally& tally = tally_of(account);
    ++tally.messages;
    tally.recipients += recipients;
    if (tally.outcomes == nullptr) return;
    for (Outcome& outcome : *tally.outcomes) {
      ++outcome.messages;
      outcome.reached += recipients;
    }
  }
  // The account's outcome, which differs from "all passed" from now on.
  Outcome& of(const std::string& account, Side side) {
    Tally& tally = tally_of(account);
    if (tally.outcomes == nullptr) {
      tally.outcomes = std::make_unique<std::array<Outcome, sides>>();
      for (Outcome& outcome : *tally.outcomes) {
        outcome.messages = tally.messages;
        outcome.reached = tally.recipients;
      }
    }
    return (*tally.outcomes)[side];
  }
  [[nodiscard]] const std::unordered_map<std::string, Tally>& tallies() const { return tallies_; }
  [[nodiscard]] const Tally& others() const { return others_; }

 private:
  Tally& tally_of(const std::string& account) {
    const auto found = tallies_.find(account);
    if (found != tallies_.end()) return found->second;
    return tallies_.size() < accounts_max_ ? tallies_[account] : others_;
  }
  std::size_t accounts_max_;
  std::unordered_map<std::string, Tally> tallies_;
  Tally others_;  // all accounts beyond accounts_max together
};

// Books what one engine decides.
class Bookkeeper : public ReplayWatcher {
 public:
  Bookkeeper(Ledger& ledger, Side side) : ledger_(ledger), side_(side) {}

  void answered(const Event& event, const Submission&, const decide::Applied& applied) override {
    const decide::Answer& answer = *applied.answer;
    if (answer.held == 0 && answer.refused == 0) {
      if (answer.rule.starts_with("observe:")) observed(event, answer);
      return;
    }
    Outcome& outcome = ledger_.of(event.account, side_);
    outcome.reached -= answer.held + answer.refused;
    outcome.refused += answer.refused;
    if (answer.held == 0) return;
    ++outcome.held;
    earliest(outcome.first_held, event.t);
    for (const auto& hold : applied.holds) {
      // This message, or one that waited for time until now and waits with it.
      if (hold.kind == decide::HoldKind::asked) ++outcome.asked;
    }
  }
  void hold_ended(Instant t, const decide::HeldMessage& hold) override {
    Outcome& outcome = ledger_.of(hold.account, side_);
    if (hold.state != decide::HoldState::released) {
      outcome.deleted += hold.recipients;
      return;
    }
    outcome.reached += hold.recipients;
    outcome.held_minutes += std::max(0.0, (t - hold.held_at).seconds() / 60);
  }
  void standing(const decide::StandingNews& news) override {
    const auto& record = news.change.record;
    if (record.by != "machine") return;
    contained(ledger_.of(record.subject.id, side_), record.standing, record.since);
  }
  void login(const Event&, const Login&, const decide::LoginAnswer&) override {}

  static void contained(Outcome& outcome, Standing to, Instant t) {
    if (to == Standing::restricted) earliest(outcome.restricted, t);
    if (to == Standing::suspended) earliest(outcome.suspended, t);
  }

 private:
  // Observe mode: nothing is done; what would have been held is counted, and it reached people.
  void observed(const Event& event, const decide::Answer& answer) {
    if (!answer.rule.starts_with("observe:hold_")) return;
    Outcome& outcome = ledger_.of(event.account, side_);
    ++outcome.held;
    if (!answer.rule.ends_with("hold_timed")) ++outcome.asked;
    earliest(outcome.first_held, event.t);
  }
  Ledger& ledger_;
  Side side_;
};

// Books what the events say was decided then.
class Record {
 public:
  explicit Record(Ledger& ledger) : ledger_(ledger) {}
  [[nodiscard]] bool any() const { return any_; }

  void note(const Event& event) {
    if (const auto* mail = std::get_if<Submission>(&event.body)) {
      if (!mail->fate) return;
      any_ = true;
      if (*mail->fate == Fate::accepted) return;
      Outcome& outcome = ledger_.of(event.account, side_recorded);
      outcome.reached -= mail->to.size();
      if (*mail->fate == Fate::refused) {
        outcome.refused += mail->to.size();
      } else {
        ++outcome.held;
        outcome.waiting += mail->to.size();
        earliest(outcome.first_held, event.t);
      }
    } else if (const auto* ended = std::get_if<HoldEnded>(&event.body)) {
      Outcome& outcome = ledger_.of(event.account, side_recorded);
      // Holds from before the period end in it, too: they waited for nobody here.
      outcome.waiting -= std::min<std::uint64_t>(outcome.waiting, ended->recipients);
      (ended->released ? outcome.reached : outcome.deleted) += ended->recipients;
      if (ended->by != "time") ++outcome.asked;
    } else if (const auto* set = std::get_if<StandingSet>(&event.body)) {
      if (!decide::is_contained(set->to)) return;
      Bookkeeper::contained(ledger_.of(event.account, side_recorded), set->to, event.t);
    }
  }

 private:
  Ledger& ledger_;
  bool any_ = false;
};

void count_waiting(const decide::Engine& engine, Ledger& ledger, Side side) {
  for (const auto& hold : engine.open_holds()) {
    ledger.of(hold.account, side).waiting += hold.recipients;
  }
}

bool differ(const Outcome& a, const Outcome& b) { return a != b; }

void sum_up(const Ledger& ledger, Comparison& out) {
  const auto sum = [&out](const Outcome& a, const Outcome& b, const Outcome& then) {
    add(out.a, a);
    add(out.b, b);
    add(out.then, then);
    const auto count = [](std::uint64_t& counter, bool yes) { counter += yes ? 1U : 0U; };
    count(out.held_accounts_a, a.held > 0);
    count(out.held_accounts_b, b.held > 0);
    count(out.held_accounts_then, then.held > 0);
    count(out.restricted_a, a.contained());
    count(out.restricted_b, b.contained());
    count(out.restricted_then, then.contained());
    count(out.suspended_a, a.suspended.is_set());
    count(out.suspended_b, b.suspended.is_set());
    count(out.suspended_then, then.suspended.is_set());
    if (a.contained() || b.contained() || then.contained()) return;
    out.benign_minutes_a += a.held_minutes;
    out.benign_minutes_b += b.held_minutes;
  };
  const auto one = [&](const std::string* account, const Tally& tally) {
    if (tally.outcomes == nullptr) {
      const Outcome passed{.reached = tally.recipients, .messages = tally.messages};
      sum(passed, passed, passed);
      return;
    }
    const auto& [a, b, then] = *tally.outcomes;
    sum(a, b, then);
    if (account == nullptr || !differ(a, b)) return;
    out.differing.push_back({*account, a, b, then});
  };
  for (const auto& [account, tally] : ledger.tallies()) {
    if (tally.messages > 0) ++out.accounts;
    one(&account, tally);
  }
  one(nullptr, ledger.others());
  const auto weight = [](const AccountOutcome& x) {
    return x.a.reached > x.b.reached ? x.a.reached - x.b.reached : x.b.reached - x.a.reached;
  };
  std::ranges::sort(out.differing, [&](const AccountOutcome& x, const AccountOutcome& y) {
    const auto wx = weight(x), wy = weight(y);
    return wx != wy ? wx > wy : x.account < y.account;
  });
  out.differing_count = out.differing.size();
  if (out.differing.size() > Comparison::k_differing_max) {
    out.differing.resize(Comparison::k_differing_max);
  }
}

}  // namespace

Result<Comparison> compare(const CompareOptions& options) {
  const auto source = EventSource::open(options.events, options.language);
  if (!source) return std::unexpected(source.error());
  const auto started = std::chrono::steady_clock::now();
  Ledger ledger(options.accounts_max);
  Bookkeeper books_a(ledger, side_a);
  Bookkeeper books_b(ledger, side_b);
  Record record(ledger);
  ReplayRun a(options.a, books_a);
  ReplayRun b(options.b, books_b);
  Period period(options.from, options.until);
  Comparison out;
  const auto fold = [&](const Event& event) {
    // Sums are booked in any order: what is taken away before it was added wraps around and back.
    const bool new_a = a.fold(event);
    const bool new_b = b.fold(event);
    if (event.history || (!new_a && !new_b)) return;
    record.note(event);
    const auto* mail = std::get_if<Submission>(&event.body);
    if (mail == nullptr) return;
    ledger.offered(event.account, mail->to.size());
    if (new_a && new_b) return;
    // A repeated id, which one side knows again and the other refused the first time.
    Outcome& outcome = ledger.of(event.account, new_a ? side_b : side_a);
    --outcome.messages;
    outcome.reached -= mail->to.size();
  };
  Event placed;
  const auto reading = source->each([&](const Event& event) {
    if (++out.reading.events % k_events_a_look == 0) {
      if (options.progress) options.progress(out.reading.events, event.t);
      out.cut_short = options.go_on && !options.go_on();
      if (out.cut_short) return false;
    }
    const Event* seen = &event;
    if (options.place) {
      placed = event;
      fill_place(placed, options.place);
      seen = &placed;
    }
    switch (period.next(event)) {
      case Period::Part::behind: break;
      case Period::Part::before:
        a.recall(*seen);
        b.recall(*seen);
        break;
      case Period::Part::inside:
        if (!event.history) {
          ++out.events;
          earliest(out.first, event.t);
          out.last = std::max(out.last, event.t);
        }
        fold(*seen);
        break;
    }
    return true;
  });
  if (!reading) return std::unexpected(reading.error());
  out.reading = *reading;
  if (out.events == 0) {
    return bad_input(options.language == Language::ja
                         ? fmt::format("この期間の出来事が 1 件もありません(読めた行: {}、"
                                       "読めなかった行: {})。ファイルと --from、--until を"
                                       "確かめてください。メールログは sekimori learn で読みます。",
                                       reading->events, reading->skipped)
                         : fmt::format("no event lies in this period ({} lines read, {} not "
                                       "readable): look at the file, --from and --until; mail "
                                       "logs are read by sekimori learn",
                                       reading->events, reading->skipped));
  }
  count_waiting(a.engine(), ledger, side_a);
  count_waiting(b.engine(), ledger, side_b);
  out.recorded = record.any();
  sum_up(ledger, out);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return out;
}

}  // namespace sekimori::app
