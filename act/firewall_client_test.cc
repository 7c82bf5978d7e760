// Bans on their way to a kernel: the daemon's client, the helper's socket, libnftables and the sets
// of a network namespace of the test's own. Needs root; elsewhere it is skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "act/helper_client.h"
#include "helper/helper.h"

namespace sekimori::act {
namespace {

IpNetwork net(const std::string& text) { return IpNetwork::parse(text).value(); }

class FirewallClientTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/usr/sbin/nft", X_OK) != 0) {
      GTEST_SKIP() << "needs root and nftables";
    }
    char name[] = "/tmp/sekimori-firewall-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    start_helper();
    HelperClient probe(socket(), seconds(5));
    if (auto begun = probe.firewall_begin(); !begun) {
      GTEST_SKIP() << "no network namespace with nftables here: " << begun.error().text;
    }
  }
  void TearDown() override {
    stop_helper();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/helper.sock"; }
  // In a network of its own each time: nothing of an earlier one's table is there.
  void start_helper() {
    helper_ = ::fork();
    if (helper_ == 0) {
      if (::unshare(CLONE_NEWNET) != 0) ::_exit(1);
      helper::HelperOptions options;
      options.socket_path = socket();
      options.user = "root";
      options.state_file = folder_ + "/state.json";
      options.firewall.enabled = true;
      options.firewall.table = "sekimori_test";
      options.firewall.ports = {25};
      options.log = [](std::string_view) {};
      ::_exit(helper::run_helper(options));
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < end) {
      if (HelperClient(socket(), seconds(1)).ping()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // why: between two looks
    }
    FAIL() << "the helper did not come up";
  }
  void stop_helper() {
    if (helper_ <= 0) return;
    ::kill(helper_, SIGKILL);
    ::waitpid(helper_, nullptr, 0);
    helper_ = -1;
  }
  // What the kernel of the helper's network has in a set, as nft says it.
  [[nodiscard]] std::string set(const std::string& name) const {
    const std::string line =
        fmt::format("nsenter -t {} -n nft list set inet sekimori_test {}", helper_, name);
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string out;
    char piece[4096];
    for (std::size_t n; (n = std::fread(piece, 1, sizeof(piece), pipe)) > 0;) out.append(piece, n);
    ::pclose(pipe);
    return out;
  }

  std::string folder_;
  pid_t helper_ = -1;
};

TEST_F(FirewallClientTest, BansReachTheKernelInBatchesAndLeaveIt) {
  HelperClient client(socket(), seconds(20));
  ASSERT_TRUE(client.firewall_begin());
  ASSERT_TRUE(client.firewall_state());
  std::vector<HelperClient::Ban> bans;
  for (int n = 0; n < 20'000; ++n) {
    bans.push_back({net(fmt::format("10.{}.{}.9", n / 256, n % 256)), 86'400});
  }
  bans.push_back({net("2001:db8:1:2::/64"), 0});
  const auto done = client.firewall_add(bans);
  ASSERT_TRUE(done) << done.error().text;
  const std::string four = set("hosts4");
  EXPECT_NE(four.find("10.0.0.9 timeout 1d"), std::string::npos) << four.substr(0, 400);
  EXPECT_NE(four.find("10.78.31.9 timeout 1d"), std::string::npos);
  EXPECT_NE(set("hosts6").find("2001:db8:1:2::"), std::string::npos);
  const std::vector<IpNetwork> some{net("10.0.0.9"), net("2001:db8:1:2::/64")};
  ASSERT_TRUE(client.firewall_remove(some));
  EXPECT_EQ(set("hosts4").find("10.0.0.9 "), std::string::npos);
  EXPECT_EQ(set("hosts6").find("2001:db8:1:2::"), std::string::npos);
  const std::vector<HelperClient::Ban> networks{{net("192.0.2.0/24"), 600},
                                                {net("2001:db8::/48"), 0}};
  ASSERT_TRUE(client.firewall_networks(networks));
  EXPECT_NE(set("nets4").find("192.0.2.0/24 timeout 10m"), std::string::npos) << set("nets4");
  ASSERT_TRUE(client.firewall_networks({}));
  EXPECT_EQ(set("nets4").find("192.0.2.0/24"), std::string::npos);
  // What is no address of a host is refused by name, and nothing is done.
  const std::vector<HelperClient::Ban> wrong{{net("192.0.2.0/24"), 600}};
  const auto refused = client.firewall_add(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::bad_input);
  ASSERT_TRUE(client.firewall_end());
  EXPECT_FALSE(client.firewall_state());
}

TEST_F(FirewallClientTest, AHelperThatDiesIsNoticedAndItsSuccessorBeginsAnew) {
  HelperClient client(socket(), seconds(5));
  ASSERT_TRUE(client.firewall_begin());
  stop_helper();
  const std::vector<HelperClient::Ban> bans{{net("192.0.2.1"), 60}};
  EXPECT_FALSE(client.firewall_add(bans));
  start_helper();
  EXPECT_FALSE(client.firewall_state());
  ASSERT_TRUE(client.firewall_begin());
  ASSERT_TRUE(client.firewall_add(bans));
  EXPECT_NE(set("hosts4").find("192.0.2.1"), std::string::npos);
}

}  // namespace
}  // namespace sekimori::act
