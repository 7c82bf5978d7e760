#include "wire/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

namespace sekimori::wire {
namespace {

TEST(JsonString, PrintThenParseIsTheSameForAnyUtf8) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (unsigned i = random() % 24; i > 0; --i) bytes += static_cast<char>(random());
    const std::string text = valid_utf8(bytes);
    std::string printed;
    append_json_string(printed, bytes);
    std::string printed_valid;
    append_json_string(printed_valid, text);
    ASSERT_EQ(printed, printed_valid);
    ASSERT_EQ(boost::json::parse(printed).as_string(), text);
  }
}

TEST(JsonString, EscapesWhatMustBe) {
  std::string out;
  append_json_string(out, std::string_view("a\"\\\n\r\t\b\f\x01\0z/\x7f", 13));
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u0000z/\x7f\"");
  EXPECT_EQ(valid_utf8("\xc0\xaf\xed\xa0\x80 \xf4\x90\x80\x80"), [] {
    std::string r;
    for (int i = 0; i < 5; ++i) r += "\xef\xbf\xbd";
    r += ' ';
    for (int i = 0; i < 4; ++i) r += "\xef\xbf\xbd";
    return r;
  }());
}

}  // namespace
}  // namespace sekimori::wire
