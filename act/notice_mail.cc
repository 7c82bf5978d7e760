#include "act/notice_mail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::act {
namespace {

using decide::NoticeAudience;
using decide::NoticeRow;
using decide::SubjectKind;

// A digest is read by a person: what is beyond this is counted only.
constexpr std::size_t k_digest_items_max = 200;

constexpr std::string_view k_rule = "----------------------------------------";

Text standing_name(Standing standing) {
  switch (standing) {
    case Standing::normal: return {"通常", "normal"};
    case Standing::restricted: return {"送信停止(restricted)", "restricted"};
    case Standing::suspended: return {"停止(suspended)", "suspended"};
    case Standing::recovering: return {"復旧手続き中(recovering)", "recovering"};
    case Standing::probation: return {"見守り中(probation)", "on probation"};
  }
  return {};
}

Language other(Language language) { return language == Language::ja ? Language::en : Language::ja; }

std::string or_unknown(Instant t) { return t.is_set() ? notice_time(t) : std::string(); }

Letter in_both(const NoticeTemplates& templates, std::string_view kind, NoticeAudience audience,
               const NoticeSender& sender, const auto& values_in) {
  const Language first = sender.language;
  Letter letter;
  for (const Language language : {first, other(first)}) {
    const NoticeTemplate& words = templates.find(kind, audience, language);
    const NoticeValues values = values_in(language);
    if (language != first) {
      letter.subject += " / ";
      letter.body += fmt::format("\n{}\n\n", k_rule);
    } else if (first == Language::ja) {
      letter.body = "(English text follows below.)\n\n";
    } else {
      letter.body = "(日本語は英文の下にあります。)\n\n";
    }
    letter.subject += fill_notice(words.subject, values, language);
    letter.body += fill_notice(words.body, values, language);
  }
  std::ranges::replace(letter.subject, '\n', ' ');
  return letter;
}

// The switch that a notice of this kind is about; null: none, or it is on again.
const decide::SwitchedOff* switch_of(std::string_view kind, const decide::Switches& switches) {
  const auto* off = kind == "mail_waiting_off" || kind == "receive_off" ? &switches.receive
                    : kind == "login_off"                               ? &switches.login
                                                                        : nullptr;
  return off != nullptr && *off ? &**off : nullptr;
}

}  // namespace

std::string notice_time(Instant t) {
  const std::time_t whole = static_cast<std::time_t>(t.us / 1'000'000);
  std::tm parts{};
  ::localtime_r(&whole, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M %Z", &parts);
  return {text.data(), size};
}

Text effect_of(Standing standing, const decide::Switches& switches) {
  const bool sends = !decide::forbids_sending(standing);
  if (decide::forbids_login(standing) || !switches.any()) return effect_of(standing);
  static const Text k_waits{
      "届くメールは失われません。送信元のサーバーで待っていて、受信を再開すると届きます(待つのは、ふつう 5 日"
      "ほどまでです)。",
      "Mail to this address is not lost: it waits at its senders' servers, usually for up to 5 days, "
      "and arrives when receiving is on again."};
  if (!switches.receive) {
    return {
        "サインインと、メールソフトでの閲覧・送信ができません。届くメールは失われず、これまでどおりメールボックス"
        "に入ります。",
        "Signing in, and reading and sending with mail programs, do not work. Mail is not lost: "
        "it goes on arriving in the mailbox."};
  }
  if (switches.login) {
    return {"受信もサインインも止まっています。" + k_waits.ja,
            "Neither receiving nor signing in works. " + k_waits.en};
  }
  if (!sends) {
    return {k_waits.ja + "サインインと、届いているメールの閲覧はできます。送信はできません。",
            k_waits.en + " Signing in and reading the mail that is there work; sending does not."};
  }
  return {k_waits.ja + "サインイン、送信、届いているメールの閲覧は、これまでどおりできます。",
          k_waits.en + " Signing in, sending, and reading the mail that is there work as before."};
}

Text effect_of(Standing standing) {
  switch (standing) {
    case Standing::restricted:
      return {"メールの受信と閲覧は、これまでどおりお使いいただけます。送信だけができません。",
              "Receiving and reading mail work as before; only sending does not."};
    case Standing::suspended:
      return {
          "送信とログインができません。届くはずのメールは失われず、送信元のサーバーで待っています(ふつう 4〜5 日)。",
          "Sending and signing in do not work. Mail to this address is not lost: it waits at its "
          "senders' servers, usually for 4 to 5 days."};
    case Standing::recovering:
      return {"ログインと受信ができます。送信は、確認がすべて済むとできるようになります。",
              "Signing in and receiving work; sending follows when everything is verified."};
    default: return {"送信も受信も、お使いいただけます。", "Sending and receiving work."};
  }
}

Text subject_name(const decide::Subject& subject) {
  switch (subject.kind) {
    case SubjectKind::server: return {"サーバー全体", "the whole server"};
    case SubjectKind::domain: return {"ドメイン " + subject.id, "the domain " + subject.id};
    default: return {subject.id, subject.id};
  }
}

NoticeValues notice_values(const NoticeRow& row, const NoticeFacts& facts,
                           const NoticeSender& sender, Language language) {
  const bool ja = language == Language::ja;
  const bool is_account = row.subject.kind == SubjectKind::account;
  NoticeValues v;
  v["kind"] = row.kind;
  v["address"] = is_account ? row.subject.id : std::string();
  v["subject"] = subject_name(row.subject).in(language);
  v["domain"] = is_account ? std::string(domain_of(row.subject.id)) : row.subject.id;
  v["name"] = facts.name;
  v["greeting"] = facts.name.empty()
                      ? (ja ? "メールアドレスをお使いの方へ" : "To the user of this address")
                      : (ja ? facts.name + " 様" : "Dear " + facts.name + ",");
  v["reason"] = row.summary.in(language);
  if (v["reason"].empty()) {
    v["reason"] = ja ? "管理者の判断によるものです。" : "An administrator decided so.";
  }
  v["incident"] = row.incident == 0 ? std::string() : std::to_string(row.incident);
  v["effect"] = effect_of(facts.standing, facts.switches).in(language);
  v["standing"] = standing_name(facts.standing).in(language);
  v["since"] = notice_time(facts.since.is_set() ? facts.since : row.created);
  if (const auto* off = switch_of(row.kind, facts.switches)) {
    v["since"] = notice_time(off->since);
    v["until"] = or_unknown(off->until);
    // By name to colleagues only.
    v["by"] = row.audience == NoticeAudience::operators ? off->by
              : ja                                      ? std::string("管理者")
                                                        : std::string("the administrator");
  }
  v["when"] = notice_time(row.created);
  v["server"] = sender.server_name;
  v["provider"] = !sender.provider_name.empty() ? sender.provider_name
                  : ja                          ? std::string("メールサーバーの管理者")
                                                : std::string("your mail provider");
  v["portal_url"] = sender.portal_url;
  v["panel_url"] = sender.panel_url;
  v["help_url"] = sender.help_url;
  v["help_phone"] = sender.help_phone;
  v["help_hours"] = sender.help_phone.empty() ? std::string() : sender.help_hours;
  if (sender.help_url.empty() && sender.help_phone.empty()) {
    v["help_default"] = ja ? "ご契約の際にお知らせした連絡先までお問い合わせください。"
                           : "Please ask the contact that was named in your contract.";
  }
  if (facts.waiting_senders > 0) {
    v["waiting"] = std::to_string(facts.waiting_senders);
    v["waiting_since"] = or_unknown(facts.waiting_since);
    v["lost_at"] = or_unknown(facts.lost_at);
  }
  if (facts.has_call) {
    v["call_note"] = fmt::format(
        fmt::runtime(
            ja ? "本人に届く別の連絡先がありません。電話で知らせてください: sekimori account "
                 "call-sheet {}"
               : "No other address of the owner is known. Please telephone: sekimori "
                 "account call-sheet {}"),
        row.subject.id);
  }
  return v;
}

Letter write_notice(const NoticeRow& row, const NoticeFacts& facts, const NoticeSender& sender,
                    const NoticeTemplates& templates) {
  return in_both(templates, row.kind, row.audience, sender,
                 [&](Language language) { return notice_values(row, facts, sender, language); });
}

Letter write_digest(const std::vector<NoticeRow>& rows, const NoticeSender& sender,
                    const NoticeTemplates& templates) {
  NoticeRow about;
  about.subject.kind = SubjectKind::server;
  about.audience = rows.front().audience;
  about.created = rows.front().created;
  return in_both(templates, "digest", about.audience, sender, [&](Language language) {
    const bool ja = language == Language::ja;
    NoticeValues values = notice_values(about, {}, sender, language);
    values["notices"] = std::to_string(rows.size());
    std::string items;
    for (std::size_t i = 0; i < std::min(rows.size(), k_digest_items_max); ++i) {
      NoticeFacts unknown;
      NoticeValues own = notice_values(rows[i], unknown, sender, language);
      // Its subject line says it; the address stands in it.
      items +=
          fmt::format("- {}{} {}{}\n", own["when"], ja ? "" : ":",
                      fill_notice(templates.find(rows[i].kind, rows[i].audience, language).subject,
                                  own, language),
                      own["incident"].empty() ? "" : fmt::format(" (#{})", own["incident"]));
    }
    if (rows.size() > k_digest_items_max) {
      items += fmt::format(fmt::runtime(ja ? "ほか {} 件\n" : "and {} more\n"),
                           rows.size() - k_digest_items_max);
    }
    if (!items.empty()) items.pop_back();
    values["digest_items"] = items;
    return values;
  });
}

}  // namespace sekimori::act
