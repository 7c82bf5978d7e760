// The notice outbox in the state database: what people are told, until it is delivered, and what
// became of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/notice.h"
#include "decide/notice_outbox.h"
#include "store/state_store.h"

namespace sekimori::store {

// More waiting notices than this mean that no channel works at all: what asks for another is told
// to come again, and keeps it in its own outbox.
inline constexpr std::uint64_t k_notices_waiting_max = 100'000;

// Any thread; calls are served one at a time. Never throws.
class NoticeStore : public decide::NoticeOutbox {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<NoticeStore>> open(
      const StateStoreSettings& settings);
  ~NoticeStore() override;

  Result<std::size_t> put(std::span<const decide::NoticeRow> rows, decide::Repeat) override;
  Result<std::vector<decide::NoticeRow>> due(Instant now, std::size_t max) override;
  Result<std::vector<decide::NoticeRow>> waiting_for(decide::NoticeChannel, const std::string& to,
                                                     std::size_t max) override;
  Result<std::optional<Instant>> next_due() override;
  Result<void> update(std::span<const decide::NoticeRow> rows) override;
  Result<void> sent(std::span<const decide::NoticeRow> rows, const std::string& to,
                    Instant now) override;
  Result<decide::Sendings> sendings(const std::string& to, Instant since) override;
  Result<std::vector<decide::NoticeRow>> rows(const decide::NoticeFilter&) override;
  Result<decide::NoticeCounts> counts() override;

  [[nodiscard]] Result<std::uint64_t> count(const decide::NoticeFilter&);
  // Errors: not_found.
  [[nodiscard]] Result<decide::NoticeRow> row(std::uint64_t id);
  // A person knows it; what waited is not sent any more. Doing it again changes nothing. Errors:
  // not_found.
  [[nodiscard]] Result<decide::NoticeRow> acknowledge(std::uint64_t id, const std::string& who,
                                                      Instant now);
  // Removes rows that came to their end before `before`, and the sendings that are too old at `now`
  // to matter.
  [[nodiscard]] Result<void> prune(Instant before, Instant now);

 private:
  struct Impl;
  explicit NoticeStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
