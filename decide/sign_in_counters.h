// Counted sign-ins in windows of time, by login, address, network and pair, as a site's rules
// (base/sign_in_window.h) ask for them.
//
// Each login, address, … has a row of buckets for every rule of its kind; a bucket is one window.
// Buckets go over by themselves: what is older than all windows of a rule is not counted. For
// "passwords" a bucket is a set of 64 marks (linear counting, Whang et al. 1990): different wrong
// passwords up to some 40 are told apart well, and the same one again is never counted twice.
//
// An owner is not locked out by a stranger's guessing: a rule over a login alone does nothing to a
// sign-in from a network from which this login succeeded within k_known_for.
//
// Bounded: each kind of key has a fixed number of rows, of which the longest untouched is given up.
// Deterministic: the same facts in the same order give the same rows. Any thread; a call takes a
// few short locks, one after the other, each of one shard of one kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/sign_in_window.h"

namespace sekimori::decide {

struct SignInFact {
  std::string_view login;  // normalised; "" = not known
  IpAddress ip;            // unset: not known, or shared by so many that it means nobody
  std::string_view pwhash;
};

struct SignInCounterOptions {
  std::vector<SignInWindow> windows;
  std::size_t rows_max = 200'000;  // of each kind
  HashKey key{};
};

class SignInCounters {
 public:
  static constexpr Duration k_known_for = days(60);

  explicit SignInCounters(SignInCounterOptions options);
  ~SignInCounters();

  // Counts a sign-in that succeeded (ok) or had a wrong password.
  void note(const SignInFact& fact, bool ok, Instant now);
  // The rule that does most to this sign-in: refusing before waiting, waiting longer before
  // shorter. nullopt: no limit is exceeded.
  struct Over {
    const SignInWindow* window = nullptr;
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::optional<Over> over(const SignInFact& fact, Instant now) const;
  // Did this login succeed from this address's network of late?
  [[nodiscard]] bool knows(const SignInFact& fact, Instant now) const;
  // The figures of one key, in the order of the rules: login alone, address alone (with its
  // network's), or the pair.
  struct Figure {
    const SignInWindow* window = nullptr;
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::vector<Figure> figures(const SignInFact& fact, Instant now) const;
  // Forgets the counts of the login, the address and its network, and the pair, as far as given.
  // True where anything was counted. Known networks stay known.
  bool reset(const SignInFact& fact);

  [[nodiscard]] bool counts_anything() const { return !options_.windows.empty(); }
  [[nodiscard]] std::size_t rows() const;
  // Equal rows, equal hash.
  [[nodiscard]] std::uint64_t hash() const;

  // ---- keeping ----
  // A record is a whole row, so that the later one of two of the same row is the one that counts,
  // and reading one twice is harmless.
  //
  // Appends the rows that changed since the last call.
  void take_changes(std::string& out);
  // Calls `each` with all rows, in parts; what changes meanwhile comes with take_changes.
  [[nodiscard]] Result<void> dump(const std::function<Result<void>(std::string_view)>& each) const;
  // What a file of records begins with.
  [[nodiscard]] static std::string_view head();
  // Reads records (with head()) until the end or a torn one. Rows of rules that are spelled
  // differently today are left out. Returns how many were taken. Errors: bad_input (no head).
  [[nodiscard]] Result<std::size_t> load(std::string_view bytes);

 private:
  struct Shard;
  struct Table;
  struct Key {
    SignInKey kind;
    std::uint64_t hash;
  };
  // One more kind of row: networks from which a login succeeded.
  static constexpr std::size_t k_tables = k_sign_in_keys + 1;
  static constexpr std::size_t k_known = k_sign_in_keys;

  [[nodiscard]] std::uint64_t key_of(SignInKey kind, const SignInFact& fact) const;
  [[nodiscard]] std::uint64_t known_key(const SignInFact& fact) const;
  [[nodiscard]] std::uint64_t count(const std::uint64_t* cells, const SignInWindow& window,
                                    Instant now) const;
  template <class Work>
  void look(std::size_t kind, std::uint64_t hash, const Work& work) const;
  template <class Work>
  void each_count(std::size_t kind, const SignInFact& fact, Instant now, const Work& work) const;
  void add(std::uint64_t* cells, const SignInWindow& window, const SignInFact& fact, bool ok,
           Instant now) const;

  SignInCounterOptions options_;
  std::array<std::unique_ptr<Table>, k_tables> tables_;
};

}  // namespace sekimori::decide
