// The helper's commands against a real Postfix of our own with real queued mail.
#include "helper/commands.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "helper/private_postfix_for_test.h"
#include "helper/protocol.h"
#include "helper/queue_files.h"
#include "helper/sending_stop.h"

namespace sekimori::helper {
namespace {

using testing::eventually;
using testing::PrivatePostfix;

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(QueueIds, TakesPostfixsAlphabetsAndNothingElse) {
  EXPECT_TRUE(is_queue_id("4F2B1C"));
  EXPECT_TRUE(is_queue_id("9B1E2A0C5F"));
  EXPECT_TRUE(is_queue_id("4Vw3hP0Yzxz1Q2b"));
  for (const char* wrong :
       {"", "ALL", "4F2B1", "-", "-h", "4F2B1C\n", "4F2B1C 4F2B1D", "../../etc/x", "4f2b1c",
        "4Vw3hP0Yzxz1Q2bAAA", "4F2B1C*", "ALLALL", "4F2B1C4F2B1C4F2B1C4F2B1C"}) {
    EXPECT_FALSE(is_queue_id(wrong)) << wrong;
  }
}

TEST(SendingStop, FindsEveryTransportThatLeavesTheServer) {
  EXPECT_EQ(smtp_transports("smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n"
                            "relay unix - - n - - smtp -o x=y\nslow unix - - n - 2 smtp\n"
                            "lmtp unix - - n - - lmtp\n"),
            (std::vector<std::string>{"smtp", "slow"}));
  EXPECT_EQ(with_transports("hold, smtp", {"smtp", "slow"}), "hold, smtp slow");
  EXPECT_EQ(without_transports("hold, smtp slow", {"smtp", "slow"}), "hold");
}

TEST(SendingStop, BelievesOnlyItsOwnFile) {
  char name[] = "/tmp/sekimori-stop-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/state";
  EXPECT_FALSE(read_saved(path)->has_value());
  ASSERT_TRUE(write_saved(path, {std::nullopt, "smtp", {"smtp"}}));
  EXPECT_FALSE((**read_saved(path)).earlier.has_value());
  ASSERT_TRUE(write_saved(path, {"", "smtp", {"smtp"}}));
  EXPECT_EQ((**read_saved(path)).earlier, "");
  // A value that would become a second line of main.cf.
  ASSERT_TRUE(write_saved(path, {"x\nmail_owner = root", "smtp", {"smtp"}}));
  EXPECT_FALSE(read_saved(path));
  ASSERT_TRUE(write_saved(path, {"hold", "smtp", {"smtp"}}));
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  EXPECT_FALSE(read_saved(path));
  std::filesystem::remove_all(name);
}

TEST(Process, KillsAtItsDeadlineAndBoundsOutput) {
  Command command;
  command.program = "/bin/sleep";
  command.arguments = {"600"};
  command.deadline = Duration{50'000};
  const auto outcome = run(command);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().text.find("in time"), std::string::npos);

  Command endless;
  endless.program = "/usr/bin/yes";
  std::size_t bytes = 0;
  endless.on_output = [&](std::string_view piece) { return (bytes += piece.size()) < 1'000'000; };
  const auto stopped = run(endless);
  ASSERT_TRUE(stopped);
  EXPECT_TRUE(stopped->stopped);

  Command echo;
  echo.program = "/bin/cat";
  echo.input = std::string(3'000'000, 'x');  // more than both pipes hold: no deadlock
  const auto echoed = run(echo);
  ASSERT_TRUE(echoed);
  EXPECT_EQ(echoed->output.size(), std::size_t{1} << 20);
  EXPECT_EQ(echoed->exit_code, 0);

  Command missing;
  missing.program = "/nowhere/at/all";
  EXPECT_FALSE(run(missing));
}

TEST(Process, GivesAnEmptyEnvironment) {
  ::setenv("SEKIMORI_SECRET_FOR_TEST", "1", 1);
  Command command;
  command.program = "/usr/bin/env";
  const auto outcome = run(command);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\n");
}

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
  static CommandSettings settings() {
    return {postfix_->config(), "/usr/sbin", postfix_->folder() + "/state", seconds(20), false, -1};
  }
  static std::string ask(const std::string& request, bool show_subjects = false) {
    CommandSettings wanted = settings();
    wanted.show_subjects = show_subjects;
    Commands commands(wanted);
    std::string answer;
    commands.handle(request, [&](std::string_view piece) {
      answer.append(piece);
      return true;
    });
    return answer;
  }
  // Where the message is, "" when it is in no queue.
  static std::string queue_of(const std::string& id) {
    const std::string all = ask(R"({"op":"list"})");
    const auto at = all.find("\"queue_id\": \"" + id + "\"");
    if (at == std::string::npos) return "";
    const auto begin = all.rfind('\n', at) == std::string::npos ? 0 : all.rfind('\n', at) + 1;
    const std::string line = all.substr(begin, all.find('\n', at) - begin);
    const auto name = line.find(": \"") + 3;
    return line.substr(name, line.find('"', name) - name);
  }
  static PrivatePostfix* postfix_;
};
PrivatePostfix* WithPostfix::postfix_ = nullptr;

TEST_F(WithPostfix, HeldMailIsListedAndLetGoAtOnce) {
  const std::string id = postfix_->send("taro@a.test", "taro@a.test", {"held@away.test"}, "let-go");
  EXPECT_EQ(queue_of(id), "hold");
  EXPECT_EQ(ask(R"({"op":"sasl_login","id":")" + id + "\"}"),
            "{\"ok\":true,\"login\":\"taro@a.test\"}\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(R"({"op":"release","ids":[")" + id + "\"]}"), "{\"ok\":true}\n");
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("let-go").size() == 1; }));
  // Not the next queue run (minutes later).
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  // Again, with the message gone: nothing to do is no error.
  EXPECT_EQ(ask(R"({"op":"release","ids":[")" + id + "\"]}"), "{\"ok\":true}\n");
}

TEST_F(WithPostfix, WhatWasPutOffBeforeGoesAtOnceAndNobodyElses) {
  postfix_->stop_sink();
  const std::string theirs = postfix_->send("", "b@a.test", {"x@away.test"}, "put-off");
  const std::string other = postfix_->send("", "c@a.test", {"y@other.test"}, "patient");
  ASSERT_TRUE(
      eventually([&] { return queue_of(theirs) == "deferred" && queue_of(other) == "deferred"; }));
  EXPECT_EQ(ask(R"({"op":"hold","ids":[")" + theirs + "\"]}"), "{\"ok\":true}\n");
  postfix_->start_sink();
  EXPECT_EQ(ask(R"({"op":"release","ids":[")" + theirs + "\"]}"), "{\"ok\":true}\n");
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("put-off").size() == 1; }));
  EXPECT_EQ(queue_of(other), "deferred");
  EXPECT_TRUE(postfix_->arrived("patient").empty());
  EXPECT_EQ(ask(R"({"op":"delete","messages":[{"id":")" + other + "\"}]}"),
            "{\"ok\":true,\"kept\":0}\n");
}

TEST_F(WithPostfix, HalfOfWhatPostfixWorksOnAtATimeMayBeLetGo) {
  ASSERT_TRUE(eventually(
      [&] { return ask(R"({"op":"room"})") == "{\"ok\":true,\"room\":10000,\"most\":10000}\n"; }));
}

TEST(QueueFiles, CountsTheMessagesAtWorkUpToAMost) {
  namespace fs = std::filesystem;
  char name[] = "/tmp/sekimori-queue-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const fs::path queue(name);
  const auto put = [&](const fs::path& file) {
    fs::create_directories((queue / file).parent_path());
    std::ofstream(queue / file).put('x');
  };
  EXPECT_EQ(messages_at_work(queue, 10), 0U) << "there is no queue yet";
  put("active/4VwAAAAAAAz1");
  put("active/B/C/4VwBCAAAAAz1");  // where hash_queue_names has it
  put("incoming/4VwAAAAAAAz2");
  put("deferred/4VwAAAAAAAz3");
  put("hold/4VwAAAAAAAz4");
  EXPECT_EQ(messages_at_work(queue, 10), 3U);
  EXPECT_EQ(messages_at_work(queue, 2), 2U);
  fs::remove_all(queue);
}

TEST(QueueFiles, ChangesTheTimeOfWhatIsNamedAndFollowsNoLink) {
  namespace fs = std::filesystem;
  char name[] = "/tmp/sekimori-queue-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const fs::path queue(name);
  fs::create_directories(queue / "hold/4/F");
  fs::create_directories(queue / "outside");
  fs::create_directory_symlink(queue / "outside", queue / "hold/7");
  const auto future = fs::file_time_type::clock::now() + std::chrono::hours(1);
  const auto make = [&](const fs::path& path) {
    std::ofstream(queue / path) << "x";
    fs::last_write_time(queue / path, future);
  };
  for (const char* path : {"hold/4F2B1C", "hold/4F2B1D", "hold/4/F/4F2B1E", "outside/4F2B1F"}) {
    make(path);
  }
  fs::create_symlink(queue / "outside/4F2B1F", queue / "hold/4F2B20");
  make_due(queue, {"4F2B1C", "4F2B1E", "4F2B1F", "4F2B20", "4F2B21"});
  const auto is_due = [&](const fs::path& path) {
    return fs::last_write_time(queue / path) <= fs::file_time_type::clock::now();
  };
  EXPECT_TRUE(is_due("hold/4F2B1C"));
  EXPECT_TRUE(is_due("hold/4/F/4F2B1E"));
  EXPECT_FALSE(is_due("hold/4F2B1D"));
  EXPECT_FALSE(is_due("outside/4F2B1F"));
  fs::remove_all(queue);
}

TEST_F(WithPostfix, HoldsWhatWaitsAndRequeuesIt) {
  postfix_->stop_sink();
  const std::string id = postfix_->send("", "b@a.test", {"x@away.test"}, "to-hold");
  ASSERT_TRUE(eventually([&] { return queue_of(id) == "deferred"; }));
  EXPECT_EQ(ask(R"({"op":"sasl_login","id":")" + id + "\"}"), "{\"ok\":true,\"login\":\"\"}\n");
  EXPECT_EQ(ask(R"({"op":"hold","ids":[")" + id + "\"]}"), "{\"ok\":true}\n");
  EXPECT_EQ(queue_of(id), "hold");
  EXPECT_EQ(ask(R"({"op":"hold","ids":[")" + id + "\"]}"), "{\"ok\":true}\n");
  postfix_->start_sink();
  EXPECT_EQ(ask(R"({"op":"requeue","ids":[")" + id + "\"]}"), "{\"ok\":true}\n");
  // At once, not when pickup looks by itself (60 s).
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("to-hold").size() == 1; }));
}

TEST_F(WithPostfix, DeletesOnlyTheMessageThatWasMeant) {
  const std::string id = postfix_->send("taro@a.test", "taro@a.test", {"held@away.test"}, "doomed");
  EXPECT_EQ(ask(R"({"op":"delete","messages":[{"id":")" + id + R"(","sender":"other@a.test"}]})"),
            "{\"ok\":true,\"kept\":1}\n");
  EXPECT_EQ(ask(R"({"op":"delete","messages":[{"id":")" + id + R"(","arrival":5}]})"),
            "{\"ok\":true,\"kept\":1}\n");
  EXPECT_EQ(ask(R"({"op":"delete","messages":[{"id":")" + id + R"(","not_after":5}]})"),
            "{\"ok\":true,\"kept\":1}\n");
  EXPECT_EQ(queue_of(id), "hold");
  EXPECT_EQ(ask(R"({"op":"delete","messages":[{"id":")" + id + R"(","sender":"taro@a.test"}]})"),
            "{\"ok\":true,\"kept\":0}\n");
  EXPECT_EQ(queue_of(id), "");
  EXPECT_TRUE(postfix_->arrived("doomed").empty());
  EXPECT_NE(ask(R"({"op":"sasl_login","id":")" + id + "\"}").find("not_found"), std::string::npos);
}

TEST_F(WithPostfix, ReadsASubjectOnlyWhereThatIsAllowed) {
  const std::string id = postfix_->send("taro@a.test", "taro@a.test", {"held@away.test"}, "hello",
                                        "=?UTF-8?B?6KuL5rGC5pu4?=\r\n of August");
  const std::string request = R"({"op":"subject","id":")" + id + "\"}";
  EXPECT_NE(ask(request).find("bad_input"), std::string::npos);
  EXPECT_EQ(ask(request, true),
            "{\"ok\":true,\"subject\":\" =?UTF-8?B?6KuL5rGC5pu4?= of August\"}\n");
  EXPECT_NE(ask(R"({"op":"subject","id":"0123456789"})", true).find("not_found"),
            std::string::npos);
}

TEST_F(WithPostfix, StopsAllSendingAndRestoresExactly) {
  const std::string before = file_text(postfix_->main_cf());
  const auto arrived = postfix_->arrived("stopped").size();
  EXPECT_EQ(ask(R"({"op":"stop_sending","on":true})"),
            "{\"ok\":true,\"defer_transports\":\"smtp slow\"}\n");
  EXPECT_TRUE(ask(R"({"op":"stop_sending","on":true})").starts_with("{\"ok\":true"));
  const std::string id = postfix_->send("", "b@a.test", {"x@away.test"}, "stopped");
  ASSERT_TRUE(eventually([&] { return queue_of(id) == "deferred"; }));
  EXPECT_EQ(postfix_->arrived("stopped").size(), arrived);
  EXPECT_EQ(ask(R"({"op":"stop_sending","on":false})"), "{\"ok\":true}\n");
  EXPECT_EQ(file_text(postfix_->main_cf()), before);
  EXPECT_TRUE(eventually([&] { return postfix_->arrived("stopped").size() == arrived + 1; }));
  EXPECT_EQ(ask(R"({"op":"stop_sending","on":false})"), "{\"ok\":true}\n");
  EXPECT_EQ(file_text(postfix_->main_cf()), before);
}

TEST_F(WithPostfix, KeepsWhatTheOperatorHadDeferred) {
  postfix_->stop();  // also: it works while Postfix is down
  const std::string original = file_text(postfix_->main_cf());
  for (const char* earlier :
       {"defer_transports = relay\n", "defer_transports = \n", "defer_transports = smtp slow\n"}) {
    std::ofstream(postfix_->main_cf()) << original << earlier;
    const std::string before = file_text(postfix_->main_cf());
    EXPECT_TRUE(ask(R"({"op":"stop_sending","on":true})").starts_with("{\"ok\":true"));
    EXPECT_TRUE(ask(R"({"op":"stop_sending","on":false})").starts_with("{\"ok\":true"));
    EXPECT_EQ(file_text(postfix_->main_cf()), before) << earlier;
  }
  // A person edits it while we hold it stopped: their word stays.
  std::ofstream(postfix_->main_cf()) << original;
  ask(R"({"op":"stop_sending","on":true})");
  std::ofstream(postfix_->main_cf()) << original << "defer_transports = smtp slow relay\n";
  EXPECT_EQ(ask(R"({"op":"stop_sending","on":false})"), "{\"ok\":true}\n");
  EXPECT_EQ(file_text(postfix_->main_cf()), original + "defer_transports = relay\n");
  std::ofstream(postfix_->main_cf()) << original;
  postfix_->start();
}

TEST_F(WithPostfix, RefusesWhatItDoesNotKnow) {
  for (const char* wrong :
       {"", "x", "[]", "{}", R"({"op":"shell"})", R"({"op":1})", R"({"op":"hold"})",
        R"({"op":"hold","ids":["ALL"]})", R"({"op":"hold","ids":["-"]})",
        R"({"op":"hold","ids":[1]})", R"({"op":"delete","messages":[{}]})",
        R"({"op":"delete","ids":["4F2B1C"]})", R"({"op":"sasl_login","id":"../../../etc/passwd"})",
        R"({"op":"stop_sending"})", R"({"op":"stop_sending","on":"smtp"})",
        R"({"op":"hold","ids":[[[[[[[[[[[[]]]]]]]]]]]]})"}) {
    const std::string answer = ask(wrong);
    EXPECT_TRUE(answer.starts_with("{\"ok\":false,\"kind\":\"bad_input\"")) << wrong << answer;
    EXPECT_EQ(std::ranges::count(answer, '\n'), 1) << answer;
  }
}

}  // namespace
}  // namespace sekimori::helper
