#include "app/cli_aftermath.h"

#include <fmt/format.h>

#include "app/cli_answer.h"
#include "store/files.h"
#include "web/aftermath.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

class AftermathPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string waiting(const json::value& view) const {
    Rows rows = {{t("状態", "state"), t("差出人", "sender"), t("場所", "where"),
                  t("大きさ", "size"), t("最初", "first"), t("最後", "last"), t("回数", "tries"),
                  t("期限", "gives up")}};
    for (const auto& message : list(view, "messages")) {
      const bool here = word(message, "place") == "here";
      std::string where = here
                              ? t("このサーバーのキュー ", "our queue ") + word(message, "queue_id")
                              : word(message, "client");
      if (flag(message, "estimated")) where += t("(推定)", " (estimated)");
      const auto sender = word(message, "sender");
      const bool waits = word(message, "state") == "waiting";
      rows.push_back({state(message), sender.empty() ? "<>" : sender, where,
                      number(message, "size"), time(message, "first"), time(message, "last"),
                      number(message, "tries"),
                      waits ? time(message, "gives_up") : time(message, "ended")});
    }
    std::string out = rows.size() == 1 ? "" : table(rows);
    out += text_of(view, "summary") + '\n';
    if (const auto first = time(view, "gives_up"); !first.empty()) {
      out += fmt::format(fmt::runtime(t("最初の 1 通は {} ごろ差し戻される見込みです。\n",
                                        "The first will be given up at about {}.\n")),
                         first);
    }
    if (const auto more = number(view, "uncounted_tries"); more != "0" && !more.empty()) {
      out += fmt::format(
          fmt::runtime(t("ほかに {} 回の配達の試みがありました(1 通ずつは数えていません)。\n",
                         "{} further tries are not told apart as messages.\n")),
          more);
    }
    return out;
  }

  [[nodiscard]] std::string all_waiting(const json::value& page) const {
    Rows rows = {{t("アカウント", "account"), t("待ち", "waiting"), t("到着", "arrived"),
                  t("未着", "lost"), t("最初の期限", "first gives up")}};
    for (const auto& view : items(page)) {
      rows.push_back({word(view, "account"), number(view, "waiting"), number(view, "arrived"),
                      number(view, "given_up"), time(view, "gives_up")});
    }
    if (rows.size() == 1) return t("待っているメールはありません。\n", "No mail waits.\n");
    return table(rows);
  }

  [[nodiscard]] std::string damage(const json::value& r) const {
    const auto& mail = part(r, "mail");
    const auto& fates = part(mail, "fates");
    const auto& own = part(r, "own_mail");
    const auto& reading = part(r, "reading");
    std::string out = text_of(r, "summary") + "\n\n";
    Rows head = {
        {t("アカウント", "account"), word(r, "account")},
        {t("始まり", "began"), time(r, "onset")},
        {t("封じ込め", "contained"), time(r, "contained")},
        {t("不審なメール", "messages"), number(mail, "messages")},
        {t("宛先", "recipients"), number(mail, "recipients")},
        {t("届いた", "delivered"), number(fates, "delivered")},
        {t("配達待ち", "deferred"), number(fates, "deferred")},
        {t("差し戻し", "bounced"), number(fates, "bounced")},
        {t("保留・拒否・削除", "held, refused, deleted"),
         fmt::format("{}, {}, {}", number(fates, "held"), number(fates, "refused"),
                     number(fates, "deleted"))},
        {t("封じ込めまでに出た宛先", "let through until then"),
         number(mail, "recipients_until_contained")},
        {t("本人のものとみたメール", "taken as the owner's"), number(own, "messages")},
        {t("読まれた・消された", "fetched, deleted"),
         fmt::format("{}, {}", number(reading, "fetched"), number(reading, "deleted"))},
        {t("うち送信済みメールの削除", "of them sent mail deleted"),
         number(reading, "sent_expunged")},
        {t("受信者からの苦情", "complaints"), fmt::format("{}", list(r, "complaints").size())}};
    out += table(head);
    Rows places = {{t("アドレス", "address"), t("国", "country"), t("成功", "in"),
                    t("失敗・拒否", "refused"), t("送信", "messages"), t("最初", "first"),
                    t("最後", "last")}};
    for (const auto& place : list(r, "places")) {
      places.push_back(
          {word(place, "ip"), word(place, "country"), number(place, "sign_ins"),
           fmt::format("{}+{}", number(place, "bad_passwords"), number(place, "refused")),
           number(place, "messages"), time(place, "first"), time(place, "last")});
    }
    if (places.size() > 1) out += '\n' + table(places);
    Rows late = {{t("遅れた利用者", "delayed"), t("遅れた配達", "late"),
                  t("まだ届いていない", "unfinished"), t("最長(秒)", "longest (s)"),
                  t("ふだん(秒)", "usual (s)")}};
    for (const auto& one : list(part(r, "neighbours"), "delayed")) {
      late.push_back({word(one, "account"), number(one, "delayed"), number(one, "unfinished"),
                      number(one, "longest_seconds"), number(one, "usual_seconds")});
    }
    if (late.size() > 1) out += '\n' + table(late);
    const auto services = list(r, "services");
    if (!services.empty()) {
      out += fmt::format("\n{}\n", t("ほかに確かめたいサービス:", "What else may be theirs:"));
      for (const auto& service : services) {
        out += fmt::format("  [ ] {}  {}  {}\n", text_of(service, "name"), word(service, "domain"),
                           time(service, "first"));
      }
    }
    out += '\n';
    for (const auto& moment : list(r, "timeline")) {
      out += fmt::format("{}  {}\n", time(moment, "t"), text_of(moment, "text"));
    }
    return out;
  }

  [[nodiscard]] std::string note(const json::value& outcome) const {
    const auto* subject = find(outcome, "subject");
    const auto* body = find(outcome, "body");
    std::string out;
    if (subject != nullptr && subject->is_string() && body != nullptr && body->is_string()) {
      out += fmt::format("{}\n\n{}\n\n", word(outcome, "subject"), lines_of(body->get_string()));
    }
    out += fmt::format(
        fmt::runtime(t("届いた方 {} 件。送信待ち {}、送信済み {}、失敗 {}、送信済みか不明 {}。\n",
                       "{} people received something: {} notes wait, {} sent, {} failed, {} "
                       "perhaps sent.\n")),
        number(outcome, "addressees"), number(outcome, "waiting"), number(outcome, "sent"),
        number(outcome, "failed"), number(outcome, "uncertain"));
    return out;
  }

 private:
  static const json::value& part(const json::value& of, std::string_view key) {
    static const json::value k_none;
    const auto* found = find(of, key);
    return found == nullptr ? k_none : *found;
  }
  // As it will be sent, harmless for a terminal line by line.
  static std::string lines_of(std::string_view text) {
    std::string out;
    while (!text.empty()) {
      const auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      out += harmless(line) + '\n';
    }
    return out;
  }
  [[nodiscard]] std::string state(const json::value& message) const {
    const auto word_of = word(message, "state");
    if (word_of == "waiting") return t("待ち", "waiting");
    if (word_of == "arrived") return t("到着", "arrived");
    return t("未着", "lost");
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> aftermath_request(const Invocation& given) {
  const auto subject = web::percent_encode(given.subject);
  if (given.command == "account waiting") {
    if (given.subject.empty()) return ApiRequestText{"GET", "/api/v1/waiting", ""};
    return ApiRequestText{"GET", fmt::format("/api/v1/accounts/{}/waiting", subject), ""};
  }
  if (given.command == "incident report") {
    return ApiRequestText{"GET", fmt::format("/api/v1/incidents/{}/damage", subject), ""};
  }
  if (given.command == "incident warn-recipients") {
    json::object body;
    if (given.send) body["send"] = true;
    if (!given.title.empty()) body["subject"] = given.title;
    if (!given.text_file.empty()) {
      auto text = store::read_file(given.text_file, web::k_note_body_max + 1);
      if (!text) return std::unexpected(text.error());
      body["body"] = *text;
    }
    if (!given.reason.empty()) body["reason"] = given.reason;
    return ApiRequestText{"POST", fmt::format("/api/v1/incidents/{}/note-to-recipients", subject),
                          json::serialize(body)};
  }
  return std::nullopt;
}

std::optional<std::string> printed_aftermath_answer(const Invocation& given,
                                                    const json::value& answer) {
  const AftermathPrinter printer(given);
  if (given.command == "account waiting") {
    return given.subject.empty() ? printer.all_waiting(answer) : printer.waiting(answer);
  }
  if (given.command == "incident report") return printer.damage(answer);
  if (given.command == "incident warn-recipients") return printer.note(answer);
  return std::nullopt;
}

}  // namespace sekimori::app
