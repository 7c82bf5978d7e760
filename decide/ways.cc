#include "decide/ways.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/mail_address.h"
#include "base/words.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(WayKind::count_)> k_kinds{
    "forward",   "local_copy",   "alias",          "sieve_script", "sieve_active", "vacation",
    "fetchmail", "app_password", "totp_exception", "totp",         "contact"};
constexpr std::array<std::string_view, 4> k_states{"open", "paused", "kept", "reverted"};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

bool is_less(const Way& a, const Way& b) {
  return a.kind != b.kind ? a.kind < b.kind : a.key < b.key;
}

std::vector<std::string> keys_of(std::string_view list) {
  std::vector<std::string> keys;
  for (const std::string& entry : alias_entries(list)) keys.push_back(ascii_lower(entry));
  return keys;
}

Text both(std::string text) { return {text, text}; }

Text shown_row(WayKind kind, const RowFields& row) {
  const auto field = [&](std::string_view name) { return field_of(row, name); };
  const bool is_active = field("active") == "1" || field("active").starts_with('t');
  switch (kind) {
    case WayKind::vacation:
      return {fmt::format("{}「{}」", is_active ? "有効 " : "無効 ", field("subject")),
              fmt::format("{}, \"{}\"", is_active ? "on" : "off", field("subject"))};
    case WayKind::fetchmail:
      return both(
          fmt::format("{}@{} ({})", field("src_user"), field("src_server"), field("protocol")));
    case WayKind::app_password: return both(field("description"));
    case WayKind::totp_exception:
      return both(fmt::format("{} {}", field("ip"), field("description")));
    default: return {};
  }
}

}  // namespace

std::string_view to_string(WayKind v) { return word_of(k_kinds, v); }
std::string_view to_string(WayState v) { return word_of(k_states, v); }
std::optional<WayKind> parse_way_kind(std::string_view w) { return value_of<WayKind>(k_kinds, w); }
std::optional<WayState> parse_way_state(std::string_view w) {
  return value_of<WayState>(k_states, w);
}

bool is_sieve(WayKind kind) {
  return kind == WayKind::sieve_script || kind == WayKind::sieve_active;
}

std::string way_key(std::string_view text) {
  if (text.size() <= k_way_key_max) return std::string(text);
  constexpr std::size_t k_hash = 17;  // ':' and 16 hexadecimal digits
  std::string_view kept = text.substr(0, k_way_key_max - k_hash);
  // Not within a character: the key is text in a database.
  while (!kept.empty() && (static_cast<unsigned char>(text[kept.size()]) & 0xC0U) == 0x80U) {
    kept.remove_suffix(1);
  }
  return fmt::format("{}:{:016x}", kept, keyed_hash({}, text));
}

std::string row_text(const RowFields& fields) {
  std::string out;
  for (const auto& [column, value] : fields) {
    out += fmt::format("{}:{}", column.size(), column);
    out += value ? fmt::format("={}:{}", value->size(), *value) : std::string("-");
  }
  return out;
}

Result<RowFields> parse_row(std::string_view text) {
  RowFields fields;
  const auto sized = [&text](std::string& out) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || digits >= text.size() || text[digits] != ':') return false;
    text.remove_prefix(digits + 1);
    if (size > text.size()) return false;
    out = std::string(text.substr(0, size));
    text.remove_prefix(size);
    return true;
  };
  while (!text.empty()) {
    std::pair<std::string, std::optional<std::string>> field;
    if (!sized(field.first) || text.empty()) return bad_input("not a remembered row");
    const char mark = text.front();
    text.remove_prefix(1);
    if (mark == '=') {
      if (!sized(field.second.emplace())) return bad_input("not a remembered row");
    } else if (mark != '-') {
      return bad_input("not a remembered row");
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::string field_of(const RowFields& fields, std::string_view column) {
  const auto found = std::ranges::find(
      fields, column, [](const auto& field) -> std::string_view { return field.first; });
  return found == fields.end() ? std::string() : found->second.value_or("");
}

std::vector<WayChange> differences(const std::vector<Way>& before, const std::vector<Way>& after,
                                   bool rows, bool sieve) {
  std::vector<WayChange> out;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    const bool is_gone = now == after.end() || (old != before.end() && is_less(*old, *now));
    const bool is_new = old == before.end() || (now != after.end() && is_less(*now, *old));
    const Way& way = is_gone ? *old : *now;
    WayChange change;
    change.kind = way.kind;
    change.key = way.key;
    if (!is_new) change.before = old->content;
    if (!is_gone) change.after = now->content;
    if (!is_new) ++old;
    if (!is_gone) ++now;
    const bool is_covered = is_sieve(change.kind) ? sieve : rows;
    if (is_covered && change.before != change.after) out.push_back(std::move(change));
  }
  return out;
}

std::vector<WayChange> summary(const std::vector<WayChange>& changes) {
  std::vector<WayChange> out;
  std::map<std::pair<WayKind, std::string_view>, std::size_t> places;
  std::map<std::uint64_t, const WayChange*> paused;  // by the whole's id
  for (const WayChange& change : changes) {
    if (change.kind == WayKind::alias) continue;
    const auto [place, is_first] = places.try_emplace({change.kind, change.key}, out.size());
    if (is_first) out.push_back(change);
    if (change.state == WayState::paused) paused[out[place->second].id] = &change;
    if (is_first) continue;
    WayChange& whole = out[place->second];
    whole.after = change.after;
    whole.is_external = whole.is_external || change.is_external;
    whole.is_told = whole.is_told && change.is_told;
    if (change.state == WayState::open || whole.state != WayState::open) {
      whole.state = change.state;
      whole.changed = change.changed;
      whole.by = change.by;
      whole.reason = change.reason;
      whole.incident = change.incident;
    }
  }
  std::erase_if(out, [&](WayChange& whole) {
    if (whole.before != whole.after || whole.state != WayState::open) return false;
    // Planted again and gone again: what was paused can still be kept.
    const auto found = paused.find(whole.id);
    if (found == paused.end()) return true;
    whole.after = found->second->after;
    whole.state = WayState::paused;
    whole.changed = found->second->changed;
    whole.by = found->second->by;
    whole.incident = found->second->incident;
    return false;
  });
  return out;
}

std::vector<std::string> alias_entries(std::string_view list) {
  std::vector<std::string> entries;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::string_view entry = trimmed(list.substr(at, end - at));
    if (!entry.empty()) entries.emplace_back(entry);
    at = end + 1;
  }
  return entries;
}

std::vector<Way> ways_of_alias(std::string_view account, std::string_view list) {
  std::vector<Way> ways;
  if (list == account) return ways;
  bool is_self_there = false;
  for (const std::string& entry : alias_entries(list)) {
    const std::string plain = ascii_lower(entry);
    if (plain == account) {
      is_self_there = true;
    } else if (ways.size() < k_ways_max) {
      ways.push_back({WayKind::forward, way_key(plain), entry});
    }
  }
  if (!is_self_there) ways.push_back({WayKind::local_copy, "", ""});
  ways.push_back({WayKind::alias, "", std::string(list)});
  std::ranges::sort(ways, is_less);
  const auto repeated = std::ranges::unique(
      ways, [](const Way& a, const Way& b) { return a.kind == b.kind && a.key == b.key; });
  ways.erase(repeated.begin(), repeated.end());
  return ways;
}

std::string alias_with(std::string_view account, std::string_view list, std::string_view key,
                       bool put_in, const std::vector<std::string>& known) {
  const auto is_key = [&](std::string_view entry) { return way_key(ascii_lower(entry)) == key; };
  std::vector<std::string> wanted;
  bool is_there = false;
  for (std::string& entry : alias_entries(list)) {
    if (is_key(entry)) {
      if (!put_in) continue;
      is_there = true;
    }
    wanted.push_back(std::move(entry));
  }
  if (put_in && !is_there) {
    const auto order = std::ranges::find_if(known, [&](const std::string& one) {
      return std::ranges::any_of(alias_entries(one), is_key);
    });
    if (order == known.end()) {
      wanted.emplace_back(key);
    } else {
      // In its order first, then what that list does not know.
      std::set<std::string> mine;
      for (const std::string& entry : wanted) mine.insert(ascii_lower(entry));
      std::vector<std::string> sorted;
      for (std::string& entry : alias_entries(*order)) {
        if (is_key(entry) || mine.erase(ascii_lower(entry)) > 0) sorted.push_back(std::move(entry));
      }
      for (std::string& entry : wanted) {
        if (mine.contains(ascii_lower(entry))) sorted.push_back(std::move(entry));
      }
      wanted = std::move(sorted);
    }
  }
  if (wanted.empty()) wanted.emplace_back(account);
  const std::string text = fmt::to_string(fmt::join(wanted, ","));
  std::vector<std::string> keys = keys_of(text);
  for (const std::string& one : known) {
    if (keys_of(one) == keys) return one;
  }
  return text;
}

Text shown(WayKind kind, const std::optional<std::string>& content) {
  if (!content) return {};
  switch (kind) {
    case WayKind::forward:
    case WayKind::contact:
    case WayKind::sieve_active: return both(*content);
    case WayKind::local_copy: return {"メールボックスには残らない", "no copy stays in the mailbox"};
    case WayKind::totp: return {"登録あり", "enrolled"};
    case WayKind::sieve_script: {
      if (content->size() <= k_shown_max) return both(*content);
      std::size_t end = k_shown_max;
      while (end > 0 && (static_cast<unsigned char>((*content)[end]) & 0xC0U) == 0x80U) --end;
      return both(content->substr(0, end));
    }
    default: break;
  }
  auto row = parse_row(*content);
  return row ? shown_row(kind, *row) : Text{};
}

Text title(WayKind kind) {
  switch (kind) {
    case WayKind::forward: return {"転送先", "forward"};
    case WayKind::local_copy: return {"転送後の控え", "copy kept in the mailbox"};
    case WayKind::alias: return {"転送の設定", "alias"};
    case WayKind::sieve_script: return {"Sieve スクリプト", "Sieve script"};
    case WayKind::sieve_active: return {"有効な Sieve スクリプト", "active Sieve script"};
    case WayKind::vacation: return {"自動応答", "autoresponder"};
    case WayKind::fetchmail: return {"外部メールの取り込み", "fetchmail"};
    case WayKind::app_password: return {"アプリパスワード", "app password"};
    case WayKind::totp_exception: return {"二段階認証の例外", "exception of the second factor"};
    case WayKind::totp: return {"二段階認証", "second factor"};
    case WayKind::contact: return {"復旧用の連絡先", "recovery contact"};
    case WayKind::count_: break;
  }
  return {};
}

}  // namespace sekimori::decide
