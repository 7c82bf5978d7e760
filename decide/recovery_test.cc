// The way back holds whatever comes in whatever order: random sequences of everything that can
// happen to a recovery are driven against its promises, beside the paths that people walk.
#include "decide/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sekimori::decide {
namespace {

const Instant k_t{1'790'000'000'000'000};
const IpAddress k_home = IpAddress::parse("198.51.100.7").value();

Recovery opened(std::uint32_t times = 1) {
  return open_recovery({.account = "taro@example.jp",
                        .incident = 7,
                        .now = k_t,
                        .stored_hash = "old",
                        .pwhash = "025a",
                        .times = times,
                        .by_machine = true});
}

SignIn sign_in(Service service, std::string pwhash, Instant t = k_t + hours(1)) {
  return {.service = service, .ip = k_home, .pwhash = std::move(pwhash), .t = t};
}

GateState state(const Recovery& r, GateKind kind) { return r.gate(kind).state; }

void prove_rest(Recovery& r) {
  for (const GateKind kind : open_gates(r)) prove(r, kind, {"済", "done"}, k_t + hours(2));
}

TEST(RecoveryTest, WordsReadBack) {
  for (std::size_t i = 0; i < k_gates; ++i) {
    const auto kind = static_cast<GateKind>(i);
    EXPECT_EQ(parse_gate_kind(to_string(kind)), kind);
    EXPECT_FALSE(title(kind).ja.empty());
    EXPECT_FALSE(title(kind).en.empty());
  }
  for (const auto s :
       {GateState::open, GateState::proved, GateState::not_needed, GateState::overridden}) {
    EXPECT_EQ(parse_gate_state(to_string(s)), s);
  }
  EXPECT_FALSE(parse_gate_kind("no such gate"));
  EXPECT_FALSE(parse_gate_state(""));
}

TEST(RecoveryTest, OpensWithEveryGateAndSaysWhatToDo) {
  const Recovery r = opened();
  EXPECT_EQ(open_gates(r).size(), k_gates - 1);
  EXPECT_EQ(state(r, GateKind::reviewed), GateState::not_needed);
  EXPECT_FALSE(is_complete(r));
  for (const GateKind kind : open_gates(r)) {
    EXPECT_FALSE(r.gate(kind).evidence.ja.empty()) << to_string(kind);
    EXPECT_FALSE(r.gate(kind).evidence.en.empty()) << to_string(kind);
    EXPECT_FALSE(r.gate(kind).when.is_set());
  }
  EXPECT_EQ(next_step(r), r.gate(GateKind::password_changed).evidence);
  EXPECT_EQ(state(opened(2), GateKind::reviewed), GateState::open);
}

TEST(RecoveryTest, TheOwnerWalksBack) {
  Recovery r = opened();
  EXPECT_FALSE(password_stored(r, "old", "panel", k_t)) << "the same password is no change";
  EXPECT_FALSE(password_stored(r, "", "panel", k_t)) << "an unknown one neither";
  EXPECT_TRUE(password_stored(r, "new", "owner:code", k_t + minutes(5)));
  EXPECT_EQ(r.begun, k_t + minutes(5));
  EXPECT_EQ(r.begun_by, "owner:code");
  EXPECT_EQ(state(r, GateKind::password_changed), GateState::proved);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::smtp, "0fff")), SignInMeans::proof);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::imap, "0fff")), SignInMeans::proof);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::imap, "0fff")), SignInMeans::nothing)
      << "once is enough";
  prove_rest(r);
  EXPECT_TRUE(is_complete(r));
  r.by_machine = true;
  EXPECT_NE(next_step(r).en.find("in a moment"), std::string::npos);
  r.by_machine = false;
  EXPECT_NE(next_step(r).en.find("your administrator"), std::string::npos);
  // And in probation the earlier password is still the alarm.
  r.ended = k_t + hours(3);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::imap, "025a", k_t + days(3))),
            SignInMeans::earlier_password);
  EXPECT_EQ(next_step(r), Text{});
}

TEST(RecoveryTest, ANewPasswordIsANewKey) {
  Recovery r = opened();
  ASSERT_TRUE(password_stored(r, "new", "owner:code", k_t));
  ASSERT_EQ(note_sign_in(r, sign_in(Service::smtp, "0fff")), SignInMeans::proof);
  prove_rest(r);
  ASSERT_TRUE(password_stored(r, "newer", "panel", k_t + hours(3)));
  for (const GateKind kind : {GateKind::works_smtp, GateKind::works_imap, GateKind::old_refused,
                              GateKind::cache_flushed, GateKind::sessions_ended}) {
    EXPECT_EQ(state(r, kind), GateState::open) << to_string(kind);
  }
  EXPECT_EQ(state(r, GateKind::forwards_answered), GateState::proved) << "of no key";
  EXPECT_EQ(r.begun_by, "owner:code") << "who came back first";
  // The password in between is an earlier one now.
  EXPECT_EQ(note_sign_in(r, sign_in(Service::imap, "0fff")), SignInMeans::earlier_password);
}

TEST(RecoveryTest, PuttingTheOldPasswordBackUndoesIt) {
  Recovery r = opened();
  ASSERT_TRUE(password_stored(r, "new", "owner:code", k_t));
  prove_rest(r);
  ASSERT_TRUE(is_complete(r));
  EXPECT_TRUE(password_stored(r, "old", "panel", k_t + hours(3)));
  EXPECT_FALSE(is_complete(r));
  EXPECT_EQ(state(r, GateKind::password_changed), GateState::open);
}

TEST(RecoveryTest, SignInsThatProveNothing) {
  Recovery r = opened();
  EXPECT_EQ(note_sign_in(r, sign_in(Service::smtp, "0aaa")), SignInMeans::nothing)
      << "before the change it is an earlier password";
  ASSERT_TRUE(password_stored(r, "new", "owner:code", k_t));
  EXPECT_EQ(note_sign_in(r, sign_in(Service::smtp, "0aaa")), SignInMeans::earlier_password);
  SignIn strange = sign_in(Service::imap, "0fff");
  strange.is_strange = true;
  EXPECT_EQ(note_sign_in(r, strange), SignInMeans::nothing);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::sieve, "0fff")), SignInMeans::nothing);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::pop3, "0fff")), SignInMeans::proof);
  EXPECT_EQ(state(r, GateKind::works_imap), GateState::proved) << "POP3 reads as well";
  EXPECT_EQ(note_sign_in(r, sign_in(Service::smtp, "0123")), SignInMeans::nothing)
      << "another key than the one that was seen first";
}

TEST(RecoveryTest, TwelveBitsMayCollide) {
  // The new password's hash happens to be the stolen one's: our own trial knows it is ours.
  Recovery r = opened();
  ASSERT_TRUE(password_stored(r, "new", "owner:code", k_t));
  SignIn ours = sign_in(Service::smtp, "025a");
  ours.is_ours = true;
  EXPECT_EQ(note_sign_in(r, ours), SignInMeans::proof);
  EXPECT_EQ(note_sign_in(r, sign_in(Service::imap, "025a")), SignInMeans::proof);
}

TEST(RecoveryTest, OurOwnTrialNamesNoAddress) {
  Recovery r = opened();
  ASSERT_TRUE(password_stored(r, "new", "owner:code", k_t));
  SignIn ours = sign_in(Service::smtp, "");
  ours.is_ours = true;
  ASSERT_EQ(note_sign_in(r, ours), SignInMeans::proof);
  EXPECT_EQ(r.gate(GateKind::works_smtp).evidence.en.find("198.51.100.7"), std::string::npos);
  ASSERT_EQ(note_sign_in(r, sign_in(Service::imap, "0fff")), SignInMeans::proof);
  EXPECT_NE(r.gate(GateKind::works_imap).evidence.en.find("198.51.100.7"), std::string::npos);
}

TEST(RecoveryTest, TheFirstProofStandsAndAnOverrideIsKept) {
  Recovery r = opened();
  prove(r, GateKind::cache_flushed, {"一", "one"}, k_t);
  prove(r, GateKind::cache_flushed, {"二", "two"}, k_t + hours(1));
  EXPECT_EQ(r.gate(GateKind::cache_flushed).evidence.en, "one");
  not_needed(r, GateKind::cache_flushed, {"不要", "not needed"}, k_t);
  EXPECT_EQ(state(r, GateKind::cache_flushed), GateState::proved);
  r.gate(GateKind::reviewed) = {GateState::overridden, {"人", "a person"}, k_t};
  prove(r, GateKind::reviewed, {"三", "three"}, k_t);
  EXPECT_EQ(state(r, GateKind::reviewed), GateState::overridden);
  reopen(r, GateKind::cache_flushed, {"また", "again"});
  EXPECT_EQ(state(r, GateKind::cache_flushed), GateState::open);
  EXPECT_FALSE(r.gate(GateKind::cache_flushed).when.is_set());
}

// Any order of anything: 2000 walks of 60 steps.
TEST(RecoveryTest, NoOrderOfEventsBreaksItsPromises) {
  const std::vector<std::string> hashes{"old", "new", "newer", ""};
  const std::vector<std::string> pwhashes{"025a", "0fff", "0aaa", ""};
  const std::vector<Service> services{Service::smtp, Service::imap, Service::pop3, Service::sieve,
                                      Service::other};
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const auto one_of = [&](const auto& list) { return list[random() % list.size()]; };
    Recovery r = opened(1 + seed % 3);
    for (int step = 0; step < 60; ++step) {
      const Recovery before = r;
      const Instant now = k_t + minutes(step + 1);
      SCOPED_TRACE(testing::Message() << "seed " << seed << " step " << step);
      switch (random() % 6) {
        case 0: {
          const std::string hash = one_of(hashes);
          const bool changed = password_stored(r, hash, "panel", now);
          EXPECT_EQ(changed, !hash.empty() && hash != before.current_hash);
          if (!changed) {
            EXPECT_EQ(r, before);
          }
          break;
        }
        case 1: {
          SignIn in = sign_in(one_of(services), one_of(pwhashes), now);
          in.is_ours = random() % 4 == 0;
          in.is_strange = random() % 3 == 0;
          const auto means = note_sign_in(r, in);
          const bool changed = state(before, GateKind::password_changed) != GateState::open;
          if (!changed || in.is_strange) {
            EXPECT_NE(means, SignInMeans::proof);
          }
          if (!changed) {
            EXPECT_EQ(means, SignInMeans::nothing);
          }
          if (means == SignInMeans::earlier_password) {
            EXPECT_EQ(r, before) << "an alarm proves nothing";
            EXPECT_NE(std::ranges::find(before.earlier_pwhashes, in.pwhash),
                      before.earlier_pwhashes.end());
            EXPECT_NE(in.pwhash, before.pwhash);
          }
          break;
        }
        case 2: prove(r, static_cast<GateKind>(random() % k_gates), {"p", "p"}, now); break;
        case 3: not_needed(r, static_cast<GateKind>(random() % k_gates), {"n", "n"}, now); break;
        case 4: reopen(r, static_cast<GateKind>(random() % k_gates), {"m", "m"}); break;
        case 5: {  // twice the same changes nothing more
          Recovery twice = r;
          const std::string hash = one_of(hashes);
          (void)password_stored(r, hash, "panel", now);
          (void)password_stored(twice, hash, "panel", now);
          (void)password_stored(twice, hash, "panel", now + minutes(1));
          EXPECT_EQ(twice, r);
          break;
        }
      }
      // Its identity never changes, lists stay within their bounds, times and states agree.
      EXPECT_EQ(r.account, before.account);
      EXPECT_EQ(r.earlier_hash, before.earlier_hash);
      EXPECT_LE(r.earlier_pwhashes.size(), k_earlier_pwhashes_max);
      EXPECT_GE(r.earlier_pwhashes.size(), before.earlier_pwhashes.size()) << "never forgotten";
      for (const Gate& gate : r.gates) {
        EXPECT_EQ(gate.when.is_set(), gate.state != GateState::open);
        EXPECT_FALSE(gate.evidence.ja.empty());
      }
      EXPECT_EQ(is_complete(r), open_gates(r).empty());
      EXPECT_FALSE(next_step(r).ja.empty());
      // Whoever came back stays the one; and nobody came back without a new hash.
      if (before.begun.is_set()) {
        EXPECT_EQ(r.begun, before.begun);
      }
      if (r.current_hash == r.earlier_hash && before.current_hash != r.current_hash) {
        EXPECT_EQ(state(r, GateKind::password_changed), GateState::open);
      }
    }
  }
}

}  // namespace
}  // namespace sekimori::decide
