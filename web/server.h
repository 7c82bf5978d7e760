// HTTP/1.1 (RFC 9112) for people: the REST API, /metrics and the plain pages, on TCP and on a unix
// socket for the command line.
//
// It brings its own I/O thread and a small pool of threads for Control's calls, which may block on
// SQL, and two more for the owners'; the mail servers' questions never wait for anything here.
//
// Who is believed: over TCP the bearer of the token and whoever has a session of the panel
// (sign_in.h); over the unix socket root and the daemon's own user, as the kernel says
// (SO_PEERCRED).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "base/secret.h"
#include "web/control.h"
#include "web/hub.h"
#include "web/sign_in.h"

namespace sekimori::web {

struct ServerSettings {
  struct Listen {
    IpAddress address;
    std::uint16_t port = 0;  // 0: any free one (ports())
  };
  std::vector<Listen> listen;
  std::string control_socket;  // path; "": none
  std::vector<IpNetwork> trusted_proxies;
  std::string public_url = {};        // where browsers find it; "": where they ask
  std::size_t connections_max = 512;  // over TCP; the unix socket has 64 of its own
  std::size_t streams_max = 100;      // readers of /stream among them
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 1024 * 1024;
  Duration request_timeout = seconds(30);   // to hand in a whole request; to take a whole answer
  Duration idle_timeout = seconds(60);      // between requests
  Duration shutdown_grace = seconds(5);     // for answers under way when it stops
  std::uint32_t failures_per_minute = 30;   // wrong tokens per address; then 429
  std::uint32_t requests_per_minute = 600;  // per address, without a valid token
  bool metrics_loopback_without_token = true;
  std::size_t handler_threads = 4;
};

class Server {
 public:
  // Control, hub and sign-ins live longer than the server; without sign-ins there are no sessions.
  Server(ServerSettings, const Secret& token, Control&, Hub&, SignIns* = nullptr);
  ~Server();  // as stop()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds everything and begins to serve. Errors: bad_input (token shorter than k_token_min, path
  // too long), operating (address in use, no rights), naming the place; then nothing is served.
  [[nodiscard]] Result<void> start();
  // The TCP ports bound, in the order of `listen`.
  [[nodiscard]] std::vector<std::uint16_t> ports() const;
  // Takes no more requests, lets those under way finish (shutdown_grace), ends streams, and returns
  // when no thread of the server runs any more. From any thread but the server's; again is
  // harmless.
  void stop();

  struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t connections = 0;          // now
    std::uint64_t connections_refused = 0;  // over the maximum
    std::uint64_t auth_failures = 0;
    std::uint64_t streams = 0;  // now
  };
  [[nodiscard]] Counters counters() const;  // from any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::web
