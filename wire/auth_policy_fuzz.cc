// Any target and body; the answer stays one JSON object on one line.
#include <cstdint>

#include "base/check.h"
#include "wire/auth_policy.h"
#include "wire/json_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_auth_policy_target(text);
  const auto request = parse_auth_policy_request(text);
  std::string out;
  append_auth_policy_answer(out, {-1, text});
  JsonCursor cursor(out);
  cursor.begin_object();
  JsonToken key;
  JsonToken value;
  while (cursor.next_member(key, value)) SEKIMORI_CHECK(!key.raw.empty());
  SEKIMORI_CHECK(cursor.finish());
  SEKIMORI_CHECK(request || !request.error().text.empty());
  return 0;
}
