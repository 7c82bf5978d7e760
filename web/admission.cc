#include "web/admission.h"

#include <algorithm>
#include <cstring>

#include "base/mail_address.h"

namespace sekimori::web {
namespace {

std::array<unsigned char, 32> hash_of(std::string_view text) {
  std::array<unsigned char, 32> out{};
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// One line's customer: an IPv4 address or an IPv6 /64, as 64 bits.
std::uint64_t key_of(const IpAddress& address) {
  const auto bytes = address.network(32, 64).bytes();
  std::uint64_t key = 0;
  std::memcpy(&key, bytes.data() + (address.is_v4() ? 8 : 0), sizeof key);
  return key;
}

std::uint64_t limit_key(std::string_view kind, std::string_view what) {
  const auto hash = hash_of(std::string(kind) + std::string(what));
  std::uint64_t key = 0;
  std::memcpy(&key, hash.data(), sizeof key);
  return key;
}

// "https://Mail.example:443/x" → "mail.example"; of a bare authority, too.
std::string authority_of(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  text = text.substr(0, text.find('/'));
  for (const std::string_view usual : {":443", ":80"}) {
    if (text.ends_with(usual)) text.remove_suffix(usual.size());
  }
  return ascii_lower(text);
}

}  // namespace

TokenCheck::TokenCheck(const Secret& token) : is_set_(token.is_set()) {
  if (is_set_) hash_ = hash_of(token.reveal());
}

bool TokenCheck::matches(std::string_view header) const {
  static constexpr std::string_view k_scheme = "bearer ";
  if (!is_set_ || header.size() <= k_scheme.size() ||
      ascii_lower(header.substr(0, k_scheme.size())) != k_scheme) {
    return false;
  }
  const auto presented = hash_of(trim(header.substr(k_scheme.size())));
  return sodium_memcmp(presented.data(), hash_.data(), hash_.size()) == 0;
}

bool AddressLimiter::admit(const IpAddress& address, Instant now) {
  const auto minute = now.us / 60'000'000;
  const auto key = key_of(address);
  auto at = counts_.find(key);
  if (at == counts_.end() && counts_.size() >= k_addresses_max) {
    std::erase_if(counts_, [minute](const auto& item) { return item.second.minute != minute; });
  }
  Count* count = &shared_;
  if (at != counts_.end()) {
    count = &at->second;
  } else if (counts_.size() < k_addresses_max) {
    count = &counts_[key];
  }
  if (count->minute != minute) *count = {minute, 0};
  if (count->used >= per_minute_) return false;
  ++count->used;
  return true;
}

bool OwnerLimiter::admit(OwnerAct act, const IpAddress& from, std::string_view address,
                         Instant now) {
  static constexpr std::array k_limits = {k_prove, k_send, k_go_on, k_sign_in, k_enquire};
  const auto& limits = k_limits[static_cast<std::size_t>(act)];
  auto& window = windows_[static_cast<std::size_t>(act)];
  const auto number = now.us / (15LL * 60 * 1'000'000);
  if (window.number != number) window = {number, {}, 0};
  const auto count = [&window](std::string_view kind, std::string_view what, std::uint32_t most) {
    const auto key = limit_key(kind, what);
    const auto at = window.counts.find(key);
    if (at == window.counts.end() && window.counts.size() >= k_keys_max) {
      return ++window.shared <= most;
    }
    auto& used = at == window.counts.end() ? window.counts[key] : at->second;
    if (used >= most) return false;
    ++used;
    return true;
  };
  // The widest last: who is refused for the one does not use up the other.
  if (from.is_set()) {
    const auto network = from.network(32, 64).to_string();
    if (!count("n", network, limits.per_network)) return false;
    if (!count("b", network + " " + std::string(address), limits.per_both)) return false;
  }
  return count("a", address, limits.per_address);
}

void OwnerLimiter::take_back(OwnerAct act, const IpAddress& from, std::string_view address) {
  auto& window = windows_[static_cast<std::size_t>(act)];
  const auto forget = [&window](std::string_view kind, std::string_view what) {
    const auto at = window.counts.find(limit_key(kind, what));
    if (at != window.counts.end() && at->second > 0) --at->second;
  };
  if (from.is_set()) {
    const auto network = from.network(32, 64).to_string();
    forget("n", network);
    forget("b", network + " " + std::string(address));
  }
  forget("a", address);
}

IpAddress client_behind(const IpAddress& peer, std::string_view forwarded_for,
                        std::span<const IpNetwork> trusted) {
  const auto is_trusted = [trusted](const IpAddress& address) {
    return std::ranges::any_of(trusted,
                               [&](const auto& network) { return network.contains(address); });
  };
  auto client = peer;
  while (is_trusted(client) && !forwarded_for.empty()) {
    const auto comma = forwarded_for.rfind(',');
    const auto word =
        comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1);
    forwarded_for = comma == std::string_view::npos ? "" : forwarded_for.substr(0, comma);
    const auto next = IpAddress::parse(trim(word));
    if (!next) return peer;
    client = *next;
  }
  return client;
}

bool is_from_another_site(const BrowserWord& said, std::string_view public_url, bool null_is_ours) {
  if (!said.fetch_site.empty()) {
    return said.fetch_site != "same-origin" && said.fetch_site != "none";
  }
  if (said.origin.empty()) return false;
  if (said.origin == "null") return !null_is_ours;
  const auto origin = authority_of(said.origin);
  for (const auto ours : {said.host, said.forwarded_host, public_url}) {
    if (!ours.empty() && authority_of(ours) == origin) return false;
  }
  return true;
}

}  // namespace sekimori::web
