#include "app/inactive_mail.h"

#include <algorithm>

namespace sekimori::app {
namespace {
// After 0, 1, 2, 4, 8, 16 and 32 s: twice the half minute that Postfix remembers.
constexpr int k_looks = 7;
}  // namespace

Result<void> InactiveMail::set(std::vector<std::string> accounts, store::SqliteGuardStore& guard) {
  auto names = std::make_shared<const Names>(accounts.begin(), accounts.end());
  {
    const std::lock_guard lock(mutex_);
    names_ = std::move(names);
  }
  return guard.set_waiting(accounts);
}

bool InactiveMail::waits(std::string_view account) const {
  std::shared_ptr<const Names> names;
  {
    const std::lock_guard lock(mutex_);
    names = names_;
  }
  return names->contains(account);
}

Result<void> InactiveMail::requeue(store::SqliteGuardStore& guard, decide::Hands& hands,
                                   const decide::Directory& directory, Instant now) {
  auto waited = guard.waited();
  if (!waited) return std::unexpected(waited.error());
  std::erase_if(looks_, [&](const auto& one) {
    return std::ranges::find(*waited, one.first) == waited->end();
  });
  std::vector<std::string> due;
  for (const std::string& account : *waited) {
    const Instant next = looks_[account].next;
    // A clock that was set back must not keep mail waiting.
    if (now >= next || next - now > minutes(1)) due.push_back(account);
  }
  if (due.empty()) return {};
  // Before the mail: Dovecot may remember for an hour that this was no user
  // (auth_cache_negative_ttl), and would refuse it for good.
  Result<void> flushed;
  for (const std::string& account : due) {
    if (auto done = hands.flush_auth_cache(account); !done) flushed = done;
  }
  if (!flushed) return flushed;
  std::vector<std::string> ids;
  auto listed = hands.list_queue([&](const decide::QueueEntry& entry) {
    if (entry.queue_name != "deferred") return true;
    const bool is_theirs = std::ranges::any_of(entry.recipients, [&](const std::string& to) {
      return std::ranges::find(due, directory.account_of(to)) != due.end();
    });
    if (is_theirs) ids.push_back(entry.queue_id);
    return true;
  });
  if (!listed) return listed;
  if (!ids.empty()) {
    if (auto done = hands.requeue(ids); !done) return done;
  }
  for (const std::string& account : due) {
    Looks& looks = looks_[account];
    looks.next = now + seconds(std::int64_t{1} << looks.done);
    if (++looks.done < k_looks) continue;
    if (auto done = guard.forget_waiting(account); !done) return done;
    looks_.erase(account);
  }
  return {};
}

}  // namespace sekimori::app
