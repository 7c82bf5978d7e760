// Unencrypted sign-ins in memory, for the tests of the API.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "web/encryption.h"

namespace sekimori::web {

class MemoryEncryption : public EncryptionDesk {
 public:
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }
  Result<decide::EncryptionSummary> summary(std::size_t days, const std::string& domain) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    decide::EncryptionSummary out;
    out.accounts = 1;
    out.count = 3;
    for (std::size_t i = 0; i < days; ++i) {
      out.trend.push_back({day(now_) - static_cast<std::int64_t>(i), 1, 3});
    }
    decide::EncryptionDomain one;
    one.domain = domain.empty() ? "example.jp" : domain;
    one.accounts = 1;
    one.count = 3;
    one.last = now_;
    if (const auto it = rules_.find(one.domain); it != rules_.end()) one.rule = it->second;
    out.domains.push_back(std::move(one));
    return out;
  }
  Result<decide::PlainAccounts> accounts(const PlainQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return found(query.hit);
  }
  Result<EncryptionOutcome> put_rule(const EncryptionOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    EncryptionOutcome out;
    out.rule = {order.domain, order.from, order.reason, by.who, now_};
    out.dry_run = order.dry_run;
    out.hit = found(true);
    if (!order.dry_run) rules_[order.domain] = out.rule;
    return out;
  }
  Result<decide::EncryptionRule> remove_rule(const std::string& domain, const std::string&,
                                             const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto it = rules_.find(domain);
    if (it == rules_.end()) return not_found("there is no rule for " + domain);
    const auto gone = it->second;
    rules_.erase(it);
    return gone;
  }
  Result<std::vector<decide::EncryptionException>> exceptions() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    std::vector<decide::EncryptionException> out;
    for (const auto& [account, one] : exceptions_) out.push_back(one);
    return out;
  }
  Result<decide::EncryptionException> put_exception(decide::EncryptionException one,
                                                    const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    one.by = by.who;
    one.created = now_;
    return exceptions_[one.account] = one;
  }
  Result<decide::EncryptionException> remove_exception(const std::string& account,
                                                       const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto it = exceptions_.find(account);
    if (it == exceptions_.end()) return not_found("there is no exception for " + account);
    const auto gone = it->second;
    exceptions_.erase(it);
    return gone;
  }
  [[nodiscard]] decide::DayNumber day(Instant t) const override {
    return decide::day_of(t, Duration());
  }

 private:
  decide::PlainAccounts found(bool hit) const {
    decide::PlainAccounts out;
    decide::PlainAccount one;
    one.account = "taro@example.jp";
    one.count = 3;
    one.last = now_;
    one.days.push_back({one.account, Service::imap, decide::day_of(now_, Duration()), 3, now_,
                        "192.0.2.7", "Old Mail"});
    if (const auto it = exceptions_.find(one.account); it != exceptions_.end()) {
      if (hit) return out;
      one.exception = it->second;
    }
    out.items.push_back(std::move(one));
    out.total = 1;
    return out;
  }

  static constexpr Instant now_{1'790'000'000'000'000};
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::map<std::string, decide::EncryptionRule> rules_;
  std::map<std::string, decide::EncryptionException> exceptions_;
};

}  // namespace sekimori::web
