// The clock of waiting mail: what was put off while a mailbox was closed, counted as messages and
// not as tries, until when it can still arrive, and what of it arrived.
//
// Mail waits in two places. At its sender, which came, was answered 450 and comes again: what is
// seen is a row of tries, and which of them are one message is an inference. In our own queue: what
// came by an alias, a list or a login of ours; there every message has a name.
//
// One message at a sender, tried again: the same envelope sender and declared size from the same
// client's domain. No server comes again within minutes, so two tries that close together are two
// messages (a burst of equal ones is counted whole), unless the second asked another of our
// addresses (a sender that turns to the next MX at once). Big providers come from another machine
// each time, some with another VERP sender or a SIZE that grew: still one message, and marked as
// estimated.
//
// Pure; no clock. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"

namespace sekimori::decide {

struct WaitingRules {
  // RFC 5321 §4.5.4.1 asks senders to try for 4–5 days at least; some stop after 4.
  Duration give_up = days(4);
  Duration warn_before = hours(24);
  // No sender comes again sooner with the same message (Postfix 300 s, Exim 15 min).
  Duration retry_least = minutes(4);
  // Mailboxes that get more are told apart by count only.
  std::size_t account_max = 500;
  std::size_t all_max = 20'000;
};

// Senders come again after at most some hours; who was silent so long does not come any more.
inline constexpr Duration k_waiting_silence = hours(24);
// What ended is shown for so long.
inline constexpr Duration k_waiting_kept = days(14);

enum class WaitingPlace : std::uint8_t {
  sender,  // at another server
  here,    // in our own queue
};
enum class WaitingState : std::uint8_t {
  waiting,
  arrived,
  given_up,  // not seen again in time: returned to whoever sent it, as far as one can know
};
[[nodiscard]] std::string_view to_string(WaitingPlace);
[[nodiscard]] std::optional<WaitingPlace> parse_waiting_place(std::string_view);
[[nodiscard]] std::string_view to_string(WaitingState);
[[nodiscard]] std::optional<WaitingState> parse_waiting_state(std::string_view);

struct WaitingMessage {
  std::uint64_t id = 0;
  std::string account;
  WaitingPlace place = WaitingPlace::sender;
  std::string sender;      // envelope sender; "" is the null sender
  std::string client;      // the client's domain ("google.com"), or its network; "" in our queue
  std::string address;     // the client's address at the last try
  std::string queue_id;    // in our queue
  std::uint64_t size = 0;  // bytes as declared; 0: not said
  Instant first;
  Instant last;
  std::uint32_t tries = 0;
  bool estimated = false;  // that its tries are one message is likely, not certain
  WaitingState state = WaitingState::waiting;
  Instant ended;  // when it arrived or was given up
  bool operator==(const WaitingMessage&) const = default;
};

// One question at RCPT that was answered 450.
struct WaitingTry {
  std::string account;
  std::string sender;
  std::string client_name;  // as the server's reverse look-up says; "unknown" where there is none
  std::string client_address;
  std::string server_address;  // which of our addresses was asked; "" unknown
  std::string transaction;     // the same in repeated questions about one transaction; "" unknown
  std::uint64_t size = 0;
  Instant t;
};

// What our own server did with a message for one of its mailboxes, as its log says.
struct MailboxDelivery {
  std::string account;
  std::string queue_id;
  std::string sender;
  std::uint64_t size = 0;  // as it lies in the queue
  DeliveryStatus status = DeliveryStatus::sent;
  Instant t;
};

struct WaitingView {
  std::string account;
  std::vector<WaitingMessage> messages;  // those that wait first, soonest to be given up at the top
  std::uint64_t waiting = 0;
  std::uint64_t arrived = 0;
  std::uint64_t given_up = 0;
  // Tries beyond what is remembered: so many came, how many messages they are is not known.
  std::uint64_t uncounted_tries = 0;
  Instant gives_up;  // when the first that waits will be given up; unset: none waits
  Duration give_up;  // how long after its first try each of them is
  Text summary;      // "23 of 23 arrived"
};
// When a message's sender (or our queue) gives up.
[[nodiscard]] Instant gives_up_at(const WaitingMessage&, const WaitingRules&);

// The part of a host name that its owner registered: "mail-wm1-f51.google.com" → "google.com",
// "mx1.example.co.jp" → "example.co.jp". Without a name the client's network, "198.51.100.0/24".
[[nodiscard]] std::string client_domain(std::string_view name, std::string_view address);
// A sender without what changes from message to message in lists' bounce addresses (digits, long
// hex), so that two VERP spellings of one list compare equal.
[[nodiscard]] std::string sender_skeleton(std::string_view sender);

class WaitingBook {
 public:
  explicit WaitingBook(WaitingRules rules) : rules_(rules) {}

  // One as it was kept.
  void load(WaitingMessage message);
  void put_off(const WaitingTry& attempt);
  // `sent` ticks off; `deferred` is mail that waits in our queue because the mailbox is closed;
  // `bounced` is lost.
  void delivery(const MailboxDelivery& delivery);
  // Postfix gives it another name now: the next one like it is this.
  void requeued(std::string_view queue_id);
  // What lies deferred in our queue for the account, all of it: adds what no log line told, forgets
  // what lies there no more under its name.
  void queue_says(std::string_view account, const std::vector<MailboxDelivery>& lies_there,
                  Instant now);
  // Gives up what is over, forgets what ended long ago.
  void sweep(Instant now);

  [[nodiscard]] WaitingView view(std::string_view account) const;
  // Those with something to show; first to be given up first.
  [[nodiscard]] std::vector<WaitingView> all() const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const WaitingRules& rules() const { return rules_; }

  // What changed since the last call, to be kept, and the ids of what was forgotten.
  struct Changes {
    std::vector<WaitingMessage> written;
    std::vector<std::uint64_t> forgotten;
    [[nodiscard]] bool empty() const { return written.empty() && forgotten.empty(); }
  };
  [[nodiscard]] Changes take_changes();
  // They could not be kept: they come again with the next call.
  void put_back(Changes changes);

 private:
  struct Entry {
    WaitingMessage message;
    std::string server;       // of the last try
    std::string transaction;  // of the last try
  };
  struct Account {
    std::vector<Entry> entries;
    std::uint64_t uncounted_tries = 0;
  };
  Entry* add(Account& account, WaitingMessage message);
  void changed(const WaitingMessage& message);
  void forget_ended(Account& account, Instant before);

  WaitingRules rules_;
  std::map<std::string, Account, std::less<>> accounts_;
  std::size_t size_ = 0;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, WaitingMessage> written_;
  std::vector<std::uint64_t> forgotten_;
};

}  // namespace sekimori::decide
