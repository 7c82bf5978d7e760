// Closed-loop load on a Postfix policy server, with its baseline in the same run.
//
//   policy_load [--bare] [--engine [--accounts N]] [--port P]
//               [--connections 1,64,1000] [--seconds S] [--mix rcpt|message] [--users N]
//               [--server-cpu C] [--client-cpu C]
//
// --bare    an epoll loop that answers DUNNO to whatever ends with an empty line
// --engine  our policy server with one thread, in a process of its own, over an engine that knows
//           N accounts (default 1,000,000)
// --port    any policy server on 127.0.0.1 (pin it with taskset yourself)
// Each connection asks, waits for the answer and asks again, as smtpd does. `rcpt` asks at RCPT
// only; `message` plays RCPT, RCPT, DATA, END-OF-MESSAGE. The servers run on --server-cpu, the
// clients on
// --client-cpu. Prints one JSON line for each server and number of connections; latencies are of
// whole questions as the client sees them; server_cpu_us is the server's CPU time per question (0
// with --port).
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decide/directory.h"
#include "decide/engine.h"
#include "detect/epoch.h"
#include "serve/directory_cell.h"
#include "serve/policy_desk.h"
#include "serve/policy_server.h"

namespace {

using namespace sekimori;
using Clock = std::chrono::steady_clock;

struct Options {
  bool bare = false;
  bool engine = false;
  std::uint32_t accounts = 1'000'000;
  std::uint16_t port = 0;
  std::vector<int> connections = {1, 64, 1000};
  double seconds = 5;
  bool whole_messages = false;
  std::uint32_t users = 1000;
  int server_cpu = 1;
  int client_cpu = 0;
};

[[noreturn]] void fail(std::string_view what) {
  fmt::print(stderr, "policy_load: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);  // a machine with fewer CPUs: unpinned
}

std::string account_name(std::uint32_t i) {
  return fmt::format("user{:08}@d{:03}.example.jp", i, i % 500);
}

// ---- the servers, each in a process of its own that writes its port to a pipe ----

void serve_bare(int tell) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 ||
      ::listen(listener, 4096) != 0) {
    fail("listen");
  }
  const std::uint16_t port = serve::port_of(listener);
  if (::write(tell, &port, sizeof port) != sizeof port) fail("pipe");
  const int set = ::epoll_create1(0);
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = listener;
  ::epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
  static std::array<char, 65536> bytes;
  std::array<epoll_event, 256> events;
  const std::string_view answer = "action=DUNNO\n\n";
  for (;;) {
    const int n = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        for (int c; (c = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
          const int on = 1;
          ::setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          e.data.fd = c;
          ::epoll_ctl(set, EPOLL_CTL_ADD, c, &e);
        }
        continue;
      }
      const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) {
        ::close(fd);
      } else if (got > 1 && bytes[static_cast<std::size_t>(got) - 1] == '\n' &&
                 bytes[static_cast<std::size_t>(got) - 2] == '\n') {
        if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) ::close(fd);
      }
    }
  }
}

void serve_engine(int tell, std::uint32_t accounts) {
  decide::EngineSettings settings;
  settings.mode = decide::Mode::enforce;
  settings.limits.recipients_per_day = 1'000'000'000;
  decide::Engine engine(settings, nullptr, detect::shipped_priors());
  decide::DirectorySnapshot names;
  const Instant start{1'750'000'000'000'000};
  const auto began = Clock::now();
  decide::Applied applied;
  for (std::uint32_t i = 0; i < accounts; ++i) {
    names.accounts.push_back(account_name(i));
    Event event;
    event.t = start + Duration{i};
    event.account = names.accounts.back();
    Login login;
    login.ip = *IpAddress::parse("192.0.2.1");
    event.body = login;
    engine.apply(event, applied);
  }
  for (int d = 0; d < 500; ++d) names.domains.push_back(fmt::format("d{:03}.example.jp", d));
  fmt::print(stderr, "engine knows {} accounts after {:.1f} s\n", accounts,
             std::chrono::duration<double>(Clock::now() - began).count());
  serve::DirectoryCell cell;
  cell.set(std::make_shared<const decide::Directory>(names, "+", ""));
  serve::ReservationTable reservations;
  serve::QueueIndex queue;
  serve::ServerMetrics metrics;
  serve::PolicyDesk desk(engine, reservations, queue, metrics, {});
  serve::PolicyServerOptions options;
  options.threads = 1;
  options.listen = {*serve::ListenAddress::parse("127.0.0.1:0")};
  const auto clock = [] {
    return Instant{std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count()};
  };
  serve::PolicyServer server(desk, cell, clock, metrics, options);
  if (const auto started = server.start(); !started) fail(started.error().text);
  const std::uint16_t port = server.port();
  if (::write(tell, &port, sizeof port) != sizeof port) fail("pipe");
  for (;;) ::pause();
}

struct Server {
  std::string name;
  std::uint16_t port = 0;
  pid_t pid = 0;
};

Server start(std::string name, int cpu, const std::function<void(int)>& run) {
  int ends[2];
  if (::pipe(ends) != 0) fail("pipe");
  Server server{std::move(name), 0, ::fork()};
  if (server.pid < 0) fail("fork");
  if (server.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    pin(cpu);
    run(ends[1]);
    std::_Exit(0);
  }
  ::close(ends[1]);
  if (::read(ends[0], &server.port, sizeof server.port) != sizeof server.port) {
    fail("the server did not start");
  }
  ::close(ends[0]);
  return server;
}

// ---- the client ----

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
    sender = add("sender", account_name(0));
    recipient = add("recipient", rcpt ? "to00000000@example.com" : "");
    add("recipient_count", std::to_string(count));
    add("queue_id", rcpt ? "" : "4Xk1jd2Gz3z9sP");
    instance = add("instance", "0000000000000000");
    add("size", "4321");
    add("etrn_domain", "");
    add("stress", "");
    add("sasl_method", "PLAIN");
    login = add("sasl_username", account_name(0));
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

// Seconds of CPU that a server has used: tells its cost also on a machine that does other things.
double cpu_seconds(pid_t pid) {
  if (pid == 0) return 0;
  std::array<char, 1024> text{};
  std::FILE* file = std::fopen(fmt::format("/proc/{}/stat", pid).c_str(), "r");
  if (file == nullptr) return 0;
  const std::size_t n = std::fread(text.data(), 1, text.size() - 1, file);
  std::fclose(file);
  const char* fields = std::strrchr(text.data(), ')');
  unsigned long user = 0;
  unsigned long system = 0;
  if (n == 0 || fields == nullptr ||
      std::sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system) != 2) {
    return 0;
  }
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Connection {
  int fd = -1;
  std::uint64_t transaction = 0;
  unsigned step = 0;
  Clock::time_point asked;
};

void measure(const Server& server, int connections, const Options& options) {
  const int set = ::epoll_create1(0);
  std::vector<Connection> all(static_cast<std::size_t>(connections));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(server.port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (Connection& c : all) {
    c.fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0)
      fail("connect");
    const int on = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = &c;
    ::epoll_ctl(set, EPOLL_CTL_ADD, c.fd, &e);
  }
  std::array<Template, 3> questions{Template("RCPT", 0), Template("DATA", 2),
                                    Template("END-OF-MESSAGE", 2)};
  static std::uint64_t transactions = static_cast<std::uint64_t>(::getpid()) << 32;
  std::uint32_t random = 12345;
  const auto ask = [&](Connection& c) {
    const unsigned steps = options.whole_messages ? 4 : 1;
    if (c.step % steps == 0) c.transaction = ++transactions;
    const unsigned kind = c.step % steps < 2 ? 0 : c.step % steps - 1;
    random = random * 1664525U + 1013904223U;
    Template& q = questions[kind];
    q.fill(static_cast<std::uint32_t>(mix64(c.transaction) % options.users), c.transaction,
           static_cast<std::uint32_t>((random >> 8) % 1000));
    ++c.step;
    c.asked = Clock::now();
    if (::send(c.fd, q.text.data(), q.text.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(q.text.size())) {
      fail("send");
    }
  };
  std::vector<std::uint32_t> latencies_ns;
  latencies_ns.reserve(4'000'000);
  for (Connection& c : all) ask(c);
  const auto begin = Clock::now();
  const auto warm = begin + std::chrono::milliseconds(500);
  const auto end =
      warm + std::chrono::microseconds(static_cast<std::int64_t>(options.seconds * 1e6));
  std::uint64_t answered = 0;
  std::uint64_t all_answered = 0;
  const double cpu_before = cpu_seconds(server.pid);
  std::array<epoll_event, 256> events;
  std::array<char, 4096> bytes;
  Clock::time_point now = begin;
  while (now < end) {
    const int n = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 1000);
    if (n <= 0) fail("no answer within a second");
    for (int i = 0; i < n; ++i) {
      auto& c = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = ::recv(c.fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) fail("the server closed");
      if (got < 2 || bytes[static_cast<std::size_t>(got) - 1] != '\n')
        continue;  // the rest follows
      now = Clock::now();
      ++all_answered;
      if (now >= warm) {
        ++answered;
        const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now - c.asked).count();
        latencies_ns.push_back(
            static_cast<std::uint32_t>(std::min<std::int64_t>(ns, 4'000'000'000)));
      }
      ask(c);
    }
  }
  const double cpu = cpu_seconds(server.pid) - cpu_before;
  for (Connection& c : all) ::close(c.fd);
  ::close(set);
  if (latencies_ns.empty()) fail("nothing was measured");
  const auto at = [&](double q) {
    const auto k = static_cast<std::ptrdiff_t>(q * static_cast<double>(latencies_ns.size() - 1));
    std::nth_element(latencies_ns.begin(), latencies_ns.begin() + k, latencies_ns.end());
    return static_cast<double>(latencies_ns[static_cast<std::size_t>(k)]) / 1e3;
  };
  fmt::print(
      "{{\"bench\":\"policy\",\"server\":\"{}\",\"mix\":\"{}\",\"connections\":{},"
      "\"requests_per_s\":{:.0f},\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f},"
      "\"server_cpu_us\":{:.2f}}}\n",
      server.name, options.whole_messages ? "message" : "rcpt", connections,
      static_cast<double>(answered) / options.seconds, at(0.5), at(0.99), at(0.999),
      cpu * 1e6 / static_cast<double>(all_answered));
  std::fflush(stdout);
}

Options parse(int argc, char** argv) {
  Options o;
  const auto usage = [] {
    fmt::print(stderr,
               "usage: policy_load [--bare] [--engine [--accounts N]] [--port P]\n"
               "  [--connections 1,64,1000] [--seconds S] [--mix rcpt|message] [--users N]\n"
               "  [--server-cpu C] [--client-cpu C]\n");
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--bare") {
      o.bare = true;
      continue;
    }
    if (flag == "--engine") {
      o.engine = true;
      continue;
    }
    if (i + 1 >= argc) usage();
    const std::string_view value = argv[++i];
    const auto number = [&](auto& out) {
      const auto r = std::from_chars(value.data(), value.data() + value.size(), out);
      if (r.ec != std::errc() || r.ptr != value.data() + value.size()) usage();
    };
    if (flag == "--accounts")
      number(o.accounts);
    else if (flag == "--port")
      number(o.port);
    else if (flag == "--seconds")
      number(o.seconds);
    else if (flag == "--users")
      number(o.users);
    else if (flag == "--server-cpu")
      number(o.server_cpu);
    else if (flag == "--client-cpu")
      number(o.client_cpu);
    else if (flag == "--mix" && (value == "rcpt" || value == "message"))
      o.whole_messages = value == "message";
    else if (flag == "--connections") {
      o.connections.clear();
      for (std::size_t from = 0; from <= value.size();) {
        const std::size_t to = std::min(value.find(',', from), value.size());
        int n = 0;
        std::from_chars(value.data() + from, value.data() + to, n);
        if (n <= 0) usage();
        o.connections.push_back(n);
        from = to + 1;
      }
    } else {
      usage();
    }
  }
  if ((!o.bare && !o.engine && o.port == 0) || o.users == 0) usage();
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::vector<Server> servers;
  if (options.bare) servers.push_back(start("bare_epoll", options.server_cpu, serve_bare));
  if (options.engine) {
    servers.push_back(start("sekimori", options.server_cpu,
                            [&](int tell) { serve_engine(tell, options.accounts); }));
  }
  if (options.port != 0) servers.push_back({fmt::format("port_{}", options.port), options.port, 0});
  pin(options.client_cpu);
  for (const int n : options.connections) {
    for (const Server& server : servers) measure(server, n, options);
  }
  for (const Server& server : servers) {
    if (server.pid > 0) {
      ::kill(server.pid, SIGKILL);
      ::waitpid(server.pid, nullptr, 0);
    }
  }
}
