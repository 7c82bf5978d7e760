// What people see of an account over time: figures by the hour, and from where somebody signed in.
// Pure: a fold over events in the journal's order, taken out in batches. The decision path does not
// know of it; app/figure_service reads the journal behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/event.h"
#include "base/hash.h"
#include "base/instant.h"

namespace sekimori::decide {

struct Figures {
  std::uint64_t messages = 0;    // taken or held
  std::uint64_t recipients = 0;  // of these
  std::uint64_t new_recipients = 0;
  std::uint64_t refused = 0;       // recipients of refused messages
  std::uint64_t bounces = 0;       // recipients
  std::uint64_t bytes_sent = 0;    // of messages taken or held
  std::uint64_t bytes_in = 0;      // of sessions: from the client
  std::uint64_t bytes_out = 0;     // of sessions: to the client
  std::uint64_t sign_ins = 0;      // let in
  std::uint64_t sign_ins_bad = 0;  // wrong password, or refused
  std::uint64_t sessions = 0;      // ended
  std::uint64_t session_ms = 0;    // of all of them together
  std::uint64_t longest_ms = 0;
  bool operator==(const Figures&) const = default;
  Figures& operator+=(const Figures&);
};

// Whole hours since the epoch: the journal's clock is UTC.
[[nodiscard]] std::int64_t hour_of(Instant t);
[[nodiscard]] Instant begin_of_hour(std::int64_t hour);

// Sign-ins that are alike within an hour are one row: a mail program signs in every few minutes for
// years.
struct SignInKey {
  std::string account;
  std::int64_t hour = 0;
  std::string ip;
  Service service = Service::other;
  LoginResult result = LoginResult::ok;
  bool encrypted = false;
  std::string client;
  auto operator<=>(const SignInKey&) const = default;
};
struct SignInRow {
  SignInKey key;
  Place place;
  Instant first;
  Instant last;
  std::uint64_t count = 0;
  bool operator==(const SignInRow&) const = default;
};
// A client's name for itself is as long as it likes.
inline constexpr std::size_t k_client_max = 120;
// Rows of one account within one hour; what more there is goes into one without address, so that a
// guesser does not fill the database. The attempts are counted all the same.
inline constexpr std::size_t k_sign_in_rows_max = 60;

// Recipients an account wrote to before: the newest are remembered, so that it stays small.
inline constexpr std::size_t k_seen_max = 4096;
class SeenRecipients {
 public:
  // As text() wrote it; what is damaged is forgotten.
  static SeenRecipients parse(std::string_view text);
  // True: for the first time.
  bool add(std::uint32_t recipient);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::size_t size() const { return order_.size(); }

 private:
  std::deque<std::uint32_t> order_;  // oldest first
  std::unordered_set<std::uint32_t> known_;
};

// One batch.
struct FigureBatch {
  using Hour = std::pair<std::string, std::int64_t>;  // account, hour
  std::map<Hour, Figures> hours;
  std::map<SignInKey, SignInRow> sign_ins;
  // In the order of their sending, for SeenRecipients; new_recipients above is not counted yet.
  std::map<std::string, std::vector<std::pair<std::int64_t, std::uint32_t>>> recipients;
};

class FigureFold {
 public:
  explicit FigureFold(const HashKey& key) : key_(key) {}
  void add(const Event&);
  // What came since the last call.
  [[nodiscard]] FigureBatch take();

 private:
  struct Message {
    std::string account;
    std::int64_t hour = 0;
    std::uint64_t recipients = 0;
    std::uint64_t bytes = 0;
  };
  void add_login(const Event&, const Login&);

  HashKey key_;
  FigureBatch batch_;
  std::map<FigureBatch::Hour, std::size_t> rows_;
  // The latest messages, for those that never became mail.
  std::unordered_map<std::string, Message> messages_;
  std::deque<std::string> message_order_;
};

}  // namespace sekimori::decide
