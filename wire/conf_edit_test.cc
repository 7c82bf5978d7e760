#include "wire/conf_edit.h"

#include <gtest/gtest.h>

#include <random>

#include "wire/mail_conf.h"
#include "wire/text_diff.h"

namespace sekimori::wire {
namespace {

constexpr std::string_view k_main =
    "# See /usr/share/postfix\n"
    "smtpd_recipient_restrictions =\n"
    "  permit_mynetworks,\n"
    "# a comment between\n"
    "\n"
    "  reject_unauth_destination,\n"
    "  permit\n"
    "transport_maps=hash:/etc/postfix/transport\n"
    "smtpd_data_restrictions =\n"
    "mydestination = a, b   \n";

TEST(MainCf, ValueOfSeveralLines) {
  EXPECT_EQ(main_cf_value(k_main, "smtpd_recipient_restrictions"),
            "permit_mynetworks, reject_unauth_destination, permit");
  EXPECT_EQ(main_cf_value(k_main, "smtpd_data_restrictions"), "");
  EXPECT_EQ(main_cf_value(k_main, "mydestination"), "a, b");
  EXPECT_EQ(main_cf_value(k_main, "permit"), std::nullopt);
  EXPECT_EQ(main_cf_value("a = 1\na = 2\n", "a"), "2");
}

TEST(MainCf, AnItemIsAllThatChanges) {
  std::string text(k_main);
  const auto check = [&](const char* name, ListPlace place, const char* value) {
    const std::string once = with_main_cf_item(text, name, "$ours", place, "x");
    EXPECT_EQ(main_cf_value(once, name), value) << once;
    // What was there stands in its order, and a second time changes nothing.
    EXPECT_EQ(once.size() > text.size(), true);
    EXPECT_EQ(with_main_cf_item(once, name, "$ours", place, "x"), once);
    std::size_t kept = 0;
    for (const char c : once) kept += kept < text.size() && c == text[kept] ? 1 : 0;
    EXPECT_EQ(kept, text.size());
  };
  check("smtpd_recipient_restrictions", ListPlace::first,
        "$ours, permit_mynetworks, reject_unauth_destination, permit");
  check("smtpd_recipient_restrictions", ListPlace::last,
        "permit_mynetworks, reject_unauth_destination, permit, $ours");
  check("smtpd_recipient_restrictions", ListPlace::before_last,
        "permit_mynetworks, reject_unauth_destination, $ours, permit");
  check("transport_maps", ListPlace::first, "$ours, hash:/etc/postfix/transport");
  check("transport_maps", ListPlace::last, "hash:/etc/postfix/transport, $ours");
  check("smtpd_data_restrictions", ListPlace::first, "$ours");
  check("mydestination", ListPlace::last, "a, b, $ours");
  check("virtual_alias_maps", ListPlace::last, "x, $ours");
  check("virtual_alias_maps", ListPlace::first, "$ours, x");
  text = "a = b";  // no line break at its end
  check("c", ListPlace::first, "$ours, x");
}

TEST(MainCf, AValueIsReplacedAndCommentsStay) {
  const auto text = with_main_cf_value(k_main, "smtpd_recipient_restrictions", "permit");
  EXPECT_EQ(main_cf_value(text, "smtpd_recipient_restrictions"), "permit");
  EXPECT_NE(text.find("# a comment between\n"), std::string::npos);
  EXPECT_EQ(main_cf_value(text, "transport_maps"), "hash:/etc/postfix/transport");
  EXPECT_EQ(with_main_cf_value(text, "smtpd_recipient_restrictions", "permit"), text);
  EXPECT_EQ(main_cf_value(with_main_cf_value(k_main, "new", "1"), "new"), "1");
}

constexpr std::string_view k_master =
    "smtp      inet  n - y - - smtpd\n"
    "#submission inet n - y - - smtpd\n"
    "submission inet n - y - - smtpd\n"
    "  -o syslog_name=postfix/submission\n"
    "# -o smtpd_recipient_restrictions=comment\n"
    "  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject\n"
    "  -o { smtpd_data_restrictions = reject_unauth_pipelining, permit }\n"
    "  -o smtpd_end_of_data_restrictions=\n"
    "pickup    unix  n - y 60 1 pickup\n";

TEST(MasterCf, AnItemGoesIntoTheServicesOwnList) {
  auto text =
      with_master_cf_item(k_master, "submission", "inet", "smtpd_recipient_restrictions", "$ours");
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("-o smtpd_recipient_restrictions=$ours,permit_sasl_authenticated,reject\n"),
            std::string::npos);
  EXPECT_EQ(text->size(), k_master.size() + 6);
  EXPECT_EQ(
      with_master_cf_item(*text, "submission", "inet", "smtpd_recipient_restrictions", "$ours"),
      *text);
  text = with_master_cf_item(k_master, "submission", "inet", "smtpd_data_restrictions", "$ours");
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("-o { smtpd_data_restrictions = $ours,reject_unauth_pipelining, permit }"),
            std::string::npos);
  text = with_master_cf_item(k_master, "submission", "inet", "smtpd_end_of_data_restrictions",
                             "$ours");
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("-o smtpd_end_of_data_restrictions=$ours\n"), std::string::npos);
  EXPECT_FALSE(with_master_cf_item(k_master, "smtp", "inet", "smtpd_data_restrictions", "$ours"));
  EXPECT_FALSE(with_master_cf_item(k_master, "none", "inet", "smtpd_data_restrictions", "$ours"));
}

TEST(SekimoriToml, AValueFindsItsPlace) {
  auto text = with_toml_value("", "server", "mode", "\"observe\"");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "[server]\nmode = \"observe\"\n");
  text = with_toml_value(*text, "server", "mode", "\"enforce\"");
  EXPECT_EQ(*text, "[server]\nmode = \"enforce\"\n");
  text = with_toml_value(*text, "server", "name", "\"mx\"");
  EXPECT_EQ(*text, "[server]\nname = \"mx\"\nmode = \"enforce\"\n");
  text = with_toml_value(*text, "dovecot", "doveadm_url", "\"u\"");
  EXPECT_EQ(*text,
            "[server]\nname = \"mx\"\nmode = \"enforce\"\n\n[dovecot]\ndoveadm_url = \"u\"\n");
  EXPECT_FALSE(with_toml_value("[policy]\nlisten = [\n\"a\"]\n", "policy", "listen", "[]"));
  EXPECT_EQ(*with_toml_value("[server]", "server", "a", "1"), "[server]\na = 1\n");
}

// What patch(1) does, for the differences this makes itself.
std::string patched(const std::string& before, const std::string& diff) {
  std::vector<std::string> old;
  for (std::size_t at = 0; at < before.size();) {
    const auto end = std::min(before.find('\n', at), before.size() - 1) + 1;
    old.push_back(before.substr(at, end - at));
    at = end;
  }
  std::string out;
  std::size_t next = 0;
  std::istringstream in(diff);
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  std::string last;
  while (std::getline(in, line)) {
    if (line.starts_with("@@")) {
      std::size_t first = std::stoul(line.substr(4));
      const auto comma = line.find(',');
      const bool none = comma < line.find('+') && line[comma + 1] == '0' && line[comma + 2] == ' ';
      if (none) ++first;
      while (next + 1 < first) out += old[next++];
    } else if (line.starts_with("\\")) {
      if (last == "+" || last == " ") out.pop_back();
    } else {
      last = line.substr(0, 1);
      if (last != "-") out += line.substr(1) + "\n";
      if (last != "+") ++next;
    }
  }
  while (next < old.size()) out += old[next++];
  return out;
}

TEST(UnifiedDiff, GivenBackByPatching) {
  std::mt19937 random(7);
  const auto text = [&](int lines) {
    std::string out;
    for (int i = 0; i < lines; ++i) {
      out += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
    }
    if (!out.empty() && random() % 4 == 0) out.pop_back();
    return out;
  };
  for (int round = 0; round < 2000; ++round) {
    const auto before = text(static_cast<int>(random() % 40));
    const auto after = text(static_cast<int>(random() % 40));
    const auto diff = unified_diff(before, after, {"a", "b"});
    EXPECT_EQ(diff.empty(), before == after);
    if (!diff.empty()) {
      EXPECT_EQ(patched(before, diff), after) << diff;
    }
  }
}

TEST(UnifiedDiff, AsPeopleKnowIt) {
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\nfive\n6\n", {"x", "y"}),
            "--- x\n+++ y\n@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+five\n 6\n");
  EXPECT_EQ(unified_diff("", "a\n", {"/dev/null", "y"}),
            "--- /dev/null\n+++ y\n@@ -0,0 +1 @@\n+a\n");
}

}  // namespace
}  // namespace sekimori::wire
