#include "app/cli_approvals.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

// "20000", "20k", "2M": bytes by the thousand, as mail programs show them.
Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::uint64_t k_most = 4'000'000;  // MB: far beyond what any server takes
  if (error == std::errc() && n <= k_most * 1'000'000) {
    if (unit.empty()) return n;
    if (unit == "k" && n <= k_most * 1'000) return n * 1'000;
    if (unit == "M" && n <= k_most) return n * 1'000'000;
  }
  return bad_input(fmt::format("'{}' is no size: write 20000, 20k or 2M", text));
}

Result<void> put_sizes(json::object& body, std::string_view range) {
  if (range.empty()) return {};
  const auto dash = range.find('-');
  if (dash == std::string_view::npos) {
    return bad_input(fmt::format("'{}' is no range of sizes: write 10k-200k", range));
  }
  const auto low = parse_size(range.substr(0, dash));
  if (!low) return std::unexpected(low.error());
  const auto high = parse_size(range.substr(dash + 1));
  if (!high) return std::unexpected(high.error());
  body["size_min"] = *low;
  body["size_max"] = *high;
  return {};
}

Result<ApiRequestText> approve(const Invocation& given, Instant now) {
  const ApprovalWords& words = given.approval;
  json::object body{{"recipients", words.recipients}};
  if (words.per_message != 0) body["per_message"] = words.per_message;
  if (auto done = put_sizes(body, words.size); !done) return std::unexpected(done.error());
  for (const auto& [key, text] :
       {std::pair("from", &words.from), std::pair("until", &words.until)}) {
    const auto t = parse_expiry(*text, now);
    if (!t) return std::unexpected(t.error());
    if (t->is_set()) body[key] = format_instant(*t);
  }
  for (const auto& [key, text] :
       {std::pair("network", &words.network), std::pair("repeat", &words.repeat),
        std::pair("start", &words.start), std::pair("zone", &words.zone),
        std::pair("reason", &given.reason)}) {
    if (!text->empty()) body[key] = *text;
  }
  json::array days;
  for (std::string_view rest = words.days; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(','));
    days.emplace_back(word);
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  if (!days.empty()) body["days"] = std::move(days);
  if (words.minutes != 0) body["minutes"] = words.minutes;
  return ApiRequestText{
      "POST", fmt::format("/api/v1/accounts/{}/approvals", web::percent_encode(given.subject)),
      json::serialize(body)};
}

class ApprovalPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string approvals(const json::value& page) const {
    Rows rows = {{t("番号", "id"), t("状態", "state"), t("使用", "used"), t("次回", "next"),
                  t("期限", "until"), t("承認した人", "by"), t("内容", "what")}};
    std::string notes;
    for (const auto& item : items(page)) {
      const auto* used = find(item, "used");
      rows.push_back(
          {number(item, "id"), state(item),
           used == nullptr
               ? ""
               : fmt::format("{}/{}", number(*used, "recipients"), number(item, "recipients")),
           next(item), time(item, "until"), word(item, "created_by"), text_of(item, "text")});
      if (const auto why = text_of(item, "cause_text");
          word(item, "state") == "suspended" && !why.empty()) {
        notes += fmt::format("{}: {}\n", number(item, "id"), why);
      }
    }
    if (rows.size() == 1) return t("承認はありません。\n", "There are no approvals.\n");
    return table(rows) + notes;
  }

  [[nodiscard]] std::string approval(const json::value& a) const {
    return fmt::format(fmt::runtime(t("承認 {}({}): {}。{}\n", "Approval {} ({}): {}. {}\n")),
                       number(a, "id"), word(a, "account"), state(a), text_of(a, "text"));
  }

  [[nodiscard]] std::string suggestions(const json::value& page) const {
    std::string out;
    for (const auto& item : items(page)) out += text_of(item, "text") + '\n';
    if (out.empty()) return t("おすすめする承認はありません。\n", "There is nothing to suggest.\n");
    return out;
  }

 private:
  [[nodiscard]] std::string state(const json::value& a) const {
    const auto word_of = word(a, "state");
    if (word_of == "active") return t("有効", "active");
    if (word_of == "suspended") return t("一時停止", "suspended");
    return t("終了", "ended");
  }
  [[nodiscard]] std::string next(const json::value& a) const {
    if (!word(a, "open_since").empty()) return t("いま有効", "now");
    return time(a, "opens_next");
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> approval_request(const Invocation& given, Instant now) {
  const auto subject = web::percent_encode(given.subject);
  if (given.command == "account approve") return approve(given, now);
  if (given.command == "account approvals") {
    return ApiRequestText{"GET", fmt::format("/api/v1/accounts/{}/approvals", subject), ""};
  }
  if (given.command == "account approval-suggestions") {
    return ApiRequestText{"GET", fmt::format("/api/v1/accounts/{}/approval-suggestions", subject),
                          ""};
  }
  const bool end = given.command == "account approval-end";
  if (!end && given.command != "account approval-resume") return std::nullopt;
  json::object body;
  if (!given.reason.empty()) body["reason"] = given.reason;
  return ApiRequestText{"POST",
                        fmt::format("/api/v1/approvals/{}/{}", subject, end ? "end" : "resume"),
                        json::serialize(body)};
}

std::optional<std::string> printed_approval_answer(const Invocation& given,
                                                   const json::value& answer) {
  const ApprovalPrinter printer(given);
  if (given.command == "account approvals") return printer.approvals(answer);
  if (given.command == "account approval-suggestions") return printer.suggestions(answer);
  if (given.command == "account approve" || given.command == "account approval-end" ||
      given.command == "account approval-resume") {
    return printer.approval(answer);
  }
  return std::nullopt;
}

}  // namespace sekimori::app
