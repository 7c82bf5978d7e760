#include "app/cli_bans.h"

#include <fmt/format.h>

#include "app/cli_answer.h"
#include "store/files.h"
#include "web/bans.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

class BanPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string list_of(const json::value& page) const {
    Rows rows = {{t("番号", "id"), t("アドレス", "network"), t("国", "country"), t("から", "since"),
                  t("まで", "until"), t("拒否", "refused"), t("理由", "why")}};
    for (const auto& ban : items(page)) {
      const auto until = time(ban, "until");
      rows.push_back({number(ban, "id"), word(ban, "network"), word(ban, "country"),
                      time(ban, "since"), until.empty() ? t("解除まで", "ended by hand") : until,
                      number(ban, "hits"), text_of(ban, "why")});
    }
    if (rows.size() == 1) return t("遮断中のアドレスはありません。\n", "Nobody is banned.\n");
    return table(rows) + total(page, rows.size() - 1);
  }

  [[nodiscard]] std::string one(const json::value& ban) const {
    Rows rows = {
        {t("番号", "id"), number(ban, "id")},
        {t("アドレス", "network"), word(ban, "network")},
        {t("理由", "why"), text_of(ban, "why")},
        {t("内容", "effect"), text_of(ban, "effect")},
        {t("場所", "place"), fmt::format("{} {} {}", word(ban, "country"),
                                         number(ban, "asn") == "0" ? "" : "AS" + number(ban, "asn"),
                                         word(ban, "operator"))},
        {t("開始", "since"), time(ban, "since")},
        {t("期限", "until"), time(ban, "until")},
        {t("拒否した回数", "refused"), number(ban, "hits")},
        {t("最後に試したアカウント", "last tried"), word(ban, "last_account")},
        {t("ここを使うアカウント", "accounts that live there"), number(ban, "collateral")},
        {t("ファイアウォール", "firewall"),
         flag(ban, "in_firewall") ? t("あり", "yes") : t("なし", "no")},
        {t("設定した人", "by"), word(ban, "by")},
    };
    if (const auto ended = time(ban, "ended"); !ended.empty()) {
      rows.push_back({t("終了", "ended"), fmt::format("{} ({})", ended, word(ban, "ended_by"))});
    }
    return table(rows);
  }

  [[nodiscard]] std::string made(const json::value& ban) const {
    const auto until = time(ban, "until");
    const auto end = until.empty()
                         ? std::string()
                         : fmt::format(fmt::runtime(t("期限は {} です。", " Until {}.")), until);
    return fmt::format(
        fmt::runtime(t("{} を遮断しました(番号 {})。{}{}\n", "{} is banned ({}). {}{}\n")),
        word(ban, "network"), number(ban, "id"), text_of(ban, "effect"), end);
  }
  [[nodiscard]] std::string ended(const json::value& ban) const {
    return fmt::format(fmt::runtime(t("{} の遮断を解除しました。\n", "{} is no longer banned.\n")),
                       word(ban, "network"));
  }
  [[nodiscard]] std::string imported(const json::value& answer) const {
    std::string out = fmt::format(
        fmt::runtime(
            t("{} 件を遮断しました。遮断済み {} 件、使っている人がいるため見送り {} 件。\n",
              "{} banned; {} were already, {} are lived in and left out.\n")),
        number(answer, "banned"), number(answer, "known"), number(answer, "lived_in"));
    for (const auto& error : list(answer, "errors")) {
      out += fmt::format(fmt::runtime(t("{} 行目: {}\n", "line {}: {}\n")), number(error, "line"),
                         text_of(error, "text"));
    }
    return out;
  }
  [[nodiscard]] std::string guessing(const json::value& view) const {
    std::string out;
    if (const auto words = text_of(view, "text"); !words.empty()) out += words + '\n';
    for (const auto& one : list(view, "forgotten")) {
      out += fmt::format("{} ({}): {}\n", time(one, "last"), number(one, "repeats"),
                         text_of(one, "text"));
      if (const auto told = time(one, "told"); !told.empty()) {
        out += fmt::format(
            fmt::runtime(t("  本人へのメール: {}\n", "  its owner was written to: {}\n")), told);
      }
    }
    if (out.empty()) {
      out = t("このアカウントのパスワードは試されていません。\n",
              "Nobody guesses this account's password.\n");
    }
    return out;
  }
};

std::string path_of(const Invocation& given) {
  return "/api/v1/bans/" + web::percent_encode(given.subject);
}

Result<ApiRequestText> ban(const Invocation& given, Instant now) {
  json::object body{{"network", given.subject}, {"reason", given.reason}};
  const auto expires = parse_expiry(given.expires, now);
  if (!expires) return std::unexpected(expires.error());
  if (expires->is_set()) body["expires"] = format_instant(*expires);
  if (given.all) body["anyway"] = true;
  return ApiRequestText{"POST", "/api/v1/bans", json::serialize(body)};
}

Result<ApiRequestText> import_list(const Invocation& given, Instant now) {
  auto text = store::read_file(given.text_file, web::k_import_bytes_max);
  if (!text) return std::unexpected(text.error());
  json::object body{{"list", *text}, {"reason", given.reason}};
  if (!given.name.empty()) body["name"] = given.name;
  const auto expires = parse_expiry(given.expires, now);
  if (!expires) return std::unexpected(expires.error());
  if (expires->is_set()) body["expires"] = format_instant(*expires);
  return ApiRequestText{"POST", "/api/v1/ban-list", json::serialize(body)};
}

}  // namespace

std::optional<Result<ApiRequestText>> ban_request(const Invocation& given, Instant now) {
  const std::string& command = given.command;
  if (command == "ip bans") {
    std::string target = fmt::format("/api/v1/bans?limit={}", given.limit);
    if (!given.search.empty()) target += "&search=" + web::percent_encode(given.search);
    if (!given.state.empty()) target += "&state=" + given.state;
    return ApiRequestText{"GET", std::move(target), ""};
  }
  if (command == "ip show") return ApiRequestText{"GET", path_of(given), ""};
  if (command == "ip ban") return ban(given, now);
  if (command == "ip unban") {
    return ApiRequestText{"DELETE", path_of(given),
                          json::serialize(json::object{{"reason", given.reason}})};
  }
  if (command == "ip import-bans") return import_list(given, now);
  if (command == "ip export-bans") {
    return ApiRequestText{
        "GET", "/api/v1/ban-list?format=" + (given.state.empty() ? "plain" : given.state), ""};
  }
  if (command == "account guessing") {
    return ApiRequestText{
        "GET", fmt::format("/api/v1/accounts/{}/guessing", web::percent_encode(given.subject)), ""};
  }
  return std::nullopt;
}

std::optional<std::string> printed_ban_answer(const Invocation& given, const json::value& answer) {
  const BanPrinter printer(given);
  if (given.command == "ip bans") return printer.list_of(answer);
  if (given.command == "ip show") return printer.one(answer);
  if (given.command == "ip ban") return printer.made(answer);
  if (given.command == "ip unban") return printer.ended(answer);
  if (given.command == "ip import-bans") return printer.imported(answer);
  if (given.command == "account guessing") return printer.guessing(answer);
  return std::nullopt;
}

}  // namespace sekimori::app
