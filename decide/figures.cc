#include "decide/figures.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace sekimori::decide {
namespace {

constexpr std::int64_t k_hour_us = 3'600'000'000;
// A message that Postfix gives up is told of within seconds.
constexpr std::size_t k_messages_max = 20'000;
constexpr std::size_t k_hash_digits = 8;

}  // namespace

Figures& Figures::operator+=(const Figures& o) {
  messages += o.messages;
  recipients += o.recipients;
  new_recipients += o.new_recipients;
  refused += o.refused;
  bounces += o.bounces;
  bytes_sent += o.bytes_sent;
  bytes_in += o.bytes_in;
  bytes_out += o.bytes_out;
  sign_ins += o.sign_ins;
  sign_ins_bad += o.sign_ins_bad;
  sessions += o.sessions;
  session_ms += o.session_ms;
  longest_ms = std::max(longest_ms, o.longest_ms);
  return *this;
}

std::int64_t hour_of(Instant t) {
  const auto hour = t.us / k_hour_us;
  return t.us % k_hour_us < 0 ? hour - 1 : hour;
}

Instant begin_of_hour(std::int64_t hour) { return Instant{hour * k_hour_us}; }

SeenRecipients SeenRecipients::parse(std::string_view text) {
  SeenRecipients out;
  for (; text.size() >= k_hash_digits; text.remove_prefix(k_hash_digits)) {
    std::uint32_t hash = 0;
    const auto* end = text.data() + k_hash_digits;
    const auto read = std::from_chars(text.data(), end, hash, 16);
    if (read.ec != std::errc() || read.ptr != end) return {};
    out.add(hash);
  }
  return text.empty() ? out : SeenRecipients();
}

bool SeenRecipients::add(std::uint32_t recipient) {
  if (known_.contains(recipient)) return false;
  if (order_.size() == k_seen_max) {
    known_.erase(order_.front());
    order_.pop_front();
  }
  order_.push_back(recipient);
  known_.insert(recipient);
  return true;
}

std::string SeenRecipients::text() const {
  static constexpr std::string_view k_digits = "0123456789abcdef";
  std::string out;
  out.reserve(order_.size() * k_hash_digits);
  for (const std::uint32_t hash : order_) {
    for (int shift = 28; shift >= 0; shift -= 4) out += k_digits[(hash >> shift) & 0xFU];
  }
  return out;
}

void FigureFold::add_login(const Event& event, const Login& login) {
  const auto hour = hour_of(event.t);
  const FigureBatch::Hour at{event.account, hour};
  auto& figures = batch_.hours[at];
  ++(login.result == LoginResult::ok ? figures.sign_ins : figures.sign_ins_bad);
  SignInKey key;
  key.account = event.account;
  key.hour = hour;
  key.ip = login.ip.is_set() ? login.ip.to_string() : std::string();
  key.service = login.service;
  key.result = login.result;
  key.encrypted = login.tls;
  key.client = login.client.substr(0, k_client_max);
  auto row = batch_.sign_ins.find(key);
  if (row == batch_.sign_ins.end()) {
    auto& rows = rows_[at];
    if (rows >= k_sign_in_rows_max) {
      key.ip.clear();
      key.client.clear();
    } else {
      ++rows;
    }
    row = batch_.sign_ins.try_emplace(key, SignInRow{key, {}, event.t, event.t, 0}).first;
    if (!key.ip.empty()) row->second.place = login.place;
  }
  row->second.first = std::min(row->second.first, event.t);
  row->second.last = std::max(row->second.last, event.t);
  ++row->second.count;
}

void FigureFold::add(const Event& event) {
  if (event.account.empty() || is_mark(event.body)) return;
  const FigureBatch::Hour at{event.account, hour_of(event.t)};
  if (const auto* login = std::get_if<Login>(&event.body)) {
    add_login(event, *login);
  } else if (const auto* sent = std::get_if<Submission>(&event.body)) {
    auto& figures = batch_.hours[at];
    if (sent->fate == Fate::refused) {
      figures.refused += sent->to.size();
      return;
    }
    ++figures.messages;
    figures.recipients += sent->to.size();
    figures.bytes_sent += sent->size;
    auto& list = batch_.recipients[event.account];
    for (const auto& to : sent->to) {
      list.emplace_back(at.second, static_cast<std::uint32_t>(keyed_hash(key_, to)));
    }
    if (sent->queue_id.empty()) return;
    if (message_order_.size() == k_messages_max) {
      messages_.erase(message_order_.front());
      message_order_.pop_front();
    }
    const Message message{event.account, at.second, sent->to.size(), sent->size};
    if (messages_.insert_or_assign(sent->queue_id, message).second) {
      message_order_.push_back(sent->queue_id);
    }
  } else if (const auto* gone = std::get_if<Withdrawn>(&event.body)) {
    const auto found = messages_.find(gone->queue_id);
    if (found == messages_.end() || found->second.account != event.account) return;
    // What a batch took out already cannot be taken back from here: hours never go below nothing.
    auto& figures = batch_.hours[{event.account, found->second.hour}];
    figures.messages -= std::min<std::uint64_t>(figures.messages, 1);
    figures.recipients -= std::min(figures.recipients, found->second.recipients);
    figures.bytes_sent -= std::min(figures.bytes_sent, found->second.bytes);
  } else if (const auto* fate = std::get_if<Delivery>(&event.body)) {
    if (fate->status == DeliveryStatus::bounced) ++batch_.hours[at].bounces;
  } else if (const auto* session = std::get_if<Session>(&event.body)) {
    auto& figures = batch_.hours[at];
    const auto ms = static_cast<std::uint64_t>(std::max(0.0, session->seconds) * 1000.0);
    ++figures.sessions;
    figures.session_ms += ms;
    figures.longest_ms = std::max(figures.longest_ms, ms);
    figures.bytes_in += session->bytes_in;
    figures.bytes_out += session->bytes_out;
  }
}

FigureBatch FigureFold::take() {
  rows_.clear();
  return std::exchange(batch_, FigureBatch());
}

}  // namespace sekimori::decide
