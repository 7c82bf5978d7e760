#include "act/hands.h"

#include <boost/json.hpp>
#include <set>
#include <utility>

#include "act/mime.h"
#include "base/mail_address.h"

namespace sekimori::act {

namespace json = boost::json;

Result<decide::QueueEntry> parse_queue_entry(std::string_view line) {
  boost::system::error_code error;
  json::parse_options options;
  options.allow_invalid_utf8 = true;  // the delay reason is the remote side's words
  const json::value parsed =
      json::parse(json::string_view(line.data(), line.size()), error, {}, options);
  const json::object* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return bad_input("not a line of postqueue -j");
  const auto text = [](const json::object& from, const char* key) {
    const json::value* value = from.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
  };
  const auto number = [&](const char* key) -> std::int64_t {
    const json::value* value = object->if_contains(key);
    return value != nullptr && value->is_int64() && value->get_int64() > 0 ? value->get_int64() : 0;
  };
  decide::QueueEntry entry;
  entry.queue_name = text(*object, "queue_name");
  entry.queue_id = text(*object, "queue_id");
  entry.sender = text(*object, "sender");
  entry.arrival =
      Instant{std::min<std::int64_t>(number("arrival_time"), 7'258'118'400) * 1'000'000};
  entry.size = static_cast<std::uint64_t>(number("message_size"));
  if (const json::value* recipients = object->if_contains("recipients");
      recipients != nullptr && recipients->is_array()) {
    for (const json::value& recipient : recipients->get_array()) {
      if (recipient.is_object()) {
        entry.recipients.push_back(text(recipient.get_object(), "address"));
      }
    }
  }
  if (entry.queue_id.empty()) return bad_input("a line of postqueue -j without a queue id");
  return entry;
}

MailHands::MailHands(MailHandsSettings settings)
    : helper_(std::move(settings.helper_socket), settings.helper_timeout),
      account_of_(std::move(settings.account_of)) {
  if (!settings.doveadm.url.empty()) {
    doveadm_ = std::make_unique<Doveadm>(std::move(settings.doveadm));
  }
}

Result<void> MailHands::flush_auth_cache(std::string_view account) {
  if (!doveadm_) return {};
  return doveadm_->auth_cache_flush(account);
}

Result<std::uint32_t> MailHands::kick(std::string_view account) {
  if (!doveadm_) return 0U;
  auto kicked = doveadm_->kick(account);
  if (!kicked || !account_of_ || account.starts_with("*@")) return kicked;
  // Those who signed in as Taro+x@alias.example are the same person.
  auto sessions = doveadm_->who("");
  if (!sessions) return std::unexpected(sessions.error());
  std::set<std::string> spellings;
  for (DoveadmSession& session : *sessions) {
    if (session.username == account || account_of_(session.username) != account) continue;
    spellings.insert(std::move(session.username));
  }
  for (const std::string& spelling : spellings) {
    auto more = doveadm_->kick(spelling);
    if (!more) {
      if (more.error().kind == ErrorKind::bad_input) continue;  // a name that doveadm cannot take
      return more;
    }
    *kicked += *more;
  }
  return kicked;
}

Result<void> MailHands::hold(std::span<const std::string> ids) { return helper_.hold(ids); }
Result<void> MailHands::release(std::span<const std::string> ids) { return helper_.release(ids); }
Result<void> MailHands::requeue(std::span<const std::string> ids) { return helper_.requeue(ids); }

Result<std::uint64_t> MailHands::remove(std::span<const decide::QueueTarget> messages) {
  return helper_.remove(messages);
}

Result<void> MailHands::list_queue(const std::function<bool(const decide::QueueEntry&)>& each) {
  std::size_t strange = 0;
  auto listed = helper_.list([&](std::string_view line) {
    auto entry = parse_queue_entry(line);
    if (!entry) {
      ++strange;
      return true;
    }
    return each(*entry);
  });
  if (listed && strange > 0) return operating_failure("part of the queue's listing was not read");
  return listed;
}

Result<std::string> MailHands::sasl_login_of(std::string_view queue_id) {
  return helper_.sasl_login(queue_id);
}

Result<std::string> MailHands::subject_of(std::string_view queue_id) {
  auto raw = helper_.subject(queue_id);
  if (!raw) return raw;
  return decoded_header(*raw);
}

Result<void> MailHands::stop_server_sending(bool stop) { return helper_.stop_sending(stop); }

}  // namespace sekimori::act
