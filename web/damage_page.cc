// The damage report as a page of its own, for the screen, the telephone and the printer. All that
// others wrote (addresses, details) is escaped where it is put in, and nowhere else.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdint>

#include "base/country.h"
#include "base/markup.h"
#include "web/damage_style.h"
#include "web/json_aftermath.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

// A page that a browser prints; what is beyond stands in the export.
constexpr std::size_t k_rows_max = 200;

std::string grouped(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(out.size()) - 3; i > 0; i -= 3) {
    out.insert(static_cast<std::size_t>(i), ",");
  }
  return out;
}

std::string in_bytes(std::uint64_t n) {
  static constexpr const char* k_units[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(n);
  std::size_t unit = 0;
  while (value >= 1000 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  const auto tenths = static_cast<std::uint64_t>(std::llround(value * 10));
  std::string out = grouped(tenths / 10);
  if (unit > 0 && tenths < 1000) out += "." + std::to_string(tenths % 10);
  return out + " " + k_units[unit];
}

class Sheet {
 public:
  Sheet(const json::value& report, Language language)
      : r_(report), language_(language), offset_s_(integer(report, "utc_offset_seconds")) {}

  std::string make() {
    out_ += "<!DOCTYPE html>\n<html lang=\"" + std::string(ja() ? "ja" : "en") +
            "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" "
            "content=\"noindex\">\n<title>" +
            markup_text(std::string(t("被害報告書", "Damage report")) + " #" + n("incident") + " " +
                        word(r_, "account")) +
            "</title>\n<style>" + std::string(k_damage_style) + "</style>\n</head>\n<body>\n";
    head();
    mail();
    timeline();
    places();
    reading();
    complaints();
    settings();
    services();
    neighbours();
    messages();
    recipients();
    method();
    out_ += "</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool ja() const { return language_ == Language::ja; }
  [[nodiscard]] const char* t(const char* in_ja, const char* in_en) const {
    return ja() ? in_ja : in_en;
  }
  static const json::value& at(const json::value& of, std::string_view key) {
    static const json::value k_null;
    const auto* found = of.is_object() ? of.get_object().if_contains(key) : nullptr;
    return found == nullptr ? k_null : *found;
  }
  static std::string word(const json::value& of, std::string_view key) {
    const auto& value = at(of, key);
    return value.is_string() ? std::string(value.get_string()) : "";
  }
  static std::int64_t integer(const json::value& of, std::string_view key) {
    const auto& value = at(of, key);
    if (value.is_int64()) return value.get_int64();
    if (value.is_uint64()) return static_cast<std::int64_t>(value.get_uint64());
    if (value.is_double()) return std::llround(value.get_double());
    return 0;
  }
  static std::uint64_t count(const json::value& of, std::string_view key) {
    const auto value = integer(of, key);
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  static bool flag(const json::value& of, std::string_view key) {
    const auto& value = at(of, key);
    return value.is_bool() && value.get_bool();
  }
  static const json::array& list(const json::value& of, std::string_view key) {
    static const json::array k_none;
    const auto& value = at(of, key);
    return value.is_array() ? value.get_array() : k_none;
  }
  [[nodiscard]] std::string n(std::string_view key) const { return grouped(count(r_, key)); }
  [[nodiscard]] std::string text(const json::value& of, std::string_view key) const {
    return word(at(of, key), ja() ? "ja" : "en");
  }
  [[nodiscard]] std::string when(const json::value& of, std::string_view key,
                                 bool with_seconds = false) const {
    const auto instant = parse_instant(word(of, key));
    if (!instant) return "–";
    std::string local = format_instant(*instant + seconds(offset_s_));
    local = local.substr(0, with_seconds ? 19 : 16);
    if (local.size() > 10) local[10] = ' ';
    return local;
  }
  [[nodiscard]] std::string lasts(double s) const {
    const auto whole = static_cast<std::uint64_t>(std::llround(s));
    if (whole < 120) return std::to_string(whole) + t(" 秒", " s");
    if (whole < 7200) return std::to_string(whole / 60) + t(" 分", " min");
    return std::to_string(whole / 3600) + t(" 時間", " h");
  }
  static double real(const json::value& of, std::string_view key) {
    const auto& value = at(of, key);
    return value.is_number() ? value.to_number<double>() : 0;
  }
  [[nodiscard]] std::string country(const json::value& of) const {
    const std::string code = word(of, "country");
    return code.empty() ? "" : country_name(code).in(language_);
  }

  void section(const char* in_ja, const char* in_en) {
    out_ += "<h2>" + std::string(t(in_ja, in_en)) + "</h2>\n";
  }
  void paragraph(const std::string& text_of_it, const char* style = "") {
    out_ += "<p" + (*style != '\0' ? " class=\"" + std::string(style) + "\"" : std::string()) +
            ">" + markup_text(text_of_it) + "</p>\n";
  }
  using Cells = std::vector<std::string>;
  // By column: n, a number, stands to the right; k, kept in one line.
  void table(const Cells& heads, const std::vector<Cells>& rows, std::string_view numbers = "") {
    out_ += "<div class=\"wide\"><table><thead><tr>";
    const auto style = [&](std::size_t i) {
      if (i >= numbers.size() || numbers[i] == ' ') return "";
      return numbers[i] == 'n' ? " class=\"n\"" : " class=\"k\"";
    };
    for (std::size_t i = 0; i < heads.size(); ++i) {
      out_ += "<th" + std::string(style(i)) + ">" + markup_text(heads[i]) + "</th>";
    }
    out_ += "</tr></thead><tbody>\n";
    for (const Cells& row : rows) {
      out_ += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i) {
        out_ += "<td" + std::string(style(i)) + ">" + markup_text(row[i]) + "</td>";
      }
      out_ += "</tr>\n";
    }
    out_ += "</tbody></table></div>\n";
  }

  [[nodiscard]] std::string state() const {
    const auto word_of = word(r_, "state");
    if (word_of == "closed") return t("終了", "closed");
    if (word_of == "recovering") return t("復旧中", "recovering");
    if (word_of == "contained") return t("封じ込め済み", "contained");
    return t("対応中", "open");
  }

  void head() {
    out_ += "<header><p class=\"brand\">Sekimori</p><h1>" +
            std::string(t("被害報告書", "Damage report")) + "</h1><p class=\"who\">" +
            markup_text(word(r_, "account")) + "</p>\n<dl class=\"facts\">";
    const auto fact = [&](const char* name, const std::string& value) {
      out_ += "<div><dt>" + std::string(name) + "</dt><dd>" + markup_text(value) + "</dd></div>";
    };
    fact(t("事案", "Incident"), "#" + std::to_string(count(r_, "incident")));
    fact(t("状態", "State"), state());
    fact(flag(r_, "onset_known") ? t("始まり", "Began") : t("調べた期間の始まり", "Looked at from"),
         when(r_, "onset"));
    fact(t("封じ込め", "Contained"), when(r_, "contained"));
    fact(t("作成", "Made"), when(r_, "made"));
    out_ += "</dl></header>\n";
    out_ += "<p class=\"summary\">" + markup_text(text(r_, "summary")) + "</p>\n";
    if (flag(r_, "records_missing")) {
      paragraph(t("始まりのころの記録がもう残っていません。実際はこれより多いおそれがあります。",
                  "Records of the beginning are gone; there may be more than is counted here."),
                "note");
    }
    if (word(r_, "mode") == "observe") {
      paragraph(t("このサーバーは観察モードでした。送信は止められていません。",
                  "The guard only observed: nothing was stopped."),
                "note");
    }
  }

  void mail() {
    const auto& mail = at(r_, "mail");
    const auto& fates = at(mail, "fates");
    const auto stopped = count(fates, "held") + count(fates, "refused") + count(fates, "deleted");
    const auto open = count(fates, "deferred") + count(fates, "accepted");
    section("送られたメール", "What was sent");
    out_ += "<div class=\"cards\">";
    const auto card = [&](const char* name, std::uint64_t value, const char* style) {
      out_ += "<div class=\"card " + std::string(style) + "\"><b>" + grouped(value) + "</b><span>" +
              name + "</span></div>";
    };
    card(t("不審なメール(通)", "suspicious messages"), count(mail, "messages"), "");
    card(t("宛先(のべ)", "recipients in all"), count(mail, "recipients"), "");
    card(t("届いた", "delivered"), count(fates, "delivered"), "bad");
    card(t("止めた", "stopped"), stopped, "good");
    card(t("差し戻し", "bounced"), count(fates, "bounced"), "");
    card(t("配達中・不明", "under way, unknown"), open, "");
    out_ += "</div>\n";
    if (const auto all = count(mail, "recipients"); all > 0) {
      out_ +=
          "<svg class=\"bar\" viewBox=\"0 0 1000 18\" preserveAspectRatio=\"none\" "
          "role=\"img\" aria-label=\"" +
          markup_text(text(r_, "summary")) + "\">";
      double x = 0;
      const auto part = [&](std::uint64_t value, const char* style) {
        const double width = 1000.0 * static_cast<double>(value) / static_cast<double>(all);
        if (value == 0) return;
        out_ += "<rect class=\"" + std::string(style) + "\" x=\"" +
                std::to_string(std::llround(x)) + "\" y=\"0\" height=\"18\" width=\"" +
                std::to_string(std::max<std::int64_t>(2, std::llround(width))) + "\"/>";
        x += width;
      };
      part(count(fates, "delivered"), "b-bad");
      part(open, "b-open");
      part(count(fates, "bounced"), "b-mid");
      part(stopped, "b-good");
      out_ += "</svg>\n";
      if (!word(r_, "contained").empty()) {
        std::string words = grouped(count(mail, "recipients_until_contained"));
        words = ja() ? "最初の不審なメール(" + when(mail, "first", true) + ")から封じ込め(" +
                           when(r_, "contained", true) + ")までに出ていった宛先は " + words +
                           " 件です。"
                     : "Between the first suspicious message (" + when(mail, "first", true) +
                           ") and the containment (" + when(r_, "contained", true) + ") mail to " +
                           words + " recipients was let through.";
        paragraph(words);
      }
    }
    const auto& own = at(r_, "own_mail");
    if (!flag(r_, "told_apart")) {
      paragraph(
          t("この間の送信は、記録だけではご本人のものと区別できません。ご本人にも確かめてください。",
            "The records cannot tell the owner's own mail of this time apart; please ask the "
            "owner."),
          "note");
    } else if (count(own, "messages") > 0) {
      const auto messages_of = grouped(count(own, "messages"));
      const auto people_of = grouped(count(own, "recipients"));
      paragraph(ja()
                    ? "同じ期間に、いつもの場所から " + messages_of + " 通(宛先 " + people_of +
                          " 件)が送られています。これはご本人のものとみて、上の数に入れていません。"
                    : "In the same time " + messages_of + " messages to " + people_of +
                          " recipients came from places known before; they are taken as the "
                          "owner's and not counted above.");
    }
  }

  void timeline() {
    section("経過", "Timeline");
    out_ += "<ol class=\"line\">\n";
    for (const auto& moment : list(r_, "timeline")) {
      out_ += "<li class=\"" + markup_text(word(moment, "kind")) + "\"><time>" +
              markup_text(when(moment, "t", true)) + "</time><span>" +
              markup_text(text(moment, "text")) + "</span></li>\n";
    }
    out_ += "</ol>\n";
  }

  void places() {
    section("見慣れない場所からのログイン", "Sign-ins from strange places");
    const auto& places_of = list(r_, "places");
    if (places_of.empty()) {
      return paragraph(t("ありませんでした。", "There were none."));
    }
    std::vector<Cells> rows;
    for (const auto& place : places_of) {
      if (rows.size() == k_rows_max) break;
      std::string services_of;
      for (const auto& service : list(place, "services")) {
        if (!service.is_string()) continue;
        services_of += (services_of.empty() ? "" : ", ") + std::string(service.get_string());
      }
      std::string where = country(place);
      if (flag(place, "hosting")) where += t("(データセンター等)", " (hosting or VPN)");
      rows.push_back({word(place, "ip"), where, grouped(count(place, "sign_ins")),
                      grouped(count(place, "bad_passwords") + count(place, "refused")), services_of,
                      grouped(count(place, "messages")), when(place, "first"),
                      when(place, "last")});
    }
    table({t("アドレス", "address"), t("国・地域", "country"), t("成功", "in"),
           t("失敗・拒否", "refused"), t("サービス", "services"), t("送信(通)", "messages"),
           t("最初", "first"), t("最後", "last")},
          rows, "k nn nkk");
  }

  void reading() {
    const auto& reading_of = at(r_, "reading");
    section("読まれた・消されたメール", "What was read or wiped");
    if (count(reading_of, "sessions") == 0) {
      return paragraph(
          t("見慣れない場所からの、終了した受信セッション(IMAP・POP3)の記録はありません。",
            "No finished reading session (IMAP, POP3) from a strange place is on record."));
    }
    const auto fetched = grouped(count(reading_of, "fetched"));
    const auto deleted = grouped(count(reading_of, "deleted"));
    const auto bytes = in_bytes(count(reading_of, "bytes_out"));
    const auto sessions_of = grouped(count(reading_of, "sessions"));
    paragraph(ja() ? "見慣れない場所からのセッション " + sessions_of + " 回で、" + fetched +
                         " 通が取り出され(" + bytes + ")、" + deleted +
                         " 通が消されました。どのメールかは記録にありません。"
                   : "In " + sessions_of + " sessions from strange places " + fetched +
                         " messages were fetched (" + bytes + ") and " + deleted +
                         " deleted. Which ones they were is not on record.");
    std::vector<Cells> rows;
    for (const auto& wiped : list(reading_of, "expunges")) {
      const auto messages = count(wiped, "messages");
      rows.push_back({word(wiped, "mailbox"),
                      messages > 0 ? grouped(messages) : t("フォルダーごと", "the whole folder"),
                      flag(wiped, "sent_mail") ? t("送信済みメール", "sent mail") : ""});
    }
    if (!rows.empty()) {
      table({t("消された場所", "wiped from"), t("通数", "messages"), ""}, rows, "kn ");
    }
  }

  void complaints() {
    const auto& all = list(r_, "complaints");
    if (all.empty()) return;
    section("受信者からの苦情", "Complaints by recipients");
    std::vector<Cells> rows;
    for (const auto& one : all) {
      rows.push_back({when(one, "t"), word(one, "type"), word(one, "recipient"),
                      flag(one, "suspicious")
                          ? t("不審なメール", "suspicious mail")
                          : t("不明またはご本人のメール", "unknown, or the owner's")});
    }
    table({t("時刻", "time"), t("種類", "kind"), t("受信者", "recipient"),
           t("どのメールか", "about")},
          rows, "kk  ");
    if (const auto more = count(r_, "complaints_more"); more > 0) {
      paragraph(ja() ? "ほかに " + grouped(more) + " 件。" : grouped(more) + " more.");
    }
  }

  void settings() {
    section("変えられた設定", "Settings that changed");
    const auto& changes = list(r_, "settings");
    if (changes.empty()) return paragraph(t("記録にありません。", "None is on record."));
    static constexpr std::pair<std::string_view, std::pair<const char*, const char*>> k_words[] = {
        {"forward", {"転送", "forwarding"}},
        {"filter", {"フィルター", "filter"}},
        {"password", {"パスワード", "password"}},
        {"app_password", {"アプリパスワード", "app password"}},
        {"recovery", {"復旧用の連絡先", "recovery contact"}},
        {"vacation", {"不在通知", "vacation reply"}}};
    std::vector<Cells> rows;
    for (const auto& change : changes) {
      std::string what = word(change, "what");
      for (const auto& [key, words] : k_words) {
        if (what == key) what = t(words.first, words.second);
      }
      rows.push_back({when(change, "t"), what, word(change, "detail")});
    }
    table({t("時刻", "time"), t("設定", "setting"), t("内容", "detail")}, rows, "k");
    paragraph(
        t("ご本人や担当者による変更も含みます。", "Changes by the owner or staff are among them."),
        "small");
  }

  void services() {
    section("ほかに確かめたいサービス", "What else may be theirs");
    const auto& services_of = list(r_, "services");
    if (services_of.empty()) {
      return paragraph(t("この間に、サービスからのメールは見つかりませんでした。",
                         "No mail from a known kind of service arrived in this time."));
    }
    paragraph(t(
        "この間に、次のサービスからメールが届いています。パスワードの再設定に使われたおそれがあります。"
        "サービスにログインして、心当たりのない操作がないか確かめてください(差出人だけを見ています。"
        "件名や本文は見ていません)。",
        "In this time mail came from these services; it may have been used to reset passwords. "
        "Please sign in to each and look for what you did not do. (Only senders were looked at, "
        "never subjects or content.)"));
    out_ += "<ul class=\"check\">\n";
    for (const auto& service : services_of) {
      out_ += "<li><i></i><b>" + markup_text(text(service, "name")) + "</b> <span>" +
              markup_text(category(word(service, "category")));
      if (text(service, "name") != word(service, "domain")) {
        out_ += " · " + markup_text(word(service, "domain"));
      }
      out_ += " · " + markup_text(grouped(count(service, "mails")) + t(" 通 · ", " mails · ") +
                                  when(service, "first"));
      if (count(service, "mails") > 1) out_ += markup_text(" – " + when(service, "last"));
      out_ += "</span></li>\n";
    }
    out_ += "</ul>\n";
  }

  [[nodiscard]] std::string category(const std::string& key) const {
    static constexpr std::pair<std::string_view, std::pair<const char*, const char*>> k_words[] = {
        {"bank", {"銀行・証券", "bank"}},
        {"card", {"カード", "card"}},
        {"payment", {"決済", "payment"}},
        {"shop", {"買い物", "shop"}},
        {"social", {"SNS", "social network"}},
        {"mail", {"メール・アカウント", "mail and account"}},
        {"cloud", {"クラウド・ドメイン", "cloud, domains"}},
        {"telecom", {"通信・電力", "telecom, power"}},
        {"travel", {"旅行・交通", "travel"}},
        {"game", {"娯楽", "games, media"}},
        {"public", {"公共・配送", "public, parcels"}},
        {"work", {"仕事", "work"}}};
    for (const auto& [word_of, words] : k_words) {
      if (key == word_of) return t(words.first, words.second);
    }
    return t("その他", "other");
  }

  void more(std::uint64_t hidden, const char* in_ja, const char* in_en) {
    if (hidden == 0) return;
    paragraph(ja() ? "ほかに " + grouped(hidden) + in_ja : grouped(hidden) + in_en, "small");
  }

  void messages() {
    section("メールの一覧", "Messages");
    const auto& rows_of = list(r_, "messages");
    if (rows_of.empty()) return paragraph(t("ありません。", "None."));
    std::vector<Cells> rows;
    for (const auto& m : rows_of) {
      if (rows.size() == k_rows_max) break;
      const auto& fates = at(m, "fates");
      rows.push_back(
          {when(m, "t", true), word(m, "ip"), country(m), word(m, "from"),
           grouped(count(m, "recipients")), grouped(count(fates, "delivered")),
           grouped(count(fates, "deferred") + count(fates, "accepted")),
           grouped(count(fates, "bounced")),
           grouped(count(fates, "held") + count(fates, "refused") + count(fates, "deleted")),
           in_bytes(count(m, "size"))});
    }
    const auto shown = rows.size();
    table({t("時刻", "time"), t("送信元", "client"), t("国・地域", "country"),
           t("差出人", "sender"), t("宛先", "to"), t("届いた", "delivered"), t("配達中", "open"),
           t("差し戻し", "bounced"), t("止めた", "stopped"), t("大きさ", "size")},
          rows, "kk  nnnnnn");
    more(rows_of.size() - shown + count(r_, "messages_more"), " 通あります。", " more messages.");
  }

  void recipients() {
    section("宛先の一覧", "Recipients");
    const auto& rows_of = list(r_, "recipients");
    if (rows_of.empty()) return paragraph(t("ありません。", "None."));
    std::vector<Cells> rows;
    for (const auto& one : rows_of) {
      if (rows.size() == k_rows_max) break;
      const auto fate = decide::parse_recipient_fate(word(one, "fate"));
      rows.push_back({word(one, "address"),
                      fate ? decide::in_words(*fate).in(language_) : word(one, "fate"),
                      grouped(count(one, "messages")), when(one, "first")});
    }
    const auto shown = rows.size();
    table(
        {t("アドレス", "address"), t("結果", "outcome"), t("通数", "messages"), t("最初", "first")},
        rows, "  nk");
    more(rows_of.size() - shown + count(r_, "recipients_more"),
         " 件あります。すべての宛先は CSV で取り出せます。", " more; the CSV export has them all.");
  }

  void neighbours() {
    section("ほかの利用者への影響", "What it cost the others");
    const auto& n_of = at(r_, "neighbours");
    const auto& stranger = at(n_of, "stranger");
    const auto& others = at(n_of, "others");
    std::vector<Cells> rows;
    const auto row = [&](const char* name, double a, double b, const std::string& shown_a,
                         const std::string& shown_b) {
      const double all = a + b;
      rows.push_back({name, shown_a, shown_b,
                      all > 0 ? std::to_string(std::llround(100 * a / all)) + " %" : "–"});
    };
    const auto counts = [&](const char* name, std::string_view key) {
      row(name, real(stranger, key), real(others, key), grouped(count(stranger, key)),
          grouped(count(others, key)));
    };
    counts(t("メール(通)", "messages"), "messages");
    counts(t("宛先", "recipients"), "recipients");
    row(t("データ量", "bytes"), real(stranger, "bytes"), real(others, "bytes"),
        in_bytes(count(stranger, "bytes")), in_bytes(count(others, "bytes")));
    counts(t("セッション", "sessions"), "sessions");
    row(t("キューにいた時間(のべ)", "time in the queue"), real(stranger, "queue_seconds"),
        real(others, "queue_seconds"), lasts(real(stranger, "queue_seconds")),
        lasts(real(others, "queue_seconds")));
    paragraph(t("始まりから封じ込めまでの、このサーバーからの送信です。",
                "Sending from this server, from the onset to the containment."),
              "small");
    table({"", t("不審な送信", "suspicious"), t("ほかの利用者", "everybody else"),
           t("割合", "share")},
          rows, " nnn");
    const auto& delayed = list(n_of, "delayed");
    if (delayed.empty()) {
      const auto accounts = grouped(count(n_of, "accounts"));
      return paragraph(ja() ? "この間に送信した " + accounts +
                                  " 人のメールに、ふだんより遅れたものは見つかりませんでした。"
                            : "Of the " + accounts +
                                  " others who sent in this time, none had mail that took longer "
                                  "than usual.");
    }
    std::vector<Cells> late;
    for (const auto& one : delayed) {
      late.push_back({word(one, "account"), grouped(count(one, "delayed")),
                      lasts(real(one, "longest_seconds")),
                      lasts(real(one, "usual_seconds")) +
                          (flag(one, "usual_is_own") ? "" : t("(全体)", " (all)")),
                      grouped(count(one, "unfinished"))});
    }
    table({t("遅れた利用者", "whose mail was late"), t("遅れた配達", "deliveries"),
           t("最長", "longest"), t("ふだん", "usual"), t("未完了", "unfinished")},
          late, " nnnn");
    paragraph(t("遅れのすべてが今回の送信によるものとは限りません。",
                "Not every delay need have come of this."),
              "small");
  }

  void method() {
    section("この報告書について", "About this report");
    const auto hours_of = std::to_string(std::llabs(offset_s_) / 3600);
    const auto minutes_of = std::llabs(offset_s_) % 3600 / 60;
    std::string zone = std::string("UTC") + (offset_s_ < 0 ? "-" : "+") + hours_of;
    if (minutes_of != 0) zone += ":" + std::to_string(minutes_of);
    paragraph(
        ja()
            ? "時刻は " + zone +
                  " です。サーバーの記録(ログイン、送信、配達)だけから作られ、メールの件名や本文は"
                  "使っていません。不審なメールとは、始まり以降に、それまで使われたことのない場所から"
                  "送られたもの、または見張りが保留・拒否したものです。ほかの利用者が受け取ったメールの"
                  "遅れは測っていません。"
            : "Times are " + zone +
                  ". Made from the server's records of sign-ins, sending and delivery alone; no "
                  "subject or content was used. Suspicious is what was sent since the onset from a "
                  "place never used before, or what the guard held or refused. How late mail to "
                  "other users arrived is not measured.",
        "small");
  }

  const json::value& r_;
  Language language_;
  std::int64_t offset_s_;
  std::string out_;
};

}  // namespace

std::string damage_html(const json::value& report, Language language) {
  return Sheet(report, language).make();
}

}  // namespace sekimori::web
