#include "store/rule_store.h"

#include <gtest/gtest.h>

#include "store/database.h"
#include "store/database_for_test.h"
#include "store/desk_schema.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::AddressRule;
using decide::RuleAction;
using decide::RuleFilter;
using decide::RuleTarget;
using decide::RuleUse;
using decide::SubjectKind;

constexpr Instant k_now{1'795'000'000'000'000};

AddressRule rule(std::string_view target, RuleAction action = RuleAction::deny,
                 decide::Subject scope = {SubjectKind::server, ""}) {
  AddressRule out;
  out.target = *RuleTarget::parse(target);
  out.action = action;
  out.scope = std::move(scope);
  out.reason = "Guessing";
  out.by = "ken";
  out.created = k_now;
  return out;
}

class Rules : public ::testing::Test {
 protected:
  Rules() { store_ = RuleStore::open(settings_).value(); }
  AddressRule put(const AddressRule& one) {
    return store_->put(std::span(&one, 1)).value().front();
  }
  std::string list(const RuleFilter& filter) {
    const auto page = store_->page(filter, k_now).value();
    std::string out;
    for (const auto& one : page.items) out += one.target.to_string() + " ";
    return out + "of " + std::to_string(page.total);
  }
  const TemporaryDirectory directory_;
  const StateStoreSettings settings_{.url = test_database(directory_ / "state.db")};
  std::unique_ptr<RuleStore> store_;
};

TEST_F(Rules, are_kept_whole_and_replaced_by_target_scope_and_use) {
  auto one = rule("country:KP", RuleAction::deny, {SubjectKind::account, "taro@example.jp"});
  one.use = RuleUse::receive;
  one.expires = k_now + days(1);
  const auto kept = put(one);
  EXPECT_GT(kept.id, 0U);
  one.id = kept.id;
  EXPECT_EQ(store_->all(k_now).value(), std::vector{one});
  one.action = RuleAction::allow;
  const auto second = put(one);
  EXPECT_GT(second.id, kept.id);
  EXPECT_EQ(store_->all(k_now).value().size(), 1U);
  one.use = RuleUse::login;
  put(one);
  one.scope = {SubjectKind::domain, "example.jp"};
  put(one);
  EXPECT_EQ(store_->all(k_now).value().size(), 3U);
  EXPECT_TRUE(store_->all(k_now + days(1)).value().empty()) << "over";
  EXPECT_TRUE(store_->prune(k_now + days(2)));
  EXPECT_TRUE(store_->all(Instant{1}).value().empty());
  EXPECT_GT(put(one).id, second.id + 2) << "a number is never given twice";
}

TEST_F(Rules, are_filtered_sorted_and_paged) {
  put(rule("10.0.0.0/8"));
  put(rule("9.0.0.0/8", RuleAction::allow));
  auto receive = rule("AS64500", RuleAction::deny, {SubjectKind::domain, "example.jp"});
  receive.use = RuleUse::receive;
  receive.reason = "100% ads";
  put(receive);
  auto both = rule("2001:db8::/32", RuleAction::deny, {SubjectKind::account, "a@example.jp"});
  both.use = RuleUse::both;
  both.expires = k_now + hours(1);
  put(both);
  put(rule("192.0.2.1", RuleAction::deny, {SubjectKind::account, "a@xexample.jp"}));
  RuleFilter filter;
  EXPECT_EQ(list(filter), "9.0.0.0/8 10.0.0.0/8 192.0.2.1 2001:db8::/32 AS64500 of 5");
  filter.descending = true;
  filter.limit = 2;
  filter.offset = 1;
  EXPECT_EQ(list(filter), "2001:db8::/32 192.0.2.1 of 5");
  filter = {};
  filter.action = RuleAction::allow;
  EXPECT_EQ(list(filter), "9.0.0.0/8 of 1");
  filter = {};
  filter.use = RuleUse::receive;
  EXPECT_EQ(list(filter), "2001:db8::/32 AS64500 of 2");
  filter = {};
  filter.within = "example.jp";
  EXPECT_EQ(list(filter), "2001:db8::/32 AS64500 of 2");
  filter = {};
  filter.subject = decide::Subject{SubjectKind::account, "a@example.jp"};
  EXPECT_EQ(list(filter), "2001:db8::/32 of 1");
  filter = {};
  filter.search = "100%";
  EXPECT_EQ(list(filter), "AS64500 of 1");
  filter.search = "GUESS";
  EXPECT_EQ(list(filter), "9.0.0.0/8 10.0.0.0/8 192.0.2.1 2001:db8::/32 of 4");
  filter = {};
  filter.sort = RuleFilter::Sort::expires;
  filter.limit = 1;
  EXPECT_EQ(list(filter), "2001:db8::/32 of 5");
  filter = {};
  filter.kind = RuleTarget::Kind::asn;
  EXPECT_EQ(list(filter), "AS64500 of 1");
}

TEST_F(Rules, hits_are_added_and_rules_removed) {
  const auto one = put(rule("10.0.0.0/8"));
  auto other = rule("10.0.0.0/8");
  other.use = RuleUse::receive;
  put(other);
  const RuleHits hits[] = {{one.id, 3, k_now + seconds(1)}, {one.id, 2, k_now + seconds(2)}};
  ASSERT_TRUE(store_->add_hits(hits));
  const std::uint64_t ids[] = {one.id, 99};
  const auto found = store_->by_id(ids).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].hits, 5U);
  EXPECT_EQ(found[0].last_hit, k_now + seconds(2));
  EXPECT_EQ(store_->remove(99).error().kind, ErrorKind::not_found);
  EXPECT_EQ(store_->remove(one.target).value().size(), 2U);
  EXPECT_EQ(store_->remove(one.target).error().kind, ErrorKind::not_found);
}

TEST(RuleMigration, earlier_rules_stay_for_sign_ins_to_the_server) {
  const TemporaryDirectory directory;
  const StateStoreSettings settings{.url = test_database(directory / "state.db")};
  {
    Database database({.url = settings.url});
    const Migrations first{desk_migrations().front()};
    ASSERT_TRUE(migrate(database, "desk", first));
    ASSERT_TRUE(database.write("a rule", [](soci::session& sql) {
      sql << "INSERT INTO ip_rule (id, network, action, reason, created_us, expires_us, set_by) "
             "VALUES (7, '192.0.2.0/24', 'deny', 'old', 5, 0, 'ken')";
      return Result<void>{};
    }));
  }
  auto store = RuleStore::open(settings).value();
  const auto rules = store->all(k_now).value();
  ASSERT_EQ(rules.size(), 1U);
  AddressRule wanted = rule("192.0.2.0/24");
  wanted.id = 7;
  wanted.reason = "old";
  wanted.created = Instant{5};
  EXPECT_EQ(rules[0], wanted);
  const auto added = rule("9.0.0.0/8");
  EXPECT_EQ(store->put(std::span(&added, 1)).value()[0].id, 8U);
  RuleFilter filter;
  EXPECT_EQ(store->page(filter, k_now).value().items[0].target.to_string(), "9.0.0.0/8");
}

}  // namespace
}  // namespace sekimori::store
