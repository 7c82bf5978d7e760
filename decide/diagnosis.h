// "I cannot get my mail", "it takes long": what the server's own facts answer, with the next step
// of each, and what the questions about the owner's computer add (their lists A and B are those
// that providers ask by telephone). Pure; over what the journal, the account store and the services
// say, never on the decision path.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "base/text.h"

namespace sekimori::decide {

// About the owner's computer: list A speaks for trouble of the computer itself, list B for
// something on it that uses the account.
enum class ComputerQuestion : std::uint8_t {
  mail_over_1_gb,        // A
  crowded_desktop,       // A
  many_programs,         // A
  videos_over_50_gb,     // A
  customer_software,     // A
  weak_sign_in,          // B
  browser_as_it_came,    // B
  shared_without_users,  // B
  on_all_night,          // B
  usb_devices,           // B
  count_
};
inline constexpr std::size_t k_computer_questions =
    static_cast<std::size_t>(ComputerQuestion::count_);
using ComputerAnswers = std::bitset<k_computer_questions>;  // set: yes
[[nodiscard]] std::string_view to_string(ComputerQuestion);
[[nodiscard]] std::optional<ComputerQuestion> parse_computer_question(std::string_view);
[[nodiscard]] Text words_of(ComputerQuestion);
[[nodiscard]] bool is_of_list_b(ComputerQuestion);

// One kind of reading, over the last week.
struct ReadingFacts {
  std::uint64_t signed_in = 0;        // of the last 24 h
  std::uint64_t signed_in_hour = 0;   // the most in one hour of them
  std::uint64_t plain = 0;            // of these, without encryption
  std::uint64_t sessions = 0;         // ended in the last 24 h
  double longest_s = 0;               // of them
  std::uint64_t bytes_out = 0;        // of them together
  std::uint64_t usual_bytes_out = 0;  // a day, of the six days before
  Instant last;                       // the last sign-in; unset: none in the week
};
struct WrongPasswords {
  std::uint64_t tries = 0;           // of the last 24 h
  std::uint64_t passwords = 0;       // different ones, as far as known (Dovecot's 12-bit hash)
  Service service = Service::other;  // of the last try
  Instant last;
};

struct DiagnosisFacts {
  Instant now;
  // From the stores.
  Standing standing = Standing::normal;
  Instant since;                            // of the standing
  Text reason;                              // of it
  bool active = true;                       // as the provider's store says
  std::optional<std::uint64_t> used_bytes;  // of the mailbox; unset: not known
  std::uint64_t quota_bytes = 0;            // 0: unlimited
  // From the journal.
  std::map<Service, ReadingFacts> reading;  // imap, pop3
  // By network (/24, /64) of the client.
  std::map<std::string, WrongPasswords> wrong;
  std::uint64_t refused = 0;  // sign-ins refused in the last 24 h by policy
  // About whoever asks.
  IpAddress ip;            // unset: asked by somebody else than the owner
  bool ip_denied = false;  // a rule or ban refuses it
  std::string ip_reason;   // the rule's
  // From the watch: services that do not answer, "IMAP", "POP3"; empty: all do.
  std::vector<std::string> down;
  ComputerAnswers computer;
};

// Gathers the journal's part. Events of the account only, in any order, of the last seven days.
class DiagnosisFold {
 public:
  explicit DiagnosisFold(Instant now) : now_(now) {}
  void add(const Event& event);
  // Writes reading, wrong and refused.
  void put_into(DiagnosisFacts& facts) const;

 private:
  static constexpr std::size_t k_networks_max =
      64;  // of wrong passwords; the guessers' rest is one
  struct Tried {
    WrongPasswords sum;
    std::map<std::string, std::uint32_t> hashes;
  };
  struct Read {
    ReadingFacts sum;
    std::array<std::uint64_t, 24> by_hour{};
    std::uint64_t earlier_bytes_out = 0;
  };
  Instant now_;
  std::map<Service, Read> reading_;
  std::map<std::string, Tried> wrong_;
  std::uint64_t refused_ = 0;
};

enum class FindingWeight : std::uint8_t { broken, warning, hint, fine };
[[nodiscard]] std::string_view to_string(FindingWeight);

struct Finding {
  std::string code;  // "mailbox_full", "wrong_password", "nothing_here", …
  FindingWeight weight = FindingWeight::hint;
  Text what;  // with figures
  Text next;  // what to do
  bool operator==(const Finding&) const = default;
};

// The gravest first; never empty: where nothing is wrong here, that is the finding.
[[nodiscard]] std::vector<Finding> diagnose(const DiagnosisFacts& facts);

}  // namespace sekimori::decide
