// What a person set for a domain or a single account in place of the server's settings: limits on
// sending, the lines at which the machine acts, the mode. The account's own value goes before its
// domain's, the domain's before the setting. Plain values and a table that is never changed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "decide/records.h"

namespace sekimori::decide {

struct Limits {  // per account unless said otherwise; 0 = off
  std::uint32_t recipients_per_hour = 0;
  std::uint32_t recipients_per_day = 0;
  std::uint32_t messages_per_hour = 0;
  std::uint32_t new_recipients_per_day = 0;
  std::uint64_t bytes_per_day = 0;
  std::uint32_t recipients_per_message = 0;
};

// Limits and lines (ln R) in force for one account.
struct Rules {
  Limits limits;
  double restrict_log_r = 0;
  double suspend_log_r = 0;
};

enum class PolicyField : std::uint8_t {
  recipients_per_message,
  recipients_per_hour,
  recipients_per_day,
  new_recipients_per_day,
  messages_per_hour,
  bytes_per_day,
  restrict_line,
  suspend_line,
  mode,  // 0 observe, 1 enforce, 2 enforce and hold all that is sent
};
inline constexpr std::size_t k_policy_fields = 9;
// Unset: what stands above holds. Numbers as the settings count them; 0 turns a limit off.
using PolicyValues = std::array<std::optional<double>, k_policy_fields>;

struct PolicyFieldInfo {
  std::string_view name;     // "recipients_per_hour"
  std::string_view setting;  // "limits.recipients_per_hour", whose bounds are these
  double min = 0;
  double max = 0;
  bool whole = true;
};
[[nodiscard]] const PolicyFieldInfo& info(PolicyField);
[[nodiscard]] std::optional<PolicyField> parse_policy_field(std::string_view name);
// Errors: bad_input (out of bounds, no whole number).
[[nodiscard]] Result<void> check_policy_value(PolicyField, double value);

struct PolicyEntry {
  Subject subject;  // a domain or an account, in lower case
  PolicyValues values;
};

// Domains and accounts with values of their own: a tenth of a million is more than people set, and
// some 20 MiB.
inline constexpr std::size_t k_policy_entries_max = 100'000;

// Never changed once made; shared by all shards.
class PolicyTable {
 public:
  PolicyTable() = default;
  // Entries of the server are left out: those are its settings.
  explicit PolicyTable(const std::vector<PolicyEntry>& entries);

  [[nodiscard]] bool empty() const { return accounts_.empty() && domains_.empty(); }
  // nullptr: none was set.
  [[nodiscard]] const PolicyValues* of_account(std::string_view account) const;
  [[nodiscard]] const PolicyValues* of_domain(std::string_view domain) const;
  // The account's own before its domain's; nullopt: neither.
  [[nodiscard]] std::optional<double> find(std::string_view account, PolicyField) const;
  // Puts what was set over the settings' values. `tighten`: only where it is the tighter one (an
  // account on probation gets no more room by a wider limit).
  void lay_over(Rules&, std::string_view account, bool tighten) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using Map = std::unordered_map<std::string, PolicyValues, Hash, std::equal_to<>>;
  Map accounts_;
  Map domains_;
};

}  // namespace sekimori::decide
