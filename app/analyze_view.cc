#include "app/analyze_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "detect/words.h"

namespace sekimori::app {

std::vector<AccountRow> accounts_in_order(const Analysis& analysis) {
  std::vector<AccountRow> out;
  for (const auto& traffic : analysis.survey.accounts()) {
    if (!traffic.address.empty()) out.push_back({&traffic, &analysis.judge.of(traffic.address)});
  }
  std::ranges::sort(out, [](const AccountRow& a, const AccountRow& b) {
    const auto key = [](const AccountRow& row) {
      return std::tuple(row.verdict->verdict, row.traffic->recipients, row.traffic->submissions,
                        row.traffic->logins);
    };
    if (key(a) != key(b)) return key(a) > key(b);
    return a.traffic->address < b.traffic->address;
  });
  return out;
}

std::vector<CauseRow> causes_in_order(const LogSurvey::CauseCounts& counts) {
  std::vector<CauseRow> out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) out.push_back({static_cast<Cause>(i), counts[i]});
  }
  std::ranges::stable_sort(out, std::ranges::greater{}, &CauseRow::n);
  return out;
}

Text traffic_words(const AccountTraffic& traffic) {
  using detect::counted;
  using detect::grouped;
  return {fmt::format("{} 通、宛先 {} 件、接続元 {} か所、不達 {} 件", grouped(traffic.submissions),
                      grouped(traffic.recipients), grouped(traffic.addresses),
                      grouped(traffic.bounced)),
          fmt::format(
              "{} to {} from {}, {} bounced", counted(traffic.submissions, "message", "messages"),
              counted(traffic.recipients, "recipient", "recipients"),
              counted(traffic.addresses, "address", "addresses"), grouped(traffic.bounced))};
}

Text verdict_words(const AccountVerdict& verdict) {
  switch (verdict.verdict) {
    case Verdict::normal: return {"ふだんどおり", "as usual"};
    case Verdict::suspicious: return {"注意", "suspicious"};
    case Verdict::hijacked: break;
  }
  if (verdict.sureness == Sureness::low) return {"乗っ取りかもしれません", "perhaps hijacked"};
  return {"乗っ取りの疑い", "hijacked"};
}

Text sureness_words(Sureness sureness) {
  switch (sureness) {
    case Sureness::low:
      return {"確度 低: このログにはふだんの様子がほとんどなく、一般的な傾向だけで判定しました",
              "sureness low: the log shows hardly any of its usual days, so this rests on what is "
              "common elsewhere"};
    case Sureness::medium:
      return {"確度 中: ふだんの様子が少しだけ分かっています",
              "sureness medium: the log shows a little of its usual days"};
    case Sureness::high:
      return {"確度 高: ふだんの様子と大きく違う、または強い根拠が重なっています",
              "sureness high: far from its usual days, or several strong kinds of evidence"};
  }
  return {};
}

Text guess_words(GuessKind kind) {
  switch (kind) {
    case GuessKind::few: return {"数回", "a few"};
    case GuessKind::brute_force: return {"総当たり", "brute force"};
    case GuessKind::slow: return {"時間をかけた総当たり", "slow guessing"};
    case GuessKind::enumeration: return {"多数のアカウントへの試行", "many accounts tried"};
  }
  return {};
}

std::string stamp_of(Instant t) { return t.is_set() ? format_instant(t) : std::string(); }

}  // namespace sekimori::app
