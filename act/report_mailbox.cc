#include "act/report_mailbox.h"

#include <fmt/format.h>

#include <charconv>

namespace sekimori::act {
namespace {

// A quoted string of IMAP (RFC 3501 §4.3).
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\r' && c != '\n') out += c;
  }
  return out + '"';
}

// libcurl asks about once a second whether to go on.
int go_on(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(cancelled)->load() ? 1 : 0;
}

}  // namespace

std::vector<std::uint32_t> search_numbers(std::string_view answer, std::size_t max) {
  std::vector<std::uint32_t> numbers;
  constexpr std::string_view k_begin = "* SEARCH";
  const auto at = answer.find(k_begin);
  if (at == std::string_view::npos) return numbers;
  std::string_view rest = answer.substr(at + k_begin.size());
  rest = rest.substr(0, rest.find_first_of("\r\n"));
  while (!rest.empty() && numbers.size() < max) {
    if (rest.front() == ' ') {
      rest.remove_prefix(1);
      continue;
    }
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || number == 0) break;
    numbers.push_back(number);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  return numbers;
}

Result<std::string> ReportMailbox::ask(const std::string& path, const std::string& command,
                                       std::size_t bytes) {
  CURL* const curl = curl_.reset();
  if (curl == nullptr) return operating_failure("libcurl could not start");
  // With its terminating zero; libcurl keeps a copy of its own until the handle's reset.
  const Secret password{std::string(settings_.password.reveal())};
  std::string answer;
  const std::string url = settings_.url + "/" + path;
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "imap,imaps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_USERNAME, settings_.login.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, password.reveal().data());
  curl_easy_setopt(curl, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_TRY));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, settings_.verify_tls ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, settings_.verify_tls ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &go_on);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &cancelled_);
  if (!command.empty()) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, command.c_str());
  curl_.set_timeout(settings_.timeout);
  curl_.collect(answer, bytes);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK) return answer;
  return operating_failure(
      fmt::format("{} as {}: {}", settings_.url, settings_.login, curl_easy_strerror(code)));
}

Result<std::size_t> ReportMailbox::read(std::size_t max,
                                        const std::function<bool(const std::string& mail)>& take) {
  char* const escaped = curl_easy_escape(curl_.reset(), settings_.folder.c_str(),
                                         static_cast<int>(settings_.folder.size()));
  if (escaped == nullptr) return operating_failure("libcurl could not start");
  const std::string folder = escaped;
  curl_free(escaped);
  // What has come since the last command is seen from the next one on (RFC 3501 §5.2).
  if (auto done = ask(folder, "NOOP", 1U << 20U); !done) return std::unexpected(done.error());
  // 11 bytes a number: enough for a million mails.
  auto found = ask(folder, "UID SEARCH UNDELETED", 16U << 20U);
  if (!found) return std::unexpected(found.error());
  std::size_t removed = 0;
  for (const std::uint32_t uid : search_numbers(*found, max)) {
    // A little more than is asked for: libcurl hands over the literal alone.
    auto mail = ask(fmt::format("{}/;UID={}/;PARTIAL=0.{}", folder, uid, settings_.bytes_max), "",
                    settings_.bytes_max + 1024);
    if (!mail) return std::unexpected(mail.error());
    if (!take(*mail)) continue;
    if (settings_.move_to.empty()) {
      auto done = ask(folder, fmt::format("UID STORE {} +FLAGS.SILENT (\\Deleted)", uid), 65536);
      if (!done) return std::unexpected(done.error());
    } else {
      auto done = ask(folder, fmt::format("UID MOVE {} {}", uid, quoted(settings_.move_to)), 65536);
      if (!done) return std::unexpected(done.error());
    }
    ++removed;
  }
  if (removed > 0 && settings_.move_to.empty()) {
    if (auto done = ask(folder, "EXPUNGE", 1U << 20U); !done) return std::unexpected(done.error());
  }
  return removed;
}

}  // namespace sekimori::act
