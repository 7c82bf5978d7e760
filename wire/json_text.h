// Reading and writing JSON (RFC 8259) a value at a time, without a tree.
//
// Why not a library's tree: the journal must give back exactly the event that was folded, down to
// the last bit of a number (Boost.JSON 1.81 rounds some decimals wrongly), and replay reads
// hundreds of thousands of lines a second. The tests hold this reader to Boost.JSON's verdict on
// random input. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sekimori::wire {

// Values nested deeper than this are refused: our neighbours nest three deep.
inline constexpr int k_json_depth_max = 32;

enum class JsonType : std::uint8_t { absent, null, boolean, number, string, array, object };

// One value as it stands in the text; the view points into what the cursor was given.
struct JsonToken {
  JsonType type = JsonType::absent;
  bool escaped = false;       // a string with a backslash in it
  std::string_view raw = {};  // a string without its quotes; anything else whole
  // True for a value that was given and is not null.
  [[nodiscard]] bool is_set() const { return type > JsonType::null; }
};

// Walks one object or array. Each value is checked in full (grammar, UTF-8, depth) before it is
// given out; a nested one is walked by a new cursor over its `raw`.
//
//   JsonCursor cursor(text);
//   cursor.begin_object();
//   for (JsonToken key, value; cursor.next_member(key, value);) …
//   if (!cursor.finish()) → cursor.problem(), cursor.offset()
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  // False (and failed) when the text begins with something else.
  bool begin_object() { return begin('{', "an object"); }
  bool begin_array() { return begin('[', "an array"); }
  // False at the end of the object or array, and on failure.
  [[nodiscard]] bool next_member(JsonToken& key, JsonToken& value);
  [[nodiscard]] bool next_element(JsonToken& value);
  // True when all was well and nothing but blanks follows.
  [[nodiscard]] bool finish();
  [[nodiscard]] bool failed() const { return problem_ != nullptr; }
  [[nodiscard]] const char* problem() const { return problem_ == nullptr ? "" : problem_; }
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  bool begin(char bracket, const char* what);
  bool separator(char closing);
  bool read_value(JsonToken& value, int depth);
  bool read_string(JsonToken& value);
  bool read_escape();
  bool read_number();
  bool read_word(std::string_view word);
  bool read_nested(char closing, int depth);
  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* problem_ = nullptr;
  bool first_ = true;
};

// Appends the text of a string token, escapes resolved. A half surrogate ("\ud800" alone, as some
// writers produce) becomes U+FFFD.
void append_json_value(std::string& out, const JsonToken& string);
[[nodiscard]] std::string json_value(const JsonToken& string);
// The number of a number token; nullopt for another type, or one too large for a double.
[[nodiscard]] std::optional<double> json_double(const JsonToken& number);
// The same as a count: nullopt also for what is negative, has a fraction, or is over 2^64 - 1.
[[nodiscard]] std::optional<std::uint64_t> json_uint(const JsonToken& number);

// Appends `text` in quotes, escaped as RFC 8259 §7 asks; bytes that are no UTF-8 become U+FFFD, one
// for each byte.
void append_json_string(std::string& out, std::string_view text);

// `text` with each byte that is no UTF-8 replaced by U+FFFD: what append_json_string would write.
// Text from a wire goes through this before it becomes part of an Event, so that the event that is
// folded and the one that the journal gives back are the same.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace sekimori::wire
