// Memory that survives: the same events give the same state, through a save and a load as well.
#include <random>

#include "detect/contact_filter.h"
#include "detect/detector_test_support.h"
#include "detect/flat_map.h"
#include "detect/priors.h"

namespace sekimori::detect::test {
namespace {

// A random life of several accounts: every kind of event, holds, withdrawals, epochs.
class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed) {}
  void step(Detector& d, std::shared_ptr<const Priors>& priors) {
    t_ = t_ + seconds(static_cast<std::int64_t>(random_() % 4000));
    d.advance(t_);
    const auto who = d.intern(fmt::format("u{}@d{}.example", random_() % 30, random_() % 3));
    switch (random_() % 12) {
      case 0: {
        Login login;
        login.ip = ip(fmt::format("10.{}.{}.1", random_() % 4, random_() % 20));
        login.place.asn = static_cast<std::uint32_t>(random_() % 4);
        d.login(who, t_, login);
        break;
      }
      case 1: d.received(who, t_, {fmt::format("x{}@out.example", random_() % 100)}); break;
      case 2: d.settings_changed(who, t_, {SettingKind::filter, ""}); break;
      case 3: {
        Delivery bounce;
        bounce.status = DeliveryStatus::bounced;
        bounce.dsn = "5.1.1";
        d.delivery(who, t_, bounce);
        break;
      }
      case 4: d.withdraw(who, t_, fmt::format("q{}", number_ - random_() % 5)); break;
      case 5: d.hold_released(who, t_, fmt::format("q{}", number_ - random_() % 5)); break;
      case 6:
        if (random_() % 20 == 0) d.contained(who, t_, t_ - hours(3));
        if (random_() % 20 == 0) d.vouched(who, t_);
        if (random_() % 20 == 0) d.restored(who, t_);
        break;
      default: {
        Submission s;
        const std::size_t n = random_() % 10 == 0 ? random_() % 40 : 1 + random_() % 2;
        for (std::size_t i = 0; i < n; ++i)
          s.to.push_back(fmt::format("x{}@out.example", random_() % 500));
        s.size = random_() % 100'000;
        s.queue_id = fmt::format("q{}", ++number_);
        const Verdict v = d.judge(who, t_, s);
        d.commit(who, t_, s, v,
                 v.log_r > 9   ? Fate::refused
                 : v.log_r > 5 ? Fate::held
                               : Fate::accepted);
      }
    }
    if (random_() % 50 == 0) {
      PriorsBuilder builder(priors);
      d.contribute(builder);
      priors = builder.build();
      d.install(priors);
    }
  }

 private:
  std::mt19937_64 random_;
  Instant t_ = k_start;
  std::uint64_t number_ = 10;
};

TEST(State, SavingInTheMiddleChangesNothing) {
  for (const std::uint64_t seed : {1ULL, 2ULL, 3ULL}) {
    DetectSettings settings;
    settings.contact_filter_bytes = 4096;  // so that generations rotate
    auto priors_a = shipped_priors(), priors_b = priors_a;
    Detector a(settings, HashKey{}, priors_a), b(settings, HashKey{}, priors_b);
    Story story_a(seed), story_b(seed);
    for (int i = 0; i < 6000; ++i) story_a.step(a, priors_a);
    for (int i = 0; i < 6000; ++i) {
      story_b.step(b, priors_b);
      if (i % 1500 == 700) {
        std::string state, prior_bytes;
        b.save(state);
        save(*priors_b, prior_bytes);
        const auto before = b.hash();
        priors_b = load_priors(prior_bytes).value();
        Detector fresh(settings, HashKey{}, priors_b);
        ASSERT_TRUE(fresh.load(state));
        ASSERT_EQ(fresh.hash(), before);
        b = std::move(fresh);
      }
    }
    EXPECT_EQ(a.hash(), b.hash());
    EXPECT_EQ(hash_of(*priors_a), hash_of(*priors_b));
  }
}

TEST(State, TheHashSeesAChange) {
  Box a, b;
  a.live(k_start, 3);
  b.live(k_start, 3);
  EXPECT_EQ(a.detector.hash(), b.detector.hash());
  a.send(k_start + days(3), mail({"one@more.example"}));
  EXPECT_NE(a.detector.hash(), b.detector.hash());
}

TEST(State, DamagedBytesAreRefusedAndTheDetectorIsAsNew) {
  Box box;
  box.live(k_start, 5);
  std::string state;
  box.detector.save(state);
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{7}, state.size() / 2, state.size() - 1}) {
    Box other;
    EXPECT_FALSE(other.detector.load(std::string_view(state).substr(0, cut)));
    EXPECT_EQ(other.detector.accounts(), 0U);
  }
  for (std::size_t at = 0; at < state.size(); at += 997) {
    std::string flipped = state;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    Box other;
    EXPECT_FALSE(other.detector.load(flipped)) << at;
  }
}

TEST(State, AccountsHaveAMaximumAndTheLongestSilentGoes) {
  DetectSettings settings;
  settings.accounts_max = 10;
  Detector d(settings, HashKey{}, shipped_priors());
  for (int i = 0; i < 30; ++i) {
    const auto who = d.intern(fmt::format("a{}@example.jp", i));
    const Instant t = k_start + hours(i);
    const auto s = mail({"x@y.example"});
    d.commit(who, t, s, d.judge(who, t, s), Fate::accepted);
  }
  EXPECT_EQ(d.accounts(), 10U);
  EXPECT_TRUE(d.find("a29@example.jp"));
  EXPECT_TRUE(d.find("a20@example.jp"));
  EXPECT_FALSE(d.find("a19@example.jp"));
  EXPECT_EQ(d.take_forgotten().size(), 20U);
  EXPECT_TRUE(d.take_forgotten().empty());
}

TEST(State, WaitingRecordsHaveAMaximumAndAreLearntEarly) {
  DetectSettings settings;
  settings.pending_max = 16;
  Box box(settings);
  for (int i = 0; i < 100; ++i)
    box.send(k_start + seconds(i), mail({fmt::format("r{}@x.example", i % 3)}));
  EXPECT_EQ(box.detector.judge(box.me, k_start + minutes(9), mail({"r1@x.example"})).new_recipients,
            0U);
}

TEST(ContactFilter, ForgetsNothingYoungAndStaysSmall) {
  ContactFilter filter(1024, 1 << 20);
  for (std::uint64_t i = 1; i <= 20'000; ++i) filter.insert(mix64(i), k_start);
  std::size_t known = 0, wrong = 0;
  for (std::uint64_t i = 10'001; i <= 20'000; ++i) known += filter.contains(mix64(i)) ? 1 : 0;
  for (std::uint64_t i = 1; i <= 10'000; ++i)
    wrong += filter.contains(mix64(i + (1ULL << 40))) ? 1 : 0;
  EXPECT_EQ(known, 10'000U);
  EXPECT_LT(wrong, 300U);  // 3 %
  EXPECT_LE(filter.bytes(), 1U << 20);
}

TEST(FlatMap, BehavesAsAMapUnderRandomPutsAndErasures) {
  std::mt19937_64 random(3);
  FlatMap map(16);
  std::map<std::uint64_t, std::uint64_t> model;
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t key = mix64(random() % 300) | 1U;
    if (random() % 2 == 0) {
      map.put(key, static_cast<std::uint64_t>(i));
      model[key] = static_cast<std::uint64_t>(i);
    } else {
      map.erase(key);
      model.erase(key);
    }
    ASSERT_EQ(map.size(), model.size());
  }
  for (const auto& [key, value] : model) {
    ASSERT_NE(map.find(key), nullptr);
    EXPECT_EQ(*map.find(key), value);
  }
}

TEST(Priors, OrderOfShardsDoesNotMatter) {
  const auto build = [](bool swapped) {
    Box a, b;
    a.live(k_start, 10);
    b.me = b.detector.intern("jiro@example.jp");
    b.live(k_start, 12);
    PriorsBuilder builder(shipped_priors());
    (swapped ? b : a).detector.contribute(builder);
    (swapped ? a : b).detector.contribute(builder);
    return hash_of(*builder.build());
  };
  EXPECT_EQ(build(false), build(true));
}

TEST(Priors, OneSenderWeighsNoMoreThanItsQuota) {
  Box box;
  for (int i = 0; i < 500; ++i)
    box.send(k_start + seconds(60 * i), mail({"friend@partner.example"}));
  box.detector.advance(k_start + days(3));
  PriorsBuilder builder(shipped_priors());
  box.detector.contribute(builder);
  const auto next = builder.build();
  float counted = 0;
  for (const Histograms& band : next->learnt()) {
    for (const float cell : band.shape) counted += cell;
  }
  EXPECT_LE(counted, 40);  // two days of 20
  EXPECT_GT(counted, 10);
  EXPECT_EQ(epoch_number(*next), 1U);
}

TEST(Priors, AreProbabilitiesAboveZero) {
  const auto priors = shipped_priors();
  for (std::size_t band = 0; band < k_bands; ++band) {
    float sum = 0;
    for (const float p : priors->global(band).shape) {
      EXPECT_GT(p, 0);
      sum += p;
    }
    EXPECT_NEAR(sum, 1, 1e-3);
  }
}

}  // namespace
}  // namespace sekimori::detect::test
