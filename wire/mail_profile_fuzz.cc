// Any request of Outlook: an address or an error, and whatever is made of it is one document.
#include <cstdint>

#include "base/check.h"
#include "wire/mail_profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto address = parse_autodiscover_request(text);
  SEKIMORI_CHECK(address ? !address->empty() : !address.error().text.empty());
  MailProfile profile;
  profile.provider = std::string(text);
  profile.imap.host = "imap.example.jp";
  profile.smtp.host = "smtp.example.jp";
  const std::string answer = autodiscover_xml(profile, address ? *address : std::string(text));
  SEKIMORI_CHECK(answer.ends_with("</Autodiscover>\n"));
  SEKIMORI_CHECK(answer.find("</Autodiscover>") == answer.size() - 16);
  SEKIMORI_CHECK(autoconfig_xml(profile, "").ends_with("</clientConfig>\n"));
  SEKIMORI_CHECK(apple_mobileconfig(profile, "a@example.jp", text).ends_with("</plist>\n"));
  return 0;
}
