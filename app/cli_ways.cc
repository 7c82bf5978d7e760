#include "app/cli_ways.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

// A script's first line says which one it is; the rest is --json's.
std::string first_line(const std::string& text) {
  const std::size_t end = text.find_first_of("\r\n");
  return end == std::string::npos ? text : text.substr(0, end) + " …";
}

class WayPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string changes(const json::value& page) const {
    Rows rows = {{t("番号", "id"), t("状態", "state"), t("外部", "external"), t("種類", "way"),
                  t("以前", "before"), t("今回", "after"), t("確認", "seen"),
                  t("変更した管理者", "by admin")}};
    for (const auto& item : items(page)) {
      rows.push_back({number(item, "id"), state(item), mark(item, "external"),
                      text_of(item, "title"), first_line(text_of(item, "before")), after(item),
                      time(item, "seen"), word(item, "editor")});
    }
    if (rows.size() == 1) {
      return t("事案の開始後、変わった経路はありません。\n",
               "No way mail leaves was changed since the incident began.\n");
    }
    return table(rows);
  }

  [[nodiscard]] std::string change(const json::value& item) const {
    return fmt::format("{} {}: {}\n", text_of(item, "title"), word(item, "key"), state(item));
  }

  [[nodiscard]] std::string in_force(const json::value& answer) const {
    Rows rows = {{t("種類", "way"), t("名前", "name"), t("外部", "external"), t("内容", "what")}};
    for (const auto& item : items(answer)) {
      std::string what = first_line(text_of(item, "content"));
      if (flag(item, "suspended")) what += t("(停止中)", " (suspended)");
      rows.push_back({text_of(item, "title"), word(item, "key"), mark(item, "external"), what});
    }
    if (rows.size() == 1) {
      return t("転送・フィルターなどの経路はありません。\n",
               "There are no forwards, filters or the like.\n");
    }
    return table(rows);
  }

 private:
  [[nodiscard]] std::string after(const json::value& item) const {
    const auto* targets = find(item, "targets");
    std::string text = first_line(text_of(item, "after"));
    if (targets == nullptr || !targets->is_array() || word(item, "kind") == "forward") return text;
    for (const auto& target : targets->get_array()) {
      if (target.is_string()) text += fmt::format(" → {}", std::string(target.get_string()));
    }
    return text;
  }
  [[nodiscard]] std::string mark(const json::value& item, const char* key) const {
    return flag(item, key) ? t("はい", "yes") : "";
  }
  [[nodiscard]] std::string state(const json::value& item) const {
    const auto state = word(item, "state");
    if (state == "open") return t("未回答", "open");
    if (state == "paused") return t("一時停止", "paused");
    if (state == "kept") return t("残す", "kept");
    return t("戻した", "reverted");
  }
};

}  // namespace

std::optional<ApiRequestText> way_request(const Invocation& given) {
  const auto subject = web::percent_encode(given.subject);
  if (given.command == "account ways") {
    return ApiRequestText{"GET", fmt::format("/api/v1/accounts/{}/ways", subject), ""};
  }
  if (given.command == "incident ways") {
    return ApiRequestText{"GET", fmt::format("/api/v1/incidents/{}/ways", subject), ""};
  }
  const bool keep = given.command == "incident keep";
  if (!keep && given.command != "incident revert") return std::nullopt;
  json::object body;
  if (!given.reason.empty()) body["reason"] = given.reason;
  return ApiRequestText{"POST",
                        fmt::format("/api/v1/incidents/{}/ways/{}/{}", subject,
                                    web::percent_encode(given.change), keep ? "keep" : "revert"),
                        json::serialize(body)};
}

std::optional<std::string> printed_way_answer(const Invocation& given, const json::value& answer) {
  const WayPrinter printer(given);
  if (given.command == "account ways") return printer.in_force(answer);
  if (given.command == "incident ways") return printer.changes(answer);
  if (given.command == "incident keep" || given.command == "incident revert") {
    return printer.change(answer);
  }
  return std::nullopt;
}

}  // namespace sekimori::app
