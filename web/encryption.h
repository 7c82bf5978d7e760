// Who still signs in without encryption, and how that ends. Reached through Control::figures(), in
// a header of its own; threads and errors as in control.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/encryption.h"
#include "web/control.h"

namespace sekimori::web {

struct PlainQuery {
  std::size_t days = 30;  // the period, today included; ≤ k_plain_days_max
  std::string domain;
  std::string search;
  std::optional<Service> service;
  bool hit = false;
  std::size_t offset = 0;
  std::size_t limit = 100;
};
inline constexpr std::size_t k_plain_days_max = 400;

struct EncryptionOrder {
  std::string domain;
  Instant from;
  std::string reason;
  bool dry_run = false;
};
struct EncryptionOutcome {
  decide::EncryptionRule rule;
  bool dry_run = false;
  decide::PlainAccounts hit;  // of the last 30 days: whom it would refuse; the latest hundred
};

class EncryptionDesk {
 public:
  virtual ~EncryptionDesk() = default;

  [[nodiscard]] virtual Result<decide::EncryptionSummary> summary(std::size_t days,
                                                                  const std::string& domain) = 0;
  [[nodiscard]] virtual Result<decide::PlainAccounts> accounts(const PlainQuery&) = 0;
  // In force when it returns, but for a dry run. not_found: no domain of this server.
  [[nodiscard]] virtual Result<EncryptionOutcome> put_rule(const EncryptionOrder&,
                                                           const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::EncryptionRule> remove_rule(const std::string& domain,
                                                                   const std::string& reason,
                                                                   const Caller& by) = 0;
  [[nodiscard]] virtual Result<std::vector<decide::EncryptionException>> exceptions() = 0;
  // `one.by` and `one.created` are set. not_found: no account of this server; bad_input: over
  // already.
  [[nodiscard]] virtual Result<decide::EncryptionException> put_exception(
      decide::EncryptionException one, const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::EncryptionException> remove_exception(
      const std::string& account, const Caller& by) = 0;
  [[nodiscard]] virtual decide::DayNumber day(Instant t) const = 0;
};

}  // namespace sekimori::web
