#include "wire/mail_profile.h"

#include <fmt/format.h>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "base/hash.h"
#include "base/markup.h"

namespace sekimori::wire {
namespace {

// Text inside an element. What XML 1.0 §2.2 does not allow at all is left out.
std::string_view thunderbird_word(MailSecurity security) {
  return security == MailSecurity::tls ? "SSL" : "STARTTLS";
}

std::string thunderbird_server(std::string_view element, std::string_view type,
                               const MailServer& server) {
  if (server.host.empty()) return "";
  return fmt::format(
      "    <{0} type=\"{1}\">\n"
      "      <hostname>{2}</hostname>\n"
      "      <port>{3}</port>\n"
      "      <socketType>{4}</socketType>\n"
      "      <username>%EMAILADDRESS%</username>\n"
      "      <authentication>password-cleartext</authentication>\n"
      "    </{0}>\n",
      element, type, markup_text(server.host), server.port, thunderbird_word(server.security));
}

std::string outlook_server(std::string_view type, const MailServer& server,
                           std::string_view address) {
  if (server.host.empty()) return "";
  return fmt::format(
      "      <Protocol>\n"
      "        <Type>{}</Type>\n"
      "        <Server>{}</Server>\n"
      "        <Port>{}</Port>\n"
      "        <LoginName>{}</LoginName>\n"
      "        <DomainRequired>off</DomainRequired>\n"
      "        <SPA>off</SPA>\n"
      "        <SSL>on</SSL>\n"
      "        <Encryption>{}</Encryption>\n"
      "        <AuthRequired>on</AuthRequired>\n"
      "{}"
      "      </Protocol>\n",
      type, markup_text(server.host), server.port, markup_text(address),
      server.security == MailSecurity::tls ? "SSL" : "TLS",
      type == "SMTP" ? "        <UsePOPAuth>off</UsePOPAuth>\n        <SMTPLast>off</SMTPLast>\n"
                     : "");
}

// A UUID by name (RFC 4122 §4.3 in form; the hash is ours): the same for the same words.
std::string uuid_of(std::string_view kind, std::string_view name) {
  const std::string text = fmt::format("{}\n{}", kind, name);
  const std::uint64_t a = keyed_hash(HashKey{}, "a" + text);
  const std::uint64_t b = keyed_hash(HashKey{}, "b" + text);
  return fmt::format("{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", a >> 32U, (a >> 16U) & 0xffffU,
                     (a & 0x0fffU) | 0x8000U, ((b >> 48U) & 0x3fffU) | 0x8000U,
                     b & 0xffffffffffffU);
}

class Plist {
 public:
  void text(std::string_view key, std::string_view value) {
    out_ += fmt::format("{}<key>{}</key>\n{}<string>{}</string>\n", indent_, key, indent_,
                        markup_text(value));
  }
  void number(std::string_view key, unsigned value) {
    out_ += fmt::format("{}<key>{}</key>\n{}<integer>{}</integer>\n", indent_, key, indent_, value);
  }
  void yes(std::string_view key, bool value) {
    out_ +=
        fmt::format("{}<key>{}</key>\n{}<{}/>\n", indent_, key, indent_, value ? "true" : "false");
  }
  void begin_array(std::string_view key) {
    out_ += fmt::format("{}<key>{}</key>\n{}<array>\n", indent_, key, indent_);
    indent_ += "  ";
  }
  void begin(std::string_view what) {
    out_ += fmt::format("{}<{}>\n", indent_, what);
    indent_ += "  ";
  }
  void end(std::string_view what) {
    indent_.resize(indent_.size() - 2);
    out_ += fmt::format("{}</{}>\n", indent_, what);
  }
  [[nodiscard]] const std::string& str() const { return out_; }

 private:
  std::string out_;
  std::string indent_;
};

void apple_server(Plist& out, std::string_view which, const MailServer& server,
                  std::string_view address) {
  const std::string prefix(which);
  out.text(prefix + "MailServerHostName", server.host);
  out.number(prefix + "MailServerPortNumber", server.port);
  // With STARTTLS the key is true, too: Mail finds out by the port's answer.
  out.yes(prefix + "MailServerUseSSL", true);
  out.text(prefix + "MailServerUsername", address);
  out.text(prefix + "MailServerAuthentication", "EmailAuthPassword");
}

SrvRecord srv(std::string_view service, std::string_view domain, const MailServer& server,
              MailSecurity security, unsigned priority) {
  SrvRecord record;
  record.name = fmt::format("_{}._tcp.{}.", service, domain);
  record.priority = priority;
  if (server.host.empty() || server.security != security) {
    record.priority = 0;
    record.weight = 0;
    record.target = ".";
    return record;
  }
  record.port = server.port;
  record.target = server.host + ".";
  return record;
}

}  // namespace

std::string autoconfig_xml(const MailProfile& profile, std::string_view domain) {
  const std::string id = domain.empty() ? "mail" : std::string(domain);
  const std::string name = profile.provider.empty() ? id : profile.provider;
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<clientConfig version=\"1.1\">\n"
      "  <emailProvider id=\"{0}\">\n"
      "    <domain>{1}</domain>\n"
      "    <displayName>{2}</displayName>\n"
      "    <displayShortName>{2}</displayShortName>\n"
      "{3}{4}{5}"
      "  </emailProvider>\n"
      "</clientConfig>\n",
      markup_text(id), domain.empty() ? "%EMAILDOMAIN%" : markup_text(domain), markup_text(name),
      thunderbird_server("incomingServer", "imap", profile.imap),
      thunderbird_server("incomingServer", "pop3", profile.pop3),
      thunderbird_server("outgoingServer", "smtp", profile.smtp));
}

std::string autodiscover_xml(const MailProfile& profile, std::string_view address) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<Autodiscover "
      "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n"
      "  <Response "
      "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\">"
      "\n"
      "    <User>\n      <DisplayName>{}</DisplayName>\n    </User>\n"
      "    <Account>\n"
      "      <AccountType>email</AccountType>\n"
      "      <Action>settings</Action>\n"
      "{}{}{}"
      "    </Account>\n"
      "  </Response>\n"
      "</Autodiscover>\n",
      markup_text(address), outlook_server("IMAP", profile.imap, address),
      outlook_server("POP3", profile.pop3, address), outlook_server("SMTP", profile.smtp, address));
}

std::string autodiscover_error_xml(int code, std::string_view message) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<Autodiscover "
      "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n"
      "  <Response>\n"
      "    <Error>\n"
      "      <ErrorCode>{}</ErrorCode>\n"
      "      <Message>{}</Message>\n"
      "      <DebugData />\n"
      "    </Error>\n"
      "  </Response>\n"
      "</Autodiscover>\n",
      code, markup_text(message));
}

Result<std::string> parse_autodiscover_request(std::string_view body) {
  if (body.size() > k_autodiscover_request_max) return bad_input("the request is too long");
  namespace ptree = boost::property_tree;
  ptree::ptree tree;
  try {
    std::istringstream stream{std::string(body)};
    ptree::read_xml(stream, tree, ptree::xml_parser::trim_whitespace);
  } catch (const ptree::xml_parser_error&) {
    return bad_input("the request is not XML");
  }
  // <Autodiscover><Request><EMailAddress>; a prefix of a namespace may stand before each.
  const auto child = [](const ptree::ptree& node, std::string_view wanted) -> const ptree::ptree* {
    for (const auto& [name, below] : node) {
      const auto colon = name.rfind(':');
      const std::string_view local =
          std::string_view(name).substr(colon == std::string::npos ? 0 : colon + 1);
      if (local == wanted) return &below;
    }
    return nullptr;
  };
  const ptree::ptree* node = &tree;
  for (const std::string_view step : {"Autodiscover", "Request", "EMailAddress"}) {
    node = child(*node, step);
    if (node == nullptr) return bad_input("the request names no EMailAddress");
  }
  auto address = node->get_value<std::string>();
  if (address.empty()) return bad_input("the request names no EMailAddress");
  return address;
}

std::string apple_mobileconfig(const MailProfile& profile, std::string_view address,
                               std::string_view person) {
  const bool imap = !profile.imap.host.empty();
  const std::string provider = profile.provider.empty() ? std::string(address) : profile.provider;
  Plist out;
  out.begin("dict");
  out.begin_array("PayloadContent");
  out.begin("dict");
  out.text("EmailAccountDescription", provider);
  if (!person.empty()) out.text("EmailAccountName", person);
  out.text("EmailAccountType", imap ? "EmailTypeIMAP" : "EmailTypePOP");
  out.text("EmailAddress", address);
  apple_server(out, "Incoming", imap ? profile.imap : profile.pop3, address);
  apple_server(out, "Outgoing", profile.smtp, address);
  out.yes("OutgoingPasswordSameAsIncomingPassword", true);
  out.text("PayloadDisplayName", provider);
  const std::string id = fmt::format("mail.{}", uuid_of("id", address));
  out.text("PayloadIdentifier", id + ".account");
  out.text("PayloadType", "com.apple.mail.managed");
  out.text("PayloadUUID", uuid_of("account", address));
  out.number("PayloadVersion", 1);
  out.yes("SMIMEEnabled", false);
  out.end("dict");
  out.end("array");
  out.text("PayloadDisplayName", fmt::format("{} ({})", provider, address));
  out.text("PayloadIdentifier", id);
  out.text("PayloadOrganization", provider);
  out.yes("PayloadRemovalDisallowed", false);
  out.text("PayloadType", "Configuration");
  out.text("PayloadUUID", uuid_of("profile", address));
  out.number("PayloadVersion", 1);
  out.end("dict");
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
      "<plist version=\"1.0\">\n{}</plist>\n",
      out.str());
}

std::string SrvRecord::text() const {
  return fmt::format("{} 3600 IN SRV {} {} {} {}", name, priority, weight, port, target);
}

std::vector<SrvRecord> srv_records(const MailProfile& profile, std::string_view domain) {
  using enum MailSecurity;
  // RFC 8314 §5.1: implicit TLS before STARTTLS.
  return {srv("submissions", domain, profile.smtp, tls, 0),
          srv("submission", domain, profile.smtp, starttls, 10),
          srv("imaps", domain, profile.imap, tls, 0),
          srv("imap", domain, profile.imap, starttls, 10),
          srv("pop3s", domain, profile.pop3, tls, 20),
          srv("pop3", domain, profile.pop3, starttls, 30)};
}

}  // namespace sekimori::wire
