#include "app/log_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "decide/standing.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_reasons_max = 6;
constexpr std::size_t k_left_max = 512;

Sureness sureness_of(Instant first, Instant onset, std::uint64_t messages) {
  const double days_before = onset > first ? (onset - first).days() : 0;
  if (days_before >= 3 && messages >= 10) return Sureness::high;
  if (days_before >= 1 && messages >= 5) return Sureness::medium;
  return Sureness::low;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::normal: return "normal";
    case Verdict::suspicious: return "suspicious";
    case Verdict::hijacked: return "hijacked";
  }
  return "normal";
}

std::string_view to_string(Sureness sureness) {
  switch (sureness) {
    case Sureness::low: return "low";
    case Sureness::medium: return "medium";
    case Sureness::high: return "high";
  }
  return "low";
}

LogJudge::LogJudge(decide::EngineSettings settings, const HashKey& key)
    : key_(key), run_(std::move(settings), *this) {}

std::uint64_t LogJudge::key_of(std::string_view account) const {
  return keyed_hash(key_, account) | 1;
}

LogJudge::Seen& LogJudge::seen_of(std::string_view account) {
  const std::uint64_t key = key_of(account);
  if (const auto* at = index_.find(key)) return seen_[*at];
  index_.put(key, seen_.size());
  return seen_.emplace_back();
}

void LogJudge::event(const Event& event) {
  // Of deliveries the judge hears those that say that a recipient does not exist: most are none.
  if (const auto* delivery = std::get_if<Delivery>(&event.body);
      delivery != nullptr && delivery->status != DeliveryStatus::bounced) {
    return;
  }
  if (std::holds_alternative<Submission>(event.body)) {
    at_hand_ = &seen_of(event.account);
  }
  run_.fold(event);
}

void LogJudge::settle(std::string_view account, Instant first) {
  const auto* at = index_.find(key_of(account));
  if (at == nullptr) return;
  Seen& seen = seen_[*at];
  if (seen.verdict.verdict == Verdict::normal) return;
  seen.verdict.sureness =
      seen.is_strong ? Sureness::high : sureness_of(first, seen.began, seen.messages_before);
}

const AccountVerdict& LogJudge::of(std::string_view account) const {
  static const AccountVerdict k_unheard;
  const auto* at = index_.find(key_of(account));
  return at == nullptr ? k_unheard : seen_[*at].verdict;
}

void LogJudge::answered(const Event& event, const Submission&, const decide::Applied& applied) {
  Seen& seen = *at_hand_;
  AccountVerdict& v = seen.verdict;
  const decide::Answer& answer = *applied.answer;
  if (std::isfinite(answer.log_r)) v.log_r = std::max(v.log_r, answer.log_r);
  if (answer.rule.starts_with("limit:")) return;  // a setting, and no suspicion
  v.prevented += answer.held + answer.refused;
  if (answer.held > 0 && v.verdict == Verdict::normal) {
    v.verdict = Verdict::suspicious;
    v.first_held = event.t;
    seen.began = event.t;
    seen.messages_before = seen.messages;
  }
  // One reason says it: that of the message which looked worst.
  for (const auto& hold : applied.holds) {
    if (v.verdict != Verdict::suspicious) break;
    if (!v.reasons.empty() && !(hold.log_r > seen.worst_hold)) continue;
    seen.worst_hold = hold.log_r;
    v.reasons.assign(1, hold.reason);
  }
  ++seen.messages;
  if (answer.accepted == 0 || v.verdict == Verdict::hijacked) return;
  if (seen.left.size() >= k_left_max) {
    // A day is as far back as an onset is looked for; the oldest half goes.
    seen.left.erase(seen.left.begin(), seen.left.begin() + k_left_max / 2);
  }
  seen.left.emplace_back(event.t, answer.accepted);
}

void LogJudge::standing(const decide::StandingNews& news) {
  const auto& record = news.change.record;
  if (record.subject.kind != decide::SubjectKind::account || record.by != "machine" ||
      !decide::forbids_sending(record.standing)) {
    return;
  }
  Seen& seen = seen_of(record.subject.id);
  AccountVerdict& v = seen.verdict;
  const bool first = v.verdict != Verdict::hijacked;
  v.verdict = Verdict::hijacked;
  if (std::isfinite(news.log_r)) v.log_r = std::max(v.log_r, news.log_r);
  const auto& incident = news.change.open_incident;
  if (first) {
    v.stopped = record.since;
    v.onset = incident && incident->onset.is_set() ? incident->onset : record.since;
    v.family = news.family;
    v.reasons.clear();
    for (const auto& [t, n] : seen.left) {
      if (t >= v.onset) v.got_out += n;
    }
    std::uint64_t before = seen.messages;
    before -= std::min<std::uint64_t>(
        before, static_cast<std::uint64_t>(std::ranges::count_if(
                    seen.left, [&](const auto& one) { return one.first >= v.onset; })));
    seen.began = v.onset;
    seen.messages_before = before;
    seen.left = {};
  }
  if (record.standing == Standing::suspended) seen.is_strong = true;
  if (!incident || !v.reasons.empty()) return;
  auto evidence = incident->evidence;
  std::ranges::stable_sort(evidence, std::ranges::greater{}, &decide::EvidenceLine::nats);
  for (const auto& line : evidence) {
    if (v.reasons.size() == k_reasons_max || line.nats <= 0) break;
    v.reasons.push_back(line.text);
  }
  if (v.reasons.empty()) v.reasons.push_back(record.reason);
}

}  // namespace sekimori::app
