#include "act/mail_sender.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/mail_address.h"

namespace sekimori::act {
namespace {

struct Unsent {
  std::string_view bytes;
};

std::size_t give(char* into, std::size_t size, std::size_t count, void* unsent) {
  auto& rest = static_cast<Unsent*>(unsent)->bytes;
  const std::size_t n = std::min(size * count, rest.size());
  std::memcpy(into, rest.data(), n);
  rest.remove_prefix(n);
  return n;
}

}  // namespace

DeliveryResult MailSender::send(const std::string& from, const std::vector<std::string>& to,
                                const std::string& message) {
  CURL* handle = curl_.reset();
  if (handle == nullptr) return {Delivery::channel_down, "libcurl could not start"};
  // The path is what curl says in EHLO.
  const std::string url = fmt::format("smtp://{}/{}", settings_.smtp, domain_of(from));
  CurlList recipients;
  for (const std::string& address : to) recipients.add(fmt::format("<{}>", address).c_str());
  const std::string sender = fmt::format("<{}>", from);
  Unsent unsent{message};
  std::string ignored;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_MAIL_FROM, sender.c_str());
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, &give);
  curl_easy_setopt(handle, CURLOPT_READDATA, &unsent);
  curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
  curl_.set_timeout(settings_.timeout);
  curl_.collect(ignored, 65536);
  const CURLcode code = curl_easy_perform(handle);
  if (code == CURLE_OK) return {};
  long reply = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply);
  const std::string detail =
      fmt::format("{} did not take it: {} ({})", settings_.smtp, curl_easy_strerror(code), reply);
  // An address that does not exist. Any other 5xx may be our own Postfix's settings, and is tried
  // again until the time for it is over.
  if (reply == 550 || reply == 551 || reply == 553) return {Delivery::gone, detail};
  if (code == CURLE_SEND_ERROR || reply >= 400) return {Delivery::later, detail};
  return {Delivery::channel_down, detail};
}

}  // namespace sekimori::act
