// What is remembered of the ways mail leaves (decide/ways.h): what stood at the last look, and
// every change with what stood before and after, to the letter. In the same database as the state
// store.
//
// Bounds: an account with nothing but its mailbox has no row at all; another has a row for each of
// its ways. Contents may hold secrets (hashes of app passwords): nothing here is ever printed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/ways.h"
#include "store/state_store.h"

namespace sekimori::store {

// How far a watch has come through all accounts, by address.
struct WayWatch {
  std::string after;         // the last account that was looked at; "": a round begins
  std::uint64_t rounds = 0;  // through all of them
  Instant begun;             // of the round under way
  Instant before;            // of the round before it: whoever is known was looked at since
  bool operator==(const WayWatch&) const = default;
};

// What one look found, written in one transaction.
struct WaysWrite {
  struct Account {
    std::string name;
    std::vector<decide::Way> put;
    std::vector<std::pair<decide::WayKind, std::string>> remove;
  };
  std::vector<Account> accounts;
  std::vector<std::string> gone;           // accounts that are no more
  std::vector<decide::WayChange> changes;  // get their ids
  std::string watch_name = {};             // "": none
  WayWatch watch = {};
};

// Any thread; calls are served one at a time. Never throws.
class WaysStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<WaysStore>> open(const StateStoreSettings& settings);
  ~WaysStore();

  using Known = std::map<std::string, std::vector<decide::Way>>;  // sorted
  // Of the accounts after `after`, up to and with `last` ("": to the end).
  [[nodiscard]] Result<Known> known(std::string_view after, std::string_view last);
  [[nodiscard]] Result<std::vector<decide::Way>> known_of(std::string_view account);
  [[nodiscard]] Result<WayWatch> watch(std::string_view name);
  // Gives the changes their ids.
  [[nodiscard]] Result<void> write(WaysWrite& what);

  // Of one account, seen at `since` or later, in the order they were seen.
  [[nodiscard]] Result<std::vector<decide::WayChange>> changes(std::string_view account,
                                                               Instant since);
  // Of a domain's accounts, seen at `since` or later: by account, and as they were seen.
  [[nodiscard]] Result<std::vector<decide::WayChange>> changes_within(std::string_view domain,
                                                                      Instant since,
                                                                      std::size_t max);
  // Those accounts of the domain that have such a change, in their order behind `after`.
  [[nodiscard]] Result<std::vector<std::string>> changed_accounts(std::string_view domain,
                                                                  Instant since,
                                                                  std::string_view after,
                                                                  std::size_t max);
  // The last one of each way of the account.
  [[nodiscard]] Result<std::vector<decide::WayChange>> latest(std::string_view account);
  // Those of which the judge has not heard, oldest first.
  [[nodiscard]] Result<std::vector<decide::WayChange>> untold(std::size_t max);
  // Replaces state, changed, by, reason, incident and is_told, by id. Twice is as once.
  [[nodiscard]] Result<void> put(const std::vector<decide::WayChange>& changes);
  // Forgets changes seen before `before`, but for what is paused.
  [[nodiscard]] Result<void> prune(Instant before);
  struct Counts {
    std::uint64_t ways = 0;
    std::uint64_t open = 0;    // changes that nobody answered
    std::uint64_t paused = 0;  // changes
  };
  [[nodiscard]] Result<Counts> counts();

 private:
  struct Impl;
  explicit WaysStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
