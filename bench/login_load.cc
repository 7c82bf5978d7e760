// Closed-loop load on Dovecot's authentication policy listener, with its baseline in the same run:
// pairs of `allow` and `report` over connections that are kept, as a good sign-in asks.
//
// --bare    an epoll loop that answers a fixed reply to whatever ends with a JSON object's end
// --engine  our listener with one thread, in a process of its own, over an engine that knows
//           N accounts (default 1,000,000)
// A rate counts pairs, a latency is a pair's: from `allow` asked to `report` answered.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_common.h"
#include "serve/auth_policy_server.h"

namespace {

using namespace sekimori;

constexpr std::string_view k_usage =
    "usage: login_load [--bare] [--engine [--accounts N]] [--connections 1,64] [--seconds S]\n"
    "  [--rounds N] [--users N] [--server-cpu C] [--client-cpu C]\n";

// As our own reply, so that both send the same bytes.
constexpr std::string_view k_bare_reply =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"
    R"({"status":0,"msg":""})";

void serve_engine(int tell, std::uint32_t accounts) {
  bench::World world(accounts);
  serve::ServerMetrics metrics;
  serve::AuthDeskOptions desk_options;
  desk_options.host = "bench";
  desk_options.boot = "1";
  serve::AuthDesk desk(world.engine, metrics, std::move(desk_options));
  serve::AuthPolicyServerOptions options;
  options.threads = 1;
  options.listen = {*ListenAddress::parse("127.0.0.1:0")};
  serve::AuthPolicyServer server(desk, world.directory, bench::system_now, metrics, options);
  if (const auto started = server.start(); !started) bench::fail(started.error().text);
  bench::tell_port(tell, server.port());
  for (;;) ::pause();
}

// One request as Dovecot 2.3 sends it; the account's digits are overwritten for each.
struct Template {
  std::string text;
  std::size_t user = 0;

  explicit Template(std::string_view command, std::string_view rest) {
    const std::string body = fmt::format(
        R"({{"device_id":"","login":"{}","protocol":"imap","pwhash":"0c4e","remote":"203.0.113.77",)"
        R"("session_id":"Q2tV9A4g1LDLAHFN","tls":"TLSv1.3"{}}})",
        bench::account_name(0), rest);
    text = fmt::format(
        "POST /?command={} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: dovecot/auth-policy-client\r\n"
        "Connection: Keep-Alive\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        command, body.size(), body);
    user = text.find(bench::account_name(0)) + 4;
  }
  void fill(std::uint32_t account) { text.replace(user, 13, bench::account_name(account), 4, 13); }
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv, k_usage);
  bench::raise_file_limit();
  std::vector<bench::Server> servers;
  if (options.bare) {
    servers.push_back(bench::start("bare_epoll", options.server_cpu,
                                   [](int tell) { bench::serve_bare(tell, "}", k_bare_reply); }));
  }
  if (options.engine) {
    servers.push_back(bench::start("sekimori", options.server_cpu,
                                   [&](int tell) { serve_engine(tell, options.accounts); }));
  }
  if (options.port != 0) servers.push_back({fmt::format("port_{}", options.port), options.port, 0});
  bench::pin(options.client_cpu);

  std::array<Template, 2> questions{Template("allow", ""),
                                    Template("report", R"(,"success":true,"policy_reject":false)")};
  std::uint64_t pairs = 0;
  bench::Load load;
  load.bench = "login";
  load.unit = "pairs";
  load.steps = 2;
  load.answer_end = '}';
  load.ask = [&](bench::Connection& c) -> std::string_view {
    if (c.step % 2 == 0) c.transaction = ++pairs;
    Template& q = questions[c.step % 2];
    q.fill(static_cast<std::uint32_t>(mix64(c.transaction) % options.users));
    return q.text;
  };
  bench::measure_all(servers, options, load);
  bench::stop(servers);
}
