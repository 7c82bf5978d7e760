#include "act/prover.h"

#include <fmt/format.h>

#include "act/curl_handle.h"

namespace sekimori::act {
namespace {

// A server that talks on and on is none.
constexpr std::size_t k_answer_max = 64 * 1024;
constexpr std::size_t k_words_max = 200;

// What the server said. libcurl's own result is not enough: it signs in nowhere, and succeeds,
// where a server offers no AUTH, and calls a temporary failure "denied".
struct Heard {
  bool is_smtp = true;
  bool is_accepted = false;
  bool is_refused = false;
  bool is_later = false;
  std::string words;  // the last line that decided something
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string printable(std::string_view line) {
  std::string out;
  for (const char c : line.substr(0, k_words_max)) {
    if (c >= ' ' && c <= '~') out += c;
  }
  return out;
}

// RFC 4954 §4 and §6: 235 the sign-in succeeded, 535 the credentials are wrong (534 and 538 say
// that the mechanism is, which tells nothing of the password), 4yz a failure of the server.
void hear_smtp(Heard& heard, std::string_view line) {
  if (line.size() < 3 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2])) return;
  if (line.size() > 3 && line[3] == '-') return;
  const std::string_view code = line.substr(0, 3);
  if (code == "235") {
    heard.is_accepted = true;
  } else if (code == "535") {
    heard.is_refused = true;
  } else if (line[0] == '4') {
    heard.is_later = true;
  } else {
    return;
  }
  heard.words = printable(line);
}

// The tagged answer to LOGIN or AUTHENTICATE (RFC 3501 §7.1; libcurl's tags are a letter and three
// digits). [UNAVAILABLE] and [SERVERBUG] (RFC 5530 §3) are failures of the server.
void hear_imap(Heard& heard, std::string_view line) {
  if (line.size() < 7 || line[0] < 'A' || line[0] > 'Z' || !is_digit(line[1]) ||
      !is_digit(line[2]) || !is_digit(line[3]) || line[4] != ' ') {
    return;
  }
  const std::string_view rest = line.substr(5);
  if (!rest.starts_with("NO")) return;
  if (rest.find("[UNAVAILABLE]") != std::string_view::npos ||
      rest.find("[SERVERBUG]") != std::string_view::npos ||
      rest.find("[INUSE]") != std::string_view::npos) {
    heard.is_later = true;
  } else {
    heard.is_refused = true;
  }
  heard.words = printable(line);
}

// libcurl gives one call a line; what is sent (the password in it) is not looked at.
int hear(CURL*, curl_infotype type, char* bytes, std::size_t size, void* into) {
  if (type != CURLINFO_HEADER_IN) return 0;
  auto& heard = *static_cast<Heard*>(into);
  std::string_view text(bytes, size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (heard.is_smtp) {
      hear_smtp(heard, text.substr(0, end));
    } else {
      hear_imap(heard, text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

CURLcode ask(CurlHandle& handle, CURL* curl, const ProverSettings& settings, Service service,
             const std::string& url, Heard& heard, std::string& answer) {
  heard.is_smtp = service == Service::smtp;
  handle.set_timeout(settings.timeout);
  handle.collect(answer, k_answer_max);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, heard.is_smtp ? "smtp,smtps" : "imap,imaps");
  curl_easy_setopt(curl, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_TRY));
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, settings.verify_tls ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, settings.verify_tls ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "NOOP");
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, hear);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &heard);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
  if (heard.is_smtp) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  return curl_easy_perform(curl);
}

}  // namespace

std::string_view to_string(Trial trial) {
  switch (trial) {
    case Trial::accepted: return "accepted";
    case Trial::refused: return "refused";
    case Trial::unreachable: return "unreachable";
  }
  return "unreachable";
}

TrialOutcome Prover::try_sign_in(Service service, std::string_view login,
                                 const Secret& password) const {
  if (!knows(service)) return {Trial::unreachable, "no server is configured for this trial"};
  CurlHandle handle;
  CURL* curl = handle.reset();
  if (curl == nullptr) return {Trial::unreachable, "libcurl cannot start"};
  const std::string name(login);
  const Secret copy{std::string(password.reveal())};  // with its terminating zero
  curl_easy_setopt(curl, CURLOPT_USERNAME, name.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, copy.reveal().data());
  Heard heard;
  std::string answer;
  const CURLcode code = ask(handle, curl, settings_, service, url(service), heard, answer);
  // IMAP: what comes after the sign-in (NOOP) succeeded, and a server that lets nobody sign in
  // would have refused LOGIN.
  const bool is_accepted =
      service == Service::smtp ? heard.is_accepted : code == CURLE_OK && !heard.is_refused;
  if (is_accepted && !heard.is_refused) return {Trial::accepted, heard.words};
  if (heard.is_later) return {Trial::unreachable, heard.words};
  if (heard.is_refused && code == CURLE_LOGIN_DENIED) return {Trial::refused, heard.words};
  return {Trial::unreachable, code == CURLE_OK ? "the server offers no sign-in"
                                               : std::string(curl_easy_strerror(code))};
}

Result<void> Prover::reach(Service service) const {
  if (!knows(service)) return {};
  CurlHandle handle;
  CURL* curl = handle.reset();
  if (curl == nullptr) return operating_failure("libcurl cannot start");
  Heard heard;
  std::string answer;
  const CURLcode code = ask(handle, curl, settings_, service, url(service), heard, answer);
  // Without a login some servers refuse even NOOP: they answer all the same.
  if (code == CURLE_OK || code == CURLE_LOGIN_DENIED || code == CURLE_QUOTE_ERROR ||
      code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY) {
    return {};
  }
  return operating_failure(
      fmt::format("{} is not reached: {}", url(service), curl_easy_strerror(code)));
}

}  // namespace sekimori::act
