// Closed-loop load on the policy server with five blacklists, asked of a real rbldnsd, beside the
// same server without any: what a look-up costs, cold (each question another address) and
// remembered (a thousand addresses again and again).
//
//   dnsbl_load RBLDNSD-PORT [as policy_load]
//
// The zones are a.bench to e.bench; scripts/bench makes them, with a tenth of the addresses listed.
#include <fmt/format.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "bench/load_common.h"
#include "bench/load_policy_server.h"
#include "serve/dnsbl_gate.h"
#include "serve/dnsbl_watch.h"

namespace {

using namespace sekimori;

constexpr std::string_view k_usage =
    "usage: dnsbl_load RBLDNSD-PORT [--connections 1,64,1000] [--seconds S] [--rounds N]\n"
    "  [--server-cpu C] [--client-cpu C]\n";
constexpr std::uint64_t k_remembered = 1000;

void serve_lists(int tell, const std::string& name_server) {
  bench::World world(1000);
  serve::DnsblSettings settings;
  for (const char* line : {"a.bench weight=5", "b.bench weight=3", "c.bench weight=3",
                           "d.bench weight=1", "e.bench weight=1"}) {
    settings.lists.push_back(parse_blacklist(line).value());
  }
  settings.servers = name_server;
  settings.timeout = seconds(5);  // a loaded name server is late, not gone
  serve::DnsblBoard board(std::move(settings));
  serve::DnsblGate gate(board, {.refuse = 5, .defer = 0, .mark = 3}, {});
  serve::DnsblWatch watch(board, bench::system_now, {});
  serve::PolicyDeskOptions desk_options;
  if (!name_server.empty()) {
    if (const auto started = watch.start(); !started) bench::fail(started.error().text);
    while (!board.asked(4, false)) ::usleep(1000);
    desk_options.dnsbl = &gate;
  }
  bench::serve_policy(tell, world, std::move(desk_options), name_server.empty() ? nullptr : &board);
}

// RCPT of mail from outside, as Postfix 3.7 sends it; the address is overwritten in place.
struct Question {
  std::string text;
  std::size_t address = 0;

  Question() {
    text = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=";
    address = text.size();
    text +=
        "150.100.100.100\nclient_name=unknown\nclient_port=51234\nreverse_client_name=unknown\n"
        "server_address=192.0.2.25\nserver_port=25\nhelo_name=mx.far.example\n"
        "sender=friend@far.example\nrecipient=taro@example.jp\nrecipient_count=0\nqueue_id=\n"
        "instance=1a2b.67a0.3.0\nsize=4321\nsasl_method=\nsasl_username=\nsasl_sender=\n"
        "encryption_protocol=TLSv1.3\npolicy_context=\n\n";
  }
  // One of ten million addresses: 15d.1dd.1dd.1dd.
  void fill(std::uint64_t n) {
    constexpr std::size_t k_digits[] = {2, 5, 6, 9, 10, 13, 14};
    for (const std::size_t at : k_digits) {
      text[address + at] = static_cast<char>('0' + n % 10);
      n /= 10;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) bench::fail(k_usage);
  const std::string name_server = fmt::format("127.0.0.1:{}", argv[1]);
  // Behind the port they are the words of policy_load, which wants to be told what to load.
  std::vector<char*> words(argv + 1, argv + argc);
  std::string engine = "--engine";
  words.push_back(engine.data());
  const bench::Options options =
      bench::parse_options(static_cast<int>(words.size()), words.data(), k_usage);
  bench::raise_file_limit();
  std::vector<bench::Server> servers;
  servers.push_back(
      bench::start("without_lists", options.server_cpu, [](int tell) { serve_lists(tell, ""); }));
  servers.push_back(bench::start("five_lists", options.server_cpu,
                                 [&](int tell) { serve_lists(tell, name_server); }));
  bench::pin(options.client_cpu);
  Question question;
  std::uint64_t asked = 0;
  for (const bool cold : {true, false}) {
    bench::Load load;
    load.bench = "dnsbl";
    load.what = fmt::format("\"addresses\":\"{}\",", cold ? "cold" : "remembered");
    load.ask = [&](bench::Connection&) -> std::string_view {
      question.fill(cold ? ++asked : mix64(++asked) % k_remembered);
      return question.text;
    };
    bench::measure_all(servers, options, load);
  }
  bench::stop(servers);
}
