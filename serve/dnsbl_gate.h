// What is done with blacklists' answers: whom they are asked about, and the limits of the settings.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blacklist.h"
#include "base/ip_address.h"
#include "base/ip_network.h"
#include "serve/dnsbl_board.h"

namespace sekimori::serve {

// Any thread.
class DnsblGate {
 public:
  // `own`: networks that are never asked about, beside those that no list may speak of (loopback,
  // private and link-local ones).
  DnsblGate(DnsblBoard& board, BlacklistLimits limits, std::vector<IpNetwork> own);

  [[nodiscard]] bool asks_about(const IpAddress& ip) const;
  [[nodiscard]] bool marks() const { return limits_.mark > 0; }
  [[nodiscard]] BlacklistVerdict verdict(std::span<const ListAnswer> answers,
                                         const IpAddress& ip) const {
    return weigh(board_.lists(), answers, limits_, ip);
  }
  [[nodiscard]] DnsblBoard& board() const { return board_; }

 private:
  DnsblBoard& board_;
  BlacklistLimits limits_;
  std::vector<IpNetwork> own_;
};

}  // namespace sekimori::serve
