#include "bench/mail_day.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace sekimori::bench {
namespace {

constexpr std::size_t k_friends = 100'000, k_domains = 1000;

template <class Body>
Body& body_of(Event& event) {
  if (!std::holds_alternative<Body>(event.body)) event.body.emplace<Body>();
  return std::get<Body>(event.body);
}

// An id of its own: shorter than what a string holds without the heap, as Postfix's short ones are.
void number_into(std::string& out, char kind, std::uint64_t number) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "{}{:X}", kind, number);
}

}  // namespace

MailDay::MailDay(MailDaySettings settings) : settings_(settings) {
  for (std::size_t i = 0; i < settings_.accounts; ++i) {
    accounts_.push_back(fmt::format("user{}@d{}.example", i, i % k_domains));
  }
  for (std::size_t i = 0; i < k_friends; ++i) {
    friends_.push_back(fmt::format("friend{}@far{}.example", i, i % 50));
  }
}

IpAddress MailDay::address(std::size_t who) {
  std::array<std::uint8_t, 16> bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  bytes[12] = random_() % 8 == 0 ? 11 : 10;
  bytes[13] = static_cast<std::uint8_t>(who >> 8);
  bytes[14] = static_cast<std::uint8_t>(who);
  bytes[15] = 1;
  return IpAddress::from_bytes(bytes);
}

void MailDay::begin(std::size_t who, Event& event) {
  now_ = now_ + settings_.step;
  event.t = now_;
  event.account = accounts_[who];
  if (!settings_.with_ids) return;
  event.host = "mx1";
  number_into(event.id, 'e', ++number_);
}

std::size_t MailDay::message(std::size_t who, Event& event) {
  begin(who, event);
  auto& mail = body_of<Submission>(event);
  const bool large = settings_.large_every != 0 && random_() % settings_.large_every == 0;
  mail.to.resize(large ? settings_.large : 1);
  for (std::string& to : mail.to) {
    const std::size_t friend_of =
        random_() % settings_.stranger_every == 0 ? random_() : own_friend(who, random_());
    to = friends_[friend_of % friends_.size()];
  }
  finish(who, event);
  return mail.to.size();
}

void MailDay::greet(std::size_t who, std::size_t nth, Event& event) {
  begin(who, event);
  auto& mail = body_of<Submission>(event);
  mail.to.resize(k_greeted);
  for (std::size_t i = 0; i < k_greeted; ++i) {
    mail.to[i] = friends_[own_friend(who, nth * k_greeted + i) % friends_.size()];
  }
  finish(who, event);
}

void MailDay::finish(std::size_t who, Event& event) {
  auto& mail = std::get<Submission>(event.body);
  mail.ip = address(who);
  mail.from = event.account;
  mail.size = 1000 + random_() % 100'000;
  mail.helo = "pc.example";
  if (!mail.message_id) mail.message_id.emplace();
  number_into(*mail.message_id, 'm', number_);
  if (settings_.with_ids) number_into(mail.queue_id, 'q', number_);
}

void MailDay::sign_in(std::size_t who, Event& event) {
  begin(who, event);
  auto& login = body_of<Login>(event);
  login.service = Service::smtp;
  login.ip = address(who);
  login.tls = true;
  login.pwhash = "3af";
}

}  // namespace sekimori::bench
