#include "app/cli_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "app/cli_account_desk.h"
#include "app/cli_aftermath.h"
#include "app/cli_answer.h"
#include "app/cli_approvals.h"
#include "app/cli_bans.h"
#include "app/cli_encryption.h"
#include "app/cli_operators.h"
#include "app/cli_print_recovery.h"
#include "app/cli_queue.h"
#include "app/cli_reports.h"
#include "app/cli_rules.h"
#include "app/cli_text.h"
#include "app/cli_ways.h"

namespace sekimori::app {
namespace {

class Printer : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  std::string accounts(const json::value& page) {
    if (!given_.switched_off.empty()) return printed_switched_off(given_, page);
    Rows rows = {{t("アカウント", "account"), t("状態", "standing"), t("疑い", "ln R"),
                  t("保留", "held"), t("事案", "incident"), t("名前", "name")}};
    for (const auto& item : items(page)) {
      rows.push_back({word(item, "address"), standing(item) + switched_off_mark(given_, item),
                      number(item, "log_r"), number(item, "held"), number(item, "incident"),
                      word(item, "name")});
    }
    return table(rows) + total(page, rows.size() - 1) + switched_off_count(given_, page);
  }

  std::string account(const json::value& a) {
    Rows rows = {{t("アカウント", "account"), word(a, "address")},
                 {t("名前", "name"), word(a, "name")},
                 {t("状態", "standing"), standing(a)}};
    if (const auto since = time(a, "since"); !since.empty()) {
      rows.push_back({t("変更", "changed"), since + "  " + word(a, "by")});
    }
    if (const auto why = text_of(a, "reason"); !why.empty())
      rows.push_back({t("理由", "reason"), why});
    if (const auto* mailbox = find(a, "mailbox")) {
      if (auto use = printed_mailbox(given_, *mailbox); !use.empty()) {
        rows.push_back({t("容量", "mailbox"), std::move(use)});
      }
    }
    rows.push_back({t("動作", "mode"), word(a, "mode")});
    rows.push_back({t("疑い", "ln R"), number(a, "log_r")});
    std::string out = table(rows);
    if (const auto* switches = find(a, "switches")) {
      if (const auto printed = printed_switches(given_, *switches); !printed.empty()) {
        out += '\n' + printed;
      }
    }
    if (const auto* limits = find(a, "limits"); limits != nullptr && limits->is_array()) {
      Rows uses = {{t("上限", "limit"), t("使用", "used"), t("最大", "of")}};
      for (const auto& use : limits->get_array()) {
        uses.push_back({word(use, "name"), number(use, "used"), number(use, "limit")});
      }
      out += '\n' + table(uses);
    }
    if (const auto* holds = find(a, "holds");
        holds != nullptr && holds->is_array() && !holds->get_array().empty()) {
      out += '\n' + holds_table(holds->get_array());
    }
    if (const auto* incident = find(a, "incident"); incident != nullptr && incident->is_object()) {
      out += '\n' + incident_head(*incident);
    }
    return out;
  }

  std::string standing_outcome(const json::value& outcome) {
    const auto* subject = find(outcome, "subject");
    std::string who = subject == nullptr ? "" : word(*subject, "id");
    if (who.empty()) who = t("サーバー全体", "the whole server");
    const bool changed = flag(outcome, "changed");
    if (!changed) {
      return fmt::format(fmt::runtime(t("{}: 変更はありません(現在の状態: {})。\n",
                                        "{}: nothing to change; it is {}.\n")),
                         who, standing(outcome));
    }
    std::string out = fmt::format(fmt::runtime(t("{}: 状態を「{}」に変えました。", "{}: now {}.")),
                                  who, standing(outcome));
    if (const auto id = number(outcome, "incident"); !id.empty()) {
      out += fmt::format(fmt::runtime(t("事案 {}", " Incident {}.")), id);
    }
    return out + '\n';
  }

  std::string recovery_code(const json::value& code) {
    return fmt::format(
        fmt::runtime(
            t("復旧コード: {}\n期限: {}\nこの 1 回しか表示されません。本人に直接伝えてください。\n",
              "recovery code: {}\nvalid until: {}\nIt is shown only once. Tell it to the "
              "owner in person.\n")),
        word(code, "code"), time(code, "expires"));
  }

  std::string incidents(const json::value& page) {
    Rows rows = {{t("番号", "id"), t("状態", "state"), t("対象", "subject"), t("段階", "standing"),
                  t("発生", "opened"), t("概要", "summary")}};
    for (const auto& item : items(page)) {
      rows.push_back({number(item, "id"), state(item), subject_of(item), standing(item),
                      time(item, "opened"), text_of(item, "summary")});
    }
    return table(rows) + total(page, rows.size() - 1);
  }

  // What a step does, and its name in the settings, the API and the pages.
  std::string step_name(const std::string& kind) const {
    struct Words {
      std::string_view kind;
      const char* ja;
      const char* en;
    };
    static constexpr Words k_words[] = {
        {"write_guard", "遮断表に書く", "write the block list"},
        {"flush_auth_cache", "認証キャッシュを消す", "flush cached logins"},
        {"kick_sessions", "接続中のセッションを切る", "end open sessions"},
        {"suspend_app_passwords", "アプリ用パスワードを止める", "stop app passwords"},
        {"hold_queued", "送信待ちのメールを保留する", "hold queued mail"},
        {"pause_forwards", "新しい転送を止める", "pause new forwards"},
        {"resume_app_passwords", "アプリ用パスワードを戻す", "put app passwords back"},
        {"requeue_waiting", "待っていたメールを再開する", "let waiting mail go on"},
        {"stop_server_sending", "サーバー全体の送信を止める", "stop the server's sending"},
        {"start_server_sending", "サーバー全体の送信を再開する", "resume the server's sending"},
        {"notify", "関係者に知らせる", "tell people"},
    };
    const auto* words = std::ranges::find(k_words, kind, &Words::kind);
    if (words == std::end(k_words)) return kind;
    return fmt::format("{} ({})", t(words->ja, words->en), kind);
  }

  std::string incident(const json::value& incident) {
    std::string out = incident_head(incident);
    if (const auto* steps = find(incident, "steps");
        steps != nullptr && steps->is_array() && !steps->get_array().empty()) {
      Rows rows = {{t("作業", "step"), t("状態", "state"), t("時刻", "when"), ""}};
      for (const auto& step : steps->get_array()) {
        // Steps done by earlier versions say in `detail` what was done.
        const auto done = text_of(step, "done");
        rows.push_back({step_name(word(step, "kind")), state(step), time(step, "changed"),
                        done.empty() ? word(step, "detail") : done});
      }
      out += '\n' + table(rows);
    }
    if (const auto* notes = find(incident, "notes"); notes != nullptr && notes->is_array()) {
      for (const auto& note : notes->get_array()) {
        const auto words = text_of(note, "words");
        out += fmt::format("\n{}  {}\n{}\n", time(note, "t"), word(note, "who"),
                           words.empty() ? word(note, "why") : words);
      }
    }
    return out;
  }

  std::string closed(const json::value& incident) {
    return fmt::format(
        fmt::runtime(t("事案 {} を終わりにしました。\n", "incident {} is closed.\n")),
        number(incident, "id"));
  }
  std::string noted(const json::value& entry) {
    return fmt::format(fmt::runtime(t("事案 {} に書き込みました。\n", "noted with incident {}.\n")),
                       number(entry, "incident"));
  }

  std::string holds(const json::value& page) {
    const auto list = items(page);
    return holds_table(list) + total(page, list.size());
  }
  std::string hold_ended(const json::value& hold) {
    return fmt::format(fmt::runtime(t("{}: {}(宛先 {} 件、{})\n", "{}: {} ({} recipients, {})\n")),
                       word(hold, "queue_id"), state(hold), number(hold, "recipients"),
                       word(hold, "account"));
  }

  std::string health(const json::value& report) {
    std::string out;
    if (flag(report, "bypass")) {
      out += t("注意: すべての制限が外れています(bypass on)。\n",
               "Note: every restriction is lifted (bypass on).\n");
    }
    Rows rows = {{t("部分", "part"), t("状態", "level"), t("説明", "verdict")}};
    for (const auto& item : items(report)) {
      rows.push_back({word(item, "name"), level(item), text_of(item, "verdict")});
      if (const auto advice = text_of(item, "advice"); !advice.empty()) {
        rows.push_back({"", "", "→ " + advice});
      }
    }
    return out + table(rows);
  }

  std::string released(const json::value& report) {
    return fmt::format(fmt::runtime(t("保留していたメールを {} 通送りました。失敗: {} 通\n",
                                      "released {} held messages; {} failed\n")),
                       number(report, "released"), number(report, "failed"));
  }
  std::string bypass(const json::value& answer) {
    return flag(answer, "bypass")
               ? t("すべての制限を外しました。元に戻すには「sekimori bypass off」を実行してください。\n",
                   "Every restriction is lifted. 'sekimori bypass off' puts them back.\n")
               : t("制限を元に戻しました。\n", "Restrictions are in force again.\n");
  }

  std::string error(int status, const json::value& answer) {
    const auto* error = find(answer, "error");
    if (error == nullptr) return fmt::format("HTTP {}", status);
    std::string out = word(*error, given_.language == Language::ja ? "message_ja" : "message_en");
    if (const auto detail = word(*error, "detail"); !detail.empty()) {
      out += fmt::format(fmt::runtime(t("({})", " ({})")), detail);
    }
    return out + printed_error_details(given_, *error) + printed_rule_lines(given_, *error);
  }

 private:
  [[nodiscard]] std::string state(const json::value& of) const {
    return state_word(word(of, "state"), given_.language);
  }
  [[nodiscard]] std::string level(const json::value& item) const {
    std::string word_en = word(item, "level");
    if (given_.language == Language::en) return word_en;
    return word_en == "ok" ? "正常" : word_en == "warning" ? "注意" : "異常";
  }
  [[nodiscard]] std::string subject_of(const json::value& of) const {
    const auto* subject = find(of, "subject");
    if (subject == nullptr) return "";
    const auto id = word(*subject, "id");
    return id.empty() ? t("サーバー全体", "server") : id;
  }
  [[nodiscard]] std::string holds_table(const json::array& list) const {
    Rows rows = {{t("キュー ID", "queue id"), t("状態", "state"), t("アカウント", "account"),
                  t("宛先", "rcpts"), t("疑い", "ln R"), t("保留した時刻", "held at"),
                  t("解放の予定", "released at"), t("理由", "reason")}};
    for (const auto& hold : list) {
      rows.push_back({word(hold, "queue_id"), state(hold), word(hold, "account"),
                      number(hold, "recipients"), number(hold, "log_r"), time(hold, "held_at"),
                      time(hold, "release_at"), text_of(hold, "reason")});
    }
    return table(rows);
  }
  [[nodiscard]] std::string incident_head(const json::value& incident) const {
    Rows rows = {{t("事案", "incident"), number(incident, "id") + "  " + state(incident)},
                 {t("対象", "subject"), subject_of(incident)},
                 {t("発生", "opened"), time(incident, "opened")},
                 {t("段階", "standing"), standing(incident)},
                 {t("疑い", "ln R"), number(incident, "log_r")},
                 {t("概要", "summary"), text_of(incident, "summary")}};
    if (const auto onset = time(incident, "onset"); !onset.empty()) {
      rows.insert(rows.begin() + 3, {t("兆候の始まり", "onset"), onset});
    }
    if (const auto end = time(incident, "closed"); !end.empty()) {
      rows.insert(rows.begin() + 3, {t("終了", "closed"), end});
    }
    std::string out = table(rows);
    const auto* evidence = find(incident, "evidence");
    if (evidence != nullptr && evidence->is_array() && !evidence->get_array().empty()) {
      out += t("\n根拠(強い順)\n", "\nevidence, strongest first\n");
      Rows lines;
      for (const auto& line : evidence->get_array()) {
        lines.push_back({fmt::format("  {:>6} nats", number(line, "nats")), word(line, "channel"),
                         text_of(line, "text")});
      }
      out += table(lines);
    }
    return out;
  }
};

using Form = std::string (Printer::*)(const json::value&);
struct FormOf {
  std::string_view command;
  Form form;
};
constexpr FormOf k_forms[] = {
    {"account list", &Printer::accounts},
    {"account show", &Printer::account},
    {"account restrict", &Printer::standing_outcome},
    {"account suspend", &Printer::standing_outcome},
    {"account restore", &Printer::standing_outcome},
    {"account recovery-code", &Printer::recovery_code},
    {"domain restrict", &Printer::standing_outcome},
    {"domain suspend", &Printer::standing_outcome},
    {"domain restore", &Printer::standing_outcome},
    {"server stop-sending", &Printer::standing_outcome},
    {"server resume-sending", &Printer::standing_outcome},
    {"incident list", &Printer::incidents},
    {"incident show", &Printer::incident},
    {"incident close", &Printer::closed},
    {"incident note", &Printer::noted},
    {"hold list", &Printer::holds},
    {"hold release", &Printer::hold_ended},
    {"hold delete", &Printer::hold_ended},
    {"health", &Printer::health},
    {"release-all", &Printer::released},
    {"bypass", &Printer::bypass},
};

}  // namespace

std::string printed_answer(const Invocation& given, std::string_view body) {
  boost::system::error_code broken;
  const json::value answer = json::parse(body, broken);
  if (!broken) {
    if (auto printed = printed_recovery_answer(given, answer)) return *printed;
    if (auto printed = printed_approval_answer(given, answer)) return *printed;
    if (auto printed = printed_encryption_answer(given, answer)) return *printed;
    if (auto printed = printed_account_desk_answer(given, answer)) return *printed;
    if (auto printed = printed_queue_answer(given, answer)) return *printed;
    if (auto printed = printed_report_answer(given, answer)) return *printed;
    if (auto printed = printed_operator_answer(given, answer)) return *printed;
    if (auto printed = printed_aftermath_answer(given, answer)) return *printed;
    if (auto printed = printed_rule_answer(given, answer)) return *printed;
    if (auto printed = printed_way_answer(given, answer)) return *printed;
    if (auto printed = printed_ban_answer(given, answer)) return *printed;
    for (const FormOf& form : k_forms) {
      if (given.command == form.command) return (Printer(given).*form.form)(answer);
    }
  }
  return std::string(body) + '\n';
}

std::string printed_error(const Invocation& given, int status, std::string_view body) {
  boost::system::error_code broken;
  const json::value answer = json::parse(body, broken);
  return Printer(given).error(status, broken ? json::value() : answer);
}

}  // namespace sekimori::app
