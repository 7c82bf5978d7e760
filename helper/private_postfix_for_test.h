// For tests: a real Postfix of our own in a folder of /tmp, with smtp-sink as the outside world.
// Needs root and Debian's postfix; is_possible() says so, and tests then skip, saying why.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "helper/process.h"

namespace sekimori::helper::testing {

// Looks every 5 ms until it holds or the time is over.
inline bool eventually(const std::function<bool()>& holds,
                       std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // why: between two looks
  }
  return true;
}

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

// A line-wise client over TCP for small dialogues.
class Dialogue {
 public:
  explicit Dialogue(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;
  ~Dialogue() { ::close(fd_); }
  [[nodiscard]] bool is_open() const { return open_; }
  // "" at the end of the connection (or after 20 s).
  std::string line() {
    while (true) {
      if (const auto end = buffer_.find('\n'); end != std::string::npos) {
        std::string found = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (found.ends_with('\r')) found.pop_back();
        return found;
      }
      char piece[4096];
      const ssize_t n = ::recv(fd_, piece, sizeof(piece), 0);
      if (n <= 0) return "";
      buffer_.append(piece, static_cast<std::size_t>(n));
    }
  }
  void say(const std::string& text) {
    const std::string bytes = text + "\r\n";
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) open_ = false;
  }
  // Says it and takes an SMTP reply, all its lines.
  std::string smtp(const std::string& text) {
    if (!text.empty()) say(text);
    std::string all;
    while (true) {
      const std::string one = line();
      if (one.empty()) return all;
      all += one + "\n";
      if (one.size() < 4 || one[3] != '-') return all;
    }
  }

 private:
  int fd_ = -1;
  bool open_ = false;
  std::string buffer_;
};

class PrivatePostfix {
 public:
  static bool is_possible() {
    return ::geteuid() == 0 && ::access("/usr/sbin/postsuper", X_OK) == 0 &&
           ::access("/usr/sbin/smtp-sink", X_OK) == 0;
  }

  PrivatePostfix() {
    char name[] = "/tmp/sekimori-postfix-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    for (const char* part : {"/etc", "/queue", "/data", "/sink"}) {
      std::filesystem::create_directory(folder_ + part);
    }
    smtp_port_ = free_port();
    sink_port_ = free_port();
    std::ofstream(main_cf()) << fmt::format(
        "compatibility_level = 3.6\nqueue_directory = {0}/queue\ndata_directory = {0}/data\n"
        "command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n"
        "mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = guard.example.test\n"
        "mydestination =\nmynetworks = 127.0.0.0/8\ninet_interfaces = 127.0.0.1\n"
        "inet_protocols = ipv4\nmaillog_file = {0}/maillog\nmaillog_file_prefixes = /tmp\n"
        "default_transport = smtp:[127.0.0.1]:{1}\ndisable_dns_lookups = yes\n"
        "enable_long_queue_ids = yes\nsmtpd_authorized_xclient_hosts = 127.0.0.1\n"
        "smtpd_peername_lookup = no\nalias_maps =\nalias_database =\n"
        "smtpd_recipient_restrictions = check_recipient_access inline:{{held@away.test=HOLD}}\n",
        folder_, sink_port_);
    std::ofstream(folder_ + "/etc/master.cf") << fmt::format(
        "127.0.0.1:{} inet n - n - - smtpd\n"
        "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n"
        "qmgr unix n - n 300 1 qmgr\nrewrite unix - - n - - trivial-rewrite\n"
        "bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n"
        "flush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\n"
        "smtp unix - - n - - smtp\nrelay unix - - n - - smtp\nslow unix - - n - - smtp\n"
        "showq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n"
        "anvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n"
        "postlog unix-dgram n - n - 1 postlogd\n",
        smtp_port_);
    call("/bin/chown", {"postfix", folder_ + "/data"});
    start_sink();
    start();
  }
  PrivatePostfix(const PrivatePostfix&) = delete;
  PrivatePostfix& operator=(const PrivatePostfix&) = delete;
  ~PrivatePostfix() {
    call("/usr/sbin/postfix", {"-c", config(), "stop"});
    if (sink_ > 0) ::kill(sink_, SIGKILL);
    if (sink_ > 0) ::waitpid(sink_, nullptr, 0);
    if (std::getenv("SEKIMORI_KEEP") == nullptr) std::filesystem::remove_all(folder_);
  }

  void start() {
    call("/bin/sh",
         {"-c", fmt::format("/usr/sbin/postfix -c {} start >{}/start.log 2>&1 </dev/null", config(),
                            folder_)});
    if (!eventually([&] { return Dialogue(smtp_port_).line().starts_with("220 "); })) {
      throw std::runtime_error("the private Postfix did not start: see " + folder_);
    }
  }
  void stop() { call("/usr/sbin/postfix", {"-c", config(), "stop"}); }

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string config() const { return folder_ + "/etc"; }
  [[nodiscard]] std::string main_cf() const { return folder_ + "/etc/main.cf"; }
  [[nodiscard]] int smtp_port() const { return smtp_port_; }
  // Makes deliveries fail for the time being (the sink is stopped), or work again.
  void stop_sink() {
    ::kill(sink_, SIGKILL);
    ::waitpid(sink_, nullptr, 0);
    sink_ = -1;
  }
  void start_sink() {
    sink_ = ::fork();
    if (sink_ == 0) {
      const std::string pattern = folder_ + "/sink/%M%S.";
      const std::string where = fmt::format("127.0.0.1:{}", sink_port_);
      ::execl("/usr/sbin/smtp-sink", "smtp-sink", "-u", "root", "-d", pattern.c_str(),
              where.c_str(), "100", nullptr);
      ::_exit(127);
    }
    if (!eventually([&] { return Dialogue(sink_port_).line().starts_with("220 "); })) {
      throw std::runtime_error("smtp-sink did not start");
    }
  }
  // How many messages have reached the sink, and the text of those that hold `part`.
  [[nodiscard]] std::vector<std::string> arrived(const std::string& part = "") const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/sink")) {
      std::ifstream file(entry.path());
      std::string text(std::istreambuf_iterator<char>(file), {});
      // A file appears before its message is complete.
      if (text.find("\n\n") == std::string::npos && text.find("\r\n\r\n") == std::string::npos) {
        continue;
      }
      if (text.find(part) != std::string::npos) found.push_back(std::move(text));
    }
    return found;
  }
  // Hands a message in (as `login`, by XCLIENT, unless empty) and returns its queue id.
  std::string send(const std::string& login, const std::string& from,
                   const std::vector<std::string>& to, const std::string& text = "hello",
                   const std::string& subject = "test") {
    Dialogue smtp(smtp_port_);
    smtp.smtp("");
    smtp.smtp("EHLO client.test");
    if (!login.empty()) {
      smtp.smtp("XCLIENT LOGIN=" + login);
      smtp.smtp("EHLO client.test");
    }
    smtp.smtp("MAIL FROM:<" + from + ">");
    for (const std::string& recipient : to) smtp.smtp("RCPT TO:<" + recipient + ">");
    smtp.smtp("DATA");
    const std::string reply = smtp.smtp("Subject: " + subject + "\r\n\r\n" + text + "\r\n.");
    smtp.smtp("QUIT");
    const auto mark = reply.find("queued as ");
    if (mark == std::string::npos) throw std::runtime_error("not queued: " + reply);
    std::string id = reply.substr(mark + 10);
    return id.substr(0, id.find_first_of("\r\n "));
  }

  static Outcome call(const std::string& program, std::vector<std::string> arguments) {
    Command command;
    command.program = program;
    command.arguments = std::move(arguments);
    auto outcome = run(command);
    if (!outcome) throw std::runtime_error(outcome.error().text);
    return *outcome;
  }

 private:
  std::string folder_;
  int smtp_port_ = 0;
  int sink_port_ = 0;
  pid_t sink_ = -1;
};

}  // namespace sekimori::helper::testing
