// What the load generators share: servers in pinned processes of their own, an engine that knows
// many accounts, a bare answerer as the baseline, and a closed loop of clients with latencies.
//
// Each connection asks, waits for the answer and asks again, as smtpd and Dovecot do.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "decide/engine.h"
#include "serve/directory_cell.h"

namespace sekimori::bench {

using Clock = std::chrono::steady_clock;

struct Options {
  bool bare = false;
  bool engine = false;
  std::uint32_t accounts = 1'000'000;
  std::uint16_t port = 0;
  std::vector<int> connections = {1, 64};
  double seconds = 5;
  int rounds = 3;
  std::string mix = "rcpt";
  std::uint32_t users = 1000;
  bool reconnect = false;  // a connection a question, opened within its time
  int server_cpu = 1;
  int client_cpu = 0;
};
// Exits with `usage` where the words are wrong.
[[nodiscard]] Options parse_options(int argc, char** argv, std::string_view usage);

// Says what failed, with errno's words, and exits.
[[noreturn]] void fail(std::string_view what);
void pin(int cpu);
void raise_file_limit();

// The name of account `i` everywhere here; fixed width, so that a client can overwrite it in place.
[[nodiscard]] std::string account_name(std::uint32_t i);
[[nodiscard]] Instant system_now();

// An engine in which `accounts` accounts have signed in once, and the directory of their names.
struct World {
  explicit World(std::uint32_t accounts);
  decide::Engine engine;
  serve::DirectoryCell directory;
};

struct Server {
  std::string name;
  std::uint16_t port = 0;
  pid_t pid = 0;
};
// Forks; `run` serves until killed, after it wrote its port with tell_port().
[[nodiscard]] Server start(std::string name, int cpu, const std::function<void(int)>& run);
void tell_port(int tell, std::uint16_t port);
void stop(const std::vector<Server>& servers);

// An epoll loop that sends `answer` for whatever ends with `request_end`.
[[noreturn]] void serve_bare(int tell, std::string_view request_end, std::string_view answer);

struct Connection {
  int fd = -1;
  std::uint64_t transaction = 0;
  unsigned step = 0;
  Clock::time_point asked;
};

struct Load {
  std::string bench;
  std::string what;               // e.g. "mix":"rcpt", as JSON members
  std::string unit = "requests";  // a line's "…_per_s"
  unsigned steps = 1;             // questions that make one unit, timed together
  char answer_end = '\n';
  // The next question of a connection; `step` counts its questions from 0. Valid until the next.
  std::function<std::string_view(Connection&)> ask;
};
// Loads each server in turn, for each number of connections, `rounds` times, and prints for each
// the round of median rate as one JSON line. server_cpu_us is the server's CPU time a unit (0 for a
// server by port): it tells a cost also on a machine that does other things.
void measure_all(const std::vector<Server>& servers, const Options& options, const Load& load);

}  // namespace sekimori::bench
