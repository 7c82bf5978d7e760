// Any bytes, fed whole and in pieces, give the same lines, each of which begins with a stamp.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/journal_text.h"
#include "wire/log_line.h"

using sekimori::wire::JournalText;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto form = data[0] % 2 == 0 ? JournalText::Form::entries : JournalText::Form::json;
  const std::size_t step = data[1] + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  std::string whole;
  JournalText one(form);
  one.feed(bytes, whole);
  one.finish(whole);
  std::string pieces;
  JournalText many(form);
  for (std::size_t i = 0; i < bytes.size(); i += step) many.feed(bytes.substr(i, step), pieces);
  many.finish(pieces);
  if (whole != pieces || one.incomplete() != many.incomplete()) std::abort();
  std::string_view rest = whole;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) std::abort();
    if (!sekimori::wire::log_stamp(rest.substr(0, end), {})) std::abort();
    rest.remove_prefix(end + 1);
  }
  return 0;
}
