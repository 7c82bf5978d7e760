#include "act/login_queue.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mail_address.h"

namespace sekimori::act {

using decide::QueueEntry;
using decide::SubjectKind;

namespace {
constexpr std::size_t k_asked_max = 100'000;
}  // namespace

bool is_of(const decide::Subject& subject, std::string_view address) {
  switch (subject.kind) {
    case SubjectKind::account: return address == subject.id;
    case SubjectKind::domain: return domain_of(address) == subject.id;
    default: return true;
  }
}

LoginQueue::LoginQueue(decide::Hands& hands, LoginQueueSettings settings)
    : hands_(hands), settings_(std::move(settings)) {}

Result<void> LoginQueue::look_over(const std::function<bool(const QueueEntry&)>& each) {
  for (int look = 0; look < 2; ++look) {
    if (auto listed = hands_.list_queue(each); !listed) return listed;
  }
  return {};
}

std::optional<std::string> LoginQueue::account_of(const std::string& queue_id) {
  if (settings_.account_of_message) {
    if (auto account = settings_.account_of_message(queue_id)) return account;
  }
  const std::lock_guard lock(mutex_);
  if (const auto found = asked_.find(queue_id); found != asked_.end()) return found->second;
  return std::nullopt;
}

void LoginQueue::remember(const std::string& queue_id, std::string account) {
  const std::lock_guard lock(mutex_);
  if (asked_.size() >= k_asked_max) asked_.clear();
  asked_.insert_or_assign(queue_id, std::move(account));
}

Result<LoginQueue::Found> LoginQueue::find(const decide::Subject& subject, bool with_held) {
  Found found;
  std::vector<Queued> unknown;
  std::unordered_set<std::string> asking;
  auto listed = look_over([&](const QueueEntry& entry) {
    if (entry.queue_name == "hold" && !with_held) return true;
    const auto account = account_of(entry.queue_id);
    if (account && (account->empty() || !is_of(subject, *account))) return true;
    Queued queued{.id = entry.queue_id,
                  .queue_name = entry.queue_name,
                  .sender = entry.sender,
                  .first_recipient = entry.recipients.empty() ? "" : entry.recipients.front(),
                  .arrival = entry.arrival,
                  .size = entry.size,
                  .recipients = static_cast<std::uint32_t>(entry.recipients.size())};
    if (account) {
      // The second look knows where it stands by now.
      found.theirs.insert_or_assign(entry.queue_id, std::move(queued));
    } else if (asking.insert(entry.queue_id).second) {
      unknown.push_back(std::move(queued));
    }
    return true;
  });
  if (!listed) return std::unexpected(listed.error());
  // Those with the account's own address as sender are most likely theirs.
  std::stable_partition(unknown.begin(), unknown.end(), [&](const Queued& queued) {
    return is_of(subject, ascii_lower(queued.sender));
  });
  const std::size_t look_ups = std::min(unknown.size(), settings_.look_ups_max);
  found.not_looked_at = unknown.size() - look_ups;
  for (std::size_t i = 0; i < look_ups; ++i) {
    auto login = hands_.sasl_login_of(unknown[i].id);
    if (!login) {
      if (login.error().kind == ErrorKind::not_found) continue;  // delivered meanwhile
      return std::unexpected(login.error());
    }
    std::string account = login->empty()               ? std::string()
                          : settings_.account_of_login ? settings_.account_of_login(*login)
                                                       : ascii_lower(*login);
    const bool is_theirs = !account.empty() && is_of(subject, account);
    remember(unknown[i].id, std::move(account));
    if (is_theirs) found.theirs.emplace(unknown[i].id, std::move(unknown[i]));
  }
  return found;
}

}  // namespace sekimori::act
