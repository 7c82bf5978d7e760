#include "wire/json_object.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>

namespace sekimori::wire {
namespace {

std::string problem(std::string_view text) { return JsonObject(text).problem(); }

TEST(JsonObject, EveryPrefixIsRefusedAndSoIsWhatFollows) {
  const std::string text = R"({"a":["x\n",{"b":1.25e3}],"日":true})";
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_NE(problem(text.substr(0, n)), "") << n;
  EXPECT_EQ(problem(text), "");
  EXPECT_EQ(problem(" " + text + " \r\n"), "");
  EXPECT_EQ(problem(text + "x"), "no JSON object: extra data (at byte 37)");
  for (const char* other : {"[]", "null", "1", "\"x\""})
    EXPECT_EQ(problem(other), "no JSON object");
}

TEST(JsonObject, TextMustBeUtf8WithoutHalfSurrogates) {
  EXPECT_EQ(problem("{\"a\":\"\xe6\x97\xa5\"}"), "");
  for (const char* text : {"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"\xed\xa0\x80\":1}",
                           R"({"a":"\ud83d"})", R"({"a":"\ude00\ud83d"})", "{\"a\":\"\n\"}"}) {
    EXPECT_NE(problem(text), "") << text;
  }
}

TEST(JsonObject, DepthHasAnEnd) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(problem(nested(k_json_depth_max - 1)), "");
  EXPECT_NE(problem(nested(k_json_depth_max)).find("too deep"), std::string::npos);
  EXPECT_NE(problem(nested(100'000)).find("too deep"), std::string::npos);
}

TEST(JsonObject, TheLastOfARepeatedKeyCounts) {
  std::string many = "{\"a\":1";  // also past the size at which objects are hashed
  for (int i = 0; i < 40; ++i) many += ",\"k" + std::to_string(i) + "\":0";
  for (const std::string& text : {std::string(R"({"a":1,"b":2,"a":3})"), many + ",\"a\":3}"}) {
    const JsonObject object(text);
    ASSERT_TRUE(object.ok());
    EXPECT_EQ(json_uint(object.members().at("a")), 3U);
  }
}

TEST(JsonObject, HoldsMoreThanItsBuffer) {
  const std::string big(1'000'000, 'x');
  const JsonObject object("{\"a\":\"" + big + "\"}");
  ASSERT_TRUE(object.ok());
  EXPECT_EQ(json_text(object.members().at("a")), big);
}

TEST(JsonNumber, CountsAreExactAndWhole) {
  const auto number = [](std::string_view raw) {
    const JsonObject object("{\"a\":" + std::string(raw) + "}");
    return object.ok() ? json_uint(object.members().at("a")) : std::nullopt;
  };
  EXPECT_EQ(number("18446744073709551615"), 18446744073709551615ULL);
  EXPECT_EQ(number("9223372036854775807"), 9223372036854775807ULL);
  EXPECT_EQ(number("1e3"), 1000U);
  EXPECT_EQ(number("3.0"), 3U);
  EXPECT_EQ(number("-0"), 0U);
  for (const char* none : {"18446744073709551616", "1e300", "1e999", "-1", "1.5", "\"3\"", "null"})
    EXPECT_EQ(number(none), std::nullopt) << none;
}

}  // namespace
}  // namespace sekimori::wire
