// Near-duplicates by sketch and by size: what is the same again, and what is not.
#include "detect/near_duplicates.h"

#include "base/hash.h"
#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

Submission sketched(std::uint64_t sketch, std::uint64_t size = 0) {
  Submission s = mail({"a@b.example"});
  s.sketch = sketch;
  s.size = size;
  return s;
}
std::uint32_t seen(AccountModel& m, const Submission& s) {
  const std::uint32_t likeness = likeness_of(s, 1);
  const std::uint32_t before = like_it_today(m, k_start, s, likeness);
  note_likeness(m, k_start, s, likeness);
  return before;
}

TEST(NearDuplicates, ATemplateWithAnotherNameInItIsTheSameAgain) {
  AccountModel m;
  const std::uint64_t spam = mix64(7);
  for (std::uint32_t i = 0; i < 30; ++i) {
    // Other sizes, two bits of the sketch changed.
    const std::uint64_t near = spam ^ (1ULL << (i % 64)) ^ (1ULL << ((i * 7 + 1) % 64));
    EXPECT_EQ(seen(m, sketched(near, 1000 + 999 * i)), i) << i;
  }
}

TEST(NearDuplicates, DifferentContentOfOneSizeIsNot) {
  AccountModel m;
  for (std::uint32_t i = 0; i < 30; ++i) EXPECT_EQ(seen(m, sketched(mix64(i + 1), 5000)), 0U);
}

TEST(NearDuplicates, WithoutASketchSizeAndFanOutTell) {
  AccountModel m;
  Submission s = mail({"a@b.example"});
  s.size = 40'000;
  EXPECT_EQ(seen(m, s), 0U);
  s.size = 40'100;
  EXPECT_EQ(seen(m, s), 1U);
  s.size = 80'000;
  EXPECT_EQ(seen(m, s), 0U);
  s.size = 0;
  EXPECT_EQ(likeness_of(s, 1), 0U);
}

TEST(NearDuplicates, ANewDayStartsAfresh) {
  AccountModel m;
  const Submission s = sketched(mix64(9));
  (void)seen(m, s);
  EXPECT_EQ(like_it_today(m, k_start + days(1), s, likeness_of(s, 1)), 0U);
}

TEST(NearDuplicates, TheJudgeHearsSketchesWhereSizesDiffer) {
  Box with, without;
  const Instant t = with.live(k_start, 40);
  (void)without.live(k_start, 40);
  Verdict a, b;
  for (std::uint32_t i = 0; i < 10; ++i) {
    Submission s = mail(strangers(1, fmt::format("n{}", i)));
    s.size = 3000ULL << (i % 5);
    b = without.send(t + minutes(i), s);
    s.sketch = mix64(77) ^ (1ULL << i);
    a = with.send(t + minutes(i), s);
  }
  const auto c = static_cast<std::size_t>(Channel::size_pattern);
  EXPECT_GT(a.nats_since_onset[c], b.nats_since_onset[c] + 0.5);
  EXPECT_LE(a.nats_since_onset[c], 4);
}

}  // namespace
}  // namespace sekimori::detect::test
