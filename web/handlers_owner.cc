// The owner's own way back. Two doors are open to anybody and say the same whoever knocks: nobody
// learns from them which addresses there are. Behind them an owner sees their own account alone,
// and no names of operators and no figures of the judge.
#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

Result<MailAddress> read_address(const boost::json::object& body) {
  const auto text = read_text(body, "address", 320);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return bad_input("'address' is needed");
  return MailAddress::parse(*text);
}

bool admitted(const Call& call, OwnerAct act, const MailAddress& address) {
  return call.brake == nullptr || call.brake->admit(act, call.caller.ip, address.text());
}

ApiResponse begin_session(const Call& call) {
  const auto address = read_address(call.body);
  if (!address) return bad_request(address.error());
  const auto word = read_text(call.body, "proof", 16);
  if (!word) return bad_request(word.error());
  const auto kind = parse_owner_proof_kind(*word);
  if (!kind) return error_response(400, "'proof' must be code, contact, totp or password");
  auto value = read_secret(call.body, "value");
  if (!value) return bad_request(value.error());
  if (!*value || !(*value)->is_set()) return error_response(400, "'value' is needed");
  auto code = read_secret(call.body, "code");
  if (!code) return bad_request(code.error());
  if (!admitted(call, OwnerAct::prove, *address)) return too_often();
  OwnerProof proof;
  proof.kind = *kind;
  if (*code) proof.code = std::move(**code);
  proof.value = std::move(**value);
  const auto session = call.control.owner_begin(address->text(), std::move(proof), call.caller.ip);
  // What was right does not count: whoever reloads the page seven times must not be locked out. The
  // password alone, where a code is wanted, stays counted: it opened nothing.
  if (session && session->code_wanted) return sign_in_refusal(true);
  if (session && call.brake != nullptr) {
    call.brake->take_back(OwnerAct::prove, call.caller.ip, address->text());
  }
  if (session) return json_response(json_of_owner(*session), 201);
  switch (session.error().kind) {
    case ErrorKind::bad_input:
    case ErrorKind::not_found: return owner_refusal(OwnerRefusal::not_proved);
    case ErrorKind::operating:
    case ErrorKind::uncertain: break;
  }
  // What exactly is broken is none of a stranger's business.
  return error_response(503);
}

ApiResponse send_contact_code(const Call& call) {
  const auto address = read_address(call.body);
  if (!address) return bad_request(address.error());
  const auto word = read_text(call.body, "language", 16);
  if (!word) return bad_request(word.error());
  if (!word->empty() && *word != "ja" && *word != "en") {
    return error_response(400, "'language' must be ja or en");
  }
  if (!admitted(call, OwnerAct::send, *address)) return too_often();
  const auto language = *word == "en" ? Language::en : Language::ja;
  // A failure that only known addresses can meet would tell which those are.
  (void)call.control.owner_contact_code(address->text(), language, call.caller.ip);
  const Text said{
      "登録済みの連絡先がある場合は、そちらへ確認コードをお送りしました。数分待っても届かないときは、"
      "管理者へご連絡ください。",
      "If a contact is registered for this address, a code is on its way there. If nothing comes "
      "within a few minutes, please get in touch with your administrator."};
  return json_response(boost::json::object{{"message", json_of(said)}}, 202);
}

ApiResponse view_response(const Result<RecoveryView>& view, bool changing) {
  if (!view) return failure_response(view.error(), changing);
  return json_response(json_of_owner(*view));
}

ApiResponse show_own_recovery(const Call& call) {
  return view_response(call.control.recovery(call.owner->account), false);
}

ApiResponse set_own_password(const Call& call) {
  const auto& account = call.owner->account;
  auto request = read_password_request(call.body);
  if (!request) return bad_request(request.error());
  if (request->given && !request->order.password.is_set()) {
    const auto verdict = call.control.judge_password(account, request->order.password);
    if (!verdict) return failure_response(verdict.error(), true);
    return error_with(422, "", "problems", json_of_list(verdict->problems).at("items"));
  }
  const auto outcome = call.control.set_password(account, std::move(request->order), call.caller);
  if (!outcome) return failure_response(outcome.error(), true);
  if (!outcome->changed) {
    return error_with(422, "", "problems", json_of_list(outcome->verdict.problems).at("items"));
  }
  auto body = json_of_owner(*outcome);
  if (const auto view = call.control.recovery(account)) {
    body.as_object()["recovery"] = json_of_owner(*view);
  }
  return json_response(body);
}

ApiResponse check_own_password(const Call& call) {
  const auto candidate = read_candidate(call.body);
  if (!candidate) return bad_request(candidate.error());
  const auto verdict = call.control.judge_password(call.owner->account, *candidate);
  if (!verdict) return failure_response(verdict.error(), false);
  return json_response(json_of(*verdict));
}

ApiResponse answer_own_forwards(const Call& call) {
  const auto order = read_forwards_order(call.body);
  if (!order) return bad_request(order.error());
  return view_response(
      call.control.answer_forwards(call.owner->account, order->answer, order->targets, call.caller),
      true);
}

constexpr std::array k_routes = {
    Route{Method::post, "/api/v1/owner/session", Access::owner_door, begin_session},
    Route{Method::post, "/api/v1/owner/contact-code", Access::owner_door, send_contact_code},
    Route{Method::get, "/api/v1/owner/recovery", Access::owner, show_own_recovery},
    Route{Method::post, "/api/v1/owner/password", Access::owner, set_own_password},
    Route{Method::post, "/api/v1/owner/password/check", Access::owner, check_own_password},
    Route{Method::post, "/api/v1/owner/forwards", Access::owner, answer_own_forwards},
};

}  // namespace

std::span<const Route> owner_routes() { return k_routes; }

}  // namespace sekimori::web
