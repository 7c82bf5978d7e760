// Each channel by itself: what raises it, what leaves it silent, what it may say at most.
#include "detect/attack_tables.h"
#include "detect/detector_test_support.h"
#include "detect/features.h"

namespace sekimori::detect::test {
namespace {

double nats(const Verdict& v, Channel c) { return v.nats[static_cast<std::size_t>(c)]; }

Place place(std::string_view country, std::uint32_t asn, bool hosting = false) {
  Place p;
  p.country[0] = country[0];
  p.country[1] = country[1];
  p.asn = asn;
  p.hosting = hosting;
  return p;
}
Login login(std::string_view address, Place where = {}) {
  Login l;
  l.ip = ip(address);
  l.place = where;
  return l;
}

TEST(Features, ShapesCountStrangers) {
  EXPECT_EQ(shape_of(1, 0, 0), Shape::known_1);
  EXPECT_EQ(shape_of(9, 0, 0), Shape::known_2_9);
  EXPECT_EQ(shape_of(10, 0, 0), Shape::known_10);
  EXPECT_EQ(shape_of(3, 2, 0), Shape::wrote_first);
  EXPECT_EQ(shape_of(3, 2, 1), Shape::new_1);
  EXPECT_EQ(shape_of(30, 24, 24), Shape::new_10_24);
  EXPECT_EQ(shape_of(30, 25, 25), Shape::new_25_99);
  EXPECT_EQ(shape_of(200, 100, 100), Shape::new_100);
}

TEST(Features, GapsAndLevelsAndRepeats) {
  EXPECT_EQ(gap_of(seconds(2)), 0);
  EXPECT_EQ(gap_of(seconds(3)), 1);
  EXPECT_EQ(gap_of(days(2)), 7);
  EXPECT_EQ(level_of(4), 0);
  EXPECT_EQ(level_of(5), 1);
  EXPECT_EQ(level_of(1000), 5);
  EXPECT_EQ(repeat_bin(0), 0);
  EXPECT_EQ(repeat_bin(20), 4);
  EXPECT_EQ(size_bin(0), 0);
  EXPECT_EQ(size_bin(1ULL << 40), k_sizes - 1);
  EXPECT_EQ(size_pattern_of(10'000, 5), size_pattern_of(10'020, 5));
  EXPECT_NE(size_pattern_of(10'000, 5), size_pattern_of(20'000, 5));
}

TEST(AttackTables, AreDistributionsAndWeightsSumToOne) {
  double weights = 0;
  for (const AttackTable& a : k_attacks) {
    weights += a.weight;
    const auto sums_to_one = [](const auto& cells) {
      double sum = 0;
      for (const double c : cells) {
        EXPECT_GT(c, 0);
        sum += c;
      }
      EXPECT_NEAR(sum, 1, 1e-9);
    };
    sums_to_one(a.shape);
    sums_to_one(a.gap_known);
    sums_to_one(a.gap_novel);
    sums_to_one(a.stranger);
    sums_to_one(a.repeat);
    sums_to_one(a.place);
  }
  EXPECT_NEAR(weights, 1, 1e-9);
}

TEST(Channels, InterArrivalRaisesOnRapidFire) {
  Box box;
  Instant t = box.live(k_start, 40);
  box.send(t, mail(strangers(2, "a")));
  const Verdict v = box.detector.judge(box.me, t + seconds(2), mail(strangers(2, "b")));
  EXPECT_GT(nats(v, Channel::inter_arrival), 0.5);
  EXPECT_LE(nats(v, Channel::inter_arrival), 3);
}

TEST(Channels, VelocityRaisesOnceALevelIsCrossed) {
  Box box;
  Instant t = box.live(k_start, 40);
  Verdict crossing, within;
  for (int i = 0; i < 5; ++i)
    crossing = box.send(t + minutes(i), mail(strangers(1, fmt::format("v{}", i))));
  within = box.send(t + minutes(6), mail(strangers(1, "v5")));
  EXPECT_GT(nats(crossing, Channel::velocity), 0.5);
  EXPECT_EQ(nats(within, Channel::velocity), 0);
}

TEST(Channels, SizePatternRaisesOnNearDuplicates) {
  Box box;
  Instant t = box.live(k_start, 40);
  Submission s = mail(strangers(1, "d"));
  s.size = 40'000;
  const double first = nats(box.send(t, s), Channel::size_pattern);
  Verdict v;
  for (int i = 0; i < 8; ++i) {
    s.to = strangers(1, fmt::format("d{}", i));
    v = box.send(t + minutes(1 + i), s);
  }
  EXPECT_GT(nats(v, Channel::size_pattern), first + 0.5);
}

TEST(Channels, AMissingChannelSaysNothing) {
  Box box;
  const Instant t = box.live(k_start, 40);
  const Verdict v = box.detector.judge(box.me, t, mail(strangers(2, "m")));
  for (const Channel c :
       {Channel::size_pattern, Channel::login_place, Channel::places_24h, Channel::bounce,
        Channel::settings, Channel::envelope, Channel::first_smtp, Channel::message_id}) {
    EXPECT_EQ(nats(v, c), 0) << to_string(c);
  }
}

Submission from(Submission s, std::string_view address, const Place& where) {
  s.ip = ip(address);
  s.place = where;
  return s;
}

// Owners read from anywhere: a place speaks when mail comes from it.
TEST(Channels, ANewCountrySpeaksOnceItSendsAndNeverAloneRestricts) {
  Box box;
  Instant t = k_start;
  for (int day = 0; day < 30; ++day) {
    box.detector.login(box.me, t + days(day), login("192.0.2.10", place("JP", 2516)));
    box.send(t + days(day) + minutes(1),
             from(mail({"friend@partner.example"}), "192.0.2.10", place("JP", 2516)));
  }
  t = t + days(30);
  const double before = box.detector.log_r(box.me, t);
  box.detector.login(box.me, t, login("203.0.113.9", place("BR", 28573)));
  EXPECT_NEAR(box.detector.log_r(box.me, t), before, 1e-6);
  const Submission abroad =
      from(mail({"friend@partner.example"}), "203.0.113.9", place("BR", 28573));
  const Verdict first = box.send(t + minutes(1), abroad);
  EXPECT_GT(nats(first, Channel::login_place), 1.5);
  EXPECT_LT(first.log_r, 6);
  EXPECT_FALSE(first.may_restrict);
  const Verdict second = box.send(t + minutes(5), abroad);
  EXPECT_EQ(nats(second, Channel::login_place), 0);
  EXPECT_LT(second.log_r, first.log_r + 0.2);
}

// Mail that a webmail hands in comes from where the account signed in last.
TEST(Channels, MailWithoutAnAddressComesFromTheLastSignIn) {
  Box box;
  for (int day = 0; day < 30; ++day) {
    box.detector.login(box.me, k_start + days(day), login("192.0.2.10", place("JP", 2516)));
    box.send(k_start + days(day) + minutes(1), mail({"friend@partner.example"}));
  }
  const Instant t = k_start + days(30);
  EXPECT_EQ(
      nats(box.detector.judge(box.me, t, mail({"friend@partner.example"})), Channel::login_place),
      0);
  box.detector.login(box.me, t, login("203.0.113.9", place("BR", 28573)));
  EXPECT_GT(nats(box.send(t + minutes(1), mail({"friend@partner.example"})), Channel::login_place),
            1);
  EXPECT_EQ(nats(box.send(t + minutes(2), mail({"friend@partner.example"})), Channel::login_place),
            0)
      << "said once";
}

// A thief changes country as a traveller does; the traveller writes to a friend or two.
TEST(Channels, WhereOneIsAloneStopsNobodysMailToAFriend) {
  const auto abroad = [](Submission s, int country) {
    s.ip = ip(fmt::format("203.0.{}.9", country));
    s.place.country[0] = static_cast<char>('A' + country);
    s.place.country[1] = 'X';
    s.place.asn = 64500U + static_cast<std::uint32_t>(country);
    s.place.hosting = true;
    return s;
  };
  DetectSettings strict;
  strict.hold_log_r = 3.5;
  Box box(strict);
  for (int day = 0; day < 60; ++day) {
    box.detector.login(box.me, k_start + days(day), login("192.0.2.10", place("JP", 2516)));
    box.send(k_start + days(day) + minutes(1),
             from(mail({fmt::format("friend{}@partner.example", day % 5)}), "192.0.2.10",
                  place("JP", 2516)));
  }
  const Instant end = k_start + days(60);
  Verdict v;
  for (int country = 0; country < 5; ++country) {
    const Instant t = end + minutes(20 * country);
    const Submission s = abroad(mail({fmt::format("friend{}@partner.example", country)}), country);
    Login signed_in;
    signed_in.ip = s.ip;
    signed_in.place = s.place;
    box.detector.login(box.me, t - minutes(1), signed_in);
    v = box.send(t, s);
    EXPECT_FALSE(v.may_restrict) << country;
    if (country < 4) {
      EXPECT_EQ(v.advice, HoldAdvice::none) << country;
    }
  }
  EXPECT_GT(v.log_r, strict.hold_log_r);  // it was not for want of suspicion
  // As many strangers are another matter.
  v = box.send(end + minutes(101), abroad(mail(strangers(3, "s")), 4));
  EXPECT_NE(v.advice, HoldAdvice::none);
}

TEST(Channels, ALeaseAtTheOwnProviderSaysLessThanANewCountry) {
  const auto rise = [](std::string_view address, Place where) {
    Box box;
    for (int day = 0; day < 30; ++day) {
      box.detector.login(box.me, k_start + days(day), login("192.0.2.10", place("JP", 2516)));
      box.send(k_start + days(day) + minutes(1),
               from(mail({"friend@partner.example"}), "192.0.2.10", place("JP", 2516)));
    }
    return nats(box.detector.judge(box.me, k_start + days(30),
                                   from(mail({"friend@partner.example"}), address, where)),
                Channel::login_place);
  };
  const double lease = rise("198.51.100.4", place("JP", 2516));
  const double abroad = rise("203.0.113.9", place("BR", 28573));
  const double hosting = rise("203.0.113.9", place("BR", 28573, true));
  const double unknown = rise("203.0.113.9", Place{});
  EXPECT_LT(lease, abroad - 0.5);
  EXPECT_LE(abroad, hosting);
  EXPECT_GT(unknown, 0);
  EXPECT_LE(hosting, 4);
}

TEST(Channels, ManyCountriesInADayAddUp) {
  Box box;
  for (int day = 0; day < 30; ++day) {
    box.detector.login(box.me, k_start + days(day), login("192.0.2.10", place("JP", 2516)));
    box.send(k_start + days(day) + minutes(1),
             from(mail({"friend@partner.example"}), "192.0.2.10", place("JP", 2516)));
  }
  const Instant t = k_start + days(30);
  const auto say = [&](int minute, std::string_view address, Place where) {
    return nats(
        box.send(t + minutes(minute), from(mail({"friend@partner.example"}), address, where)),
        Channel::places_24h);
  };
  float sum = say(0, "203.0.113.9", place("BR", 28573));
  sum += say(10, "198.51.100.9", place("VN", 7552));
  sum += say(20, "100.64.9.9", place("NG", 29465));
  EXPECT_GT(sum, 1);
}

TEST(Channels, AForwardSetRaisesAndAPasswordChangeDoesNot) {
  Box box;
  const Instant t = box.live(k_start, 40);
  const double before = box.detector.log_r(box.me, t);
  box.detector.settings_changed(box.me, t, {SettingKind::password, ""});
  EXPECT_NEAR(box.detector.log_r(box.me, t), before, 1e-6);
  box.detector.settings_changed(box.me, t, {SettingKind::forward, ""});
  EXPECT_GT(box.detector.log_r(box.me, t), before + 1);
}

TEST(Channels, DeadAddressesCountOnlyInLumps) {
  Box box;
  const Instant t = box.live(k_start, 40);
  box.send(t, mail(strangers(10, "b")));
  Delivery bounce;
  bounce.status = DeliveryStatus::bounced;
  bounce.dsn = "5.1.1";
  const double before = box.detector.log_r(box.me, t + minutes(1));
  box.detector.delivery(box.me, t + minutes(1), bounce);
  EXPECT_NEAR(box.detector.log_r(box.me, t + minutes(1)), before, 1e-6);
  box.detector.delivery(box.me, t + minutes(1), bounce);
  box.detector.delivery(box.me, t + minutes(1), bounce);
  EXPECT_GT(box.detector.log_r(box.me, t + minutes(1)), before + 1);
  bounce.dsn = "5.2.2";  // a full mailbox is no unknown user
  const double full = box.detector.log_r(box.me, t + minutes(1));
  box.detector.delivery(box.me, t + minutes(1), bounce);
  EXPECT_NEAR(box.detector.log_r(box.me, t + minutes(1)), full, 1e-6);
}

TEST(Channels, AComplaintIsWeakEvidenceAboutMailOfTheDay) {
  Box box;
  const Instant t = box.live(k_start, 40);
  const auto complain = [&](const char* queue_id, std::string type, Instant at) {
    Delivery complaint;
    complaint.queue_id = queue_id;
    complaint.status = DeliveryStatus::bounced;
    complaint.dsn = "5.7.1";
    complaint.reply = "feedback report: " + std::move(type);
    const double before = box.detector.log_r(box.me, at);
    box.detector.delivery(box.me, at, complaint);
    return box.detector.log_r(box.me, at) - before;
  };
  for (const char* id : {"C1", "C2", "C3", "C4"}) {
    Submission s = mail(strangers(1, id));
    s.queue_id = id;
    box.send(t, s);
  }
  const Instant later = t + hours(2);
  EXPECT_EQ(complain("C1", "not-spam", later), 0);
  EXPECT_EQ(complain("elsewhere", "abuse", later), 0);
  for (const char* id : {"C1", "C2", "C3"}) {
    const double said = complain(id, "abuse", later);
    EXPECT_GT(said, 0.3) << id;
    EXPECT_LT(said, 0.8) << id;
  }
  EXPECT_EQ(complain("C4", "abuse", later), 0);  // more of them say no more
  EXPECT_EQ(complain("C1", "abuse", t + days(3)), 0);

  // One of a newsletter's hundreds of readers always complains.
  Box letters;
  const Instant u = letters.live(k_start, 40);
  Submission run = mail(strangers(500, "n"));
  run.queue_id = "N1";
  letters.send(u, run);
  const double before = letters.detector.log_r(letters.me, u);
  Delivery one;
  one.queue_id = "N1";
  one.status = DeliveryStatus::bounced;
  one.reply = "feedback report: abuse";
  letters.detector.delivery(letters.me, u, one);
  EXPECT_EQ(letters.detector.log_r(letters.me, u), before);
}

TEST(Channels, AForeignSenderAndAMissingMessageIdAreHabitsToo) {
  Box box;
  Instant t = k_start;
  for (int i = 0; i < 60; ++i) {
    Submission s = mail({"friend@partner.example"});
    s.from = "Taro@Example.jp";
    s.message_id = "<1@example.jp>";
    t = t + hours(5);
    box.send(t, s);
  }
  Submission odd = mail({"friend@partner.example"});
  odd.from = "boss@bank.example";
  odd.message_id = "";
  const Verdict v = box.detector.judge(box.me, t + hours(5), odd);
  EXPECT_GT(nats(v, Channel::envelope), 0.5);
  EXPECT_GT(nats(v, Channel::message_id), 0.5);
  odd.from = "taro@example.jp";
  EXPECT_LT(nats(box.detector.judge(box.me, t + hours(5), odd), Channel::envelope), 0);
}

TEST(Channels, TheFirstMessageOfAReaderIsRemarkable) {
  Box box;
  for (int i = 0; i < 40; ++i) box.detector.login(box.me, k_start + days(i), login("192.0.2.1"));
  const Verdict v = box.detector.judge(box.me, k_start + days(40), mail(strangers(1, "f")));
  EXPECT_GT(nats(v, Channel::first_smtp), 0.5);
}

TEST(Channels, StrangersOfTheOwnDomainSpeakOnlyOnceTheDomainIsKnown) {
  Box box;
  const Verdict cold = box.detector.judge(box.me, k_start, mail(strangers(1, "s")));
  EXPECT_EQ(nats(cold, Channel::stranger), 0);
  // Four weeks of a domain whose people write to colleagues and known partners.
  Instant t = k_start;
  std::vector<AccountIndex> people;
  for (int i = 0; i < 20; ++i)
    people.push_back(box.detector.intern(fmt::format("p{}@example.jp", i)));
  std::shared_ptr<const Priors> priors = shipped_priors();
  for (int day = 0; day < 28; ++day) {
    for (int i = 0; i < 20; ++i) {
      t = k_start + days(day) + minutes(10L * i);
      const auto s = mail({fmt::format("p{}@example.jp", (i * 7 + day) % 20)});
      box.detector.advance(t);
      box.detector.commit(people[static_cast<std::size_t>(i)], t, s,
                          box.detector.judge(people[static_cast<std::size_t>(i)], t, s),
                          Fate::accepted);
    }
    PriorsBuilder builder(priors);
    box.detector.contribute(builder);
    priors = builder.build();
    box.detector.install(priors);
  }
  const Verdict far = box.detector.judge(people[0], t + minutes(1), mail(strangers(1, "s")));
  const Verdict near =
      box.detector.judge(people[0], t + minutes(1), mail({"new-colleague@example.jp"}));
  EXPECT_GT(nats(far, Channel::stranger), nats(near, Channel::stranger));
}

}  // namespace
}  // namespace sekimori::detect::test
