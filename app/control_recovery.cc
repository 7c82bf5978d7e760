// The way back, as web::Control words it.
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "app/control_service.h"
#include "app/owner_desk.h"
#include "app/recovery_service.h"
#include "password/totp.h"

namespace sekimori::app {
namespace {

// A wrong proof takes as long as the slowest right one, so that the time tells nothing of what
// there is.
constexpr std::chrono::milliseconds k_refusal_takes{600};

std::unexpected<Error> not_proved() {
  return bad_input(
      "the address and what was given do not belong together, or it is no longer good");
}

Text code_words(const std::string& account, std::string_view code, Duration lifetime) {
  const auto left = lifetime.us / minutes(1).us;
  return {fmt::format(
              "{} の復旧手続きの確認コードです。\n\n    {}\n\n{} 分以内に、手続きの画面に入力して"
              "ください。\n\nお心当たりのない場合は、このメールを破棄してください。コードを人に"
              "教えないでください。担当者がコードをお聞きすることはありません。\n",
              account, code, left),
          fmt::format(
              "This is the code for the recovery of {}.\n\n    {}\n\nPlease enter it within {} "
              "minutes.\n\nIf you did not ask for it, please discard this mail. Do not tell the "
              "code to anybody; our staff never asks for it.\n",
              account, code, left)};
}

}  // namespace

Result<web::PasswordOutcome> ControlService::set_password(std::string_view address,
                                                          web::PasswordOrder order,
                                                          const web::Caller& by) {
  return parts_.way_back.set_password(normalised(address), std::move(order), by.who);
}

Result<web::PasswordVerdict> ControlService::judge_password(std::string_view address,
                                                            const Secret& password) {
  return parts_.way_back.judge(normalised(address), password);
}

Result<web::RecoveryView> ControlService::recovery(std::string_view address) {
  return parts_.way_back.view(normalised(address));
}

Result<web::RecoveryView> ControlService::check_recovery(std::string_view address,
                                                         const web::Caller& by) {
  const std::string account = normalised(address);
  auto view = parts_.way_back.check(account);
  if (view) {
    audited(by, "check_recovery", {decide::SubjectKind::account, account}, view->recovery.incident,
            "");
  }
  return view;
}

Result<web::RecoveryView> ControlService::answer_forwards(std::string_view address,
                                                          web::ForwardsAnswer answer,
                                                          const std::vector<std::string>& targets,
                                                          const web::Caller& by) {
  return parts_.way_back.answer_forwards(normalised(address), answer, targets, by.who);
}

Result<web::RecoveryView> ControlService::review(std::string_view address,
                                                 const std::string& reason, const web::Caller& by) {
  return parts_.way_back.review(normalised(address), reason, by.who);
}

Result<bool> ControlService::is_proved(const std::string& account,
                                       const store::RecoveryRow& recovery,
                                       const web::OwnerProof& proof) {
  const Instant now = parts_.now();
  switch (proof.kind) {
    case web::OwnerProofKind::code:
      return parts_.desk.take_recovery_code(account, proof.value, now);
    case web::OwnerProofKind::contact:
      return parts_.recoveries.take_contact_code(account, proof.value, now);
    case web::OwnerProofKind::password: return false;  // begin_by_password
    case web::OwnerProofKind::totp: break;
  }
  const Instant onset = parts_.way_back.onset_of(recovery);
  {
    auto own = parts_.recoveries.own_totp(account);
    if (!own) return std::unexpected(own.error());
    if (*own) {
      if ((*own)->since >= onset) return false;
      auto right = owner_desk_->take_totp(account, (*own)->key, proof.value);
      if (!right && right.error().kind == ErrorKind::bad_input) return false;
      return right;
    }
  }
  // Enrolled before the incident and the same since: a thief who enrolls one proves nothing.
  auto enrolled = parts_.recoveries.contact_at(account, store::ContactKind::totp, onset);
  if (!enrolled) return std::unexpected(enrolled.error());
  if (!*enrolled || !(*enrolled)->unchanged) return false;
  auto secret = parts_.provider.totp_secret(account);
  if (!secret) return std::unexpected(secret.error());
  if (!secret->is_set() || parts_.way_back.fingerprint(secret->reveal()) != (*enrolled)->value) {
    return false;
  }
  auto key = password::TotpKey::parse(secret->reveal());
  if (!key) return false;
  auto last = parts_.recoveries.totp_step(account, now);
  if (!last) {
    if (last.error().kind == ErrorKind::bad_input) return false;
    return std::unexpected(last.error());
  }
  auto step = password::verify_totp(*key, proof.value.reveal(), now, *last);
  if (!step) return std::unexpected(step.error());
  if (!*step) {
    if (auto done = parts_.recoveries.count_wrong_totp(account, now); !done) {
      return std::unexpected(done.error());
    }
    return false;
  }
  return parts_.recoveries.use_totp_step(account, **step);
}

Result<web::OwnerSession> ControlService::begin_by_password(const std::string& account,
                                                            const web::OwnerProof& proof) {
  auto fits = owner_desk_->knows_password(account, proof.value);
  if (!fits) return std::unexpected(fits.error());
  if (!*fits) return not_proved();
  web::OwnerSession session;
  {
    auto key = owner_desk_->totp_key(account);
    if (!key) return std::unexpected(key.error());
    if (key->is_set()) {
      if (!proof.code.is_set()) {
        session.code_wanted = true;
        return session;
      }
      auto right = owner_desk_->take_totp(account, *key, proof.code);
      if (!right) return std::unexpected(right.error());
      if (!*right) return not_proved();
    }
  }
  auto view = parts_.way_back.view(account);
  if (view) {
    session.view = std::move(*view);
  } else if (view.error().kind != ErrorKind::not_found) {
    return std::unexpected(view.error());
  }
  session.expires = parts_.now() + parts_.owner_session;
  auto token = parts_.recoveries.open_session({account, "password"}, session.expires);
  if (!token) return std::unexpected(token.error());
  session.token = std::move(*token);
  return session;
}

Result<web::OwnerSession> ControlService::owner_begin(std::string_view address,
                                                      web::OwnerProof proof,
                                                      const IpAddress& from) {
  const auto begun = std::chrono::steady_clock::now();
  const auto refused = [&] {
    std::this_thread::sleep_until(begun + k_refusal_takes);
    return not_proved();
  };
  const std::string account = normalised(address);
  const web::Caller owner{.who = fmt::format("owner:{}", web::to_string(proof.kind)), .ip = from};
  const decide::Subject subject{decide::SubjectKind::account, account};
  if (proof.kind == web::OwnerProofKind::password) {
    auto begun_session = begin_by_password(account, proof);
    if (begun_session) {
      if (!begun_session->code_wanted) {
        audited(owner, "owner_begin", subject, 0, "",
                fmt::format(R"({{"ip":"{}"}})", from.to_string()));
      }
      return begun_session;
    }
    if (begun_session.error().kind != ErrorKind::bad_input) return begun_session;
    if (parts_.directory()->is_account(account)) {
      audited(owner, "owner_refused", subject, 0, "", from.to_string());
    }
    return refused();
  }
  web::OwnerSession session;
  {
    auto view = parts_.way_back.view(account);
    if (!view) {
      if (view.error().kind == ErrorKind::not_found) return refused();
      return std::unexpected(view.error());
    }
    session.view = std::move(*view);
  }
  auto row = parts_.recoveries.latest(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return refused();
  auto proved = is_proved(account, **row, proof);
  if (!proved) return std::unexpected(proved.error());
  if (!*proved) {
    audited(owner, "owner_refused", subject, (*row)->recovery.incident, "", from.to_string());
    return refused();
  }
  session.expires = parts_.now() + parts_.owner_session;
  auto token = parts_.recoveries.open_session({account, std::string(web::to_string(proof.kind))},
                                              session.expires);
  if (!token) return std::unexpected(token.error());
  session.token = std::move(*token);
  audited(owner, "owner_begin", subject, (*row)->recovery.incident, "",
          fmt::format(R"({{"ip":"{}"}})", from.to_string()));
  return session;
}

Result<void> ControlService::owner_contact_code(std::string_view address, Language language,
                                                const IpAddress& from) {
  const std::string account = normalised(address);
  // On the recovery's own thread: how long it takes must not tell whether there is a contact.
  parts_.way_back.later([this, account, language, from] {
    auto row = parts_.recoveries.latest(account);
    if (!row || !*row) return;
    auto contact = parts_.recoveries.contact_at(account, store::ContactKind::email_other,
                                                parts_.way_back.onset_of(**row));
    if (!contact || !*contact || !(*contact)->unchanged) return;
    const Instant now = parts_.now();
    auto code =
        parts_.recoveries.new_contact_code(account, now, now + parts_.contact_code_lifetime);
    if (!code || !*code) return;
    const Text words = code_words(account, (*code)->reveal(), parts_.contact_code_lifetime);
    const Text subject{"復旧手続きの確認コード", "Your recovery code"};
    auto sent = parts_.send_letter((*contact)->value, subject.in(language), words.in(language));
    const web::Caller owner{.who = "owner", .ip = from};
    audited(owner, "contact_code", {decide::SubjectKind::account, account},
            (*row)->recovery.incident, sent ? "sent" : sent.error().text);
  });
  return {};
}

Result<web::OwnerIdentity> ControlService::owner_account(const Secret& token) {
  auto session = parts_.recoveries.session(token, parts_.now());
  if (!session) return std::unexpected(session.error());
  if (!*session) return not_found("this token is over, or none");
  return web::OwnerIdentity{
      (*session)->account,
      web::parse_owner_proof_kind((*session)->proof).value_or(web::OwnerProofKind::code)};
}

}  // namespace sekimori::app
