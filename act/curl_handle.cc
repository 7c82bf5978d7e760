#include "act/curl_handle.h"

#include <sodium.h>

#include <algorithm>

namespace sekimori::act {

std::string base64(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // its terminating zero
  return text;
}

CURL* CurlHandle::reset() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  if (handle_ == nullptr) handle_ = curl_easy_init();
  if (handle_ == nullptr) return nullptr;
  curl_easy_reset(handle_);
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);  // several threads
  curl_easy_setopt(handle_, CURLOPT_FOLLOWLOCATION, 0L);
  return handle_;
}

void CurlHandle::set_timeout(Duration timeout) {
  const long ms = std::max<long>(1, static_cast<long>(timeout.us / 1000));
  curl_easy_setopt(handle_, CURLOPT_TIMEOUT_MS, ms);
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS, ms);
}

std::size_t CurlHandle::take(char* bytes, std::size_t size, std::size_t count, void* collected) {
  auto& target = *static_cast<Collected*>(collected);
  if (target.into->size() + size * count > target.limit) return 0;
  target.into->append(bytes, size * count);
  return size * count;
}

void CurlHandle::collect(std::string& into, std::size_t limit) {
  collected_ = {&into, limit};
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &CurlHandle::take);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &collected_);
}

}  // namespace sekimori::act
