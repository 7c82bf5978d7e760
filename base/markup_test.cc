#include "base/markup.h"

#include <gtest/gtest.h>

namespace sekimori {
namespace {

TEST(Markup, ShowsWhatSomebodyElseWroteAsText) {
  EXPECT_EQ(markup_text(R"(<b a='1' c="2">&amp;)"),
            "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
  EXPECT_EQ(markup_text("太郎\t1\n2"), "太郎\t1\n2");
}

TEST(Markup, HasNoByteThatXmlRefuses) {
  std::string all;
  for (int c = 0; c < 0x80; ++c) all += static_cast<char>(c);
  for (const char c : markup_text(all)) {
    EXPECT_TRUE(c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f)) << static_cast<int>(c);
  }
  EXPECT_EQ(markup_text(std::string_view("a\0b\x1b[31m", 8)), "a b [31m");
}

}  // namespace
}  // namespace sekimori
