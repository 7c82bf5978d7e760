// What an owner looks at and keeps beyond the way back; every route opens the token's own account.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_own.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

const std::string& account_of(const Call& call) { return call.owner->account; }

template <class T>
ApiResponse shown(const Result<T>& value, bool changing = false) {
  if (!value) return failure_response(value.error(), changing);
  return json_response(json_of(*value));
}

ApiResponse done(const Result<void>& outcome) {
  if (!outcome) return failure_response(outcome.error(), true);
  return json_response(boost::json::object{{"done", true}});
}

Result<Language> read_language(const boost::json::object& body) {
  const auto word = read_text(body, "language", 16);
  if (!word) return std::unexpected(word.error());
  if (word->empty() || *word == "ja") return Language::ja;
  if (*word == "en") return Language::en;
  return bad_input("'language' must be ja or en");
}

Result<Secret> read_code(const boost::json::object& body) {
  auto code = read_secret(body, "code");
  if (!code) return std::unexpected(code.error());
  if (!*code || !(*code)->is_set()) return bad_input("'code' is needed");
  return std::move(**code);
}

ApiResponse show_status(const Call& call) {
  return shown(call.control.own().status(account_of(call)));
}

ApiResponse end_session(const Call& call) {
  // "Bearer …", which answer_owner() has read.
  const auto header = call.request == nullptr ? std::string_view() : call.request->authorization;
  const auto blank = header.rfind(' ');
  return done(call.control.own().end_session(
      Secret(std::string(header.substr(blank == std::string_view::npos ? 0 : blank + 1)))));
}

ApiResponse show_history(const Call& call) {
  return shown(call.control.own().history(account_of(call), call.caller.ip));
}

ApiResponse answer_sign_in(const Call& call) {
  OwnAnswer answer;
  auto network = read_text(call.body, "network", 64);
  if (!network) return bad_request(network.error());
  const auto mine = read_bool(call.body, "mine");
  if (!mine) return bad_request(mine.error());
  if (network->empty() || !*mine) return error_response(400, "'network' and 'mine' are needed");
  answer.network = std::move(*network);
  answer.mine = **mine;
  return done(call.control.own().answer_sign_in(account_of(call), answer, call.caller));
}

ApiResponse note_computer(const Call& call) {
  const auto noted = call.control.own().note_computer(account_of(call), call.caller);
  if (!noted) return failure_response(noted.error(), true);
  return json_response(boost::json::object{{"noted", json_of(*noted)}});
}

ApiResponse show_devices(const Call& call) {
  return shown(call.control.own().devices(account_of(call), call.caller.ip));
}

ApiResponse revoke_device(const Call& call) {
  const auto key = read_text(call.body, "key", 320);
  if (!key) return bad_request(key.error());
  return done(call.control.own().revoke(account_of(call), *key, call.caller));
}

ApiResponse sign_out(const Call& call) {
  const auto ended = call.control.own().sign_out(account_of(call), call.caller);
  if (!ended) return failure_response(ended.error(), true);
  return json_response(boost::json::object{{"ended", *ended}});
}

ApiResponse show_ways(const Call& call) { return shown(call.control.own().ways(account_of(call))); }

ApiResponse answer_way(const Call& call, bool keep) {
  const auto change = read_number(call.parameters[0], k_id_max);
  if (!change) return bad_request(change.error());
  const auto view = call.control.own().answer_way(account_of(call), *change, keep, call.caller);
  if (!view) return failure_response(view.error(), true);
  return json_response(json_of_owner(*view));
}
ApiResponse keep_way(const Call& call) { return answer_way(call, true); }
ApiResponse revert_way(const Call& call) { return answer_way(call, false); }

ApiResponse list_services(const Call& call) {
  return shown(call.control.own().services(account_of(call)));
}

ApiResponse begin_test(const Call& call) {
  const auto language = read_language(call.body);
  if (!language) return bad_request(language.error());
  return shown(call.control.own().begin_test(account_of(call), *language, call.caller), true);
}

ApiResponse show_test(const Call& call) {
  return shown(call.control.own().test(account_of(call), call.caller.ip));
}

ApiResponse show_contact(const Call& call) {
  return shown(call.control.own().contact(account_of(call)));
}

ApiResponse propose_contact(const Call& call) {
  const auto language = read_language(call.body);
  if (!language) return bad_request(language.error());
  const auto email = read_text(call.body, "email", 320);
  if (!email) return bad_request(email.error());
  if (const auto address = MailAddress::parse(*email); !address)
    return bad_request(address.error());
  return done(call.control.own().propose_contact(account_of(call), *email, *language, call.caller));
}

ApiResponse confirm_contact(const Call& call) {
  const auto code = read_code(call.body);
  if (!code) return bad_request(code.error());
  return shown(call.control.own().confirm_contact(account_of(call), *code, call.caller), true);
}

ApiResponse propose_totp(const Call& call) {
  return shown(call.control.own().propose_totp(account_of(call), call.caller), true);
}

ApiResponse confirm_totp(const Call& call) {
  const auto code = read_code(call.body);
  if (!code) return bad_request(code.error());
  return shown(call.control.own().confirm_totp(account_of(call), *code, call.caller), true);
}

ApiResponse remove_totp(const Call& call) {
  const auto code = read_code(call.body);
  if (!code) return bad_request(code.error());
  return shown(call.control.own().remove_totp(account_of(call), *code, call.caller), true);
}

ApiResponse show_check_up(const Call& call) {
  return shown(call.control.own().check_up(account_of(call)));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/owner/status", Access::owner_look, show_status},
    Route{Method::delete_, "/api/v1/owner/session", Access::owner_look, end_session},
    Route{Method::get, "/api/v1/owner/history", Access::owner, show_history},
    Route{Method::post, "/api/v1/owner/sign-ins", Access::owner, answer_sign_in},
    Route{Method::post, "/api/v1/owner/computer-password", Access::owner, note_computer},
    Route{Method::get, "/api/v1/owner/devices", Access::owner, show_devices},
    Route{Method::post, "/api/v1/owner/devices/revoke", Access::owner, revoke_device},
    Route{Method::post, "/api/v1/owner/sign-out", Access::owner, sign_out},
    Route{Method::get, "/api/v1/owner/ways", Access::owner, show_ways},
    Route{Method::post, "/api/v1/owner/ways/{change}/keep", Access::owner, keep_way},
    Route{Method::post, "/api/v1/owner/ways/{change}/revert", Access::owner, revert_way},
    Route{Method::get, "/api/v1/owner/services", Access::owner, list_services},
    Route{Method::post, "/api/v1/owner/live-test", Access::owner, begin_test},
    Route{Method::get, "/api/v1/owner/live-test", Access::owner, show_test},
    Route{Method::get, "/api/v1/owner/contact", Access::owner, show_contact},
    Route{Method::post, "/api/v1/owner/contact", Access::owner, propose_contact},
    Route{Method::post, "/api/v1/owner/contact/confirm", Access::owner, confirm_contact},
    Route{Method::post, "/api/v1/owner/totp", Access::owner, propose_totp},
    Route{Method::post, "/api/v1/owner/totp/confirm", Access::owner, confirm_totp},
    Route{Method::post, "/api/v1/owner/totp/remove", Access::owner, remove_totp},
    Route{Method::get, "/api/v1/owner/check-up", Access::owner, show_check_up},
};

}  // namespace

std::span<const Route> own_routes() { return k_routes; }

}  // namespace sekimori::web
