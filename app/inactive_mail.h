// Mail for mailboxes that another panel has set inactive: it waits (450, or in our own queue)
// instead of bouncing, and is tried again when the mailbox is active once more.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/directory.h"
#include "decide/ports.h"
#include "store/guard_store.h"

namespace sekimori::app {

class InactiveMail {
 public:
  // What the provider's store says now. Writes guard.db where something changed, so that Postfix
  // answers the same with the daemon dead. One thread at a time. Errors: operating.
  [[nodiscard]] Result<void> set(std::vector<std::string> accounts, store::SqliteGuardStore& guard);
  // Any thread, from the decision path.
  [[nodiscard]] bool waits(std::string_view account) const;

  // Tries the mail again of those that are active now, after Dovecot was made to forget them: it
  // could still answer that there is no such user. While it cannot be told (the error says so), the
  // mail waits. Postfix moves messages between its queues
  // while it is asked, and remembers a closed transport for half a minute: several looks, ever
  // further apart, then the account is forgotten. One thread.
  [[nodiscard]] Result<void> requeue(store::SqliteGuardStore& guard, decide::Hands& hands,
                                     const decide::Directory& directory, Instant now);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using Names = std::unordered_set<std::string, Hash, std::equal_to<>>;
  struct Looks {
    int done = 0;
    Instant next;
  };

  mutable std::mutex mutex_;  // held for copying one pointer
  std::shared_ptr<const Names> names_ = std::make_shared<const Names>();
  std::map<std::string, Looks> looks_;  // the thread of requeue()
};

}  // namespace sekimori::app
