// Joins what the mail log says on several lines: queue id → login → delivery; Dovecot login →
// logout. No I/O, no clock. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/directory.h"
#include "decide/waiting_mail.h"
#include "serve/policy_desk.h"
#include "serve/queue_index.h"
#include "serve/server_metrics.h"
#include "wire/log_line.h"

namespace sekimori::serve {

// What a line brings about, in the order of the lines.
struct LogHandlers {
  std::function<void(std::string_view queue_id)> confirmed;
  std::function<void(std::string_view queue_id, Instant t)> withdrawn;
  // delivery, session, received; with `logins` also login.
  std::function<void(Event&&)> event;
  // A message came into the queue; `account` "" where nobody signed in for it. May be empty.
  std::function<void(std::string_view queue_id, std::string_view message_id,
                     const std::string& account, Instant t)>
      message = {};
  // A message for one of our mailboxes: it is there, it waits because the mailbox is closed, or it
  // was sent back. May be empty.
  std::function<void(const decide::MailboxDelivery&)> mailbox = {};
  // A sign-in that crossed a network unencrypted, as Dovecot's own line says. May be empty.
  std::function<void(const SignIn&)> unencrypted = {};
  // A mail program broke off before anybody signed in. May be empty.
  std::function<void(const IpAddress& client, HandshakeTrouble, Service, Instant t)> handshake = {};
  // From here on the message has another queue id. May be empty.
  std::function<void(std::string_view queue_id)> requeued = {};
};

struct LogJoinOptions {
  std::string host;  // for lines that name none
  // Only where no auth policy server is asked: it reports the same logins.
  bool logins = false;
  std::size_t sessions_max = 100'000;  // mail sessions open at once; a forgotten one has no length
  // Of deliveries only those that were sent back, and no receipts: what a judge of old logs hears.
  bool only_bounces = false;
  PlaceOf place;
};

class LogJoin {
 public:
  // References live as long as the join.
  LogJoin(QueueIndex& queue, ServerMetrics& metrics, LogHandlers handlers, LogJoinOptions options);

  // One line of the log. `id` names it for ever (LogFollower); `now` completes stamps without a
  // year and is the latest time that a line can have; `utc_offset_s` is the writer's.
  void line(std::string_view text, std::string_view id, Instant now, std::int32_t utc_offset_s,
            const decide::Directory& directory);
  // The same of a line that was parsed already.
  void record(const wire::LogLine& parsed, std::string_view id, Instant now,
              const decide::Directory& directory);
  // The latest time that a line had (unset: none yet).
  [[nodiscard]] Instant reached() const { return reached_; }

 private:
  struct Context;
  struct OpenSession {
    IpAddress ip;
    Instant since;
    std::vector<MailboxExpunge> expunges = {};
  };
  void give(const Context& context, std::string_view account, EventBody body);
  void client(const Context& context, const wire::PostfixClient& record);
  void verdict(const Context& context, const wire::PostfixVerdict& record);
  void delivery(const Context& context, const wire::PostfixDelivery& record);
  void mailbox(const Context& context, const wire::PostfixDelivery& record, const QueuedBy& by,
               const std::string& to);
  void login(const Context& context, const wire::DovecotLogin& record);
  void expunge(const wire::DovecotExpunge& record);
  void logout(const Context& context, const wire::DovecotLogout& record);

  QueueIndex& queue_;
  ServerMetrics& metrics_;
  LogHandlers handlers_;
  LogJoinOptions options_;
  Instant reached_;
  std::unordered_map<std::string, OpenSession> sessions_;  // by Dovecot's session id
  std::deque<std::string> session_order_;
  // Messages that a content filter has taken and handed in again under another queue id: their own
  // "sent" is no delivery.
  std::unordered_set<std::string> handed_on_;
};

}  // namespace sekimori::serve
