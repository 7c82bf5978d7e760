#include "serve/handshake_book.h"

#include <algorithm>

#include "base/ip_place.h"

namespace sekimori::serve {

void HandshakeBook::note(const IpAddress& client, HandshakeTrouble trouble, Service service,
                         Instant t) {
  if (!client.is_set() || trouble == HandshakeTrouble::count_) return;
  std::string name = place_network(client);
  const std::lock_guard lock(mutex_);
  if (!networks_.contains(name) && networks_.size() >= k_networks_max) {
    networks_.erase(std::ranges::min_element(
        networks_, {}, [](const auto& network) { return network.second.last; }));
  }
  Network& network = networks_[std::move(name)];
  decide::HandshakeFact& fact = network.facts[static_cast<std::size_t>(trouble)];
  if (t - fact.last > days(1)) fact.tries = 0;  // another day's
  fact.trouble = trouble;
  fact.service = service;
  ++fact.tries;
  fact.last = std::max(fact.last, t);
  network.last = std::max(network.last, t);
}

std::vector<decide::HandshakeFact> HandshakeBook::of(const IpAddress& client, Instant now) const {
  std::vector<decide::HandshakeFact> out;
  if (!client.is_set()) return out;
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(place_network(client));
  if (found == networks_.end()) return out;
  for (const auto& fact : found->second.facts) {
    if (fact.tries > 0 && now - fact.last < days(1)) out.push_back(fact);
  }
  return out;
}

std::size_t HandshakeBook::size() const {
  const std::lock_guard lock(mutex_);
  return networks_.size();
}

}  // namespace sekimori::serve
