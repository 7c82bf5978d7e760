// What people and mail servers are told by the engine.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "decide/engine_shard.h"

namespace sekimori::decide {

std::string refusal_text(const StandingRecord& record, std::string_view portal_url) {
  return guard_row(record, portal_url).reply;
}

std::string limit_text(std::string_view name, std::uint64_t limit) {
  return fmt::format("450 4.7.1 Sending limit reached ({} {}); please try again later", limit,
                     name);
}

Text hold_reason(HoldKind kind, const Text& headline, const detect::Verdict& v,
                 const EngineSettings& settings, const Limits& limits) {
  Text out = headline;
  if (v.advice == detect::HoldAdvice::none) {
    out.ja += fmt::format("1日に初めて送れる相手の上限({}件)を超えました。",
                          limits.new_recipients_per_day);
    out.en += fmt::format(" That passes the limit of {} new recipients a day.",
                          limits.new_recipients_per_day);
  } else if (v.fan_out) {
    out.ja += fmt::format("初めての相手が{}件以上になるメールは、いつも確認しています。",
                          settings.detect.hold_new_recipients);
    out.en += fmt::format(" Mail to {} or more new recipients is always looked at.",
                          settings.detect.hold_new_recipients);
  }
  if (kind == HoldKind::timed) {
    out.ja += "念のため、このメールの配送を少しの間だけ待たせています。";
    out.en += " The message waits for a short while to be safe.";
  } else {
    out.ja += "このメールは、確認があるまで配送を待たせています。";
    out.en += " The message waits until a person confirms it.";
  }
  return out;
}

Text held_by_order_reason() {
  return {
      "このアカウントから送るメールは、担当者の指定により、すべて確認があるまで配送を待たせています。",
      "A person has set that everything this account sends waits until it is confirmed."};
}

std::string evidence_line(const std::vector<detect::Evidence>& evidence) {
  constexpr std::size_t k_named = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(evidence.size(), k_named); ++i) {
    if (i > 0) out += ", ";
    fmt::format_to(std::back_inserter(out), "{} {:.2f}", detect::to_string(evidence[i].channel),
                   evidence[i].nats);
  }
  return out;
}

Text contain_reason(const Text& headline, const AccountControl& control) {
  Text out = headline;
  if (control.holds > 1) {
    out.ja += fmt::format("確認を待つメールは{}通です。", control.holds);
    out.en += fmt::format(" {} messages wait for a person's word.", control.holds);
  }
  return out;
}

Text breaker_hold_reason(const Text& headline) {
  return {
      headline.ja +
          "乗っ取りの疑いが強いメールですが、自動で止めたアカウントが想定より多いため、アカウントは止めずに"
          "このメールを保留し、確認をお待ちしています。",
      headline.en +
          " This looks like a takeover, but more accounts were stopped by machine today than "
          "expected: the account goes on, and the message waits until a person decides."};
}

}  // namespace sekimori::decide
