#include "app/cli_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/cli_answer.h"
#include "store/files.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

// As the largest body that the API may be set to take.
constexpr std::size_t k_list_file_max = std::size_t{64} * 1024 * 1024;

// Whose, for what, why and until when.
Result<json::object> terms(const Invocation& given, Instant now) {
  json::object body;
  for (const auto& [key, text] :
       {std::pair("action", &given.rule.action), std::pair("use", &given.rule.use),
        std::pair("account", &given.account), std::pair("domain", &given.domain),
        std::pair("reason", &given.reason)}) {
    if (!text->empty()) body[key] = *text;
  }
  const auto expires = parse_expiry(given.expires, now);
  if (!expires) return std::unexpected(expires.error());
  if (expires->is_set()) body["expires"] = format_instant(*expires);
  return body;
}

Result<ApiRequestText> put_rule(const Invocation& given, Instant now) {
  auto body = terms(given, now);
  if (!body) return std::unexpected(body.error());
  (*body)["network"] = given.subject;
  (*body)["action"] = given.command == "ip allow" ? "allow" : "deny";
  return ApiRequestText{"POST", "/api/v1/ip-rules", json::serialize(*body)};
}

Result<ApiRequestText> import_rules(const Invocation& given, Instant now) {
  auto body = terms(given, now);
  if (!body) return std::unexpected(body.error());
  const auto lines =
      store::read_file(given.subject == "-" ? "/dev/stdin" : given.subject, k_list_file_max);
  if (!lines) return std::unexpected(lines.error());
  (*body)["lines"] = *lines;
  if (given.rule.partial) (*body)["partial"] = true;
  if (given.rule.dry_run) (*body)["dry_run"] = true;
  return ApiRequestText{"POST", "/api/v1/ip-rules/bulk", json::serialize(*body)};
}

std::string list_target(const Invocation& given) {
  std::string out = fmt::format("/api/v1/ip-rules?limit={}", given.limit);
  for (const auto& [key, text] :
       {std::pair("search", &given.search), std::pair("action", &given.rule.action),
        std::pair("use", &given.rule.use), std::pair("kind", &given.rule.kind),
        std::pair("account", &given.account), std::pair("domain", &given.domain),
        std::pair("sort", &given.rule.sort)}) {
    if (!text->empty()) out += fmt::format("&{}={}", key, web::percent_encode(*text));
  }
  return out;
}

std::string check_target(const Invocation& given) {
  std::string out = fmt::format("/api/v1/ip-check?address={}", web::percent_encode(given.subject));
  for (const auto& [key, text] :
       {std::pair("account", &given.account), std::pair("domain", &given.domain),
        std::pair("use", &given.rule.use)}) {
    if (!text->empty()) out += fmt::format("&{}={}", key, web::percent_encode(*text));
  }
  return out;
}

class RulePrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string rules(const json::value& page) const {
    const auto list = items(page);
    return rows_of(list) + total(page, list.size());
  }
  [[nodiscard]] std::string rule(const json::value& rule) const {
    std::string out =
        fmt::format("{}: {} ({}, {})", word(rule, "network"), action(rule), whose(rule), use(rule));
    if (const auto until = time(rule, "expires"); !until.empty()) {
      out += fmt::format(fmt::runtime(t("({} まで)", " (until {})")), until);
    }
    return out + '\n';
  }
  [[nodiscard]] std::string gone(const json::value& rule) const {
    return fmt::format(fmt::runtime(t("{}: 規則を取り除きました。\n", "{}: the rule is gone.\n")),
                       word(rule, "network"));
  }
  [[nodiscard]] std::string imported(const json::value& answer) const {
    const char* form =
        flag(answer, "dry_run")
            ? t("{} 件を登録できます(重複 {} 件、規則でない行 {} 件)。何も変えていません。\n",
                "{} rules could be taken ({} repeated, {} lines that are no rules). Nothing was "
                "changed.\n")
            : t("{} 件を登録しました(重複 {} 件、規則でない行 {} 件)。\n",
                "{} rules taken ({} repeated, {} lines that are no rules).\n");
    return fmt::format(fmt::runtime(form), number(answer, "added"), number(answer, "repeated"),
                       number(answer, "refused")) +
           lines(answer);
  }
  [[nodiscard]] std::string lines(const json::value& of) const {
    std::string out;
    for (const auto& line : list(of, "lines")) {
      out += fmt::format(fmt::runtime(t("{} 行目「{}」: {}\n", "line {} '{}': {}\n")),
                         number(line, "line"), word(line, "text"), text_of(line, "words"));
    }
    return out;
  }
  [[nodiscard]] std::string check(const json::value& answer) const {
    std::string out = word(answer, "address");
    if (const auto country = word(answer, "country"); !country.empty()) out += " " + country;
    if (const auto asn = number(answer, "asn"); !asn.empty() && asn != "0") out += " AS" + asn;
    out +=
        fmt::format("\n{}\n", word(answer, given_.language == Language::ja ? "why_ja" : "why_en"));
    const auto matching = list(answer, "rules");
    if (!matching.empty()) out += '\n' + rows_of(matching);
    return out;
  }

 private:
  [[nodiscard]] std::string rows_of(const json::array& list) const {
    Rows rows = {{t("番号", "id"), t("対象", "network"), t("規則", "rule"), t("範囲", "for"),
                  t("用途", "use"), t("適用", "hits"), t("期限", "expires"), t("設定者", "by"),
                  t("理由", "reason")}};
    for (const auto& item : list) {
      rows.push_back({number(item, "id"), word(item, "network"), action(item), whose(item),
                      use(item), number(item, "hits"), time(item, "expires"), word(item, "by"),
                      word(item, "reason")});
    }
    return table(rows);
  }
  [[nodiscard]] std::string action(const json::value& rule) const {
    return word(rule, "action") == "allow" ? t("許可", "allow") : t("拒否", "deny");
  }
  [[nodiscard]] std::string whose(const json::value& rule) const {
    const auto subject = word(rule, "subject");
    return subject.empty() ? t("サーバー全体", "the server") : subject;
  }
  [[nodiscard]] std::string use(const json::value& rule) const {
    const auto found = word(rule, "use");
    if (found == "receive") return t("受信", "receiving");
    if (found == "login") return t("サインイン", "sign-ins");
    return t("受信とサインイン", "both");
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> rule_request(const Invocation& given, Instant now) {
  if (given.command == "ip list") return ApiRequestText{"GET", list_target(given), ""};
  if (given.command == "ip allow" || given.command == "ip deny") return put_rule(given, now);
  if (given.command == "ip import") return import_rules(given, now);
  if (given.command == "ip check") return ApiRequestText{"GET", check_target(given), ""};
  if (given.command != "ip unblock") return std::nullopt;
  const bool is_number = !given.subject.empty() && std::ranges::all_of(given.subject, [](char c) {
    return c >= '0' && c <= '9';
  });
  if (is_number) return ApiRequestText{"DELETE", "/api/v1/ip-rules/" + given.subject, ""};
  return ApiRequestText{"DELETE", "/api/v1/ip-rules?network=" + web::percent_encode(given.subject),
                        ""};
}

std::optional<std::string> printed_rule_answer(const Invocation& given, const json::value& answer) {
  const RulePrinter printer(given);
  if (given.command == "ip list") return printer.rules(answer);
  if (given.command == "ip allow" || given.command == "ip deny") return printer.rule(answer);
  if (given.command == "ip unblock") return printer.gone(answer);
  if (given.command == "ip import") return printer.imported(answer);
  if (given.command == "ip check") return printer.check(answer);
  return std::nullopt;
}

std::string printed_rule_lines(const Invocation& given, const json::value& error) {
  const auto out = RulePrinter(given).lines(error);
  return out.empty() ? "" : '\n' + out.substr(0, out.size() - 1);
}

bool rules_in_part(const Invocation& given, std::string_view body) {
  if (given.command != "ip import") return false;
  boost::system::error_code broken;
  const auto answer = json::parse(body, broken);
  if (broken || !answer.is_object()) return false;
  const auto* refused = answer.get_object().if_contains("refused");
  return refused != nullptr && refused->is_number() && refused->to_number<std::uint64_t>() > 0;
}

}  // namespace sekimori::app
