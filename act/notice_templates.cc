#include "act/notice_templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

namespace sekimori::act {
namespace {

using decide::NoticeAudience;

constexpr auto k_placeholders = std::to_array<std::string_view>(
    {"address",    "by",       "call_note",    "contact",    "digest_items",  "domain",
     "effect",     "greeting", "help_default", "help_hours", "help_phone",    "help_url",
     "incident",   "kind",     "lost_at",      "name",       "notices",       "panel_url",
     "portal_url", "provider", "reason",       "server",     "since",         "standing",
     "steps",      "subject",  "until",        "waiting",    "waiting_since", "when"});
constexpr std::array<std::string_view, 2> k_blocks{"steps", "contact"};
constexpr auto k_kinds = std::to_array<std::string_view>(
    {"restricted",       "suspended",     "again",        "still_contained", "mail_waiting",
     "mail_waiting_off", "receive_off",   "receive_on",   "login_off",       "login_on",
     "recovering",       "verified",      "needs_review", "restored",        "held_asked",
     "held_while_dead",  "notice_failed", "breaker_open", "breaker_closed",  "spoofed",
     "complained",       "digest",        "other"});

// A letter is some kilobytes; a file of megabytes is not one.
constexpr std::size_t k_template_bytes_max = 64 * 1024;

struct Placeholder {
  std::size_t begin = 0;  // of the brace
  std::size_t end = 0;    // behind the other one
  std::string_view name;
};

// "{word}" only: any other brace is text.
std::optional<Placeholder> next_placeholder(std::string_view text, std::size_t from) {
  while (true) {
    const auto open = text.find('{', from);
    if (open == std::string_view::npos) return std::nullopt;
    auto end = open + 1;
    while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || text[end] == '_')) {
      ++end;
    }
    if (end > open + 1 && end < text.size() && text[end] == '}') {
      return Placeholder{open, end + 1, text.substr(open + 1, end - open - 1)};
    }
    from = open + 1;
  }
}

std::string with_blocks(std::string_view pattern, Language language) {
  std::string out(pattern);
  for (const std::string_view name : k_blocks) {
    const std::string mark = fmt::format("{{{}}}", name);
    const std::string_view block = notice_block(name, language);
    for (std::size_t at = 0; (at = out.find(mark, at)) != std::string::npos; at += block.size()) {
      out.replace(at, mark.size(), block);
    }
  }
  return out;
}

// Control characters of a value must not begin a line (or a header) of their own.
void append_value(std::string& out, std::string_view value, bool keeps_lines) {
  for (const char c : value) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control && !(keeps_lines && c == '\n') ? ' ' : c;
  }
}

Text unknown_placeholder(std::string_view name) {
  return {fmt::format("{{{}}} という差し込みはありません。", name),
          fmt::format("there is no placeholder {{{}}}", name)};
}

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

}  // namespace

std::span<const std::string_view> notice_placeholders() { return k_placeholders; }
std::span<const std::string_view> notice_kinds() { return k_kinds; }

Result<NoticeTemplate> parse_notice_template(std::string_view text) {
  static constexpr std::string_view k_field = "Subject: ";
  if (text.size() > k_template_bytes_max) return bad_input("it is longer than 64 KiB");
  if (!text.starts_with(k_field)) return bad_input("the first line must be 'Subject: …'");
  text.remove_prefix(k_field.size());
  const auto end = text.find('\n');
  if (end == std::string_view::npos || end == 0) return bad_input("subject or text is missing");
  NoticeTemplate out;
  out.subject = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (!text.starts_with('\n')) return bad_input("the second line must be empty");
  text.remove_prefix(1);
  if (text.find_first_not_of(" \n") == std::string_view::npos) return bad_input("it has no text");
  out.body = text;
  return out;
}

NoticeTemplates::NoticeTemplates() {
  for (const Language language : {Language::ja, Language::en}) {
    for (const NoticeWords& words : notice_words(language)) {
      auto parsed = parse_notice_template(words.text);
      if (!parsed) continue;  // a test reads them all
      templates_.insert_or_assign(Key{words.kind, words.audience, language}, std::move(*parsed));
    }
  }
}

std::vector<TemplateFinding> NoticeTemplates::load(const std::string& folder) {
  std::vector<TemplateFinding> findings;
  if (folder.empty()) return findings;
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end;
       it.increment(failed)) {
    if (it->path().extension() == ".txt") files.push_back(it->path());
  }
  if (failed) {
    findings.push_back({folder,
                        0,
                        {"読めません: " + failed.message(), "cannot be read: " + failed.message()},
                        ""});
    return findings;
  }
  std::ranges::sort(files);
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    std::erase(text, '\r');
    auto found = put(path.stem().string(), file ? text : std::string());
    for (auto& finding : found) finding.file = path.filename().string();
    findings.insert(findings.end(), found.begin(), found.end());
  }
  return findings;
}

Result<NoticeTemplates::Key> NoticeTemplates::read_name(std::string_view name,
                                                        TemplateFinding& fault) {
  std::vector<std::string> words;
  for (std::string_view rest = name;;) {
    const auto dot = rest.find('.');
    words.emplace_back(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (words.size() != 3) {
    fault.what = {
        "ファイル名は「種類.相手.言語.txt」の形にしてください(例: restricted.owner.ja.txt)。",
        "the name must be KIND.AUDIENCE.LANGUAGE.txt, as restricted.owner.ja.txt"};
    return bad_input(fault.what.en);
  }
  const auto audience = decide::parse_notice_audience(words[1]);
  if (!contains(k_kinds, words[0])) {
    fault.what = {"「" + words[0] + "」という種類はありません。", "there is no kind " + words[0]};
    fault.unknown = words[0];
    return bad_input(fault.what.en);
  }
  if (!audience || (words[2] != "ja" && words[2] != "en")) {
    fault.what = {
        "相手は owner、mailbox、domain_admin、operators、言語は ja か en です。",
        "the audience is owner, mailbox, domain_admin or operators, the language ja or en"};
    return bad_input(fault.what.en);
  }
  return Key{words[0], *audience, words[2] == "ja" ? Language::ja : Language::en};
}

std::vector<TemplateFinding> NoticeTemplates::put(std::string_view name, std::string_view text) {
  TemplateFinding fault;
  fault.file = name;
  const auto key = read_name(name, fault);
  if (!key) return {fault};
  auto parsed = parse_notice_template(text);
  if (!parsed) {
    fault.line = 1;
    fault.what = {"使えません: " + parsed.error().text, parsed.error().text};
    return {fault};
  }
  std::vector<TemplateFinding> findings;
  // Not declared in the condition: g++ 12 ends such a variable before the loop's step.
  auto found = next_placeholder(text, 0);
  for (; found; found = next_placeholder(text, found->end)) {
    if (contains(k_placeholders, found->name)) continue;
    const auto line =
        1 +
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(found->begin), '\n');
    findings.push_back({std::string(name), static_cast<int>(line), unknown_placeholder(found->name),
                        std::string(found->name)});
  }
  if (findings.empty()) templates_.insert_or_assign(*key, std::move(*parsed));
  return findings;
}

std::vector<std::string> NoticeTemplates::names() const {
  std::vector<std::string> out;
  for (const auto& [key, unused] : templates_) {
    const auto& [kind, audience, language] = key;
    out.push_back(fmt::format("{}.{}.{}", kind, decide::to_string(audience),
                              language == Language::ja ? "ja" : "en"));
  }
  std::ranges::sort(out);
  return out;
}

std::string NoticeTemplates::text(std::string_view name) const {
  TemplateFinding unused;
  const auto key = read_name(name, unused);
  if (!key) return "";
  const auto found = templates_.find(*key);
  if (found == templates_.end()) return "";
  return fmt::format("Subject: {}\n\n{}", found->second.subject, found->second.body);
}

const NoticeTemplate& NoticeTemplates::find(std::string_view kind, NoticeAudience audience,
                                            Language language) const {
  static const NoticeTemplate k_none{"{subject}", "{reason}\n"};
  const auto own = [&](std::string_view k, NoticeAudience a) -> const NoticeTemplate* {
    const auto found = templates_.find(Key{k, a, language});
    return found == templates_.end() ? nullptr : &found->second;
  };
  for (const std::string_view k : {kind, std::string_view("other")}) {
    if (const auto* found = own(k, audience)) return *found;
    if (audience == NoticeAudience::mailbox) {
      if (const auto* found = own(k, NoticeAudience::owner)) return *found;
    }
  }
  return k_none;
}

std::string fill_notice(std::string_view pattern, const NoticeValues& values, Language language) {
  const std::string whole = with_blocks(pattern, language);
  std::string out;
  std::string_view rest = whole;
  bool gap = true;  // the line before was empty: no second one
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    std::string filled;
    bool known = true;
    std::size_t from = 0;
    while (const auto found = next_placeholder(line, from)) {
      filled += line.substr(from, found->begin - from);
      const auto value = values.find(found->name);
      if (value == values.end() || value->second.empty()) {
        known = false;
        break;
      }
      append_value(filled, value->second, found->name == "digest_items");
      from = found->end;
    }
    if (!known) continue;
    filled += line.substr(from);
    if (filled.empty() && gap) continue;
    gap = filled.empty();
    out += filled;
    if (end != std::string_view::npos) out += '\n';
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace sekimori::act
