// An analysis in the order in which people read it. Pure.
#pragma once

#include <string>
#include <vector>

#include "app/analyze_run.h"

namespace sekimori::app {

struct AccountRow {
  const AccountTraffic* traffic = nullptr;
  const AccountVerdict* verdict = nullptr;
};
// Hijacked ones first, then suspicious ones, then the rest, each by recipients, messages and
// address; accounts beyond the maximum are not among them.
[[nodiscard]] std::vector<AccountRow> accounts_in_order(const Analysis& analysis);

struct CauseRow {
  Cause cause = Cause::other;
  std::uint64_t n = 0;
};
// The most frequent first, none with 0.
[[nodiscard]] std::vector<CauseRow> causes_in_order(const LogSurvey::CauseCounts& counts);

// How much it sent, from how many places: half a sentence.
[[nodiscard]] Text traffic_words(const AccountTraffic& traffic);
// The verdict as a title: of a low sureness it is a question and no finding.
[[nodiscard]] Text verdict_words(const AccountVerdict& verdict);
// How sure the verdict is, as a sentence.
[[nodiscard]] Text sureness_words(Sureness sureness);
[[nodiscard]] Text guess_words(GuessKind kind);

// RFC 3339; "" where unset.
[[nodiscard]] std::string stamp_of(Instant t);

}  // namespace sekimori::app
