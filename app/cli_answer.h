// What the printers of the command line read an answer's JSON with: a key that is missing or of
// another type is an empty text, never a failure.
#pragma once

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli_options.h"
#include "app/cli_text.h"

namespace sekimori::app {
namespace json = boost::json;

using Rows = std::vector<std::vector<std::string>>;

class AnswerReader {
 public:
  explicit AnswerReader(const Invocation& given) : given_(given) {}

 protected:
  [[nodiscard]] const char* t(const char* ja, const char* en) const {
    return given_.language == Language::ja ? ja : en;
  }
  static const json::value* find(const json::value& of, std::string_view key) {
    return of.is_object() ? of.get_object().if_contains(key) : nullptr;
  }
  static std::string word(const json::value& of, std::string_view key) {
    const auto* value = find(of, key);
    return value != nullptr && value->is_string() ? harmless(value->get_string()) : "";
  }
  static std::string number(const json::value& of, std::string_view key) {
    const auto* value = find(of, key);
    if (value == nullptr || value->is_null()) return "";
    if (value->is_double()) return fmt::format("{:.2f}", value->get_double());
    return value->is_number() ? json::serialize(*value) : "";
  }
  static bool flag(const json::value& of, std::string_view key) {
    const auto* value = find(of, key);
    return value != nullptr && value->is_bool() && value->get_bool();
  }
  static std::string time(const json::value& of, std::string_view key) {
    const auto text = word(of, key);
    return text.empty() ? "" : local_time(text);
  }
  [[nodiscard]] std::string text_of(const json::value& of, std::string_view key) const {
    const auto* text = find(of, key);
    return text == nullptr ? "" : word(*text, given_.language == Language::ja ? "ja" : "en");
  }
  [[nodiscard]] std::string standing(const json::value& of) const {
    return standing_word(word(of, "standing"), given_.language);
  }
  static json::array items(const json::value& of) { return list(of, "items"); }
  [[nodiscard]] std::string total(const json::value& page, std::size_t shown) const {
    const auto* total = find(page, "total");
    if (total == nullptr || !total->is_number()) return "";
    const auto all = total->to_number<std::uint64_t>();
    if (all == shown) return fmt::format(fmt::runtime(t("{} 件\n", "{} in all\n")), all);
    return fmt::format(fmt::runtime(t("{} 件中 {} 件\n", "{1} of {0}\n")), all, shown);
  }
  // The list under a key; empty where there is none.
  static json::array list(const json::value& of, std::string_view key) {
    const auto* found = find(of, key);
    return found != nullptr && found->is_array() ? found->get_array() : json::array();
  }

  const Invocation& given_;
};

}  // namespace sekimori::app
