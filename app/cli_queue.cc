#include "app/cli_queue.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/cli_answer.h"
#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_print.h"
#include "app/installation.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

class QueuePrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string queue(const json::value& answer) const {
    Rows sums = {
        {t("場所", "part"), t("通数", "messages"), t("宛先", "recipients"), t("大きさ", "bytes")}};
    for (const auto& sum : list(answer, "parts")) {
      if (number(sum, "messages") == "0") continue;
      sums.push_back({part(word(sum, "part")), number(sum, "messages"), number(sum, "recipients"),
                      number(sum, "bytes")});
    }
    std::string more;
    if (const auto unknown = number(answer, "not_looked_at"); unknown != "0") {
      more = fmt::format(
          fmt::runtime(t("だれが送ったかをまだ調べていないメールが {} 通あります。"
                         "もう一度実行すると続きを調べます。\n",
                         "{} queued messages are not looked at yet; run it again to go on.\n")),
          unknown);
    }
    if (sums.size() == 1) {
      return t("送信待ちのメールはありません。\n", "No mail of this account is queued.\n") + more;
    }
    Rows rows = {{t("キュー ID", "queue id"), t("場所", "part"), t("受付", "arrived"),
                  t("大きさ", "bytes"), t("宛先", "recipients"), t("最初の宛先", "first one"),
                  t("理由・件名", "reason, subject")}};
    for (const auto& item : items(answer)) {
      auto words = text_of(item, "reason");
      if (const auto subject = word(item, "subject"); !subject.empty()) {
        words += (words.empty() ? "" : " | ") + subject;
      }
      rows.push_back({word(item, "queue_id"), part(word(item, "part")), time(item, "arrival"),
                      number(item, "size"), number(item, "recipients"),
                      word(item, "first_recipient"), words});
    }
    return table(sums) + '\n' + table(rows) + total(answer, rows.size() - 1) + more;
  }

  [[nodiscard]] std::string changed(const json::value& report) const {
    const std::string_view action = std::string_view(given_.command).substr(6);
    const char* words =
        action == "hold"
            ? t("{} 通({} 宛先)を保留しました。", "{} messages to {} recipients are held.")
        : action == "release"
            ? t("{} 通({} 宛先)の保留を解きました。", "{} messages to {} recipients were let go.")
            : t("{} 通({} 宛先)を削除しました。", "{} messages to {} recipients were deleted.");
    std::string out =
        fmt::format(fmt::runtime(words), number(report, "done"), number(report, "recipients"));
    const auto add = [&](const char* key, const char* ja, const char* en) {
      if (const auto n = number(report, key); n != "0")
        out += fmt::format(fmt::runtime(t(ja, en)), n);
    };
    add("gone", "{} 通はキューにないか、このアカウントのメールではありません。",
        " {} are queued no more, or are not this account's.");
    add("failed", "{} 通は失敗しました。", " {} failed.");
    add("remaining", "{} 通が残っています。", " {} remain.");
    return out + '\n';
  }

 private:
  [[nodiscard]] std::string part(const std::string& name) const {
    if (name == "hold") return t("保留", "hold");
    if (name == "deferred") return t("再送待ち", "deferred");
    if (name == "active") return t("送信中", "active");
    return t("受付中", "incoming");
  }
};

std::uint64_t count(const json::value& of, std::string_view key) {
  const auto* value = of.is_object() ? of.get_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

}  // namespace

std::optional<Result<ApiRequestText>> queue_request(const Invocation& given) {
  if (!given.command.starts_with("queue ")) return std::nullopt;
  const auto path = fmt::format("/api/v1/accounts/{}/queue", web::percent_encode(given.subject));
  const std::string action = given.command.substr(6);
  if (action == "list") {
    return ApiRequestText{
        "GET",
        fmt::format("{}?limit={}{}{}", path, given.limit,
                    given.state.empty() ? "" : "&part=" + web::percent_encode(given.state),
                    given.subjects ? "&subjects=true" : ""),
        ""};
  }
  if (given.all != given.targets.empty()) {
    return bad_input("name the messages by their queue ids, or say --all");
  }
  json::object body;
  if (given.all) {
    body["all"] = true;
  } else {
    body["ids"] = json::array(given.targets.begin(), given.targets.end());
  }
  if (!given.reason.empty()) body["reason"] = given.reason;
  return ApiRequestText{"POST", path + '/' + action, json::serialize(body)};
}

std::optional<std::string> printed_queue_answer(const Invocation& given,
                                                const json::value& answer) {
  if (!given.command.starts_with("queue ")) return std::nullopt;
  const QueuePrinter printer(given);
  return given.command == "queue list" ? printer.queue(answer) : printer.changed(answer);
}

Exit run_queue_command(const Invocation& given) {
  const auto request = api_request(given, system_now());
  if (!request) {
    print_failure(given, request.error());
    return Exit::usage;
  }
  auto loaded = load_settings(given);
  if (!loaded) {
    print_failure(given, loaded.error());
    return Exit::refused;
  }
  auto api = Api::connect(loaded->settings);
  if (!api) {
    print_failure(given, api.error());
    return Exit::refused;
  }
  const bool shows = ::isatty(STDERR_FILENO) == 1 && !given.json;
  json::object sum{
      {"done", 0U}, {"recipients", 0U}, {"gone", 0U}, {"failed", 0U}, {"remaining", 0U}};
  // Each request answers within seconds, however long the queue is.
  while (true) {
    const auto answer = (*api)->call(request->method, request->target, request->body);
    if (!answer) {
      print_failure(given, answer.error());
      return Exit::refused;
    }
    boost::system::error_code broken;
    const auto report = json::parse(answer->body, broken);
    if (answer->status != 200 || broken || !report.is_object()) {
      if (given.json) {
        fmt::print("{}\n", answer->body);
      } else {
        fmt::print(stderr, "{}\n", printed_error(given, answer->status, answer->body));
      }
      const Exit exit = exit_of(answer->status);
      return exit == Exit::done ? Exit::refused : exit;
    }
    for (const char* key : {"done", "recipients"}) sum[key] = count(sum, key) + count(report, key);
    for (const char* key : {"gone", "failed", "remaining"}) sum[key] = count(report, key);
    if (shows)
      fmt::print(stderr, "\r{} / {}\x1b[K", count(sum, "done"),
                 count(sum, "done") + count(sum, "remaining"));
    if (count(report, "remaining") == 0 || count(report, "done") == 0) break;
  }
  if (shows) fmt::print(stderr, "\r\x1b[K");
  if ((*api)->in_process()) {
    if (auto kept = (*api)->keep(); !kept) print_failure(given, kept.error());
  }
  fmt::print("{}{}", given.json ? json::serialize(sum) : *printed_queue_answer(given, sum),
             given.json ? "\n" : "");
  const bool in_part = count(sum, "failed") + count(sum, "remaining") > 0;
  if (count(sum, "done") == 0 && count(sum, "gone") > 0) return Exit::refused;
  return in_part || count(sum, "gone") > 0 ? Exit::in_part : Exit::done;
}

}  // namespace sekimori::app
