#include "web/control.h"

namespace sekimori::web {

std::string_view to_string(IpAction action) { return action == IpAction::allow ? "allow" : "deny"; }

std::optional<IpAction> parse_ip_action(std::string_view word) {
  if (word == "allow") return IpAction::allow;
  if (word == "deny") return IpAction::deny;
  return std::nullopt;
}

std::string_view to_string(HealthLevel level) {
  switch (level) {
    case HealthLevel::ok: return "ok";
    case HealthLevel::warning: return "warning";
    case HealthLevel::failing: return "failing";
  }
  return "failing";
}

std::string_view to_string(OwnerProofKind kind) {
  switch (kind) {
    case OwnerProofKind::code: return "code";
    case OwnerProofKind::contact: return "contact";
    case OwnerProofKind::totp: return "totp";
  }
  return "code";
}

std::optional<OwnerProofKind> parse_owner_proof_kind(std::string_view word) {
  for (const auto kind : {OwnerProofKind::code, OwnerProofKind::contact, OwnerProofKind::totp}) {
    if (to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

namespace {
std::unexpected<Error> not_yet() {
  return operating_failure("this part of the server is not running");
}
}  // namespace

Result<HistoryOutcome> Control::learn_history(std::string_view, bool, const Caller&) {
  return not_yet();
}
Result<PasswordOutcome> Control::set_password(std::string_view, PasswordOrder, const Caller&) {
  return not_yet();
}
Result<PasswordVerdict> Control::judge_password(std::string_view, const Secret&) {
  return not_yet();
}
Result<RecoveryView> Control::recovery(std::string_view) { return not_yet(); }
Result<RecoveryView> Control::check_recovery(std::string_view, const Caller&) { return not_yet(); }
Result<RecoveryView> Control::answer_forwards(std::string_view, ForwardsAnswer,
                                              const std::vector<std::string>&, const Caller&) {
  return not_yet();
}
Result<RecoveryView> Control::review(std::string_view, const std::string&, const Caller&) {
  return not_yet();
}
Result<OwnerSession> Control::owner_begin(std::string_view, OwnerProof, const IpAddress&) {
  return not_yet();
}
Result<void> Control::owner_contact_code(std::string_view, Language, const IpAddress&) {
  return not_yet();
}
Result<OwnerIdentity> Control::owner_account(const Secret&) { return not_yet(); }
Result<Page<decide::NoticeRow>> Control::notices(const decide::NoticeFilter&) { return not_yet(); }
Result<decide::NoticeRow> Control::acknowledge_notice(std::uint64_t, const Caller&) {
  return not_yet();
}
Result<decide::CallSheet> Control::call_sheet(std::string_view) { return not_yet(); }

}  // namespace sekimori::web
