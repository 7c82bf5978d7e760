#include "app/cli_account_desk.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <iterator>

#include "app/cli_answer.h"
#include "web/target.h"

namespace sekimori::app {
namespace {

constexpr double k_nearly_full = 0.9;  // as the panel's badge

class DeskPrinter : public AnswerReader {
 public:
  using AnswerReader::AnswerReader;

  [[nodiscard]] std::string switches(const json::value& view) const {
    Rows rows = {{t("できること", "what"), t("状態", "state"), t("止めた人", "by"),
                  t("いつから", "since"), t("いつまで", "until"), t("理由", "reason"),
                  t("本人への連絡", "letter")}};
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
                      is_off ? until(*off) : "", is_off ? word(*off, "reason") : "",
                      is_off ? letter(word(*state, "letter")) : ""});
    }
    return table(rows);
  }

  [[nodiscard]] std::string switched_off(const json::value& page) const {
    Rows rows = {{t("アカウント", "account"), t("止めたもの", "off"), t("いつから", "since"),
                  t("いつまで", "until"), t("止めた人", "by"), t("理由", "reason"),
                  t("名前", "name")}};
    for (const auto& item : items(page)) {
      for (const auto& [what, off] : off_of(item)) {
        if (given_.switched_off != "any" && given_.switched_off != what) continue;
        rows.push_back({word(item, "address"), name_of(what), time(*off, "since"), until(*off),
                        word(*off, "by"), word(*off, "reason"), word(item, "name")});
      }
    }
    return table(rows) + total(page, items(page).size());
  }
  [[nodiscard]] std::string off_mark(const json::value& account) const {
    std::string names;
    for (const auto& [what, off] : off_of(account)) {
      names += (names.empty() ? "" : t("・", ", ")) + name_of(what);
    }
    return names.empty() ? "" : fmt::format(fmt::runtime(t("({}を停止)", " ({} off)")), names);
  }
  [[nodiscard]] std::string off_count(const json::value& page) const {
    const auto* counts = find(page, "off");
    const auto any = counts == nullptr ? std::string() : number(*counts, "any");
    if (any.empty() || any == "0") return "";
    return fmt::format(
        fmt::runtime(t("受信かログインを止めているもの: {} 件(account list --off any)\n",
                       "With receive or login switched off: {} (account list --off "
                       "any)\n")),
        any);
  }

  [[nodiscard]] std::string notes(const json::value& page) const {
    std::string out;
    for (const auto& note : items(page)) {
      out += fmt::format("{}{}  {}\n{}\n", out.empty() ? "" : "\n", time(note, "t"),
                         word(note, "who"), lines(note));
    }
    return out.empty() ? t("メモはありません。\n", "There are no notes.\n") : out;
  }
  [[nodiscard]] std::string noted() const {
    return fmt::format(fmt::runtime(t("{} のメモに書き足しました。\n", "Noted with {}.\n")),
                       given_.subject);
  }

  // "12.3 MB / 100 MB (12 %)".
  [[nodiscard]] std::string mailbox(const json::value& use) const {
    const auto* used = find(use, "used_bytes");
    const auto* limit = find(use, "limit_bytes");
    if (used == nullptr || limit == nullptr || !limit->is_number()) return "";
    const auto most = limit->to_number<std::uint64_t>();
    const std::string of = most == 0 ? t("上限なし", "no limit") : size_text(most);
    if (!used->is_number()) {
      return fmt::format(fmt::runtime(t("使用量は不明 / {}", "use not known / {}")), of);
    }
    const auto bytes = used->to_number<std::uint64_t>();
    std::string out = fmt::format("{} / {}", size_text(bytes), of);
    if (most != 0) {
      const auto share = static_cast<double>(bytes) / static_cast<double>(most);
      out += fmt::format(" ({:.0f} %)", std::floor(share * 100));
      if (share >= 1) {
        out += t(" 満杯", " full");
      } else if (share >= k_nearly_full) {
        out += t(" 残りわずか", " nearly full");
      }
    }
    return out;
  }

 private:
  // What a person switched off of one in the list: "receive", "login" and what stands there.
  [[nodiscard]] static std::vector<std::pair<std::string_view, const json::value*>> off_of(
      const json::value& account) {
    std::vector<std::pair<std::string_view, const json::value*>> out;
    for (const std::string_view what : {"receive", "login"}) {
      const auto* off = find(account, std::string(what) + "_off");
      if (off != nullptr && off->is_object()) out.emplace_back(what, off);
    }
    return out;
  }
  [[nodiscard]] std::string letter(std::string_view state) const {
    if (state == "sent") return t("済み", "sent");
    return state == "due" ? t("まもなく", "soon") : t("なし", "none");
  }
  [[nodiscard]] std::string name_of(std::string_view what) const {
    return what == "receive" ? t("受信", "receive") : t("ログイン", "login");
  }
  // Notes have lines; nothing else of theirs reaches a terminal as it is.
  [[nodiscard]] static std::string lines(const json::value& note) {
    const auto* text = find(note, "text");
    if (text == nullptr || !text->is_string()) return "";
    std::string out;
    std::string_view rest = text->get_string();
    while (true) {
      const auto end = rest.find('\n');
      out += harmless(rest.substr(0, end));
      if (end == std::string_view::npos) return out;
      out += '\n';
      rest.remove_prefix(end + 1);
    }
  }
  // As the panel writes it.
  static std::string size_text(std::uint64_t bytes) {
    constexpr std::string_view k_units[] = {"B", "KB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < std::size(k_units); ++unit) value /= 1000;
    return fmt::format("{:.{}f} {}", value, unit > 0 && value < 10 ? 1 : 0, k_units[unit]);
  }
  [[nodiscard]] std::string until(const json::value& off) const {
    const auto end = time(off, "until");
    return end.empty() ? t("再開するまで", "switched on") : end;
  }
};

}  // namespace

std::optional<Result<ApiRequestText>> account_desk_request(const Invocation& given, Instant now) {
  const std::string account = "/api/v1/accounts/" + web::percent_encode(given.subject);
  if (given.command == "account notes") return ApiRequestText{"GET", account + "/notes", ""};
  if (given.command == "account note") {
    return ApiRequestText{"POST", account + "/notes",
                          json::serialize(json::object{{"text", given.text}})};
  }
  const std::string path = account + "/switches";
  if (given.command == "account switches") return ApiRequestText{"GET", path, ""};
  if (given.command != "account switch") return std::nullopt;
  json::object body{{"what", given.text}, {"on", given.state == "on"}};
  if (!given.reason.empty()) body["reason"] = given.reason;
  if (given.no_letter) body["tell_owner"] = false;
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
  if (given.command == "account notes") return printer.notes(answer);
  if (given.command == "account note") return printer.noted();
  if (given.command == "account switches" || given.command == "account switch") {
    return printer.switches(answer);
  }
  return std::nullopt;
}

std::string printed_mailbox(const Invocation& given, const json::value& mailbox) {
  return DeskPrinter(given).mailbox(mailbox);
}

std::string printed_switched_off(const Invocation& given, const json::value& page) {
  return DeskPrinter(given).switched_off(page);
}

std::string switched_off_mark(const Invocation& given, const json::value& account) {
  return DeskPrinter(given).off_mark(account);
}

std::string switched_off_count(const Invocation& given, const json::value& page) {
  return DeskPrinter(given).off_count(page);
}

std::string printed_switches(const Invocation& given, const json::value& switches) {
  return DeskPrinter(given).switches(switches);
}

}  // namespace sekimori::app
