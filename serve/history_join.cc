#include "serve/history_join.h"

#include <algorithm>
#include <type_traits>
#include <variant>

#include "base/hash.h"
#include "wire/event_json.h"
#include "wire/json_text.h"

namespace sekimori::serve {
namespace {

constexpr std::size_t k_address_max = 512;
constexpr std::size_t k_host_max = 255;
// Hosts told apart; more names than this are some other mistake, and share one.
constexpr std::size_t k_hosts_max = 64;

// "h:" and sixteen digits. Every line of the past gets one: fmt takes several times as long.
std::string id_of(std::string_view text) {
  std::string out(18, ':');
  out[0] = 'h';
  std::uint64_t hash = keyed_hash(HashKey{}, text);
  for (std::size_t i = out.size(); i > 2; hash >>= 4) out[--i] = "0123456789abcdef"[hash & 15];
  return out;
}

std::string clean(std::string_view text, std::size_t max) {
  return wire::valid_utf8(text.substr(0, max));
}

}  // namespace

HistoryJoin::HistoryJoin(const decide::Directory& directory, HistoryJoinOptions options,
                         std::function<void(Event&&)> event)
    : directory_(directory), options_(std::move(options)), event_(std::move(event)) {}

HistoryJoin::~HistoryJoin() = default;

HistoryJoin::Host& HistoryJoin::host_of(std::string_view name) {
  if (const auto it = hosts_.find(name); it != hosts_.end()) return *it->second;
  if (hosts_.size() >= k_hosts_max) return *hosts_.begin()->second;
  auto made = std::make_unique<Host>();
  LogJoinOptions joining;
  joining.host = options_.host;
  joining.logins = true;
  joining.only_bounces = options_.only_bounces;
  joining.place = options_.place;
  LogHandlers handlers;
  handlers.event = [this](Event&& event) { take(std::move(event)); };
  made->join =
      std::make_unique<LogJoin>(made->queue, metrics_, std::move(handlers), std::move(joining));
  return *hosts_.emplace(std::string(name.substr(0, k_host_max)), std::move(made)).first->second;
}

void HistoryJoin::line(std::string_view text, Instant reference) {
  const auto parsed = wire::parse_log_line(text, {reference, options_.utc_offset_s});
  if (!parsed) {
    ++counts_.lines;
    ++counts_.unknown;
    return;
  }
  line(*parsed, text, reference);
}

void HistoryJoin::line(const wire::LogLine& parsed, std::string_view text, Instant reference) {
  ++counts_.lines;
  const Instant t = std::min(parsed.t, reference);
  if (!counts_.first.is_set() || t < counts_.first) counts_.first = t;
  counts_.last = std::max(counts_.last, t);
  now_ = std::max(now_, t);
  if (std::holds_alternative<wire::LogUnknown>(parsed.record)) {
    ++counts_.unknown;
    return;
  }
  // Named by what it says: stamp, process and queue id are in it, and it stays the same line in
  // whatever file and packing it is met again.
  const std::string id = options_.named ? id_of(text) : std::string();
  Host& host = host_of(parsed.host);
  host.join->record(parsed, id, reference, directory_);
  record(host, parsed, id);
  while (!order_.empty() &&
         (now_ - order_.front().began > options_.wait_max ||
          order_.size() > options_.messages_max || waiting_.size() > options_.events_max)) {
    ++counts_.incomplete;
    complete(*order_.front().at, order_.begin());
  }
  give_until(order_.empty() ? now_ : std::min(now_, order_.front().began));
}

void HistoryJoin::record(Host& host, const wire::LogLine& line, std::string_view id) {
  const auto find = [&](std::string_view queue_id) {
    const auto it = host.open.find(std::string(queue_id));
    return it == host.open.end() ? order_.end() : it->second;
  };
  std::visit(
      [&](const auto& record) {
        using T = std::decay_t<decltype(record)>;
        if constexpr (std::is_same_v<T, wire::PostfixClient>) {
          client(host, line, record, id);
        } else if constexpr (std::is_same_v<T, wire::PostfixMessageId>) {
          if (const auto at = find(record.queue_id); at != order_.end()) {
            at->body.message_id = clean(record.message_id, k_address_max);
          }
        } else if constexpr (std::is_same_v<T, wire::PostfixQueueActive>) {
          const auto at = find(record.queue_id);
          if (at == order_.end() || at->is_active) return;
          at->is_active = true;
          at->active = now_;
          at->body.from = clean(record.from, k_address_max);
          at->body.size = record.size;
          at->nrcpt = record.nrcpt;
        } else if constexpr (std::is_same_v<T, wire::PostfixDelivery>) {
          delivery(host, record);
        } else if constexpr (std::is_same_v<T, wire::PostfixQueueChange>) {
          if (record.change != wire::QueueChange::removed &&
              record.change != wire::QueueChange::deleted) {
            return;
          }
          if (const auto at = find(record.queue_id); at != order_.end()) complete(host, at);
        } else if constexpr (std::is_same_v<T, wire::PostfixVerdict>) {
          const bool whole = line.daemon == "cleanup" || record.stage == "END-OF-MESSAGE";
          if (record.queue_id.empty() || !whole ||
              !(record.action.ends_with("reject") || record.action.ends_with("discard"))) {
            return;
          }
          if (const auto at = find(record.queue_id); at != order_.end()) drop(host, at);
        }
      },
      line.record);
}

void HistoryJoin::client(Host& host, const wire::LogLine& line, const wire::PostfixClient& record,
                         std::string_view id) {
  if (record.queue_id.empty() || record.sasl_username.empty()) return;
  std::string key(record.queue_id);
  // Short queue ids are used again.
  if (const auto it = host.open.find(key); it != host.open.end()) complete(host, it->second);
  Message& message = order_.emplace_back();
  message.at = &host;
  message.queue_id = key;
  message.account = directory_.account_of(clean(record.sasl_username, k_address_max));
  if (!id.empty()) message.id = std::string(id) + 's';
  message.host = line.host.empty() ? options_.host : clean(line.host, k_host_max);
  message.began = now_;
  message.body.ip = record.client.ip();
  message.body.queue_id = key;
  if (options_.place && message.body.ip.is_set()) {
    message.body.place = options_.place(message.body.ip);
  }
  host.open.emplace(std::move(key), std::prev(order_.end()));
}

void HistoryJoin::delivery(Host& host, const wire::PostfixDelivery& record) {
  if (!record.outcome) return;
  const auto it = host.open.find(std::string(record.queue_id));
  if (it == host.open.end()) return;
  Message& message = *it->second;
  if (message.tried.size() < wire::k_event_recipients_max &&
      message.tried.insert(keyed_hash(HashKey{}, record.to))) {
    // As the sender wrote it: an alias or a list is one recipient, whoever stands behind it.
    const bool asked = record.orig_to.find('@') != std::string_view::npos;
    std::string to = clean(asked ? record.orig_to : record.to, k_address_max);
    if (message.asked.insert(keyed_hash(HashKey{}, to))) {
      message.body.to.push_back(std::move(to));
    }
  }
  if (message.is_active && message.nrcpt > 0 && message.tried.size() >= message.nrcpt) {
    complete(host, it->second);
  }
}

void HistoryJoin::drop(Host& host, Order::iterator message) {
  host.open.erase(message->queue_id);
  order_.erase(message);
}

void HistoryJoin::complete(Host& host, Order::iterator message) {
  if (!message->body.to.empty()) {
    Event event;
    event.t = message->is_active ? message->active : message->began;
    event.host = std::move(message->host);
    event.id = std::move(message->id);
    event.account = std::move(message->account);
    event.body = std::move(message->body);
    take(std::move(event));
  }
  drop(host, message);
}

void HistoryJoin::take(Event&& event) {
  if (options_.only_accounts && !directory_.is_account(event.account)) {
    ++counts_.foreign;
    return;
  }
  // With nothing open or waiting before it, it is the next.
  if (order_.empty() && waiting_.empty()) return give(std::move(event));
  const Instant t = event.t;
  waiting_.emplace(std::pair{t, ++number_}, std::move(event));
}

void HistoryJoin::give(Event&& event) {
  ++counts_.events;
  if (const auto* mail = std::get_if<Submission>(&event.body)) {
    ++counts_.submissions;
    counts_.recipients += mail->to.size();
  } else if (const auto* login = std::get_if<Login>(&event.body)) {
    counts_.logins += login->result == LoginResult::ok;
  }
  event_(std::move(event));
}

void HistoryJoin::give_until(Instant t) {
  while (!waiting_.empty() && waiting_.begin()->first.first <= t) {
    auto first = waiting_.extract(waiting_.begin());
    give(std::move(first.mapped()));
  }
}

void HistoryJoin::finish() {
  while (!order_.empty()) complete(*order_.front().at, order_.begin());
  if (!waiting_.empty()) give_until(waiting_.rbegin()->first.first);
}

}  // namespace sekimori::serve
