// One engine over recorded events, on their own clock: what a replay and both sides of a comparison
// are made of.
//
// What happened is folded, what the daemon decided by itself is decided anew. Of a journal these
// are the daemon's own and left out: the answers given (`fate`), holds that ended by time, the
// machine's containments, its marks. These are facts and stay: sign-ins, messages, bounces,
// settings; a person's word on a held message, if it is held here as well; a person's containment;
// the owner's way back, if the account is contained here as well. Bounces of a message that did not
// leave here are left out.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/event.h"
#include "decide/engine.h"

namespace sekimori::app {

// Hears what comes of the events, in order. Called by ReplayRun's own calls, on their thread.
class ReplayWatcher {
 public:
  virtual ~ReplayWatcher() = default;
  virtual void answered(const Event&, const Submission&, const decide::Applied&) = 0;
  virtual void hold_ended(Instant t, const decide::HeldMessage&) = 0;
  virtual void standing(const decide::StandingNews&) = 0;
  virtual void login(const Event&, const Login&, const decide::LoginAnswer&) = 0;
  // Something suspended it; who only counts mail need not know.
  virtual void approval_suspended(Instant, const decide::Approval&) {}
};

class ReplayRun {
 public:
  // The watcher outlives the run.
  ReplayRun(decide::EngineSettings settings, ReplayWatcher& watcher);

  // As it happened: what was decided then is taken over, nothing is heard. For what lies before the
  // period in question; not after fold().
  void recall(const Event&);
  // Decided anew. False: a repeated id, nothing was folded.
  bool fold(const Event&);
  // Time goes on to `t`: timed holds end, epochs are made, victims' patterns are shared.
  void advance(Instant t);

  [[nodiscard]] const decide::Engine& engine() const { return engine_; }

 private:
  void begin();
  void pass_time(Instant t);
  void fold_standing(const Event&, const StandingSet&);
  void end_hold(const Event&, const HoldEnded&);
  [[nodiscard]] bool never_left(std::string_view queue_id) const;
  void forget_bounces_of(std::string_view queue_id);

  decide::Engine engine_;
  ReplayWatcher& watcher_;
  bool begun_ = false;
  std::uint64_t sequence_ = 0;  // of recalled events
  Instant next_epoch_, next_look_;
  std::priority_queue<Instant, std::vector<Instant>, std::greater<>> releases_;
  // Messages that were refused or deleted here, by the hash of their queue id: a generation of
  // half a million, and the one before it. Bounces come within days.
  static constexpr std::size_t k_generation = 500'000;
  std::unordered_set<std::size_t> kept_, kept_before_;
  decide::Applied applied_;
};

// Which part of the events is in question: [from, until), unset ends are open.
class Period {
 public:
  enum class Part : std::uint8_t { before, inside, behind };
  Period(Instant from, Instant until) : from_(from), until_(until) {}
  // Of the next event; once inside, never before again (events may be a little out of order, and
  // what was learnt from old logs bears old times).
  [[nodiscard]] Part next(const Event&);

 private:
  Instant from_, until_;
  bool inside_ = false;
};

// Fills the place of an event's address where the event does not say it.
void fill_place(Event& event, const std::function<Place(const IpAddress&)>& place);

}  // namespace sekimori::app
