// The bans of MemoryControl, for the tests of this folder.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "web/bans.h"

namespace sekimori::web {

class MemoryBans : public BanDesk {
 public:
  MemoryBans() {
    decide::Ban ban;
    ban.id = 1;
    ban.network = IpNetwork::parse("203.0.113.9").value();
    ban.since = now_;
    ban.until = now_ + minutes(15);
    ban.failures = 11;
    ban.accounts = 2;
    ban.last_account = "taro@example.jp";
    ban.by = "machine";
    rows_[1].record.ban = ban;
  }
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }
  [[nodiscard]] Instant now() const override { return now_; }
  Result<Page<BanRow>> bans(const decide::BanFilter& filter) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<BanRow> page;
    for (const auto& [id, row] : rows_) {
      if (row.record.ended.is_set() != filter.ended) continue;
      if (filter.kind && row.record.ban.kind != *filter.kind) continue;
      ++page.total;
      if (page.total > filter.offset && page.items.size() < filter.limit) page.items.push_back(row);
    }
    return page;
  }
  Result<BanRow> ban(const BanKey& key) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    for (const auto& [id, row] : rows_) {
      if (key.id ? id == *key.id : row.record.ban.network == *key.network) return row;
    }
    return not_found("no such ban");
  }
  std::uint32_t collateral(const IpNetwork& network) override {
    return network.to_string() == "192.0.2.10" ? 2 : 0;
  }
  Result<BanRow> put_ban(const BanOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (order.network.contains(IpAddress::parse("127.0.0.1").value())) {
      return bad_input("that is this machine");
    }
    BanRow row;
    row.record.ban.id = rows_.rbegin()->first + 1;
    row.record.ban.network = order.network;
    row.record.ban.kind = decide::BanKind::person;
    row.record.ban.until = order.until;
    row.record.ban.reason = order.reason;
    row.record.ban.by = by.who;
    return rows_[row.record.ban.id] = row;
  }
  Result<BanRow> end_ban(const BanKey& key, const std::string&, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    for (auto& [id, row] : rows_) {
      if (key.id ? id != *key.id : row.record.ban.network != *key.network) continue;
      row.record.ended = now_;
      row.record.ended_by = by.who;
      return row;
    }
    return not_found("no such ban");
  }
  Result<BanImportOutcome> import_bans(const BanImport& order, const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto list = decide::parse_network_list(order.text);
    return BanImportOutcome{list.networks.size(), 0, 0, std::move(list.errors)};
  }
  Result<std::string> export_bans(BanExport as) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return std::string(as == BanExport::json ? "[]" : "203.0.113.9\n");
  }
  Result<BanTotals> totals() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    BanTotals totals;
    totals.in_force = rows_.size();
    return totals;
  }
  Result<GuessingView> guessing(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (address != "taro@example.jp") return not_found("no such account");
    GuessingView view;
    view.account = std::string(address);
    view.now.failures = 3;
    decide::ForgottenDevice forgotten;
    forgotten.setting.ip = IpAddress::parse("192.0.2.10").value();
    forgotten.setting.known = true;
    forgotten.first = forgotten.last = now_;
    view.forgotten.push_back(forgotten);
    return view;
  }

 private:
  static constexpr Instant now_{1'790'000'000'000'000};
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::map<std::uint64_t, BanRow> rows_;
};

}  // namespace sekimori::web
