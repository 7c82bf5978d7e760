#include "wire/mail_profile.h"

#include <gtest/gtest.h>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <random>
#include <sstream>

namespace sekimori::wire {
namespace {

MailProfile profile() {
  MailProfile out;
  out.provider = "Taro & <Sons>";
  out.imap = {"imap.example.jp", 993, MailSecurity::tls};
  out.smtp = {"smtp.example.jp", 587, MailSecurity::starttls};
  return out;
}

boost::property_tree::ptree tree_of(const std::string& xml) {
  boost::property_tree::ptree tree;
  std::istringstream stream(xml);
  boost::property_tree::read_xml(stream, tree, boost::property_tree::xml_parser::trim_whitespace);
  return tree;
}

TEST(MailProfile, thunderbird_reads_what_was_set) {
  const auto tree = tree_of(autoconfig_xml(profile(), "example.jp"));
  const auto& provider = tree.get_child("clientConfig.emailProvider");
  EXPECT_EQ(provider.get<std::string>("<xmlattr>.id"), "example.jp");
  EXPECT_EQ(provider.get<std::string>("domain"), "example.jp");
  EXPECT_EQ(provider.get<std::string>("displayName"), "Taro & <Sons>");
  EXPECT_EQ(provider.get<std::string>("incomingServer.<xmlattr>.type"), "imap");
  EXPECT_EQ(provider.get<std::string>("incomingServer.hostname"), "imap.example.jp");
  EXPECT_EQ(provider.get<int>("incomingServer.port"), 993);
  EXPECT_EQ(provider.get<std::string>("incomingServer.socketType"), "SSL");
  EXPECT_EQ(provider.get<std::string>("incomingServer.username"), "%EMAILADDRESS%");
  EXPECT_EQ(provider.get<std::string>("outgoingServer.socketType"), "STARTTLS");
  EXPECT_EQ(provider.count("incomingServer"), 1U) << "no POP3 was set";
}

TEST(MailProfile, outlook_reads_what_was_set) {
  const auto tree = tree_of(autodiscover_xml(profile(), "taro@example.jp"));
  const auto& account = tree.get_child("Autodiscover.Response.Account");
  EXPECT_EQ(account.get<std::string>("AccountType"), "email");
  EXPECT_EQ(account.get<std::string>("Action"), "settings");
  std::vector<std::string> types;
  for (const auto& [name, node] : account) {
    if (name != "Protocol") continue;
    types.push_back(node.get<std::string>("Type"));
    EXPECT_EQ(node.get<std::string>("LoginName"), "taro@example.jp");
    EXPECT_EQ(node.get<std::string>("SSL"), "on");
    EXPECT_EQ(node.get<std::string>("Encryption"), types.back() == "IMAP" ? "SSL" : "TLS");
  }
  EXPECT_EQ(types, (std::vector<std::string>{"IMAP", "SMTP"}));
  EXPECT_EQ(tree_of(autodiscover_error_xml(600, "Invalid Request"))
                .get<int>("Autodiscover.Response.Error.ErrorCode"),
            600);
}

std::string request_for(std::string_view address, std::string_view prefix = "") {
  const std::string p(prefix);
  return "<?xml version=\"1.0\" encoding=\"utf-8\"?><" + p + "Autodiscover xmlns" +
         (p.empty() ? "" : ":" + p.substr(0, p.size() - 1)) +
         "=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><" +
         p + "Request><" + p + "EMailAddress>" + std::string(address) + "</" + p +
         "EMailAddress><AcceptableResponseSchema>x</AcceptableResponseSchema></" + p +
         "Request></" + p + "Autodiscover>";
}

TEST(MailProfile, a_request_of_outlook_names_an_address) {
  EXPECT_EQ(parse_autodiscover_request(request_for("taro@example.jp")).value(), "taro@example.jp");
  EXPECT_EQ(parse_autodiscover_request(request_for("taro@example.jp", "a:")).value(),
            "taro@example.jp");
  EXPECT_EQ(parse_autodiscover_request(request_for("a&amp;b@example.jp")).value(),
            "a&b@example.jp");
  for (const std::string_view wrong :
       {"", "no xml", "<Autodiscover/>", "<Autodiscover><Request/></Autodiscover>",
        "<Autodiscover><Request><EMailAddress/></Request></Autodiscover>"}) {
    EXPECT_FALSE(parse_autodiscover_request(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_autodiscover_request(request_for(std::string(9000, 'a'))));
}

// Every prefix and every single changed byte is answered, never thrown at.
TEST(MailProfile, a_broken_request_is_refused) {
  const std::string whole = request_for("taro@example.jp");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(parse_autodiscover_request(std::string_view(whole).substr(0, n))) << n;
  }
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    std::string other = whole;
    other[random() % other.size()] = static_cast<char>(random() % 256);
    (void)parse_autodiscover_request(other);
  }
  // As deep as the bound allows.
  std::string deep;
  while (deep.size() + 3 < k_autodiscover_request_max) deep += "<a>";
  EXPECT_FALSE(parse_autodiscover_request(deep));
}

TEST(MailProfile, apple_gets_one_account_and_the_same_names_again) {
  const std::string plist = apple_mobileconfig(profile(), "taro@example.jp", "太郎");
  const auto tree = tree_of(plist);
  EXPECT_EQ(tree.get<std::string>("plist.<xmlattr>.version"), "1.0");
  EXPECT_NE(plist.find("<string>com.apple.mail.managed</string>"), std::string::npos);
  EXPECT_NE(plist.find("<string>EmailTypeIMAP</string>"), std::string::npos);
  EXPECT_NE(plist.find("<string>Taro &amp; &lt;Sons&gt;</string>"), std::string::npos);
  EXPECT_EQ(plist, apple_mobileconfig(profile(), "taro@example.jp", "太郎"));
  EXPECT_NE(plist, apple_mobileconfig(profile(), "jiro@example.jp", "太郎"));
}

TEST(MailProfile, records_say_what_is_offered_and_what_is_not) {
  std::vector<std::string> lines;
  for (const auto& record : srv_records(profile(), "example.jp")) lines.push_back(record.text());
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "_submissions._tcp.example.jp. 3600 IN SRV 0 0 0 .",
                       "_submission._tcp.example.jp. 3600 IN SRV 10 1 587 smtp.example.jp.",
                       "_imaps._tcp.example.jp. 3600 IN SRV 0 1 993 imap.example.jp.",
                       "_imap._tcp.example.jp. 3600 IN SRV 0 0 0 .",
                       "_pop3s._tcp.example.jp. 3600 IN SRV 0 0 0 .",
                       "_pop3._tcp.example.jp. 3600 IN SRV 0 0 0 ."}));
}

}  // namespace
}  // namespace sekimori::wire
