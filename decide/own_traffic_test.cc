#include "decide/own_traffic.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

constexpr Instant k_now{1'790'000'000'000'000};
const IpAddress k_home = *IpAddress::parse("192.0.2.7");
const IpAddress k_thief = *IpAddress::parse("203.0.113.9");

Event login(Instant t, const IpAddress& ip, LoginResult result = LoginResult::ok,
            Service service = Service::imap, bool tls = true) {
  Event event;
  event.t = t;
  Login body;
  body.ip = ip;
  body.result = result;
  body.service = service;
  body.tls = tls;
  event.body = body;
  return event;
}

Event mail(Instant t, std::size_t recipients, Fate fate = Fate::accepted) {
  Event event;
  event.t = t;
  Submission body;
  body.to.assign(recipients, "x@friends.example");
  body.fate = fate;
  event.body = body;
  return event;
}

OwnIncident incident() {
  OwnIncident out;
  out.onset = k_now - days(3);
  out.contained = k_now - days(2);
  out.changed = k_now - days(1);
  out.networks = {"203.0.113.0"};
  return out;
}

TEST(OwnTraffic, sign_ins_are_told_apart_by_network_service_and_program) {
  OwnTrafficFold fold(k_now);
  fold.add(login(k_now - hours(3), k_home));
  fold.add(login(k_now - hours(2), *IpAddress::parse("192.0.2.8"), LoginResult::ok, Service::imap,
                 false));
  fold.add(login(k_now - hours(1), k_thief, LoginResult::bad_password));
  fold.add(login(k_now - hours(4), k_home, LoginResult::ok, Service::smtp, false));
  const auto history = fold.history();
  ASSERT_EQ(history.sign_ins.size(), 3U);
  EXPECT_EQ(history.sign_ins[0].wrong, 1U);
  EXPECT_EQ(history.sign_ins[1].good, 2U);
  EXPECT_EQ(history.sign_ins[1].plain, 1U);
  EXPECT_EQ(history.sign_ins[1].last_ip.to_string(), "192.0.2.8");
  EXPECT_EQ(history.sign_ins[1].network, "192.0.2.0");
  EXPECT_EQ(history.sign_ins[2].plain, 0U) << "nobody tells Dovecot whether SMTP had TLS";
  EXPECT_EQ(history.days[0].sign_ins, 3U);
  EXPECT_TRUE(history.comparison.empty());
}

TEST(OwnTraffic, no_more_groups_than_the_bound) {
  OwnTrafficFold fold(k_now);
  for (int i = 0; i < 300; ++i) {
    fold.add(login(k_now - hours(1), *IpAddress::parse("198.51." + std::to_string(i % 250) + ".1"),
                   LoginResult::bad_password, i < 250 ? Service::imap : Service::smtp));
  }
  EXPECT_EQ(fold.history().sign_ins.size(), k_own_sign_ins_max);
}

TEST(OwnTraffic, it_stopped_when_nothing_of_it_comes_with_the_new_password) {
  OwnTrafficFold fold(k_now, incident());
  for (int day = 4; day < 10; ++day) fold.add(mail(k_now - days(day), 5));
  fold.add(mail(k_now - days(3) + hours(1), 4000));
  fold.add(login(k_now - days(3) + hours(1), k_thief));
  fold.add(login(k_now - hours(5), k_thief, LoginResult::bad_password));
  fold.add(login(k_now - hours(4), k_home));
  fold.add(mail(k_now - hours(3), 12));
  const auto c = fold.history().comparison.at(0);
  EXPECT_EQ(c.verdict, TrafficVerdict::stopped);
  EXPECT_EQ(c.usual.volume.recipients, 30U);
  EXPECT_EQ(c.incident.volume.recipients, 4000U);
  EXPECT_EQ(c.after.volume.recipients, 12U);
  EXPECT_DOUBLE_EQ(c.after.hours, 24);
  EXPECT_EQ(c.tries, 1U);
  EXPECT_EQ(c.intruders, 0U);
}

TEST(OwnTraffic, it_goes_on_when_the_thief_is_let_in_or_the_volume_stays) {
  OwnTrafficFold let_in(k_now, incident());
  let_in.add(login(k_now - hours(2), k_thief));
  EXPECT_EQ(let_in.history().comparison.at(0).verdict, TrafficVerdict::going_on);
  OwnTrafficFold volume(k_now, incident());
  volume.add(mail(k_now - hours(2), 500));
  EXPECT_EQ(volume.history().comparison.at(0).verdict, TrafficVerdict::going_on);
}

TEST(OwnTraffic, nothing_is_said_too_early) {
  auto early = incident();
  early.changed = k_now - minutes(10);
  EXPECT_EQ(OwnTrafficFold(k_now, early).history().comparison.at(0).verdict,
            TrafficVerdict::not_yet);
  early.changed = {};
  OwnTrafficFold fold(k_now, early);
  fold.add(mail(k_now - hours(2), 500));
  EXPECT_EQ(fold.history().comparison.at(0).verdict, TrafficVerdict::not_yet);
}

TEST(OwnTraffic, services_of_the_incident_come_first) {
  OwnTrafficFold fold(k_now, incident());
  const auto receive = [&](Instant t, std::string from) {
    Event event;
    event.t = t;
    event.body = Received{std::move(from)};
    fold.add(event);
  };
  receive(k_now - days(6), "info@amazon.co.jp");
  receive(k_now - days(5), "info@amazon.co.jp");
  receive(k_now - days(3) + hours(2), "noreply@aeonbank.co.jp");
  receive(k_now - hours(2), "friend@unknown.example");
  const auto history = fold.history();
  ASSERT_EQ(history.services.size(), 2U);
  EXPECT_EQ(history.services[0].service.domain, "aeonbank.co.jp");
  EXPECT_EQ(history.services[0].during, 1U);
  EXPECT_EQ(history.services[1].messages, 2U);
  EXPECT_EQ(history.services[1].during, 0U);
}

TEST(OwnTraffic, the_order_of_events_does_not_matter) {
  std::vector<Event> events;
  for (int i = 0; i < 60; ++i) {
    events.push_back(login(k_now - hours(i * 3), i % 3 == 0 ? k_thief : k_home,
                           i % 5 == 0 ? LoginResult::bad_password : LoginResult::ok));
    events.push_back(mail(k_now - hours(i * 2), static_cast<std::size_t>(i % 4)));
  }
  OwnTrafficFold forward(k_now, incident());
  OwnTrafficFold backward(k_now, incident());
  for (const auto& event : events) forward.add(event);
  for (auto at = events.rbegin(); at != events.rend(); ++at) backward.add(*at);
  EXPECT_EQ(forward.history().sign_ins, backward.history().sign_ins);
  EXPECT_EQ(forward.history().days, backward.history().days);
}

}  // namespace
}  // namespace sekimori::decide
