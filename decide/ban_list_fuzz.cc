// Any bytes as somebody else's list of networks: never more than the bound, each error names a line
// of the text, and what was read prints and reads back as itself.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "decide/ban.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::decide;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const NetworkList list = parse_network_list(text);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
  SEKIMORI_CHECK(list.networks.size() <= k_listed_networks_max);
  SEKIMORI_CHECK(list.networks.size() + list.errors.size() <= lines);
  for (const ListError& error : list.errors) {
    SEKIMORI_CHECK(error.line >= 1 && error.line <= lines);
    SEKIMORI_CHECK(!error.text.ja.empty() && !error.text.en.empty());
  }
  std::string printed;
  for (const ListedNetwork& one : list.networks) {
    SEKIMORI_CHECK(!is_too_wide(one.network));
    SEKIMORI_CHECK(one.note.size() <= 100);
    printed += one.network.to_string() + " ; " + one.note + '\n';
  }
  const NetworkList again = parse_network_list(printed);
  SEKIMORI_CHECK(again.errors.empty() && again.networks.size() == list.networks.size());
  for (std::size_t i = 0; i < again.networks.size(); ++i) {
    SEKIMORI_CHECK(again.networks[i].network == list.networks[i].network);
    SEKIMORI_CHECK(again.networks[i].note == list.networks[i].note);
  }
  return 0;
}
