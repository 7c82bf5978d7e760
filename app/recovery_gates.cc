// How each gate of the way back is proved.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/recovery_service.h"
#include "decide/standing.h"
#include "decide/switches.h"

namespace sekimori::app {
namespace {

using decide::GateKind;
using decide::GateState;

// So long Dovecot takes at most to forget sessions that were ended; asked every k_who_pause.
constexpr std::chrono::milliseconds k_who_deadline{2000};
constexpr std::chrono::milliseconds k_who_pause{50};
// Dovecot's report of our own sign-in comes with its answer, or a moment later.
constexpr std::chrono::milliseconds k_report_deadline{500};

bool is_open(const decide::Recovery& r, GateKind kind) {
  return r.gate(kind).state == GateState::open;
}

void still_missing(decide::Recovery& r, GateKind kind, Text what) {
  if (is_open(r, kind)) r.gate(kind).evidence = std::move(what);
}

Text service_name(Service service) {
  return service == Service::smtp ? Text{"送信(SMTP)", "SMTP"} : Text{"受信(IMAP)", "IMAP"};
}

}  // namespace

// ---------------------------------------------------------------- the gates

void RecoveryService::prove_cache(Row& row) {
  decide::Recovery& r = row.recovery;
  if (!is_open(r, GateKind::cache_flushed)) return;
  if (parts_.hands.doveadm() == nullptr) {
    return still_missing(r, GateKind::cache_flushed,
                         {"Dovecot を操作する設定(dovecot.doveadm_url)がないため、確認できません。",
                          "Cannot be verified: dovecot.doveadm_url is not set."});
  }
  if (auto done = parts_.hands.flush_auth_cache(r.account); !done) {
    return still_missing(r, GateKind::cache_flushed,
                         {"Dovecot に接続できません。続けて試します。",
                          "Dovecot is not reached; it is tried again."});
  }
  decide::prove(r, GateKind::cache_flushed,
                {"古い認証の記憶を消しました。", "The server has forgotten earlier sign-ins."},
                parts_.now());
}

void RecoveryService::prove_app_passwords(Row& row) {
  decide::Recovery& r = row.recovery;
  if (!is_open(r, GateKind::app_passwords)) return;
  auto suspended = end_app_passwords(r.account, "recovery");
  if (!suspended) return;
  if (*suspended == 0) {
    decide::not_needed(r, GateKind::app_passwords,
                       {"アプリ用パスワードはありません。", "There are no app passwords."},
                       parts_.now());
  } else {
    decide::prove(
        r, GateKind::app_passwords,
        {fmt::format("アプリ用パスワード {} 件を止めました。必要なものは作り直してください。",
                     *suspended),
         fmt::format("{} app passwords were suspended; make those you need anew.", *suspended)},
        parts_.now());
  }
}

Result<std::uint64_t> RecoveryService::end_app_passwords(const std::string& account,
                                                         const std::string& by) {
  auto suspended = parts_.accounts.suspend_app_passwords(account);
  if (!suspended) return suspended;
  parts_.ways.password_is_new(account, by);
  // Those that the containment suspended count as well.
  return parts_.accounts.suspended_app_passwords(account);
}

void RecoveryService::prove_sessions(Row& row) {
  decide::Recovery& r = row.recovery;
  if (!is_open(r, GateKind::sessions_ended)) return;
  auto* doveadm = parts_.hands.doveadm();
  if (doveadm == nullptr) {
    return still_missing(r, GateKind::sessions_ended,
                         {"Dovecot を操作する設定(dovecot.doveadm_url)がないため、確認できません。",
                          "Cannot be verified: dovecot.doveadm_url is not set."});
  }
  // What the cache let in just before it was emptied goes as well.
  if (is_open(r, GateKind::cache_flushed)) return;
  const Instant kicked = parts_.now();
  if (!parts_.hands.kick(r.account)) {
    return still_missing(r, GateKind::sessions_ended,
                         {"Dovecot に接続できません。続けて試します。",
                          "Dovecot is not reached; it is tried again."});
  }
  const auto directory = parts_.directory();
  std::size_t left = 0;
  const auto deadline = std::chrono::steady_clock::now() + k_who_deadline;
  while (true) {
    auto sessions = doveadm->who("");
    if (!sessions) return;
    left = static_cast<std::size_t>(std::ranges::count_if(*sessions, [&](const auto& session) {
      return directory->account_of(session.username) == r.account;
    }));
    if (left == 0 || std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(k_who_pause);
  }
  if (left == 0) {
    return decide::prove(r, GateKind::sessions_ended,
                         {"以前からの接続は残っていません。", "No connection from before is left."},
                         parts_.now());
  }
  // After the change only the new password signs in: who is there again now used it.
  bool is_owner = false;
  {
    const std::lock_guard lock(mutex_);
    const auto owner = owners_.find(r.account);
    is_owner = owner != owners_.end() && owner->second >= kicked;
  }
  if (is_owner) {
    decide::prove(r, GateKind::sessions_ended,
                  {"以前からの接続を切りました。今の接続は新しいパスワードによるものです。",
                   "Connections from before were ended; the present one uses the new password."},
                  parts_.now());
  } else {
    still_missing(r, GateKind::sessions_ended,
                  {fmt::format("接続がまだ {} 件残っています。続けて切ります。", left),
                   fmt::format("{} connections are still there; they are being ended.", left)});
  }
}

std::vector<std::string> RecoveryService::forwards_of(const std::string& account, bool& is_known) {
  std::vector<std::string> out;
  auto entries = parts_.accounts.forwards(account);
  is_known = entries.has_value();
  if (!entries) return out;
  const auto directory = parts_.directory();
  for (std::string& entry : *entries) {
    // The account under an alias domain's name, or with an extension, is no place elsewhere.
    if (directory->account_of(entry) != account) out.push_back(std::move(entry));
  }
  return out;
}

std::vector<WaysService::Asked> RecoveryService::ways_of(const Row& row, bool& is_known) {
  auto asked = parts_.ways.asked(row.recovery.account, onset_of(row));
  is_known = asked.has_value();
  return asked ? std::move(*asked) : std::vector<WaysService::Asked>();
}

void RecoveryService::prove_forwards(Row& row) {
  decide::Recovery& r = row.recovery;
  decide::Gate& gate = r.gate(GateKind::forwards_answered);
  if (gate.state == GateState::overridden) return;
  bool is_known = false;
  const auto forwards = forwards_of(r.account, is_known);
  if (!is_known) return;
  std::vector<std::string> asked;
  for (const std::string& target : forwards) {
    if (std::ranges::find(row.kept, target) == row.kept.end()) asked.push_back(target);
  }
  bool is_watched = false;
  for (WaysService::Asked& way : ways_of(row, is_watched)) {
    if (std::ranges::find(asked, way.target) == asked.end()) asked.push_back(std::move(way.target));
  }
  if (!is_watched) return;
  if (!asked.empty()) {
    const Text what{
        fmt::format("転送先 {} について、ご自身で設定したものかお答えください。",
                    fmt::join(asked, "、")),
        fmt::format("Mail is forwarded to {}. Please say whether you set this up yourself.",
                    fmt::join(asked, ", "))};
    if (gate.state != GateState::open || gate.evidence != what) {
      decide::reopen(r, GateKind::forwards_answered, what);
    }
    return;
  }
  if (gate.state != GateState::open) return;
  if (!row.kept.empty()) {
    decide::prove(r, GateKind::forwards_answered,
                  {"転送先はすべて確認されました。", "All forwards were answered for."},
                  parts_.now());
  } else {
    decide::not_needed(
        r, GateKind::forwards_answered,
        {"ほかのアドレスへの転送はありません。", "There are no forwards to other addresses."},
        parts_.now());
  }
}

act::TrialOutcome RecoveryService::try_password(Row& row, Service service, const Secret& password,
                                                std::string* pwhash) {
  const std::string& account = row.recovery.account;
  {
    const std::lock_guard lock(mutex_);
    trials_[account] = {service, false, ""};
  }
  auto outcome = parts_.prover.try_sign_in(service, account, password);
  std::unique_lock lock(mutex_);
  if (outcome.trial == act::Trial::accepted && pwhash != nullptr) {
    (void)changed_.wait_for(lock, k_report_deadline, [&] { return trials_[account].is_seen; });
    *pwhash = trials_[account].pwhash;
  }
  trials_.erase(account);
  lock.unlock();
  if (parts_.log) {
    parts_.log(fmt::format("{}: trial over {}: {} ({})", account, to_string(service),
                           act::to_string(outcome.trial), outcome.words));
  }
  return outcome;
}

bool RecoveryService::is_login_off(const std::string& account) const {
  return parts_.login_off && parts_.login_off(account).has_value();
}

void RecoveryService::say_who_waits_for_login(Row& row) {
  decide::Recovery& r = row.recovery;
  const auto why = parts_.login_off ? parts_.login_off(r.account) : std::nullopt;
  for (const GateKind kind : {GateKind::works_smtp, GateKind::works_imap}) {
    if (!is_open(r, kind)) continue;
    Text& evidence = r.gate(kind).evidence;
    if (why) {
      evidence = *why;
    } else if (decide::is_waiting_for_login(evidence)) {
      evidence = decide::open_recovery({}).gate(kind).evidence;
    }
  }
}

void RecoveryService::prove_works(Row& row, const Typed& typed) {
  decide::Recovery& r = row.recovery;
  for (const auto& [service, gate] : {std::pair{Service::smtp, GateKind::works_smtp},
                                      std::pair{Service::imap, GateKind::works_imap}}) {
    if (!is_open(r, gate) || !parts_.prover.knows(service)) continue;
    decide::SignIn in;
    in.service = service;
    in.is_ours = true;
    const auto outcome = try_password(row, service, typed.fresh, &in.pwhash);
    in.t = parts_.now();
    const Text name = service_name(service);
    if (outcome.trial == act::Trial::accepted) {
      (void)decide::note_sign_in(r, in);
    } else if (outcome.trial == act::Trial::refused) {
      still_missing(r, gate,
                    {fmt::format("新しいパスワードが{}でまだ受け付けられません。", name.ja),
                     fmt::format("The new password is not accepted over {} yet.", name.en)});
    } else {
      still_missing(
          r, gate,
          {fmt::format("{}サーバーに接続できませんでした。メールソフトに新しいパスワードを入れて"
                       "お試しください。",
                       name.ja),
           fmt::format("The {} server was not reached. Please put the new password into your mail "
                       "program.",
                       name.en)});
    }
  }
}

void RecoveryService::prove_old_refused(Row& row, const Typed* typed) {
  decide::Recovery& r = row.recovery;
  if (!is_open(r, GateKind::old_refused)) return;
  if (typed == nullptr) {
    // A trial that found it still working stands until another password is set.
    if (r.gate(GateKind::old_refused).evidence !=
        decide::open_recovery({}).gate(GateKind::old_refused).evidence) {
      return;
    }
    return decide::not_needed(
        r, GateKind::old_refused,
        {"以前のパスワードは当方では分かりません。使われたときは直ちに止めます。",
         "Nobody told us the earlier password; a sign-in with it is stopped at once."},
        parts_.now());
  }
  // While nobody may sign in, that an earlier password is refused proves nothing.
  if (typed->old != nullptr && !is_login_off(r.account)) {
    std::string where;
    for (const Service service : {Service::smtp, Service::imap}) {
      if (!parts_.prover.knows(service)) continue;
      const auto outcome = try_password(row, service, *typed->old, nullptr);
      const Text name = service_name(service);
      if (outcome.trial == act::Trial::accepted) {
        return still_missing(r, GateKind::old_refused,
                             {fmt::format("古いパスワードが{}でまだ使えてしまいます。", name.ja),
                              fmt::format("The earlier password still works over {}.", name.en)});
      }
      if (outcome.trial == act::Trial::refused) where += (where.empty() ? "" : " + ") + name.en;
    }
    if (!where.empty()) {
      return decide::prove(r, GateKind::old_refused,
                           {fmt::format("古いパスワードが断られることを試しました({})。", where),
                            fmt::format("Tried: the earlier password is refused ({}).", where)},
                           parts_.now());
    }
  }
  if (typed->is_other) {
    decide::prove(r, GateKind::old_refused,
                  {"新しいパスワードは、保存されていた以前のものと異なります。",
                   "The new password is not the earlier one, compared with what was stored."},
                  parts_.now());
  }
}

Result<void> RecoveryService::begin_standing(Row& row) {
  const decide::Recovery& r = row.recovery;
  const auto standing = parts_.engine.standing_of({decide::SubjectKind::account, r.account});
  if (!decide::is_contained(standing.standing)) {
    return {};
  }
  // A suspended mailbox opens for reading with a new password only: the thief knows the other one.
  if (standing.standing == Standing::suspended && is_open(r, GateKind::password_changed)) return {};
  auto done = request(r.account, decide::RequestKind::begin_recovery,
                      r.begun_by.empty() ? std::string("panel") : r.begun_by,
                      {"本人の復旧手続きを始めました。", "The owner's way back has begun."});
  // A remembered refusal would keep the owner out, and fail our trials.
  if (done) (void)parts_.hands.flush_auth_cache(r.account);
  return done;
}

Result<void> RecoveryService::prove_all(Row& row, const Typed* typed) {
  decide::Recovery& r = row.recovery;
  const Row before = row;
  const bool is_changed = !is_open(r, GateKind::password_changed);
  if (is_changed) {
    prove_cache(row);
    prove_app_passwords(row);
  }
  // Kept before the door opens, so that whoever comes after a kill knows why it is open.
  if (auto done = parts_.store.put(row); !done) return done;
  if (auto done = begin_standing(row); !done) return done;
  const auto standing = parts_.engine.standing_of({decide::SubjectKind::account, r.account});
  if (is_changed && standing.standing == Standing::recovering) {
    prove_sessions(row);
    if (typed != nullptr && !is_login_off(r.account)) prove_works(row, *typed);
    say_who_waits_for_login(row);
    prove_old_refused(row, typed);
  }
  prove_forwards(row);
  if (row != before) {
    if (auto done = parts_.store.put(row); !done) return done;
  }
  return finish(row);
}

Result<void> RecoveryService::finish(Row& row) {
  decide::Recovery& r = row.recovery;
  if (!decide::is_complete(r) || r.ended.is_set()) return {};
  const auto standing = parts_.engine.standing_of({decide::SubjectKind::account, r.account});
  if (standing.standing != Standing::recovering) return {};
  // What a person closed, a person opens.
  if (settings_.automatic && r.by_machine) {
    auto done = request(r.account, decide::RequestKind::restore, "machine",
                        {"すべての確認が済んだため、送信を再開しました。",
                         "Everything was verified: sending is open again."},
                        true);
    if (!done) return done;
    return end(row, parts_.engine.standing_of({decide::SubjectKind::account, r.account}));
  }
  if (row.told.is_set()) return {};
  row.told = parts_.now();
  if (auto done = parts_.store.put(row); !done) return done;
  const std::string why =
      "確認はすべて済みました。管理者の解除を待っています。 / "
      "Everything is verified; an administrator restores it.";
  audit(row, "machine", "recovery_complete", why);
  decide::AuditEntry entry;
  entry.t = row.told;
  entry.who = "machine";
  entry.action = "note";
  entry.subject.id = r.account;
  entry.incident = r.incident;
  entry.why = why;
  if (auto done = parts_.reader.add_note(r.incident, entry); !done) return done;
  tell("verified", r);
  return {};
}

}  // namespace sekimori::app
