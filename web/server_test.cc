// The real server on real sockets: who is let in, what is cut off, what is kept alive, the stream,
// the unix socket, and a stop that waits for what is under way.
#include "web/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "web/client.h"
#include "web/memory_control.h"

namespace sekimori::web {
namespace {

using namespace std::chrono_literals;
constexpr std::string_view k_token = "a-token-of-good-length-for-tests";
constexpr auto k_patience = 20s;  // only a broken server needs as long

// A socket that says exactly what a test wants to say.
class Wire {
 public:
  explicit Wire(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  explicit Wire(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Wire() { ::close(fd_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view text) const {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Reads until `end` is seen or the peer closes. "" and closed() when nothing came.
  std::string read_until(std::string_view end) {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    while (!seen_.contains(end) && !closed_ && std::chrono::steady_clock::now() < deadline) {
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, 100) <= 0) continue;
      char buffer[16384];
      const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size <= 0)
        closed_ = true;
      else
        seen_.append(buffer, static_cast<std::size_t>(size));
    }
    const auto at = seen_.find(end);
    const auto size = at == std::string::npos ? seen_.size() : at + end.size();
    auto out = seen_.substr(0, size);
    seen_.erase(0, size);
    return out;
  }
  // One response: header and as much body as it declares.
  std::string read_response() {
    auto head = read_until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const auto size = std::stoul(head.substr(at + 16));
    while (seen_.size() < size && !closed_) {
      const auto before = seen_.size();
      auto kept = std::move(seen_);
      seen_.clear();
      auto more = read_some();
      seen_ = std::move(kept) + more;
      if (seen_.size() == before) break;
    }
    head += seen_.substr(0, size);
    seen_.erase(0, std::min<std::size_t>(size, seen_.size()));
    return head;
  }
  bool wait_closed() {
    (void)read_until("\x01 this never comes \x01");
    return closed_;
  }

 private:
  std::string read_some() {
    pollfd waiting{fd_, POLLIN, 0};
    if (::poll(&waiting, 1, 20000) <= 0) return "";
    char buffer[16384];
    const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
    if (size <= 0) closed_ = true;
    return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "";
  }
  int fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string seen_;
};

int status_of(const std::string& response) {
  return response.size() > 12 ? std::atoi(response.substr(9, 3).c_str()) : 0;
}

std::string get(std::string_view target, std::string_view more = "",
                std::string_view method = "GET") {
  return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" +
         std::string(more) + "\r\n";
}
std::string bearer() { return "Authorization: Bearer " + std::string(k_token) + "\r\n"; }

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "sekimori-web-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    settings.listen.push_back({IpAddress::parse("127.0.0.1").value(), 0});
    settings.control_socket = folder + "/control.sock";
  }
  void TearDown() override {
    server.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  void start() {
    server = std::make_unique<Server>(settings, Secret(std::string(k_token)), control, hub);
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().text;
    port = server->ports().at(0);
  }
  template <class Condition>
  static bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);  // why: the step of a poll with a deadline
    }
    return true;
  }

  ServerSettings settings;
  MemoryControl control;
  Hub hub;
  std::unique_ptr<Server> server;
  std::string folder;
  std::uint16_t port = 0;
};

TEST_F(ServerTest, a_token_is_needed_and_a_wrong_one_is_not_enough) {
  start();
  Wire none(port);
  none.send(get("/api/v1/accounts"));
  const auto refused = none.read_response();
  EXPECT_EQ(status_of(refused), 401);
  EXPECT_NE(refused.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_TRUE(none.wait_closed());
  Wire wrong(port);
  wrong.send(get("/api/v1/accounts", "Authorization: Bearer not-the-token-but-long-too\r\n"));
  EXPECT_EQ(status_of(wrong.read_response()), 401);
  Wire right(port);
  right.send(get("/api/v1/accounts", bearer()));
  const auto answered = right.read_response();
  EXPECT_EQ(status_of(answered), 200);
  EXPECT_NE(answered.find("taro@example.jp"), std::string::npos);
  EXPECT_EQ(server->counters().auth_failures, 1U);
}

TEST_F(ServerTest, every_answer_carries_the_security_headers) {
  start();
  for (const auto* target : {"/", "/portal", "/livez", "/nothing", "/api/v1/accounts"}) {
    Wire wire(port);
    wire.send(get(target));
    const auto response = wire.read_response();
    for (const auto* header : {"X-Content-Type-Options: nosniff\r\n", "X-Frame-Options: DENY\r\n",
                               "Referrer-Policy: no-referrer\r\n", "Cache-Control: no-",
                               "Date: ", "Content-Security-Policy: default-src 'none'"}) {
      EXPECT_NE(response.find(header), std::string::npos) << target << " lacks " << header;
    }
    EXPECT_EQ(response.find("Access-Control-Allow-Origin"), std::string::npos);
    // One policy, not two that are at odds.
    EXPECT_EQ(response.find("Content-Security-Policy"), response.rfind("Content-Security-Policy"));
  }
}

TEST_F(ServerTest, requests_follow_one_another_on_one_connection) {
  start();
  Wire wire(port);
  for (int i = 0; i < 3; ++i) {
    wire.send(get("/api/v1/accounts/taro@example.jp", bearer()));
    EXPECT_EQ(status_of(wire.read_response()), 200);
  }
  // Two at once (pipelined), byte by byte.
  const auto two = get("/livez") + get("/nothing");
  for (const char c : two) ASSERT_TRUE(wire.send(std::string_view(&c, 1)));
  EXPECT_EQ(status_of(wire.read_response()), 200);
  EXPECT_EQ(status_of(wire.read_response()), 404);
  const std::string body = R"({"reason":"by hand"})";
  wire.send(get("/api/v1/accounts/taro@example.jp/restrict",
                bearer() + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                "POST"));
  for (const char c : body) wire.send("1\r\n" + std::string(1, c) + "\r\n");
  wire.send("0\r\n\r\n");
  const auto response = wire.read_response();
  EXPECT_EQ(status_of(response), 200) << response;
  EXPECT_EQ(control.audit_entries().at(0).who, "api");
  EXPECT_EQ(control.audit_entries().at(0).why, "by hand");
  wire.send(get("/livez", "Connection: close\r\n"));
  EXPECT_EQ(status_of(wire.read_response()), 200);
  EXPECT_TRUE(wire.wait_closed());
  EXPECT_EQ(server->counters().requests, 7U);
}

TEST_F(ServerTest, head_is_get_without_a_body) {
  start();
  Wire wire(port);
  wire.send(get("/livez", "", "HEAD") + get("/livez", "Connection: close\r\n"));
  const auto head = wire.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(head), 200);
  EXPECT_NE(head.find("Content-Length: 3\r\n"), std::string::npos);
  const auto next = wire.read_response();
  EXPECT_TRUE(next.starts_with("HTTP/1.1 200")) << next;
  EXPECT_TRUE(next.ends_with("ok\n"));
}

TEST_F(ServerTest, what_is_too_large_is_told_so_and_cut_off) {
  start();
  Wire head(port);
  head.send("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(20000, 'a') + "\r\n\r\n");
  EXPECT_EQ(status_of(head.read_response()), 431);
  Wire declared(port);
  declared.send(get("/api/v1/release-all",
                    bearer() + "Content-Type: application/json\r\nContent-Length: 1048577\r\n",
                    "POST"));
  EXPECT_EQ(status_of(declared.read_response()), 413);
  EXPECT_TRUE(declared.wait_closed());
  Wire chunked(port);
  chunked.send(get("/api/v1/release-all",
                   bearer() + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                   "POST"));
  // Sent whole although the answer comes before its end.
  const std::string chunk = "10000\r\n" + std::string(65536, ' ') + "\r\n";
  for (int i = 0; i < 17; ++i) chunked.send(chunk);
  EXPECT_EQ(status_of(chunked.read_response()), 413);
  EXPECT_TRUE(control.audit_entries().empty());
}

TEST_F(ServerTest, no_body_is_read_from_whom_we_do_not_know) {
  start();
  Wire wire(port);
  wire.send(
      get("/api/v1/release-all", "Content-Length: 1000000\r\nExpect: 100-continue\r\n", "POST"));
  EXPECT_EQ(status_of(wire.read_response()), 401);
  Wire known(port);
  known.send(get("/api/v1/release-all",
                 bearer() + "Content-Type: application/json\r\nContent-Length: 2\r\n"
                            "Expect: 100-continue\r\n",
                 "POST"));
  EXPECT_EQ(status_of(known.read_until("\r\n\r\n")), 100);
  known.send("{}");
  EXPECT_EQ(status_of(known.read_response()), 200);
}

TEST_F(ServerTest, garbage_is_answered_or_cut_and_the_server_goes_on) {
  start();
  for (const std::string_view garbage :
       {std::string_view("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), std::string_view("GET\r\n\r\n"),
        std::string_view("GET / HTTP/9.9\r\n\r\n"), std::string_view("GET /livez HTTP/1.1\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        std::string_view("GET / HTTP/1.1\r\nHost: x\r\nbroken header\r\n\r\n"),
        std::string_view("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        std::string_view("POST /api/v1/bypass HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                         "Content-Length: 4\r\n\r\nabcd")}) {
    Wire wire(port);
    wire.send(garbage);
    const auto response = wire.read_response();
    EXPECT_TRUE(response.empty() || status_of(response) == 400) << garbage << response;
    EXPECT_TRUE(wire.wait_closed());
  }
  Wire wire(port);
  wire.send(get("http://sekimori.example.jp/livez"));  // the absolute form, as a proxy sends it
  EXPECT_EQ(status_of(wire.read_response()), 200);
}

TEST_F(ServerTest, the_slow_and_the_silent_are_cut_off) {
  settings.request_timeout = {300'000};
  settings.idle_timeout = {300'000};
  start();
  Wire silent(port);
  EXPECT_TRUE(silent.wait_closed());
  Wire slow(port);
  slow.send("GET /livez HT");
  EXPECT_TRUE(slow.wait_closed());
  Wire half(port);
  half.send(get("/api/v1/release-all",
                bearer() + "Content-Type: application/json\r\nContent-Length: 10\r\n", "POST") +
            "{");
  EXPECT_TRUE(half.wait_closed());
  EXPECT_TRUE(control.audit_entries().empty());
  EXPECT_TRUE(eventually([this] { return server->counters().connections == 0; }));
}

TEST_F(ServerTest, connections_are_bounded) {
  settings.connections_max = 2;
  start();
  Wire one(port);
  Wire two(port);
  one.send(get("/livez"));
  two.send(get("/livez"));
  EXPECT_EQ(status_of(one.read_response()), 200);
  EXPECT_EQ(status_of(two.read_response()), 200);
  Wire three(port);
  EXPECT_TRUE(three.wait_closed());
  EXPECT_EQ(server->counters().connections_refused, 1U);
  // The command line still gets in.
  Client client({.unix_socket = settings.control_socket, .address = {}, .token = {}});
  EXPECT_EQ(client.call("GET", "/livez")->status, 200);
}

TEST_F(ServerTest, guessing_is_slowed_down_but_the_right_token_still_works) {
  settings.failures_per_minute = 3;
  start();
  int refused = 0;
  int slowed = 0;
  // Twice the limit and one, so that a minute that turns meanwhile does not matter.
  for (int i = 0; i < 7; ++i) {
    Wire wire(port);
    wire.send(get("/api/v1/accounts", "Authorization: Bearer guess-" + std::to_string(i) + "\r\n"));
    const auto response = wire.read_response();
    refused += status_of(response) == 401 ? 1 : 0;
    slowed += status_of(response) == 429 ? 1 : 0;
    EXPECT_EQ(status_of(response) == 429, response.contains("Retry-After: 60"));
  }
  EXPECT_EQ(refused + slowed, 7);
  EXPECT_GE(slowed, 1);
  Wire right(port);
  right.send(get("/api/v1/accounts", bearer()));
  EXPECT_EQ(status_of(right.read_response()), 200);
}

TEST_F(ServerTest, metrics_for_this_machine_but_not_for_what_a_proxy_passes_on) {
  start();
  Wire wire(port);
  wire.send(get("/metrics"));
  EXPECT_EQ(status_of(wire.read_response()), 200);
  wire.send(get("/metrics", "X-Forwarded-For: 192.0.2.1\r\n"));
  EXPECT_EQ(status_of(wire.read_response()), 401);
}

TEST_F(ServerTest, the_unix_socket_knows_who_calls) {
  start();
  struct stat info{};
  ASSERT_EQ(::stat(settings.control_socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  Client client({.unix_socket = settings.control_socket, .address = {}, .token = {}});
  const auto response =
      client.call("POST", "/api/v1/accounts/taro%40example.jp/restrict", R"({"reason":"x"})");
  ASSERT_TRUE(response) << response.error().text;
  EXPECT_EQ(response->status, 200) << response->body;
  EXPECT_TRUE(control.audit_entries().at(0).who.starts_with("cli:"));
}

// Another user is turned away although they reached the socket. Needs root, to become somebody
// else.
TEST_F(ServerTest, the_unix_socket_turns_strangers_away) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  start();
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(settings.control_socket.c_str(), 0666), 0);
  const auto child = ::fork();
  if (child == 0) {
    constexpr uid_t k_nobody = 65534;
    if (::setgid(k_nobody) != 0 || ::setuid(k_nobody) != 0) ::_exit(2);
    Wire wire(settings.control_socket);
    if (!wire.connected() || !wire.send(get("/api/v1/accounts"))) ::_exit(3);
    ::_exit(status_of(wire.read_response()) == 403 ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ServerTest, a_stale_socket_is_replaced_and_a_living_one_is_not) {
  start();
  ServerSettings same;
  same.control_socket = settings.control_socket;
  Server second(same, Secret(), control, hub);
  const auto refused = second.start();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("in use"), std::string::npos);
  server->stop();
  EXPECT_FALSE(std::filesystem::exists(settings.control_socket));
  // As a killed daemon leaves it: bound, and nobody behind it.
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  settings.control_socket.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  start();
  Client client({.unix_socket = settings.control_socket, .address = {}, .token = {}});
  EXPECT_EQ(client.call("GET", "/livez")->status, 200);
}

TEST_F(ServerTest, start_says_what_is_wrong) {
  start();
  ServerSettings same;
  same.listen.push_back({IpAddress::parse("127.0.0.1").value(), port});
  Server taken(same, Secret(std::string(k_token)), control, hub);
  const auto error = taken.start();
  ASSERT_FALSE(error);
  EXPECT_NE(error.error().text.find(std::to_string(port)), std::string::npos);
  Server weak({}, Secret("short"), control, hub);
  ASSERT_FALSE(weak.start());
  EXPECT_EQ(weak.start().error().text.find("short "), std::string::npos);
}

TEST_F(ServerTest, the_client_speaks_tcp_with_the_token_and_tells_failures_apart) {
  start();
  ClientSettings over_tcp;
  over_tcp.address = IpAddress::parse("127.0.0.1").value();
  over_tcp.port = port;
  over_tcp.token = Secret(std::string(k_token));
  const Client client(std::move(over_tcp));
  EXPECT_EQ(client.call("GET", "/api/v1/health")->status, 200);
  EXPECT_EQ(client.call("DELETE", "/api/v1/ip-rules?network=192.0.2.0%2F24")->status, 404);
  EXPECT_EQ(client.call("PATCH", "/").error().kind, ErrorKind::bad_input);
  EXPECT_EQ(client.call("GET", "/a b").error().kind, ErrorKind::bad_input);
  server->stop();
  EXPECT_EQ(client.call("POST", "/api/v1/release-all").error().kind, ErrorKind::operating);
  const Client nowhere({.unix_socket = folder + "/none.sock", .address = {}, .token = {}});
  EXPECT_EQ(nowhere.call("GET", "/livez").error().kind, ErrorKind::operating);
}

TEST_F(ServerTest, the_stream_delivers_and_goes_on_after_a_break) {
  start();
  {
    Wire wire(port);
    wire.send(get("/api/v1/stream", bearer()));
    const auto head = wire.read_until("\r\n\r\n");
    EXPECT_NE(head.find("Content-Type: text/event-stream"), std::string::npos);
    ASSERT_TRUE(eventually([this] { return hub.readers() == 1; }));
    for (int i = 1; i <= 3; ++i) {
      hub.publish("standing", "{\"n\":" + std::to_string(i) + "}");
      const auto want = "id: " + std::to_string(i) +
                        "\nevent: standing\ndata: {\"n\":" + std::to_string(i) + "}\n\n";
      EXPECT_TRUE(wire.read_until(want).ends_with(want));
    }
    EXPECT_EQ(server->counters().streams, 1U);
  }
  Wire again(port);
  again.send(get("/api/v1/stream", bearer() + "Last-Event-ID: 2\r\n"));
  EXPECT_TRUE(again.read_until("data: {\"n\":3}\n\n").ends_with("data: {\"n\":3}\n\n"));
  Wire unknown(port);
  unknown.send(get("/api/v1/stream"));
  EXPECT_EQ(status_of(unknown.read_response()), 401);
  // A reader that is gone is noticed at the next news, at the latest.
  EXPECT_TRUE(eventually([this] {
    hub.publish("n", "1");
    return hub.readers() == 1;
  }));
}

TEST_F(ServerTest, readers_of_the_stream_are_bounded) {
  settings.streams_max = 1;
  start();
  Wire one(port);
  one.send(get("/api/v1/stream", bearer()));
  (void)one.read_until("retry: 3000\n\n");
  Wire two(port);
  two.send(get("/api/v1/stream", bearer()));
  EXPECT_EQ(status_of(two.read_response()), 503);
}

TEST_F(ServerTest, a_stop_waits_for_what_is_under_way_and_ends_the_rest) {
  std::mutex mutex;
  std::condition_variable changed;
  bool entered = false;
  bool go_on = false;
  control.on_health = [&] {
    std::unique_lock lock(mutex);
    entered = true;
    changed.notify_all();
    changed.wait_for(lock, k_patience, [&] { return go_on; });
  };
  start();
  Wire idle(port);
  idle.send(get("/livez"));
  EXPECT_EQ(status_of(idle.read_response()), 200);
  Wire reader(port);
  reader.send(get("/api/v1/stream", bearer()));
  (void)reader.read_until("retry: 3000\n\n");
  Wire busy(port);
  busy.send(get("/api/v1/health", bearer()));
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, k_patience, [&] { return entered; }));
  }
  // A call that blocks keeps nobody else waiting.
  Wire other(port);
  other.send(get("/livez"));
  EXPECT_EQ(status_of(other.read_response()), 200);
  auto stopped = std::async(std::launch::async, [this] { server->stop(); });
  EXPECT_TRUE(idle.wait_closed());
  EXPECT_TRUE(reader.wait_closed());
  EXPECT_NE(stopped.wait_for(0s), std::future_status::ready);
  {
    const std::scoped_lock lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  const auto response = busy.read_response();
  EXPECT_EQ(status_of(response), 200);
  EXPECT_NE(response.find("Connection: close"), std::string::npos);
  ASSERT_EQ(stopped.wait_for(k_patience), std::future_status::ready);
  EXPECT_EQ(hub.readers(), 0U);
  Wire late(port);
  EXPECT_FALSE(late.connected());
}

// Many at once, changing and reading and hanging up in the middle: for the thread sanitizer.
TEST_F(ServerTest, many_clients_at_once) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 25; ++i) {
        Wire wire(port);
        if (i % 5 == 4) {
          wire.send("POST /api/v1/release-all HTTP/1.1\r\nHost: x\r\n");
          continue;  // and is gone
        }
        wire.send(c % 2 == 0 ? get("/api/v1/accounts", bearer())
                             : get("/api/v1/accounts/taro@example.jp/restrict", bearer(), "POST"));
        good += status_of(wire.read_response()) == 200 ? 1 : 0;
        hub.publish("n", "1");
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 8 * 20);
}

}  // namespace
}  // namespace sekimori::web
