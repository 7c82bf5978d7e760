// Proves that `config check` names the line, the fault and the nearest right name, that no wrong
// value gets in, and that no secret gets out.
#include "config/check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "config/earlier.h"

namespace sekimori::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The one finding of a file that has exactly one.
Finding only_finding(std::string_view text) {
  const std::vector<Finding> findings = check_settings(text, "s.toml");
  EXPECT_EQ(findings.size(), 1U) << text;
  return findings.empty() ? Finding{} : findings.front();
}

TEST(Check, AnEmptyFileHoldsTheDefaults) {
  const Loaded loaded = read_settings("", "s.toml");
  EXPECT_TRUE(loaded.findings.empty());
  EXPECT_EQ(loaded.settings, Settings{});
  EXPECT_EQ(loaded.settings.server.mode, Mode::observe);
  EXPECT_EQ(loaded.settings.policy.idle_timeout, seconds(1200));
}

TEST(Check, EveryTypeIsRead) {
  const auto settings = parse_settings(R"(
[server]
name = "mx1.example.jp"
mode = "enforce"
language = "en"
[mode]
domains = { "example.jp" = "observe" }
accounts = { "news@example.jp" = "enforce" }
[policy]
listen = ["127.0.0.1:10040", "unix:/run/sekimori/policy"]
threads = 2
idle_timeout = "30m"
[maillog]
follow = false
[detect]
hold_line = 6.5
[web]
body_bytes_max = "128KiB"
trusted_proxies = ["192.0.2.0/24"]
)",
                                       "s.toml");
  ASSERT_TRUE(settings) << settings.error().text;
  EXPECT_EQ(settings->server.name, "mx1.example.jp");
  EXPECT_EQ(settings->server.language, Language::en);
  EXPECT_EQ(settings->policy.listen, list_of("127.0.0.1:10040", "unix:/run/sekimori/policy"));
  EXPECT_EQ(settings->policy.threads, 2);
  EXPECT_EQ(settings->policy.idle_timeout, minutes(30));
  EXPECT_EQ(settings->web.body_bytes_max, kib(128));
  EXPECT_FALSE(settings->maillog.follow);
  EXPECT_EQ(settings->detect.hold_line, 6.5);
  EXPECT_EQ(mode_for(*settings, "news@example.jp"), Mode::enforce);
  EXPECT_EQ(mode_for(*settings, "taro@example.jp"), Mode::observe);
  EXPECT_EQ(mode_for(*settings, "taro@example.com"), Mode::enforce);
}

TEST(Check, AnUnknownNameComesWithThePlaceAndTheNearestRightOne) {
  const Finding finding = only_finding("[policy]\n\n  theads = 2\n");
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.line, 3);
  EXPECT_EQ(finding.column, 3);
  EXPECT_EQ(finding.name, "policy.theads");
  EXPECT_EQ(finding.nearest, "policy.threads");
  EXPECT_EQ(print_finding(finding, "s.toml", Language::en),
            "s.toml:3:3: error: policy.theads: no such setting; did you mean policy.threads?");
  EXPECT_THAT(print_finding(finding, "s.toml", Language::ja), HasSubstr("「policy.threads」"));
}

TEST(Check, NamesInTheWrongPlaceAreFound) {
  EXPECT_EQ(only_finding("[polcy]\nthreads = 2\n").nearest, "policy");
  EXPECT_EQ(only_finding("hold_line = 7.0\n").nearest, "detect.hold_line");
  EXPECT_EQ(only_finding("[limits]\nhold_line = 7.0\n").nearest, "detect.hold_line");
  EXPECT_EQ(only_finding("[limits]\nqqqqqqqq = 7.0\n").nearest, "");
  EXPECT_THAT(only_finding("policy = 3\n").what.en, HasSubstr("[policy]"));
}

struct Wrong {
  const char* line;   // below its section's heading
  const char* words;  // of the finding, in English
};

TEST(Check, WrongValuesAreNamedAndLeftOut) {
  const std::pair<const char*, std::vector<Wrong>> cases[] = {
      {"server",
       {{"mode = \"off\"", "observe"},
        {"mode = true", "not true or false"},
        {"language = \"de\"", "\"ja\" or \"en\""},
        {"name = \"-x\"", "host name"},
        {"state_dir = \"var/lib\"", "absolute path"},
        {"state_dir = \"\"", "must not be empty"}}},
      {"policy",
       {{"threads = \"2\"", "not a text"},
        {"threads = 5", "between 0 and 4"},
        {"threads = -1", "between 0 and 4"},
        {"threads = 1.0", "not a number with a fraction"},
        {"idle_timeout = \"999s\"", "between 1000s and 1d"},
        {"idle_timeout = 1200", "not a whole number"},
        {"idle_timeout = \"20 minutes\"", "no length of time"},
        {"listen = \"127.0.0.1:1\"", "not a text"},
        {"listen = [\"localhost:10040\"]", "no address"},
        {"listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "twice"},
        {"listen = [1]", "not a whole number"}}},
      {"mode",
       {{"domains = { \"EXAMPLE.jp\" = \"observe\" }", "lower case"},
        {"domains = { \"example.jp\" = \"on\" }", "enforce"},
        {"accounts = { \"taro\" = \"observe\" }", "mail address"},
        {"accounts = [\"taro@example.jp\"]", "not a list"}}},
      {"detect",
       {{"eta = 1.1", "between 0.1 and 1.0"},
        {"eta = nan", "between"},
        {"eta = inf", "between"},
        {"hold_line = 9.5", "below detect.restrict_line"},
        {"restrict_line = 11.5", "below detect.suspend_line"}}},
      {"web",
       {{"public_url = \"ftp://example.jp\"", "no http"},
        {"body_bytes_max = \"64kb\"", "no size"},
        {"trusted_proxies = [\"192.0.2.7/24\"]", "no network"},
        {"public_url = \"https://例え.jp/\"", "ASCII"},
        {"public_url = \"https://u:hunter2@example.jp\"", "must not hold a user name"},
        {"listen = [\"127.0.0.1:10040\"]", "stands in both"}}},
      {"accounts",
       {{"database = \"sqlite://accounts.db\"", "absolute path"},
        {"database = \"postgresql://u:hunter2@db/mail\"", "out of the URL"},
        {"database = \"oracle://db\"", "no database URL"},
        {"recipient_delimiter = \"a\"", "delimiter"}}},
      {"maillog", {{"utc_offset = \"JST\"", "UTC"}, {"follow = 1", "not a whole number"}}},
      {"notices", {{"from = \"postmaster\"", "mail address"}}},
      {"dovecot", {{"doveadm_url = \"http://127.0.0.1:8080/\"", "doveadm_key_file"}}},
      {"journal",
       {{"fsync_interval = \"1s\"", "between 1ms and 100ms"},
        {"retention = 1979-05-27", "a date"}}},
      {"log", {{"level = \"loud\"", "no level"}}},
  };
  for (const auto& [section, wrongs] : cases) {
    for (const Wrong& wrong : wrongs) {
      const std::string text = std::string("[") + section + "]\n" + wrong.line + "\n";
      const Loaded loaded = read_settings(text, "s.toml");
      ASSERT_EQ(loaded.findings.size(), 1U) << text;
      const Finding& finding = loaded.findings.front();
      EXPECT_EQ(finding.severity, Severity::error) << text;
      EXPECT_EQ(finding.line, 2) << text;
      EXPECT_THAT(finding.what.en, HasSubstr(wrong.words)) << text;
      EXPECT_THAT(finding.what.en, Not(HasSubstr("hunter2")));
      EXPECT_THAT(finding.what.ja, Not(HasSubstr("hunter2")));
      EXPECT_THAT(finding.what.ja, ::testing::EndsWith("。")) << text;
      EXPECT_FALSE(parse_settings(text, "s.toml")) << text;
    }
  }
}

TEST(Check, ASecretWrittenIntoTheFileIsRefusedAndNeverShown) {
  const Loaded loaded = read_settings("[web]\napi_token_file = \"hunter2\"\n", "s.toml");
  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_THAT(print_finding(loaded.findings[0], "s.toml", Language::ja), Not(HasSubstr("hunter2")));
  EXPECT_THAT(print_finding(loaded.findings[0], "s.toml", Language::en), Not(HasSubstr("hunter2")));
  Settings settings;
  settings.web.api_token_file = "hunter2";
  for (const Definition& d : definitions()) {
    EXPECT_THAT(print_value(d, settings), Not(HasSubstr("hunter2")));
  }
}

TEST(Check, EveryFaultIsReportedInTheOrderOfLines) {
  const auto findings = check_settings("[web]\nx = 1\n[policy]\nthreads = 9\ny = 2\n", "s.toml");
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].line, 2);
  EXPECT_EQ(findings[1].line, 4);
  EXPECT_EQ(findings[2].line, 5);
  const auto parsed = parse_settings("[web]\nx = 1\n[policy]\nthreads = 9\n", "s.toml");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(parsed.error().text, HasSubstr("s.toml:2:1: error: web.x"));
  EXPECT_THAT(parsed.error().text, HasSubstr("s.toml:4:11: error: policy.threads"));
}

TEST(Check, WhatIsNoTomlIsSaidWithItsPlace) {
  const Finding finding = only_finding("[policy]\nthreads = \n");
  EXPECT_EQ(finding.line, 2);
  EXPECT_THAT(finding.what.en, HasSubstr("TOML"));
  EXPECT_EQ(only_finding("[policy]\nthreads = 1\nthreads = 2\n").line, 3);
  EXPECT_EQ(only_finding(std::string((1 << 20) + 1, '#')).line, 0);
  EXPECT_EQ(only_finding("[~x]\n").line, 1);
}

TEST(Check, LettersOutsideQuotesAreNamedWithTheirPlace) {
  const Finding blank = only_finding("[policy]\nthreads =　2\n");
  EXPECT_EQ(blank.line, 2);
  EXPECT_EQ(blank.column, 10);
  EXPECT_THAT(blank.what.ja, HasSubstr("全角の空白"));
  const Finding kana = only_finding("# あ\n[log]\nlevel = \"info\" あ\n");
  EXPECT_EQ(kana.line, 3);
  EXPECT_EQ(kana.column, 16);
  EXPECT_THAT(kana.what.en, HasSubstr("'あ'"));
  EXPECT_THAT(only_finding("a = \xff").what.en, HasSubstr("'?'"));
  EXPECT_THAT(only_finding("[log]\nfile = \"\"\"\\\nあ\"\"\"\n").what.en, HasSubstr("multi-line"));
  EXPECT_THAT(only_finding("[log]\nfile = \"あ\nあ\n").what.en, HasSubstr("never closed"));
  // A quote within a number opens no string: toml++ would meet the letter (found by the fuzzer).
  EXPECT_THAT(only_finding("w=9'-9=\x01+\xef\xbb\xba+t").what.en, HasSubstr("a quote"));
  EXPECT_THAT(only_finding("w=9'\xef\xbb\xba'").what.en, HasSubstr("a quote"));
  const auto good = parse_settings("\xef\xbb\xbf[log]\nfile = \"/停止中 \\\"#\" # あ\n", "s.toml");
  ASSERT_TRUE(good) << good.error().text;
  EXPECT_EQ(good->log.file, "/停止中 \"#");
}

TEST(Check, WarningsDoNotStopTheServer) {
  const Loaded loaded = read_settings("[server]\nmode = \"enforce\"\n", "s.toml");
  ASSERT_EQ(loaded.findings.size(), 1U);
  EXPECT_EQ(loaded.findings[0].severity, Severity::warning);
  EXPECT_TRUE(loaded.usable());
  const Finding open = only_finding("[policy]\nlisten = [\"0.0.0.0:10040\"]\n");
  EXPECT_EQ(open.severity, Severity::warning);
  EXPECT_EQ(open.line, 2);
}

TEST(Earlier, ARenamedSettingIsTakenOverWithANote) {
  const Loaded loaded =
      read_settings("[detect]\ntrusted_networks = [\"192.0.2.0/24\"]\n", "s.toml");
  EXPECT_TRUE(loaded.usable());
  EXPECT_EQ(loaded.settings.networks.webmail, list_of("192.0.2.0/24"));
  ASSERT_EQ(loaded.findings.size(), 1U);
  const Finding& note = loaded.findings[0];
  EXPECT_EQ(note.severity, Severity::warning);
  EXPECT_EQ(note.line, 2);
  EXPECT_EQ(note.nearest, "networks.webmail");
  EXPECT_EQ(print_finding(note, "s.toml", Language::en),
            "s.toml:2:1: warning: detect.trusted_networks: the earlier name of networks.webmail; "
            "its value is taken over, write it by that name");
  for (const Effective& value : effective_values(loaded)) {
    if (value.name != "networks.webmail") continue;
    EXPECT_EQ(value.source, "s.toml:2");
  }
}

TEST(Earlier, TodaysNameGoesFirstAndAWrongValueIsAnError) {
  const Loaded both =
      read_settings("[web]\nsession_length = \"2h\"\nsession_lifetime = \"4h\"\n", "s.toml");
  EXPECT_TRUE(both.usable());
  EXPECT_EQ(both.settings.web.session_length, hours(2));
  ASSERT_EQ(both.findings.size(), 1U);
  EXPECT_THAT(both.findings[0].what.en, HasSubstr("goes first"));
  const Finding wrong = only_finding("[web]\nsession_lifetime = \"4\"\n");
  EXPECT_EQ(wrong.severity, Severity::error);
  EXPECT_EQ(wrong.name, "web.session_length");
  EXPECT_EQ(wrong.line, 2);
}

TEST(Earlier, EveryNameThatWasIsReadAndNoneIsToday) {
  for (const EarlierSetting& one : earlier_settings()) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(std::ranges::count(definitions(), one.name, &Definition::name), 0);
    if (!one.now.empty()) {
      EXPECT_EQ(std::ranges::count(definitions(), one.now, &Definition::name), 1);
      continue;
    }
    const Finding note = only_finding(fmt::format("[{}]\n{} = 1\n", one.section, one.field));
    EXPECT_EQ(note.severity, Severity::warning);
    EXPECT_EQ(note.name, one.name);
    EXPECT_THAT(note.what.en, HasSubstr(std::string(one.en)));
    EXPECT_THAT(note.what.ja, HasSubstr(std::string(one.ja)));
  }
}

TEST(Show, EveryValueHasItsSource) {
  const Loaded loaded = read_settings("[policy]\nthreads = 3\n", "s.toml");
  const std::vector<Effective> values = effective_values(loaded);
  ASSERT_EQ(values.size(), definitions().size());
  for (const Effective& value : values) {
    const bool set = value.name == "policy.threads";
    EXPECT_EQ(value.source, set ? "s.toml:2" : "default") << value.name;
    if (set) {
      EXPECT_EQ(value.value, "3");
    }
  }
}

TEST(Show, ChangesTellWhatAReloadTakesOver) {
  Settings after;
  after.policy.threads = 3;
  after.detect.eta = 0.5;
  EXPECT_EQ(changed_settings(Settings{}, after, Lifetime::live), list_of("detect.eta"));
  EXPECT_EQ(changed_settings(Settings{}, after, Lifetime::restart), list_of("policy.threads"));
}

TEST(Show, AFileThatCannotBeReadIsAnOperatingFailure) {
  const auto loaded = read_settings_file("/nonexistent/sekimori.toml");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::operating);
  const auto folder = read_settings_file("/");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().kind, ErrorKind::operating);
}

}  // namespace
}  // namespace sekimori::config
