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
#include "serve/dnsbl_gate.h"
#include "serve/guess_desk.h"
#include "serve/listener.h"
#include "serve/policy_desk.h"
#include "serve/rule_book.h"
#include "serve/server_metrics.h"
#include "serve/sign_in_gate.h"
#include "wire/auth_policy.h"

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
  // The address rules that people wrote; may be null. A closed account stays closed.
  const RuleBook* rules = nullptr;
  // Blacklists asked about sign-ins; may be null. Its limit for putting off is one for delaying.
  const DnsblGate* dnsbl = nullptr;
  Duration dnsbl_delay = seconds(4);
  std::function<bool(std::string_view account)> enforces = {};
  // May be null; both live as long as the desk.
  SignInGate* gate = nullptr;
  PlainGate* plain = nullptr;
  GuessDesk* guesses = nullptr;  // who guesses passwords; asked last
  // What somebody reads whose account a person closed to sign-ins beside its standing; empty: it
  // is not closed. Microseconds; any thread; may be empty.
  std::function<Text(std::string_view account)> closed = {};
};

// The logic without a socket. Any thread.
class AuthDesk {
 public:
  AuthDesk(decide::Engine& engine, ServerMetrics& metrics, AuthDeskOptions options);
  // Appends the JSON answer to a POST with this target and body, for "allow" and "report".
  // `lists`: what the blacklists say of the client, where to_look_up() named it.
  void answer(std::string_view target, std::string_view body, Instant now,
              const decide::Directory& directory, std::string& out,
              const std::vector<ListAnswer>* lists = nullptr);
  // The client's address where the answer hangs on blacklists; nullopt: answer() needs none.
  [[nodiscard]] std::optional<IpAddress> to_look_up(std::string_view target, std::string_view body,
                                                    Instant now,
                                                    const decide::Directory& directory);
  // The same without Dovecot's spelling. May this sign-in go on? First what closes the account,
  // then encryption, then who is allowed, who is denied or blocked, what was counted, and last what
  // blacklists say.
  [[nodiscard]] SignInVerdict may_sign_in(const wire::AuthPolicyRequest& request, Instant now,
                                          const decide::Directory& directory,
                                          const std::vector<ListAnswer>* lists = nullptr);
  [[nodiscard]] std::optional<IpAddress> to_look_up(const wire::AuthPolicyRequest& request,
                                                    Instant now,
                                                    const decide::Directory& directory);
  // How it ended: one Login event.
  void signed_in(const wire::AuthPolicyRequest& request, Instant now,
                 const decide::Directory& directory);
  // The mail client's error box and a web page show one line to a person whose language we do not
  // know here: both. SMTP's line is ASCII.
  [[nodiscard]] static std::string line_of(const decide::LoginAnswer& answer, Service service);
  // Did Dovecot report sign-ins within the ten minutes before `t`? Then its log says the same.
  [[nodiscard]] bool reported_lately(Instant t) const {
    return t <= Instant{last_report_us_.load(std::memory_order_relaxed)} + minutes(10);
  }
  // Folds one exported event, or drops it.
  void dovecot_event(std::string_view body, Instant now, const decide::Directory& directory);

 private:
  void apply(Event&& event);
  // What closes the account: its standing, or a person.
  [[nodiscard]] decide::LoginAnswer may_login(std::string_view account, Service service) const;
  [[nodiscard]] std::optional<RuleBook::Found> rule_for(const IpAddress& ip,
                                                        std::string_view account,
                                                        Instant now) const;
  [[nodiscard]] SignInVerdict decide(const wire::AuthPolicyRequest& request,
                                     const std::string& account, const SignIn& sign_in,
                                     const decide::Directory& directory);
  void judge_listed(const wire::AuthPolicyRequest& request, std::string_view account,
                    const std::vector<ListAnswer>& lists, SignInVerdict& verdict) const;
  [[nodiscard]] std::string next_id(std::string_view kind);

  decide::Engine& engine_;
  ServerMetrics& metrics_;
  AuthDeskOptions options_;
  std::atomic<std::uint64_t> sequence_{0};
  std::atomic<std::int64_t> last_report_us_{0};
};

// A request to a listener with a handler of its own, and its answer.
struct HttpQuestion {
  std::string_view method;
  std::string_view target;
  std::string_view authorization;
  std::string_view content_type;
  std::string_view body;
  bool overloaded = false;  // answer at once, with as little work as possible
  // What the blacklists say, where to_look_up named an address.
  const std::vector<ListAnswer>* lists = nullptr;
};
struct HttpReply {
  unsigned status = 200;
  std::string body;
  bool asks_password = false;  // 401's WWW-Authenticate
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
  // Where set, it answers everything in place of the desk and no header is asked for. It calls
  // `reply` once, now or later, from any thread (the question's texts live until it returns); no
  // reply within request_timeout is answered with 500.
  using Handler = std::function<void(const HttpQuestion&, Instant now, const decide::Directory&,
                                     std::function<void(HttpReply)> reply)>;
  Handler handler = {};
  // With a handler: the address whose blacklist entries the answer hangs on. May be empty.
  std::function<std::optional<IpAddress>(const HttpQuestion&, Instant now,
                                         const decide::Directory&)>
      to_look_up = {};
  // Asked where the desk, or to_look_up, wants it; may be null.
  DnsblBoard* dnsbl = nullptr;
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
