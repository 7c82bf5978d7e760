// Whose mail is it that stands in Postfix's queue? Postfix lists senders, which anybody can forge;
// what counts is the login that handed a message in. Policy questions and the mail log say it for
// most; for the rest Postfix is asked message by message (postcat).
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "decide/ports.h"

namespace sekimori::act {

// Is the address the subject, or in its domain? Everybody's is the server's.
[[nodiscard]] bool is_of(const decide::Subject& subject, std::string_view address);

struct LoginQueueSettings {
  // The account whose login handed a queued message in: "" = handed in without a login, nullopt =
  // not known (Postfix is asked then). Empty function: nothing is known.
  std::function<std::optional<std::string>(std::string_view queue_id)> account_of_message = {};
  // The account a login means. Empty: its lower-case form.
  std::function<std::string(std::string_view login)> account_of_login = {};
  // How many unknown messages Postfix is asked about in one search (some 20 ms each).
  std::size_t look_ups_max = 300;
};

// Threads: any; a search takes as long as Postfix needs to list its queue twice.
class LoginQueue {
 public:
  LoginQueue(decide::Hands& hands, LoginQueueSettings settings);

  struct Queued {
    std::string id;
    std::string queue_name;  // "active", "deferred", "hold", "incoming"
    std::string sender;
    std::string first_recipient;
    Instant arrival;
    std::uint64_t size = 0;
    std::uint32_t recipients = 0;
  };
  struct Found {
    std::map<std::string, Queued> theirs;  // by queue id
    std::size_t not_looked_at = 0;         // of unknown login; another search goes on with them
  };
  // The mail of this account's or domain's logins. Messages that are held already are left out
  // unless asked for. What no login handed in is nobody's. Errors: operating.
  [[nodiscard]] Result<Found> find(const decide::Subject& subject, bool with_held);

  // Calls `each` with all that is in Postfix's queue, most of it twice: it lists its queues one
  // after the other (active before deferred), so a message that the queue manager moves meanwhile
  // can be in neither part when that is read. The second look finds it.
  [[nodiscard]] Result<void> look_over(const std::function<bool(const decide::QueueEntry&)>& each);

  // Whose it is as far as known without asking Postfix: as account_of_message.
  [[nodiscard]] std::optional<std::string> account_of(const std::string& queue_id);

 private:
  void remember(const std::string& queue_id, std::string account);

  decide::Hands& hands_;
  LoginQueueSettings settings_;
  std::mutex mutex_;
  // What Postfix said about messages nobody else knew; emptied when it reaches 100,000.
  std::unordered_map<std::string, std::string> asked_;
};

}  // namespace sekimori::act
