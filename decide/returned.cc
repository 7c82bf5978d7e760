#include "decide/returned.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sekimori::decide {

namespace {

constexpr std::size_t k_hops_named = 3;

}  // namespace

std::string_view to_string(MailOrigin origin) {
  switch (origin) {
    case MailOrigin::ours: return "ours";
    case MailOrigin::forged: return "forged";
    case MailOrigin::unknown: return "unknown";
  }
  return "unknown";
}

std::optional<MailOrigin> parse_mail_origin(std::string_view word) {
  for (const auto origin : {MailOrigin::ours, MailOrigin::forged, MailOrigin::unknown}) {
    if (to_string(origin) == word) return origin;
  }
  return std::nullopt;
}

std::string_view to_string(ReturnedKind kind) {
  switch (kind) {
    case ReturnedKind::bounce: return "bounce";
    case ReturnedKind::delay: return "delay";
    case ReturnedKind::feedback: return "feedback";
  }
  return "bounce";
}

std::optional<ReturnedKind> parse_returned_kind(std::string_view word) {
  for (const auto kind : {ReturnedKind::bounce, ReturnedKind::delay, ReturnedKind::feedback}) {
    if (to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

Text verdict_on(const ReturnedCounts& counts) {
  Text text;
  if (counts.feedback > 0) {
    text.ja += fmt::format(
        "このアカウントから送ったメールに、受信者から {} 件の苦情が届いています。"
        "送信の内容を確認してください。",
        counts.feedback);
    text.en += fmt::format(
        "Recipients complained {} times about mail sent from this account: look "
        "at what it sends. ",
        counts.feedback);
  }
  if (counts.forged > 0) {
    text.ja += fmt::format(
        "差出人を偽ったメールの不達が {} 件届いています。このサーバーから送られたもの"
        "ではなく、これはアカウントが乗っ取られた証拠にはなりません。",
        counts.forged);
    text.en += fmt::format(
        "{} bounces are of mail on which strangers forged this address. This "
        "server did not send it: it is no sign of a broken-into account. ",
        counts.forged);
  }
  if (counts.ours > 0) {
    text.ja += fmt::format("このアカウントから送ったメールのうち {} 件が届かずに戻っています。",
                           counts.ours);
    text.en += fmt::format("{} mails sent from this account came back. ", counts.ours);
  }
  if (counts.unknown > 0) {
    text.ja += fmt::format("どちらとも判断できない不達が {} 件あります。", counts.unknown);
    text.en += fmt::format("Of {} bounces it cannot be told whose they are. ", counts.unknown);
  }
  if (text.en.empty()) return {"戻ってきたメールはありません。", "No mail came back."};
  text.en.pop_back();
  return text;
}

Text spoofing_words(std::uint64_t forged, const std::vector<ReturnedMail>& examples) {
  std::vector<std::string> hops;
  std::vector<std::string> reporters;
  for (const ReturnedMail& mail : examples) {
    const auto note = [](std::vector<std::string>& list, const std::string& name) {
      if (!name.empty() && list.size() < k_hops_named &&
          std::ranges::find(list, name) == list.end())
        list.push_back(name);
    };
    note(hops, mail.first_hop);
    note(reporters, mail.reporter);
  }
  Text text{
      fmt::format(
          "24 時間以内に、差出人としてこのアドレスを勝手に書かれたメールの不達通知が {} 通届きました。"
          "このサーバーの送信記録には該当するメールがありません",
          forged),
      fmt::format(
          "Within 24 hours {} bounces arrived of mail on which strangers wrote this address "
          "as the sender. This server's records hold no such mail",
          forged)};
  if (!hops.empty()) {
    text.ja += fmt::format("(送信元のサーバー: {})", fmt::join(hops, "、"));
    text.en += fmt::format(" (it was sent through {})", fmt::join(hops, ", "));
  }
  if (!reporters.empty()) {
    text.ja += fmt::format("。不達を知らせてきたサーバー: {}", fmt::join(reporters, "、"));
    text.en += fmt::format("; reported by {}", fmt::join(reporters, ", "));
  }
  text.ja += "。";
  text.en += ".";
  return text;
}

}  // namespace sekimori::decide
