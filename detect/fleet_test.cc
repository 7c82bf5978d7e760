// What several suspicious accounts share, and whom it tells.
#include "detect/fleet.h"

#include <algorithm>
#include <random>

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

RaisedPattern raised(FleetKind kind, std::uint64_t key, std::uint32_t account,
                     Instant t = k_start) {
  return {key, t.us, account, kind};
}
MessagePatterns message(FleetKind kind, std::uint64_t key) {
  MessagePatterns m;
  m.at[m.count++] = raised(kind, key, 0);
  return m;
}

TEST(Fleet, OneAccountAloneSharesNothing) {
  EXPECT_TRUE(shared_patterns({raised(FleetKind::pattern, 5, 1), raised(FleetKind::pattern, 5, 1),
                               raised(FleetKind::pattern, 6, 2)},
                              k_start)
                  .empty());
}

TEST(Fleet, TwoAccountsTellAThirdButNotEachOther) {
  const FleetSet set(shared_patterns(
      {raised(FleetKind::pattern, 5, 1), raised(FleetKind::pattern, 5, 2)}, k_start));
  EXPECT_EQ(set.nats_of(3, message(FleetKind::pattern, 5)), k_fleet_nats);
  EXPECT_EQ(set.nats_of(1, message(FleetKind::pattern, 5)), 0);  // only one other
  EXPECT_EQ(set.nats_of(3, message(FleetKind::pattern, 6)), 0);
  EXPECT_EQ(set.nats_of(3, message(FleetKind::network, 5)), 0);
}

TEST(Fleet, ThreeAccountsTellEachOfThem) {
  const FleetSet set(
      shared_patterns({raised(FleetKind::network, 5, 1), raised(FleetKind::network, 5, 2),
                       raised(FleetKind::network, 5, 3)},
                      k_start));
  for (const std::uint32_t account : {1U, 2U, 3U, 9U}) {
    EXPECT_EQ(set.nats_of(account, message(FleetKind::network, 5)), k_fleet_network_nats);
  }
}

TEST(Fleet, SketchesNeedOnlyBeNear) {
  const std::uint64_t spam = mix64(42);
  const FleetSet set(shared_patterns(
      {raised(FleetKind::sketch, spam, 1), raised(FleetKind::sketch, spam ^ 0b1001, 2),
       raised(FleetKind::sketch, mix64(43), 3)},
      k_start));
  ASSERT_EQ(set.patterns().size(), 1U);
  EXPECT_EQ(set.nats_of(7, message(FleetKind::sketch, spam ^ 0b10)), k_fleet_nats);
  EXPECT_EQ(set.nats_of(7, message(FleetKind::sketch, mix64(43))), 0);
}

TEST(Fleet, ADayLaterACampaignIsForgotten) {
  const std::vector<RaisedPattern> two{raised(FleetKind::pattern, 5, 1),
                                       raised(FleetKind::pattern, 5, 2)};
  EXPECT_EQ(shared_patterns(two, k_start + hours(24)).size(), 1U);
  EXPECT_TRUE(shared_patterns(two, k_start + hours(25)).empty());
}

TEST(Fleet, OrderDoesNotMatterAndTheNumberIsBounded) {
  std::vector<RaisedPattern> many;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const auto kind = static_cast<FleetKind>(i % 3);
    many.push_back(raised(kind, mix64(i / 6), i % 5 + 1));
  }
  const auto once = shared_patterns(many, k_start);
  std::mt19937 random(1);
  std::ranges::shuffle(many, random);
  EXPECT_EQ(shared_patterns(many, k_start), once);
  EXPECT_EQ(once.size(), k_fleet_patterns_max);
}

TEST(Fleet, AShardKeepsABoundedNumberAndNoAccountFillsIt) {
  RaisedPatterns kept;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    kept.note(k_start + seconds(static_cast<std::int64_t>(i)), 1,
              message(FleetKind::pattern, mix64(i)));
  }
  EXPECT_EQ(kept.all().size(), RaisedPatterns::k_max_per_account);
  for (std::uint32_t account = 2; account < 1000; ++account) {
    kept.note(k_start, account, message(FleetKind::pattern, 5));
  }
  EXPECT_EQ(kept.all().size(), RaisedPatterns::k_max);
  kept.forget(999);
  EXPECT_EQ(kept.all().size(), RaisedPatterns::k_max - 1);
}

// Three accounts of the detector, each attacked with the same template from one network.
TEST(Fleet, TheThirdVictimOfACampaignIsSuspectedSooner) {
  Box box;
  const Instant t = box.live(k_start, 40, "198.51.100.7");
  const AccountIndex other[2] = {box.detector.intern("jiro@example.jp"),
                                 box.detector.intern("hana@example.jp")};
  for (const AccountIndex a : other) {
    for (int i = 0; i < 20; ++i) {
      Submission s = mail(strangers(3, fmt::format("w{}{}", a, i)), {}, "203.0.113.9");
      s.size = 7000;
      const Instant now = t + minutes(i);
      const Verdict v = box.detector.judge(a, now, s);
      box.detector.commit(a, now, s, v, Fate::held);
    }
  }
  // Weak by itself: one stranger beside a friend.
  Submission s = mail({"friend1@partner.example", "third@far.example"}, "q1", "203.0.113.9");
  s.size = 7010;
  const Verdict before = box.detector.judge(box.me, t + hours(1), s);
  std::vector<RaisedPattern> raised;
  box.detector.gather_raised(raised);
  box.detector.install_fleet(std::make_shared<FleetSet>(shared_patterns(raised, t + hours(1))));
  const Verdict after = box.detector.judge(box.me, t + hours(1), s);
  const auto fleet = static_cast<std::size_t>(Channel::fleet);
  EXPECT_EQ(before.nats[fleet], 0);
  EXPECT_GT(after.nats[fleet], 2);
  EXPECT_GT(after.log_r, before.log_r + 1);
  bool told = false;
  for (const Evidence& e : box.detector.explain(box.me, t + hours(1), after).evidence) {
    told |= e.channel == Channel::fleet && !e.text.ja.empty() && !e.text.en.empty();
  }
  EXPECT_TRUE(told);
  // Ten such messages say it once.
  for (int i = 0; i < 10; ++i) box.send(t + hours(1) + minutes(i), s);
  const Verdict later = box.detector.judge(box.me, t + hours(2), s);
  EXPECT_LE(later.nats_since_onset[fleet], k_fleet_nats);

  // It is state: saved, loaded, hashed.
  std::string bytes;
  box.detector.save(bytes);
  Box again;
  ASSERT_TRUE(again.detector.load(bytes));
  EXPECT_EQ(again.detector.hash(), box.detector.hash());
  ASSERT_NE(again.detector.fleet(), nullptr);
  again.detector.install_fleet(nullptr);
  EXPECT_NE(again.detector.hash(), box.detector.hash());
}

TEST(Fleet, WhomAPersonVouchedForIsTakenOut) {
  Box box;
  const Instant t = box.live(k_start, 40);
  for (int i = 0; i < 12; ++i) {
    Submission s = mail(strangers(8, fmt::format("v{}", i)), {}, "203.0.113.9");
    s.size = 7000;
    box.send(t + minutes(i), s, Fate::held);
  }
  std::vector<RaisedPattern> raised;
  box.detector.gather_raised(raised);
  EXPECT_FALSE(raised.empty());
  const std::uint64_t version = box.detector.raised_version();
  box.detector.vouched(box.me, t + hours(1));
  raised.clear();
  box.detector.gather_raised(raised);
  EXPECT_TRUE(raised.empty());
  EXPECT_GT(box.detector.raised_version(), version);
}

}  // namespace
}  // namespace sekimori::detect::test
