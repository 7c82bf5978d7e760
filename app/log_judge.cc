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
// A run that would have been held: a newsletter has as many messages, but not so many places.
constexpr std::uint64_t k_run_messages = 25;
constexpr std::size_t k_run_addresses = 3;

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

LogJudge::LogJudge(decide::EngineSettings settings) : run_(std::move(settings), *this) {}

void LogJudge::event(const Event& event) {
  // Of deliveries the judge hears those that say that a recipient does not exist: most are none.
  if (const auto* delivery = std::get_if<Delivery>(&event.body);
      delivery != nullptr && delivery->status != DeliveryStatus::bounced) {
    return;
  }
  if (std::holds_alternative<Submission>(event.body) || std::holds_alternative<Login>(event.body)) {
    at_hand_ = &seen_[event.account];
    if (!at_hand_->first.is_set()) at_hand_->first = event.t;
  }
  run_.fold(event);
}

const AccountVerdict& LogJudge::of(std::string_view account) const {
  static const AccountVerdict k_unheard;
  const auto it = seen_.find(std::string(account));
  return it == seen_.end() ? k_unheard : it->second.verdict;
}

void LogJudge::judge_run(Instant t, const Submission& mail, Seen& seen) const {
  ++seen.held_messages;
  if (seen.held_from.size() < k_run_addresses &&
      std::ranges::find(seen.held_from, mail.ip) == seen.held_from.end()) {
    seen.held_from.push_back(mail.ip);
  }
  AccountVerdict& v = seen.verdict;
  if (v.verdict != Verdict::suspicious || seen.held_messages < k_run_messages ||
      seen.held_from.size() < k_run_addresses) {
    return;
  }
  v.verdict = Verdict::hijacked;
  v.onset = v.first_held;
  v.stopped = t;
  for (const auto& [sent, n] : seen.left) {
    if (sent >= v.onset) v.got_out += n;
  }
  seen.left = {};
  v.reasons.push_back(
      {fmt::format("確認を待つはずのメールが、{} 通、{} 個以上のアドレスから続けて送られました。",
                   seen.held_messages, k_run_addresses),
       fmt::format(
           "{} messages that would have waited for a person came one after another, from {} "
           "networks or more.",
           seen.held_messages, k_run_addresses)});
}

void LogJudge::answered(const Event& event, const Submission& mail,
                        const decide::Applied& applied) {
  Seen& seen = *at_hand_;
  AccountVerdict& v = seen.verdict;
  const decide::Answer& answer = *applied.answer;
  if (std::isfinite(answer.log_r)) v.log_r = std::max(v.log_r, answer.log_r);
  if (answer.rule.starts_with("limit:")) return;  // a setting, and no suspicion
  v.prevented += answer.held + answer.refused;
  if (answer.held > 0 && v.verdict == Verdict::normal) {
    v.verdict = Verdict::suspicious;
    v.first_held = event.t;
    v.sureness = sureness_of(seen.first, event.t, seen.messages);
  }
  // One reason says it: that of the message which looked worst.
  for (const auto& hold : applied.holds) {
    if (v.verdict != Verdict::suspicious) break;
    if (!v.reasons.empty() && !(hold.log_r > seen.worst_hold)) continue;
    seen.worst_hold = hold.log_r;
    v.reasons.assign(1, hold.reason);
  }
  if (answer.held > 0) judge_run(event.t, mail, seen);
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
  const auto it = seen_.find(record.subject.id);
  if (it == seen_.end()) return;
  Seen& seen = it->second;
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
    v.sureness = sureness_of(seen.first, v.onset, before);
    seen.left = {};
  }
  if (record.standing == Standing::suspended) v.sureness = Sureness::high;
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
