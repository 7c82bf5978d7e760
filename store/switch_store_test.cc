// What a person switched off is all there after reopening, each switch of an account apart from the
// other; what is replaced leaves nothing behind, and what was never there can be forgotten.
#include "store/switch_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::AccountSwitch;

const Instant k_t{1'790'000'000'123'456};

class SwitchStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = SwitchStore::open({.url = test_database(directory_ / "s.db"), .busy_ms = 1000});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  TemporaryDirectory directory_;
  std::unique_ptr<SwitchStore> store_;
};

TEST_F(SwitchStoreTest, EachSwitchIsKeptAlone) {
  const SwitchRow receive{{"taro@example.jp", AccountSwitch::receive, k_t, k_t + days(7), "nao",
                           "引っ越し 'n' \"more\"\n二行目"},
                          true,
                          false};
  const SwitchRow login{
      {"taro@example.jp", AccountSwitch::login, k_t + hours(1), {}, "ken", "x"}, true, true};
  const SwitchRow other{
      {"hanako@example.jp", AccountSwitch::login, k_t, {}, "nao", "y"}, false, false};
  for (const auto& row : {receive, login, other}) ASSERT_TRUE(store_->put(row));
  reopen();
  EXPECT_EQ(store_->rows().value(), (std::vector{other, login, receive}));

  auto done = receive;
  done.is_done = true;
  done.letter = decide::SwitchLetter::sent;
  done.changed = k_t + minutes(1);
  done.off.until = {};
  ASSERT_TRUE(store_->put(done));
  ASSERT_TRUE(store_->remove("hanako@example.jp", AccountSwitch::login));
  ASSERT_TRUE(store_->remove("hanako@example.jp", AccountSwitch::receive));
  reopen();
  EXPECT_EQ(store_->rows().value(), (std::vector{login, done}));
}

}  // namespace
}  // namespace sekimori::store
