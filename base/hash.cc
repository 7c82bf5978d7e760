#include "base/hash.h"

#include <sodium.h>

#include <cstring>

namespace sekimori {

std::uint64_t keyed_hash(const HashKey& key, std::span<const std::uint8_t> bytes) {
  static_assert(crypto_shorthash_KEYBYTES == 16 && crypto_shorthash_BYTES == 8);
  std::uint64_t out = 0;
  unsigned char digest[8];
  crypto_shorthash(digest, bytes.data(), bytes.size(), key.data());
  std::memcpy(&out, digest, 8);
  return out;
}

std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  return keyed_hash(key,
                    std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace sekimori
