// An account over time: figures by the hour or day, and from where somebody signed in. Part of
// Control, in a header of its own; threads and errors as there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "decide/figures.h"
#include "web/control.h"

namespace sekimori::web {

struct FigureQuery {
  bool by_day = false;
  std::size_t steps = 48;  // hours or days, the present one last; ≤ k_figure_steps_max
};
inline constexpr std::size_t k_figure_steps_max = 400;

struct FigureStep {
  Instant begin;
  decide::Figures figures;
};
// Sign-ins that were let in, by the network they came from.
struct FigureNetwork {
  std::string network;  // "192.0.2.0/24"; "" all others
  std::string country;
  std::uint32_t asn = 0;
  bool hosting = false;
  std::vector<std::uint64_t> counts;  // one a step
};
struct FigureSeries {
  std::string account;
  bool by_day = false;
  std::vector<FigureStep> steps;        // every one, also where nothing was
  std::vector<FigureNetwork> networks;  // the busiest first
};

// What went on in an incident, against what is usual for the account.
struct IncidentGlance {
  std::uint64_t recipients = 0;
  // A day, over the four weeks before at most; unset: the account has no past.
  std::optional<double> usual_recipients;
  std::uint32_t networks = 0;          // from which somebody was let in
  std::vector<std::string> countries;  // the most sign-ins first; at most k_glance_countries_max
};
inline constexpr std::size_t k_glance_countries_max = 8;

// What stands in a mailbox, and what may.
struct MailboxUse {
  std::optional<std::uint64_t> used_bytes;  // unset: Dovecot is not reached, or counts nothing
  std::uint64_t limit_bytes = 0;            // 0: unlimited
  bool limit_in_force = false;              // as Dovecot says; false: as the provider's store says
};
// How much of each account's mail waits in Postfix's queue, held mail left out.
struct QueuedMail {
  std::unordered_map<std::string, std::uint64_t> messages;  // by account; others have none
};

class EncryptionDesk;  // encryption.h

class FigureDesk {
 public:
  virtual ~FigureDesk() = default;

  // not_found: no account of this server. Days are those of the server's clock.
  [[nodiscard]] virtual Result<FigureSeries> figures(std::string_view address,
                                                     const FigureQuery&) = 0;
  // From the hour of `from` on until that of `until`; `account` as it is kept. Of a month at most.
  [[nodiscard]] virtual Result<IncidentGlance> glance(std::string_view account, Instant from,
                                                      Instant until) = 0;
  // Newest first.
  [[nodiscard]] virtual Result<Page<decide::SignInRow>> sign_ins(std::string_view address,
                                                                 std::size_t offset,
                                                                 std::size_t limit) = 0;
  // not_found as figures().
  [[nodiscard]] virtual Result<MailboxUse> mailbox(std::string_view address) = 0;
  // As it was some seconds ago; nullptr: not counted yet, or Postfix is not reached. Never waits
  // for long: a list of incidents must come.
  [[nodiscard]] virtual std::shared_ptr<const QueuedMail> queued() = 0;
  // Who still signs in without encryption.
  [[nodiscard]] virtual EncryptionDesk& encryption() = 0;
};

}  // namespace sekimori::web
