// The mailbox that bounces and feedback reports come to, read over IMAP (RFC 3501) by libcurl.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "act/curl_handle.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::act {

struct ReportMailboxSettings {
  std::string url;  // imap://host:143 (STARTTLS where offered) or imaps://host:993
  std::string login;
  Secret password;
  std::string folder = "INBOX";
  std::string move_to;  // "" deletes what was read
  bool verify_tls = false;
  Duration timeout = seconds(30);
  std::size_t bytes_max = 256 * 1024;  // of one mail; the rest is not fetched
};

// One thread at a time.
class ReportMailbox {
 public:
  explicit ReportMailbox(ReportMailboxSettings settings) : settings_(std::move(settings)) {}

  // Hands up to `max` mails, oldest first, to `take`, and removes each of which it says true.
  // Returns how many were removed. Errors: operating; a mail that was handed over and not removed
  // comes again.
  [[nodiscard]] Result<std::size_t> read(std::size_t max,
                                         const std::function<bool(const std::string& mail)>& take);
  // Ends what is being asked within a second, and whatever is asked from now on. Any thread.
  void cancel() { cancelled_ = true; }
  [[nodiscard]] bool is_cancelled() const { return cancelled_; }

 private:
  [[nodiscard]] Result<std::string> ask(const std::string& path, const std::string& command,
                                        std::size_t bytes);

  ReportMailboxSettings settings_;
  std::atomic<bool> cancelled_{false};
  CurlHandle curl_;  // keeps the connection: one sign-in for many looks
};

// The numbers of an answer "* SEARCH 4 8 15" (RFC 3501 §7.2.5), at most `max`.
[[nodiscard]] std::vector<std::uint32_t> search_numbers(std::string_view answer, std::size_t max);

}  // namespace sekimori::act
