// The sockets of the policy server: TCP and unix listeners, N threads, each with its own epoll set;
// a connection is accepted, and its requests are read, judged and answered, on one thread.
//
// A plain epoll loop and no Asio: a connection has two states (reading, or an answer the peer has
// not taken yet). docs/decisions/006-epoll-for-policy.md has the figures, which do not settle it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "serve/directory_cell.h"
#include "serve/dnsbl_board.h"
#include "serve/listener.h"
#include "serve/policy_desk.h"
#include "serve/server_metrics.h"

namespace sekimori::serve {

struct PolicyServerOptions {
  std::vector<ListenAddress> listen;
  unsigned threads = 2;
  std::size_t connections_max = 50'000;  // an idle one costs about 300 bytes here
  // smtpd keeps a connection for 300 s of idleness and 1000 s of life; a server that closes first
  // makes Postfix wait a second and connect anew.
  Duration idle_timeout = seconds(1100);
  Duration request_timeout = seconds(60);  // from a request's first byte to its last
  Duration write_timeout = seconds(30);    // an answer that nobody takes
  // Asked where the desk wants it; may be null. A question that hangs on a look-up is parked, and
  // its thread goes on with the others' (docs/decisions/026-dnsbl-in-the-policy-loop.md).
  DnsblBoard* dnsbl = nullptr;
};

class PolicyServer {
 public:
  using Clock = std::function<Instant()>;
  // References live as long as the server. `clock` is called from every thread.
  PolicyServer(PolicyDesk& desk, const DirectoryCell& directory, Clock clock,
               ServerMetrics& metrics, PolicyServerOptions options);
  ~PolicyServer();  // stops
  PolicyServer(const PolicyServer&) = delete;
  PolicyServer& operator=(const PolicyServer&) = delete;

  // Opens all listeners, then starts the threads. Errors: operating; nothing is left running then.
  [[nodiscard]] Result<void> start();
  // Stops accepting, answers what was read whole, closes, joins. Safe to call twice.
  void stop();
  // The port of listener `i` (for port 0 the one the system chose).
  [[nodiscard]] std::uint16_t port(std::size_t i = 0) const;

 private:
  class Worker;
  PolicyDesk& desk_;
  const DirectoryCell& directory_;
  Clock clock_;
  ServerMetrics& metrics_;
  PolicyServerOptions options_;
  std::vector<int> listeners_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace sekimori::serve
