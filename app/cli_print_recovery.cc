#include "app/cli_print_recovery.h"

#include "app/cli_answer.h"

namespace sekimori::app {
namespace {

// A terminal's usual width, with a margin: these texts are read aloud from it.
constexpr std::size_t k_columns = 78;

class RecoveryPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  std::string recovery(const json::value& view) const {
    Rows head = {{t("アカウント", "account"), word(view, "account")},
                 {t("状態", "standing"), standing(view)},
                 {t("停止した時刻", "contained"), time(view, "contained")}};
    if (const auto begun = time(view, "begun"); !begun.empty()) {
      head.push_back({t("復旧の開始", "begun"), begun + "  " + word(view, "begun_by")});
    }
    if (const auto ended = time(view, "ended"); !ended.empty()) {
      head.push_back({t("復旧の終了", "ended"), ended + "  " + ended_by(view)});
    }
    if (const auto times = number(view, "times"); !times.empty() && times != "1") {
      head.push_back({t("回数", "times"), times});
    }
    std::string out = table(head) + '\n' + gates(list(view, "gates"));
    const auto forwards = list(view, "forwards");
    if (!forwards.empty()) {
      Rows rows = {{t("転送の設定", "forward in"), t("転送先", "to")}};
      for (const auto& forward : forwards) {
        rows.push_back({word(forward, "source"), word(forward, "target")});
      }
      out += '\n' + table(rows);
    }
    if (const auto next = text_of(view, "next_step"); !next.empty()) {
      out += fmt::format(fmt::runtime(t("\n次にすること:\n{}", "\nnext:\n{}")),
                         wrapped(next, k_columns, "  "));
    }
    return out;
  }

  std::string gates(const json::array& gates) const {
    Rows rows = {{t("確認すること", "gate"), t("状態", "state"), t("説明", "evidence")}};
    for (const auto& gate : gates) {
      rows.push_back({text_of(gate, "title"), gate_word(word(gate, "state"), given_.language),
                      text_of(gate, "evidence")});
    }
    return table(rows);
  }

  std::string notices(const json::value& page) const {
    Rows rows = {{t("番号", "id"), t("状態", "state"), t("方法", "by"), t("対象", "subject"),
                  t("宛先", "to"), t("時刻", "when"), t("概要", "summary")}};
    for (const auto& item : items(page)) {
      const auto* subject = find(item, "subject");
      rows.push_back({number(item, "id"), notice_word(word(item, "state"), given_.language),
                      channel_word(word(item, "channel"), given_.language),
                      subject == nullptr ? "" : word(*subject, "id"), word(item, "to"),
                      time(item, "changed"), text_of(item, "summary")});
    }
    return table(rows) + total(page, rows.size() - 1);
  }
  std::string acknowledged(const json::value& notice) const {
    return fmt::format(
        fmt::runtime(t("知らせ {} を確認済みにしました。\n", "notice {} is acknowledged.\n")),
        number(notice, "id"));
  }

  std::string password(const json::value& outcome) const {
    std::string out;
    if (const auto made = word(outcome, "generated"); !made.empty()) {
      out += fmt::format(fmt::runtime(t("パスワード: {}\n", "password: {}\n")), made);
      if (const auto reading = text_of(outcome, "reading"); !reading.empty()) {
        out += fmt::format(fmt::runtime(t("読み方:\n{}", "how to say it:\n{}")),
                           wrapped(reading, k_columns, "  "));
      }
    }
    if (const auto gone = number(outcome, "app_passwords_removed"); !gone.empty() && gone != "0") {
      out += fmt::format(fmt::runtime(t("アプリ用パスワードも {} 件取り消しました。\n",
                                        "{} app passwords are gone, too.\n")),
                         gone);
    }
    if (const auto ended = number(outcome, "sessions_ended"); !ended.empty() && ended != "0") {
      out += fmt::format(fmt::runtime(t("以前からの接続を {} 件切りました。\n",
                                        "{} earlier connections are ended.\n")),
                         ended);
    }
    const auto* view = find(outcome, "recovery");
    if (view != nullptr && view->is_object()) out += '\n' + recovery(*view);
    return out;
  }

  std::string problems(const json::array& problems) const {
    std::string out;
    for (const auto& problem : problems) {
      const auto words =
          word(problem, given_.language == Language::ja ? "message_ja" : "message_en");
      out += fmt::format(fmt::runtime(t("\n  ・{}", "\n  - {}")), words);
    }
    return out;
  }
  std::string open_gates(const json::array& open) const {
    return t("\nまだ済んでいない確認があります。\n", "\nNot everything is verified yet.\n") +
           gates(open) +
           t("確認を省いて元に戻す場合は、--reason で理由を書いてください。",
             "To restore it all the same, say why with --reason.");
  }

  // Read aloud from top to bottom: first who is called, then what is said, the code last.
  [[nodiscard]] std::string diagnosis(const json::value& view) const {
    std::string out = fmt::format(fmt::runtime(t("診断 {}({})\n", "Diagnosis {} ({})\n")),
                                  word(view, "number"), time(view, "at"));
    for (const auto& finding : list(view, "findings")) {
      const auto weight = word(finding, "weight");
      const char* mark = weight == "broken"    ? "✗"
                         : weight == "warning" ? "!"
                         : weight == "hint"    ? "-"
                                               : "✓";
      out += fmt::format("\n{} {}\n  → {}\n", mark, text_of(finding, "what"),
                         text_of(finding, "next"));
    }
    return out;
  }

  std::string sheet(const json::value& sheet, const json::value& code) const {
    const std::string rule = std::string(k_columns, '-') + '\n';
    const auto or_none = [&](const std::string& value) {
      return value.empty() ? std::string(t("(登録なし)", "(none)")) : value;
    };
    Rows rows = {{t("お客様番号", "customer no."), or_none(word(sheet, "customer_number"))},
                 {t("お名前", "name"), or_none(word(sheet, "name"))},
                 {t("電話番号", "telephone"), or_none(word(sheet, "phone"))},
                 {t("アドレス", "address"), word(sheet, "account")},
                 {t("状態", "standing"), standing(sheet) + "  " + time(sheet, "since")}};
    if (const auto id = number(sheet, "incident"); !id.empty()) {
      rows.push_back({t("事案", "incident"), id});
    }
    std::string out = table(rows);
    const bool phone_known = !word(sheet, "phone").empty();
    if (phone_known && !flag(sheet, "phone_is_old")) {
      out +=
          t("注意: この電話番号は、最近変更されています。別の方法でもご本人を確かめてください。\n",
            "Note: this number was changed lately. Make sure in another way, too, whom you "
            "speak to.\n");
    }
    const auto part = [&](const char* title, const std::string& text) {
      if (text.empty()) return;
      out += rule;
      out += std::string(title) + "\n\n" + wrapped(text, k_columns, "  ");
    };
    part(t("起きたこと", "What happened"), text_of(sheet, "what_happened"));
    part(t("お話しすること", "What to say"), text_of(sheet, "what_to_say"));
    if (const auto value = word(code, "code"); !value.empty()) {
      out += rule;
      out += fmt::format(fmt::runtime(t("復旧コード(1 回限り、{} まで)\n\n    {}\n\n",
                                        "Recovery code (good once, until {})\n\n    {}\n\n")),
                         time(code, "expires"), value);
    }
    return out;
  }

 private:
  std::string ended_by(const json::value& view) const {
    std::string by = word(view, "ended_by");
    if (by == "verified") return t("(すべて確認済み)", "(all verified)");
    if (by == "contained_again") return t("(再び停止)", "(contained again)");
    return by;
  }
};

}  // namespace

std::optional<std::string> printed_recovery_answer(const Invocation& given,
                                                   const json::value& answer) {
  const RecoveryPrinter printer(given);
  if (given.command == "account recovery") return printer.recovery(answer);
  if (given.command == "account call-sheet") return printer.sheet(answer, nullptr);
  if (given.command == "account diagnose") return printer.diagnosis(answer);
  if (given.command == "notice list") return printer.notices(answer);
  if (given.command == "notice acknowledge") return printer.acknowledged(answer);
  return std::nullopt;
}

std::string printed_error_details(const Invocation& given, const json::value& error) {
  const RecoveryPrinter printer(given);
  if (!error.is_object()) return "";
  const auto list_of = [&error](std::string_view key) {
    const auto* found = error.get_object().if_contains(key);
    return found != nullptr && found->is_array() ? found->get_array() : json::array();
  };
  const auto problems = list_of("problems");
  const auto gates = list_of("open_gates");
  return (problems.empty() ? "" : printer.problems(problems)) +
         (gates.empty() ? "" : printer.open_gates(gates));
}

std::string printed_password(const Invocation& given, const json::value& outcome) {
  return RecoveryPrinter(given).password(outcome);
}

std::string printed_call_sheet(const Invocation& given, const json::value& sheet,
                               const json::value& code) {
  return RecoveryPrinter(given).sheet(sheet, code);
}

}  // namespace sekimori::app
