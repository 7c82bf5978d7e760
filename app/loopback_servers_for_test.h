// A small SMTP server and a small HTTP server on 127.0.0.1, for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mail_address.h"

namespace sekimori::app::testing {

// Answers one connection after the other on a thread of its own.
class LoopbackServer {
 public:
  LoopbackServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  virtual ~LoopbackServer() { stop(); }
  [[nodiscard]] std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
  // Nobody answers any more.
  void stop() {
    if (listener_ < 0) return;
    ::shutdown(listener_, SHUT_RDWR);
    ::close(listener_);
    listener_ = -1;
    if (thread_.joinable()) thread_.join();
  }

 protected:
  void run() {
    thread_ = std::thread([this, listener = listener_] {
      while (true) {
        const int peer = ::accept(listener, nullptr, nullptr);
        if (peer < 0) return;
        timeval deadline{10, 0};
        ::setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
        buffer_.clear();
        serve(peer);
        ::close(peer);
      }
    });
  }
  virtual void serve(int peer) = 0;
  // Up to and without CRLF; false when the peer is gone.
  bool line(int peer, std::string& out) {
    while (true) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        out = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return true;
      }
      if (!more(peer)) return false;
    }
  }
  bool more(int peer) {
    char bytes[4096];
    const auto n = ::recv(peer, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }
  static void say(int peer, const std::string& text) {
    (void)::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
  }
  std::string buffer_;

 private:
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

class SmtpServer : public LoopbackServer {
 public:
  SmtpServer() { run(); }
  ~SmtpServer() override { stop(); }
  struct Mail {
    std::string to;
    std::string text;
  };
  void answer_rcpt(const std::string& to, const std::string& reply) {
    const std::lock_guard lock(mutex_);
    replies_[to] = reply;
  }
  std::vector<Mail> mails() {
    const std::lock_guard lock(mutex_);
    return mails_;
  }
  std::size_t count(const std::string& to) {
    const auto all = mails();
    return static_cast<std::size_t>(std::ranges::count(all, to, &Mail::to));
  }

 private:
  void serve(int peer) override {
    say(peer, "220 test\r\n");
    std::string command;
    std::string to;
    while (line(peer, command)) {
      if (command.starts_with("RCPT TO:<")) {
        to = command.substr(9, command.find('>') - 9);
        const std::lock_guard lock(mutex_);
        const auto reply = replies_.find(to);
        say(peer, reply == replies_.end() ? "250 ok\r\n" : reply->second + "\r\n");
      } else if (command == "DATA") {
        say(peer, "354 go\r\n");
        std::string text;
        while (line(peer, command) && command != ".") text += command + "\n";
        {
          const std::lock_guard lock(mutex_);
          mails_.push_back({to, text});
        }
        say(peer, "250 taken\r\n");
      } else if (command == "QUIT") {
        say(peer, "221 bye\r\n");
        return;
      } else {
        say(peer, "250 ok\r\n");
      }
    }
  }
  std::mutex mutex_;
  std::map<std::string, std::string> replies_;
  std::vector<Mail> mails_;
};

class HttpServer : public LoopbackServer {
 public:
  HttpServer() { run(); }
  ~HttpServer() override { stop(); }
  struct Request {
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void answer_next(std::vector<int> statuses) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(statuses);
  }

 private:
  void serve(int peer) override {
    std::string text;
    Request request;
    if (!line(peer, text)) return;
    while (line(peer, text) && !text.empty()) {
      const auto colon = text.find(": ");
      if (colon != std::string::npos) {
        request.headers[ascii_lower(text.substr(0, colon))] = text.substr(colon + 2);
      }
    }
    const auto size = static_cast<std::size_t>(std::stoul(request.headers["content-length"]));
    while (buffer_.size() < size && more(peer)) {
    }
    request.body = buffer_.substr(0, size);
    int status = 200;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (!next_.empty()) {
        status = next_.front();
        next_.erase(next_.begin());
      }
    }
    say(peer, "HTTP/1.1 " + std::to_string(status) +
                  " x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<int> next_;
};

}  // namespace sekimori::app::testing
