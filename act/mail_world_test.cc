// The hands against a real Postfix (through a real helper process), a real Dovecot and a real SMTP
// server, all our own. Skipped without root or without the programs.
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "act/hands.h"
#include "act/mime.h"
#include "helper/helper.h"
#include "helper/private_postfix_for_test.h"
#include "helper/protocol.h"

namespace sekimori::act {
namespace {

using helper::testing::Dialogue;
using helper::testing::eventually;
using helper::testing::PrivatePostfix;

// `sekimori helper` in its own process.
class HelperProcess {
 public:
  HelperProcess(const PrivatePostfix& postfix, std::string user) {
    options_.socket_path = postfix.folder() + "/helper.sock";
    options_.user = std::move(user);
    options_.postfix_config_directory = postfix.config();
    options_.state_file = postfix.folder() + "/helper-state/stopped.json";
    options_.command_timeout = seconds(30);
    log_ = postfix.folder() + "/helper.log";
    start();
  }
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;
  ~HelperProcess() {
    if (pid_ > 0) end(SIGTERM);
  }
  void start() {
    pid_ = ::fork();
    if (pid_ == 0) {
      std::ofstream log(log_, std::ios::app);
      options_.log = [&](std::string_view line) { log << line << std::endl; };
      const int code = helper::run_helper(options_);
      ::_exit(code);
    }
    EXPECT_TRUE(eventually([&] {
      HelperClient client(options_.socket_path, seconds(5));
      return client.ping().has_value();
    }));
  }
  int end(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] const std::string& socket() const { return options_.socket_path; }
  [[nodiscard]] std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  helper::HelperOptions options_;
  std::string log_;
  pid_t pid_ = -1;
};

class WithPostfix : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (PrivatePostfix::is_possible()) postfix_ = new PrivatePostfix;
  }
  static void TearDownTestSuite() {
    delete postfix_;
    postfix_ = nullptr;
  }
  void SetUp() override {
    if (postfix_ == nullptr) GTEST_SKIP() << "needs root and Debian's postfix";
  }
  static MailHandsSettings settings(const HelperProcess& process) {
    MailHandsSettings settings;
    settings.helper_socket = process.socket();
    settings.helper_timeout = seconds(40);
    return settings;
  }
  static PrivatePostfix* postfix_;
};
PrivatePostfix* WithPostfix::postfix_ = nullptr;

TEST(DecodedHeader, IsWhatAPersonReads) {
  EXPECT_EQ(decoded_header(" =?UTF-8?B?6KuL5rGC5pu4?= of\r\n August"), "請求書 of August");
  EXPECT_EQ(decoded_header("=?ISO-2022-JP?B?GyRCQEE1YT1xGyhC?="), "請求書");
  EXPECT_EQ(decoded_header("plain"), "plain");
  EXPECT_EQ(decoded_header(""), "");
  EXPECT_EQ(decoded_header("bell\a \x1b[31mred"), "bell [31mred");
  EXPECT_EQ(decoded_header("=?UTF-8?B?broken"), "=?UTF-8?B?broken");
}

TEST_F(WithPostfix, HandsHoldListReleaseAndDelete) {
  HelperProcess process(*postfix_, "nobody");
  MailHands hands(settings(process));
  postfix_->stop_sink();
  std::vector<std::string> ids;
  for (int i = 0; i < 12; ++i) {
    ids.push_back(postfix_->send("taro@a.test", "taro@a.test", {"x@away.test", "y@away.test"},
                                 "many-" + std::to_string(i) + "."));
  }
  const auto in_queue = [&](const std::string& name) {
    std::size_t n = 0;
    EXPECT_TRUE(hands.list_queue([&](const decide::QueueEntry& entry) {
      n += entry.queue_name == name;
      EXPECT_EQ(entry.recipients.size(), 2U);
      EXPECT_EQ(entry.sender, "taro@a.test");
      EXPECT_GT(entry.size, 0U);
      EXPECT_TRUE(entry.arrival.is_set());
      return true;
    }));
    return n;
  };
  EXPECT_TRUE(eventually([&] { return in_queue("deferred") == 12; }));
  EXPECT_EQ(hands.sasl_login_of(ids[0]), "taro@a.test");
  ASSERT_TRUE(hands.hold(ids));
  ASSERT_TRUE(hands.hold(ids));
  EXPECT_EQ(in_queue("hold"), 12U);
  // Ended early, the next request works on a new connection.
  int seen = 0;
  EXPECT_TRUE(hands.list_queue([&](const decide::QueueEntry&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
  std::vector<decide::QueueTarget> targets(2);
  targets[0].id = ids[0];
  targets[1].id = ids[1];
  EXPECT_EQ(hands.remove(targets), 0U);
  EXPECT_EQ(in_queue("hold"), 10U);
  // Not the sender, and arrived after what was meant: the id was given anew.
  targets[0].id = ids[2];
  targets[0].sender = "other@a.test";
  targets[1].id = ids[3];
  targets[1].sender = "taro@a.test";
  targets[1].not_after = Instant{seconds(5).us};
  EXPECT_EQ(hands.remove(targets), 2U);
  EXPECT_EQ(in_queue("hold"), 10U);
  postfix_->start_sink();
  ASSERT_TRUE(hands.release(ids));
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("many-").size() == 10; }));
  EXPECT_TRUE(eventually([&] { return in_queue("hold") + in_queue("deferred") == 0; }));
  EXPECT_EQ(postfix_->arrived("many-").size(), 10U);  // none twice
  const auto gone = hands.sasl_login_of(ids[0]);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
  const auto wrong = hands.hold(std::vector<std::string>{"ALL"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::bad_input);
}

TEST_F(WithPostfix, ClientSurvivesARestartOfTheHelper) {
  HelperProcess process(*postfix_, "nobody");
  HelperClient client(process.socket(), seconds(20));
  ASSERT_TRUE(client.ping());
  EXPECT_EQ(process.end(SIGTERM), 0);
  const auto down = client.ping();
  ASSERT_FALSE(down);
  EXPECT_EQ(::access(process.socket().c_str(), F_OK), -1);  // it cleans up
  process.start();
  EXPECT_TRUE(client.ping());
  EXPECT_EQ(process.end(SIGKILL), -1);  // leaves a stale socket
  process.start();
  EXPECT_TRUE(client.ping());
}

TEST_F(WithPostfix, HelperListensToItsUserOnly) {
  HelperProcess process(*postfix_, "nobody");
  const auto ping_as = [&](const char* user) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const passwd* who = ::getpwnam(user);
      // The group is dropped, too; the mode of the socket is loosened to reach the peer check.
      if (who == nullptr || ::setgid(who->pw_gid) != 0 || ::setuid(who->pw_uid) != 0) ::_exit(3);
      HelperClient client(process.socket(), seconds(5));
      ::_exit(client.ping() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(ping_as("nobody"), 0);
  EXPECT_EQ(ping_as("daemon"), 1);  // by the socket's mode
  ASSERT_EQ(::chmod(process.socket().c_str(), 0666), 0);
  EXPECT_EQ(ping_as("daemon"), 1);  // by its uid
  EXPECT_NE(process.log().find("turned away"), std::string::npos);
  EXPECT_EQ(ping_as("nobody"), 0);
}

TEST_F(WithPostfix, HelperOutlivesBadClients) {
  HelperProcess process(*postfix_, "nobody");
  const auto connect = [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    process.socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  };
  // A line without an end is cut off at its maximum.
  int fd = connect();
  const std::string endless(100'000, 'x');
  bool cut = false;
  for (int i = 0; i < 100 && !cut; ++i) {
    cut = ::send(fd, endless.data(), endless.size(), MSG_NOSIGNAL) < 0;
  }
  EXPECT_TRUE(cut);
  ::close(fd);
  // Gone in the middle of a request, and before its answer.
  fd = connect();
  EXPECT_GT(::send(fd, "{\"op\":\"li", 9, MSG_NOSIGNAL), 0);
  ::close(fd);
  fd = connect();
  EXPECT_GT(::send(fd, "{\"op\":\"list\"}\n", 14, MSG_NOSIGNAL), 0);
  ::close(fd);
  HelperClient client(process.socket(), seconds(10));
  EXPECT_TRUE(client.ping());
}

TEST_F(WithPostfix, WholeServersSendingStopsAndGoesOn) {
  HelperProcess process(*postfix_, "nobody");
  MailHands hands(settings(process));
  ASSERT_TRUE(hands.stop_server_sending(true));
  const std::string id = postfix_->send("", "b@a.test", {"x@away.test"}, "server-stop");
  EXPECT_TRUE(eventually([&] {
    bool deferred = false;
    EXPECT_TRUE(hands.list_queue([&](const decide::QueueEntry& entry) {
      deferred = deferred || (entry.queue_id == id && entry.queue_name == "deferred");
      return true;
    }));
    return deferred;
  }));
  EXPECT_EQ(postfix_->arrived("server-stop").size(), 0U);
  ASSERT_TRUE(hands.stop_server_sending(false));
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("server-stop").size() == 1; }));
}

class PrivateDovecot {
 public:
  static bool is_possible() {
    return ::geteuid() == 0 && ::access("/usr/sbin/dovecot", X_OK) == 0 &&
           ::getpwnam("dovecot") != nullptr;
  }
  PrivateDovecot() {
    char name[] = "/tmp/sekimori-dovecot-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    imap_ = helper::testing::free_port();
    http_ = helper::testing::free_port();
    std::filesystem::create_directory(folder_ + "/mail");
    ::chmod((folder_ + "/mail").c_str(), 0777);
    std::ofstream(folder_ + "/dovecot.conf") << fmt::format(
        "base_dir = {0}/run\nstate_dir = {0}/state\nlog_path = {0}/log\nprotocols = imap\n"
        "listen = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n"
        "mail_location = maildir:{0}/mail/%u\n"
        "first_valid_uid = 1\nauth_cache_size = 1M\ndoveadm_api_key = open-sesame\n"
        "passdb {{\n driver = static\n args = password=pw\n}}\n"
        "userdb {{\n driver = static\n args = uid=nobody gid=nogroup home={0}/mail/%u\n}}\n"
        "service imap-login {{\n inet_listener imap {{\n port = {1}\n }}\n"
        " inet_listener imaps {{\n port = 0\n }}\n}}\n"
        "service doveadm {{\n inet_listener http {{\n port = {2}\n }}\n}}\n"
        "service stats {{\n unix_listener stats-writer {{\n mode = 0666\n }}\n}}\n",
        folder_, imap_, http_);
    const auto started =
        PrivatePostfix::call("/bin/sh", {"-c", fmt::format("dovecot -c {0}/dovecot.conf "
                                                           ">{0}/start.log 2>&1 </dev/null",
                                                           folder_)});
    if (started.exit_code != 0 ||
        !eventually([&] { return Dialogue(imap_).line().starts_with("* OK"); })) {
      throw std::runtime_error("the private Dovecot did not start: see " + folder_);
    }
  }
  PrivateDovecot(const PrivateDovecot&) = delete;
  PrivateDovecot& operator=(const PrivateDovecot&) = delete;
  ~PrivateDovecot() {
    PrivatePostfix::call("/usr/bin/doveadm", {"-c", folder_ + "/dovecot.conf", "stop"});
    if (std::getenv("SEKIMORI_KEEP") == nullptr) std::filesystem::remove_all(folder_);
  }
  // A signed-in session.
  [[nodiscard]] std::unique_ptr<Dialogue> sign_in(const std::string& user) const {
    auto imap = std::make_unique<Dialogue>(imap_);
    imap->line();
    imap->say("a LOGIN " + user + " pw");
    EXPECT_TRUE(imap->line().starts_with("a OK"));
    return imap;
  }
  [[nodiscard]] DoveadmSettings settings(std::string key = "open-sesame") const {
    return {fmt::format("http://127.0.0.1:{}/doveadm/v1", http_), Secret(std::move(key)),
            seconds(10)};
  }

 private:
  std::string folder_;
  int imap_ = 0;
  int http_ = 0;
};

TEST(WithDovecot, KicksOnlyWhoIsMeant) {
  if (!PrivateDovecot::is_possible()) GTEST_SKIP() << "needs root and Debian's dovecot-imapd";
  PrivateDovecot dovecot;
  Doveadm doveadm(dovecot.settings());
  EXPECT_EQ(doveadm.kick("taro@a.test"), 0U);  // nobody there is no failure
  EXPECT_TRUE(doveadm.auth_cache_flush("taro@a.test"));
  const auto flushed = doveadm.auth_cache_flush("");
  EXPECT_TRUE(flushed) << flushed.error().text;
  EXPECT_EQ(doveadm.who("")->size(), 0U);

  auto taro = dovecot.sign_in("taro@a.test");
  auto other_spelling = dovecot.sign_in("taro@alias.test");
  auto hanako = dovecot.sign_in("hanako@a.test");
  EXPECT_TRUE(eventually([&] { return doveadm.who("")->size() == 3; }));
  const auto session = doveadm.who("taro@a.test");
  ASSERT_TRUE(session);
  ASSERT_EQ(session->size(), 1U);
  EXPECT_EQ(session->front().service, "imap");
  EXPECT_EQ(session->front().ip, "127.0.0.1");

  MailHandsSettings settings;
  settings.helper_socket = "/nowhere";
  settings.doveadm = dovecot.settings();
  settings.account_of = [](std::string_view login) {
    return std::string(login == "taro@alias.test" ? "taro@a.test" : login);
  };
  MailHands hands(std::move(settings));
  const auto kicked = hands.kick("taro@a.test");
  ASSERT_TRUE(kicked) << kicked.error().text;
  EXPECT_EQ(*kicked, 2U);
  EXPECT_TRUE(taro->line().starts_with("* BYE"));
  EXPECT_TRUE(other_spelling->line().starts_with("* BYE"));
  hanako->say("b NOOP");
  EXPECT_TRUE(hanako->line().starts_with("b OK"));
  EXPECT_TRUE(hands.kick("*@a.test"));
  EXPECT_TRUE(hanako->line().starts_with("* BYE"));
}

TEST(WithDovecot, ErrorsNameTheReasonAndNeverTheKey) {
  if (!PrivateDovecot::is_possible()) GTEST_SKIP() << "needs root and Debian's dovecot-imapd";
  PrivateDovecot dovecot;
  Doveadm wrong_key(dovecot.settings("not-the-key"));
  const auto refused = wrong_key.kick("taro@a.test");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("refused the key"), std::string::npos);
  EXPECT_EQ(refused.error().text.find("not-the-key"), std::string::npos);
  Doveadm doveadm(dovecot.settings());
  for (const char* pattern : {"*", "", "t*@a.test", "ta?o@a.test", "*@*", "*@"}) {
    const auto kicked = doveadm.kick(pattern);
    ASSERT_FALSE(kicked) << pattern;
    EXPECT_EQ(kicked.error().kind, ErrorKind::bad_input);
  }
  DoveadmSettings nobody_there = dovecot.settings();
  nobody_there.url = fmt::format("http://127.0.0.1:{}/doveadm/v1", helper::testing::free_port());
  const auto unreachable = Doveadm(std::move(nobody_there)).kick("taro@a.test");
  ASSERT_FALSE(unreachable);
  EXPECT_EQ(unreachable.error().kind, ErrorKind::operating);
}

TEST(QueueEntry, ReadsWhatPostqueuePrints) {
  const auto entry = parse_queue_entry(
      R"({"queue_name": "deferred", "queue_id": "4Vw3hP0Yzxz1Q2b", "arrival_time": 1700000000, )"
      R"("message_size": 312, "forced_expire": false, "sender": "a@b.test", "recipients": )"
      R"x([{"address": "x@y.test", "delay_reason": "(host: 450 \"no\")"}, {"address": "z@y.test"}]})x");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->recipients, (std::vector<std::string>{"x@y.test", "z@y.test"}));
  EXPECT_EQ(entry->arrival, Instant{seconds(1'700'000'000).us});
  EXPECT_EQ(entry->size, 312U);
  for (const char* wrong : {"", "{}", "[]", "{\"queue_id\":1}", "{\"queue_id\":\"A\",}"}) {
    EXPECT_FALSE(parse_queue_entry(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sekimori::act
