#include "config/earlier.h"

#include <algorithm>

namespace sekimori::config {
namespace {

constexpr EarlierSetting k_earlier[] = {
#define RENAMED(section, field, now) {#section, #field, #section "." #field, now, "", ""},
#define REMOVED(section, field, ja, en) {#section, #field, #section "." #field, "", ja, en},
#include "config/earlier.def"
#undef RENAMED
#undef REMOVED
};

}  // namespace

std::span<const EarlierSetting> earlier_settings() { return k_earlier; }

const EarlierSetting* earlier_setting(std::string_view section, std::string_view field) {
  const auto* const found = std::ranges::find_if(k_earlier, [&](const EarlierSetting& one) {
    return one.section == section && one.field == field;
  });
  return found == std::end(k_earlier) ? nullptr : found;
}

}  // namespace sekimori::config
