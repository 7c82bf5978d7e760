// Which networks mail programs come from that are set up for another server name, port or
// encryption: what the log says of connections nobody signed in over. In memory; a restart forgets.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/handshake.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/mail_settings.h"

namespace sekimori::serve {

// Any thread.
class HandshakeBook {
 public:
  // A day of a provider's customers with wrong settings, and the scanners beside them: 1 MiB.
  static constexpr std::size_t k_networks_max = 4096;

  void note(const IpAddress& client, HandshakeTrouble trouble, Service service, Instant t);
  // Of the client's network (/24, /64), where the last was within 24 hours.
  [[nodiscard]] std::vector<decide::HandshakeFact> of(const IpAddress& client, Instant now) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Network {
    std::array<decide::HandshakeFact, static_cast<std::size_t>(HandshakeTrouble::count_)> facts;
    Instant last;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Network, std::less<>> networks_;
};

}  // namespace sekimori::serve
