// A request to a blacklist says what is known and names what is not; nobody's address stands in it
// unasked.
#include "decide/delisting.h"

#include <gtest/gtest.h>

#include "decide/returned.h"

namespace sekimori::decide {
namespace {

const Instant k_t = *parse_instant("2026-11-22T03:00:00Z");

Incident incident() {
  Incident i;
  i.id = 7;
  i.subject = {SubjectKind::account, "taro@example.jp"};
  i.opened = k_t;
  i.onset = k_t - minutes(5);
  i.mode = Mode::enforce;
  i.standing = Standing::suspended;
  i.summary = {"3 分間に 47 通を送りました。", "47 messages in 3 minutes."};
  return i;
}

Step step(StepKind kind, Instant t, StepState state = StepState::done) {
  Step s;
  s.kind = kind;
  s.state = state;
  s.created = s.changed = t;
  return s;
}

AuditEntry entry(std::string action, Instant t) {
  AuditEntry e;
  e.action = std::move(action);
  e.t = t;
  return e;
}

TEST(Delisting, ActionsAreThoseThatWereDone) {
  HeldMessage held;
  held.incident = 7;
  held.held_at = k_t;
  held.state = HoldState::deleted;
  const auto actions = actions_of(
      incident(),
      {step(StepKind::write_guard, k_t), step(StepKind::kick_sessions, k_t + seconds(1)),
       step(StepKind::flush_auth_cache, k_t),
       step(StepKind::hold_queued, k_t, StepState::retrying)},
      {entry("restore", k_t + days(1)), entry("set_password", k_t + hours(2)),
       entry("restore", k_t - days(9)), entry("delete_held", k_t + hours(1)), entry("note", k_t)},
      {held, held});
  std::vector<std::string> names;
  for (const auto& action : actions) names.push_back(action.what);
  EXPECT_EQ(names, (std::vector<std::string>{"contained", "queue_held", "sessions_ended",
                                             "mail_deleted", "password_changed", "restored"}));
  EXPECT_EQ(actions[1].count, 2U);
  Incident observed = incident();
  observed.mode = Mode::observe;
  EXPECT_TRUE(actions_of(observed, {step(StepKind::write_guard, k_t)}, {}, {}).empty())
      << "what was only observed was not done";
}

TEST(Delisting, TheLetterSaysWhatIsKnownAndWhatIsNot) {
  Delisting d;
  d.incident = incident();
  d.server = "mx.example.jp";
  d.account = redacted("taro@example.jp");
  const std::string bare = delisting_text(d).en;
  EXPECT_EQ(bare.find("taro"), std::string::npos);
  EXPECT_NE(bare.find("t***@example.jp"), std::string::npos);
  EXPECT_NE(bare.find("Address: (please fill in)"), std::string::npos);
  EXPECT_NE(bare.find("Messages let out: not recorded"), std::string::npos);
  EXPECT_NE(bare.find("First suspicious message: not known"), std::string::npos);
  EXPECT_NE(bare.find("change of the password: not recorded yet"), std::string::npos);
  d.addresses = {"192.0.2.25"};
  d.contact = "abuse@example.jp";
  d.traffic = {.known = true,
               .first = k_t,
               .last = k_t + seconds(9),
               .messages = 12,
               .recipients = 340,
               .held = 30,
               .refused = 2,
               .delivered = 300,
               .deferred = 10,
               .bounced = 30};
  d.complaints = 3;
  d.actions = {{k_t, "contained", 0}, {k_t + hours(1), "password_changed", 0}};
  const Text full = delisting_text(d);
  for (const char* words : {"Address: 192.0.2.25", "Messages let out: 12",
                            "Recipients of those: 340", "Messages held before they left: 30",
                            "Recipients bounced: 30", "Complaints of recipients: 3",
                            "- 2026-11-22T03:00:00Z sending from the account was stopped",
                            "47 messages in 3 minutes.", "incident 7"}) {
    EXPECT_NE(full.en.find(words), std::string::npos) << words << "\n" << full.en;
  }
  EXPECT_EQ(full.en.find("not recorded"), std::string::npos);
  for (const char* words : {"IP アドレス: 192.0.2.25", "送出したメール: 12", "3 分間に 47 通"}) {
    EXPECT_NE(full.ja.find(words), std::string::npos) << words;
  }
}

TEST(Delisting, RedactionLeavesOneCharacter) {
  EXPECT_EQ(redacted("taro@example.jp"), "t***@example.jp");
  EXPECT_EQ(redacted("花子@example.jp"), "花***@example.jp");
  EXPECT_EQ(redacted("nonsense"), "***");
}

TEST(Returned, TheVerdictSaysWhetherToWorry) {
  EXPECT_EQ(verdict_on({}).en, "No mail came back.");
  const Text forged = verdict_on({.ours = 0, .forged = 9, .unknown = 0, .feedback = 0});
  EXPECT_NE(forged.en.find("9 bounces are of mail on which strangers forged"), std::string::npos);
  EXPECT_NE(forged.en.find("no sign of a broken-into account."), std::string::npos);
  EXPECT_EQ(forged.en.find("complained"), std::string::npos);
  ReturnedMail mail;
  mail.first_hop = "evil.example";
  mail.reporter = "mx.far.example";
  const Text words = spoofing_words(20, {mail, mail});
  EXPECT_EQ(words.en,
            "Within 24 hours 20 bounces arrived of mail on which strangers wrote this address as "
            "the sender. This server's records hold no such mail (it was sent through "
            "evil.example); reported by mx.far.example.");
  for (const auto origin : {MailOrigin::ours, MailOrigin::forged, MailOrigin::unknown}) {
    EXPECT_EQ(parse_mail_origin(to_string(origin)), origin);
  }
}

}  // namespace
}  // namespace sekimori::decide
