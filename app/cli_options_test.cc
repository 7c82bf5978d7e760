#include "app/cli_options.h"

#include <gtest/gtest.h>

namespace sekimori::app {
namespace {

Invocation parsed(const std::vector<std::string>& words, const CliEnvironment& environment = {}) {
  auto given = parse_command_line(words, environment);
  if (!given) {
    ADD_FAILURE() << given.error().text;
    return {};
  }
  return *given;
}

int exit_of(const std::vector<std::string>& words) {
  const auto given = parse_command_line(words, {});
  return given ? -1 : given.error().exit_code;
}

TEST(CliOptions, SharedOptionsStandAnywhere) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--json", "--config", "/x", "account", "show", "a@b"},
        {"account", "--json", "--config=/x", "show", "a@b"},
        {"account", "show", "a@b", "--config", "/x", "--json"}}) {
    const auto given = parsed(words);
    EXPECT_EQ(given.command, "account show");
    EXPECT_EQ(given.subject, "a@b");
    EXPECT_EQ(given.config, "/x");
    EXPECT_TRUE(given.config_given);
    EXPECT_TRUE(given.json);
  }
}

TEST(CliOptions, TheSettingsFileComesFromOptionEnvironmentOrDefault) {
  EXPECT_EQ(parsed({"health"}).config, "/etc/sekimori/sekimori.toml");
  EXPECT_FALSE(parsed({"health"}).config_given);
  CliEnvironment environment;
  environment.config = "/from/environment";
  EXPECT_EQ(parsed({"health"}, environment).config, "/from/environment");
  EXPECT_EQ(parsed({"health", "--config", "/y"}, environment).config, "/y");
}

TEST(CliOptions, LanguageFollowsTheLocaleAndTheOption) {
  CliEnvironment ja;
  ja.locale = "ja_JP.UTF-8";
  EXPECT_EQ(parsed({"version"}, ja).language, Language::ja);
  EXPECT_EQ(parsed({"version"}).language, Language::en);
  EXPECT_EQ(parsed({"version", "--lang", "en"}, ja).language, Language::en);
  EXPECT_EQ(parsed({"--lang=ja", "version"}).language, Language::ja);
}

TEST(CliOptions, EveryCommandOfTheContractIsThere) {
  const std::vector<std::vector<std::string>> lines = {
      {"serve"},
      {"helper"},
      {"replay", "events.ndjson"},
      {"replay", "--compare", "other.toml", "--from", "7d", "--until", "24h"},
      {"learn", "mail.log", "mail.log.1.gz"},
      {"account", "list"},
      {"account", "show", "a@b"},
      {"account", "add", "a@b"},
      {"account", "password", "a@b"},
      {"account", "restrict", "a@b"},
      {"account", "suspend", "a@b"},
      {"account", "restore", "a@b"},
      {"account", "recovery-code", "a@b"},
      {"account", "recovery", "a@b"},
      {"account", "call-sheet", "a@b", "--with-code"},
      {"notice", "list"},
      {"notice", "acknowledge", "1"},
      {"domain", "suspend", "b"},
      {"server", "stop-sending"},
      {"server", "resume-sending"},
      {"incident", "list"},
      {"incident", "show", "1"},
      {"incident", "close", "1"},
      {"incident", "note", "1", "text"},
      {"hold", "list"},
      {"hold", "release", "ABC123"},
      {"hold", "delete", "ABC123"},
      {"ip", "list"},
      {"ip", "allow", "192.0.2.1"},
      {"ip", "deny", "192.0.2.0/24"},
      {"ip", "unblock", "192.0.2.0/24"},
      {"health"},
      {"drill"},
      {"config", "check"},
      {"config", "show"},
      {"version"},
      {"release-all"},
      {"bypass", "on"},
  };
  for (const auto& words : lines) {
    const auto given = parsed(words);
    EXPECT_TRUE(given.command == words[0] || given.command == words[0] + " " + words.at(1))
        << given.command;
  }
}

TEST(CliOptions, WhatIsWrongEndsWithTwo) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{},
        {"nosuch"},
        {"account"},
        {"account", "show"},
        {"account", "list", "--standing", "odd"},
        {"account", "list", "--limit", "0"},
        {"account", "list", "--limit", "1001"},
        {"bypass"},
        {"bypass", "maybe"},
        {"replay", "x", "--mode", "odd"},
        {"replay", "x", "--compare", "y", "--decisions", "z"},
        {"replay", "x", "--compare", "y", "--hash"},
        {"account", "show", "a@b", "--nosuch"},
        {"account", "add", "a@b", "--generate", "--password-stdin"},
        {"account", "recovery", "a@b", "--check", "--review", "x"},
        {"account", "recovery", "a@b", "--keep-forwards", "--remove-forwards"},
        {"account", "recovery"},
        {"notice", "list", "--state", "lost"},
        {"version", "--lang", "fr"}}) {
    EXPECT_EQ(exit_of(words), 2) << (words.empty() ? "" : words[0]);
  }
}

TEST(CliOptions, AnUnknownCommandIsNamed) {
  const auto given = parse_command_line({"acount", "list"}, {});
  ASSERT_FALSE(given);
  EXPECT_NE(given.error().text.find("acount"), std::string::npos) << given.error().text;
}

TEST(CliOptions, HelpIsOfTheInnermostCommandAndInTheLanguage) {
  const auto help = parse_command_line({"account", "restrict", "--help", "--lang", "ja"}, {});
  ASSERT_FALSE(help);
  EXPECT_EQ(help.error().exit_code, 0);
  EXPECT_NE(help.error().text.find("送信を止めます"), std::string::npos);
  EXPECT_NE(help.error().text.find("--reason"), std::string::npos);
}

}  // namespace
}  // namespace sekimori::app
