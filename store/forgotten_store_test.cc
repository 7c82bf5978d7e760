// A forgotten setting in the database: one row a device, whatever address it has today; when its
// owner was told stands after a reopening; old ones go.
#include "store/forgotten_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'000'000};

ForgottenDevice device(std::string_view account, std::string_view ip, std::uint32_t asn = 0) {
  ForgottenDevice out;
  out.setting.account = std::string(account);
  out.setting.service = Service::imap;
  out.setting.ip = IpAddress::parse(ip).value();
  out.setting.place.country[0] = 'J';
  out.setting.place.country[1] = 'P';
  out.setting.place.asn = asn;
  out.setting.known = true;
  out.setting.repeats = 7;
  out.setting.pwhash = 0x125a;
  out.first = k_t;
  out.last = k_t + hours(1);
  return out;
}

TEST(ForgottenStore, remembers_each_device_once_and_when_its_owner_was_told) {
  const TemporaryDirectory directory;
  const StateStoreSettings settings{.url = test_database(directory / "s.db"), .busy_ms = 100};
  auto store = ForgottenStore::open(settings).value();
  ForgottenDevice phone = device("a@example.jp", "192.0.2.10", 64500);
  EXPECT_FALSE(store->find(phone.setting).value());
  ASSERT_TRUE(store->put(phone));
  phone.setting.ip = IpAddress::parse("198.51.100.3").value();  // the carrier gave it another
  phone.last = k_t + days(1);
  phone.told = k_t + hours(2);
  ASSERT_TRUE(store->put(phone));
  const ForgottenDevice copier = device("a@example.jp", "2001:db8::5");
  ASSERT_TRUE(store->put(copier));
  ASSERT_TRUE(store->put(device("b@example.jp", "192.0.2.10")));
  store.reset();
  store = ForgottenStore::open(settings).value();
  const auto all = store->of("a@example.jp").value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].setting.ip.to_string(), "198.51.100.3") << "the latest first";
  EXPECT_EQ(all[0].told, k_t + hours(2));
  EXPECT_EQ(all[0].setting.place.country_text(), "JP");
  EXPECT_FALSE(all[1].told.is_set());
  const auto found = store->find(copier.setting).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->setting.pwhash, 0x125a);
  EXPECT_EQ(found->setting.repeats, 7U);
  EXPECT_TRUE(found->setting.known);
  ASSERT_TRUE(store->prune(k_t + hours(2)));
  EXPECT_EQ(store->of("a@example.jp").value().size(), 1U);
  EXPECT_TRUE(store->of("nobody@example.jp").value().empty());
}

}  // namespace
}  // namespace sekimori::store
