// The sign-in decision's part about guessing (decide/guessing.h): joins the counters with what each
// account knows of its own places. Whoever decides over a sign-in asks here, after the lists.
#pragma once

#include <functional>
#include <string_view>

#include "base/event.h"
#include "decide/engine.h"
#include "decide/guessing.h"
#include "serve/policy_desk.h"
#include "serve/sign_in_gate.h"

namespace sekimori::serve {

struct GuessDeskOptions {
  PlaceOf place;  // may be empty
  // What somebody should know of; puts bans into the table. Must not block; any thread.
  std::function<void(decide::GuessNews&&)> news;
  // false: nothing is refused or delayed (observe mode). Empty: true.
  std::function<bool()> enforced = {};
};

// Any thread; microseconds, no input or output.
class GuessDesk {
 public:
  // References live as long as the desk.
  GuessDesk(decide::Engine& engine, decide::GuessGuard& guard, GuessDeskOptions options)
      : engine_(engine), guard_(guard), options_(std::move(options)) {}

  // Refuses or delays; `exists`: is the login an account of this server?
  void ask(const SignIn& sign_in, bool exists, SignInVerdict& verdict);
  // How it ended; `place`: of its address. refused: nobody looked at the password. Returns what a
  // right password came behind.
  GuessesBefore ended(const SignIn& sign_in, bool exists, const Place& place, LoginResult result);

 private:
  [[nodiscard]] decide::SignInTry try_of(const SignIn&, bool exists, const Place&) const;
  [[nodiscard]] decide::Acquaintance acquaintance(const decide::SignInTry&) const;

  decide::Engine& engine_;
  decide::GuessGuard& guard_;
  GuessDeskOptions options_;
};

}  // namespace sekimori::serve
