#include "decide/sign_in_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace sekimori::decide {
namespace {

std::string key_of_network(const IpAddress& ip, int bits_of_128) {
  const bool v4 = ip.is_v4();
  const int bits = v4 ? bits_of_128 - 96 : bits_of_128;
  return fmt::format("{}/{}", ip.network(bits, bits).to_string(), bits);
}

}  // namespace

std::string_view to_string(SignInList list) {
  return list == SignInList::block ? "block" : "allow";
}
std::optional<SignInList> parse_sign_in_list(std::string_view text) {
  if (text == "block") return SignInList::block;
  if (text == "allow") return SignInList::allow;
  return std::nullopt;
}
std::string_view to_string(SignInEntryKind kind) {
  switch (kind) {
    case SignInEntryKind::ip: return "ip";
    case SignInEntryKind::login: return "login";
    case SignInEntryKind::ip_login: return "iplogin";
  }
  return "";
}

SignInEntryKind SignInEntry::kind() const {
  if (login.empty()) return SignInEntryKind::ip;
  return network.address().is_set() ? SignInEntryKind::ip_login : SignInEntryKind::login;
}

std::string SignInEntry::key() const {
  switch (kind()) {
    case SignInEntryKind::ip:
      return fmt::format("{}/{}", network.address().to_string(), network.bits());
    case SignInEntryKind::login: return login;
    case SignInEntryKind::ip_login:
      return fmt::format("{}:{}", network.address().to_string(), login);
  }
  return "";
}

std::string SignInBook::full_key(SignInList list, std::string_view key) {
  return (list == SignInList::block ? 'b' : 'a') + std::string(key);
}

void SignInBook::count_length(const SignInEntry& entry, int by) {
  const auto list = static_cast<std::size_t>(entry.list);
  switch (entry.kind()) {
    case SignInEntryKind::ip:
      lengths_[list][static_cast<std::size_t>(entry.network.bits() +
                                              (entry.network.address().is_v4() ? 96 : 0))] += by;
      break;
    case SignInEntryKind::login: logins_[list] += by; break;
    case SignInEntryKind::ip_login: pairs_[list] += by; break;
  }
}

bool SignInBook::put(SignInEntry entry) {
  const std::string full = full_key(entry.list, entry.key());
  Shard& shard = shard_of(full);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.entries.find(full);
  if (it != shard.entries.end()) {
    it->second = std::move(entry);
    return true;
  }
  if (size_.load(std::memory_order_relaxed) >= entries_max_) return false;
  ++size_;
  count_length(entry, 1);
  shard.entries.emplace(full, std::move(entry));
  return true;
}

bool SignInBook::remove(SignInList list, std::string_view key) {
  const std::string full = full_key(list, key);
  Shard& shard = shard_of(full);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.entries.find(full);
  if (it == shard.entries.end()) return false;
  count_length(it->second, -1);
  shard.entries.erase(it);
  --size_;
  return true;
}

std::optional<SignInEntry> SignInBook::get(SignInList list, std::string_view key,
                                           Instant now) const {
  const std::string full = full_key(list, key);
  Shard& shard = shard_of(full);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.entries.find(full);
  if (it == shard.entries.end() || it->second.expires <= now) return std::nullopt;
  return it->second;
}

std::optional<SignInEntry> SignInBook::find(SignInList list, const IpAddress& ip,
                                            std::string_view login, Instant now) const {
  const auto at = static_cast<std::size_t>(list);
  if (ip.is_set()) {
    for (int bits = 128; bits >= (ip.is_v4() ? 96 : 0); --bits) {
      if (lengths_[at][static_cast<std::size_t>(bits)].load(std::memory_order_relaxed) <= 0) {
        continue;
      }
      if (auto found = get(list, key_of_network(ip, bits), now)) return found;
    }
  }
  if (!login.empty() && logins_[at].load(std::memory_order_relaxed) > 0) {
    if (auto found = get(list, login, now)) return found;
  }
  if (ip.is_set() && !login.empty() && pairs_[at].load(std::memory_order_relaxed) > 0) {
    return get(list, fmt::format("{}:{}", ip.to_string(), login), now);
  }
  return std::nullopt;
}

std::vector<SignInEntry> SignInBook::all(SignInList list, Instant now) const {
  std::vector<SignInEntry> out;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [full, entry] : shard.entries) {
      if (entry.list == list && entry.expires > now) out.push_back(entry);
    }
  }
  std::ranges::sort(out, [](const SignInEntry& a, const SignInEntry& b) {
    return std::tuple(a.kind(), a.network.address(), a.network.bits(), std::string_view(a.login)) <
           std::tuple(b.kind(), b.network.address(), b.network.bits(), std::string_view(b.login));
  });
  return out;
}

std::vector<SignInEntry> SignInBook::take_over(Instant now) {
  std::vector<SignInEntry> out;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto it = shard.entries.begin(); it != shard.entries.end();) {
      if (it->second.expires > now) {
        ++it;
        continue;
      }
      count_length(it->second, -1);
      out.push_back(std::move(it->second));
      it = shard.entries.erase(it);
      --size_;
    }
  }
  return out;
}

}  // namespace sekimori::decide
