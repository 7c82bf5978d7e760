// Any bytes as a settings file: never crashes, and what it calls usable reads the same twice.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "config/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Loaded once = read_settings(text, "fuzz");
  const Loaded again = read_settings(text, "fuzz");
  SEKIMORI_CHECK(once.settings == again.settings);
  SEKIMORI_CHECK(once.usable() == parse_settings(text, "fuzz").has_value());
  for (const Finding& finding : once.findings) {
    SEKIMORI_CHECK(!print_finding(finding, "fuzz", sekimori::Language::ja).empty());
  }
  SEKIMORI_CHECK(effective_values(once).size() == definitions().size());
  return 0;
}
