// The ordinary life of many accounts, made a few events at a time, as what is measured would read
// them from a socket: everybody writes to ten people of their own, one recipient in twenty is a
// stranger, from two networks.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/event.h"

namespace sekimori::bench {

struct MailDaySettings {
  std::size_t accounts = 1'000'000;
  // Every `large_every`th message has `large` recipients, the others one; 0: none is large.
  std::size_t large_every = 16, large = 16;
  Duration step{100'000};           // between two events
  std::size_t stranger_every = 20;  // of the recipients
  bool with_ids = true;             // events with ids and queue ids, as those of a mail server have
};

class MailDay {
 public:
  explicit MailDay(MailDaySettings settings);

  [[nodiscard]] const std::string& account(std::size_t i) const { return accounts_[i]; }
  [[nodiscard]] std::size_t any_account() { return random_() % accounts_.size(); }
  [[nodiscard]] Instant now() const { return now_; }
  void pass(Duration d) { now_ = now_ + d; }
  // Lives, event by event through fold(who, event), until everybody's friends are known and one
  // message becomes old enough to be learnt from with each that is sent.
  template <class Fold>
  void settle(Fold fold) {
    Event event;
    for (std::size_t nth = 0; nth < k_greetings; ++nth) {
      for (std::size_t who = 0; who < accounts_.size(); ++who) {
        greet(who, nth, event);
        fold(who, event);
      }
    }
    for (std::int64_t left = 2 * days(1).us; left > 0; left -= settings_.step.us) {
      const std::size_t who = any_account();
      (void)message(who, event);
      fold(who, event);
    }
  }

  // Make `event` the next one of account `who`; its strings keep their room. message() returns how
  // many recipients it has.
  std::size_t message(std::size_t who, Event& event);
  // The `nth` of k_greetings messages in which `who` writes to all ten friends, so that they are
  // known a day later.
  static constexpr std::size_t k_greetings = 5;
  void greet(std::size_t who, std::size_t nth, Event& event);
  void sign_in(std::size_t who, Event& event);

 private:
  static constexpr std::size_t k_own_friends = 10;
  static constexpr std::size_t k_greeted = k_own_friends / k_greetings;
  [[nodiscard]] static std::size_t own_friend(std::size_t who, std::size_t nth) {
    return who * k_own_friends + nth % k_own_friends;
  }
  void begin(std::size_t who, Event& event);
  void finish(std::size_t who, Event& event);
  [[nodiscard]] IpAddress address(std::size_t who);
  MailDaySettings settings_;
  std::vector<std::string> accounts_, friends_;
  std::mt19937_64 random_{1};
  std::uint64_t number_ = 0;
  Instant now_{1'700'000'000'000'000};
};

}  // namespace sekimori::bench
