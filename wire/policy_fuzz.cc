// Any bytes: framing and reading agree, and what was read prints to something that reads the same.
#include <string>

#include "base/check.h"
#include "wire/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = find_request(text);
  if (found && found->has_value()) {
    SEKIMORI_CHECK(**found <= text.size() && **found <= k_policy_request_max);
    const auto request = parse_policy_request(text.substr(0, **found));
    if (request) {
      std::string printed;
      append_policy_request(printed, *request);
      if (printed.size() <= k_policy_request_max) {
        const auto again = parse_policy_request(printed);
        SEKIMORI_CHECK(again.has_value());
        SEKIMORI_CHECK(again->sasl_username == request->sasl_username);
        SEKIMORI_CHECK(again->size == request->size && again->state == request->state);
      }
    }
  }
  std::string out;
  append_policy_answer(out, {PolicyAction::reject, text.substr(0, size / 2), text});
  SEKIMORI_CHECK(out.find('\n') == out.size() - 2 && out.find('\r') == std::string::npos);
  SEKIMORI_CHECK(out.size() <= 7 + k_policy_action_max + 2);
  return 0;
}
