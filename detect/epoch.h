// What shards share: the domain and global priors and the domains' known contacts, as an immutable
// epoch. Every hour (k_epoch) each shard hands over what it learnt, the next epoch is built from it
// and installed in all shards at one place in the journal (an EpochMark), so that the same journal
// gives the same state again. A fleet needs exactly the same.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sekimori::detect {

inline constexpr Duration k_epoch = hours(1);

class Priors;

// The published global prior, made from real mail (docs/detection.md), for a cold install.
[[nodiscard]] std::shared_ptr<const Priors> shipped_priors();

// Gathers the shards' contributions. Order of contributions does not matter.
class PriorsBuilder {
 public:
  explicit PriorsBuilder(std::shared_ptr<const Priors> previous);
  ~PriorsBuilder();
  // The next epoch.
  [[nodiscard]] std::shared_ptr<const Priors> build();

  struct Impl;
  Impl& impl() { return *impl_; }  // for Detector::contribute only

 private:
  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] std::uint64_t epoch_number(const Priors&);
[[nodiscard]] std::uint64_t hash_of(const Priors&);
void save(const Priors&, std::string& out);
// Errors: bad_input, as Detector::load.
[[nodiscard]] Result<std::shared_ptr<const Priors>> load_priors(std::string_view bytes);

}  // namespace sekimori::detect
