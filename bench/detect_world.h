// A simulated outside world around real mail: who signs in from where, what is received, bounced,
// changed; and the attacks on it. Everything follows from the seed. What is real: who wrote to whom
// and when. What is simulated: sizes, networks, sign-ins, bounces, settings, attacks.
//
// Artefacts kept out (docs/detection.md): attacks draw sizes, senders and Message-IDs from the same
// habits as owners do; owners travel, change networks, blast and bounce too; attack recipients live
// in the same mail domains; a third of attack addresses are of the victim's own provider.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"

namespace sekimori::bench {

struct WorldEvent {
  Event event;
  std::int32_t attack = -1;  // index of the attack it belongs to, or -1: the owner's
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
  count_
};
[[nodiscard]] std::string_view to_string(AttackKind);

struct WorldOptions {
  std::string data_set;  // eu_core_first_400_days, radoslaw, collegemsg
  std::string data_dir;
  bool split = false;  // half of the nodes are outside
  bool logins = true;  // sign-ins, networks, settings, bounces (false: send-only)
  bool places = true;  // country and operator known; false: addresses only
  std::uint64_t seed = 1;
  bool bare = false;     // recipients and times only: no sizes, senders, Message-IDs
  bool blasters = true;  // 4 % of the accounts send newsletters
};

struct World {
  std::vector<std::string> accounts;
  std::vector<WorldEvent> events;  // by time
  double account_days = 0;         // calendar, from an account's first event on
  std::size_t benign_messages = 0;
  struct Attack {
    std::size_t account = 0;
    AttackKind kind{};
    std::size_t recipients = 0;  // bad ones, all sent if nothing stops them
  };
  std::vector<Attack> attacks;
};

// The owners' world. Empty `accounts` when the data set is not there.
[[nodiscard]] World benign_world(const WorldOptions& options);
// The same with about `victims` attacks of a kind on accounts whose index has the parity of `half`.
[[nodiscard]] World attacked_world(const World& benign, const WorldOptions& options,
                                   AttackKind kind, std::size_t victims, unsigned half);

}  // namespace sekimori::bench
