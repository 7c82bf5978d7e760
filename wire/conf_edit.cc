#include "wire/conf_edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "wire/mail_conf.h"

namespace sekimori::wire {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_blank_or_end(char c) { return is_blank(c) || c == '\n'; }

// One logical line: its pieces are [begin, end) of the physical lines that hold text, line breaks
// not included.
struct Logical {
  struct Piece {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<Piece> pieces;
};

std::vector<Logical> logical_lines(std::string_view text) {
  std::vector<Logical> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::size_t first = at;
    while (first < end && is_blank(text[first])) ++first;
    if (first < end && text[first] != '#') {
      std::size_t last = end;
      while (last > first && is_blank(text[last - 1])) --last;
      if (first == at) out.emplace_back();
      // A line that goes on where nothing began is Postfix's to complain of.
      if (!out.empty()) out.back().pieces.push_back({first, last});
    }
    at = end + 1;
  }
  return out;
}

struct Definition {
  Logical line;
  std::size_t value = 0;  // where the value begins: behind '=' and blanks, in the first piece
};

std::optional<Definition> definition(std::string_view text, std::string_view name) {
  std::optional<Definition> out;
  for (Logical& line : logical_lines(text)) {
    const auto [begin, end] = line.pieces.front();
    const std::size_t equals = text.substr(begin, end - begin).find('=');
    if (equals == std::string_view::npos) continue;
    std::size_t name_end = begin + equals;
    while (name_end > begin && is_blank(text[name_end - 1])) --name_end;
    if (text.substr(begin, name_end - begin) != name) continue;
    std::size_t value = begin + equals + 1;
    while (value < end && is_blank(text[value])) ++value;
    out = Definition{std::move(line), value};
  }
  return out;
}

std::string joined(std::string_view text, const Definition& found) {
  std::string out;
  for (std::size_t i = 0; i < found.line.pieces.size(); ++i) {
    const auto [begin, end] = found.line.pieces[i];
    const std::size_t from = i == 0 ? found.value : begin;
    if (from >= end) continue;
    if (!out.empty()) out += ' ';
    out += text.substr(from, end - from);
  }
  return out;
}

std::string inserted(std::string_view text, std::size_t at, std::string_view what) {
  std::string out(text.substr(0, at));
  out += what;
  out += text.substr(at);
  return out;
}

std::string appended(std::string_view text, std::string_view line) {
  std::string out(text);
  if (!out.empty() && out.back() != '\n') out += '\n';
  out += line;
  out += '\n';
  return out;
}

}  // namespace

std::optional<std::string> main_cf_value(std::string_view text, std::string_view name) {
  const auto found = definition(text, name);
  if (!found) return std::nullopt;
  return joined(text, *found);
}

std::string with_main_cf_item(std::string_view text, std::string_view name, std::string_view item,
                              ListPlace place, std::string_view otherwise) {
  const auto found = definition(text, name);
  if (!found) {
    const auto parts =
        place == ListPlace::first ? std::pair(item, otherwise) : std::pair(otherwise, item);
    const std::string_view comma = otherwise.empty() ? "" : ", ";
    return appended(text, fmt::format("{} = {}{}{}", name, parts.first, comma, parts.second));
  }
  const std::string value = joined(text, *found);
  const auto words = conf_words(value);
  if (std::ranges::find(words, item) != words.end()) return std::string(text);
  if (words.empty()) {
    const bool blank = found->value > 0 && text[found->value - 1] == '=';
    return inserted(text, found->value, fmt::format("{}{}", blank ? " " : "", item));
  }
  if (place == ListPlace::first) {
    // The value may begin in the next line: then the item stays in this one.
    if (found->value >= found->line.pieces.front().end) {
      const bool blank = text[found->value - 1] == '=';
      return inserted(text, found->value, fmt::format("{}{},", blank ? " " : "", item));
    }
    return inserted(text, found->value, fmt::format("{}, ", item));
  }
  // From the back; comments between the lines are no pieces.
  const auto& last = found->line.pieces.back();
  std::size_t at = last.end;
  if (place == ListPlace::before_last) {
    const std::string& word = words.back();
    while (at > last.begin && (text[at - 1] == ',' || is_blank(text[at - 1]))) --at;
    if (at - last.begin >= word.size() && text.substr(at - word.size(), word.size()) == word) {
      return inserted(text, at - word.size(), fmt::format("{}, ", item));
    }
    at = last.end;
  }
  const bool comma = at > 0 && text[at - 1] == ',';
  return inserted(text, at, fmt::format("{} {}", comma ? "" : ",", item));
}

std::string with_main_cf_value(std::string_view text, std::string_view name,
                               std::string_view value) {
  const auto found = definition(text, name);
  if (!found) return appended(text, fmt::format("{} = {}", name, value));
  if (joined(text, *found) == value) return std::string(text);
  // Only what is the value goes: comments between its lines stay.
  std::string out(text);
  for (std::size_t i = found->line.pieces.size(); i-- > 1;) {
    const auto [begin, end] = found->line.pieces[i];
    std::size_t from = begin;
    while (from > 0 && text[from - 1] != '\n') --from;
    const std::size_t to = std::min(text.find('\n', end), text.size() - 1) + 1;
    out.erase(from, to - from);
  }
  const std::size_t first_end = found->line.pieces.front().end;
  const bool blank = text[found->value - 1] == '=';
  out.replace(found->value, first_end > found->value ? first_end - found->value : 0,
              fmt::format("{}{}", blank ? " " : "", value));
  return out;
}

Result<std::string> with_master_cf_item(std::string_view text, std::string_view service,
                                        std::string_view type, std::string_view name,
                                        std::string_view item) {
  for (const Logical& line : logical_lines(text)) {
    const auto [first, first_end] = line.pieces.front();
    const auto words = conf_words(text.substr(first, first_end - first));
    if (words.size() < 2 || words[0] != service || words[1] != type) continue;
    std::optional<std::size_t> place;
    bool braced = false;
    for (const auto& [begin, end] : line.pieces) {
      for (std::size_t at = begin; at + 2 < end; ++at) {
        if (text.substr(at, 2) != "-o" || (at > begin && !is_blank(text[at - 1]))) continue;
        std::size_t option = at + 2;
        while (option < end && is_blank(text[option])) ++option;
        const bool in_braces = option < end && text[option] == '{';
        if (in_braces) {
          ++option;
          while (option < end && is_blank(text[option])) ++option;
        }
        if (text.substr(option, name.size()) != name) continue;
        std::size_t equals = option + name.size();
        while (in_braces && equals < end && is_blank(text[equals])) ++equals;
        if (equals >= end || text[equals] != '=') continue;
        std::size_t value = equals + 1;
        while (in_braces && value < end && is_blank(text[value])) ++value;
        place = value;
        braced = in_braces;
      }
    }
    if (!place) continue;
    std::size_t value_end = *place;
    while (value_end < text.size() &&
           (braced ? text[value_end] != '}' : !is_blank_or_end(text[value_end]))) {
      ++value_end;
    }
    const auto value = text.substr(*place, value_end - *place);
    const auto values = conf_words(value);
    if (std::ranges::find(values, item) != values.end()) return std::string(text);
    return inserted(text, *place, fmt::format("{}{}", item, values.empty() ? "" : ","));
  }
  return not_found(fmt::format("master.cf: {} {} does not set {}", service, type, name));
}

Result<std::string> with_toml_value(std::string_view text, std::string_view section,
                                    std::string_view name, std::string_view value) {
  std::size_t section_end = std::string_view::npos;  // behind its header
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    std::size_t begin = 0;
    while (begin < line.size() && is_blank(line[begin])) ++begin;
    line.remove_prefix(begin);
    if (line.starts_with('[')) {
      const std::size_t close = line.find(']');
      inside = close != std::string_view::npos && line.substr(1, close - 1) == section;
      if (inside) section_end = std::min(end + 1, text.size());
    } else if (inside) {
      const std::size_t equals = line.find('=');
      std::string_view key = line.substr(0, equals);
      while (!key.empty() && is_blank(key.back())) key.remove_suffix(1);
      if (equals != std::string_view::npos && key == name) {
        std::string_view old = line.substr(equals + 1);
        if (old.find('[') != std::string_view::npos && old.find(']') == std::string_view::npos) {
          return bad_input(fmt::format("{}.{} goes over several lines", section, name));
        }
        const std::size_t from = at + begin + equals + 1;
        return fmt::format("{} {}{}", text.substr(0, from), value, text.substr(end));
      }
    }
    at = end + 1;
  }
  const std::string line = fmt::format("{} = {}", name, value);
  if (section_end == std::string_view::npos) {
    return appended(appended(text, text.empty() ? fmt::format("[{}]", section)
                                                : fmt::format("\n[{}]", section)),
                    line);
  }
  // The header may be the last line and lack its line break.
  const bool broken = section_end > 0 && text[section_end - 1] == '\n';
  return inserted(text, section_end, (broken ? "" : "\n") + line + "\n");
}

}  // namespace sekimori::wire
