// One JSON object (RFC 8259), read by Boost.JSON into memory that lives as long as this does: what
// our neighbours say fits the buffer here, so that reading it allocates nothing (our own events are
// read without a tree, event_members.h). Pure; any
// thread.
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sekimori::wire {

// Values nested deeper than this are refused: our neighbours nest three deep.
inline constexpr std::size_t k_json_depth_max = 32;

class JsonObject {
 public:
  // `text` is copied. It must be UTF-8 and have no half surrogate ("\ud800" alone); the last one of
  // a repeated key counts. The caller bounds its length: each byte may become 24 of memory.
  explicit JsonObject(std::string_view text) : value_(read(text)) {}
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  // False where the text is anything else than one object; problem() then says why.
  [[nodiscard]] bool ok() const { return problem_.empty(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // Only where ok().
  [[nodiscard]] const boost::json::object& members() const { return value_.get_object(); }

 private:
  boost::json::value read(std::string_view text);

  // Ten times a long event; what is larger goes on the heap.
  unsigned char buffer_[16 * 1024];
  boost::json::monotonic_resource memory_{buffer_, sizeof buffer_};
  std::string problem_;
  boost::json::value value_;
};

// The text of a string; nullopt for any other type. A view into the value.
[[nodiscard]] std::optional<std::string_view> json_text(const boost::json::value& value);
// A number; nullopt for any other type. Boost.JSON 1.81 may be off in the last bit where the text
// has a fraction: what must come back exactly is rounded by its reader.
[[nodiscard]] std::optional<double> json_double(const boost::json::value& value);
// A number as a count, exact up to 2^64 - 1; nullopt for another type and for what is negative or
// not whole. A writer without integers (JavaScript, Lua) may say 1e3 or 3.0.
[[nodiscard]] std::optional<std::uint64_t> json_uint(const boost::json::value& value);

}  // namespace sekimori::wire
