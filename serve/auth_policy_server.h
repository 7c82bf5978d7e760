// Dovecot's authentication policy and its exported events over HTTP, on one listener:
//
//   POST …?command=allow | /command/allow     may this login go on?  {"status":N,"msg":"…"}
//   POST …?command=report | /command/report   how it ended: one Login event
//   POST /dovecot                             an exported event: evidence, always 200
//
// Dovecot waits two seconds at most and then lets in, Postfix ten; so an answer takes milliseconds,
// and whatever is in doubt (overload, an unreadable body, an exception) is answered "let in".
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/engine.h"
#include "serve/directory_cell.h"
#include "serve/listener.h"
#include "serve/policy_desk.h"
#include "serve/server_metrics.h"

namespace sekimori::serve {

struct AuthDeskOptions {
  std::string host;  // this machine's name in events
  std::string boot;  // unique per start of the daemon: part of the event ids
  // Session ends come from Dovecot's log lines when that is followed, and from its events
  // otherwise: one source of record, or every session would count twice.
  bool log_followed = false;
  PlaceOf place;
  AppliedSink sink;
  // Told of each sign-in with the right password by an account whose standing is not normal, after
  // it was folded. Must not block; any thread.
  std::function<void(const Event&)> watched = {};
  // Told of each change of a mailbox's filters that Dovecot speaks of, at once; any thread.
  std::function<void(const std::string& account)> filters_changed = {};
  // The address rules that people wrote: true lets sign-ins from there in whatever is said of the
  // address, false refuses them, nullopt says nothing. A closed account stays closed. Any thread.
  std::function<std::optional<bool>(const IpAddress&)> rule = {};
};

// The logic without a socket. Any thread.
class AuthDesk {
 public:
  AuthDesk(decide::Engine& engine, ServerMetrics& metrics, AuthDeskOptions options);
  // Appends the JSON answer to a POST with this target and body, for "allow" and "report".
  void answer(std::string_view target, std::string_view body, Instant now,
              const decide::Directory& directory, std::string& out);
  // Folds one exported event, or drops it.
  void dovecot_event(std::string_view body, Instant now, const decide::Directory& directory);

 private:
  void apply(Event&& event);
  [[nodiscard]] std::string next_id(std::string_view kind);

  decide::Engine& engine_;
  ServerMetrics& metrics_;
  AuthDeskOptions options_;
  std::atomic<std::uint64_t> sequence_{0};
};

struct AuthPolicyServerOptions {
  std::vector<ListenAddress> listen;
  unsigned threads = 1;
  // Header `header_name: header_value` as in Dovecot's auth_policy_server_api_header; a request
  // without it gets 403, but for the events of this machine's Dovecot: its exporter can send none.
  // "" = none asked for (the listener is on loopback).
  std::string header_name;
  std::string header_value;
  std::size_t connections_max = 4096;
  std::size_t in_flight_max = 1024;        // requests being read or answered; beyond it: 0 at once
  Duration idle_timeout = minutes(5);      // Dovecot keeps connections for some seconds
  Duration request_timeout = seconds(10);  // a request's body
};

class AuthPolicyServer {
 public:
  using Clock = std::function<Instant()>;
  // References live as long as the server.
  AuthPolicyServer(AuthDesk& desk, const DirectoryCell& directory, Clock clock,
                   ServerMetrics& metrics, AuthPolicyServerOptions options);
  ~AuthPolicyServer();  // stops
  AuthPolicyServer(const AuthPolicyServer&) = delete;
  AuthPolicyServer& operator=(const AuthPolicyServer&) = delete;

  // Errors: operating; nothing is left running then.
  [[nodiscard]] Result<void> start();
  // Stops accepting, closes all connections, waits for their coroutines, joins. Safe to call twice.
  void stop();
  [[nodiscard]] std::uint16_t port(std::size_t i = 0) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::serve
