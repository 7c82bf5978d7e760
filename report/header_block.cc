#include "report/header_block.h"

#include <algorithm>

#include "report/report_text.h"

namespace sekimori::report {

std::size_t field_name_length(std::string_view line) {
  // Longer names than this are no names (the longest registered one has 40 characters).
  constexpr std::size_t k_name_max = 76;
  std::size_t n = 0;
  while (n < line.size() && n <= k_name_max && line[n] > ' ' && line[n] != ':' && line[n] < 0x7f) {
    ++n;
  }
  if (n == 0 || n > k_name_max || n == line.size() || line[n] != ':') return 0;
  return n;
}

HeaderBlock HeaderBlock::read(std::string_view text) {
  HeaderBlock block;
  bool open = false;  // a field that a folded line may continue
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (trim(line).empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!open) continue;
      std::string& value = block.fields_.back().second;
      const std::string more = one_line(line, k_field_bytes_max);
      if (value.size() + more.size() < k_field_bytes_max) value.append(" ").append(more);
      continue;
    }
    const std::size_t name = field_name_length(line);
    open = name != 0 && block.fields_.size() < k_fields_max;
    if (!open) continue;
    block.fields_.emplace_back(lower(line.substr(0, name)),
                               one_line(line.substr(name + 1), k_field_bytes_max));
  }
  return block;
}

std::string_view HeaderBlock::get(std::string_view name) const {
  const auto at = std::ranges::find(fields_, name, [](const auto& field) { return field.first; });
  return at == fields_.end() ? std::string_view() : std::string_view(at->second);
}

bool HeaderBlock::has(std::string_view name) const {
  return std::ranges::any_of(fields_, [&](const auto& field) { return field.first == name; });
}

}  // namespace sekimori::report
