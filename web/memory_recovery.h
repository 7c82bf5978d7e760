// The way back and telling over plain containers, for MemoryControl: the gates are decide's own,
// only what a machine would prove is proved by asking. Not locked: MemoryControl's lock is held.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "web/control.h"

namespace sekimori::web {

class MemoryRecovery {
 public:
  // What an owner can prove themselves with; the one-time code is good once.
  static constexpr std::string_view k_code = "7KQ4-2M9X-TR5D";
  static constexpr std::string_view k_contact_code = "246810";
  static constexpr std::string_view k_totp = "492039";
  static constexpr std::string_view k_first_password = "Old-pass-1";
  static constexpr std::string_view k_generated = "Kamine-resuta-48275";

  explicit MemoryRecovery(Instant now) : now_(now) {
    decide::NoticeRow row;
    row.kind = "suspended";
    row.subject = {decide::SubjectKind::account, "taro@example.jp"};
    row.incident = 1;
    row.summary = {"大量の送信があったため、止めています。", "Stopped after sending in bulk."};
    row.created = row.changed = row.due = now;
    for (const auto channel : {decide::NoticeChannel::mail, decide::NoticeChannel::webhook,
                               decide::NoticeChannel::call}) {
      row.id = notices_.size() + 1;
      row.key = "suspended/1/" + std::string(decide::to_string(channel));
      row.channel = channel;
      row.to = channel == decide::NoticeChannel::mail ? "ops@example.org" : "";
      row.state = channel == decide::NoticeChannel::call ? decide::NoticeState::sent
                                                         : decide::NoticeState::waiting;
      notices_.push_back(row);
    }
  }

  void contained(const std::string& account, bool by_machine) {
    const auto at = recoveries_.find(account);
    // A person closes it more tightly: the same recovery.
    if (!by_machine && at != recoveries_.end() && !at->second.ended.is_set()) return;
    decide::RecoveryStart start;
    start.account = account;
    start.incident = 1;
    start.now = now_;
    start.stored_hash = fingerprint_of(account);
    start.by_machine = by_machine;
    start.times = at == recoveries_.end() || !by_machine ? 1 : at->second.times + 1;
    recoveries_[account] = decide::open_recovery(std::move(start));
    forwards_[account] = {{account, "collector@thief.example"}, {account, "taro@home.example"}};
  }
  // The gates that a restore without a reason would walk past.
  bool wants_a_reason(const std::string& account) const {
    const auto at = recoveries_.find(account);
    return at != recoveries_.end() && !at->second.ended.is_set() && at->second.by_machine &&
           !decide::is_complete(at->second);
  }
  void restored(const std::string& account, const std::string& by, const std::string& why) {
    const auto at = recoveries_.find(account);
    if (at == recoveries_.end() || at->second.ended.is_set()) return;
    at->second.ended = now_;
    at->second.ended_by = by;
    for (auto& gate : at->second.gates) {
      if (gate.state == decide::GateState::open) {
        gate = {decide::GateState::overridden, {by + ": " + why, by + ": " + why}, now_};
      }
    }
  }
  void code_issued(const std::string& account) { codes_[account] = k_code; }

  PasswordVerdict judge(const std::string& account, const Secret& password) const {
    PasswordVerdict verdict;
    const auto text = password.reveal();
    if (text.size() < 8) {
      verdict.problems.push_back(
          {"too_short", {"8 文字以上にしてください。", "Use at least 8 characters."}});
    }
    if (std::ranges::none_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
      verdict.problems.push_back({"no_digit", {"数字を 1 つ以上入れてください。", "Add a digit."}});
    }
    if (text == password_of(account)) {
      verdict.problems.push_back(
          {"same_as_old", {"いまのパスワードと同じです。", "It is the present one."}});
    }
    verdict.good = verdict.problems.empty();
    verdict.strength = static_cast<int>(std::min<std::size_t>(4, text.size() / 4));
    verdict.strength_text = {"強さの説明です。", "How strong it is."};
    return verdict;
  }

  PasswordOutcome set_password(const std::string& account, PasswordOrder order,
                               const std::string& by) {
    PasswordOutcome outcome;
    const bool made = !order.password.is_set();
    if (made) order.password = Secret(std::string(k_generated));
    outcome.verdict = judge(account, order.password);
    if (!outcome.verdict.good) return outcome;
    outcome.changed = true;
    outcome.cache_flushed = true;
    passwords_[account] = order.password.reveal();
    if (made) {
      outcome.generated = std::move(order.password);
      outcome.reading = {"大文字で、京都のケー。", "Capital Kilo."};
    }
    const auto at = recoveries_.find(account);
    if (at == recoveries_.end() || at->second.ended.is_set()) return outcome;
    auto& recovery = at->second;
    decide::password_stored(recovery, fingerprint_of(account), by, now_);
    decide::prove(recovery, decide::GateKind::cache_flushed, {"消去しました。", "Emptied."}, now_);
    decide::prove(recovery, decide::GateKind::sessions_ended, {"切りました。", "Ended."}, now_);
    decide::not_needed(recovery, decide::GateKind::app_passwords, {"ありません。", "None."}, now_);
    outcome.recovery = recovery;
    return outcome;
  }

  Result<RecoveryView> view(const std::string& account, Standing standing) const {
    const auto at = recoveries_.find(account);
    if (at == recoveries_.end()) return not_found("it was never contained");
    RecoveryView out;
    out.recovery = at->second;
    out.standing = standing;
    if (const auto list = forwards_.find(account); list != forwards_.end()) {
      out.forwards = list->second;
    }
    out.next_step = decide::next_step(at->second);
    return out;
  }
  // Nothing to do where none is under way.
  Result<void> check(const std::string& account) {
    const auto recovery = under_way(account);
    if (!recovery) return std::unexpected(recovery.error());
    if ((*recovery)->gate(decide::GateKind::password_changed).state == decide::GateState::open) {
      return {};
    }
    for (const auto kind : {decide::GateKind::works_smtp, decide::GateKind::works_imap,
                            decide::GateKind::old_refused}) {
      decide::prove(**recovery, kind, {"試しました。", "Tried."}, now_);
    }
    return {};
  }
  Result<void> answer(const std::string& account, ForwardsAnswer answer,
                      const std::vector<std::string>& targets) {
    const auto recovery = under_way(account);
    if (!recovery) return std::unexpected(recovery.error());
    auto& list = forwards_[account];
    const auto is_named = [&targets](const ForwardEntry& entry) {
      return targets.empty() || std::ranges::find(targets, entry.target) != targets.end();
    };
    if (std::ranges::none_of(list, is_named)) return bad_input("there is no such forward");
    if (answer == ForwardsAnswer::remove) std::erase_if(list, is_named);
    decide::prove(**recovery, decide::GateKind::forwards_answered, {"答えました。", "Answered."},
                  now_);
    return {};
  }
  Result<void> review(const std::string& account, const std::string& reason,
                      const std::string& by) {
    const auto recovery = under_way(account);
    if (!recovery) return std::unexpected(recovery.error());
    decide::prove(**recovery, decide::GateKind::reviewed, {by + ": " + reason, by + ": " + reason},
                  now_);
    return {};
  }
  bool is_complete(const std::string& account) const {
    const auto at = recoveries_.find(account);
    return at != recoveries_.end() && decide::is_complete(at->second);
  }

  // A token where the proof holds, else unset.
  Secret begin(const std::string& account, const OwnerProof& proof) {
    const auto value = proof.value.reveal();
    bool holds = false;
    switch (proof.kind) {
      case OwnerProofKind::code: holds = take(codes_, account, value); break;
      case OwnerProofKind::contact: holds = take(contact_codes_, account, value); break;
      case OwnerProofKind::password: holds = value == password_of(account); break;
      case OwnerProofKind::totp: holds = value == k_totp && account == "taro@example.jp"; break;
    }
    if (!holds) return {};
    const auto token = "owner-token-" + std::to_string(tokens_.size() + 1) + std::string(31, 'x');
    tokens_[token] = {account, proof.kind};
    return Secret(token);
  }
  void send_contact_code(const std::string& account) { contact_codes_[account] = k_contact_code; }
  Result<OwnerIdentity> owner_of(const Secret& token) const {
    const auto at = tokens_.find(std::string(token.reveal()));
    if (at == tokens_.end()) return not_found("no such session");
    return at->second;
  }
  void end_sessions() { tokens_.clear(); }

  Page<decide::NoticeRow> notices(const decide::NoticeFilter& filter) const {
    Page<decide::NoticeRow> page;
    for (const auto& row : notices_) {
      if (filter.state && row.state != *filter.state) continue;
      if (filter.channel && row.channel != *filter.channel) continue;
      if (filter.subject && row.subject != *filter.subject) continue;
      page.items.push_back(row);
    }
    return page;
  }
  Result<decide::NoticeRow> acknowledge(std::uint64_t id, const std::string& by) {
    const auto at = std::ranges::find(notices_, id, &decide::NoticeRow::id);
    if (at == notices_.end()) return not_found("no such notice");
    at->state = decide::NoticeState::acknowledged;
    at->detail = by;
    return *at;
  }
  decide::CallSheet call_sheet(const decide::AccountRow& row, Standing standing) const {
    decide::CallSheet sheet;
    sheet.account = row.address;
    sheet.customer_number = "C-1024";
    sheet.name = row.name;
    sheet.phone = "03-0000-0000";
    sheet.incident = 1;
    sheet.standing = standing;
    sheet.since = now_;
    sheet.what_happened = {"大量の送信がありました。", "It sent in bulk."};
    sheet.what_to_say = {"お名前を伺います。\n新しいパスワードをお願いします。",
                         "Ask for the name.\nAsk for a new password."};
    return sheet;
  }

 private:
  std::string password_of(const std::string& account) const {
    const auto at = passwords_.find(account);
    return at == passwords_.end() ? std::string(k_first_password) : at->second;
  }
  std::string fingerprint_of(const std::string& account) const {
    return "f:" + std::to_string(std::hash<std::string>()(password_of(account)));
  }
  Result<decide::Recovery*> under_way(const std::string& account) {
    const auto at = recoveries_.find(account);
    if (at == recoveries_.end()) return not_found("it was never contained");
    if (at->second.ended.is_set()) return bad_input("no recovery is under way");
    return &at->second;
  }
  static bool take(std::map<std::string, std::string>& codes, const std::string& account,
                   std::string_view value) {
    const auto at = codes.find(account);
    if (at == codes.end() || at->second != value) return false;
    codes.erase(at);
    return true;
  }

  Instant now_;
  std::map<std::string, std::string> passwords_;
  std::map<std::string, decide::Recovery> recoveries_;
  std::map<std::string, std::vector<ForwardEntry>> forwards_;
  std::map<std::string, std::string> codes_;
  std::map<std::string, std::string> contact_codes_;
  std::map<std::string, OwnerIdentity> tokens_;
  std::vector<decide::NoticeRow> notices_;
};

}  // namespace sekimori::web
