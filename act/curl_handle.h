// libcurl in RAII, for the parts of act/ that speak HTTP and SMTP.
#pragma once

#include <curl/curl.h>

#include <mutex>
#include <string>
#include <string_view>

#include "base/instant.h"

namespace sekimori::act {

[[nodiscard]] std::string base64(std::string_view bytes);

class CurlList {
 public:
  CurlList() = default;
  CurlList(const CurlList&) = delete;
  CurlList& operator=(const CurlList&) = delete;
  ~CurlList() { curl_slist_free_all(list_); }
  void add(const char* text) {
    curl_slist* grown = curl_slist_append(list_, text);
    if (grown != nullptr) list_ = grown;
  }
  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// One easy handle, which keeps its connections between requests. One thread at a time.
class CurlHandle {
 public:
  CurlHandle() = default;
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;
  ~CurlHandle() {
    if (handle_ != nullptr) curl_easy_cleanup(handle_);
  }
  // The handle with all options as at first; null when libcurl cannot start.
  [[nodiscard]] CURL* reset();
  void set_timeout(Duration timeout);
  // Appends the answer's body to `into`; one longer than `limit` fails the request.
  void collect(std::string& into, std::size_t limit);

 private:
  struct Collected {
    std::string* into = nullptr;
    std::size_t limit = 0;
  };
  static std::size_t take(char* bytes, std::size_t size, std::size_t count, void* collected);
  CURL* handle_ = nullptr;
  Collected collected_;
};

}  // namespace sekimori::act
