// Any output of postconf and doveconf, and any configuration file: edits keep all that stood there.
#include <cstdint>

#include "base/check.h"
#include "wire/conf_edit.h"
#include "wire/mail_conf.h"
#include "wire/text_diff.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_doveconf(text);
  (void)parse_services(text, text);
  if (const auto values = parse_postconf(text)) {
    for (const auto& [name, value] : *values) (void)expanded(value, *values);
  }
  for (const auto place : {ListPlace::first, ListPlace::last, ListPlace::before_last}) {
    const std::string edited = with_main_cf_item(text, "a", "$ours", place, "");
    SEKIMORI_CHECK(main_cf_value(edited, "a").has_value());
    // Everything that stood there still does, in its order.
    std::size_t kept = 0;
    for (const char c : edited) kept += kept < size && c == text[kept] ? 1 : 0;
    SEKIMORI_CHECK(kept == size);
    if (size < 4096) (void)unified_diff(text, edited, {"a", "b"});
  }
  (void)with_main_cf_value(text, "a", "b");
  (void)with_master_cf_item(text, "a", "inet", "b", "$ours");
  (void)with_toml_value(text, "a", "b", "1");
  return 0;
}
