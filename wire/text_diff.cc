#include "wire/text_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sekimori::wire {
namespace {

constexpr std::size_t k_context = 3;
// The table of the longest common subsequence; beyond it the middle is shown as replaced whole.
constexpr std::size_t k_table_max = std::size_t{4} << 20U;

// Lines with their line breaks; the last may lack one.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

struct Step {
  char mark;  // ' ', '-', '+'
  std::string_view line;
};

// The middle, where neither beginning nor end are alike.
void middle_steps(std::vector<Step>& out, const std::vector<std::string_view>& a,
                  const std::vector<std::string_view>& b, std::size_t from, std::size_t a_to,
                  std::size_t b_to) {
  const std::size_t rows = a_to - from;
  const std::size_t columns = b_to - from;
  if ((rows + 1) * (columns + 1) > k_table_max) {
    for (std::size_t i = from; i < a_to; ++i) out.push_back({'-', a[i]});
    for (std::size_t i = from; i < b_to; ++i) out.push_back({'+', b[i]});
    return;
  }
  // common[i][j]: the longest common subsequence of a[from+i…] and b[from+j…].
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1));
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
    return common[i * (columns + 1) + j];
  };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;) {
      at(i, j) =
          a[from + i] == b[from + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && a[from + i] == b[from + j]) {
      out.push_back({' ', a[from + i++]});
      ++j;
    } else if (j == columns || (i < rows && at(i + 1, j) >= at(i, j + 1))) {
      out.push_back({'-', a[from + i++]});
    } else {
      out.push_back({'+', b[from + j++]});
    }
  }
}

std::vector<Step> steps_of(const std::vector<std::string_view>& a,
                           const std::vector<std::string_view>& b) {
  std::size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Step> out;
  for (std::size_t i = 0; i < head; ++i) out.push_back({' ', a[i]});
  middle_steps(out, a, b, head, a.size() - tail, b.size() - tail);
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) out.push_back({' ', a[i]});
  return out;
}

// "12,3" as the format has it: where a side has no line, the line before.
std::string range(std::size_t first, std::size_t count) {
  if (count == 1) return fmt::format("{}", first);
  return fmt::format("{},{}", count == 0 ? first - 1 : first, count);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, const DiffNames& names) {
  if (before == after) return "";
  const auto steps = steps_of(lines_of(before), lines_of(after));
  std::string out = fmt::format("--- {}\n+++ {}\n", names.before, names.after);
  std::size_t a_line = 1;
  std::size_t b_line = 1;
  std::size_t at = 0;
  const auto is_change = [&steps](std::size_t i) { return steps[i].mark != ' '; };
  while (at < steps.size()) {
    std::size_t change = at;
    while (change < steps.size() && !is_change(change)) ++change;
    if (change == steps.size()) break;
    const std::size_t begin = change - std::min(change - at, k_context);
    a_line += begin - at;
    b_line += begin - at;
    // A hunk goes on while the next change is within twice the context.
    std::size_t end = change;
    for (std::size_t i = change; i < steps.size() && i <= end + 2 * k_context; ++i) {
      if (is_change(i)) end = i;
    }
    end = std::min(end + 1 + k_context, steps.size());
    std::string body;
    std::size_t a_count = 0;
    std::size_t b_count = 0;
    for (std::size_t i = begin; i < end; ++i) {
      a_count += steps[i].mark != '+' ? 1 : 0;
      b_count += steps[i].mark != '-' ? 1 : 0;
      body += steps[i].mark;
      body += steps[i].line;
      if (!steps[i].line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
    }
    out += fmt::format("@@ -{} +{} @@\n{}", range(a_line, a_count), range(b_line, b_count), body);
    a_line += a_count;
    b_line += b_count;
    at = end;
  }
  return out;
}

}  // namespace sekimori::wire
