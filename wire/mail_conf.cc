#include "wire/mail_conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sekimori::wire {
namespace {

constexpr std::string_view k_blanks = " \t\r";
constexpr int k_expansion_depth_max = 10;
// A value that names itself twice in each step would double with each.
constexpr std::size_t k_expansion_max = std::size_t{1} << 20U;

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(k_blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(k_blanks) - begin + 1);
}

template <class Each>
void each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    each(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

Result<void> bounded(std::string_view text) {
  if (text.size() <= k_conf_output_max) return {};
  return bad_input("the configuration is longer than 4 MiB");
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void expand(std::string& out, std::string_view value, const ConfValues& values, int depth) {
  while (!value.empty() && out.size() < k_expansion_max) {
    const auto dollar = value.find('$');
    out += value.substr(0, dollar);
    if (dollar == std::string_view::npos) return;
    value.remove_prefix(dollar + 1);
    if (value.starts_with('$')) {  // $$ is a dollar
      out += '$';
      value.remove_prefix(1);
      continue;
    }
    std::string_view name;
    std::size_t used = 0;
    if (value.starts_with('{') || value.starts_with('(')) {
      const auto end = value.find(value.front() == '{' ? '}' : ')');
      const auto inside = end == std::string_view::npos ? value : value.substr(1, end - 1);
      if (end == std::string_view::npos || !std::ranges::all_of(inside, is_name)) {
        out += '$';
        continue;
      }
      name = inside;
      used = end + 1;
    } else {
      while (used < value.size() && is_name(value[used])) ++used;
      name = value.substr(0, used);
    }
    value.remove_prefix(used);
    const auto found = values.find(name);
    if (found != values.end() && depth < k_expansion_depth_max) {
      expand(out, found->second, values, depth + 1);
    }
  }
}

std::vector<std::string_view> split_blanks(std::string_view line) {
  std::vector<std::string_view> out;
  while (!(line = trimmed(line)).empty()) {
    const auto end = line.find_first_of(k_blanks);
    out.push_back(line.substr(0, end));
    line.remove_prefix(end == std::string_view::npos ? line.size() : end);
  }
  return out;
}

// `"a \"b\""` → `a "b"`; other text as it is.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

}  // namespace

Result<ConfValues> parse_postconf(std::string_view output) {
  if (auto fits = bounded(output); !fits) return std::unexpected(fits.error());
  ConfValues out;
  each_line(output, [&out](std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return;
    const auto name = trimmed(line.substr(0, equals));
    if (name.empty() || name.find_first_of(k_blanks) != std::string_view::npos) return;
    out.insert_or_assign(std::string(name), std::string(trimmed(line.substr(equals + 1))));
  });
  return out;
}

Result<std::vector<PostfixService>> parse_services(std::string_view services,
                                                   std::string_view options) {
  if (auto fits = bounded(services); !fits) return std::unexpected(fits.error());
  auto values = parse_postconf(options);
  if (!values) return std::unexpected(values.error());
  std::vector<PostfixService> out;
  std::string trouble;
  each_line(services, [&](std::string_view line) {
    // A folded entry (postconf -Mf) goes on behind a blank; its options are in `options`.
    if (line.empty() || line.front() == ' ' || line.front() == '\t' || line.front() == '#') return;
    const auto words = split_blanks(line);
    if (words.empty()) return;
    if (words.size() < 8) {
      trouble = fmt::format("a service of {} words, not 8", words.size());
      return;
    }
    PostfixService service;
    service.name = words[0];
    service.type = words[1];
    // "-" is the default: no chroot since Postfix 3.0, with compatibility_level 0 a chroot.
    service.chrooted = words[4] == "y";
    service.command = words[7];
    const std::string begin = service.name + "/" + service.type + "/";
    for (auto at = values->lower_bound(begin); at != values->end() && at->first.starts_with(begin);
         ++at) {
      service.options.emplace(at->first.substr(begin.size()), at->second);
    }
    out.push_back(std::move(service));
  });
  if (!trouble.empty()) return bad_input(std::move(trouble));
  return out;
}

std::string expanded(std::string_view value, const ConfValues& values) {
  std::string out;
  expand(out, value, values, 0);
  return out;
}

std::vector<std::string> conf_words(std::string_view value) {
  std::vector<std::string> out;
  std::string word;
  int depth = 0;
  const auto finish = [&] {
    if (!word.empty()) out.push_back(std::move(word));
    word.clear();
  };
  for (const char c : value) {
    if (depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      finish();
      continue;
    }
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    word += c;
    if (c == '}' && depth == 0) finish();
  }
  finish();
  return out;
}

const std::string* DovecotBlock::find(std::string_view setting) const {
  for (auto at = settings.rbegin(); at != settings.rend(); ++at) {
    if (at->first == setting) return &at->second;
  }
  return nullptr;
}

std::string_view DovecotBlock::get(std::string_view setting) const {
  const std::string* found = find(setting);
  return found == nullptr ? std::string_view{} : std::string_view(*found);
}

const DovecotBlock* DovecotBlock::block(std::string_view of_kind, std::string_view of_name) const {
  for (const DovecotBlock& each : blocks) {
    if (each.kind == of_kind && each.name == of_name) return &each;
  }
  return nullptr;
}

std::pair<int, int> version_of(std::string_view text) {
  std::pair<int, int> out{0, 0};
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, out.first);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return {0, 0};
  if (std::from_chars(major.ptr + 1, end, out.second).ec != std::errc{}) return {0, 0};
  return out;
}

Result<DovecotConf> parse_doveconf(std::string_view output) {
  if (auto fits = bounded(output); !fits) return std::unexpected(fits.error());
  DovecotConf out;
  // Open blocks, outermost first; a finished one moves into the one around it.
  std::vector<DovecotBlock> open(1);
  std::string trouble;
  each_line(output, [&](std::string_view line) {
    line = trimmed(line);
    if (!trouble.empty() || line.empty()) return;
    if (line.front() == '#') {
      const auto words = split_blanks(line);
      if (out.version.empty() && words.size() >= 2) {
        std::tie(out.major, out.minor) = version_of(words[1]);
        if (out.major > 0) out.version = words[1];
      }
      return;
    }
    if (line == "}") {
      if (open.size() == 1) {
        trouble = "a closing brace that closes nothing";
        return;
      }
      DovecotBlock done = std::move(open.back());
      open.pop_back();
      open.back().blocks.push_back(std::move(done));
      return;
    }
    const auto equals = line.find('=');
    if (line.ends_with('{') && (equals == std::string_view::npos || equals > line.find('{'))) {
      if (open.size() > k_conf_nesting_max) {
        trouble = "blocks nested too deep";
        return;
      }
      line = trimmed(line.substr(0, line.size() - 1));
      const auto blank = line.find_first_of(k_blanks);
      DovecotBlock begun;
      begun.kind = line.substr(0, blank);
      if (blank != std::string_view::npos) begun.name = unquoted(trimmed(line.substr(blank)));
      open.push_back(std::move(begun));
      return;
    }
    if (equals == std::string_view::npos) return;
    open.back().settings.emplace_back(trimmed(line.substr(0, equals)),
                                      unquoted(trimmed(line.substr(equals + 1))));
  });
  if (!trouble.empty()) return bad_input("doveconf: " + trouble);
  if (open.size() != 1) return bad_input("doveconf: a block that is never closed");
  if (out.version.empty()) return bad_input("doveconf: no version in its first line");
  out.root = std::move(open.front());
  return out;
}

}  // namespace sekimori::wire
