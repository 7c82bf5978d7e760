#include "act/mail_notifier.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/mail_address.h"

namespace sekimori::act {
namespace {

constexpr std::size_t k_sent_max = 10'000;

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

// Kinds an owner is told of in the mailbox itself: where it can still be read. A suspended owner
// cannot, and a thief who can must not learn what was noticed.
bool owner_can_read(const decide::Notice& notice) {
  return notice.subject.kind == decide::SubjectKind::account &&
         (notice.kind == "restricted" || notice.kind == "restored" || notice.kind == "recovering" ||
          notice.kind == "held_asked");
}

}  // namespace

MailNotifier::MailNotifier(MailNotifierSettings settings) : settings_(std::move(settings)) {
  std::erase_if(settings_.operators, [this](const std::string& address) {
    const bool wrong =
        !MailAddress::parse(address) || address.find_first_of("<>\r\n ") != std::string::npos;
    if (wrong && settings_.log) settings_.log("an operator's address is none and is left out");
    return wrong;
  });
}

Result<void> MailNotifier::tell(const decide::Notice& notice) {
  const std::lock_guard lock(mutex_);
  const Instant now = settings_.now();
  if (settings_.log) {
    settings_.log(fmt::format("notice: {} {} {} incident {}: {}", notice.kind,
                              to_string(notice.subject.kind), notice.subject.id, notice.incident,
                              notice.summary.en));
  }
  if (settings_.from.empty()) return {};
  std::erase_if(sent_,
                [&](const auto& entry) { return now - entry.second >= settings_.repeat_interval; });
  if (sent_.size() >= k_sent_max) sent_.clear();

  Result<void> result;
  const auto once = [&](Audience audience, const std::vector<std::string>& to) {
    const Key key{notice.incident, notice.kind, notice.subject, audience};
    if (to.empty() || sent_.contains(key)) return;
    auto told = send(notice, audience, to, now);
    if (told) {
      sent_.emplace(key, now);
    } else {
      result = std::move(told);
    }
  };
  once(Audience::operators, settings_.operators);
  if (settings_.owners && owner_can_read(notice)) {
    if (auto address = MailAddress::parse(notice.subject.id)) {
      once(Audience::owner, {address->text()});
    }
  }
  return result;
}

Result<void> MailNotifier::send(const decide::Notice& notice, Audience audience,
                                const std::vector<std::string>& to, Instant now) {
  NoticeMail mail;
  mail.from = settings_.from;
  mail.to = to;
  mail.server_name = settings_.server_name;
  mail.portal_url = settings_.portal_url;
  mail.panel_url = settings_.panel_url;
  mail.for_owner = audience == Audience::owner;
  mail.now = now;
  const std::string message = notice_message(notice, mail);

  CURL* handle = curl_.reset();
  if (handle == nullptr) return operating_failure("libcurl could not start");
  // The path is what curl says in EHLO.
  const std::string_view domain = domain_of(settings_.from);
  const std::string url = fmt::format("smtp://{}/{}", settings_.smtp, domain);
  CurlList recipients;
  for (const std::string& address : to) recipients.add(fmt::format("<{}>", address).c_str());
  const std::string from = fmt::format("<{}>", settings_.from);
  Unsent unsent{message};
  std::string ignored;
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, recipients.get());
  // One operator's dead address must not keep the others from knowing.
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
  return operating_failure(fmt::format("the notice was not taken by {}: {} ({})", settings_.smtp,
                                       curl_easy_strerror(code), reply));
}

}  // namespace sekimori::act
