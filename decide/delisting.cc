#include "decide/delisting.h"

#include <fmt/format.h>

#include <algorithm>

namespace sekimori::decide {
namespace {

// UTC to the second: it is read in another country.
std::string time_of(Instant t, Language language) {
  if (!t.is_set()) return language == Language::ja ? "不明" : "not known";
  return format_instant(Instant{t.us / 1'000'000 * 1'000'000});
}

std::string known(bool is_known, std::uint64_t n, Language language) {
  if (!is_known) return language == Language::ja ? "記録が残っていません" : "not recorded";
  return std::to_string(n);
}

std::string in_words(const DelistingAction& action, Language language) {
  const bool ja = language == Language::ja;
  if (action.what == "contained") {
    return ja ? "このアカウントからの送信を止めました" : "sending from the account was stopped";
  }
  if (action.what == "sessions_ended") {
    return ja ? "接続中のセッションをすべて終了しました" : "all its sessions were ended";
  }
  if (action.what == "queue_held") {
    return ja ? (action.count > 0 ? fmt::format("配送前のメール {} 通を保留しました", action.count)
                                  : std::string("配送待ちのメールを保留しました"))
              : (action.count > 0
                     ? fmt::format("{} messages were held before they left", action.count)
                     : std::string("its queued mail was held"));
  }
  if (action.what == "mail_deleted") {
    return ja ? fmt::format("保留した迷惑メール {} 通を削除しました", action.count)
              : fmt::format("{} held messages were deleted", action.count);
  }
  if (action.what == "password_changed") {
    return ja ? "本人を確認し、パスワードを変更しました"
              : "the owner was verified and the password changed";
  }
  if (action.what == "restored") {
    return ja ? "安全を確認し、送信を再開しました" : "the account was proved safe and restored";
  }
  return action.what;
}

std::string letter(const Delisting& d, Language language) {
  const bool ja = language == Language::ja;
  const IncidentTraffic& t = d.traffic;
  const auto say = [&](const char* in_ja, const char* in_en) { return ja ? in_ja : in_en; };
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{}: {}\n", name, value);
  };
  const std::string missing = say("(ご記入ください)", "(please fill in)");
  out += say("掲載解除のお願い\n\n", "Request for delisting\n\n");
  line(say("IP アドレス", "Address"),
       d.addresses.empty() ? missing : fmt::format("{}", fmt::join(d.addresses, ", ")));
  line(say("サーバー名(HELO)", "Server name (HELO)"), d.server.empty() ? missing : d.server);
  line(say("連絡先", "Contact"), d.contact.empty() ? missing : d.contact);
  line(say("管理番号", "Our reference"), fmt::format("incident {}", d.incident.id));

  out += say("\n■ 原因\n", "\nCause\n");
  const std::string& cause = d.incident.summary.in(language);
  out += fmt::format(
      fmt::runtime(say(
          "利用者 1 名のアカウント({})が、正しいログイン情報により第三者に使われ、そこから迷惑メールが送られたと"
          "判断しています。{}\n",
          "One user's account ({}) was, as our server judged it, used with its valid "
          "credentials by a third party to send unsolicited mail. {}\n")),
      d.account, cause);

  out += say("\n■ 日時(UTC)と件数\n", "\nTimes (UTC) and counts\n");
  line(say("最初の不審なメール", "First suspicious message"), time_of(t.first, language));
  line(say("最後の不審なメール", "Last suspicious message"), time_of(t.last, language));
  line(say("送出したメール", "Messages let out"), known(t.known, t.messages, language));
  line(say("その宛先", "Recipients of those"), known(t.known, t.recipients, language));
  line(say("送出前に保留したメール", "Messages held before they left"),
       known(t.known, t.held, language));
  line(say("拒否したメール", "Messages refused"), known(t.known, t.refused, language));
  line(say("届いた宛先", "Recipients delivered to"), known(t.known, t.delivered, language));
  line(say("配送待ちの宛先", "Recipients deferred"), known(t.known, t.deferred, language));
  line(say("届かなかった宛先", "Recipients bounced"), known(t.known, t.bounced, language));
  line(say("受信者からの苦情", "Complaints of recipients"), std::to_string(d.complaints));

  out += say("\n■ 行った対応(UTC)\n", "\nWhat was done (UTC)\n");
  if (d.actions.empty()) {
    out += say("記録された対応はまだありません。\n", "Nothing is recorded yet.\n");
  }
  for (const DelistingAction& action : d.actions) {
    out += fmt::format("- {} {}\n", time_of(action.t, language), in_words(action, language));
  }
  const auto done = [&](std::string_view what) {
    return std::ranges::any_of(d.actions, [&](const auto& a) { return a.what == what; });
  };
  if (!done("password_changed")) {
    out += say("- パスワードの変更: まだ記録がありません\n",
               "- change of the password: not recorded yet\n");
  }

  out += say("\n■ 再発の防止\n", "\nWhat prevents it from happening again\n");
  out += say(
      "認証されたすべての送信を、そのアカウントのふだんの使い方と照らして 1 通ごとに判定し、疑わしいものは送出前に"
      "保留または停止しています。停止したアカウントは、本人の確認とパスワードの変更が済むまで送信できません。\n",
      "Every authenticated message is judged against the account's own habits before it leaves, and "
      "held or stopped where it is suspicious. A stopped account cannot send until its owner is "
      "verified and the password changed.\n");
  return out;
}

}  // namespace

std::string redacted(const std::string& address) {
  const auto at = address.rfind('@');
  if (at == std::string::npos || at == 0) return "***";
  // The first character, whole, however many bytes it has.
  std::size_t n = 1;
  while (n < at && (static_cast<unsigned char>(address[n]) & 0xC0U) == 0x80U) ++n;
  return address.substr(0, n) + "***" + address.substr(at);
}

std::vector<DelistingAction> actions_of(const Incident& incident, const std::vector<Step>& steps,
                                        const std::vector<AuditEntry>& audit,
                                        const std::vector<HeldMessage>& holds) {
  std::vector<DelistingAction> actions;
  const Instant from = incident.onset.is_set() ? incident.onset : incident.opened;
  const auto within = [&](Instant t) {
    return t >= from && (!incident.closed.is_set() || t <= incident.closed + days(1));
  };
  const auto first = [&](std::string_view what, Instant t, std::uint64_t count = 0) {
    const auto known = std::ranges::find(actions, what, &DelistingAction::what);
    if (known == actions.end()) {
      actions.push_back({t, std::string(what), count});
    } else if (t < known->t) {
      known->t = t;
    }
  };
  if (incident.mode == Mode::enforce) {
    for (const Step& step : steps) {
      if (step.state != StepState::done) continue;
      if (step.kind == StepKind::write_guard && incident.standing != Standing::normal) {
        first("contained", step.created);
      }
      if (step.kind == StepKind::kick_sessions) first("sessions_ended", step.changed);
    }
  }
  std::uint64_t held = 0;
  std::uint64_t deleted = 0;
  Instant held_at;
  for (const HeldMessage& hold : holds) {
    if (hold.incident != incident.id && !within(hold.held_at)) continue;
    ++held;
    if (!held_at.is_set() || hold.held_at < held_at) held_at = hold.held_at;
    if (hold.state == HoldState::deleted) ++deleted;
  }
  if (held > 0) first("queue_held", held_at, held);
  for (const AuditEntry& entry : audit) {
    if (!within(entry.t)) continue;
    if (entry.action == "restrict" || entry.action == "suspend") {
      if (incident.mode == Mode::enforce) first("contained", entry.t);
    } else if (entry.action == "delete_held" && deleted > 0) {
      first("mail_deleted", entry.t, deleted);
    } else if (entry.action == "set_password" || entry.action == "password_changed") {
      first("password_changed", entry.t);
    } else if (entry.action == "restore" || entry.action == "recovery_complete") {
      first("restored", entry.t);
    }
  }
  std::ranges::stable_sort(actions, {}, &DelistingAction::t);
  return actions;
}

Text delisting_text(const Delisting& facts) {
  return {letter(facts, Language::ja), letter(facts, Language::en)};
}

}  // namespace sekimori::decide
