// The sentence of every channel, and the head line above them. A new channel gets its words by one
// function and one row in channel_words.cc; without them it does not compile.
//
// The sentences are read by operators at night and by owners who never heard of statistics: what
// happened, with the account's own numbers, and no blame. English is ASCII (it goes into mail
// logs).
#pragma once

#include <string>
#include <vector>

#include "detect/account_model.h"
#include "detect/detector.h"

namespace sekimori::detect {

// Networks that are new to the account since the run of evidence began.
struct PlaceFacts {
  std::uint32_t networks = 0;
  Duration span{};                     // from the first of them to the last, whole hours
  std::vector<std::string> countries;  // theirs, where known, each once; newest first
  std::vector<std::string> usual;      // of networks that are habit
  // One of them lies in a country the account is never used from.
  [[nodiscard]] bool abroad() const;
};

// All that a sentence may tell of.
struct Facts {
  const AccountModel& model;
  const Verdict& verdict;
  const Submission* mail = nullptr;  // the message itself, where it is at hand
  Instant now;
  // What was sent in the narrowest window that holds the run of evidence: the message alone (span
  // 0), the hour, the day. Strangers are recipients never written to, never heard from.
  std::uint32_t recipients = 0;
  std::uint32_t strangers = 0;
  Duration span{};
  PlaceFacts places{};
};

[[nodiscard]] Facts facts_of(const AccountModel&, Instant now, const Verdict&, const Submission*);
// One sentence that says it all: "47 recipients in 3 minutes; this account usually writes to about
// 4 a day; 45 never written to before; signed in from two new networks within an hour." Never
// empty.
[[nodiscard]] Text headline(const Facts&);
// What this channel saw. Never empty.
[[nodiscard]] Text channel_words(Channel, const Facts&);

}  // namespace sekimori::detect
