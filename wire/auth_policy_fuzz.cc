// Any target and body; the answer stays one JSON object on one line.
#include <cstdint>

#include "base/check.h"
#include "wire/auth_policy.h"
#include "wire/json_object.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_auth_policy_target(text);
  const auto request = parse_auth_policy_request(text);
  std::string out;
  append_auth_policy_answer(out, {-1, text});
  SEKIMORI_CHECK(out.find('\n') == std::string::npos);
  const JsonObject answer(out);
  SEKIMORI_CHECK(answer.ok() && answer.members().size() == 2);
  SEKIMORI_CHECK(request || !request.error().text.empty());
  return 0;
}
