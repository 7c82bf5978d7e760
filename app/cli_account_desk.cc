#include "app/cli_account_desk.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

class DeskPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string switches(const json::value& view) const {
    Rows rows = {{t("できること", "what"), t("状態", "state"), t("止めた人", "by"),
                  t("いつから", "since"), t("いつまで", "until"), t("理由", "reason")}};
    for (const std::string_view what : {"receive", "login"}) {
      const auto* state = find(view, what);
      if (state == nullptr || !state->is_object()) return "";
      const auto* off = find(*state, "off");
      const bool is_off = off != nullptr && off->is_object();
      const bool allowed = flag(*state, "standing_allows");
      std::string how = flag(*state, "works") ? t("できます", "on") : t("止めています", "off");
      if (!allowed) {
        how += is_off ? t("(状態によっても停止)", " (by the standing, too)")
                      : t("(状態による停止)", " (by the standing)");
      }
      if (!flag(*state, "done")) how += t("(切断を続行中)", " (sessions still being ended)");
      rows.push_back({what == "receive" ? t("受信", "receive") : t("サインイン", "login"), how,
                      is_off ? word(*off, "by") : "", is_off ? time(*off, "since") : "",
                      is_off ? until(*off) : "", is_off ? word(*off, "reason") : ""});
    }
    return table(rows);
  }

 private:
  [[nodiscard]] std::string until(const json::value& off) const {
    const auto end = time(off, "until");
    return end.empty() ? t("再開するまで", "switched on") : end;
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> account_desk_request(const Invocation& given, Instant now) {
  const std::string account = "/api/v1/accounts/" + web::percent_encode(given.subject);
  const std::string path = account + "/switches";
  if (given.command == "account switches") return ApiRequestText{"GET", path, ""};
  if (given.command != "account switch") return std::nullopt;
  json::object body{{"what", given.text}, {"on", given.state == "on"}};
  if (!given.reason.empty()) body["reason"] = given.reason;
  if (!given.until.empty()) {
    const auto until = parse_expiry(given.until, now);
    if (!until) return std::unexpected(until.error());
    body["until"] = format_instant(*until);
  }
  return ApiRequestText{"POST", path, json::serialize(body)};
}

std::optional<std::string> printed_account_desk_answer(const Invocation& given,
                                                       const json::value& answer) {
  const DeskPrinter printer(given);
  if (given.command == "account switches" || given.command == "account switch") {
    return printer.switches(answer);
  }
  return std::nullopt;
}

std::string printed_switches(const Invocation& given, const json::value& switches) {
  return DeskPrinter(given).switches(switches);
}

}  // namespace sekimori::app
