// Numbers, spans and lists as people say them, in both languages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/text.h"

namespace sekimori::detect {

// "12,345".
[[nodiscard]] std::string grouped(std::uint64_t n);
// "1 recipient", "47 recipients"; "12,345 messages".
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view one, std::string_view many);
// English words up to nine, digits from ten on: "two networks", "12 networks".
[[nodiscard]] std::string spelled(std::uint64_t n);
// A span in its largest fitting unit, rounded, at least one second: 3分間, 2時間; "3 minutes".
[[nodiscard]] Text span_words(Duration);
// The same as a bound: 1時間以内に, "within an hour".
[[nodiscard]] Text within_words(Duration);
// ブラジル、ベトナムなど; "Brazil, Vietnam and others". At most `most` names; "" for none.
[[nodiscard]] Text country_list(const std::vector<std::string>& alpha2, std::size_t most = 3);

}  // namespace sekimori::detect
