// Inside of an epoch of priors (epoch.h is the public face).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "detect/contact_filter.h"
#include "detect/damping.h"
#include "detect/epoch.h"
#include "detect/features.h"
#include "detect/flat_map.h"

namespace sekimori::detect {

using BandedHistograms = std::array<Histograms, k_bands>;

// What the accounts of one mail domain did, all shards together.
struct DomainPrior {
  std::uint64_t key = 0;  // keyed hash of the domain
  std::uint64_t messages = 0;
  std::int64_t raised_until_us = 0;  // a takeover happened here: suspect more until then
  BandedHistograms counts{};
};

// Adds, scales and visits histograms group by group.
template <class Visit>
void for_each_group(Visit visit) {
  visit([](auto& h) -> auto& { return h.shape; });
  visit([](auto& h) -> auto& { return h.gap; });
  visit([](auto& h) -> auto& { return h.stranger; });
  visit([](auto& h) -> auto& { return h.level_new; });
  visit([](auto& h) -> auto& { return h.level_all; });
  visit([](auto& h) -> auto& { return h.repeat; });
  visit([](auto& h) -> auto& { return h.size; });
  visit([](auto& h) -> auto& { return h.envelope; });
  visit([](auto& h) -> auto& { return h.message_id; });
  visit([](auto& h) -> auto& { return h.place; });
}
void add_to(Histograms& to, const Histograms& from, float weight = 1);

// The sums of each group of a domain's counts: made once an epoch, read by every shard.
struct GroupSums {
  float shape, gap, stranger, level_new, level_all, repeat, size, envelope, message_id, place;
};
using BandedSums = std::array<GroupSums, k_bands>;

class Priors {
 public:
  Priors();

  // The domain's prior, or nullptr when nothing was learnt there yet.
  [[nodiscard]] const DomainPrior* domain(std::uint64_t key) const;
  // Of a prior that domain() of the same object gave.
  [[nodiscard]] const BandedSums& sums_of(const DomainPrior& d) const {
    return sums_[static_cast<std::size_t>(&d - domains_.data())];
  }
  // Somebody of the domain wrote to that address; to that mail domain.
  [[nodiscard]] bool knows_contact(std::uint64_t domain_key, std::uint64_t address) const {
    return contacts_.contains(mix64(domain_key ^ address));
  }
  // Fetches what knows_contact() will look at.
  void prefetch_contact(std::uint64_t domain_key, std::uint64_t address) const {
    contacts_.prefetch(mix64(domain_key ^ address));
  }
  [[nodiscard]] bool knows_mail_domain(std::uint64_t domain_key, std::uint64_t mail_domain) const {
    return mail_domains_.contains(mix64(~domain_key ^ mail_domain));
  }
  // Probabilities of a group over all accounts of the band (each above zero, sum 1; of the levels:
  // the chance to reach level k from k − 1).
  [[nodiscard]] const Histograms& global(std::size_t band) const { return global_[band]; }
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] const Damping& damping() const { return damping_; }
  [[nodiscard]] const BandedHistograms& learnt() const { return learnt_; }

 private:
  friend class PriorsBuilder;
  friend struct PriorsCodec;
  void refresh();                  // global_ from the shipped tables and learnt_
  void sum_up(std::size_t index);  // sums_ of a domain whose counts changed

  std::uint64_t number_ = 0;
  BandedHistograms learnt_{};
  BandedHistograms global_{};
  Damping damping_;
  std::vector<DomainPrior> domains_;
  std::vector<BandedSums> sums_;  // of domains_, not saved
  FlatMap domain_index_{64};
  ContactFilter contacts_;
  ContactFilter mail_domains_;
};

// What shards hand over.
struct PriorsBuilder::Impl {
  struct Delta {
    BandedHistograms counts{};
    std::uint64_t messages = 0;
    std::int64_t raised_until_us = 0;
  };
  std::shared_ptr<const Priors> previous;
  std::map<std::uint64_t, Delta> domains;
  std::vector<std::uint64_t> contacts;      // mixed keys
  std::vector<std::uint64_t> mail_domains;  // mixed keys
  AuditSums audit;
  Instant newest;
};

}  // namespace sekimori::detect
