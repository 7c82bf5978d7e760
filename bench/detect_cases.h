// Owners' doings that look like a theft: each kind played on some accounts of a world, to be
// reported apart.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/detect_world.h"

namespace sekimori::bench {

enum class CaseKind : std::uint8_t {
  newsletter_first,   // 50–5,000 strangers, 1–200 a message, one text
  newsletter_repeat,  // the same list again, 2–4 times; the first run was approved
  invitations,        // 20–200 strangers, one by one
  travel,             // 3–14 days in another country
  vpn,                // two weeks between home and VPN exits of several countries
  cgnat,              // two weeks on a mobile network, another address each message
  role_account,       // 3–8 people with networks of their own
  migration,          // another program, telephone and app password
  invoice_run,        // monthly, 30–300 customers one by one, a tenth of them new
  provider_change,    // the whole company's office gets another operator
  return_90_days,     // back after 90 days without a message
  count_
};
inline constexpr std::size_t k_case_kinds = static_cast<std::size_t>(CaseKind::count_);
[[nodiscard]] std::string_view to_string(CaseKind);

struct CaseWorld {
  struct Case {
    std::size_t account = 0;
    Instant from, to;
  };
  World world;
  std::vector<Case> cases;
};

// About `n` cases on accounts whose index has the parity of `half` (provider_change: all of them).
[[nodiscard]] CaseWorld case_world(const World& benign, const SentIndex& sent,
                                   const WorldOptions& options, CaseKind kind, std::size_t n,
                                   unsigned half);

}  // namespace sekimori::bench
