#include "base/country.h"

#include <gtest/gtest.h>

namespace sekimori {
namespace {

TEST(Country, HasANameInBothLanguages) {
  EXPECT_EQ(country_name("JP"), (Text{"日本", "Japan"}));
  EXPECT_EQ(country_name("AD").en, "Andorra");
  EXPECT_EQ(country_name("ZW").en, "Zimbabwe");
  // Notices in English are ASCII.
  for (char a = 'A'; a <= 'Z'; ++a) {
    for (char b = 'A'; b <= 'Z'; ++b) {
      for (const char c : country_name(std::string{a, b}).en) EXPECT_GT(c, 0);
    }
  }
}

TEST(Country, IsItsCodeWhereNoNameIsKnown) {
  EXPECT_EQ(country_name("QQ"), (Text{"QQ", "QQ"}));
  EXPECT_EQ(country_name(""), (Text{"", ""}));
}

}  // namespace
}  // namespace sekimori
