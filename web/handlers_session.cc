// Signing in to the panel, sessions, and the operators kept here.
#include <algorithm>
#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"
#include "web/sign_in.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

Result<std::string> read_login(std::string_view text) {
  // A mail address, or a plain name: what has no meaning in a log line or a URL.
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
           c == '@' || c == '+';
  });
  if (text.empty() || text.size() > k_login_max || !plain) {
    return bad_input("a login has small letters, digits and . - _ + @");
  }
  return std::string(text);
}

json::object person_object(const Person& person) {
  json::array domains;
  for (const auto& domain : person.domains) domains.emplace_back(domain);
  return {{"login", person.login},
          {"role", to_string(person.role)},
          {"domains", std::move(domains)},
          {"foreign", person.is_foreign},
          {"totp", person.has_totp}};
}

json::object session_object(const SessionView& view) {
  auto out = person_object(view.person);
  out["id"] = view.id;
  out["created"] = json_of(view.created);
  out["expires"] = json_of(view.expires);
  out["csrf"] = view.forgery_token;
  return out;
}

void set_cookie(ApiResponse& response, std::string_view value, std::int64_t seconds, bool secure) {
  response.headers.emplace_back(
      "Set-Cookie", std::string(k_session_cookie) + "=" + std::string(value) +
                        "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) +
                        (secure ? "; Secure" : ""));
}

ApiResponse begin(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  if (!call.sign_ins->admits(call.caller.ip)) return error_response(403);
  People::Proof proof;
  auto login = read_text(call.body, "login", k_login_max);
  if (!login) return bad_request(login.error());
  proof.login = ascii_lower(*login);
  auto password = read_secret(call.body, "password");
  if (!password) return bad_request(password.error());
  if (*password) proof.password = std::move(**password);
  auto code = read_secret(call.body, "code");
  if (!code) return bad_request(code.error());
  if (*code) proof.code = std::move(**code);
  if (proof.login.empty() || !proof.password.is_set()) {
    return error_response(400, "'login' and 'password' are needed");
  }
  const auto admit = [&call, &proof] {
    return call.brake == nullptr ||
           call.brake->admit(OwnerAct::sign_in, call.caller.ip, proof.login);
  };
  if (!admit()) return too_often();
  const auto agent = call.request == nullptr ? std::string_view() : call.request->user_agent;
  const auto begun = call.sign_ins->begin(proof, call.caller.ip, agent);
  if (!begun) {
    return begun.error().kind == ErrorKind::bad_input ? sign_in_refusal(false)
                                                      : error_response(503);
  }
  if (begun->code_wanted) return sign_in_refusal(true);
  if (call.brake != nullptr) {
    call.brake->take_back(OwnerAct::sign_in, call.caller.ip, proof.login);
  }
  auto response = json_response(session_object(begun->view), 201);
  set_cookie(response, begun->token.reveal(), call.sign_ins->length().us / 1'000'000,
             call.request != nullptr && call.request->is_secure);
  return response;
}

ApiResponse show(const Call& call) {
  if (call.caller.session != 0 && call.sign_ins != nullptr) {
    if (const auto view = call.sign_ins->view(call.caller.session)) {
      return json_response(session_object(*view));
    }
    return error_response(401);
  }
  SessionView view;
  view.person = {call.caller.who, call.caller.role, call.caller.domains, true, false};
  return json_response(session_object(view));
}

ApiResponse end(const Call& call) {
  std::size_t ended = 0;
  if (call.caller.session != 0 && call.sign_ins != nullptr) {
    ended = call.sign_ins->end(call.caller.who, call.caller.session);
  }
  auto response = json_response(json::object{{"ended", ended}});
  set_cookie(response, "", 0, call.request != nullptr && call.request->is_secure);
  return response;
}

ApiResponse list(const Call& call) {
  json::array items;
  if (call.sign_ins != nullptr) {
    for (const auto& view : call.sign_ins->sessions_of(call.caller.who)) {
      items.push_back(json::object{{"id", view.id},
                                   {"created", json_of(view.created)},
                                   {"seen", json_of(view.seen)},
                                   {"expires", json_of(view.expires)},
                                   {"from", view.from.is_set() ? view.from.to_string() : ""},
                                   {"agent", view.agent},
                                   {"current", view.id == call.caller.session}});
    }
  }
  const auto total = items.size();
  return json_response(json::object{{"items", std::move(items)}, {"total", total}});
}

ApiResponse end_others(const Call& call) {
  std::uint64_t id = 0;
  if (const auto text = call.target.find("id")) {
    const auto read = read_number(*text, k_id_max);
    if (!read) return bad_request(read.error());
    id = *read;
  }
  const auto ended =
      call.sign_ins == nullptr ? 0 : call.sign_ins->end(call.caller.who, id, call.caller.session);
  if (id != 0 && ended == 0) return error_response(404);
  return json_response(json::object{{"ended", ended}});
}

ApiResponse change_own_password(const Call& call) {
  if (call.sign_ins == nullptr || call.caller.session == 0) return error_response(409);
  auto request = read_password_request(call.body);
  if (!request) return bad_request(request.error());
  if (!request->given || !request->order.old.is_set()) {
    return error_response(400, "'password' and 'old_password' are needed");
  }
  if (call.brake != nullptr &&
      !call.brake->admit(OwnerAct::sign_in, call.caller.ip, call.caller.who)) {
    return too_often();
  }
  People::Proof proof;
  proof.login = call.caller.who;
  proof.password = std::move(request->order.old);
  auto& people = call.sign_ins->people();
  // The password alone: whoever is signed in has shown the code.
  if (!people.prove(proof, call.caller.ip)) return error_response(409, "wrong_password");
  const auto done =
      people.set_password(call.caller.who, std::move(request->order.password), call.caller);
  if (!done) return failure_response(done.error(), true);
  const auto ended = call.sign_ins->end(call.caller.who, 0, call.caller.session);
  return json_response(json::object{{"ended", ended}});
}

json::value shown_once(const Secret& secret) {
  if (!secret.is_set()) return nullptr;
  return json::value(secret.reveal());
}

// The second step: an authenticator that was never read from, or whose clock is wrong, must not
// lock its owner out.
ApiResponse confirm_own_totp(const Call& call, const Secret& code) {
  if (call.brake != nullptr &&
      !call.brake->admit(OwnerAct::sign_in, call.caller.ip, call.caller.who)) {
    return too_often();
  }
  const auto done = call.sign_ins->people().confirm_totp(call.caller.who, code, call.caller);
  if (!done && done.error().kind == ErrorKind::bad_input) return error_response(409, "wrong_code");
  if (!done) return failure_response(done.error(), true);
  if (call.brake != nullptr) {
    call.brake->take_back(OwnerAct::sign_in, call.caller.ip, call.caller.who);
  }
  return json_response(
      json::object{{"login", call.caller.who}, {"key", nullptr}, {"uri", nullptr}});
}

// Their own authenticator. The password is asked for again, as for a new one: a browser left alone
// is not its owner. The password alone: whoever is signed in has shown the code.
ApiResponse set_own_totp(const Call& call) {
  if (call.sign_ins == nullptr || call.caller.session == 0) return error_response(409);
  const auto on = read_bool(call.body, "on");
  if (!on) return bad_request(on.error());
  if (!*on) return error_response(400, "'on' is needed: true or false");
  auto code = read_secret(call.body, "code");
  if (!code) return bad_request(code.error());
  if (**on && *code) return confirm_own_totp(call, **code);
  auto password = read_candidate(call.body);
  if (!password) return bad_request(password.error());
  if (call.brake != nullptr &&
      !call.brake->admit(OwnerAct::sign_in, call.caller.ip, call.caller.who)) {
    return too_often();
  }
  People::Proof proof;
  proof.login = call.caller.who;
  proof.password = std::move(*password);
  auto& people = call.sign_ins->people();
  if (!people.prove(proof, call.caller.ip)) return error_response(409, "wrong_password");
  if (call.brake != nullptr) {
    call.brake->take_back(OwnerAct::sign_in, call.caller.ip, call.caller.who);
  }
  const auto totp = **on ? people.offer_totp(call.caller.who)
                         : people.set_totp(call.caller.who, false, call.caller);
  if (!totp) return failure_response(totp.error(), true);
  return json_response(json::object{
      {"login", call.caller.who}, {"key", shown_once(totp->key)}, {"uri", shown_once(totp->uri)}});
}

// ---- the operators kept here ----

ApiResponse list_operators(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  const auto people = call.sign_ins->people().list();
  if (!people) return failure_response(people.error(), false);
  json::array items;
  for (const auto& person : *people) items.push_back(person_object(person));
  const auto total = items.size();
  return json_response(json::object{{"items", std::move(items)}, {"total", total}});
}

ApiResponse add_operator(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  const auto text = read_text(call.body, "login", k_login_max);
  if (!text) return bad_request(text.error());
  auto login = read_login(*text);
  if (!login) return bad_request(login.error());
  const auto word = read_text(call.body, "role", 16);
  if (!word) return bad_request(word.error());
  const auto role = word->empty() ? Role::operator_ : parse_role(*word);
  if (!role || *role == Role::domain_admin) {
    return error_response(400, "'role' must be operator or support");
  }
  auto password = read_secret(call.body, "password");
  if (!password) return bad_request(password.error());
  Person person;
  person.login = std::move(*login);
  person.role = *role;
  const auto made = call.sign_ins->people().add(
      person, *password ? std::move(**password) : Secret(), call.caller);
  if (!made) return failure_response(made.error(), true);
  auto out = person_object(person);
  out["generated"] = shown_once(*made);
  return json_response(out, 201);
}

ApiResponse set_operator_password(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  const auto login = read_login(call.parameters[0]);
  if (!login) return bad_request(login.error());
  auto password = read_secret(call.body, "password");
  if (!password) return bad_request(password.error());
  const auto made = call.sign_ins->people().set_password(
      *login, *password ? std::move(**password) : Secret(), call.caller);
  if (!made) return failure_response(made.error(), true);
  const auto ended = call.sign_ins->end(*login, 0);
  return json_response(
      json::object{{"login", *login}, {"generated", shown_once(*made)}, {"ended", ended}});
}

ApiResponse set_operator_totp(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  const auto login = read_login(call.parameters[0]);
  if (!login) return bad_request(login.error());
  const auto on = read_bool(call.body, "on");
  if (!on) return bad_request(on.error());
  if (!*on) return error_response(400, "'on' is needed: true or false");
  const auto totp = call.sign_ins->people().set_totp(*login, **on, call.caller);
  if (!totp) return failure_response(totp.error(), true);
  return json_response(json::object{
      {"login", *login}, {"key", shown_once(totp->key)}, {"uri", shown_once(totp->uri)}});
}

ApiResponse remove_operator(const Call& call) {
  if (call.sign_ins == nullptr) return error_response(503);
  const auto login = read_login(call.parameters[0]);
  if (!login) return bad_request(login.error());
  const auto done = call.sign_ins->people().remove(*login, call.caller);
  if (!done) return failure_response(done.error(), true);
  return json_response(json::object{{"login", *login}, {"ended", call.sign_ins->end(*login, 0)}});
}

constexpr std::array k_routes = {
    Route{Method::post, "/api/v1/session", Access::sign_in, begin},
    Route{Method::get, "/api/v1/session", Access::authorised, show},
    Route{Method::delete_, "/api/v1/session", Access::authorised, end},
    Route{Method::post, "/api/v1/session/password", Access::authorised, change_own_password},
    Route{Method::post, "/api/v1/session/totp", Access::authorised, set_own_totp},
    Route{Method::get, "/api/v1/sessions", Access::authorised, list},
    Route{Method::delete_, "/api/v1/sessions", Access::authorised, end_others},
    Route{Method::get, "/api/v1/operators", Access::authorised, list_operators},
    Route{Method::post, "/api/v1/operators", Access::authorised, add_operator},
    Route{Method::post, "/api/v1/operators/{login}/password", Access::authorised,
          set_operator_password},
    Route{Method::post, "/api/v1/operators/{login}/totp", Access::authorised, set_operator_totp},
    Route{Method::delete_, "/api/v1/operators/{login}", Access::authorised, remove_operator},
};

}  // namespace

std::span<const Route> session_routes() { return k_routes; }

}  // namespace sekimori::web
