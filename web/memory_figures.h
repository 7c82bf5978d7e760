// The figures of MemoryControl, for the tests of this folder.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "web/figures.h"
#include "web/memory_encryption.h"

namespace sekimori::web {

class MemoryFigures : public FigureDesk {
 public:
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    encryption_.fail_with(error);
    failure_ = std::move(error);
  }
  EncryptionDesk& encryption() override { return encryption_; }
  Result<FigureSeries> figures(std::string_view address, const FigureQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    FigureSeries series;
    series.account = std::string(address);
    series.by_day = query.by_day;
    for (std::size_t i = 0; i < query.steps; ++i) {
      FigureStep step;
      step.begin = now_ + hours(static_cast<std::int64_t>(i));
      step.figures.recipients = i;
      series.steps.push_back(step);
    }
    FigureNetwork network;
    network.network = "192.0.2.0/24";
    network.counts.assign(query.steps, 1);
    series.networks.push_back(network);
    return series;
  }
  Result<IncidentGlance> glance(std::string_view, Instant, Instant) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return IncidentGlance{340, 12.5, 3, {"JP", "NG"}};
  }
  Result<MailboxUse> mailbox(std::string_view) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return MailboxUse{52'428'800, 1'073'741'824, true};
  }
  std::shared_ptr<const QueuedMail> queued() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return nullptr;
    return std::make_shared<const QueuedMail>(QueuedMail{{{"taro@example.jp", 12}}});
  }
  Result<Page<decide::SignInRow>> sign_ins(std::string_view address, std::size_t,
                                           std::size_t) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    decide::SignInRow row;
    row.key.account = std::string(address);
    row.key.ip = "192.0.2.7";
    row.key.service = Service::imap;
    row.first = row.last = now_;
    row.count = 1;
    return Page<decide::SignInRow>{{row}, 1};
  }

 private:
  MemoryEncryption encryption_;
  static constexpr Instant now_{1'790'000'000'000'000};
  std::mutex mutex_;
  std::optional<Error> failure_;
};

}  // namespace sekimori::web
