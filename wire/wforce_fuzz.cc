// Whatever a program sends as a weakforced command: no crash, and what is printed can be read.
#include <cstdint>
#include <cstdlib>

#include "wire/json_object.h"
#include "wire/wforce.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_wforce_command("POST", text);
  (void)parse_wforce_command("GET", text);
  for (const bool adding : {false, true}) {
    if (const auto entry = parse_wforce_entry(text, adding); entry && entry->network) {
      if (wforce_network(*entry->network).find('/') == std::string::npos) std::abort();
    }
  }
  (void)parse_wforce_key(text);
  if (const auto login = parse_wforce_login(text)) {
    if (!JsonObject(wforce_allow_answer(0, login->login, {{login->login, login->pwhash}})).ok()) {
      std::abort();
    }
  }
  if (!JsonObject(wforce_failure(text)).ok()) std::abort();
  return 0;
}
