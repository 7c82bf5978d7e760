// A small blocking client of the API, for the command line: over the daemon's unix socket (no
// token; the kernel says who calls) or over TCP with the token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::web {

struct ClientSettings {
  std::string unix_socket;  // used when not ""
  IpAddress address;        // else
  std::uint16_t port = 0;
  Secret token;
  Duration timeout = seconds(60);  // for a whole call
};

class Client {
 public:
  struct Response {
    int status = 0;
    std::string body;  // JSON, but for /metrics and the pages; at most k_answer_max
  };
  // A page of 1000 incidents with their evidence is some MiB.
  static constexpr std::size_t k_answer_max = 64 * 1024 * 1024;

  explicit Client(ClientSettings);
  // One request on a connection of its own. `method` "GET", "POST" or "DELETE"; `target` escaped
  // already (percent_encode); `body` "" sends none. Any status is a Response; errors: operating
  // (nobody listens there, or the answer did not come), uncertain (the request was sent, a change
  // may have happened), bad_input (method or target unusable).
  [[nodiscard]] Result<Response> call(std::string_view method, std::string_view target,
                                      std::string_view body = "",
                                      std::string_view media = "application/json") const;

 private:
  ClientSettings settings_;
};

}  // namespace sekimori::web
