#include "app/machine_words.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "app/state_queue.h"

namespace sekimori::app {
namespace {

const Text k_reason{"「急に」増えました。", "It \"suddenly\" sent more."};

decide::AuditEntry entry_of(const std::string& who, const std::string& why) {
  decide::AuditEntry entry;
  entry.who = who;
  entry.action = "suspend";
  entry.why = why;
  return entry;
}

TEST(MachineWords, StandInTheDetailBesideTheFigure) {
  const auto entry = with_words(entry_of("machine", "ln R 47.54, bulk"), k_reason);
  EXPECT_EQ(entry.why, "ln R 47.54, bulk");
  const auto detail = boost::json::parse(entry.detail);
  EXPECT_EQ(detail.at("words").at("ja").as_string(), k_reason.ja);
  EXPECT_EQ(detail.at("words").at("en").as_string(), k_reason.en);
  // One language alone is said in both instead.
  EXPECT_EQ(with_words(entry_of("machine", k_reason.ja), k_reason).why, "");
}

TEST(MachineWords, PeoplesReasonsAndOtherDetailsStayAsTheyAre) {
  const auto person = entry_of("nao", "asked by phone");
  EXPECT_EQ(with_words(person, k_reason), person);
  EXPECT_EQ(with_words(entry_of("machine", "x"), {}), entry_of("machine", "x"));
  auto full = entry_of("machine", "x");
  full.detail = "{}";
  EXPECT_EQ(with_words(full, k_reason), full);
}

TEST(MachineWords, ASuspendedApprovalSaysWhy) {
  decide::Approval approval;
  approval.id = 7;
  approval.changed_by = "machine";
  approval.cause = ApprovalCause::settings;
  const auto detail = boost::json::parse(suspension_entry(approval).detail);
  EXPECT_EQ(detail.at("approval").as_int64(), 7);
  EXPECT_FALSE(detail.at("words").at("ja").as_string().empty());
  EXPECT_FALSE(detail.at("words").at("en").as_string().empty());
}

}  // namespace
}  // namespace sekimori::app
