#include "bench/load_common.h"

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
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "decide/directory.h"
#include "detect/epoch.h"
#include "serve/listener.h"

namespace sekimori::bench {
namespace {

constexpr std::uint32_t k_domains = 500;

decide::EngineSettings settings_for(std::uint32_t accounts) {
  decide::EngineSettings settings;
  settings.mode = decide::Mode::enforce;
  settings.limits.recipients_per_day = 1'000'000'000;  // looked at, never reached
  settings.detect.accounts_max = std::size_t{accounts} + accounts / 4;
  return settings;
}

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

struct Figures {
  double rate = 0, p50 = 0, p99 = 0, p999 = 0, cpu_us = 0;
};

Figures measure(const Server& server, int connections, const Options& options, const Load& load) {
  const int set = ::epoll_create1(0);
  std::vector<Connection> all(static_cast<std::size_t>(connections));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(server.port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto open = [&](Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) {
      fail("connect");
    }
    const int on = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = &c;
    ::epoll_ctl(set, EPOLL_CTL_ADD, c.fd, &e);
  };
  const auto ask = [&](Connection& c) {
    const std::string_view question = load.ask(c);
    if (c.step++ % load.steps == 0) c.asked = Clock::now();
    if (options.reconnect && c.fd >= 0) {
      ::close(c.fd);
      c.fd = -1;
    }
    if (c.fd < 0) open(c);
    if (::send(c.fd, question.data(), question.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(question.size())) {
      fail("send");
    }
  };
  std::vector<std::uint32_t> latencies_ns;
  latencies_ns.reserve(1'000'000);
  for (Connection& c : all) ask(c);
  const auto begin = Clock::now();
  const auto warm = begin + std::chrono::milliseconds(500);
  const auto end =
      warm + std::chrono::microseconds(static_cast<std::int64_t>(options.seconds * 1e6));
  std::uint64_t answered = 0;
  const double cpu_before = cpu_seconds(server.pid);
  std::array<epoll_event, 256> events;
  std::array<char, 4096> bytes;
  Clock::time_point now = begin;
  while (now < end) {
    // A Perl server that is being loaded may take its time; ten seconds is a dead one.
    const int n = ::epoll_wait(set, events.data(), static_cast<int>(events.size()), 10'000);
    if (n <= 0) fail("no answer within ten seconds");
    for (int i = 0; i < n; ++i) {
      auto& c = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = ::recv(c.fd, bytes.data(), bytes.size(), 0);
      if (got <= 0) fail("the server closed");
      if (bytes[static_cast<std::size_t>(got) - 1] != load.answer_end) continue;  // more follows
      now = Clock::now();
      if (c.step % load.steps == 0) {
        ++answered;
        if (now >= warm) {
          const auto ns =
              std::chrono::duration_cast<std::chrono::nanoseconds>(now - c.asked).count();
          latencies_ns.push_back(
              static_cast<std::uint32_t>(std::min<std::int64_t>(ns, 4'000'000'000)));
        }
      }
      ask(c);
    }
  }
  const double cpu = cpu_seconds(server.pid) - cpu_before;
  for (const Connection& c : all) ::close(c.fd);
  ::close(set);
  if (latencies_ns.empty()) fail("nothing was measured");
  const auto at = [&](double q) {
    const auto k = static_cast<std::ptrdiff_t>(q * static_cast<double>(latencies_ns.size() - 1));
    std::nth_element(latencies_ns.begin(), latencies_ns.begin() + k, latencies_ns.end());
    return static_cast<double>(latencies_ns[static_cast<std::size_t>(k)]) / 1e3;
  };
  return {static_cast<double>(latencies_ns.size()) / options.seconds, at(0.5), at(0.99), at(0.999),
          cpu * 1e6 / static_cast<double>(answered)};
}

}  // namespace

void fail(std::string_view what) {
  fmt::print(stderr, "{}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);  // a machine with fewer CPUs: unpinned
}

void raise_file_limit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

std::string account_name(std::uint32_t i) {
  return fmt::format("user{:08}@d{:03}.example.jp", i, i % k_domains);
}

Instant system_now() {
  return Instant{std::chrono::duration_cast<std::chrono::microseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count()};
}

World::World(std::uint32_t accounts)
    : engine(settings_for(accounts), nullptr, detect::shipped_priors()) {
  decide::DirectorySnapshot names;
  const Instant first{1'750'000'000'000'000};
  const auto began = Clock::now();
  decide::Applied applied;
  for (std::uint32_t i = 0; i < accounts; ++i) {
    names.accounts.push_back(account_name(i));
    Event event;
    event.t = first + Duration{i};
    event.account = names.accounts.back();
    Login login;
    login.ip = *IpAddress::parse("192.0.2.1");
    event.body = login;
    engine.apply(event, applied);
  }
  for (std::uint32_t d = 0; d < k_domains; ++d) {
    names.domains.push_back(fmt::format("d{:03}.example.jp", d));
  }
  fmt::print(stderr, "engine knows {} accounts after {:.1f} s\n", accounts,
             std::chrono::duration<double>(Clock::now() - began).count());
  directory.set(std::make_shared<const decide::Directory>(names, "+", ""));
}

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

void tell_port(int tell, std::uint16_t port) {
  if (::write(tell, &port, sizeof port) != sizeof port) fail("pipe");
}

void stop(const std::vector<Server>& servers) {
  for (const Server& server : servers) {
    if (server.pid <= 0) continue;
    ::kill(server.pid, SIGKILL);
    ::waitpid(server.pid, nullptr, 0);
  }
}

void serve_bare(int tell, std::string_view request_end, std::string_view answer) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 ||
      ::listen(listener, 4096) != 0) {
    fail("listen");
  }
  tell_port(tell, serve::port_of(listener));
  const int set = ::epoll_create1(0);
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = listener;
  ::epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
  static std::array<char, 65536> bytes;
  std::array<epoll_event, 256> events;
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
      } else if (std::string_view(bytes.data(), static_cast<std::size_t>(got))
                     .ends_with(request_end)) {
        if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) ::close(fd);
      }
    }
  }
}

void measure_all(const std::vector<Server>& servers, const Options& options, const Load& load) {
  for (const int n : options.connections) {
    std::vector<std::vector<Figures>> rounds(servers.size());
    // In turn, so that what else the machine does falls on all of them alike.
    for (int round = 0; round < options.rounds; ++round) {
      for (std::size_t s = 0; s < servers.size(); ++s) {
        rounds[s].push_back(measure(servers[s], n, options, load));
      }
    }
    for (std::size_t s = 0; s < servers.size(); ++s) {
      std::ranges::sort(rounds[s], {}, &Figures::rate);
      const Figures& f = rounds[s][rounds[s].size() / 2];
      fmt::print(
          "{{\"bench\":\"{}\",\"server\":\"{}\",{}\"connections\":{},\"rounds\":{},"
          "\"{}_per_s\":{:.0f},\"p50_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f},"
          "\"server_cpu_us\":{:.2f}}}\n",
          load.bench, servers[s].name, load.what, n, options.rounds, load.unit, f.rate, f.p50,
          f.p99, f.p999, f.cpu_us);
    }
    std::fflush(stdout);
  }
}

Options parse_options(int argc, char** argv, std::string_view usage_text) {
  Options o;
  const auto usage = [usage_text] {
    fmt::print(stderr, "{}", usage_text);
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--bare" || flag == "--engine" || flag == "--reconnect") {
      (flag == "--bare" ? o.bare : flag == "--engine" ? o.engine : o.reconnect) = true;
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
    else if (flag == "--rounds")
      number(o.rounds);
    else if (flag == "--users")
      number(o.users);
    else if (flag == "--server-cpu")
      number(o.server_cpu);
    else if (flag == "--client-cpu")
      number(o.client_cpu);
    else if (flag == "--mix")
      o.mix = value;
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
  const bool mix_known = o.mix == "rcpt" || o.mix == "message";
  if ((!o.bare && !o.engine && o.port == 0) || o.users == 0 || o.rounds < 1 || !mix_known) usage();
  return o;
}

}  // namespace sekimori::bench
