#include "helper/helper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "helper/commands.h"
#include "helper/protocol.h"

namespace sekimori::helper {
namespace {

// The daemon, the command line and the watchdog: eight leave room for all of them twice.
constexpr std::size_t k_clients_max = 8;
// A client that does not take its answer for so long is let go, since others wait behind it.
constexpr int k_write_timeout_ms = 10'000;

struct Client {
  int fd = -1;
  uid_t uid = 0;
  pid_t pid = 0;
  std::string buffer;
  bool over = false;
};

class Server {
 public:
  explicit Server(const HelperOptions& options) : options_(options), firewall_(options.firewall) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();
  int run();

 private:
  bool start();
  bool bind_socket();
  void accept_client();
  void read_from(Client& client);
  void serve(Client& client, std::string_view line);
  bool send_all(Client& client, std::string_view bytes);
  void log(std::string_view line) const;
  bool fail(std::string_view what) const {
    log(fmt::format("{}: {}", what, std::strerror(errno)));
    return false;
  }

  const HelperOptions& options_;
  Firewall firewall_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  int listener_ = -1;
  int signals_ = -1;
  bool bound_ = false;
  std::vector<Client> clients_;
};

Server::~Server() {
  for (const Client& client : clients_) ::close(client.fd);
  if (bound_) ::unlink(options_.socket_path.c_str());
  if (listener_ >= 0) ::close(listener_);
  if (signals_ >= 0) ::close(signals_);
}

void Server::log(std::string_view line) const {
  if (options_.log) return options_.log(line);
  fmt::print(stderr, "sekimori helper: {}\n", line);
}

bool Server::start() {
  const passwd* user = ::getpwnam(options_.user.c_str());
  if (user == nullptr) {
    log(fmt::format("there is no user '{}'", options_.user));
    return false;
  }
  user_ = user->pw_uid;
  group_ = user->pw_gid;
  if (!options_.group.empty()) {
    const ::group* group = ::getgrnam(options_.group.c_str());
    if (group == nullptr) {
      log(fmt::format("there is no group '{}'", options_.group));
      return false;
    }
    group_ = group->gr_gid;
  }
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  signals_ = ::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) return fail("signalfd");
  if (const std::size_t slash = options_.state_file.rfind('/');
      slash != std::string::npos && slash > 0) {
    const std::string folder = options_.state_file.substr(0, slash);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail(folder);
  }
  return bind_socket();
}

bool Server::bind_socket() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.socket_path.size() >= sizeof(address.sun_path)) {
    log("the path of the socket is too long (at most 107 bytes)");
    return false;
  }
  std::memcpy(address.sun_path, options_.socket_path.data(), options_.socket_path.size());
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) return fail("socket");
  struct stat found{};
  if (::lstat(options_.socket_path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) {
      log(fmt::format("{} is there and is no socket", options_.socket_path));
      return false;
    }
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool alive = probe >= 0 && ::connect(probe, plain, sizeof(address)) == 0;
    if (probe >= 0) ::close(probe);
    if (alive) {
      log(fmt::format("another helper listens on {}", options_.socket_path));
      return false;
    }
    ::unlink(options_.socket_path.c_str());
  }
  // Nobody but us until it has its owner.
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(listener_, plain, sizeof(address));
  ::umask(mask);
  if (bound != 0) return fail("cannot make the socket " + options_.socket_path);
  bound_ = true;
  if (::chown(options_.socket_path.c_str(), user_, group_) != 0) return fail("chown");
  if (::chmod(options_.socket_path.c_str(), 0660) != 0) return fail("chmod");
  if (::listen(listener_, 16) != 0) return fail("listen");
  return true;
}

void Server::accept_client() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
      (peer.uid != 0 && peer.uid != user_)) {
    log(fmt::format("user {} (process {}) was turned away", peer.uid, peer.pid));
    ::close(fd);
    return;
  }
  if (clients_.size() >= k_clients_max) {
    log("too many clients at once: one was turned away");
    ::close(fd);
    return;
  }
  clients_.push_back({fd, peer.uid, peer.pid, {}, false});
}

bool Server::send_all(Client& client, std::string_view bytes) {
  while (!bytes.empty() && !client.over) {
    const ssize_t n = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      std::array<pollfd, 2> waiting{pollfd{client.fd, POLLOUT, 0}, pollfd{signals_, POLLIN, 0}};
      if (::poll(waiting.data(), waiting.size(), k_write_timeout_ms) > 0 &&
          waiting[1].revents == 0) {
        continue;
      }
    }
    client.over = true;
  }
  return !client.over;
}

void Server::serve(Client& client, std::string_view line) {
  Commands commands({options_.postfix_config_directory, options_.postfix_command_directory,
                     options_.state_file, options_.command_timeout, options_.show_subjects,
                     signals_, &firewall_});
  const std::string said =
      commands.handle(line, [&](std::string_view piece) { return send_all(client, piece); });
  if (said != "ping" && said != "firewall")
    log(fmt::format("uid {} pid {}: {}", client.uid, client.pid, said));
}

void Server::read_from(Client& client) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::recv(client.fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    client.over = true;
    return;
  }
  client.buffer.append(buffer.data(), static_cast<std::size_t>(n));
  std::size_t begin = 0;
  for (std::size_t end;
       !client.over && (end = client.buffer.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    serve(client, std::string_view(client.buffer).substr(begin, end - begin));
  }
  client.buffer.erase(0, begin);
  if (client.buffer.size() > k_request_bytes_max) {
    log(fmt::format("uid {} pid {}: a request of more than {} bytes", client.uid, client.pid,
                    k_request_bytes_max));
    client.over = true;
  }
}

int Server::run() {
  if (!start()) return 1;
  log(fmt::format("listening on {} for user {}", options_.socket_path, options_.user));
  while (true) {
    std::vector<pollfd> polled{{signals_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Client& client : clients_) polled.push_back({client.fd, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) {
      fail("poll");
      return 1;
    }
    if (polled[0].revents != 0) break;
    const std::size_t known = clients_.size();
    if (polled[1].revents != 0) accept_client();
    for (std::size_t i = 0; i < known; ++i) {
      if (polled[i + 2].revents != 0) read_from(clients_[i]);
    }
    std::erase_if(clients_, [](const Client& client) {
      if (client.over) ::close(client.fd);
      return client.over;
    });
  }
  log("ending");
  return 0;
}

}  // namespace

int run_helper(const HelperOptions& options) { return Server(options).run(); }

}  // namespace sekimori::helper
