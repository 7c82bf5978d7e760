// Every store of Sekimori's own tables asks for the password that the settings name.
#include <gtest/gtest.h>

#include "store/ban_store.h"
#include "store/case_store.h"
#include "store/damage_store.h"
#include "store/desk_store.h"
#include "store/encryption_store.h"
#include "store/figure_store.h"
#include "store/notice_store.h"
#include "store/operator_store.h"
#include "store/policy_store.h"
#include "store/recovery_store.h"
#include "store/returned_store.h"
#include "store/rule_store.h"
#include "store/sign_in_store.h"
#include "store/waiting_store.h"
#include "store/ways_store.h"

namespace sekimori::store {
namespace {

template <class Store>
class OwnStoreTest : public testing::Test {};
using Stores =
    testing::Types<BanStore, CaseStore, DamageStore, DeskStore, EncryptionStore, FigureStore,
                   NoticeStore, OperatorStore, PolicyStore, RecoveryStore, ReturnedStore, RuleStore,
                   SignInStore, SqlStateStore, WaitingStore, WaysStore>;
TYPED_TEST_SUITE(OwnStoreTest, Stores);

TYPED_TEST(OwnStoreTest, ReadsThePasswordBeforeItAsksAServer) {
  StateStoreSettings settings;
  settings.url = "postgresql://sekimori@localhost/none?socket=/nowhere";
  settings.password_file = "/no/such/password";
  const auto opened = TypeParam::open(settings);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text.find("/no/such/password"), std::string::npos)
      << opened.error().text;
}

}  // namespace
}  // namespace sekimori::store
