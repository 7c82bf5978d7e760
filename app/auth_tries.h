// Wrong passwords: each try counted once, whoever tried, and who got in after many. No I/O. One
// thread at a time.
//
// One wrong try stands on up to three lines: the password database's ("passwd-file(user,ip): …"),
// smtpd's ("SASL LOGIN authentication failed") and, for IMAP and POP3, the login process's at the
// end of the connection ("auth failed, 2 attempts"). The database's line comes first and opens a
// credit for its address; each of the others takes the credits it stands for, and only what finds
// none is a try of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "detect/flat_map.h"

namespace sekimori::app {

enum class GuessKind : std::uint8_t {
  few,          // fewer than k_guesses_min tries: perhaps an owner's own mistakes
  brute_force,  // many
  slow,         // many, on average more than k_slow_pace apart
  enumeration   // k_names_min names or more
};
[[nodiscard]] std::string_view to_string(GuessKind);

class AuthTries {
 public:
  static constexpr std::uint64_t k_guesses_min = 10;
  static constexpr std::uint64_t k_names_min = 5;
  static constexpr Duration k_slow_pace = minutes(5);
  static constexpr std::uint64_t k_distributed_min = 10;  // addresses on one account
  // So many failures of an address before a success are worth telling.
  static constexpr std::uint64_t k_before_success = 5;
  // 150 bytes each; what comes behind them is counted together.
  static constexpr std::size_t k_addresses_max = 300'000;
  static constexpr std::size_t k_names_max = 200'000;
  static constexpr std::size_t k_pairs_max = 1'000'000;
  static constexpr std::size_t k_successes_max = 10'000;

  enum class Source : std::uint8_t { database, smtp, login };
  struct Try {
    Source source = Source::database;
    IpAddress ip;
    std::string_view user;  // as the client wrote it; "": not said
    Instant t;
    std::uint32_t attempts = 1;
    std::string_view driver;  // of a database: a second one asked about the same try
  };
  struct Guesser {
    IpAddress ip;
    std::uint64_t failures = 0;
    std::uint64_t accounts = 0;  // names tried
    Instant first, last;
    GuessKind kind = GuessKind::few;
  };
  struct Target {
    std::string name;
    std::uint64_t failures = 0;
    std::uint64_t addresses = 0;
    Instant first, last;
  };
  struct Success {
    IpAddress ip;
    std::string account;
    Instant t;
    std::uint64_t failures = 0;  // of that address before it, with no pause of a day
    bool named = false;          // this account was among those it had tried
  };

  explicit AuthTries(const HashKey& key) : key_(key) {}

  void failed(const Try&);
  // A right password, or a message handed in with one.
  void succeeded(const IpAddress& ip, std::string_view account, Instant t);

  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  // The most failures first.
  [[nodiscard]] std::vector<Guesser> guessers() const;
  [[nodiscard]] std::vector<Target> targets() const;
  [[nodiscard]] const std::vector<Success>& successes() const { return successes_; }
  // Beyond the maxima: failures of addresses no longer told apart.
  [[nodiscard]] std::uint64_t other_failures() const { return other_failures_; }

 private:
  struct Address {
    IpAddress ip;
    std::uint64_t failures = 0;
    std::uint64_t recent = 0;  // since the last pause of a day, or success
    std::uint64_t accounts = 0;
    Instant first, last;
    Instant credit_t;  // of the last line of a database
    std::uint32_t credits = 0;
    std::uint32_t debts = 0;  // tries counted from another line just before the database's
    Instant debt_t;
    std::uint64_t last_name = 0;
    std::uint64_t last_driver = 0;
  };
  struct Name {
    std::string name;
    std::uint64_t failures = 0;
    std::uint64_t addresses = 0;
    Instant first, last;
  };
  Address* address_of(const IpAddress& ip);
  void count(Address& from, std::string_view name, std::uint64_t n, Instant t);
  [[nodiscard]] std::uint64_t hash_of(const IpAddress& ip) const;
  [[nodiscard]] std::uint64_t pair_of(const IpAddress& ip, std::uint64_t name_hash) const;

  HashKey key_;
  std::uint64_t failures_ = 0;
  std::uint64_t other_failures_ = 0;
  std::unordered_map<std::uint64_t, Address> addresses_;
  std::unordered_map<std::uint64_t, Name> names_;
  detect::FlatMap pairs_;  // of address and name
  std::vector<Success> successes_;
};

}  // namespace sekimori::app
