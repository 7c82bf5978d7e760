#include "wire/json_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>

namespace sekimori::wire {
namespace {

namespace json = boost::json;

// Reads a whole text with our reader; nullopt where it refuses it.
std::optional<json::value> read_whole(std::string_view text);

json::value to_tree(const JsonToken& token) {
  switch (token.type) {
    case JsonType::string: return json::value(json_value(token));
    case JsonType::number: return json::value(json_double(token).value_or(0));
    case JsonType::boolean: return json::value(token.raw == "true");
    case JsonType::object:
    case JsonType::array: return *read_whole(token.raw);
    default: return json::value(nullptr);
  }
}

std::optional<json::value> read_whole(std::string_view text) {
  JsonCursor cursor(text);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '[') {
    json::array out;
    cursor.begin_array();
    for (JsonToken value; cursor.next_element(value);) out.push_back(to_tree(value));
    if (!cursor.finish()) return std::nullopt;
    return out;
  }
  json::object out;
  cursor.begin_object();
  for (JsonToken key, value; cursor.next_member(key, value);) out[json_value(key)] = to_tree(value);
  if (!cursor.finish()) return std::nullopt;
  return out;
}

// Numbers to ten digits (and no -0): Boost.JSON 1.81 rounds the last ones of some decimals wrongly.
json::value with_doubles(const json::value& v) {
  if (v.is_number()) return json::value(fmt::format("{:.10g}", v.to_number<double>() + 0.0));
  if (v.is_array()) {
    json::array out;
    for (const auto& e : v.get_array()) out.push_back(with_doubles(e));
    return out;
  }
  if (v.is_object()) {
    json::object out;
    for (const auto& [k, e] : v.get_object()) out[k] = with_doubles(e);
    return out;
  }
  return v;
}

// What this proves: on valid text, broken text and every mutation between, our reader accepts and
// refuses what Boost.JSON does, and reads the same values.
TEST(JsonCursor, AgreesWithBoostJson) {
  const std::string seeds[] = {
      R"({"a":"x","b":[1,2.5,-3e2,0],"c":{"d":null,"e":true,"f":false},"g":""})",
      R"( [ "\u65e5\u672c\ud83d\ude00", "日本", "a\"\\\/\b\f\n\r\t", [[]], {}, -0.5, 1E+3 ] )",
      R"({"t":1.5e-7,"k":"v","n":{"x":{"y":[{}]}}})"};
  const std::string alphabet = "{}[]\",:\\0123456789-+.eEtrufalsn \t\x01\x80\xe6\xff/";
  std::mt19937 random(20261122);
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text = seeds[random() % std::size(seeds)];
    const unsigned edits = random() % 4;
    for (unsigned i = 0; i < edits; ++i) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = alphabet[random() % alphabet.size()]; break;
        case 1: text.erase(at, 1 + random() % 3); break;
        default: text.insert(at, 1, alphabet[random() % alphabet.size()]); break;
      }
      if (text.empty()) text.push_back('{');
    }
    boost::system::error_code error;
    const json::value oracle = json::parse(text, error);
    const auto ours = read_whole(text);
    // A half surrogate is U+FFFD to us and an error to Boost.JSON: the one intended difference.
    if (text.find("\\ud") != std::string::npos || text.find("\\uD") != std::string::npos) {
      if (!error) {
        ASSERT_TRUE(ours) << text;
      }
      continue;
    }
    const bool container = !error && (oracle.is_object() || oracle.is_array());
    ASSERT_EQ(ours.has_value(), container) << text << " boost: " << error.message();
    if (!container) {
      ++refused;
      continue;
    }
    ++accepted;
    ASSERT_EQ(json::serialize(with_doubles(*ours)), json::serialize(with_doubles(oracle))) << text;
  }
  EXPECT_GT(accepted, 20'000);
  EXPECT_GT(refused, 20'000);
}

TEST(JsonCursor, EveryPrefixIsRefused) {
  const std::string text = R"({"a":["x\n",{"b":1.25e3}],"日":true})";
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(read_whole(text.substr(0, n))) << n;
  EXPECT_TRUE(read_whole(text));
}

TEST(JsonCursor, DepthHasAnEnd) {
  const auto nested = [](int depth) {
    return "{\"a\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']') + "}";
  };
  const std::string text = nested(100'000);
  JsonCursor cursor(text);
  cursor.begin_object();
  JsonToken key;
  JsonToken value;
  EXPECT_FALSE(cursor.next_member(key, value));
  EXPECT_STREQ(cursor.problem(), "values are nested too deep");
  const std::string fine = nested(k_json_depth_max - 1);
  JsonCursor shallow(fine);
  shallow.begin_object();
  EXPECT_TRUE(shallow.next_member(key, value));
}

TEST(JsonNumber, IsExactAndBounded) {
  const auto token = [](std::string_view raw) { return JsonToken{JsonType::number, false, raw}; };
  EXPECT_EQ(json_double(token("0.1")), 0.1);
  EXPECT_EQ(json_double(token("123456.789012")), 123456.789012);
  EXPECT_EQ(json_double(token("1e400")), std::nullopt);
  EXPECT_EQ(json_uint(token("18446744073709551615")), 18446744073709551615ULL);
  EXPECT_EQ(json_uint(token("18446744073709551616")), std::nullopt);
  EXPECT_EQ(json_uint(token("-1")), std::nullopt);
  EXPECT_EQ(json_uint(token("1.5")), std::nullopt);
  EXPECT_EQ(json_uint(token("1e3")), 1000U);
  EXPECT_EQ(json_uint(token("3.0")), 3U);
  EXPECT_EQ(json_uint(JsonToken{JsonType::string, false, "3"}), std::nullopt);
}

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
    const std::string line = "[" + printed + "]";
    JsonCursor cursor(line);
    cursor.begin_array();
    JsonToken value;
    ASSERT_TRUE(cursor.next_element(value));
    ASSERT_EQ(json_value(value), text);
    ASSERT_EQ(json::parse(printed).as_string(), text);
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

TEST(JsonString, HalfSurrogatesBecomeTheReplacementCharacter) {
  const JsonToken token{JsonType::string, true, "\\ud83dx\\ude00\\ud83d\\ud83d\\ude00"};
  EXPECT_EQ(json_value(token), "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80");
}

}  // namespace
}  // namespace sekimori::wire
