// Blacklists in the DNS, as the settings name them, and what their answers add up to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/text.h"

namespace sekimori {

// Some of a list's answers: the addresses from `first` to `last`, both among them.
struct BlacklistCodes {
  IpAddress first;
  IpAddress last;
  double weight = 0;    // 0: the list's own; below 0: no listing at all
  std::string meaning;  // "" where nobody said
  bool operator==(const BlacklistCodes&) const = default;
};

struct Blacklist {
  std::string name;      // for people; never has the key
  std::string zone;      // "{key}" stands for the key's place in it
  std::string key_file;  // "" : none
  double weight = 1;
  bool v6 = true;  // is it asked about IPv6 addresses?
  // What an answer must be to be a listing; empty: anything in 127.0.0.0/8 but an error.
  std::vector<BlacklistCodes> codes;
  std::string url;   // where the sender may look; {ip} stands for the address
  std::string text;  // the refusal's words; "": made from name, reason and url
  bool operator==(const Blacklist&) const = default;
};

// One line of the settings: a known list's name or a zone, then what differs.
//
//   spamhaus-zen                                the list with its table of codes
//   spamhaus-zen key_file=/etc/sekimori/dqs     the same through Spamhaus' DQS
//   spamcop weight=2
//   bl.example.net name=ours weight=4 v6=no codes=127.0.0.2,127.0.0.4-127.0.0.7:1.5
//     url=https://example.net/?{ip} text=Refused, see {url}      (the rest of the line)
//
// Known: spamhaus-zen, spamhaus-authbl, spamcop, barracuda. Errors: bad_input.
[[nodiscard]] Result<Blacklist> parse_blacklist(std::string_view line);
// More lists than this only make each message wait for the slowest of them.
inline constexpr std::size_t k_blacklists_max = 32;
inline constexpr double k_blacklist_weight_max = 100;

// What one list said of one address.
enum class ListState : std::uint8_t { unknown, clean, listed };
[[nodiscard]] std::string_view to_string(ListState);
struct ListAnswer {
  ListState state = ListState::unknown;
  double weight = 0;             // of the heaviest code, where listed
  std::vector<IpAddress> codes;  // all that came
  std::string reason;            // its TXT record, else the codes' meaning
  std::string trouble;           // why it is unknown
  bool operator==(const ListAnswer&) const = default;
};
// What the addresses of an answer mean on this list. None: clean. Errors and foreign addresses make
// it unknown, whatever stands beside them.
[[nodiscard]] ListAnswer read_list_answer(const Blacklist& list, std::vector<IpAddress> codes);

struct BlacklistLimits {  // scores from which something is done; 0: never
  double refuse = 0;
  double defer = 0;
  double mark = 0;
};
enum class BlacklistAction : std::uint8_t { none, mark, defer, refuse };
struct BlacklistVerdict {
  BlacklistAction action = BlacklistAction::none;
  double score = 0;
  std::size_t heaviest = SIZE_MAX;  // the list that weighed most; SIZE_MAX: none
  std::string text;                 // for refuse and defer: code and words
  std::string header;               // for mark: a header line
};
// Answers are in the order of the lists; what is missing is unknown, and counts for nothing.
[[nodiscard]] BlacklistVerdict weigh(std::span<const Blacklist> lists,
                                     std::span<const ListAnswer> answers,
                                     const BlacklistLimits& limits, const IpAddress& ip);

}  // namespace sekimori
