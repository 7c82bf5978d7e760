#include "store/one_time_code.h"

#include <sodium.h>

#include <array>
#include <string_view>

namespace sekimori::store {
namespace {

// U+2010…U+2015 dashes, U+2212 minus, U+30FC long vowel, U+3000 ideographic blank, U+FF70 its
// half-width form.
constexpr std::array<std::string_view, 10> k_decoration{"\u2010", "\u2011", "\u2012", "\u2013",
                                                        "\u2014", "\u2015", "\u2212", "\u30fc",
                                                        "\u3000", "\uff70"};

}  // namespace

Secret typed_code(const Secret& typed) {
  std::string out;
  std::string_view rest = typed.reveal();
  while (!rest.empty()) {
    char c = rest.front();
    std::size_t size = 1;
    if (static_cast<unsigned char>(c) >= 0x80) {
      size = 3;
      const std::string_view form = rest.substr(0, size);
      bool is_decoration = false;
      for (const std::string_view one : k_decoration) is_decoration |= form == one;
      if (is_decoration) {
        c = ' ';
      } else if (form.size() == size && form[0] == '\xef' &&
                 (form[1] == '\xbc' || form[1] == '\xbd')) {
        // U+FF01…U+FF5E are ASCII 0x21…0x7E.
        const unsigned low = static_cast<unsigned char>(form[2]) - 0x80U;
        const unsigned ascii = 0x20 + low + (form[1] == '\xbd' ? 0x40 : 0);
        if (low > 0x3f || ascii < 0x21 || ascii > 0x7e) return {};
        c = static_cast<char>(ascii);
      } else {
        return {};
      }
    }
    rest.remove_prefix(size);
    if (c == ' ' || c == '-') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    out += c;
  }
  return Secret(std::move(out));
}

Result<std::string> hash_code(const Secret& code) {
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str(hash.data(), code.reveal().data(), code.reveal().size(),
                        crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
    return operating_failure("not enough memory to make a code");
  }
  return std::string(hash.data());
}

bool code_matches(const std::string& hash, const Secret& code) {
  return !hash.empty() && code.is_set() &&
         crypto_pwhash_str_verify(hash.c_str(), code.reveal().data(), code.reveal().size()) == 0;
}

}  // namespace sekimori::store
