// The ways by which mail leaves an account, or by which a stranger comes back to it: forwards,
// Sieve scripts, autoresponder, fetchmail, app passwords, exceptions and keys of the second factor,
// recovery contacts. Pure: what stood at one look, what at the next, and what became of the
// difference. Reading and writing them is app/ways_service's.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/text.h"

namespace sekimori::decide {

enum class WayKind : std::uint8_t {
  forward,         // key: the entry of the account's own alias, in lower case; content: as spelled
  local_copy,      // there while that alias leaves the mailbox itself out
  alias,           // content: the alias' list as it stands. Never shown: for reverting exactly
  sieve_script,    // key: its name; content: the script
  sieve_active,    // content: the name of the active script; none: nothing is active
  vacation,        // content: a row (RowFields)
  fetchmail,       // key: the row's id
  app_password,    // key: the row's id; the hash as it is while it is good
  totp_exception,  // key: the row's id
  totp,            // content: the authenticator's key
  contact,         // key: email_other or phone
  count_
};
[[nodiscard]] std::string_view to_string(WayKind);
[[nodiscard]] std::optional<WayKind> parse_way_kind(std::string_view);

// Sieve scripts are read from Dovecot, everything else from the provider's database: one of the two
// may be away while the other is looked at.
[[nodiscard]] bool is_sieve(WayKind);

struct Way {
  WayKind kind = WayKind::forward;
  std::string key;
  std::string content;  // exact; may hold a secret (a hash, a password of fetchmail)
  auto operator<=>(const Way&) const = default;
};

// More ways than this of one account are not remembered: a script of each week of some years.
inline constexpr std::size_t k_ways_max = 1000;
// Keys are part of an index: longer ones are cut and told apart by a hash at their end.
inline constexpr std::size_t k_way_key_max = 320;
[[nodiscard]] std::string way_key(std::string_view text);

// A database row as one text and back: column and value, no value where it is NULL.
using RowFields = std::vector<std::pair<std::string, std::optional<std::string>>>;
[[nodiscard]] std::string row_text(const RowFields& fields);
// Errors: bad_input where it was not written by row_text.
[[nodiscard]] Result<RowFields> parse_row(std::string_view text);
// "" where there is no such column, or it is NULL.
[[nodiscard]] std::string field_of(const RowFields& fields, std::string_view column);

enum class WayState : std::uint8_t {
  open,     // nobody has said whose it is
  paused,   // put out of force by a containment; comes back by `keep`
  kept,     // a person, or the owner's recovery, says it belongs there
  reverted  // what stood before stands again
};
[[nodiscard]] std::string_view to_string(WayState);
[[nodiscard]] std::optional<WayState> parse_way_state(std::string_view);

// One way that was not at this look what it was at the one before.
struct WayChange {
  std::uint64_t id = 0;  // given by the store
  std::string account;
  WayKind kind = WayKind::forward;
  std::string key;
  std::optional<std::string> before;  // nullopt: it was not there
  std::optional<std::string> after;   // nullopt: it is not there any more
  Instant looked;  // the latest look that found `before`; unset: nobody looked before
  Instant seen;    // the look that found `after`
  // Mail goes by it to a domain that is not of this server, and did not before.
  bool is_external = false;
  bool is_told = false;  // the judge heard of it
  WayState state = WayState::open;
  Instant changed;  // of the state
  std::string by;   // who kept or reverted it, or made it through us; "machine" where it was paused
  std::string reason;
  std::uint64_t incident = 0;  // whose containment paused it, whose person decided; 0: none
  // An administrator who made it, as the provider's own log says; "": the owner, or nobody knows.
  std::string editor = {};
  bool operator==(const WayChange&) const = default;
};

// What differs, by kind and key; both lists must be sorted. Sieve kinds only where `sieve`, the
// others only where `rows`.
[[nodiscard]] std::vector<WayChange> differences(const std::vector<Way>& before,
                                                 const std::vector<Way>& after, bool rows,
                                                 bool sieve);

// What one way went through as one change: from before the first of `changes` (in the order they
// were seen) to after the last. The id is the first one's. What came and went again is left out,
// unless it was paused or somebody decided on it; so is WayKind::alias.
[[nodiscard]] std::vector<WayChange> summary(const std::vector<WayChange>& changes);

// The entries of an alias' list, as spelled and in their order; blanks around them are cut.
[[nodiscard]] std::vector<std::string> alias_entries(std::string_view list);
// The ways of an account's own alias: nothing for the usual one, which is the account itself.
[[nodiscard]] std::vector<Way> ways_of_alias(std::string_view account, std::string_view list);
// The list with the entry (as a key) put in or taken out; the mailbox itself where nothing would be
// left. Entries stand where the first of `known` that has the entry put them; where one of `known`
// has exactly the entries wanted, it is taken to the letter.
[[nodiscard]] std::string alias_with(std::string_view account, std::string_view list,
                                     std::string_view key, bool put_in,
                                     const std::vector<std::string>& known);

// What a way is, without secrets; "" for none. Scripts as they are, at most `k_shown_max` bytes.
inline constexpr std::size_t k_shown_max = std::size_t{64} << 10U;
[[nodiscard]] Text shown(WayKind kind, const std::optional<std::string>& content);
[[nodiscard]] Text title(WayKind kind);

// A change as people see it.
struct WayView {
  WayChange change;
  Text before;
  Text after;
  // Places elsewhere to which mail goes by it.
  std::vector<std::string> targets;
};

// A way in force, as people see it.
struct WayInForce {
  WayKind kind = WayKind::forward;
  std::string key;
  Text content;
  bool is_external = false;
  std::vector<std::string> targets;
  bool is_suspended = false;  // an app password that does not work now
};
struct AccountWays {
  std::string account;
  std::vector<WayInForce> ways;
  Instant looked;        // when the database was looked at for it; unset: not yet
  bool is_live = false;  // read just now; else what was remembered
};

}  // namespace sekimori::decide
