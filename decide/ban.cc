#include "decide/ban.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, 7> k_kinds = {
    "guessing", "spraying", "unknown_names", "network", "wider", "person", "imported"};
constexpr std::array<std::string_view, 3> k_reaches = {"packets", "sign_ins", "delay"};
constexpr std::size_t k_note_max = 100;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\v\f";
  const auto begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// What a comment may carry into records and answers: printable ASCII.
std::string note_of(std::string_view text) {
  std::string out;
  for (const char c : trimmed(trimmed(text).substr(0, k_note_max))) {
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return out;
}

std::string again(const Ban& ban, bool ja) {
  if (ban.times < 2) return "";
  return ja ? fmt::format("最近 {} 回目です。", ban.times)
            : fmt::format(" For the {}{} time of late.", ban.times,
                          ban.times == 2   ? "nd"
                          : ban.times == 3 ? "rd"
                                           : "th");
}

}  // namespace

std::string_view to_string(BanKind kind) { return k_kinds[static_cast<std::size_t>(kind)]; }
std::string_view to_string(BanReach reach) { return k_reaches[static_cast<std::size_t>(reach)]; }

std::optional<BanKind> parse_ban_kind(std::string_view word) {
  const auto* at = std::ranges::find(k_kinds, word);
  if (at == k_kinds.end()) return std::nullopt;
  return static_cast<BanKind>(at - k_kinds.begin());
}
std::optional<BanReach> parse_ban_reach(std::string_view word) {
  const auto* at = std::ranges::find(k_reaches, word);
  if (at == k_reaches.end()) return std::nullopt;
  return static_cast<BanReach>(at - k_reaches.begin());
}

Text ban_reason(const Ban& ban) {
  switch (ban.kind) {
    case BanKind::guessing:
      return {
          fmt::format("{} 個のアカウントに、{} 通りの誤ったパスワードを試しました。{}",
                      std::max(ban.accounts, 1U), ban.failures, again(ban, true)),
          fmt::format("{} different wrong passwords for {} account{}.{}", ban.failures,
                      std::max(ban.accounts, 1U), ban.accounts > 1 ? "s" : "", again(ban, false))};
    case BanKind::spraying:
      return {
          fmt::format("約 {} 個のアカウントに、次々と誤ったパスワードを試しました({} 回)。{}",
                      ban.accounts, ban.failures, again(ban, true)),
          fmt::format("Wrong passwords for about {} accounts, one after the other ({} in all).{}",
                      ban.accounts, ban.failures, again(ban, false))};
    case BanKind::unknown_names:
      return {fmt::format("存在しないアカウント名を約 {} 個試しました。{}", ban.unknown,
                          again(ban, true)),
              fmt::format("Tried about {} names that no account has.{}", ban.unknown,
                          again(ban, false))};
    case BanKind::network:
      return {fmt::format(
                  "このネットワークの約 {} 個のアドレスが、誤ったパスワードを {} 回試しました。{}",
                  std::max(ban.parts, 1U), ban.failures, again(ban, true)),
              fmt::format("About {} address{} of this network tried {} wrong passwords.{}",
                          std::max(ban.parts, 1U), ban.parts > 1 ? "es" : "", ban.failures,
                          again(ban, false))};
    case BanKind::wider:
      return {fmt::format("隣り合う {} 個のネットワークから、パスワードが試されています。{}",
                          ban.parts, again(ban, true)),
              fmt::format("Passwords are guessed from {} networks side by side.{}", ban.parts,
                          again(ban, false))};
    case BanKind::person:
      return {fmt::format("{} が止めました: {}", ban.by, ban.reason),
              fmt::format("Banned by {}: {}", ban.by, ban.reason)};
    case BanKind::imported:
      return {fmt::format("取り込んだ一覧に載っています({}): {}", ban.by, ban.reason),
              fmt::format("On a list that {} imported: {}", ban.by, ban.reason)};
  }
  return {};
}

Text ban_effect(const Ban& ban) {
  Text out;
  switch (ban.reach) {
    case BanReach::packets:
      out = {"メールの各ポートへの接続を受け付けません。",
             "Connections to the mail ports are not taken."};
      break;
    case BanReach::sign_ins:
      if (ban.collateral == 0) {
        out = {"以前ここからサインインしたアカウントはそのまま使え、ほかは断ります。",
               "Accounts that signed in from there before go on, others are refused."};
        break;
      }
      out = {
          fmt::format(
              "最近 {} 個のアカウントがここからサインインしています。それらはそのまま使え、ほかは断ります。",
              ban.collateral),
          fmt::format("{} account{} signed in from there of late: they go on, others are "
                      "refused.",
                      ban.collateral, ban.collateral == 1 ? "" : "s")};
      break;
    case BanReach::delay:
      out = {
          fmt::format(
              "最近 {} 個以上のアカウントがここからサインインしています。止めずに、応答を遅らせています。",
              ban.collateral),
          fmt::format("{} accounts or more signed in from there of late: nobody is refused, "
                      "answers are slow for those who are new there.",
                      ban.collateral)};
      break;
  }
  if (!ban.until.is_set()) {
    out.ja += "解除されるまで続きます。";
    out.en += " Until somebody ends it.";
  }
  return out;
}

bool is_too_wide(const IpNetwork& network) {
  return network.bits() < (network.address().is_v4() ? 8 : 16);
}

NetworkList parse_network_list(std::string_view text) {
  NetworkList out;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t comment = line.find_first_of(";#");
    const std::string_view note =
        comment == std::string_view::npos ? std::string_view() : line.substr(comment + 1);
    line = trimmed(line.substr(0, comment));
    if (line.empty()) continue;
    if (out.networks.size() >= k_listed_networks_max) {
      out.errors.push_back(
          {number,
           {fmt::format("一度に取り込めるのは {} 行までです。ここから先は読んでいません。",
                        k_listed_networks_max),
            fmt::format("at most {} networks at once; nothing from here on was read",
                        k_listed_networks_max)}});
      break;
    }
    auto network = IpNetwork::parse(line);
    if (!network) {
      out.errors.push_back({number,
                            {fmt::format("ネットワークとして読めません: {}", note_of(line)),
                             fmt::format("no network: {}", network.error().text)}});
    } else if (is_too_wide(*network)) {
      out.errors.push_back(
          {number,
           {fmt::format("広すぎます: {}(/8、IPv6 は /16 から)", note_of(line)),
            fmt::format("too wide: {} (/8 and, for IPv6, /16 at least)", network->to_string())}});
    } else {
      out.networks.push_back({*network, note_of(note)});
    }
  }
  return out;
}

}  // namespace sekimori::decide
