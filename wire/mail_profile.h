// How a mail program is told its settings, in the forms that programs ask for: Thunderbird's
// autoconfig, Outlook's autodiscover (POX), Apple's configuration profile, DNS SRV records. Pure:
// bytes and types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sekimori::wire {

enum class MailSecurity : std::uint8_t {
  tls,       // from the first byte (RFC 8314 §3)
  starttls,  // plain, then STARTTLS (RFC 3207, RFC 2595)
};

struct MailServer {
  std::string host;  // "": this protocol is not offered
  std::uint16_t port = 0;
  MailSecurity security = MailSecurity::tls;
  bool operator==(const MailServer&) const = default;
};

struct MailProfile {
  std::string provider;  // its name for people
  MailServer imap;
  MailServer pop3;
  MailServer smtp;
  [[nodiscard]] bool is_set() const { return !imap.host.empty() || !pop3.host.empty(); }
};

// Thunderbird's config-v1.1.xml (wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat).
// `domain` may be empty: then the placeholders alone say whose it is.
[[nodiscard]] std::string autoconfig_xml(const MailProfile& profile, std::string_view domain);

// Outlook's response for the schema outlook/responseschema/2006a (MS-OXDSCLI §2.2.4).
[[nodiscard]] std::string autodiscover_xml(const MailProfile& profile, std::string_view address);
// The same protocol's error: 500 is an unknown address, 600 an invalid request.
[[nodiscard]] std::string autodiscover_error_xml(int code, std::string_view message);
// A request is a few lines; deeper nesting than a small body can hold would cost the reader's
// stack.
inline constexpr std::size_t k_autodiscover_request_max = 8 * 1024;
// <EMailAddress> of a request, as it stands there. Errors: bad_input (no XML, none in it, too
// long).
[[nodiscard]] Result<std::string> parse_autodiscover_request(std::string_view body);

// Apple's configuration profile with one mail account (com.apple.mail.managed), as an XML property
// list. The UUIDs are made of the address, so that a second installation replaces the first.
[[nodiscard]] std::string apple_mobileconfig(const MailProfile& profile, std::string_view address,
                                             std::string_view person);

struct SrvRecord {
  std::string name;  // "_imaps._tcp.example.jp."
  unsigned priority = 0;
  unsigned weight = 1;
  std::uint16_t port = 0;
  std::string target;  // "." where the service is not offered
  // As a zone file has it.
  [[nodiscard]] std::string text() const;
  bool operator==(const SrvRecord&) const = default;
};
// What a domain publishes (RFC 6186 §3, RFC 8314 §5.1), what is not offered with the target ".".
[[nodiscard]] std::vector<SrvRecord> srv_records(const MailProfile& profile,
                                                 std::string_view domain);

}  // namespace sekimori::wire
