// What these prove: no command without the password, whatever its spelling; lists and counts decide
// for weakforced's commands and for Dovecot alike, allow before block, a closed account first; the
// panic handle lets everybody in; an answer may come later from another thread, over HTTP too, and
// may never come; any bytes get an answer that can be read.
#include "serve/wforce_desk.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "serve/test_world.h"
#include "wire/json_object.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string basic(std::string_view words) {
  std::string out(sodium_base64_encoded_len(words.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(words.data()),
                    words.size(), sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.size() - 1);
  return "Basic " + out;
}

// The lists without their keeping.
struct Lists : SignInGate, SignInLists {
  Lists() : counters(options()) {}
  static decide::SignInCounterOptions options() {
    decide::SignInCounterOptions out;
    const auto window = SignInWindow::parse("key=ip seconds=60 limit=2 action=refuse");
    if (window) out.windows.push_back(*window);
    return out;
  }
  Word listed(const SignIn& s, SignInVerdict& verdict) override {
    if (book.find(decide::SignInList::allow, s.ip, s.account, s.now)) return Word::allowed;
    if (!book.find(decide::SignInList::block, s.ip, s.account, s.now)) return Word::none;
    verdict.answer.status = -1;
    verdict.answer.message = {"いいえ", "no"};
    verdict.attributes = {{"key", "ip"}};
    return Word::blocked;
  }
  void counted(const SignIn& s, SignInVerdict& verdict) override {
    if (counters.over({s.account, s.ip, s.pwhash}, s.now)) verdict.answer.status = -1;
  }
  void ended(const SignIn& s, LoginResult result) override {
    if (result != LoginResult::refused) {
      counters.note({s.account, s.ip, s.pwhash}, result == LoginResult::ok, s.now);
    }
  }
  void change(decide::SignInEntry entry, bool removed,
              std::function<void(Result<void>)> done) override {
    if (removed) {
      book.remove(entry.list, entry.key());
    } else {
      book.put(std::move(entry));
    }
    if (silent) {
      kept.push_back(std::move(done));
    } else if (slow) {
      std::thread([done = std::move(done)] { done({}); }).detach();
    } else {
      done({});
    }
  }
  std::optional<decide::SignInEntry> entry(decide::SignInList list, const IpAddress& ip,
                                           const std::string& login, Instant now) const override {
    return book.find(list, ip, login, now);
  }
  std::vector<decide::SignInEntry> all(decide::SignInList list, Instant now) const override {
    return book.all(list, now);
  }
  std::vector<decide::SignInCounters::Figure> figures(const decide::SignInFact& fact,
                                                      Instant now) const override {
    return counters.figures(fact, now);
  }
  void reset(const decide::SignInFact& fact) override { counters.reset(fact); }
  void later(std::function<void()> work) override { work(); }

  decide::SignInBook book{1000};
  decide::SignInCounters counters;
  bool slow = false;
  bool silent = false;
  std::vector<std::function<void(Result<void>)>> kept;
};

struct Site : World {
  Site() : World(enforcing()) {
    AuthDeskOptions options;
    options.host = "here";
    options.boot = "b1";
    options.gate = &lists;
    auth = std::make_unique<AuthDesk>(engine, metrics, std::move(options));
    wforce = std::make_unique<WforceDesk>(*auth, lists, wforce_metrics,
                                          Secret(std::string("open sesame")), k_now);
  }
  HttpReply ask(std::string_view method, std::string_view target, std::string_view body = "",
                std::string_view authorization = "") {
    const std::string header = basic("anybody:open sesame");
    HttpQuestion question;
    question.method = method;
    question.target = target;
    question.authorization = authorization.empty() ? std::string_view(header) : authorization;
    question.content_type = "application/json";
    question.body = body;
    HttpReply out{0, "nothing"};
    wforce->answer(question, now, names, [&](HttpReply reply) { out = std::move(reply); });
    return out;
  }
  std::string allow(std::string_view ip, std::string_view login = "taro@example.jp") {
    return ask("POST", "/?command=allow",
               fmt::format(R"({{"login":"{}","remote":"{}"}})", login, ip))
        .body;
  }
  Lists lists;
  WforceMetrics wforce_metrics;
  std::unique_ptr<AuthDesk> auth;
  std::unique_ptr<WforceDesk> wforce;
};

TEST(WforceDesk, NothingWithoutThePassword) {
  Site s;
  for (const std::string& header :
       {std::string("x"), basic("anybody:wrong"), basic("open sesame"), basic("open sesame:"),
        basic("a:open sesame "), std::string("Bearer open sesame"), std::string("Basic %%%"),
        "Basic " + std::string(8000, 'A')}) {
    const HttpReply reply = s.ask("GET", "/?command=ping", "", header);
    EXPECT_EQ(reply.status, 401U) << header;
    EXPECT_TRUE(reply.asks_password);
    EXPECT_EQ(reply.body, R"({"status":"failure", "reason":"Unauthorized"})");
  }
  std::string lower = basic("b:open sesame");
  lower[0] = 'b';
  EXPECT_EQ(s.ask("GET", "/?command=ping", "", lower).body, R"({"status":"ok"})");
  EXPECT_EQ(s.ask("GET", "/command/ping", "", basic(":open sesame")).status, 200U);
}

TEST(WforceDesk, ListsAndCountsDecideForEveryDoor) {
  Site s;
  EXPECT_EQ(s.allow("192.0.2.1"), R"({"msg": "", "r_attrs": {}, "status": 0})");
  const std::string entry = R"({"ip":"192.0.2.1","expire_secs":60,"reason":"r"})";
  EXPECT_EQ(s.ask("POST", "/?command=addBLEntry", entry).body, R"({"status":"ok"})");
  EXPECT_THAT(s.allow("::ffff:192.0.2.1"), HasSubstr(R"("r_attrs": {"key": "ip"}, "status": -1)"));
  std::string dovecot;
  s.auth->answer("/?command=allow",
                 R"({"login":"taro@example.jp","remote":"192.0.2.1","protocol":"imap"})", s.now,
                 s.names, dovecot);
  EXPECT_THAT(dovecot, StartsWith(R"({"status":-1,)"));
  s.engine.set_bypass(true);
  EXPECT_THAT(s.allow("192.0.2.1"), HasSubstr(R"("status": 0)"));
  s.engine.set_bypass(false);
  s.ask("POST", "/?command=addWLEntry", entry);
  EXPECT_THAT(s.allow("192.0.2.1"), HasSubstr(R"("status": 0)"));
  s.stand("taro@example.jp", decide::RequestKind::suspend);
  EXPECT_THAT(s.allow("192.0.2.1"), HasSubstr(R"("status": -1)"));
  EXPECT_THAT(s.ask("GET", "/?command=getBL").body, HasSubstr(R"("ip": "192.0.2.1/32")"));

  for (int i = 0; i < 3; ++i) {
    s.ask("POST", "/command/report",
          R"({"login":"jiro@example.jp","remote":"192.0.2.7","success":false,"pwhash":"1"})");
  }
  EXPECT_THAT(s.allow("192.0.2.7", "hanako@example.jp"), HasSubstr(R"("status": -1)"));
  EXPECT_THAT(s.ask("POST", "/?command=getDBStats", R"({"ip":"192.0.2.7"})").body,
              HasSubstr(R"("stats": {"sekimori": {"key=ip count=failed seconds=60 windows=1 )"
                        R"(limit=2 action=refuse": 3}})"));
  s.ask("POST", "/?command=reset", R"({"ip":"192.0.2.7"})");
  EXPECT_THAT(s.allow("192.0.2.7", "hanako@example.jp"), HasSubstr(R"("status": 0)"));
}

TEST(WforceDesk, AnyBytesGetAnAnswer) {
  Site s;
  std::mt19937 random(9);
  const std::vector<std::string> commands = {"allow",      "report",     "reset",
                                             "addBLEntry", "delWLEntry", "getDBStats"};
  for (int i = 0; i < 4000; ++i) {
    std::string body(random() % 60, ' ');
    for (char& c : body) c = static_cast<char>(random() % 256);
    const auto& command = commands[random() % commands.size()];
    const HttpReply reply = s.ask("POST", "/?command=" + command, body);
    EXPECT_THAT(reply.status, AnyOf(200U, 415U, 500U));
    EXPECT_TRUE(wire::JsonObject(reply.body).ok()) << reply.body;
  }
  EXPECT_EQ(s.ask("POST", "/?command=syncDBs", "{}").status, 404U);
  EXPECT_TRUE(wire::JsonObject(s.ask("GET", "/?command=stats").body).ok());
}

// One request on a connection of its own, to the end.
std::string over_http(std::uint16_t port, std::string_view command, std::string_view body) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) return "<no connection>";
  const std::string request = fmt::format(
      "POST /?command={} HTTP/1.0\r\nAuthorization: {}\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      command, basic("x:open sesame"), body.size(), body);
  (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string all;
  char bytes[4096];
  for (ssize_t n = 0; (n = ::recv(fd, bytes, sizeof bytes, 0)) > 0;) {
    all.append(bytes, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return all;
}

TEST(WforceDesk, AnAnswerMayComeLaterOrNever) {
  Site s;
  DirectoryCell cell;
  cell.set(std::make_shared<const decide::Directory>(directory()));
  AuthPolicyServerOptions options;
  options.listen = {*ListenAddress::parse("127.0.0.1:0")};
  options.threads = 2;
  options.request_timeout = seconds(1);
  options.handler = [&](const HttpQuestion& question, Instant now, const decide::Directory& names,
                        std::function<void(HttpReply)> reply) {
    s.wforce->answer(question, now, names, std::move(reply));
  };
  auto server = std::make_unique<AuthPolicyServer>(
      *s.auth, cell, [] { return k_now; }, s.metrics, std::move(options));
  ASSERT_TRUE(server->start());
  const std::string entry = R"({"login":"jiro@example.jp","expire_secs":60,"reason":"r"})";
  s.lists.slow = true;
  std::vector<std::thread> programs;
  std::atomic<int> ok{0};
  for (int i = 0; i < 8; ++i) {
    programs.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        ok += over_http(server->port(), "addBLEntry", entry).ends_with(R"({"status":"ok"})");
      }
    });
  }
  for (auto& program : programs) program.join();
  EXPECT_EQ(ok, 160);
  s.lists.silent = true;
  EXPECT_THAT(over_http(server->port(), "addBLEntry", entry), StartsWith("HTTP/1.1 500"));
  server.reset();
  for (const auto& late : s.lists.kept) late({});  // nobody is there any more
}

}  // namespace
}  // namespace sekimori::serve
