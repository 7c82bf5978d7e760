#include "act/geoip.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace sekimori::act {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

std::string data_folder() {
  const char* given = std::getenv("SEKIMORI_DATA");
  return (given != nullptr ? std::string(given)
                           : std::string(SEKIMORI_SOURCE_DIR "/../shared/data")) +
         "/geoip/";
}

class GeoIpData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(data_folder()))
      GTEST_SKIP() << "the test databases are not at " << data_folder();
  }
};

// The first address of "::81.2.69.0/120" (v4 written as v6) or "2001:218::/32".
std::optional<IpAddress> first_of(std::string_view network) {
  std::string_view text = network.substr(0, network.find('/'));
  if (text.starts_with("::") && text.find('.') != std::string_view::npos) text.remove_prefix(2);
  auto ip = IpAddress::parse(text);
  if (!ip) return std::nullopt;
  return *ip;
}

json::array source(const char* name) {
  std::ifstream file(data_folder() + name);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return json::parse(text).as_array();
}

TEST_F(GeoIpData, SaysWhatTheSourcesSay) {
  GeoIp geoip;
  ASSERT_TRUE(geoip.load({data_folder() + "GeoIP2-Country-Test.mmdb",
                          data_folder() + "GeoLite2-ASN-Test.mmdb",
                          data_folder() + "GeoIP2-Anonymous-IP-Test.mmdb"}));
  int countries = 0;
  int networks = 0;
  int anonymous = 0;
  for (const json::value& row : source("GeoIP2-Country-Test.json")) {
    for (const auto& [network, data] : row.as_object()) {
      const auto ip = first_of(network);
      ASSERT_TRUE(ip) << network;
      std::string expected;
      for (const char* key : {"country", "registered_country"}) {
        const json::value* country = data.as_object().if_contains(key);
        if (country == nullptr || !expected.empty()) continue;
        const json::value* code = country->as_object().if_contains("iso_code");
        if (code != nullptr) expected = std::string(code->as_string());
      }
      EXPECT_EQ(geoip.lookup(*ip).country_text(), expected) << network;
      ++countries;
    }
  }
  for (const json::value& row : source("GeoLite2-ASN-Test.json")) {
    for (const auto& [network, data] : row.as_object()) {
      const auto ip = first_of(network);
      ASSERT_TRUE(ip) << network;
      EXPECT_EQ(geoip.lookup(*ip).asn, data.as_object().at("autonomous_system_number").as_int64())
          << network;
      ++networks;
    }
  }
  for (const json::value& row : source("GeoIP2-Anonymous-IP-Test.json")) {
    for (const auto& [network, data] : row.as_object()) {
      const auto ip = first_of(network);
      ASSERT_TRUE(ip) << network;
      bool expected = false;
      for (const char* key :
           {"is_hosting_provider", "is_anonymous_vpn", "is_public_proxy", "is_tor_exit_node"}) {
        expected = expected || data.as_object().contains(key);
      }
      EXPECT_EQ(geoip.lookup(*ip).hosting, expected) << network;
      ++anonymous;
    }
  }
  EXPECT_GT(countries, 300);
  EXPECT_GT(networks, 500);
  EXPECT_GT(anonymous, 10);
  EXPECT_EQ(geoip.lookup(*IpAddress::parse("127.0.0.1")), Place{});
  EXPECT_EQ(geoip.lookup(IpAddress()), Place{});
}

TEST_F(GeoIpData, DamagedDatabasesAreHarmless) {
  std::vector<IpAddress> addresses;
  for (int i = 0; i < 256; i += 3) {
    addresses.push_back(*IpAddress::parse(std::to_string(i) + ".2.69." + std::to_string(i)));
    addresses.push_back(*IpAddress::parse("2001:2" + std::to_string(i % 100) + "::1"));
  }
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(data_folder() + "bad-data")) {
    if (entry.path().extension() != ".mmdb") continue;
    const std::string path = entry.path().string();
    GeoIp geoip;
    static_cast<void>(geoip.load({path, path, path}));
    for (const IpAddress& ip : addresses) static_cast<void>(geoip.lookup(ip));
    ++files;
  }
  EXPECT_GE(files, 20);

  // A good one, cut at many places and with bytes turned over.
  std::ifstream file(data_folder() + "GeoIP2-Country-Test.mmdb", std::ios::binary);
  const std::string good(std::istreambuf_iterator<char>(file), {});
  char name[] = "/tmp/sekimori-geoip-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/x.mmdb";
  int opened = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    std::string damaged = good;
    if (i % 4 == 0) {
      damaged.resize(good.size() * i / 400);
    } else {
      for (std::size_t k = 0; k < 20; ++k) {
        damaged[(i * 7919 + k * 104729) % damaged.size()] ^= static_cast<char>(1 + (i + k) % 255);
      }
    }
    std::ofstream(path, std::ios::binary) << damaged;
    GeoIp geoip;
    if (geoip.load({path, path, path})) ++opened;
    for (const IpAddress& ip : addresses) static_cast<void>(geoip.lookup(ip));
  }
  EXPECT_GT(opened, 50);  // else nothing was tried
  fs::remove_all(name);
}

TEST_F(GeoIpData, KeepsTheEarlierDatabaseAndReloadsUnderLookUps) {
  char name[] = "/tmp/sekimori-geoip-XXXXXX";
  ASSERT_NE(::mkdtemp(name), nullptr);
  const std::string path = std::string(name) + "/country.mmdb";
  fs::copy_file(data_folder() + "GeoIP2-Country-Test.mmdb", path);
  fs::permissions(path, fs::perms(0644));
  const IpAddress japan = *IpAddress::parse("2001:218::1");
  GeoIp geoip;
  EXPECT_EQ(geoip.lookup(japan).country_text(), "");
  ASSERT_TRUE(geoip.load({path, "", ""}));
  EXPECT_EQ(geoip.lookup(japan).country_text(), "JP");
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!over) wrong += geoip.lookup(japan).country_text() != "JP";
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(geoip.load({path, "", ""}));
  std::ofstream(path, std::ios::trunc) << "overwritten in place";  // would be a SIGBUS if mapped
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(geoip.load({path, "", ""}));
  over = true;
  readers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(geoip.load({}));
  EXPECT_EQ(geoip.lookup(japan).country_text(), "");
  fs::remove_all(name);
}

}  // namespace
}  // namespace sekimori::act
