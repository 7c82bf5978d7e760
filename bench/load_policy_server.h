// A policy server of one thread over an engine, for the load generators that ask one.
#pragma once

#include <unistd.h>

#include <utility>

#include "bench/load_common.h"
#include "serve/policy_desk.h"
#include "serve/policy_server.h"

namespace sekimori::bench {

// Serves until killed, after it wrote its port with tell_port(). `board`: of the desk's blacklists;
// null: none.
[[noreturn]] inline void serve_policy(int tell, World& world, serve::PolicyDeskOptions desk_options,
                                      serve::DnsblBoard* board) {
  serve::ReservationTable reservations;
  serve::QueueIndex queue;
  serve::ServerMetrics metrics;
  serve::PolicyDesk desk(world.engine, reservations, queue, metrics, std::move(desk_options));
  serve::PolicyServerOptions options;
  options.threads = 1;
  options.dnsbl = board;
  options.listen = {*ListenAddress::parse("127.0.0.1:0")};
  serve::PolicyServer server(desk, world.directory, system_now, metrics, options);
  if (const auto started = server.start(); !started) fail(started.error().text);
  tell_port(tell, server.port());
  for (;;) ::pause();
}

}  // namespace sekimori::bench
