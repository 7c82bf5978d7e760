// What these prove: a good login's three requests are one event; a success behind a closed door is
// a refused login; any body and target gets a quick answer that lets in; HTTP in every portion.
#include "serve/auth_policy_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <random>

#include "serve/test_world.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string k_let_in = R"({"status":0,"msg":""})";

struct Logins : World {
  explicit Logins(AuthDeskOptions options = {}) : World(enforcing()) {
    options.host = "here";
    options.boot = "b1";
    auth = std::make_unique<AuthDesk>(engine, metrics, std::move(options));
  }
  std::string post(std::string_view target, std::string_view body) {
    std::string out;
    auth->answer(target, body, now, names, out);
    return out;
  }
  std::unique_ptr<AuthDesk> auth;
};

TEST(AuthDesk, AGoodLoginsThreeRequestsAreOneEvent) {
  Logins w;
  const std::string facts =
      R"("login":"Taro@old.example.jp","protocol":"imap","pwhash":"025a","remote":"192.0.2.1","tls":true)";
  EXPECT_EQ(w.post("/?command=allow", "{" + facts + "}"), k_let_in);
  EXPECT_EQ(w.post("/command/allow", "{" + facts + R"(,"success":true})"), k_let_in);
  EXPECT_EQ(w.post("/?command=report", "{" + facts + R"(,"success":true,"policy_reject":false})"),
            k_let_in);
  const auto logins = w.journal.all<Login>();
  ASSERT_EQ(logins.size(), 1U);
  EXPECT_EQ(logins[0].account, "taro@example.jp");
  const auto& body = std::get<Login>(logins[0].body);
  EXPECT_EQ(body.result, LoginResult::ok);
  EXPECT_EQ(body.service, Service::imap);
  EXPECT_EQ(body.ip.to_string(), "192.0.2.1");
  EXPECT_EQ(body.pwhash, "025a");
  EXPECT_TRUE(body.tls);
}

TEST(AuthDesk, ReportsTellWrongPasswordsFromRefusals) {
  Logins w;
  // The engine keeps nothing of wrong passwords for names it never saw let in.
  w.post("/?command=report", R"({"login":"taro@example.jp","success":true})");
  w.post("/?command=report", R"({"login":"taro@example.jp","success":false})");
  w.post("/?command=report", R"({"login":"taro@example.jp","success":false,"policy_reject":true})");
  w.post("/?command=report", R"({"login":"taro@example.jp"})");
  auto logins = w.journal.all<Login>();
  ASSERT_EQ(logins.size(), 4U);
  logins.erase(logins.begin());
  EXPECT_EQ(std::get<Login>(logins[0].body).result, LoginResult::bad_password);
  EXPECT_EQ(std::get<Login>(logins[1].body).result, LoginResult::refused);
  EXPECT_EQ(std::get<Login>(logins[2].body).result, LoginResult::bad_password);
  EXPECT_NE(logins[0].id, logins[1].id);
}

TEST(AuthDesk, SuspendedMayNotLogInAndItsSuccessIsARefusal) {
  Logins w;
  w.stand("taro@example.jp", decide::RequestKind::suspend);
  EXPECT_THAT(w.post("/?command=allow", R"({"login":"TARO@example.jp","protocol":"imap"})"),
              StartsWith(R"({"status":-1,"msg":")"));
  w.post("/?command=report", R"({"login":"taro@example.jp","protocol":"smtp","success":true})");
  ASSERT_EQ(w.journal.all<Login>().size(), 1U);
  EXPECT_EQ(std::get<Login>(w.journal.all<Login>()[0].body).result, LoginResult::refused);
  EXPECT_EQ(w.post("/?command=allow", R"({"login":"jiro@example.jp"})"), k_let_in);
}

TEST(AuthDesk, WhatAPersonClosedIsClosedToEveryoneButNotUnderBypass) {
  AuthDeskOptions options;
  bool is_closed = false;
  options.closed = [&](std::string_view account) {
    return is_closed && account == "taro@example.jp" ? Text{"止めています", "stopped"} : Text();
  };
  Logins w(std::move(options));
  const std::string taro = R"({"login":"TARO@old.example.jp","protocol":"imap"})";
  const char* const came_in = R"({"login":"taro@example.jp","protocol":"smtp","success":true})";
  w.post("/?command=report", came_in);
  is_closed = true;
  EXPECT_THAT(w.post("/?command=allow", taro), HasSubstr("stopped"));
  EXPECT_THAT(w.post("/?command=allow", taro), StartsWith(R"({"status":-1,)"));
  w.post("/?command=report", came_in);
  ASSERT_EQ(w.journal.all<Login>().size(), 2U);
  EXPECT_EQ(std::get<Login>(w.journal.all<Login>()[1].body).result, LoginResult::refused);
  EXPECT_EQ(w.post("/?command=allow", R"({"login":"jiro@example.jp"})"), k_let_in);
  w.engine.set_bypass(true);
  EXPECT_EQ(w.post("/?command=allow", taro), k_let_in);
}

TEST(AuthDesk, WhateverIsInDoubtLetsIn) {
  Logins w;
  for (const char* body :
       {"", "{}", "[]", "nonsense", R"({"login":7})", R"({"login":""})", "{\"login\":"}) {
    EXPECT_EQ(w.post("/?command=allow", body), k_let_in) << body;
    EXPECT_EQ(w.post("/?command=report", body), k_let_in) << body;
  }
  EXPECT_EQ(w.post("/?command=other", R"({"login":"taro@example.jp"})"), k_let_in);
  EXPECT_TRUE(w.journal.all<Login>().empty());
  std::mt19937 random(3);
  for (int i = 0; i < 5000; ++i) {
    std::string body(random() % 100, ' ');
    for (char& c : body) c = static_cast<char>(random() % 256);
    EXPECT_THAT(w.post("/?command=report", body), StartsWith(R"({"status":)"));
  }
}

TEST(AuthDesk, SessionsHaveOneSourceOfRecord) {
  const std::string session =
      R"({"event":"mail_user_session_finished","hostname":"h","start_time":"2025-06-15T15:00:00Z",)"
      R"("end_time":"2025-06-15T15:06:40Z","categories":["imap"],)"
      R"("fields":{"user":"taro@example.jp","service":"imap","remote_ip":"192.0.2.1","bytes_out":99}})";
  Logins alone;
  alone.auth->dovecot_event(session, k_now, alone.names);
  EXPECT_EQ(alone.journal.all<Session>().size(), 1U);
  AuthDeskOptions options;
  options.log_followed = true;
  Logins with_log(std::move(options));
  with_log.auth->dovecot_event(session, k_now, with_log.names);
  EXPECT_TRUE(with_log.journal.all<Session>().empty());
  with_log.auth->dovecot_event("nonsense", k_now, with_log.names);
  EXPECT_EQ(with_log.metrics.dovecot_events.get(), 2U);
}

// ---- over HTTP ----

struct HttpServing : Logins {
  explicit HttpServing(AuthPolicyServerOptions options = {}) {
    cell.set(std::make_shared<const decide::Directory>(directory()));
    options.listen = {*ListenAddress::parse("127.0.0.1:0")};
    server = std::make_unique<AuthPolicyServer>(
        *auth, cell, [] { return k_now; }, metrics, std::move(options));
    if (const auto started = server->start(); !started)
      throw std::runtime_error(started.error().text);
  }
  [[nodiscard]] int connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(server->port());
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    return fd;
  }
  DirectoryCell cell;
  std::unique_ptr<AuthPolicyServer> server;
};

std::string read_until(int fd, std::string_view what) {
  std::string all;
  while (all.find(what) == std::string::npos) {
    pollfd p{fd, POLLIN, 0};
    if (::poll(&p, 1, 10'000) <= 0) return all + "<silence>";
    char bytes[4096];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return all + "<end>";
    all.append(bytes, static_cast<std::size_t>(n));
  }
  return all;
}
void write_all(int fd, std::string_view bytes, std::size_t portion = 1 << 20) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), std::min(portion, bytes.size()), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}
std::string post(std::string_view target, std::string_view body, std::string_view more = "") {
  return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{}", target, more,
                     body.size(), body);
}
const std::string k_login = R"({"login":"taro@example.jp","protocol":"imap","success":true})";

TEST(AuthPolicyServer, KeepsAliveAndTakesAByteAtATime) {
  HttpServing s;
  const int fd = s.connect();
  for (int i = 0; i < 20; ++i) {
    write_all(fd, post("/?command=report", k_login), i == 0 ? 1 : 1 << 20);
    const std::string answer = read_until(fd, k_let_in);
    ASSERT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    ASSERT_THAT(answer, HasSubstr(k_let_in));
  }
  ::close(fd);
  EXPECT_EQ(s.journal.all<Login>().size(), 20U);
}

TEST(AuthPolicyServer, TakesChunkedBodies) {
  HttpServing s;
  const int fd = s.connect();
  write_all(fd, fmt::format(
                    "POST /command/report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                    k_login.substr(0, 5), k_login.size() - 5, k_login.substr(5)));
  EXPECT_THAT(read_until(fd, k_let_in), HasSubstr(k_let_in));
  ::close(fd);
  EXPECT_EQ(s.journal.all<Login>().size(), 1U);
}

TEST(AuthPolicyServer, AsksForItsSecret) {
  AuthPolicyServerOptions options;
  options.header_name = "X-Sekimori-Key";
  options.header_value = "correct horse";
  HttpServing s(std::move(options));
  for (const char* wrong :
       {"", "X-Sekimori-Key: correct hors\r\n", "X-Sekimori-Key: correct horsf\r\n",
        "X-Sekimori-Key: correct horse2\r\n", "X-Sekimori-Key: \r\n"}) {
    const int fd = s.connect();
    write_all(fd, post("/?command=report", k_login, wrong));
    EXPECT_THAT(read_until(fd, "\r\n\r\n"), StartsWith("HTTP/1.1 403")) << wrong;
    ::close(fd);
  }
  EXPECT_TRUE(s.journal.all<Login>().empty());
  const int fd = s.connect();
  write_all(fd, post("/?command=report", k_login, "X-Sekimori-Key: correct horse\r\n"));
  EXPECT_THAT(read_until(fd, k_let_in), StartsWith("HTTP/1.1 200"));
  ::close(fd);
  EXPECT_EQ(s.journal.all<Login>().size(), 1U);
  // Dovecot's exporter sends no header; on this machine its events are taken all the same.
  const int events = s.connect();
  write_all(events, post("/dovecot", R"({"event":"imap_command_finished","fields":{}})"));
  EXPECT_THAT(read_until(events, "{}"), StartsWith("HTTP/1.1 200"));
  ::close(events);
}

TEST(AuthPolicyServer, OverloadedItLetsInAtOnce) {
  AuthPolicyServerOptions options;
  options.in_flight_max = 0;
  HttpServing s(std::move(options));
  s.stand("taro@example.jp", decide::RequestKind::suspend);
  const int fd = s.connect();
  write_all(fd, post("/?command=allow", k_login));
  EXPECT_THAT(read_until(fd, k_let_in), HasSubstr(k_let_in));
  EXPECT_EQ(s.metrics.auth_overloaded.get(), 1U);
  ::close(fd);
}

TEST(AuthPolicyServer, TooLongBodiesAndGarbageEndTheConnectionOnly) {
  HttpServing s;
  const int large = s.connect();
  write_all(large, post("/?command=allow", std::string(300 * 1024, ' ')));
  EXPECT_THAT(read_until(large, "\r\n\r\n"),
              ::testing::AnyOf(StartsWith("HTTP/1.1 413"), StartsWith("<end>")));
  ::close(large);
  const int garbage = s.connect();
  write_all(garbage, "\x16\x03\x01 this is no HTTP\r\n\r\n");
  EXPECT_THAT(read_until(garbage, "\r\n\r\n"), HasSubstr("<end>"));
  ::close(garbage);
  const int fd = s.connect();
  write_all(fd, post("/dovecot", "{}"));
  EXPECT_THAT(read_until(fd, "\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  ::close(fd);
}

TEST(AuthPolicyServer, StopsWithClientsConnected) {
  HttpServing s;
  const int idle = s.connect();
  const int half = s.connect();
  write_all(half, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12");
  write_all(idle, post("/?command=allow", k_login));
  read_until(idle, k_let_in);
  const auto start = std::chrono::steady_clock::now();
  s.server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  EXPECT_THAT(read_until(idle, "x"), HasSubstr("<end>"));
  EXPECT_EQ(s.metrics.auth_connections_open.get(), 0U);
  ::close(idle);
  ::close(half);
}

}  // namespace
}  // namespace sekimori::serve
