#include "app/log_survey.h"

#include <algorithm>
#include <span>
#include <variant>

#include "base/mail_address.h"
#include "wire/json_text.h"
#include "wire/log_class.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_address_max = 320;  // RFC 5321 §4.5.3.1: 64 + 1 + 255
constexpr std::size_t k_sample_max = 400;
constexpr std::size_t k_programs_max = 500;
constexpr std::size_t k_hosts_max = 500;
constexpr std::size_t k_lists_max = 500;
// Postfix gives up on a message after five days by default; what is older was lost sight of.
constexpr Duration k_message_life = days(8);

std::string_view relay_host(std::string_view relay) { return relay.substr(0, relay.find('[')); }

std::string_view domain_part(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view("(local)") : address.substr(at + 1);
}

// "PLAIN" and "LOGIN" carry the password itself.
bool tells_password(std::string_view method) {
  return method.empty() || method == "PLAIN" || method == "LOGIN" || method == "plain" ||
         method == "login" || method == "XOAUTH2" || method == "OAUTHBEARER";
}

}  // namespace

LogSurvey::LogSurvey(const HashKey& key)
    : key_(key),
      directory_(decide::DirectorySnapshot{}, "+", ""),
      tries_(key),
      domains_(key, k_names_max),
      relays_(key, k_names_max),
      recipients_(key, k_names_max),
      senders_(key, k_names_max),
      lists_met_(key, k_lists_max),
      lists_used_(key, k_lists_max),
      programs_(key, k_programs_max),
      hosts_(key, k_hosts_max),
      unknown_(key, k_forms_max),
      warnings_(key, k_forms_max) {}

void LogSurvey::place(const wire::LogLine& line, Instant t) {
  if (!first_.is_set() || t < first_) first_ = t;
  last_ = std::max(last_, t);
  now_ = t;
  if (!any_host_ || line.host != host_lines_.name) {
    any_host_ = true;
    host_ = mix64(keyed_hash(key_, line.host));
  }
  count(host_lines_, line.host, hosts_);
  const std::string_view program = line.program;  // never empty
  const std::size_t slot = (program.size() * 31 + static_cast<unsigned char>(program.back()) * 7 +
                            static_cast<unsigned char>(program[program.size() / 2])) %
                           program_lines_.size();
  count(program_lines_[slot], program, programs_);
  const std::int64_t number = t.us / sekimori::hours(1).us;
  if (number != hour_number_) {
    hour_number_ = number;
    const bool room = hours_.size() < k_hours_max || hours_.contains(number);
    hour_ = room ? &hours_[number] : &beyond_;
  }
}

void LogSurvey::count(Recent& recent, std::string_view name, NameTable<Count>& table) {
  name = name.substr(0, 255);
  if (name != recent.name) {
    if (recent.n > 0) table.of(recent.name).n += recent.n;
    recent.name = name;
    recent.n = 0;
  }
  ++recent.n;
}

void LogSurvey::finish() {
  const auto flush = [](Recent& recent, NameTable<Count>& table) {
    if (recent.n > 0) table.of(recent.name).n += recent.n;
    recent.n = 0;
  };
  flush(host_lines_, hosts_);
  for (auto& recent : program_lines_) flush(recent, programs_);
}

// A name as a row of a list: lower case, valid UTF-8, of bounded length. Until the next call.
std::string_view LogSurvey::listed(std::string_view text) {
  text = text.substr(0, k_address_max);
  // Without a way out of the loop it takes sixteen characters at once.
  unsigned odd = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    odd |= static_cast<unsigned>(byte <= ' ') | static_cast<unsigned>(byte >= 0x7f) |
           static_cast<unsigned>(byte >= 'A' && byte <= 'Z');
  }
  if (odd == 0) return text;
  scratch_ = wire::valid_utf8(ascii_lower(text));
  return scratch_;
}

bool LogSurvey::line(const wire::LogLine& line, Instant t) {
  ++totals_.lines;
  place(line, t);
  return std::visit([&](const auto& record) { return on(line, record); }, line.record);
}

void LogSurvey::unreadable(std::string_view text) {
  ++totals_.lines;
  ++totals_.unknown_lines;
  Sample& sample = unknown_.of("(no time stamp or program)");
  if (sample.n++ == 0) sample.line = wire::valid_utf8(text.substr(0, k_sample_max));
}

// --- messages in the queue ---

std::uint64_t LogSurvey::key_of(std::string_view queue_id) const {
  return (keyed_hash(key_, queue_id) ^ host_) | 1;
}

LogSurvey::Queued* LogSurvey::find(std::string_view queue_id) {
  if (queue_id.empty()) return nullptr;
  const auto* at = queue_.find(key_of(queue_id));
  return at == nullptr ? nullptr : &messages_[*at];
}

LogSurvey::Queued& LogSurvey::open(std::string_view queue_id, Instant t) {
  const std::uint64_t key = key_of(queue_id);
  if (const auto* at = queue_.find(key)) return messages_[*at];
  return add(key, t);
}

// Short queue ids are used again: whatever had this one is over.
LogSurvey::Queued& LogSurvey::begin(std::string_view queue_id, Instant t) {
  const std::uint64_t key = key_of(queue_id);
  const auto* at = queue_.find(key);
  if (at == nullptr) return add(key, t);
  Queued& message = messages_[*at];
  message = Queued{};
  message.key = key;
  message.t = t;
  return message;
}

LogSurvey::Queued& LogSurvey::add(std::uint64_t key, Instant t) {
  if (queue_.size() >= k_messages_max) make_room(t);
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(messages_.size());
    messages_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  queue_.put(key, slot);
  messages_[slot] = Queued{};
  messages_[slot].key = key;
  messages_[slot].t = t;
  return messages_[slot];
}

void LogSurvey::close(std::string_view queue_id) {
  const std::uint64_t key = key_of(queue_id);
  const auto* at = queue_.find(key);
  if (at == nullptr) return;
  free_.push_back(static_cast<std::uint32_t>(*at));
  queue_.erase(key);
}

// Messages whose end the log does not show are let go: the very old ones, or all.
void LogSurvey::make_room(Instant t) {
  std::vector<Queued> kept;
  for (const auto& message : messages_) {
    const auto* at = queue_.find(message.key);
    if (at == nullptr || messages_[*at].t != message.t) continue;
    if (t - message.t <= k_message_life) kept.push_back(message);
  }
  if (kept.size() * 2 > k_messages_max) kept.clear();
  queue_.clear();
  messages_.clear();
  free_.clear();
  for (const auto& message : kept) {
    queue_.put(message.key, messages_.size());
    messages_.push_back(message);
  }
}

// --- accounts ---

bool LogSurvey::is_known(std::string_view login) const {
  return logins_.contains(keyed_hash(key_, login) | 1);
}

std::uint32_t LogSurvey::account_of(std::string_view login) {
  login = login.substr(0, k_address_max);
  const std::uint64_t written = keyed_hash(key_, login) | 1;
  if (const auto* at = logins_.find(written)) return static_cast<std::uint32_t>(*at);
  std::string address = directory_.account_of(wire::valid_utf8(login));
  const std::uint64_t key = keyed_hash(key_, address) | 1;
  std::uint32_t number = 0;
  if (const auto* at = account_index_.find(key)) {
    number = static_cast<std::uint32_t>(*at);
  } else if (accounts_.size() < k_accounts_max) {
    number = static_cast<std::uint32_t>(accounts_.size());
    accounts_.emplace_back().address = std::move(address);
    account_index_.put(key, number);
  } else {
    if (!other_accounts_) {
      other_accounts_ = static_cast<std::uint32_t>(accounts_.size());
      accounts_.emplace_back();
    }
    return *other_accounts_;
  }
  // Several spellings of one login; not any number of them.
  if (logins_.size() < 2 * k_accounts_max) logins_.put(written, number);
  return number;
}

void LogSurvey::came_from(std::uint32_t account, const IpAddress& ip, Instant t) {
  AccountTraffic& a = accounts_[account];
  if (!a.first.is_set()) a.first = t;
  a.last = t;
  if (!ip.is_set()) return;
  if (account >= last_ips_.size()) last_ips_.resize(accounts_.size());
  if (last_ips_[account] == ip) return;
  last_ips_[account] = ip;
  const std::uint64_t pair =
      mix64(keyed_hash(key_, std::span<const std::uint8_t>(ip.bytes())) ^ mix64(account + 1)) | 1;
  if (account_ips_.contains(pair) || account_ips_.size() >= k_account_addresses_max) return;
  account_ips_.put(pair, 1);
  ++a.addresses;
}

// --- Postfix ---

bool LogSurvey::on(const wire::LogLine& line, const wire::LogUnknown&) {
  switch (wire::classify(line)) {
    case wire::LogClass::modelled:
    case wire::LogClass::routine: ++totals_.routine_lines; return false;
    case wire::LogClass::foreign: ++totals_.foreign_lines; return false;
    case wire::LogClass::warning: ++totals_.warnings; break;
    case wire::LogClass::unknown: ++totals_.unknown_lines; break;
  }
  const bool warning = wire::classify(line) == wire::LogClass::warning;
  std::string form(line.daemon.substr(0, 40));
  form += ": ";
  form += wire::log_shape(line.message);
  Sample& sample = (warning ? warnings_ : unknown_).of(form);
  if (sample.n++ == 0) sample.line = wire::valid_utf8(line.message.substr(0, k_sample_max));
  return false;
}

bool LogSurvey::on(const wire::LogLine& line, const wire::PostfixConnect&) {
  if (line.daemon == "smtpd") ++totals_.connects;
  return false;
}

bool LogSurvey::on(const wire::LogLine& line, const wire::PostscreenNote& record) {
  if (line.daemon == "postscreen" && record.verb == "CONNECT") ++totals_.postscreen_connects;
  return false;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixClient& record) {
  if (record.queue_id.empty()) return false;
  if (!record.sasl_username.empty()) {
    Queued& message = begin(record.queue_id, now_);
    message.by = By::account;
    message.who = account_of(record.sasl_username);
    const IpAddress ip = record.client.ip();
    came_from(message.who, ip, now_);
    tries_.succeeded(ip, accounts_[message.who].address, now_);
    return true;
  }
  const Queued* before = find(record.orig_queue_id);
  const bool follows = before != nullptr && before->by == By::account;
  (void)begin(record.queue_id, now_);
  return follows;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixPickup& record) {
  ++totals_.pickups;
  Queued& message = begin(record.queue_id, now_);
  message.by = By::user;
  message.who = record.uid;
  return false;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixMessageId& record) {
  const Queued* message = find(record.queue_id);
  return message != nullptr && message->by == By::account;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixQueueActive& record) {
  Queued& message = open(record.queue_id, now_);
  const bool ours = message.by == By::account;
  if (message.active) return ours;  // tried again
  message.active = true;
  ++totals_.messages;
  totals_.bytes += record.size;
  senders_.of(record.from.empty() ? "<>" : listed(record.from)) +=
      SenderTraffic{1, record.nrcpt, record.size};
  if (ours) {
    ++totals_.submissions;
    ++hour_->submissions;
    totals_.recipients += record.nrcpt;
    AccountTraffic& account = accounts_[message.who];
    ++account.submissions;
    account.recipients += record.nrcpt;
    account.bytes += record.size;
    account.last = std::max(account.last, now_);
  } else if (message.by == By::user &&
             (users_.size() < k_users_max || users_.contains(message.who))) {
    UserTraffic& user = users_[message.who];
    ++user.messages;
    user.recipients += record.nrcpt;
    user.bytes += record.size;
  }
  return ours;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixDelivery& record) {
  Queued* message = find(record.queue_id);
  const bool ours = message != nullptr && message->by == By::account;
  if (!record.outcome) return ours;
  AccountTraffic* account = ours ? &accounts_[message->who] : nullptr;
  Outcomes outcome;
  if (*record.outcome == DeliveryStatus::sent) {
    ++totals_.sent;
    ++hour_->sent;
    totals_.forwarded += record.reason.starts_with("forwarded as ");
    outcome.sent = 1;
    if (account != nullptr) ++account->sent;
    ++recipients_.of(listed(record.to)).n;
  } else {
    const Cause cause = delivery_cause(record.dsn, record.reason);
    const bool deferred = *record.outcome == DeliveryStatus::deferred;
    if (deferred) {
      ++totals_.deferred;
      ++hour_->deferred;
      ++deferrals_[static_cast<std::size_t>(cause)];
      outcome.deferred = 1;
      if (account != nullptr) ++account->deferred;
      if (message == nullptr && !record.queue_id.empty()) {
        // It came before the log begins.
        message = &open(record.queue_id, now_);
        message->active = true;
      }
      if (message != nullptr && !message->deferred) {
        message->deferred = true;
        ++totals_.deferred_messages;
      }
    } else {
      ++totals_.bounced;
      ++hour_->bounced;
      ++bounces_[static_cast<std::size_t>(cause)];
      outcome.bounced = 1;
      if (account != nullptr) ++account->bounced;
    }
    if (cause == Cause::listed) {
      const auto list = block_list(record.reason);
      ++lists_met_.of(list.empty() ? std::string_view("(unnamed)") : listed(list)).n;
      if (account != nullptr) ++account->listed;
    }
  }
  domains_.of(listed(domain_part(record.to))) += outcome;
  relays_.of(listed(relay_host(record.relay))) += outcome;
  return ours;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixExpired& record) {
  ++totals_.expired;
  const Queued* message = find(record.queue_id);
  return message != nullptr && message->by == By::account;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixQueueChange& record) {
  const Queued* message = find(record.queue_id);
  const bool ours = message != nullptr && message->by == By::account;
  if (record.change == wire::QueueChange::removed || record.change == wire::QueueChange::deleted) {
    close(record.queue_id);
  }
  return ours;
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixVerdict& record) {
  const Queued* message = find(record.queue_id);
  const bool ours = message != nullptr && message->by == By::account;
  if (record.action.ends_with("reject")) {
    ++totals_.rejected;
    ++hour_->rejected;
    const Cause cause = refusal_cause(record.dsn, record.text);
    ++refusals_[static_cast<std::size_t>(cause)];
    if (cause == Cause::listed) {
      const auto list = block_list(record.text);
      ++lists_used_.of(list.empty() ? std::string_view("(unnamed)") : listed(list)).n;
    }
  } else if (record.action.ends_with("reject_warning")) {
    ++totals_.reject_warnings;
  } else if (record.action.ends_with("hold") || record.action.ends_with("quarantine")) {
    ++totals_.held;
  } else if (record.action.ends_with("discard")) {
    ++totals_.discarded;
  }
  return ours;
}

// --- logins ---

bool LogSurvey::failed(const AuthTries::Try& tried) {
  const auto before = tries_.failures();
  tries_.failed(tried);
  hour_->failures += static_cast<std::uint32_t>(tries_.failures() - before);
  // The judge's memory is for accounts, not for names that strangers make up.
  return !tried.user.empty() && is_known(tried.user);
}

bool LogSurvey::on(const wire::LogLine&, const wire::PostfixAuthFailure& record) {
  return failed({AuthTries::Source::smtp, record.client.ip(), record.sasl_username, now_, 1, {}});
}

bool LogSurvey::on(const wire::LogLine&, const wire::DovecotAuthFailure& record) {
  (void)failed({AuthTries::Source::database, record.rip, record.user, now_, 1, record.driver});
  return false;
}

bool LogSurvey::on(const wire::LogLine&, const wire::DovecotLoginFailed& record) {
  if (!record.auth_failed) {
    ++totals_.routine_lines;
    return false;
  }
  const std::uint32_t attempts = std::clamp<std::uint32_t>(record.attempts, 1, 1000);
  return failed({AuthTries::Source::login, record.rip, record.user, now_, attempts, {}});
}

bool LogSurvey::on(const wire::LogLine&, const wire::DovecotLogin& record) {
  if (record.user.empty()) return false;
  ++totals_.logins;
  const std::uint32_t number = account_of(record.user);
  came_from(number, record.rip, now_);
  ++accounts_[number].logins;
  const bool here = record.rip.is_loopback() || record.rip == record.lip;
  if (!record.tls && !here && tells_password(record.method)) {
    ++totals_.plaintext_logins;
    ++accounts_[number].plaintext_logins;
  }
  tries_.succeeded(record.rip, accounts_[number].address, now_);
  return true;
}

bool LogSurvey::on(const wire::LogLine&, const wire::DovecotLogout& record) {
  return is_known(record.user);
}

}  // namespace sekimori::app
