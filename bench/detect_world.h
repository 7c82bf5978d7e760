// A simulated outside world around real mail: who signs in from where, what is received, bounced,
// read, changed; and the attacks on it. Everything follows from the seed. What is real: who wrote
// to whom and when. What is simulated: sizes, networks, sign-ins, bounces, settings, attacks.
//
// Artefacts kept out (docs/detection.md): attacks draw sizes, senders and Message-IDs from the same
// habits as owners do, at the same rates; owners travel, change networks, blast and bounce too;
// attack recipients live in the mail domains that owners write to; a third of attack addresses are
// of the victim's own providers; contacts are those of the past; time stamps are whole seconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"

namespace sekimori::bench {

struct WorldEvent {
  Event event;
  std::int32_t attack = -1;   // index of the attack it belongs to, or -1: the owner's
  std::uint32_t message = 0;  // number of the message that a submission or a bounce belongs to
  bool approved = false;      // a person approved the run beforehand
  bool newsletter = false;    // of a blaster's run
};

enum class AttackKind : std::uint8_t {
  f1_bulk,
  f2_botnet,
  f3_slow,
  f4_lateral,
  f5_contacts,
  f6_bec,
  f7_limit,
  f8_local,
  f9_warm_up,
  burst_50,
  contact_strangers,
  white_box,
  // Attacks that no table was made for (bench/detect_unforeseen.cc).
  threads,
  fat_message,
  slow_contacts,
  swarm,
  sleeper,
  sips,
  domain_walk,
  no_address,
  own_computer,
  doubling,
  newcomer,
  house_contacts,
  next_door,
  count_
};
// The families that the tables and lines were made with come first.
inline constexpr std::size_t k_attack_kinds = static_cast<std::size_t>(AttackKind::threads);
inline constexpr std::size_t k_all_attack_kinds = static_cast<std::size_t>(AttackKind::count_);
[[nodiscard]] std::string_view to_string(AttackKind);

struct WorldOptions {
  std::string data_set;  // eu_core_first_400_days, radoslaw, collegemsg
  std::string data_dir;
  bool split = false;   // half of the nodes are outside
  bool logins = true;   // sign-ins, networks, settings
  bool bounces = true;  // hard bounces, complaints
  bool places = true;   // country and operator known; false: addresses only
  std::uint64_t seed = 1;
  bool bare = false;       // recipients and times only: no sizes, senders, Message-IDs
  bool blasters = true;    // 4 % of the accounts send newsletters
  unsigned strangers = 0;  // white box: strangers a day; 0: 12
};

struct World {
  struct Owner {
    std::size_t op = 0, mobile_op = 0;  // operators of the owner's networks
    bool blaster = false;               // sends newsletters
    Instant first;                      // first event
  };
  std::vector<std::string> accounts;
  std::vector<Owner> owners;           // of the accounts
  std::vector<std::string> addresses;  // of every node, inside and outside
  std::vector<WorldEvent> events;      // by time
  Instant last;                        // of the data set
  double account_days = 0;             // calendar, from an account's first event on
  std::size_t benign_messages = 0;
  struct Attack {
    std::size_t account = 0;
    AttackKind kind{};
    std::size_t recipients = 0;  // bad ones, all sent if nothing stops them
    Instant first;               // message
  };
  std::vector<Attack> attacks;
};

// The owners' world. Empty `accounts` when the data set is not there.
[[nodiscard]] World benign_world(const WorldOptions& options);

// What each account sent, as places in World::events; accounts in the order of World::accounts.
using SentIndex = std::vector<std::vector<std::uint32_t>>;
[[nodiscard]] SentIndex sent_by(const World& benign);

// About `victims` attacks of a kind on accounts whose index has the parity of `half`: `attacks` and
// `events` hold the attacks' own only, by time; play them with merged().
[[nodiscard]] World attacks_on(const World& benign, const SentIndex& sent,
                               const WorldOptions& options, AttackKind kind, std::size_t victims,
                               unsigned half);

// Calls f(const WorldEvent&) for the events of both in the order of time; at the same moment the
// first's come first.
template <class F>
void merged(const std::vector<WorldEvent>& a, const std::vector<WorldEvent>& b, F f) {
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const bool first = j == b.size() || (i < a.size() && a[i].event.t <= b[j].event.t);
    f(first ? a[i++] : b[j++]);
  }
}

}  // namespace sekimori::bench
