#include "app/incident_networks.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "base/event.h"
#include "base/ip_place.h"
#include "store/journal.h"

namespace sekimori::app {
namespace {

constexpr std::uint64_t k_events_max = 2'000'000;

struct Seen {
  std::set<std::string> before;
  std::set<std::string> since;
};

// Where reading begins: the last segments that hold at least k_events_max events.
std::uint64_t begin_of(const std::string& directory) {
  const auto segments = store::journal_segments(directory);
  if (!segments || segments->empty()) return 1;
  // The last segment's own events are not counted: its last number is not known without reading.
  const std::uint64_t last = segments->back().first;
  return last > k_events_max ? last - k_events_max : 1;
}

}  // namespace

Result<std::map<std::string, std::vector<std::string>>> incident_networks(
    const std::string& journal_directory, const std::map<std::string, Instant>& onsets,
    std::size_t networks_max) {
  std::map<std::string, Seen, std::less<>> seen;
  auto reading = store::read_journal(
      journal_directory, begin_of(journal_directory), [&](std::uint64_t, const Event& event) {
        const auto wanted = onsets.find(event.account);
        if (wanted == onsets.end()) return true;
        IpAddress ip;
        if (const auto* login = std::get_if<Login>(&event.body);
            login != nullptr && login->result == LoginResult::ok) {
          ip = login->ip;
        } else if (const auto* sent = std::get_if<Submission>(&event.body)) {
          ip = sent->ip;
        }
        if (!ip.is_set()) return true;
        Seen& one = seen[event.account];
        (event.t < wanted->second ? one.before : one.since).insert(place_network(ip));
        return true;
      });
  if (!reading) return std::unexpected(reading.error());
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [account, one] : seen) {
    auto& networks = out[account];
    std::ranges::set_difference(one.since, one.before, std::back_inserter(networks));
    if (networks.size() > networks_max) networks.resize(networks_max);
  }
  return out;
}

}  // namespace sekimori::app
