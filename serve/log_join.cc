#include "serve/log_join.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/mail_address.h"
#include "wire/json_text.h"

namespace sekimori::serve {
namespace {
constexpr std::size_t k_address_max = 512;
constexpr std::size_t k_reply_max = 500;         // a reply line has 512 bytes (RFC 5321 §4.5.3.1.5)
constexpr std::size_t k_handed_on_max = 50'000;  // messages within a content filter at once
constexpr std::size_t k_session_id_max = 64;
constexpr std::size_t k_mailbox_max = 255;

std::string clean(std::string_view text, std::size_t max) {
  return wire::valid_utf8(text.substr(0, max));
}
}  // namespace

struct LogJoin::Context {
  const wire::LogLine& line;
  std::string_view id;
  Instant t;
  const decide::Directory& directory;
};

LogJoin::LogJoin(QueueIndex& queue, ServerMetrics& metrics, LogHandlers handlers,
                 LogJoinOptions options)
    : queue_(queue),
      metrics_(metrics),
      handlers_(std::move(handlers)),
      options_(std::move(options)) {}

void LogJoin::line(std::string_view text, std::string_view id, Instant now,
                   std::int32_t utc_offset_s, const decide::Directory& directory) {
  if (const auto parsed = wire::parse_log_line(text, {now, utc_offset_s})) {
    record(*parsed, id, now, directory);
  } else {
    metrics_.log_lines_unknown.add();
  }
}

void LogJoin::record(const wire::LogLine& parsed, std::string_view id, Instant now,
                     const decide::Directory& directory) {
  const Context context{parsed, id, std::min(parsed.t, now), directory};
  reached_ = std::max(reached_, context.t);
  if (std::holds_alternative<wire::LogUnknown>(parsed.record)) {
    metrics_.log_lines_unknown.add();
    return;
  }
  std::visit(
      [&](const auto& record) {
        using T = std::decay_t<decltype(record)>;
        if constexpr (std::is_same_v<T, wire::PostfixClient>) {
          client(context, record);
        } else if constexpr (std::is_same_v<T, wire::PostfixQueueActive>) {
          queue_.put(record.queue_id, {}, clean(record.from, k_address_max), context.t);
          queue_.put_size(record.queue_id, record.size, context.t);
          if (handlers_.confirmed) handlers_.confirmed(record.queue_id);
        } else if constexpr (std::is_same_v<T, wire::PostfixMessageId>) {
          if (handlers_.message) {
            handlers_.message(record.queue_id, record.message_id,
                              queue_.account_of(record.queue_id), context.t);
          }
        } else if constexpr (std::is_same_v<T, wire::PostfixDelivery>) {
          delivery(context, record);
        } else if constexpr (std::is_same_v<T, wire::PostfixVerdict>) {
          verdict(context, record);
        } else if constexpr (std::is_same_v<T, wire::PostfixQueueChange>) {
          if (record.change == wire::QueueChange::removed ||
              record.change == wire::QueueChange::deleted) {
            queue_.erase(record.queue_id);
            handed_on_.erase(std::string(record.queue_id));
          } else if (record.change == wire::QueueChange::requeued && handlers_.requeued) {
            handlers_.requeued(record.queue_id);
          }
        } else if constexpr (std::is_same_v<T, wire::DovecotLogin>) {
          login(context, record);
        } else if constexpr (std::is_same_v<T, wire::DovecotLogout>) {
          logout(context, record);
        } else if constexpr (std::is_same_v<T, wire::DovecotExpunge>) {
          expunge(record);
        } else if constexpr (std::is_same_v<T, wire::DovecotLoginFailed> ||
                             std::is_same_v<T, wire::PostfixAuthFailure>) {
          if constexpr (std::is_same_v<T, wire::DovecotLoginFailed>) {
            if (record.trouble && handlers_.handshake) {
              handlers_.handshake(record.rip, *record.trouble, record.service, context.t);
            }
          }
          if (!options_.logins) return;
          if (auto event = wire::to_event(parsed)) {
            give(context, std::move(event->account), std::move(event->body));
          }
        }
      },
      parsed.record);
}

void LogJoin::give(const Context& context, std::string_view account, EventBody body) {
  if (account.empty() || !handlers_.event) return;
  if (auto* login = std::get_if<Login>(&body); login && options_.place && login->ip.is_set()) {
    login->place = options_.place(login->ip);
  }
  Event event;
  event.t = context.t;
  event.host = context.line.host.empty() ? options_.host : clean(context.line.host, 255);
  event.id = context.id;
  event.account = context.directory.account_of(account);
  event.body = std::move(body);
  metrics_.log_events.add();
  handlers_.event(std::move(event));
}

void LogJoin::client(const Context& context, const wire::PostfixClient& record) {
  std::string account;
  if (!record.sasl_username.empty()) {
    account = context.directory.account_of(clean(record.sasl_username, k_address_max));
  } else if (!record.orig_queue_id.empty()) {
    // Back from a content filter: still the same person's message.
    account = queue_.account_of(record.orig_queue_id);
    if (!account.empty() && handed_on_.size() < k_handed_on_max) {
      handed_on_.emplace(record.orig_queue_id);
    }
  }
  if (!account.empty()) {
    queue_.put(record.queue_id, account, {}, context.t);
  } else if (record.orig_queue_id.empty()) {
    queue_.put_without_login(record.queue_id, context.t);
  }
}

void LogJoin::verdict(const Context& context, const wire::PostfixVerdict& record) {
  if (record.queue_id.empty()) return;
  const bool whole_message = context.line.daemon == "cleanup" || record.stage == "END-OF-MESSAGE";
  if (!whole_message) return;  // one recipient of several, or a command before the message
  if (record.action.ends_with("reject") || record.action.ends_with("discard")) {
    if (handlers_.withdrawn) handlers_.withdrawn(record.queue_id, context.t);
  } else if (record.action.ends_with("hold") && handlers_.confirmed) {
    handlers_.confirmed(record.queue_id);  // it is in the queue, if not on its way
  }
}

void LogJoin::delivery(const Context& context, const wire::PostfixDelivery& record) {
  if (!record.outcome) return;
  if (options_.only_bounces && *record.outcome != DeliveryStatus::bounced) return;
  const auto by = queue_.find(record.queue_id);
  if (!by) return;
  const std::string to = clean(record.to, k_address_max);
  if (!by->account.empty()) {
    const bool handed_on = *record.outcome == DeliveryStatus::sent && !handed_on_.empty() &&
                           handed_on_.contains(std::string(record.queue_id));
    if (!handed_on) {
      Delivery body;
      body.queue_id = record.queue_id;
      body.to = to;
      body.status = *record.outcome;
      body.dsn = clean(record.dsn, 16);
      body.reply = clean(record.reason, k_reply_max);
      give(context, by->account, std::move(body));
    }
  }
  mailbox(context, record, *by, to);
  // Into one of our mailboxes: its owner now knows that sender. The id has a mark of its own, since
  // one line may be a delivery for the sender and a receipt for the owner.
  const bool local = context.line.daemon == "lmtp" || context.line.daemon == "virtual" ||
                     context.line.daemon == "local" || context.line.daemon == "pipe";
  if (!local || *record.outcome != DeliveryStatus::sent || by->sender.empty()) return;
  const std::string owner = context.directory.account_of(to);
  if (!context.directory.is_account(owner) || owner == by->account) return;
  const std::string id = std::string(context.id) + 'r';
  give(Context{context.line, id, context.t, context.directory}, owner, Received{by->sender});
}

void LogJoin::mailbox(const Context& context, const wire::PostfixDelivery& record,
                      const QueuedBy& by, const std::string& to) {
  if (!handlers_.mailbox) return;
  const std::string_view daemon = context.line.daemon;
  // The map of closed mailboxes answers "retry:4.2.1 …"; what is deferred otherwise waits for
  // another reason (decide/waiting_mail.h).
  const bool ended = *record.outcome != DeliveryStatus::deferred;
  const bool closed = (daemon == "error" || daemon == "retry") && record.dsn == "4.2.1";
  if (!ended && !closed) return;
  std::string owner = context.directory.account_of(to);
  if (!context.directory.is_account(owner)) return;
  handlers_.mailbox({std::move(owner), clean(record.queue_id, 64), by.sender, by.size,
                     *record.outcome, context.t});
}

void LogJoin::login(const Context& context, const wire::DovecotLogin& record) {
  if (!record.session.empty() && record.session.size() <= k_session_id_max) {
    const auto [it, added] = sessions_.insert_or_assign(std::string(record.session),
                                                        OpenSession{record.rip, context.t, {}});
    if (added) session_order_.push_back(it->first);
    // Logged-out sessions leave their id behind in the order: it is dropped in passing.
    while (sessions_.size() > options_.sessions_max ||
           session_order_.size() > 2 * options_.sessions_max) {
      sessions_.erase(session_order_.front());
      session_order_.pop_front();
    }
  }
  if (!record.tls && !record.secured && handlers_.unencrypted && record.rip.is_set() &&
      record.rip != record.lip) {
    const std::string account = context.directory.account_of(clean(record.user, k_address_max));
    SignIn sign_in;
    sign_in.account = account;
    sign_in.service = record.service;
    sign_in.ip = record.rip;
    sign_in.tls_told = true;
    sign_in.now = context.t;
    handlers_.unencrypted(sign_in);
  }
  if (!options_.logins) return;
  if (auto event = wire::to_event(context.line)) {
    give(context, std::move(event->account), std::move(event->body));
  }
}

void LogJoin::expunge(const wire::DovecotExpunge& record) {
  const auto open = sessions_.find(std::string(record.session.substr(0, k_session_id_max)));
  if (open == sessions_.end()) return;
  std::string mailbox = clean(record.mailbox, k_mailbox_max);
  auto& expunges = open->second.expunges;
  auto found = std::ranges::find(expunges, mailbox, &MailboxExpunge::mailbox);
  if (found == expunges.end()) {
    if (expunges.size() == k_expunges_max) return;
    expunges.push_back({std::move(mailbox), 0});
    found = expunges.end() - 1;
  }
  if (!record.whole) ++found->messages;
}

void LogJoin::logout(const Context& context, const wire::DovecotLogout& record) {
  auto event = wire::to_event(context.line);
  if (!event) return;
  auto* session = std::get_if<Session>(&event->body);
  if (session == nullptr) return;
  if (const auto it = sessions_.find(std::string(record.session)); it != sessions_.end()) {
    session->ip = it->second.ip;
    session->seconds = std::max(0.0, (context.t - it->second.since).seconds());
    session->expunges = std::move(it->second.expunges);
    sessions_.erase(it);
  }
  give(context, std::move(event->account), std::move(event->body));
}

}  // namespace sekimori::serve
