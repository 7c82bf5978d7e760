#include "app/trial_listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/mail_address.h"

namespace sekimori::app {
namespace {

// Postfix's question has some thirty lines, Dovecot's one object.
constexpr std::size_t k_question_max = std::size_t{64} * 1024;
// Postfix opens one connection for each smtpd and stanza.
constexpr std::size_t k_peers_max = 200;
constexpr int k_look_ms = 100;

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<TrialListener>> TrialListener::open(const ListenAddress& at, Speaks speaks) {
  if (at.is_unix()) return operating_failure("a unix socket is not tried");
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_in);
  const std::string ip = at.ip.to_string();
  if (at.ip.is_v4()) {
    auto* to = reinterpret_cast<sockaddr_in*>(&storage);
    to->sin_family = AF_INET;
    to->sin_port = htons(at.port);
    ::inet_pton(AF_INET, ip.c_str(), &to->sin_addr);
  } else {
    auto* to = reinterpret_cast<sockaddr_in6*>(&storage);
    length = sizeof(sockaddr_in6);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(at.port);
    ::inet_pton(AF_INET6, ip.c_str(), &to->sin6_addr);
  }
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return operating_failure(std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), length) != 0 || ::listen(fd, 64) != 0) {
    const int why = errno;
    ::close(fd);
    return operating_failure(fmt::format("{}: {}", at.to_string(), std::strerror(why)));
  }
  std::unique_ptr<TrialListener> made(new TrialListener(fd, speaks));
  made->thread_ = std::thread([self = made.get()] { self->run(); });
  return made;
}

TrialListener::~TrialListener() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  ::close(listener_);
}

bool TrialListener::answer(int peer, std::string& text) {
  while (true) {
    if (speaks_ == Speaks::postfix_policy) {
      const auto end = text.find("\n\n");
      if (end == std::string::npos) return text.size() < k_question_max;
      text.erase(0, end + 2);
      ++questions_;
      if (!send_all(peer, "action=DUNNO\n\n")) return false;
      continue;
    }
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return text.size() < k_question_max;
    std::size_t length = 0;
    const std::string head = ascii_lower(text.substr(0, end));
    if (const auto at = head.find("content-length:"); at != std::string::npos) {
      const auto digits = head.find_first_of("0123456789", at);
      if (digits != std::string::npos) {
        std::from_chars(head.data() + digits, head.data() + head.size(), length);
      }
    }
    if (length > k_question_max) return false;
    if (text.size() < end + 4 + length) return true;
    text.erase(0, end + 4 + length);
    ++questions_;
    constexpr std::string_view body = R"({"status":0,"msg":""})";
    if (!send_all(peer, fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                    "Content-Length: {}\r\n\r\n{}",
                                    body.size(), body))) {
      return false;
    }
  }
}

void TrialListener::run() {
  std::map<int, std::string> peers;
  while (!stopping_) {
    std::vector<pollfd> wanted{{listener_, POLLIN, 0}};
    for (const auto& [fd, text] : peers) wanted.push_back({fd, POLLIN, 0});
    if (::poll(wanted.data(), wanted.size(), k_look_ms) <= 0) continue;
    for (const auto& each : wanted) {
      if (each.revents == 0) continue;
      if (each.fd == listener_) {
        const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer >= 0 && peers.size() >= k_peers_max) ::close(peer);
        if (peer >= 0 && peers.size() < k_peers_max) peers.emplace(peer, std::string());
        continue;
      }
      char buffer[8192];
      const ssize_t n = ::recv(each.fd, buffer, sizeof buffer, 0);
      std::string& text = peers[each.fd];
      if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
      if (n <= 0 || !answer(each.fd, text)) {
        ::close(each.fd);
        peers.erase(each.fd);
      }
    }
  }
  for (const auto& [fd, text] : peers) ::close(fd);
}

}  // namespace sekimori::app
