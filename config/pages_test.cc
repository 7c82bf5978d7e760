// Proves that the committed pages say what settings.def says, and that the example file, with every
// line uncommented, reads back as the defaults: so every default passes its own checks.
#include "config/pages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "config/check.h"

namespace sekimori::config {
namespace {

void expect_committed(const std::string& path, const std::string& printed) {
  const std::string whole = std::string(SEKIMORI_SOURCE_DIR) + "/" + path;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, nothing sets variables
  if (std::getenv("SEKIMORI_REGENERATE") != nullptr) {
    std::ofstream(whole, std::ios::binary) << printed;
  }
  std::ifstream in(whole, std::ios::binary);
  const std::string committed{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_TRUE(committed == printed)
      << path << " differs from config/settings.def: run config_test with SEKIMORI_REGENERATE=1";
}

TEST(Pages, TheCommittedOnesAreUpToDate) {
  expect_committed("docs/settings.md", print_reference(Language::en));
  expect_committed("docs/settings.ja.md", print_reference(Language::ja));
  expect_committed("packaging/sekimori.example.toml", print_example());
}

TEST(Pages, TheExampleChangesNothing) {
  const Loaded loaded = read_settings(print_example(), "example.toml");
  EXPECT_TRUE(loaded.findings.empty());
  EXPECT_EQ(loaded.settings, Settings{});
}

TEST(Pages, TheUncommentedExampleIsTheDefaults) {
  const std::string text =
      std::regex_replace(print_example(), std::regex("(^|\n)#([a-z0-9_]+ = )"), "$1$2");
  const Loaded loaded = read_settings(text, "example.toml");
  for (const Finding& finding : loaded.findings) {
    ADD_FAILURE() << print_finding(finding, "example.toml", Language::en);
  }
  EXPECT_EQ(loaded.settings, Settings{});
  for (const Effective& value : effective_values(loaded)) {
    EXPECT_NE(value.source, "default") << value.name;
  }
}

TEST(Pages, EverySettingIsDescribedInBothLanguages) {
  std::set<std::string_view> names;
  for (const Definition& d : definitions()) {
    EXPECT_TRUE(names.insert(d.name).second) << d.name << " stands twice";
    EXPECT_TRUE(d.ja.ends_with("。") || d.ja.ends_with("}")) << d.name;
    EXPECT_TRUE(d.en.ends_with(".")) << d.name;
    if (d.is_secret()) {
      EXPECT_TRUE(d.name.ends_with("_file")) << d.name;
    }
    // Numbers, times and sizes all have bounds.
    Settings scratch;
    const Slot slot = d.slot(scratch);
    const bool number =
        std::holds_alternative<std::int64_t*>(slot) || std::holds_alternative<double*>(slot) ||
        std::holds_alternative<Duration*>(slot) || std::holds_alternative<ByteCount*>(slot);
    EXPECT_EQ(d.bounds.limited, number) << d.name;
    EXPECT_LE(d.bounds.min, d.bounds.max) << d.name;
  }
}

}  // namespace
}  // namespace sekimori::config
