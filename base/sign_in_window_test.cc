#include "base/sign_in_window.h"

#include <gtest/gtest.h>

#include <random>

namespace sekimori {
namespace {

TEST(SignInWindow, ReadsInAnyOrderAndPrintsOneWay) {
  const auto one = SignInWindow::parse("  limit=20 key=ip action=refuse windows=10  seconds=60 ");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->key, SignInKey::ip);
  EXPECT_EQ(one->count, SignInCount::failed);
  EXPECT_EQ(one->to_string(), "key=ip count=failed seconds=60 windows=10 limit=20 action=refuse");
  const auto other =
      SignInWindow::parse("key=login count=passwords seconds=3600 limit=5 action=delay delay=3");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->windows, 1U);
  EXPECT_EQ(other->delay, 3U);
  EXPECT_FALSE(other->refuse);
}

TEST(SignInWindow, RefusesWhatMeansNothing) {
  for (const char* text :
       {"", "key=ip", "key=ip seconds=60 limit=3", "key=country seconds=60 limit=3 action=refuse",
        "key=ip seconds=0 limit=3 action=refuse", "key=ip seconds=60 limit=0 action=refuse",
        "key=ip seconds=60 limit=3 action=delay", "key=ip seconds=60 limit=3 action=delay delay=9",
        "key=ip seconds=60 limit=3 action=refuse delay=3",
        "key=ip seconds=86400 windows=31 limit=3 action=refuse",
        "key=ip seconds=60 windows=61 limit=3 action=refuse", "key=ip seconds=60x limit=3",
        "key=ip seconds=60 limit=3 action=refuse and more", "key= seconds=60"}) {
    EXPECT_FALSE(SignInWindow::parse(text)) << text;
  }
}

TEST(SignInWindow, PrintedIsReadBack) {
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    SignInWindow window;
    window.key = static_cast<SignInKey>(random() % 4);
    window.count = static_cast<SignInCount>(random() % 4);
    window.seconds = 1 + random() % 43'200;
    window.windows = 1 + random() % 60;
    window.limit = 1 + random() % k_sign_in_limit_max;
    window.refuse = random() % 2 == 0;
    window.delay = window.refuse ? 0 : 1 + random() % k_sign_in_delay_max;
    const auto again = SignInWindow::parse(window.to_string());
    ASSERT_TRUE(again) << window.to_string();
    EXPECT_EQ(*again, window);
  }
}

}  // namespace
}  // namespace sekimori
