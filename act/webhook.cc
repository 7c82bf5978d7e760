#include "act/webhook.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace sekimori::act {
namespace {

namespace json = boost::json;

std::string_view host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  return url;
}

json::object in_both(const Text& text) { return {{"ja", text.ja}, {"en", text.en}}; }

}  // namespace

std::vector<Webhook> name_webhooks(const std::vector<std::string>& urls) {
  std::vector<Webhook> hooks;
  hooks.reserve(urls.size());
  for (const std::string& url : urls) {
    hooks.push_back({fmt::format("{}:{}", hooks.size() + 1, host_of(url)), url});
  }
  return hooks;
}

std::string webhook_signature(const Secret& secret, std::int64_t unix_seconds,
                              std::string_view body) {
  const std::string time = std::to_string(unix_seconds);
  const std::string_view key = secret.reveal();
  crypto_auth_hmacsha256_state state;
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  crypto_auth_hmacsha256_init(&state, bytes(key), key.size());
  crypto_auth_hmacsha256_update(&state, bytes(time), time.size());
  crypto_auth_hmacsha256_update(&state, bytes("."), 1);
  crypto_auth_hmacsha256_update(&state, bytes(body), body.size());
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac{};
  crypto_auth_hmacsha256_final(&state, mac.data());
  std::array<char, 2 * crypto_auth_hmacsha256_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), mac.data(), mac.size());
  return fmt::format("t={},v1={}", time, hex.data());
}

std::string webhook_delivery_id(const decide::NoticeRow& row) {
  // The time keeps it apart from the row of an earlier database.
  return fmt::format("{}-{:x}", row.id, static_cast<std::uint64_t>(row.created.us));
}

std::string webhook_body(const decide::NoticeRow& row, std::string_view server) {
  return json::serialize(json::object{
      {"id", webhook_delivery_id(row)},
      {"kind", row.kind},
      {"subject", json::object{{"kind", to_string(row.subject.kind)}, {"id", row.subject.id}}},
      {"incident", row.incident},
      {"summary", in_both(row.summary)},
      {"time", format_instant(row.created)},
      {"server", server}});
}

DeliveryResult WebhookSender::send(const decide::NoticeRow& row, Instant now) {
  const auto hook = std::ranges::find(hooks_, row.to, &Webhook::name);
  if (hook == hooks_.end()) return {Delivery::gone, "this webhook is not in the settings any more"};
  CURL* handle = curl_.reset();
  if (handle == nullptr) return {Delivery::channel_down, "libcurl could not start"};
  const std::string body = webhook_body(row, server_);
  CurlList headers;
  headers.add("Content-Type: application/json");
  headers.add("User-Agent: Sekimori");
  headers.add("Expect:");
  headers.add(("X-Sekimori-Delivery: " + webhook_delivery_id(row)).c_str());
  if (secret_.is_set()) {
    headers.add(
        ("X-Sekimori-Signature: " + webhook_signature(secret_, now.us / 1'000'000, body)).c_str());
  }
  std::string answer;
  curl_easy_setopt(handle, CURLOPT_URL, hook->url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  curl_.set_timeout(timeout_);
  curl_.collect(answer, 64 * 1024);  // never looked at
  const CURLcode code = curl_easy_perform(handle);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  // The status came before whatever was wrong with the rest.
  if (status >= 200 && status < 300) return {};
  if (status == 0) {
    return {Delivery::channel_down, fmt::format("{}: {}", hook->name, curl_easy_strerror(code))};
  }
  const std::string detail = fmt::format("{} answered {}", hook->name, status);
  const bool for_good =
      status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
  return {for_good ? Delivery::gone : Delivery::later, detail};
}

}  // namespace sekimori::act
