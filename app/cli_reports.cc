#include "app/cli_reports.h"

#include <fmt/format.h>

#include "app/cli_answer.h"

namespace sekimori::app {
namespace {

class ReportPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string bounces(const json::value& report) const {
    std::string out = fmt::format("{}\n{}\n", word(report, "account"), text_of(report, "verdict"));
    Rows days = {{t("日(UTC)", "day (UTC)"), t("本物", "ours"), t("偽", "forged"),
                  t("不明", "unknown"), t("苦情", "complaints")}};
    if (const auto* list = find(report, "days"); list != nullptr && list->is_array()) {
      for (const auto& day : list->get_array()) {
        days.push_back({word(day, "day"), number(day, "ours"), number(day, "forged"),
                        number(day, "unknown"), number(day, "feedback")});
      }
    }
    if (days.size() > 1) out += '\n' + table(days);
    Rows last = {{t("日時", "time"), t("判定", "whose"), t("理由", "reason"), t("コード", "status"),
                  t("宛先", "recipient"), t("知らせたサーバー", "reported by"),
                  t("送信元", "sent through")}};
    if (const auto* list = find(report, "last"); list != nullptr && list->is_array()) {
      for (const auto& mail : list->get_array()) {
        last.push_back({time(mail, "t"), origin(mail), word(mail, "reason"), word(mail, "status"),
                        word(mail, "recipient"), word(mail, "reporter"), word(mail, "first_hop")});
      }
    }
    if (last.size() > 1) out += '\n' + table(last);
    return out;
  }

  [[nodiscard]] std::string delisting(const json::value& made) const {
    const auto* text = find(made, "text");
    const auto* letter = text == nullptr ? nullptr : find(*text, t("ja", "en"));
    return letter != nullptr && letter->is_string() ? std::string(letter->get_string()) : "";
  }

 private:
  [[nodiscard]] std::string origin(const json::value& mail) const {
    const auto whose = word(mail, "origin");
    if (whose == "ours") return t("本物", "ours");
    if (whose == "forged") return t("偽", "forged");
    return t("不明", "unknown");
  }
};

}  // namespace

std::optional<std::string> printed_report_answer(const Invocation& given,
                                                 const json::value& answer) {
  const ReportPrinter printer(given);
  if (given.command == "account bounces") return printer.bounces(answer);
  if (given.command == "incident delisting") return printer.delisting(answer);
  return std::nullopt;
}

}  // namespace sekimori::app
