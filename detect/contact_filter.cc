#include "detect/contact_filter.h"

#include <algorithm>
#include <bit>
#include <ranges>

namespace sekimori::detect {
namespace {

constexpr unsigned k_bits_set = 6;  // near the optimum for 14 bits a pair in 512-bit blocks
constexpr std::size_t k_bits_per_pair = 14;
// A generation that took longer than this to fill holds what the shard needs: the next is no
// larger.
constexpr Duration k_growth_span = days(90);
constexpr std::size_t k_generations_max = 4;

}  // namespace

ContactFilter::ContactFilter(std::size_t bytes, std::size_t bytes_max)
    : bytes_max_(std::max<std::size_t>(bytes_max, 128)) {
  Generation first;
  first.words.resize(std::bit_ceil(std::max<std::size_t>(bytes, 64)) / 8);
  generations_.push_back(std::move(first));
}

bool ContactFilter::Generation::contains(std::uint64_t key) const {
  const std::uint64_t* at = block(key);
  std::uint64_t bits = mix64(key);
  for (unsigned i = 0; i < k_bits_set; ++i, bits >>= 9) {
    if ((at[(bits >> 6) & 7U] >> (bits & 63U) & 1U) == 0) return false;
  }
  return true;
}

bool ContactFilter::Generation::add(std::uint64_t key) {
  std::uint64_t* at = words.data() + (block(key) - words.data());
  std::uint64_t bits = mix64(key);
  bool fresh = false;
  for (unsigned i = 0; i < k_bits_set; ++i, bits >>= 9) {
    std::uint64_t& word = at[(bits >> 6) & 7U];
    const std::uint64_t bit = 1ULL << (bits & 63U);
    fresh |= (word & bit) == 0;
    word |= bit;
  }
  pairs += fresh ? 1 : 0;
  return fresh;
}

bool ContactFilter::contains(std::uint64_t key) const {
  // The newest first: most of what is asked about was written to lately.
  for (const auto& generation : std::views::reverse(generations_)) {
    if (generation.contains(key)) return true;
  }
  return false;
}

void ContactFilter::insert(std::uint64_t key, Instant now) {
  Generation& newest = generations_.back();
  if (newest.since_us == 0) newest.since_us = now.us;
  newest.add(key);
  if (newest.pairs * k_bits_per_pair > newest.words.size() * 64) rotate(now);
}

void ContactFilter::rotate(Instant now) {
  const Generation& full = generations_.back();
  const bool quick = (now - Instant{full.since_us}) < k_growth_span;
  Generation next;
  next.since_us = now.us;
  std::size_t words = full.words.size() * (quick ? 2 : 1);
  const std::size_t room = bytes_max_ / 2 / 8;
  while (words > 8 && words > room) words /= 2;
  next.words.resize(words);
  generations_.push_back(std::move(next));
  while (generations_.size() > 2 &&
         (generations_.size() > k_generations_max || bytes() > bytes_max_)) {
    generations_.erase(generations_.begin());
  }
}

std::size_t ContactFilter::bytes() const {
  std::size_t sum = 0;
  for (const Generation& g : generations_) sum += g.words.size() * 8;
  return sum;
}

std::uint64_t ContactFilter::pairs() const {
  std::uint64_t sum = 0;
  for (const Generation& g : generations_) sum += g.pairs;
  return sum;
}

void ContactFilter::save(std::string& out) const {
  put(out, static_cast<std::uint64_t>(generations_.size()));
  for (const Generation& g : generations_) {
    put(out, g.pairs);
    put(out, g.since_us);
    put(out, g.words);
  }
}

void ContactFilter::load(ByteReader& in) {
  const auto count = in.get<std::uint64_t>();
  std::vector<Generation> read;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Generation& g = read.emplace_back();
    g.pairs = in.get<std::uint64_t>();
    g.since_us = in.get<std::int64_t>();
    in.get_into(g.words);
    if (g.words.size() < Generation::k_block_words || !std::has_single_bit(g.words.size())) return;
  }
  if (in.ok() && !read.empty()) generations_ = std::move(read);
}

std::uint64_t ContactFilter::hash() const {
  std::uint64_t h = 0;
  for (const Generation& g : generations_) {
    h = mix64(h ^ g.pairs ^ static_cast<std::uint64_t>(g.since_us));
    h = hash_bytes({reinterpret_cast<const char*>(g.words.data()), g.words.size() * 8}, h);
  }
  return h;
}

}  // namespace sekimori::detect
