#include "app/cli_encryption.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

std::string filter(const Invocation& given) {
  std::string out;
  const auto with = [&out](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    out += fmt::format("{}{}={}", out.empty() ? "?" : "&", key, web::percent_encode(value));
  };
  with("domain", given.domain);
  if (given.command == "encryption list") {
    with("search", given.search);
    with("limit", fmt::format("{}", given.limit));
    with("hit", given.check ? "true" : "");
  }
  return out;
}

// A day alone is taken as the day begins.
Result<std::string> day_or_time(const std::string& text, Instant now) {
  if (text.size() == 10 && text[4] == '-') return text;
  const auto t = parse_expiry(text, now);
  if (!t) return std::unexpected(t.error());
  return format_instant(*t);
}

class EncryptionPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string summary(const json::value& answer) const {
    std::string out = fmt::format(
        fmt::runtime(
            t("この {0} 日間に暗号化なしでサインインしたアカウント: {1}({2} 回){3}\n",
              "Accounts that signed in without encryption in {0} days: {1} ({2} times){3}\n")),
        number(answer, "days"), number(answer, "accounts"), number(answer, "sign_ins"),
        spark(answer));
    Rows rows = {{t("ドメイン", "domain"), t("アカウント", "accounts"), t("回数", "sign-ins"),
                  t("最後", "last"), t("止める日", "refused from"), t("理由", "why")}};
    for (const auto& one : list(answer, "domains")) {
      const auto* rule = find(one, "rule");
      const bool ruled = rule != nullptr && rule->is_object();
      rows.push_back({word(one, "domain"), number(one, "accounts"), number(one, "sign_ins"),
                      time(one, "last"), ruled ? time(*rule, "from") : "",
                      ruled ? word(*rule, "reason") : ""});
    }
    return rows.size() == 1 ? out : out + table(rows);
  }

  [[nodiscard]] std::string accounts(const json::value& page) const {
    Rows rows = {{t("アカウント", "account"), t("使い方", "used for"), t("回数", "sign-ins"),
                  t("最後", "last"), t("接続元", "from"), t("知らせた日", "told"),
                  t("例外", "excepted until")}};
    for (const auto& one : items(page)) {
      std::string services;
      for (const auto& service : list(one, "services")) {
        if (!service.is_string()) continue;
        services += (services.empty() ? "" : ",") + harmless(service.get_string());
      }
      const auto* exception = find(one, "exception");
      rows.push_back(
          {word(one, "account"), services, number(one, "sign_ins"), time(one, "last"),
           word(one, "ip"), time(one, "told"),
           exception != nullptr && exception->is_object() ? time(*exception, "until") : ""});
    }
    if (rows.size() == 1) {
      return t("暗号化なしのサインインはありません。\n", "Nobody signs in without encryption.\n");
    }
    return table(rows);
  }

  [[nodiscard]] std::string outcome(const json::value& answer) const {
    const auto* rule = find(answer, "rule");
    const auto* hit = find(answer, "hit");
    if (rule == nullptr || hit == nullptr) return "";
    std::string out = fmt::format(
        fmt::runtime(
            flag(answer, "dry_run")
                ? t("(試算のみ){} の暗号化なしのサインインを {} から止めた場合、次の {} "
                    "アカウントが使えなくなります。\n",
                    "(dry run) Refusing unencrypted sign-ins of {} from {} on would hit "
                    "{} accounts.\n")
                : t("{} の暗号化なしのサインインを {} から止めます。まだ使っているアカウント: "
                    "{}\n",
                    "Unencrypted sign-ins of {} are refused from {} on. Accounts that "
                    "still do it: {}\n")),
        word(*rule, "domain"), time(*rule, "from"), number(*hit, "total"));
    return items(*hit).empty() ? out : out + accounts(*hit);
  }

  [[nodiscard]] std::string exceptions(const json::value& page) const {
    Rows rows = {
        {t("アカウント", "account"), t("期限", "until"), t("理由", "why"), t("だれが", "by")}};
    for (const auto& one : items(page)) {
      rows.push_back(
          {word(one, "account"), time(one, "until"), word(one, "reason"), word(one, "by")});
    }
    if (rows.size() == 1) return t("例外はありません。\n", "There are no exceptions.\n");
    return table(rows);
  }

  [[nodiscard]] std::string exception(const json::value& one, bool ended) const {
    return fmt::format(fmt::runtime(ended ? t("{} の例外を終わりにしました。\n",
                                              "The exception of {} has ended.\n")
                                          : t("{} は {} まで暗号化なしでも使えます。\n",
                                              "{} may sign in unencrypted until {}.\n")),
                       word(one, "account"), time(one, "until"));
  }

  [[nodiscard]] std::string lifted(const json::value& rule) const {
    return fmt::format(fmt::runtime(t("{} の暗号化なしのサインインを止めません。\n",
                                      "Unencrypted sign-ins of {} are let in again.\n")),
                       word(rule, "domain"));
  }

 private:
  // The accounts of each day, the present one last.
  [[nodiscard]] static std::string spark(const json::value& answer) {
    constexpr std::array<const char*, 8> k_bars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::vector<std::uint64_t> counts;
    for (const auto& day : list(answer, "trend")) {
      const auto* n = find(day, "accounts");
      counts.push_back(n != nullptr && n->is_number() ? n->to_number<std::uint64_t>() : 0);
    }
    const auto most = counts.empty() ? 0 : *std::ranges::max_element(counts);
    if (most == 0) return "";
    std::string out = "  ";
    for (const auto n : counts) out += n == 0 ? " " : k_bars[(n * 7 + most - 1) / most];
    return out;
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> encryption_request(const Invocation& given, Instant now) {
  const std::string& command = given.command;
  if (!command.starts_with("encryption ")) return std::nullopt;
  const auto subject = web::percent_encode(given.subject);
  if (command == "encryption show") {
    return ApiRequestText{"GET", "/api/v1/encryption" + filter(given), ""};
  }
  if (command == "encryption list") {
    return ApiRequestText{"GET", "/api/v1/encryption/accounts" + filter(given), ""};
  }
  if (command == "encryption exceptions") {
    return ApiRequestText{"GET", "/api/v1/encryption/exceptions", ""};
  }
  if (command == "encryption lift") {
    return ApiRequestText{"DELETE",
                          fmt::format("/api/v1/encryption/rules?domain={}&reason={}", subject,
                                      web::percent_encode(given.reason)),
                          ""};
  }
  if (command == "encryption unexcept") {
    return ApiRequestText{"DELETE",
                          fmt::format("/api/v1/encryption/exceptions?account={}", subject), ""};
  }
  json::object body{{"reason", given.reason}};
  if (command == "encryption except") {
    auto until = day_or_time(given.until, now);
    if (!until) return std::unexpected(until.error());
    body["account"] = given.subject;
    body["until"] = *until;
    return ApiRequestText{"POST", "/api/v1/encryption/exceptions", json::serialize(body)};
  }
  if (command != "encryption enforce") return std::nullopt;
  auto from = day_or_time(given.from, now);
  if (!from) return std::unexpected(from.error());
  body["domain"] = given.subject;
  body["from"] = *from;
  if (given.attach.dry_run) body["dry_run"] = true;
  return ApiRequestText{"POST", "/api/v1/encryption/rules", json::serialize(body)};
}

std::optional<std::string> printed_encryption_answer(const Invocation& given,
                                                     const json::value& answer) {
  if (!given.command.starts_with("encryption ")) return std::nullopt;
  const EncryptionPrinter print(given);
  if (given.command == "encryption show") return print.summary(answer);
  if (given.command == "encryption list") return print.accounts(answer);
  if (given.command == "encryption enforce") return print.outcome(answer);
  if (given.command == "encryption lift") return print.lifted(answer);
  if (given.command == "encryption exceptions") return print.exceptions(answer);
  return print.exception(answer, given.command == "encryption unexcept");
}

}  // namespace sekimori::app
