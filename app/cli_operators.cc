#include "app/cli_operators.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

namespace json = boost::json;

class OperatorPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string list(const json::value& page) const {
    Rows rows = {{t("ログイン名", "login"), t("役割", "role"), t("認証アプリ", "authenticator")}};
    for (const auto& item : items(page)) {
      const auto* totp = find(item, "totp");
      const bool on = totp != nullptr && totp->is_bool() && totp->get_bool();
      rows.push_back({word(item, "login"), word(item, "role"), on ? t("あり", "yes") : "-"});
    }
    if (rows.size() == 1) {
      return t(
          "管理画面の利用者はいません。sekimori operator add で作れます"
          "(PostfixAdmin の管理者は、そのままサインインできます)。\n",
          "The panel has no users of its own. Make one with sekimori operator add "
          "(PostfixAdmin's administrators can sign in as they are).\n");
    }
    return table(rows);
  }
  [[nodiscard]] std::string made(const json::value& a) const {
    return fmt::format(fmt::runtime(t("{} のパスワード(今だけ表示されます): {}\n",
                                      "The password of {} (shown this once): {}\n")),
                       word(a, "login"), word(a, "generated"));
  }
  [[nodiscard]] std::string totp(const json::value& a) const {
    if (word(a, "key").empty()) {
      return fmt::format(fmt::runtime(t("{} は認証アプリなしになりました。\n",
                                        "{} needs no authenticator any more.\n")),
                         word(a, "login"));
    }
    return fmt::format(fmt::runtime(t("{} の認証アプリの鍵(今だけ表示されます): {}\n{}\n",
                                      "The authenticator key of {} (shown this once): {}\n{}\n")),
                       word(a, "login"), word(a, "key"), word(a, "uri"));
  }
  [[nodiscard]] std::string removed(const json::value& a) const {
    return fmt::format(fmt::runtime(t("{} を消しました。\n", "{} is removed.\n")),
                       word(a, "login"));
  }
};

}  // namespace

std::optional<ApiRequestText> operator_request(const Invocation& given) {
  const std::string path = fmt::format("/api/v1/operators/{}", web::percent_encode(given.subject));
  if (given.command == "operator list") return ApiRequestText{"GET", "/api/v1/operators", ""};
  if (given.command == "operator add") {
    json::object body{{"login", given.subject}};
    if (!given.role.empty()) body["role"] = given.role;
    return ApiRequestText{"POST", "/api/v1/operators", json::serialize(body)};
  }
  if (given.command == "operator password") return ApiRequestText{"POST", path + "/password", "{}"};
  if (given.command == "operator totp") {
    return ApiRequestText{"POST", path + "/totp",
                          json::serialize(json::object{{"on", !given.off}})};
  }
  if (given.command == "operator remove") return ApiRequestText{"DELETE", path, ""};
  return std::nullopt;
}

std::optional<std::string> printed_operator_answer(const Invocation& given,
                                                   const json::value& answer) {
  const OperatorPrinter printer(given);
  if (given.command == "operator list") return printer.list(answer);
  if (given.command == "operator add" || given.command == "operator password") {
    return printer.made(answer);
  }
  if (given.command == "operator totp") return printer.totp(answer);
  if (given.command == "operator remove") return printer.removed(answer);
  return std::nullopt;
}

}  // namespace sekimori::app
