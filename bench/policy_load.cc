// Closed-loop load on a Postfix policy server, with its baseline in the same run.
//
// --bare    an epoll loop that answers DUNNO to whatever ends with an empty line
// --engine  our policy server with one thread, in a process of its own, over an engine that knows
//           N accounts (default 1,000,000)
// --port    any policy server on 127.0.0.1 (pin it with taskset yourself)
// `rcpt` asks at RCPT only, each time for a new message; `message` plays RCPT, RCPT, DATA,
// END-OF-MESSAGE. Latencies are of whole questions as the client sees them.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_common.h"
#include "bench/load_policy_server.h"

namespace {

using namespace sekimori;

constexpr std::string_view k_usage =
    "usage: policy_load [--bare] [--engine [--accounts N]] [--port P]\n"
    "  [--connections 1,64,1000] [--seconds S] [--rounds N] [--mix rcpt|message] [--users N]\n"
    "  [--reconnect] [--server-cpu C] [--client-cpu C]\n";

void serve_engine(int tell, std::uint32_t accounts) {
  bench::World world(accounts);
  bench::serve_policy(tell, world, {}, nullptr);
}

// A question as Postfix 3.7 sends it, with fixed-width fields that are overwritten for each one.
struct Template {
  std::string text;
  std::size_t login = 0, sender = 0, recipient = 0, instance = 0;

  explicit Template(std::string_view state, int count) {
    const auto add = [&](std::string_view name, std::string_view value) {
      const std::size_t at = text.size() + name.size() + 1;
      ((text += name) += '=') += value;
      text += '\n';
      return at;
    };
    const bool rcpt = state == "RCPT";
    add("request", "smtpd_access_policy");
    add("protocol_state", state);
    add("protocol_name", "ESMTP");
    add("client_address", "203.0.113.77");
    add("client_name", "p77.example.net");
    add("client_port", "51234");
    add("reverse_client_name", "p77.example.net");
    add("server_address", "192.0.2.25");
    add("server_port", "587");
    add("helo_name", "[192.168.1.20]");
    sender = add("sender", bench::account_name(0));
    recipient = add("recipient", rcpt ? "to00000000@example.com" : "");
    add("recipient_count", std::to_string(count));
    add("queue_id", rcpt ? "" : "4Xk1jd2Gz3z9sP");
    instance = add("instance", "0000000000000000");
    add("size", "4321");
    add("etrn_domain", "");
    add("stress", "");
    add("sasl_method", "PLAIN");
    login = add("sasl_username", bench::account_name(0));
    add("sasl_sender", "");
    add("ccert_subject", "");
    add("ccert_issuer", "");
    add("ccert_fingerprint", "");
    add("ccert_pubkey_fingerprint", "");
    add("encryption_protocol", "TLSv1.3");
    add("encryption_cipher", "TLS_AES_256_GCM_SHA384");
    add("encryption_keysize", "256");
    add("policy_context", "submission");
    text += '\n';
    if (!rcpt) recipient = 0;
  }
  void fill(std::uint32_t user, std::uint64_t transaction, std::uint32_t to) {
    const auto digits = [this](std::size_t at, std::uint64_t n, int width, int base) {
      for (int i = width; i-- > 0; n /= static_cast<unsigned>(base)) {
        text[at + static_cast<std::size_t>(i)] =
            "0123456789abcdef"[n % static_cast<unsigned>(base)];
      }
    };
    for (const std::size_t at : {login, sender}) {
      digits(at + 4, user, 8, 10);
      digits(at + 14, user % 500, 3, 10);
    }
    digits(instance, transaction, 16, 16);
    if (recipient != 0) digits(recipient + 2, to, 8, 10);
  }
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv, k_usage);
  bench::raise_file_limit();
  std::vector<bench::Server> servers;
  if (options.bare) {
    servers.push_back(bench::start("bare_epoll", options.server_cpu, [](int tell) {
      bench::serve_bare(tell, "\n\n", "action=DUNNO\n\n");
    }));
  }
  if (options.engine) {
    servers.push_back(bench::start("sekimori", options.server_cpu,
                                   [&](int tell) { serve_engine(tell, options.accounts); }));
  }
  if (options.port != 0) servers.push_back({fmt::format("port_{}", options.port), options.port, 0});
  bench::pin(options.client_cpu);

  std::array<Template, 3> questions{Template("RCPT", 0), Template("DATA", 2),
                                    Template("END-OF-MESSAGE", 2)};
  std::uint64_t transactions = static_cast<std::uint64_t>(::getpid()) << 32;
  std::uint32_t random = 12345;
  bench::Load load;
  load.bench = "policy";
  load.what = fmt::format("\"mix\":\"{}\",\"reconnect\":{},", options.mix, options.reconnect);
  load.ask = [&](bench::Connection& c) -> std::string_view {
    const unsigned steps = options.mix == "message" ? 4 : 1;
    const unsigned step = c.step % steps;
    if (step == 0) c.transaction = ++transactions;
    random = random * 1664525U + 1013904223U;
    Template& q = questions[step < 2 ? 0 : step - 1];
    q.fill(static_cast<std::uint32_t>(mix64(c.transaction) % options.users), c.transaction,
           (random >> 8) % 1000);
    return q.text;
  };
  bench::measure_all(servers, options, load);
  bench::stop(servers);
}
