#include "decide/switches.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/wall_text.h"
#include "base/words.h"
#include "decide/standing.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, k_account_switches> k_switches{"receive", "login"};
constexpr std::array<std::string_view, 3> k_letters{"none", "due", "sent"};

void add(Text& to, const Text& more) {
  if (more.ja.empty()) return;
  if (!to.en.empty()) to.en += ' ';
  to.ja += more.ja;
  to.en += more.en;
}

// "2026年11月23日 15:04 から" and, where it ends by itself, "11月24日 …まで".
Text term(const SwitchedOff& off, const ZoneRule& zone) {
  const Text since = wall_time(off.since, zone);
  Text out{since.ja + " から", "since " + since.en};
  if (off.until.is_set()) {
    const Text until = wall_time(off.until, zone);
    out.ja += fmt::format("({} まで)", until.ja);
    out.en += fmt::format(" (until {})", until.en);
  }
  return out;
}

Text receive_words(const SwitchedOff& off, const ZoneRule& zone) {
  const Text when = term(off, zone);
  return {fmt::format("{}、管理者が受信を止めています。届くメールは失われません。送信元のサーバーで"
                      "待っていて、再開すると届きます。待つのは、ふつう 5 日ほどまでです。",
                      when.ja),
          fmt::format("The administrator has stopped receiving {}. Mail to you is not lost: it "
                      "waits at its senders' servers, usually for up to 5 days, and arrives when "
                      "receiving is on again.",
                      when.en)};
}

Text login_words(const SwitchedOff& off, const ZoneRule& zone) {
  const Text when = term(off, zone);
  return {
      fmt::format("{}、管理者がサインインを止めています。メールソフトでの閲覧と送信はできません。",
                  when.ja),
      fmt::format("The administrator has stopped signing in {}. Mail programs can neither read "
                  "nor send.",
                  when.en)};
}

constexpr std::string_view k_gate_waits =
    "It waits because the administrator has stopped signing in";

// When it goes on, and whom to ask.
Text next_of(const SwitchedOff& off, const ZoneRule& zone) {
  if (!off.until.is_set()) {
    return {"再開については、ご契約の窓口へお問い合わせください。",
            "Please ask your provider when it will be on again."};
  }
  const Text until = wall_time(off.until, zone);
  return {fmt::format("{} に自動で再開します。お急ぎのときは、ご契約の窓口へお問い合わせください。",
                      until.ja),
          fmt::format("It is on again by itself at {}. If that is too late, please ask your "
                      "provider.",
                      until.en)};
}

Text reason_of(const SwitchedOff& off) {
  return off.reason.empty() ? Text() : Text{"理由: " + off.reason, "Reason: " + off.reason};
}

}  // namespace

std::string_view to_string(AccountSwitch v) { return word_of(k_switches, v); }
std::optional<AccountSwitch> parse_account_switch(std::string_view w) {
  return value_of<AccountSwitch>(k_switches, w);
}

std::string_view to_string(SwitchLetter v) { return word_of(k_letters, v); }
std::optional<SwitchLetter> parse_switch_letter(std::string_view w) {
  return value_of<SwitchLetter>(k_letters, w);
}

GuardRow guard_row(std::string_view account, const Switches& switches,
                   std::string_view portal_url) {
  GuardRow row;
  row.subject = {SubjectKind::account, std::string(account)};
  row.no_receive = switches.receive.has_value();
  if (switches.login) {
    row.no_login = row.no_send = true;
    const std::string url = ascii_only(portal_url, 200);
    row.reply = "525 5.7.13 Signing in to this account is stopped by its administrator";
    if (!url.empty()) row.reply += ", see " + url;
    row.reason = login_refusal(portal_url).en;
  }
  return row;
}

Text login_refusal(std::string_view portal_url) {
  const std::string url = ascii_only(portal_url, 200);
  const std::string where = url.empty() ? std::string() : " " + url;
  const std::string line = fmt::format(
      "Signing in to this mailbox is stopped by its administrator. Your mail is kept.{} / "
      "このメールアドレスへのサインインは、管理者が止めています。届くメールは失われません。{}",
      where, where);
  return {line, line};
}

SwitchWords owner_words(const Switches& switches, const ZoneRule& zone) {
  SwitchWords out;
  const auto& [receive, login] = switches;
  if (receive) add(out.what, receive_words(*receive, zone));
  if (login) add(out.what, login_words(*login, zone));
  if (receive && login) {
    const bool same = receive->reason == login->reason;
    add(out.why,
        same ? Text{receive->reason, receive->reason}
             : Text{fmt::format("受信: {} / サインイン: {}", receive->reason, login->reason),
                    fmt::format("Receiving: {} / Signing in: {}", receive->reason, login->reason)});
    add(out.next, receive->until == login->until
                      ? next_of(*receive, zone)
                      : Text{"受信: " + next_of(*receive, zone).ja +
                                 " サインイン: " + next_of(*login, zone).ja,
                             "Receiving: " + next_of(*receive, zone).en +
                                 " Signing in: " + next_of(*login, zone).en});
  } else if (receive) {
    add(out.what, {"サインインと送信、届いているメールの閲覧はできます。",
                   "Signing in, sending, and reading the mail that is there work."});
    out.why = {receive->reason, receive->reason};
    out.next = next_of(*receive, zone);
  } else if (login) {
    add(out.what, {"届くメールは、これまでどおりメールボックスに入ります。",
                   "Mail to you goes on arriving in the mailbox."});
    out.why = {login->reason, login->reason};
    out.next = next_of(*login, zone);
  }
  return out;
}

Text words_of_end(std::string_view by, std::string_view reason) {
  if (by == k_by_time) {
    return {"あらかじめ決めた時刻になったため、自動で再開しました。",
            "The time that was set for it is over, so it is on again by itself."};
  }
  Text out{"管理者が再開しました。", "The administrator switched it on again."};
  if (!reason.empty()) {
    out.ja += fmt::format("理由: {}", reason);
    out.en += fmt::format(" Reason: {}", reason);
  }
  return out;
}

void add_switches(std::vector<Finding>& findings, const Switches& switches, const ZoneRule& zone) {
  if (!switches.any()) return;
  std::erase_if(findings, [&](const Finding& f) {
    // Nobody can have read while nobody may sign in.
    return f.code == "nothing_here" || (switches.login && f.code == "never_reads");
  });
  const auto put = [&](const SwitchedOff& off, std::string code, Text what) {
    add(what, reason_of(off));
    findings.push_back(
        {std::move(code), FindingWeight::broken, std::move(what), next_of(off, zone)});
  };
  if (switches.login) put(*switches.login, "login_off", login_words(*switches.login, zone));
  if (switches.receive)
    put(*switches.receive, "receive_off", receive_words(*switches.receive, zone));
  std::ranges::stable_sort(findings, {}, &Finding::weight);
}

Text gate_waits_for_login(const SwitchedOff& login, const ZoneRule& zone) {
  const Text when = term(login, zone);
  return {fmt::format("{}、管理者がサインインを止めているため、確認を待っています。サインインが再開"
                      "されたら、メールソフトから一度サインインしてください。",
                      when.ja),
          fmt::format("{} {}. When that is on again, please sign in once from your mail program.",
                      k_gate_waits, when.en)};
}

bool is_waiting_for_login(const Text& evidence) { return evidence.en.starts_with(k_gate_waits); }

}  // namespace sekimori::decide
