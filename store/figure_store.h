// Figures by the hour and the history of sign-ins in the state database (decide/figures.h), with
// the place in the journal up to which they are counted: one transaction, so that a crash counts
// nothing twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/figures.h"
#include "store/state_store.h"

namespace sekimori::store {

struct FigureRow {
  std::int64_t hour = 0;
  decide::Figures figures;
  bool operator==(const FigureRow&) const = default;
};

// Any thread; calls are served one at a time. Never throws.
class FigureStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<FigureStore>> open(
      const StateStoreSettings& settings);
  ~FigureStore();

  // The last journal sequence that is counted; 0: none.
  [[nodiscard]] Result<std::uint64_t> position();
  // Adds the batch, and remembers that everything up to `position` is counted. All or nothing;
  // nothing where the position is not behind it.
  [[nodiscard]] Result<void> add(const decide::FigureBatch& batch, std::uint64_t position);

  // The account's hours in [from, until), oldest first.
  [[nodiscard]] Result<std::vector<FigureRow>> hours(std::string_view account, std::int64_t from,
                                                     std::int64_t until);
  // Newest first.
  [[nodiscard]] Result<std::vector<decide::SignInRow>> sign_ins(std::string_view account,
                                                                std::size_t offset,
                                                                std::size_t limit);
  [[nodiscard]] Result<std::uint64_t> count_sign_ins(std::string_view account);
  // The account's rows in [from, until), newest first, at most `limit`.
  [[nodiscard]] Result<std::vector<decide::SignInRow>> sign_ins_between(std::string_view account,
                                                                        std::int64_t from,
                                                                        std::int64_t until,
                                                                        std::size_t limit);

  // From where accounts were signed in to since `hour`: one row for each account and address, with
  // first, last and the operator; in the order of the first, at most `limit`.
  [[nodiscard]] Result<std::vector<decide::SignInRow>> good_sign_ins(std::int64_t hour,
                                                                     std::size_t limit);

  // Removes the hours and the sign-ins before these times.
  [[nodiscard]] Result<void> prune(Instant figures_before, Instant sign_ins_before);

 private:
  struct Impl;
  explicit FigureStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
