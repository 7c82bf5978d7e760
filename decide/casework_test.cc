// Casework's machines: what may follow what, and who a person is against what is registered.
#include "decide/casework.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

const Instant k_t{1'790'000'000'000'000};

TEST(Casework, WhoTookAnEnquiryGoesOnWithIt) {
  Enquiry enquiry;
  enquiry.id = 7;
  auto taken = step(enquiry, EnquiryAct::taken, "nao", "", k_t);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->state, EnquiryState::taken);
  EXPECT_EQ(taken->taken_by, "nao");
  EXPECT_FALSE(step(*taken, EnquiryAct::answered, "ken", "hello", k_t)) << "it is nao's";
  EXPECT_FALSE(step(*taken, EnquiryAct::answered, "nao", "", k_t)) << "no words";
  auto over = step(*taken, EnquiryAct::taken, "ken", "", k_t);
  ASSERT_TRUE(over);
  auto answered = step(*over, EnquiryAct::answered, "ken", "hello", k_t + hours(1));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->state, EnquiryState::answered);
  EXPECT_EQ(answered->answer, "hello");
  EXPECT_EQ(answered->answered, k_t + hours(1));
  auto closed = step(*answered, EnquiryAct::closed, "ken", "", k_t);
  ASSERT_TRUE(closed);
  EXPECT_FALSE(step(*closed, EnquiryAct::taken, "nao", "", k_t));
  EXPECT_FALSE(step(*closed, EnquiryAct::closed, "ken", "", k_t));
}

TEST(Casework, WhatIsGivenBackIsOpenAgainAndACallTakes) {
  Enquiry enquiry;
  auto taken = step(enquiry, EnquiryAct::not_reached, "nao", "no answer", k_t);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->taken_by, "nao");
  auto back = step(*taken, EnquiryAct::returned, "nao", "", k_t);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, EnquiryState::open);
  EXPECT_EQ(back->taken_by, "");
}

TEST(Casework, ReferencesAreReadBack) {
  for (const std::uint64_t id : {1ULL, 123ULL, 1'234'567ULL}) {
    EXPECT_EQ(parse_enquiry_reference(enquiry_reference(id)), id);
  }
  EXPECT_EQ(enquiry_reference(123), "E-000123");
  for (const auto* text : {"", "E-", "E-0", "E-12x", "E--1", "E-99999999999999999999"}) {
    EXPECT_EQ(parse_enquiry_reference(text), std::nullopt) << text;
  }
}

TEST(Casework, NumbersAndNamesAreComparedAsPeopleWriteThem) {
  EXPECT_EQ(match_contract("AB-1234", "関守 太郎", "ab1234", "関守太郎"), ContractMatch::matches);
  EXPECT_EQ(match_contract("AB-1234", "Taro Sekimori", "ＡＢ－１２３４", "taro　sekimori"),
            ContractMatch::matches);
  EXPECT_EQ(match_contract("AB-1234", "関守 太郎", "AB-1235", "関守太郎"), ContractMatch::differs);
  EXPECT_EQ(match_contract("AB-1234", "関守 太郎", "AB-1234", "関守次郎"), ContractMatch::differs);
  EXPECT_EQ(match_contract("", "関守 太郎", "", "関守太郎"), ContractMatch::not_known);
  EXPECT_EQ(match_contract("AB-1234", "関守", "", ""), ContractMatch::differs);
  EXPECT_EQ(match_contract("1", "\xE9\x96", "1", "\xE9\x96"), ContractMatch::matches)
      << "cut in the middle of a character";
}

TEST(Casework, NoInvestigationStartsThatNobodyAccepted) {
  using enum InvestigationState;
  EXPECT_FALSE(step(std::nullopt, 1, {.to = started}, "nao", k_t));
  EXPECT_FALSE(step(std::nullopt, 1, {.to = estimated, .amount_yen = 10}, "nao", k_t));
  EXPECT_FALSE(step(std::nullopt, 1,
                    {.to = estimated, .amount_yen = k_amount_max + 1, .scope = "x"}, "nao", k_t));
  auto made =
      step(std::nullopt, 1, {.to = estimated, .amount_yen = 33'000, .scope = "調査"}, "nao", k_t);
  ASSERT_TRUE(made);
  EXPECT_FALSE(step(*made, 1, {.to = started}, "nao", k_t));
  EXPECT_FALSE(step(*made, 1, {.to = accepted}, "nao", k_t)) << "by whom?";
  auto yes = step(*made, 1, {.to = accepted, .accepted_by = "関守太郎"}, "ken", k_t + hours(1));
  ASSERT_TRUE(yes);
  EXPECT_EQ(yes->answered, (InvestigationMark{k_t + hours(1), "ken"}));
  EXPECT_FALSE(step(*yes, 1, {.to = declined, .accepted_by = "関守太郎"}, "ken", k_t));
  auto anew = step(*yes, 1, {.to = estimated, .amount_yen = 1, .scope = "y"}, "nao", k_t);
  ASSERT_TRUE(anew);
  EXPECT_EQ(anew->accepted_by, "") << "another price wants another answer";
  auto begun = step(*yes, 1, {.to = started}, "ken", k_t + hours(2));
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->amount_yen, 33'000U);
  EXPECT_FALSE(step(*begun, 1, {.to = estimated, .scope = "z"}, "nao", k_t));
  EXPECT_TRUE(step(*begun, 1, {.to = finished}, "ken", k_t));
}

TEST(Casework, EveryWordIsReadBack) {
  for (const auto* word : {"open", "taken", "answered", "closed"}) {
    ASSERT_TRUE(parse_enquiry_state(word)) << word;
    EXPECT_EQ(to_string(*parse_enquiry_state(word)), word);
  }
  for (const auto* word : {"cannot_receive", "slow", "cannot_sign_in", "cannot_send", "suspended",
                           "suspicious", "other"}) {
    ASSERT_TRUE(parse_enquiry_topic(word)) << word;
    EXPECT_EQ(to_string(*parse_enquiry_topic(word)), word);
  }
  EXPECT_EQ(parse_enquiry_state("Open"), std::nullopt);
}

}  // namespace
}  // namespace sekimori::decide
