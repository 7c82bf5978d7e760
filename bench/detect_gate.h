// The judge behind the engine's gate, in short: restrict, hold (timed, asked), release after 20
// quiet minutes; played over a world. Nobody answers what is asked unless said so, nobody lifts a
// restriction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/detect_world.h"
#include "detect/detector.h"

namespace sekimori::bench {

// What the judge gets to see besides the sending.
struct Signals {
  bool logins = true;  // sign-ins, settings; networks: see strip_networks()
  bool bounces = true;
  bool complaints = true;  // among the bounces
};

// What an account's owner suffered.
struct OwnerOutcome {
  Instant restricted;          // unset: never
  std::string why;             // of a restriction: the headline and the channels' nats
  std::uint32_t messages = 0;  // handed in before any restriction
  std::uint32_t held_timed = 0, held_asked = 0;
  std::uint32_t put_off = 0;      // 450: too many wait for a person already
  std::uint32_t questions = 0;    // an account's messages that wait, less than a day apart, are one
  std::uint32_t active_days = 0;  // with mail, until the restriction
  std::uint32_t asked_days = 0;   // with a message that waits for a person
  double held_minutes = 0;        // of the timed ones
};

struct AttackOutcome {
  std::size_t leaked = 0;  // recipients that spam reached
  Instant contained;       // restricted; unset: never
  Instant asked;           // the first message that waits for a person
  bool begun = false;      // the first message was seen
  bool spoiled = false;    // the account was restricted before the attack: it does not count
};

struct GateOutcome {
  std::vector<OwnerOutcome> owners;    // in the order of World::accounts
  std::vector<AttackOutcome> attacks;  // in the order of the attacks
  std::vector<float> held_minutes;     // of each owner's message whose timed hold ran out
};

// When an owner's mail counts.
struct Window {
  Instant from, to;
};

// Who answers what the owners' mail was asked about. Attacks are met with `never`: then nobody says
// no to a thief either.
enum class Answers : std::uint8_t {
  never,
  within_a_day,  // "it was me", 10 minutes to a day after the question
  beforehand,    // newsletters were approved; other questions are answered by nobody
};

struct GateOptions {
  detect::DetectSettings settings;
  Signals signals;
  Answers answers = Answers::never;
  bool whys = false;
  std::string trace;  // this account's messages are printed, a line each
  // In the order of World::accounts; empty: everything counts. A restriction ends what counts
  // wherever it happens.
  std::vector<Window> windows;
};

// Plays the owners' events and `attacks` (attacks_on(); nullptr: none).
[[nodiscard]] GateOutcome run_gate(const World& benign, const World* attacks,
                                   const GateOptions& options);

// Takes the networks away from all mail of a world (and of attacks_on()).
void strip_networks(World& world);

}  // namespace sekimori::bench
