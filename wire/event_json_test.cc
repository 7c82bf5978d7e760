#include "wire/event_json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "wire/json_text.h"

namespace sekimori::wire {
namespace {

std::string print(const Event& event) {
  std::string out;
  append_event(out, event);
  return out;
}

Event must(std::string_view line) {
  auto event = parse_event(line);
  EXPECT_TRUE(event) << line << ": " << (event ? "" : event.error().text);
  return event ? *event : Event{};
}

std::string complaint(std::string_view line) {
  const auto event = parse_event(line);
  return event ? "" : event.error().text;
}

TEST(EventJson, ReadsEveryKindOfTheExchangeFormat) {
  const Event login = must(R"({"t":"2026-11-22T03:04:05.25Z","kind":"login","host":"mx1","id":"7",)"
                           R"("account":"Taro@Example.JP",)"
                           R"("result":"bad_password","service":"imap","ip":"192.0.2.1",)"
                           R"("client":"K-9","tls":true,"pwhash":"025a",)"
                           R"("country":"jp","asn":2516,"hosting":true,"later":{"deep":[1,2]}})");
  EXPECT_EQ(login.account, "taro@example.jp");
  EXPECT_EQ(login.host, "mx1");
  const auto& l = std::get<Login>(login.body);
  EXPECT_EQ(l.result, LoginResult::bad_password);
  EXPECT_EQ(l.service, Service::imap);
  EXPECT_EQ(l.ip, *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(l.client, "K-9");
  EXPECT_TRUE(l.tls);
  EXPECT_EQ(l.pwhash, "025a");
  EXPECT_EQ(l.place.country_text(), "JP");
  EXPECT_EQ(l.place.asn, 2516U);
  EXPECT_TRUE(l.place.hosting);

  const Event session =
      must(R"({"t":1795316645.5,"kind":"session","account":"a@b.jp",)"
           R"("service":"pop3","ip":"2001:db8::1",)"
           R"("seconds":12.5,"bytes_in":10,"bytes_out":20,"fetched":3,"deleted":4})");
  EXPECT_EQ(session.t.us, 1795316645500000);
  const auto& s = std::get<Session>(session.body);
  EXPECT_EQ(s.seconds, 12.5);
  EXPECT_EQ(s.deleted, 4U);

  const Event submission = must(R"({"t":1795316645,"kind":"submission","account":"a@b.jp",)"
                                R"("ip":"192.0.2.9","helo":"pc","from":"a@b.jp",)"
                                R"("to":["x@y.jp","日本@y.jp"],"size":1200,"queue_id":"4Xk",)"
                                R"("message_id":"","sketch":"00ff00ff00ff00ff"})");
  const auto& m = std::get<Submission>(submission.body);
  EXPECT_EQ(m.to, (std::vector<std::string>{"x@y.jp", "日本@y.jp"}));
  EXPECT_EQ(m.message_id, "");
  EXPECT_EQ(m.sketch, 0x00ff00ff00ff00ffU);

  const auto delivery =
      std::get<Delivery>(must(R"({"t":1,"kind":"delivery","account":"a@b.jp","queue_id":"4Xk",)"
                              R"("to":"x@y.jp","status":"bounced","dsn":"5.1.1","reply":"550 no"})")
                             .body);
  EXPECT_EQ(delivery.status, DeliveryStatus::bounced);
  EXPECT_EQ(delivery.to, "x@y.jp");
  EXPECT_EQ(
      std::get<Received>(must(R"({"t":1,"kind":"received","account":"a@b.jp","from":"c@d"})").body)
          .from,
      "c@d");
  EXPECT_EQ(std::get<SettingsChange>(
                must(R"({"t":1,"kind":"settings","account":"a@b.jp","what":"app_password"})").body)
                .what,
            SettingKind::app_password);
  EXPECT_EQ(std::get<StandingSet>(
                must(R"({"t":1,"kind":"standing","account":"a@b.jp","to":"normal"})").body)
                .to,
            Standing::normal);
  EXPECT_EQ(
      std::get<HoldEnded>(must(R"({"t":1,"kind":"hold_ended","account":"a@b.jp","queue_id":"q",)"
                               R"("recipients":3,"by":"person","released":false})")
                              .body),
      (HoldEnded{"q", 3, "person", false}));
  EXPECT_EQ(std::get<EpochMark>(must(R"({"t":1,"kind":"epoch","number":9})").body).number, 9U);
  EXPECT_EQ(
      std::get<FleetMark>(
          must(R"({"t":1,"kind":"fleet","patterns":"s00000000000000ff:00000001:00000002,)"
               R"(n000000000000000a:00000003:00000004:00000005"})")
              .body),
      (FleetMark{{{0xff, {1, 2, 0}, FleetKind::sketch}, {10, {3, 4, 5}, FleetKind::network}}}));
  EXPECT_TRUE(std::get<FleetMark>(must(R"({"t":1,"kind":"fleet"})").body).patterns.empty());
}

TEST(EventJson, ABrokenListOfPatternsIsRefusedAsAWhole) {
  const std::string good = "s00000000000000ff:00000001:00000002";
  const auto with = [](const std::string& list) {
    return R"({"t":1,"kind":"fleet","patterns":")" + list + R"("})";
  };
  EXPECT_EQ(complaint(with(good)), "");
  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    EXPECT_NE(complaint(with(good.substr(0, cut))), "") << cut;
  }
  for (const char* bad : {",", ":00000003:00000004", ":00000000", ",x"}) {
    EXPECT_NE(complaint(with(good + bad)), "") << bad;
  }
  std::string many = good;
  for (std::size_t i = 1; i < k_fleet_patterns_max; ++i) many += "," + good;
  EXPECT_EQ(complaint(with(many)), "");
  EXPECT_NE(complaint(with(many + "," + good)), "");
}

TEST(EventJson, AnApprovalWrittenByHand) {
  const Event e =
      must(R"({"t":1,"kind":"approval","account":"a@b.jp","number":3,"recipients":500,)"
           R"("from":"2026-01-01T00:00:00Z","until":"2026-12-31T00:00:00Z","repeat":"monthly",)"
           R"("days":"1,last","start":"09:00","minutes":120,"zone":"+09:00"})");
  const auto& a = std::get<ApprovalSet>(e.body);
  EXPECT_EQ(a.number, 3U);
  EXPECT_EQ(a.state, ApprovalState::active);
  EXPECT_EQ(a.terms.each, 500U);
  EXPECT_EQ(a.terms.days, 1U | 1U << 1);
  EXPECT_EQ(a.terms.zone_rule, "<+0900>-9");
  EXPECT_FALSE(parse_event(R"({"t":1,"kind":"approval","account":"a","number":3,"recipients":5})"));
  EXPECT_FALSE(parse_event(R"({"t":1,"kind":"approval","account":"a","recipients":5,"from":)"
                           R"("2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"})"));
}

TEST(EventJson, MissingOptionalKeysAndNullsAreFine) {
  const Event e = must(
      R"({"t":1,"kind":"submission","account":"a@b.jp","message_id":null,"to":null,"size":null})");
  const auto& m = std::get<Submission>(e.body);
  EXPECT_FALSE(m.message_id);
  EXPECT_TRUE(m.to.empty());
  EXPECT_FALSE(m.ip.is_set());
  EXPECT_EQ(
      std::get<Login>(
          must(R"({"t":1,"kind":"login","account":"a","result":"ok","service":"jmap","ip":""})")
              .body)
          .service,
      Service::other);
}

TEST(EventJson, SaysWhichKeyIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"kind":"login","account":"a","result":"ok"})", "\"t\""},
      {R"({"t":"yesterday","kind":"login","account":"a","result":"ok"})", "\"t\""},
      {R"({"t":-1,"kind":"login","account":"a","result":"ok"})", "\"t\""},
      {R"({"t":1,"kind":"joy","account":"a"})", "\"kind\""},
      {R"({"t":1,"account":"a"})", "\"kind\""},
      {R"({"t":1,"kind":"login","result":"ok"})", "\"account\""},
      {R"({"t":1,"kind":"login","account":5,"result":"ok"})", "\"account\""},
      {R"({"t":1,"kind":"login","account":"a"})", "\"result\""},
      {R"({"t":1,"kind":"login","account":"a","result":"fine"})", "\"result\""},
      {R"({"t":1,"kind":"login","account":"a","result":"ok","ip":"1.2.3"})", "\"ip\""},
      {R"({"t":1,"kind":"login","account":"a","result":"ok","tls":1})", "\"tls\""},
      {R"({"t":1,"kind":"login","account":"a","result":"ok","country":"JPN"})", "\"country\""},
      {R"({"t":1,"kind":"login","account":"a","result":"ok","asn":4294967296})", "\"asn\""},
      {R"({"t":1,"kind":"session","account":"a","bytes_in":-2})", "\"bytes_in\""},
      {R"({"t":1,"kind":"session","account":"a","seconds":-2})", "\"seconds\""},
      {R"({"t":1,"kind":"submission","account":"a","to":"x"})", "\"to\""},
      {R"({"t":1,"kind":"submission","account":"a","to":[1]})", "\"to\""},
      {R"({"t":1,"kind":"submission","account":"a","sketch":"xyz"})", "\"sketch\""},
      {R"({"t":1,"kind":"delivery","account":"a","status":"sent"})", "\"queue_id\""},
      {R"({"t":1,"kind":"delivery","account":"a","queue_id":"q","status":"expired"})",
       "\"status\""},
      {R"({"t":1,"kind":"settings","account":"a","what":"hair"})", "\"what\""},
      {R"({"t":1,"kind":"standing","account":"a","to":"gone"})", "\"to\""},
      {R"({"t":1,"kind":"epoch"})", "\"number\""}};
  for (const auto& [line, key] : cases) {
    EXPECT_NE(complaint(line).find(key), std::string::npos) << line << " → " << complaint(line);
  }
  EXPECT_NE(complaint("[]").find("no JSON object"), std::string::npos);
  EXPECT_FALSE(complaint("").empty());
  EXPECT_FALSE(complaint(R"({"t":1,"kind":"epoch","number":1} x)").empty());
}

TEST(EventJson, SecondsAreWholeMillisecondsAndTimesWholeMicroseconds) {
  const auto seconds = [](std::string_view number) {
    const Event e =
        must(R"({"t":1,"kind":"session","account":"a","seconds":)" + std::string(number) + "}");
    return std::get<Session>(e.body).seconds;
  };
  EXPECT_EQ(seconds("0.0004"), 0.0);
  EXPECT_EQ(seconds("12.3456"), 12.346);
  EXPECT_EQ(seconds("7"), 7.0);
  EXPECT_EQ(seconds("1e300"), k_session_seconds_max);
  EXPECT_EQ(session_seconds(-1), 0);
  EXPECT_EQ(session_seconds(std::nan("")), 0);
  EXPECT_EQ(session_seconds(HUGE_VAL), k_session_seconds_max);
  Event e = must(R"({"t":1795316645.123456,"kind":"session","account":"a"})");
  EXPECT_EQ(e.t.us, 1795316645123456);
  std::get<Session>(e.body).seconds = 1.23456;
  EXPECT_NE(print(e).find("\"seconds\":1.235"), std::string::npos) << print(e);
}

TEST(EventJson, TheLastOfARepeatedKeyWins) {
  const Event e = must(R"({"t":1,"kind":"received","account":"a","from":"x","t":2,"from":"y"})");
  EXPECT_EQ(e.t.us, 2'000'000);
  EXPECT_EQ(std::get<Received>(e.body).from, "y");
  EXPECT_NE(complaint(R"({"t":1,"kind":"received","account":"a","account":null})"), "");
}

TEST(EventJson, HasLimits) {
  EXPECT_NE(complaint(std::string(k_event_line_max + 1, ' ')).find("long"), std::string::npos);
  std::string many = R"({"t":1,"kind":"submission","account":"a","to":["a")";
  for (std::size_t i = 1; i < k_event_recipients_max; ++i) many += ",\"a\"";
  EXPECT_EQ(complaint(many + "]}"), "");
  EXPECT_NE(complaint(many + ",\"a\"]}").find("too many"), std::string::npos);
}

class RandomEvents {
 public:
  Event next() {
    Event e;
    e.t.us = pick(7'000'000'000'000'000LL);
    e.host = maybe_text();
    e.id = maybe_text();
    e.account = ascii_text() + "@" + ascii_text();
    switch (pick(12)) {
      case 10: e.body = approval(); break;
      case 0:
        e.body = Login{static_cast<LoginResult>(pick(3)),
                       service(),
                       ip(),
                       place(),
                       maybe_text(),
                       flag(),
                       maybe_text(),
                       {static_cast<std::uint32_t>(word64()), static_cast<std::uint32_t>(word64()),
                        static_cast<std::uint32_t>(word64())}};
        break;
      case 1:
        e.body = Session{service(),
                         ip(),
                         session_seconds(std::ldexp(static_cast<double>(pick(1LL << 53)),
                                                    -static_cast<int>(pick(60)))),
                         word64(),
                         word64(),
                         word64(),
                         word64(),
                         {}};
        for (auto n = pick(4); n > 0; --n) {
          std::string mailbox = text();
          std::ranges::replace(mailbox, '\n', '_');
          std::get<Session>(e.body).expunges.push_back({std::move(mailbox), word64()});
        }
        break;
      case 2: {
        Submission s{ip(),     place(),      maybe_text(), maybe_text(), {},
                     word64(), maybe_text(), {},           {},           {}};
        for (auto n = pick(6); n > 0; --n) s.to.push_back(maybe_text());
        if (flag()) s.message_id = maybe_text();
        if (flag()) s.sketch = word64();
        if (flag()) s.fate = static_cast<Fate>(pick(3));
        if (flag()) s.approval = word64();
        e.body = std::move(s);
        break;
      }
      case 3:
        e.body = Delivery{text(), maybe_text(), static_cast<DeliveryStatus>(pick(3)), maybe_text(),
                          maybe_text()};
        break;
      case 4: e.body = Received{maybe_text()}; break;
      case 5: e.body = SettingsChange{static_cast<SettingKind>(pick(6)), maybe_text()}; break;
      case 6:
        e.body = StandingSet{static_cast<Standing>(pick(5)), maybe_text(), maybe_text(), word64()};
        break;
      case 7:
        e.body = HoldEnded{text(), static_cast<std::uint32_t>(word64()), maybe_text(), flag()};
        break;
      case 8: e.body = Withdrawn{text()}; break;
      case 9: {
        FleetMark mark;
        for (auto n = pick(4); n > 0; --n) {
          const auto account = [&] { return static_cast<std::uint32_t>(random_() | 1U); };
          mark.patterns.push_back({word64(),
                                   {account(), account(), flag() ? account() : 0},
                                   static_cast<FleetKind>(pick(3))});
        }
        e.body = std::move(mark);
        break;
      }
      default: e.body = EpochMark{word64()}; break;
    }
    return e;
  }

 private:
  ApprovalSet approval() {
    ApprovalSet a;
    a.number = word64();
    a.epoch = word64();
    a.state = static_cast<ApprovalState>(pick(3));
    a.cause = static_cast<ApprovalCause>(pick(4));
    a.by = maybe_text();
    a.reason = maybe_text();
    ApprovalTerms& t = a.terms;
    t.recipients = static_cast<std::uint32_t>(1 + pick(k_approval_recipients_max));
    t.each = static_cast<std::uint32_t>(1 + pick(t.recipients));
    t.size_max = static_cast<std::uint64_t>(pick(1LL << 32));
    t.size_min = t.size_max == 0 ? 0 : static_cast<std::uint64_t>(pick(1LL << 32)) % t.size_max;
    if (flag()) t.network = IpNetwork::parse(flag() ? "192.0.2.0/24" : "2001:db8::/32").value();
    t.from = Instant{1 + pick(1'000'000'000'000'000)};
    t.until = t.from + Duration{1 + pick(days(30).us)};
    t.zone = flag() ? "Asia/Tokyo" : "";
    t.zone_rule = t.zone.empty() ? "UTC0" : "JST-9";
    t.repeat = static_cast<ApprovalRepeat>(pick(4));
    if (t.repeat != ApprovalRepeat::once) {
      t.start_minute = static_cast<std::uint16_t>(pick(1440));
      t.minutes = static_cast<std::uint16_t>(15 + pick(1426));
    }
    if (t.repeat == ApprovalRepeat::weekly) t.days = static_cast<std::uint32_t>(1 + pick(127));
    if (t.repeat == ApprovalRepeat::monthly) {
      t.days = static_cast<std::uint32_t>(1 + pick((1LL << 32) - 1));
    }
    return a;
  }
  std::int64_t pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  bool flag() { return pick(2) == 1; }
  std::uint64_t word64() { return flag() ? static_cast<std::uint64_t>(pick(100)) : random_(); }
  Service service() { return static_cast<Service>(pick(6)); }
  std::string maybe_text() {
    if (flag()) return {};
    std::string bytes;
    for (auto n = pick(20); n > 0; --n)
      bytes += static_cast<char>(flag() ? 32 + pick(95) : pick(256));
    return valid_utf8(bytes);
  }
  std::string text() { return std::string(1, 'q').append(maybe_text()); }
  std::string ascii_text() {
    return std::string(static_cast<std::size_t>(1 + pick(20)), static_cast<char>('a' + pick(26)));
  }
  IpAddress ip() {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& b : bytes) b = static_cast<std::uint8_t>(pick(256));
    if (pick(3) == 0) return {};
    if (flag()) return *IpAddress::parse(fmt_v4(bytes));
    return IpAddress::from_bytes(bytes);
  }
  static std::string fmt_v4(const std::array<std::uint8_t, 16>& b) {
    return std::to_string(b[0]) + "." + std::to_string(b[1]) + "." + std::to_string(b[2]) + "." +
           std::to_string(b[3]);
  }
  Place place() {
    Place p;
    if (flag())
      p = {{static_cast<char>('A' + pick(26)), static_cast<char>('A' + pick(26))},
           static_cast<std::uint32_t>(random_()),
           flag()};
    return p;
  }
  std::mt19937_64 random_{42};
};

// What this proves: the journal gives back exactly the event that was folded.
TEST(EventJson, PrintThenParseIsTheSame) {
  RandomEvents events;
  for (int i = 0; i < 50'000; ++i) {
    const Event event = events.next();
    const std::string line = print(event);
    ASSERT_EQ(line.find('\n'), line.size() - 1) << line;
    const auto again = parse_event(line);
    ASSERT_TRUE(again) << line << again.error().text;
    ASSERT_TRUE(*again == event) << line << print(*again);
  }
}

TEST(EventJson, NoPrefixOfALineIsAnEvent) {
  RandomEvents events;
  for (int i = 0; i < 100; ++i) {
    const std::string line = print(events.next());
    for (std::size_t n = 0; n + 1 < line.size(); ++n) {
      ASSERT_FALSE(parse_event(std::string_view(line).substr(0, n))) << line << n;
    }
  }
}

}  // namespace
}  // namespace sekimori::wire
