// Logins and addresses that a program (a site's own, written for weakforced) lets in or blocks for
// a time: addresses and networks, logins, and pairs of both.
//
// Any thread. A question takes the short locks of a few shards, one after the other, and finds what
// it asks for by hash: as quick with 500,000 entries as with five.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/ip_network.h"

namespace sekimori::decide {

enum class SignInList : std::uint8_t { block, allow };
enum class SignInEntryKind : std::uint8_t { ip, login, ip_login };
[[nodiscard]] std::string_view to_string(SignInList list);
[[nodiscard]] std::string_view to_string(SignInEntryKind kind);
[[nodiscard]] std::optional<SignInList> parse_sign_in_list(std::string_view text);

struct SignInEntry {
  SignInList list = SignInList::block;
  IpNetwork network;  // 0 addresses where it is of a login
  std::string login;  // "" where it is of addresses; normalised
  Instant created;
  Instant expires;
  std::string reason;

  [[nodiscard]] SignInEntryKind kind() const;
  // What names it within its list: "192.0.2.0/24", "u@d", "192.0.2.1:u@d".
  [[nodiscard]] std::string key() const;
  bool operator==(const SignInEntry&) const = default;
};

class SignInBook {
 public:
  explicit SignInBook(std::size_t entries_max) : entries_max_(entries_max) {}

  // Replaces an entry of the same key. False: there are entries_max already.
  bool put(SignInEntry entry);
  // False: there was none.
  bool remove(SignInList list, std::string_view key);
  // The entry that speaks of this sign-in, an address's before a login's before a pair's (as
  // weakforced looks), the longer prefix first; `login` "" and an unset address match nothing.
  [[nodiscard]] std::optional<SignInEntry> find(SignInList list, const IpAddress& ip,
                                                std::string_view login, Instant now) const;
  // Exactly this entry, not over at `now`.
  [[nodiscard]] std::optional<SignInEntry> get(SignInList list, std::string_view key,
                                               Instant now) const;
  // All of a list, by kind (addresses, logins, pairs) and key.
  [[nodiscard]] std::vector<SignInEntry> all(SignInList list, Instant now) const;
  // Takes out what is over at `now`.
  std::vector<SignInEntry> take_over(Instant now);
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t k_book_shards = 64;
  static constexpr std::size_t k_lists = 2;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, SignInEntry> entries;  // by list and key
  };
  [[nodiscard]] static std::string full_key(SignInList list, std::string_view key);
  [[nodiscard]] Shard& shard_of(const std::string& full) const {
    return shards_[std::hash<std::string>{}(full) % k_book_shards];
  }
  // How many networks of this length (of 128) a list has: others need no look.
  void count_length(const SignInEntry& entry, int by);

  std::size_t entries_max_;
  mutable std::array<Shard, k_book_shards> shards_;
  std::array<std::array<std::atomic<std::int32_t>, 129>, k_lists> lengths_{};
  std::array<std::atomic<std::int32_t>, k_lists> logins_{};
  std::array<std::atomic<std::int32_t>, k_lists> pairs_{};
  std::atomic<std::size_t> size_{0};
};

}  // namespace sekimori::decide
