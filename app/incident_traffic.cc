#include "app/incident_traffic.h"

#include <map>
#include <utility>

#include "base/event.h"
#include "store/journal.h"

namespace sekimori::app {
namespace {

constexpr std::uint64_t k_events_max = 2'000'000;
// Recipients whose fate is followed; a takeover that reached more is counted up to here.
constexpr std::size_t k_fates_max = 200'000;

std::uint64_t begin_of(const std::string& directory) {
  const auto segments = store::journal_segments(directory);
  if (!segments || segments->empty()) return 1;
  const std::uint64_t last = segments->back().first;
  return last > k_events_max ? last - k_events_max : 1;
}

}  // namespace

Result<decide::IncidentTraffic> incident_traffic(const std::string& journal_directory,
                                                 const std::string& account, Instant from,
                                                 Instant until) {
  decide::IncidentTraffic traffic;
  // The last word on each recipient counts.
  std::map<std::pair<std::string, std::string>, DeliveryStatus> fates;
  Instant earliest;
  auto reading = store::read_journal(
      journal_directory, begin_of(journal_directory), [&](std::uint64_t, const Event& event) {
        if (!event.history && (!earliest.is_set() || event.t < earliest)) earliest = event.t;
        if (event.account != account || event.history || event.t < from ||
            (until.is_set() && event.t > until)) {
          return true;
        }
        if (const auto* sent = std::get_if<Submission>(&event.body)) {
          if (!traffic.first.is_set()) traffic.first = event.t;
          traffic.last = event.t;
          switch (sent->fate.value_or(Fate::accepted)) {
            case Fate::held: ++traffic.held; break;
            case Fate::refused: ++traffic.refused; break;
            case Fate::accepted:
              ++traffic.messages;
              traffic.recipients += sent->to.size();
              break;
          }
        } else if (const auto* fate = std::get_if<Delivery>(&event.body)) {
          const std::pair key(fate->queue_id, fate->to);
          if (fates.size() < k_fates_max || fates.contains(key)) fates[key] = fate->status;
        }
        return true;
      });
  if (!reading) return std::unexpected(reading.error());
  traffic.known = earliest.is_set() && earliest <= from;
  for (const auto& [key, status] : fates) {
    switch (status) {
      case DeliveryStatus::sent: ++traffic.delivered; break;
      case DeliveryStatus::deferred: ++traffic.deferred; break;
      case DeliveryStatus::bounced: ++traffic.bounced; break;
    }
  }
  return traffic;
}

}  // namespace sekimori::app
