// Hands a finished message to the local Postfix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "act/curl_handle.h"
#include "base/instant.h"

namespace sekimori::act {

// What became of one attempt to deliver, whatever the channel.
enum class Delivery : std::uint8_t {
  taken,
  later,         // this one not now
  gone,          // refused for good
  channel_down,  // nobody takes anything there now
};
struct DeliveryResult {
  Delivery delivery = Delivery::taken;
  std::string detail;  // why not; never a secret
};

struct MailSenderSettings {
  std::string smtp = "127.0.0.1:25";  // host:port of the local Postfix
  Duration timeout = seconds(20);
};

// One thread at a time.
class MailSender {
 public:
  explicit MailSender(MailSenderSettings settings) : settings_(std::move(settings)) {}
  // `message` as make_mail() writes it. Recipients that are refused do not keep the others from it;
  // taken = at least one of them was accepted.
  [[nodiscard]] DeliveryResult send(const std::string& from, const std::vector<std::string>& to,
                                    const std::string& message);

 private:
  MailSenderSettings settings_;
  CurlHandle curl_;
};

}  // namespace sekimori::act
