#include "helper/protocol.h"

#include <algorithm>

namespace sekimori::helper {
namespace {

bool is_short_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

bool is_long_digit(char c) {
  if (c >= '0' && c <= '9') return true;
  const char lower = static_cast<char>(c | 0x20);
  if (lower < 'a' || lower > 'z') return false;
  return lower != 'a' && lower != 'e' && lower != 'i' && lower != 'o' && lower != 'u';
}

}  // namespace

bool is_queue_id(std::string_view text) {
  if (text.size() > 20) return false;
  if (text.size() >= 6 && std::ranges::all_of(text, is_short_digit)) return true;
  return text.size() >= 10 && std::ranges::all_of(text, is_long_digit);
}

}  // namespace sekimori::helper
