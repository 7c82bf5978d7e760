#include "store/one_time_code.h"

#include <gtest/gtest.h>

namespace sekimori::store {
namespace {

std::string read(const char* typed) {
  const Secret code = typed_code(Secret(typed));
  return code.is_set() ? std::string(code.reveal()) : "none";
}

TEST(OneTimeCode, IsReadHoweverAPhoneTypesIt) {
  EXPECT_EQ(read("ACDE-FGHJ-KMNP"), "ACDEFGHJKMNP");
  EXPECT_EQ(read(" acde fghj kmnp "), "ACDEFGHJKMNP");
  EXPECT_EQ(read("ＡＣＤＥ－ＦＧＨＪ－ＫＭＮＰ"), "ACDEFGHJKMNP");
  EXPECT_EQ(read("ａｃｄｅーｆｇｈｊー３４６７"), "ACDEFGHJ3467");
  EXPECT_EQ(read("１２３４　５６７８"), "12345678");
  EXPECT_EQ(read("1234\u20105678"), "12345678");
}

TEST(OneTimeCode, OtherLettersAreNoCode) {
  EXPECT_EQ(read(""), "none");
  EXPECT_EQ(read("--- "), "none");
  EXPECT_EQ(read("コード1234"), "none");
  EXPECT_EQ(read("1234\xef\xbc"), "none");  // cut within a letter
  EXPECT_EQ(read("1234\xff"), "none");
  EXPECT_EQ(read("é1234567"), "none");
}

TEST(OneTimeCode, ItsHashKnowsItAndNoOther) {
  const auto hash = hash_code(Secret("12345678"));
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$"));
  EXPECT_TRUE(code_matches(*hash, Secret("12345678")));
  EXPECT_FALSE(code_matches(*hash, Secret("12345679")));
  EXPECT_FALSE(code_matches(*hash, Secret()));
  EXPECT_FALSE(code_matches("", Secret("12345678")));
}

}  // namespace
}  // namespace sekimori::store
