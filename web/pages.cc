#include "web/pages.h"

#include <sodium.h>

#include <array>

namespace sekimori::web {

std::string content_security_policy(std::string_view html) {
  static constexpr std::string_view k_open = "<style>";
  std::string style = "'none'";
  const auto begin = html.find(k_open);
  const auto end = html.find("</style>");
  if (begin != std::string_view::npos && end != std::string_view::npos) {
    const auto text = html.substr(begin + k_open.size(), end - begin - k_open.size());
    std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size());
    std::array<char,
               sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES, sodium_base64_VARIANT_ORIGINAL)>
        base64{};
    sodium_bin2base64(base64.data(), base64.size(), hash.data(), hash.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    style = "'sha256-" + std::string(base64.data()) + "'";
  }
  return "default-src 'none'; style-src " + style +
         "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace sekimori::web
