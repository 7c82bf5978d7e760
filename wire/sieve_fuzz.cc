// Any script: what is read has its bounds, and its targets written anew are read back.
#include <cstdint>

#include "base/check.h"
#include "wire/sieve.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const auto script = parse_sieve({reinterpret_cast<const char*>(data), size});
  if (!script) {
    SEKIMORI_CHECK(script.error().text.size() < 300);
    return 0;
  }
  std::string again;
  for (const SieveAction& action : script->actions) {
    SEKIMORI_CHECK(action.depth >= 0 && action.depth <= k_sieve_nesting_max);
    SEKIMORI_CHECK(action.line > 0 && action.column > 0);
    if (action.verb != SieveVerb::redirect || action.target.find('\0') != std::string::npos) {
      continue;
    }
    again += "redirect " + sieve_quoted(action.target) + ";\n";
  }
  if (again.size() > k_sieve_max) return 0;
  const auto redirects = parse_sieve(again);
  SEKIMORI_CHECK(redirects.has_value());
  std::size_t next = 0;
  for (const SieveAction& action : script->actions) {
    if (action.verb != SieveVerb::redirect || action.target.find('\0') != std::string::npos) {
      continue;
    }
    SEKIMORI_CHECK(redirects->actions[next++].target == action.target);
  }
  return 0;
}
