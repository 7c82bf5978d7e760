// The rules for addresses in force: replaced as a whole by whoever reads them, asked by every
// server thread without a lock, with a count of how often each decided.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/address_rules.h"

namespace sekimori::serve {

// Any thread.
class RuleBook {
 public:
  using PlaceOf = std::function<Place(const IpAddress&)>;
  // `place` may be empty: rules for countries and networks' numbers match nothing then.
  explicit RuleBook(PlaceOf place = {});
  RuleBook(const RuleBook&) = delete;
  RuleBook& operator=(const RuleBook&) = delete;

  void set(const std::vector<decide::AddressRule>& rules);
  [[nodiscard]] std::size_t size() const { return current().set.size(); }

  struct Found {
    bool allow = false;
    std::uint64_t id = 0;
  };
  // The rule that decides for a sign-in to `account`, or for mail to it. The account is normalised,
  // or "" where nobody's is known. Counts nothing.
  [[nodiscard]] std::optional<Found> look(const IpAddress& ip, std::string_view account,
                                          decide::RuleUse use, Instant now) const;
  // It decided: counted, where it is still in force.
  void hit(const Found& found, Instant now) const;
  // look() and hit().
  [[nodiscard]] std::optional<Found> decide(const IpAddress& ip, std::string_view account,
                                            decide::RuleUse use, Instant now) const;
  // May anybody at all sign in from some address of this network because a rule allows it? Counts
  // nothing; looks at each rule that allows sign-ins, so it is not for the decision path.
  [[nodiscard]] bool lets_somebody_in(const IpNetwork& network, Instant now) const;
  // All that match, the deciding one first; counts nothing.
  [[nodiscard]] std::vector<std::uint64_t> all(const decide::AddressQuestion& question,
                                               std::optional<decide::RuleRank>& first) const;
  [[nodiscard]] Place place_of(const IpAddress& ip) const { return place_ ? place_(ip) : Place{}; }

  struct Hits {
    std::uint64_t id = 0;
    std::uint64_t hits = 0;
    Instant last;
  };
  // What was counted since the last call. Hits that a thread counts in rules that are being
  // replaced at that moment may be lost: they are figures for people.
  [[nodiscard]] std::vector<Hits> take_hits();

 private:
  struct Counter {
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::int64_t> last{0};
  };
  struct Snapshot {
    decide::AddressRuleSet set;
    std::unique_ptr<Counter[]> counters;
    boost::unordered_flat_map<std::uint64_t, std::size_t> places;  // of entries, by id
    std::vector<std::size_t> sign_ins_allowed;
  };
  [[nodiscard]] const Snapshot& current() const;
  [[nodiscard]] const decide::AddressRuleSet::Entry* find(const Snapshot& snapshot,
                                                          const IpAddress& ip,
                                                          std::string_view account,
                                                          decide::RuleUse use, Instant now) const;
  static void collect(const Snapshot& snapshot, std::vector<Hits>& out);

  PlaceOf place_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::atomic<std::uint64_t> version_;
  std::vector<Hits> left_;  // of snapshots that were replaced
};

}  // namespace sekimori::serve
