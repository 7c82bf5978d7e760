// Mail that came back, in the state database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/returned.h"
#include "store/state_store.h"

namespace sekimori::store {

// Of one account, over which no more of the same day is kept: a spoofed address can receive tens
// of thousands, which say nothing new.
inline constexpr std::uint64_t k_returned_a_day_max = 2000;

// Any thread; calls are served one at a time. Never throws.
class ReturnedStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<ReturnedStore>> open(
      const StateStoreSettings& settings);
  ~ReturnedStore();

  // Those whose key is new, in the order given; durable when it returns. What goes beyond
  // k_returned_a_day_max of an account is counted as new and not kept.
  [[nodiscard]] Result<std::vector<decide::ReturnedMail>> put(
      const std::vector<decide::ReturnedMail>& mails);
  [[nodiscard]] Result<decide::ReturnedCounts> counts(const std::string& account, Instant since,
                                                      Instant until);
  [[nodiscard]] Result<std::vector<decide::ReturnedDay>> days(const std::string& account,
                                                              Instant since);
  // Newest first.
  [[nodiscard]] Result<std::vector<decide::ReturnedMail>> last(const std::string& account,
                                                               Instant since, std::size_t max);
  // When the owner was last told of forged mail; unset: never.
  [[nodiscard]] Result<Instant> told(const std::string& account);
  [[nodiscard]] Result<void> set_told(const std::string& account, Instant t);
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit ReturnedStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
