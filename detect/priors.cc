#include "detect/priors.h"

#include <algorithm>
#include <numeric>

#include "detect/prior_tables.h"

namespace sekimori::detect {
namespace {

constexpr std::uint64_t k_magic = 0x32305250494b4553ULL;  // "SEKIPR02"
// What the shipped tables weigh against what this installation saw, in messages a band and group: a
// small host keeps the published habits, a large one outgrows them within days.
constexpr float k_shipped_weight = 3000;
// A domain's counters are halved beyond this, so that its past fades.
constexpr float k_domain_group_max = 20'000;
// Bounds of the shared filters: 64 KiB at first; 256 MiB are 150 million pairs of domain and
// contact.
constexpr std::size_t k_shared_filter_bytes = 1U << 16;
constexpr std::size_t k_shared_filter_bytes_max = 1U << 28;

}  // namespace

void add_to(Histograms& to, const Histograms& from, float weight) {
  for_each_group([&](auto group) {
    for (std::size_t i = 0; i < group(to).size(); ++i) group(to)[i] += weight * group(from)[i];
  });
}

Priors::Priors()
    : contacts_(k_shared_filter_bytes, k_shared_filter_bytes_max),
      mail_domains_(k_shared_filter_bytes, k_shared_filter_bytes_max) {
  refresh();
}

void Priors::refresh() {
  for (std::size_t band = 0; band < k_bands; ++band) {
    Histograms counts = learnt_[band];
    add_to(counts, k_shipped_priors[band], k_shipped_weight);
    Histograms& out = global_[band];
    for_each_group([&](auto group) {
      auto& from = group(counts);
      const float sum = std::accumulate(from.begin(), from.end(), 0.0F);
      for (std::size_t i = 0; i < from.size(); ++i) group(out)[i] = std::max(from[i] / sum, 1e-5F);
    });
    // The shipped level tables hold hours that reached the level, like the learnt ones.
    for (auto member : {&Histograms::level_new, &Histograms::level_all}) {
      const auto& reached = counts.*member;
      for (std::size_t k = 1; k < k_levels; ++k) {
        (out.*member)[k] = std::clamp(reached[k] / std::max(reached[k - 1], 1e-6F), 0.01F, 0.9F);
      }
    }
  }
}

void Priors::sum_up(std::size_t index) {
  if (sums_.size() < domains_.size()) sums_.resize(domains_.size());
  for (std::size_t band = 0; band < k_bands; ++band) {
    for_each_group([&](auto group) {
      float sum = 0;
      for (const float cell : group(domains_[index].counts[band])) sum += cell;
      group(sums_[index][band]) = sum;
    });
  }
}

const DomainPrior* Priors::domain(std::uint64_t key) const {
  const std::uint64_t* index = domain_index_.find(key);
  return index == nullptr ? nullptr : &domains_[*index];
}

PriorsBuilder::PriorsBuilder(std::shared_ptr<const Priors> previous)
    : impl_(std::make_unique<Impl>()) {
  impl_->previous = std::move(previous);
}
PriorsBuilder::~PriorsBuilder() = default;

std::shared_ptr<const Priors> PriorsBuilder::build() {
  auto next = std::make_shared<Priors>(*impl_->previous);
  ++next->number_;
  for (const auto& [key, delta] : impl_->domains) {
    const std::uint64_t* at = next->domain_index_.find(key);
    std::uint64_t index = 0;
    if (at == nullptr) {
      index = next->domains_.size();
      next->domains_.emplace_back().key = key;
      next->domain_index_.put(key, index);
    } else {
      index = *at;
    }
    DomainPrior& d = next->domains_[index];
    d.messages += delta.messages;
    d.raised_until_us = std::max(d.raised_until_us, delta.raised_until_us);
    for (std::size_t band = 0; band < k_bands; ++band) {
      add_to(d.counts[band], delta.counts[band]);
      add_to(next->learnt_[band], delta.counts[band]);
      for_each_group([&](auto group) {
        auto& cells = group(d.counts[band]);
        if (std::accumulate(cells.begin(), cells.end(), 0.0F) > k_domain_group_max) {
          for (float& cell : cells) cell *= 0.5F;
        }
      });
    }
    next->sum_up(index);
  }
  // Sorted, so that the filters do not depend on which shard spoke first.
  for (auto [keys, filter] : {std::pair{&impl_->contacts, &next->contacts_},
                              std::pair{&impl_->mail_domains, &next->mail_domains_}}) {
    std::ranges::sort(*keys);
    keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
    for (const std::uint64_t key : *keys) filter->insert(key, impl_->newest);
  }
  next->damping_.step(impl_->audit);
  next->refresh();
  return next;
}

std::uint64_t epoch_number(const Priors& priors) { return priors.number(); }

struct PriorsCodec {
  static void save(const Priors& p, std::string& out) {
    const std::size_t from = out.size();
    put(out, k_magic);
    put(out, p.number_);
    put(out, p.learnt_);
    put(out, p.damping_.windows);
    put(out, p.damping_.factor);
    put(out, p.domains_);
    p.contacts_.save(out);
    p.mail_domains_.save(out);
    seal(out, from);
  }
  static Result<std::shared_ptr<const Priors>> load(std::string_view bytes) {
    const std::string_view plain = unseal(bytes);
    ByteReader in(plain);
    if (in.get<std::uint64_t>() != k_magic) {
      return bad_input("the saved priors are cut, altered or of another version");
    }
    auto p = std::make_shared<Priors>();
    p->number_ = in.get<std::uint64_t>();
    p->learnt_ = in.get<BandedHistograms>();
    p->damping_.windows = in.get<decltype(Damping::windows)>();
    p->damping_.factor = in.get<decltype(Damping::factor)>();
    in.get_into(p->domains_);
    for (std::size_t i = 0; i < p->domains_.size(); ++i) {
      p->domain_index_.put(p->domains_[i].key, i);
      p->sum_up(i);
    }
    p->contacts_.load(in);
    p->mail_domains_.load(in);
    if (!in.at_end()) return bad_input("the saved priors have another length than they should");
    p->refresh();
    return p;
  }
};

void save(const Priors& priors, std::string& out) { PriorsCodec::save(priors, out); }
Result<std::shared_ptr<const Priors>> load_priors(std::string_view bytes) {
  return PriorsCodec::load(bytes);
}

std::uint64_t hash_of(const Priors& priors) {
  std::string bytes;
  save(priors, bytes);
  return hash_bytes(bytes);
}

std::shared_ptr<const Priors> shipped_priors() {
  static_assert(k_shipped_priors.size() == k_bands);
  return std::make_shared<Priors>();
}

}  // namespace sekimori::detect
