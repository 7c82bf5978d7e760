// The judge's reasons in words: which channels spoke, loudest first (channel_words.h has the
// sentences).
#include <algorithm>

#include "detect/channel_words.h"
#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr double k_worth_telling = 0.3;  // nats

}  // namespace

Detector::Explanation Detector::explain(AccountIndex index, Instant now, const Verdict& v,
                                        const Submission* mail) const {
  const Facts facts = facts_of(impl_->models[index], now, v, mail);
  Explanation out;
  out.headline = headline(facts);
  for (std::size_t c = 0; c < k_channels; ++c) {
    const auto channel = static_cast<Channel>(c);
    if (v.nats_since_onset[c] < k_worth_telling) continue;
    out.evidence.push_back({channel, v.nats_since_onset[c], channel_words(channel, facts)});
  }
  std::ranges::stable_sort(out.evidence, std::greater<>{}, &Evidence::nats);
  return out;
}

}  // namespace sekimori::detect
