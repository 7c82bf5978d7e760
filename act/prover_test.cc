// The prover against servers that answer anything at all; what real ones say is in the mail world's
// test and in the lab.
#include "act/prover.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

namespace sekimori::act {
namespace {

// Answers each line of one client after another by a function; "" closes, "…" says nothing more.
class LineServer {
 public:
  using Answer = std::function<std::string(const std::string& line)>;
  LineServer(std::string greeting, Answer answer)
      : greeting_(std::move(greeting)), answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  ~LineServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] std::string url(const std::string& scheme) const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

 private:
  static bool readable(int fd, const std::stop_token& stop) {
    pollfd wait{fd, POLLIN, 0};
    while (!stop.stop_requested()) {
      if (::poll(&wait, 1, 20) > 0) return true;
    }
    return false;
  }
  void run(const std::stop_token& stop) {
    while (readable(listener_, stop)) {
      const int client = ::accept(listener_, nullptr, nullptr);
      serve(client, stop);
      ::close(client);
    }
  }
  void serve(int client, const std::stop_token& stop) {
    send(client, greeting_);
    std::string text;
    char buffer[4096];
    while (readable(client, stop)) {
      const ssize_t n = ::read(client, buffer, sizeof(buffer));
      if (n <= 0) return;
      text.append(buffer, static_cast<std::size_t>(n));
      for (auto end = text.find("\r\n"); end != std::string::npos; end = text.find("\r\n")) {
        const std::string answer = answer_(text.substr(0, end));
        text.erase(0, end + 2);
        if (answer.empty()) return;
        if (answer != "…") send(client, answer);
      }
    }
  }
  static void send(int client, const std::string& text) {
    (void)!::send(client, text.data(), text.size(), MSG_NOSIGNAL);
  }

  std::string greeting_;
  Answer answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

Trial smtp(const std::string& greeting, LineServer::Answer answer) {
  const LineServer server(greeting, std::move(answer));
  const Prover prover({.smtp_url = server.url("smtp"), .timeout = seconds(2)});
  const auto outcome = prover.try_sign_in(Service::smtp, "taro@a.test", Secret("Sesame-48275"));
  EXPECT_EQ(outcome.words.find("Sesame"), std::string::npos);
  return outcome.trial;
}
Trial imap(const std::string& greeting, LineServer::Answer answer) {
  const LineServer server(greeting, std::move(answer));
  const Prover prover({.imap_url = server.url("imap"), .timeout = seconds(2)});
  const auto outcome = prover.try_sign_in(Service::imap, "taro@a.test", Secret("Sesame-48275"));
  EXPECT_EQ(outcome.words.find("Sesame"), std::string::npos);
  return outcome.trial;
}

const std::string k_hello = "220 mx ESMTP\r\n";

LineServer::Answer smtp_server(std::string verdict,
                               std::string ehlo = "250-mx\r\n250 AUTH PLAIN\r\n") {
  return [=](const std::string& line) -> std::string {
    if (line.starts_with("EHLO") || line.starts_with("HELO")) return ehlo;
    if (line == "AUTH PLAIN") return "334 \r\n";
    if (line.starts_with("NOOP")) return "250 2.0.0 Ok\r\n";
    if (line.starts_with("QUIT")) return "221 bye\r\n";
    return verdict;
  };
}

TEST(ProverTest, SmtpVerdictsAreToldApart) {
  EXPECT_EQ(smtp(k_hello, smtp_server("235 2.7.0 Authentication successful\r\n")), Trial::accepted);
  EXPECT_EQ(smtp(k_hello, smtp_server("535 5.7.8 Error: authentication failed\r\n")),
            Trial::refused);
  EXPECT_EQ(smtp(k_hello, smtp_server("454 4.7.0 Temporary authentication failure\r\n")),
            Trial::unreachable);
  EXPECT_EQ(smtp(k_hello, smtp_server("530 5.7.0 Must issue a STARTTLS command first\r\n")),
            Trial::unreachable);
  EXPECT_EQ(smtp(k_hello, smtp_server("what?\r\n")), Trial::unreachable);
}

TEST(ProverTest, SmtpWithoutASignInProvesNothing) {
  EXPECT_EQ(smtp(k_hello, smtp_server("235 fine\r\n", "250 mx\r\n")), Trial::unreachable)
      << "no AUTH offered: libcurl would go on and succeed";
  EXPECT_EQ(smtp(k_hello, smtp_server("235 fine\r\n", "250-mx\r\n250 AUTH X-NONE\r\n")),
            Trial::unreachable);
  EXPECT_EQ(smtp("421 4.3.2 too busy\r\n", smtp_server("235 fine\r\n")), Trial::unreachable);
  EXPECT_EQ(smtp("", [](const std::string&) { return std::string(); }), Trial::unreachable);
  EXPECT_EQ(smtp(k_hello, [](const std::string&) { return std::string("…"); }), Trial::unreachable)
      << "silence ends by the deadline";
  EXPECT_EQ(smtp(k_hello, [](const std::string&) { return std::string(200'000, '\xff'); }),
            Trial::unreachable);
}

std::string tagged(const std::string& line, const std::string& rest) {
  return line.substr(0, line.find(' ')) + " " + rest + "\r\n";
}

LineServer::Answer imap_server(std::string verdict,
                               std::string capabilities = "IMAP4rev1 AUTH=PLAIN") {
  return [=, tag = std::string()](const std::string& line) mutable -> std::string {
    if (line.find("CAPABILITY") != std::string::npos) {
      return "* CAPABILITY " + capabilities + "\r\n" + tagged(line, "OK done");
    }
    if (line.find("AUTHENTICATE") != std::string::npos) {
      tag = line;
      return "+ \r\n";
    }
    if (line.find("LOGIN") != std::string::npos) return tagged(line, verdict);
    if (line.find("NOOP") != std::string::npos) return tagged(line, "OK NOOP done");
    if (line.find("LOGOUT") != std::string::npos) return "* BYE\r\n" + tagged(line, "OK bye");
    return tagged(tag, verdict);
  };
}

TEST(ProverTest, ImapVerdictsAreToldApart) {
  const std::string hello = "* OK ready\r\n";
  EXPECT_EQ(imap(hello, imap_server("OK Logged in")), Trial::accepted);
  EXPECT_EQ(imap(hello, imap_server("NO [AUTHENTICATIONFAILED] Authentication failed.")),
            Trial::refused);
  EXPECT_EQ(imap(hello, imap_server("NO [UNAVAILABLE] Temporary authentication failure.")),
            Trial::unreachable);
  EXPECT_EQ(imap(hello, imap_server("OK Logged in", "IMAP4rev1 LOGINDISABLED")),
            Trial::unreachable);
  EXPECT_EQ(imap("* BYE too busy\r\n", imap_server("OK Logged in")), Trial::unreachable);
  EXPECT_EQ(imap(hello, [](const std::string&) { return std::string(); }), Trial::unreachable);
}

TEST(ProverTest, NobodyThere) {
  std::string url;
  {
    const LineServer server("", [](const std::string&) { return std::string(); });
    url = server.url("smtp");
  }
  const Prover prover({.smtp_url = url, .timeout = seconds(2)});
  EXPECT_EQ(prover.try_sign_in(Service::smtp, "taro@a.test", Secret("x")).trial,
            Trial::unreachable);
  EXPECT_FALSE(prover.reach(Service::smtp));
  EXPECT_TRUE(prover.reach(Service::imap)) << "not configured is not unreachable";
  EXPECT_FALSE(prover.knows(Service::imap));
  EXPECT_EQ(prover.try_sign_in(Service::imap, "taro@a.test", Secret("x")).trial,
            Trial::unreachable);
  const LineServer alive(k_hello, smtp_server("235 fine\r\n"));
  EXPECT_TRUE(Prover({.smtp_url = alive.url("smtp"), .timeout = seconds(2)}).reach(Service::smtp));
}

}  // namespace
}  // namespace sekimori::act
