#include "wire/json_object.h"

#include <fmt/format.h>

#include <boost/json/parser.hpp>

namespace sekimori::wire {

boost::json::value JsonObject::read(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = k_json_depth_max;
  options.allow_invalid_utf8 = false;
  unsigned char scratch[2048];  // the values of the object while it is read
  boost::json::parser parser(boost::json::storage_ptr(), options, scratch);
  parser.reset(&memory_);
  boost::system::error_code error;
  const std::size_t read = parser.write(text.data(), text.size(), error);
  if (error) {
    problem_ = fmt::format("no JSON object: {} (at byte {})", error.message(), read);
    return nullptr;
  }
  boost::json::value value = parser.release();
  if (!value.is_object()) problem_ = "no JSON object";
  return value;
}

std::optional<std::string_view> json_text(const boost::json::value& value) {
  const boost::json::string* text = value.if_string();
  if (text == nullptr) return std::nullopt;
  return std::string_view(text->data(), text->size());
}

std::optional<double> json_double(const boost::json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<double>(error);
  return error ? std::nullopt : std::optional(number);
}

std::optional<std::uint64_t> json_uint(const boost::json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional(number);
}

}  // namespace sekimori::wire
