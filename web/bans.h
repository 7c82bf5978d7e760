// Who guesses passwords, and who is banned for it. Part of Control, in a header of its own; threads
// and errors as there.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/ban.h"
#include "decide/guessing.h"
#include "web/control.h"

namespace sekimori::web {

struct BanRow {
  decide::BanRecord record;
  std::string operator_name;  // of the network; "" unknown
  bool in_firewall = false;   // the firewall drops its packets now
};

// One of them: a number, an address or a network.
struct BanKey {
  std::optional<std::uint64_t> id;
  std::optional<IpNetwork> network;
};

struct BanOrder {
  IpNetwork network;
  Instant until;  // unset: until a person ends it
  std::string reason;
  bool anyway = false;  // though accounts signed in from there of late
};

struct BanImport {
  std::string text;
  std::string name;  // of the list
  Instant until;
  std::string reason;
};
struct BanImportOutcome {
  std::size_t banned = 0;
  std::size_t known = 0;     // banned already
  std::size_t lived_in = 0;  // left out: accounts signed in from there of late, or our own
  std::vector<decide::ListError> errors;
};
inline constexpr std::size_t k_import_bytes_max = 4'000'000;

// rbldnsd(8) has one file a family: ip4trie and ip6trie.
enum class BanExport : std::uint8_t { plain, json, rbldnsd, rbldnsd6 };

// The state of the firewall and of the guessing as a whole.
struct BanTotals {
  std::uint64_t in_force = 0;
  std::uint64_t in_firewall = 0;
  std::uint64_t refused = 0;    // since the start
  std::uint64_t addresses = 0;  // tracked
  std::uint64_t bytes = 0;
  bool enforced = false;  // false: observed only
  bool firewall_wanted = false;
  bool firewall_works = false;
  std::string firewall_trouble;
};

struct GuessingView {
  std::string account;
  decide::GuessGuard::AccountView now;
  Text words;                                      // empty: nothing to say
  std::vector<decide::ForgottenDevice> forgotten;  // the latest first
};

class BanDesk {
 public:
  virtual ~BanDesk() = default;

  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual Result<Page<BanRow>> bans(const decide::BanFilter&) = 0;
  // By its number, also when over; an address's is the one in force that holds it, else its last.
  [[nodiscard]] virtual Result<BanRow> ban(const BanKey&) = 0;
  // How many accounts signed in from there lately.
  [[nodiscard]] virtual std::uint32_t collateral(const IpNetwork&) = 0;
  // Durable when it returns. bad_input: accounts live there and `anyway` is not said; our own.
  [[nodiscard]] virtual Result<BanRow> put_ban(const BanOrder&, const Caller& by) = 0;
  [[nodiscard]] virtual Result<BanRow> end_ban(const BanKey&, const std::string& reason,
                                               const Caller& by) = 0;
  [[nodiscard]] virtual Result<BanImportOutcome> import_bans(const BanImport&,
                                                             const Caller& by) = 0;
  // Those in force, in the order of addresses.
  [[nodiscard]] virtual Result<std::string> export_bans(BanExport) = 0;
  [[nodiscard]] virtual Result<BanTotals> totals() = 0;
  // not_found: no account of this server.
  [[nodiscard]] virtual Result<GuessingView> guessing(std::string_view address) = 0;
};

// A Control that has them.
class HasBans {
 public:
  virtual ~HasBans() = default;
  [[nodiscard]] virtual BanDesk& bans() = 0;
};

}  // namespace sekimori::web
