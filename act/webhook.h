// Notices to other programs: one signed JSON POST a notice, at least once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "act/curl_handle.h"
#include "act/mail_sender.h"
#include "base/instant.h"
#include "base/secret.h"
#include "decide/notice.h"

namespace sekimori::act {

struct Webhook {
  std::string name;  // shown and stored: host and place in the list; a URL may hold a secret
  std::string url;
};
// "1:hooks.example.jp" for each, in the order of the setting.
[[nodiscard]] std::vector<Webhook> name_webhooks(const std::vector<std::string>& urls);

// The value of X-Sekimori-Signature: "t=<unix seconds>,v1=<hex>" with HMAC-SHA256(secret,
// "t.body").
[[nodiscard]] std::string webhook_signature(const Secret& secret, std::int64_t unix_seconds,
                                            std::string_view body);
// The same for every try of one notice, so that a receiver may know what it has.
[[nodiscard]] std::string webhook_delivery_id(const decide::NoticeRow& row);
[[nodiscard]] std::string webhook_body(const decide::NoticeRow& row, std::string_view server);

// One thread at a time.
class WebhookSender {
 public:
  // Without a secret nothing is signed. The server's certificate is always verified.
  WebhookSender(std::vector<Webhook> hooks, Secret secret, std::string server, Duration timeout)
      : hooks_(std::move(hooks)),
        secret_(std::move(secret)),
        server_(std::move(server)),
        timeout_(timeout) {}
  // 2xx = taken; 4xx but 408, 425 and 429 = gone; everything else comes again.
  [[nodiscard]] DeliveryResult send(const decide::NoticeRow& row, Instant now);
  [[nodiscard]] const std::vector<Webhook>& hooks() const { return hooks_; }

 private:
  std::vector<Webhook> hooks_;
  Secret secret_;
  std::string server_;
  Duration timeout_;
  CurlHandle curl_;
};

}  // namespace sekimori::act
