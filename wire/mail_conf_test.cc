#include "wire/mail_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sekimori::wire {
namespace {

using ::testing::ElementsAre;

TEST(Postconf, LinesAreValues) {
  const auto values = parse_postconf(
      "mail_version = 3.7.11\n"
      "smtpd_recipient_restrictions =\n"
      "proxy_read_maps = $local_recipient_maps $mydestination\n"
      "postconf: warning: something\n");
  ASSERT_TRUE(values);
  EXPECT_EQ(values->size(), 3U);
  EXPECT_EQ(values->at("mail_version"), "3.7.11");
  EXPECT_EQ(values->at("smtpd_recipient_restrictions"), "");
}

TEST(Postconf, ServicesHaveTheirOwnOptions) {
  const auto services = parse_services(
      "smtp       inet  n       -       y       -       -       smtpd\n"
      "127.0.0.1:587 inet n     -       n       -       -       smtpd -o x=y\n"
      "    -o folded=yes\n"
      "pickup     unix  n       -       y       60      1       pickup\n",
      "127.0.0.1:587/inet/smtpd_sasl_auth_enable = yes\n"
      "127.0.0.1:587/inet/smtpd_recipient_restrictions =\n"
      "smtp2/inet/other = 1\n");
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 3U);
  EXPECT_TRUE((*services)[0].chrooted);
  EXPECT_TRUE((*services)[0].options.empty());
  EXPECT_EQ((*services)[1].command, "smtpd");
  EXPECT_EQ((*services)[1].options.at("smtpd_sasl_auth_enable"), "yes");
  EXPECT_EQ((*services)[1].options.size(), 2U);
  EXPECT_FALSE(parse_services("smtp inet n\n", ""));
}

TEST(Postconf, NamesAreReplacedAndCirclesEnd) {
  const ConfValues values{{"a", "1 $b"}, {"b", "${c}!"}, {"c", "x"}, {"loop", "$loop $loop"}};
  EXPECT_EQ(expanded("<$a>", values), "<1 x!>");
  EXPECT_EQ(expanded("$(c) $$ $none ${c?{y}}", values), "x $  ${c?{y}}");
  EXPECT_LT(expanded("$loop", values).size(), 5000U);
}

TEST(Postconf, WordsKeepBracesTogether) {
  EXPECT_THAT(
      conf_words("check_policy_service { inet:127.0.0.1:1, timeout=1s }, permit,,reject"),
      ElementsAre("check_policy_service", "{ inet:127.0.0.1:1, timeout=1s }", "permit", "reject"));
}

constexpr std::string_view k_doveconf = R"(# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
# OS: Linux
auth_mechanisms = plain login
passdb {
  args = /etc/dovecot/dovecot-sql.conf.ext
  driver = sql
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
  }
}
namespace "a b" {
  prefix = "x \"y\""
}
passdb {
  driver = pam
}
)";

TEST(Doveconf, BlocksAreATree) {
  const auto conf = parse_doveconf(k_doveconf);
  ASSERT_TRUE(conf) << conf.error().text;
  EXPECT_EQ(conf->version, "2.3.19.1");
  EXPECT_EQ(conf->major, 2);
  EXPECT_EQ(conf->minor, 3);
  EXPECT_EQ(conf->root.get("auth_mechanisms"), "plain login");
  ASSERT_EQ(conf->root.blocks.size(), 4U);
  EXPECT_EQ(conf->root.blocks[0].get("driver"), "sql");
  EXPECT_EQ(conf->root.blocks[3].get("driver"), "pam");
  const auto* auth = conf->root.block("service", "auth");
  ASSERT_NE(auth, nullptr);
  ASSERT_NE(auth->block("unix_listener", "/var/spool/postfix/private/auth"), nullptr);
  ASSERT_NE(conf->root.block("namespace", "a b"), nullptr);
  EXPECT_EQ(conf->root.block("namespace", "a b")->get("prefix"), "x \"y\"");
  EXPECT_EQ(conf->root.find("none"), nullptr);
}

TEST(Doveconf, EveryPrefixIsReadOrRefused) {
  for (std::size_t n = 0; n <= k_doveconf.size(); ++n)
    (void)parse_doveconf(k_doveconf.substr(0, n));
  EXPECT_FALSE(parse_doveconf("# 2.4.1 x\n}\n"));
  EXPECT_FALSE(parse_doveconf("# 2.4.1 x\nservice a {\n"));
  EXPECT_FALSE(parse_doveconf("key = value\n"));
  std::string deep = "# 2.4.1 x\n";
  for (int i = 0; i < 20; ++i) deep += "a {\n";
  EXPECT_FALSE(parse_doveconf(deep));
}

TEST(Version, OfBothServers) {
  EXPECT_EQ(version_of("3.7.11"), std::pair(3, 7));
  EXPECT_EQ(version_of("2.4.1-4"), std::pair(2, 4));
  EXPECT_EQ(version_of("3.11-20250101"), std::pair(3, 11));
  EXPECT_EQ(version_of("x"), std::pair(0, 0));
}

}  // namespace
}  // namespace sekimori::wire
