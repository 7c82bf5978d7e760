#include "web/api.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <optional>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/permissions.h"
#include "web/sign_in.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

constexpr std::array k_tables = {
    account_routes,      // accounts, domains, the server
    queue_routes,        // an account's mail in the queue
    diagnosis_routes,    // "I cannot get my mail"
    incident_routes,     // incidents, held mail, audit
    system_routes,       // handles, health, pages
    rule_routes,         // rules for addresses
    recovery_routes,     // passwords, the way back, notices
    approval_routes,     // given beforehand
    report_routes,       // what came back, what to say outside
    way_routes,          // how mail leaves
    aftermath_routes,    // what waits, what was done
    figure_routes,       // an account over time
    ban_routes,          // who guesses passwords
    encryption_routes,   // unencrypted sign-ins
    server_desk_routes,  // domains, policy, settings, texts
    casework_routes,     // enquiries, customers, feedback, investigations
    owner_routes,        // the owner's own way back
    own_routes,          // what owners look at and keep
    profile_routes,      // settings for mail programs
    session_routes,      // signing in, operators
    panel_routes,        // the panel's files
};

std::string_view name_of(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::delete_: return "DELETE";
    case Method::other: break;
  }
  return "";
}

// Does the path fit "/api/v1/accounts/{address}"? Then `parameters` has what stands for the braces.
bool fits(std::string_view pattern, const Target& target,
          std::vector<std::string_view>& parameters) {
  parameters.clear();
  pattern.remove_prefix(1);
  std::size_t at = 0;
  while (!pattern.empty()) {
    const auto part = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(std::min(pattern.size(), part.size() + 1));
    if (at == target.segments.size()) return false;
    const std::string_view segment = target.segments[at++];
    if (part.front() == '{') {
      parameters.push_back(segment);
    } else if (part != segment) {
      return false;
    }
  }
  return at == target.segments.size();
}

struct Found {
  const Route* route = nullptr;
  std::vector<std::string_view> parameters;
  std::string allow;  // the methods that the path knows; "" when there is no such path
};

Found find_route(Method method, const Target& target) {
  Found found;
  std::vector<std::string_view> parameters;
  const auto wanted = method == Method::head ? Method::get : method;
  for (const auto table : k_tables) {
    for (const auto& route : table()) {
      if (!fits(route.pattern, target, parameters)) continue;
      if (!found.allow.empty()) found.allow += ", ";
      found.allow += name_of(route.method);
      if (route.method == Method::get) found.allow += ", HEAD";
      if (route.method != wanted) continue;
      found.route = &route;
      found.parameters = parameters;
    }
  }
  return found;
}

// An authorised caller's request, by their role and, in a browser, by who made it ask.
std::optional<ApiResponse> refuse_authorised(const Route& route, const Caller& caller) {
  if (caller.session != 0 && !caller.forgery_safe && route.method != Method::get) {
    return error_response(403, "the header X-Sekimori-CSRF is missing or not this session's");
  }
  if (!may(caller.role, route.method, route.pattern)) return error_response(403);
  return std::nullopt;
}

std::optional<ApiResponse> refuse(const Found& found, const Caller& caller) {
  if (found.allow.empty()) return error_response(404);
  if (found.route == nullptr) {
    auto response = error_response(405);
    response.headers.emplace_back("Allow", found.allow);
    return response;
  }
  switch (found.route->access) {
    case Access::open:
    case Access::owner_door:
    case Access::sign_in:
    case Access::owner:
    case Access::owner_look:  // its token is looked up where Control can be asked
      return std::nullopt;
    case Access::metrics:
      if (caller.may_read_metrics) return std::nullopt;
      [[fallthrough]];
    case Access::authorised:
      if (caller.authorised) return refuse_authorised(*found.route, caller);
  }
  auto response = error_response(401);
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"sekimori\"");
  return response;
}

bool is_json(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return ascii_lower(type) == "application/json";
}

bool is_lines(std::string_view content_type) {
  auto type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return ascii_lower(type) == "application/x-ndjson";
}

// The body as an object. Depth 16: nothing we take is deeper than 2.
Result<json::object> read_body(const ApiRequest& request) {
  const bool blank = request.body.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (blank) return json::object();
  json::parse_options options;
  options.max_depth = 16;
  boost::system::error_code error;
  auto value = json::parse(request.body, error, {}, options);
  if (error) return bad_input("the body is not JSON: " + error.message());
  if (!value.is_object()) return bad_input("the body must be a JSON object");
  return std::move(value.as_object());
}

struct ErrorWords {
  int status;
  std::string_view code;
  std::string_view ja;
  std::string_view en;
};

constexpr std::array k_errors = {
    ErrorWords{400, "bad_request", "リクエストの内容に誤りがあります。",
               "Something in the request is not right."},
    ErrorWords{401, "unauthorized", "この操作には正しいトークンが必要です。",
               "This needs a valid token."},
    ErrorWords{403, "forbidden", "この操作は許可されていません。", "This is not allowed."},
    ErrorWords{404, "not_found", "お探しのものは見つかりませんでした。",
               "There is no such thing here."},
    ErrorWords{405, "method_not_allowed", "この場所では、その操作は使えません。",
               "This address does not know that method."},
    ErrorWords{408, "timeout", "リクエストが時間内に届きませんでした。",
               "The request did not arrive in time."},
    ErrorWords{409, "conflict", "現在の状態では、この操作はできません。",
               "This cannot be done from the present state."},
    ErrorWords{413, "too_large", "リクエストが大きすぎます。", "The request is too large."},
    ErrorWords{415, "unsupported_media_type",
               "本文の形式が違います(通常は application/json です)。",
               "The body is of another type than this takes (usually application/json)."},
    ErrorWords{422, "password_refused", "このパスワードは使えません。理由をご覧ください。",
               "This password cannot be used. Please see why."},
    ErrorWords{429, "too_many_requests", "リクエストが多すぎます。しばらくしてからお試しください。",
               "Too many requests. Please try again a little later."},
    ErrorWords{431, "headers_too_large", "リクエストのヘッダーが大きすぎます。",
               "The request's headers are too large."},
    ErrorWords{500, "internal", "サーバー内部で問題が起きました。記録を確認してください。",
               "Something went wrong inside the server. Please look at its log."},
    ErrorWords{503, "unavailable", "いまは応じられません。しばらくしてからお試しください。",
               "Not available at the moment. Please try again a little later."},
};

constexpr ErrorWords k_not_proved{
    401, "not_proved",
    "ご本人の確認ができませんでした。アドレスとコードを確かめて、もう一度お試しください。",
    "We could not confirm that it is you. Please check the address and the code, and try again."};
constexpr ErrorWords k_session_over{
    401, "session_over",
    "手続きの有効期限が切れました。お手数ですが、ご本人の確認からもう一度お願いします。",
    "This session is over. Please confirm again that it is you."};

constexpr ErrorWords k_proof_wanted{
    403, "proof_wanted",
    "アカウントを止めているあいだは、メールのパスワードだけでは手続きできません。電話で聞いたコード"
    "などで、ご本人の確認をお願いします。",
    "While the account is stopped, the mail password alone is not enough. Please confirm that it is "
    "you by a code."};
constexpr ErrorWords k_sign_in_refused{401, "sign_in_refused",
                                       "ログイン名、パスワード、または確認コードが違います。",
                                       "The login, the password or the code is not right."};
constexpr ErrorWords k_code_wanted{401, "code_wanted",
                                   "認証アプリに表示されている 6 桁のコードを入力してください。",
                                   "Please enter the six digits that your authenticator shows."};

json::object error_object(const ErrorWords& words, std::string_view detail) {
  json::object error{{"code", words.code}, {"message_ja", words.ja}, {"message_en", words.en}};
  if (!detail.empty()) error["detail"] = detail;
  return error;
}

ApiResponse error_of(json::object error, int status) {
  json::object body;
  body["error"] = std::move(error);
  return json_response(body, status);
}

const ErrorWords& words_of(int status) {
  const auto* words = std::ranges::find(k_errors, status, &ErrorWords::status);
  return words == k_errors.end() ? *std::ranges::find(k_errors, 500, &ErrorWords::status) : *words;
}

// The token of "Bearer …" (RFC 6750 §2.1; the scheme in any case); unset where there is none.
Secret bearer_of(std::string_view header) {
  static constexpr std::string_view k_scheme = "bearer ";
  if (header.size() <= k_scheme.size() ||
      ascii_lower(header.substr(0, k_scheme.size())) != k_scheme) {
    return {};
  }
  header.remove_prefix(k_scheme.size());
  // Ours are far shorter; what is longer is none.
  return header.size() > 256 ? Secret() : Secret(std::string(header));
}

// Passwords do not stay behind in memory that is given back.
void wipe(json::object& body) {
  for (auto& [key, value] : body) {
    if (!value.is_string()) continue;
    auto& text = value.get_string();
    if (!text.empty()) sodium_memzero(text.data(), text.size());
  }
}

ApiResponse answer(const Found& found, const Target& target, json::object& body, Control& control,
                   const Caller& caller, const OwnerIdentity* owner, OwnerBrake* brake,
                   SignIns* sign_ins, const ApiRequest& request) {
  Call call{target, found.parameters, std::move(body), control, caller, owner,
            brake,  sign_ins,         &request};
  auto refused =
      found.route->access == Access::authorised ? refuse_scope(*found.route, call) : std::nullopt;
  auto response = refused ? std::move(*refused) : found.route->handler(call);
  wipe(call.body);
  return response;
}

ApiResponse answer_owner(const ApiRequest& request, const Found& found, const Target& target,
                         json::object& body, Control& control, const Caller& caller,
                         OwnerBrake* brake) {
  const auto token = bearer_of(request.authorization);
  if (!token.is_set()) return owner_refusal(OwnerRefusal::session_over);
  const auto owner = control.owner_account(token);
  if (!owner) {
    const bool over =
        owner.error().kind == ErrorKind::not_found || owner.error().kind == ErrorKind::bad_input;
    return over ? owner_refusal(OwnerRefusal::session_over)
                : failure_response(owner.error(), false);
  }
  if (brake != nullptr && !brake->admit(OwnerAct::go_on, caller.ip, owner->account)) {
    return too_often();
  }
  if (owner->proof == OwnerProofKind::password && found.route->access == Access::owner) {
    const auto enough = control.own().password_suffices(owner->account);
    if (!enough) return failure_response(enough.error(), false);
    if (!*enough) return owner_refusal(OwnerRefusal::proof_wanted);
  }
  // Whoever else the connection speaks for: here it is the owner.
  Caller by;
  by.who = "owner:" + std::string(to_string(owner->proof));
  by.ip = caller.ip;
  return answer(found, target, body, control, by, &*owner, brake, nullptr, request);
}

}  // namespace

Method parse_method(std::string_view word) {
  for (const auto method : {Method::get, Method::head, Method::post, Method::delete_}) {
    if (name_of(method) == word) return method;
  }
  return Method::other;
}

ApiResponse error_response(int status, std::string_view detail) {
  const auto& words = words_of(status);
  return error_of(error_object(words, detail), words.status);
}

ApiResponse error_with(int status, std::string_view detail, std::string_view key,
                       json::value value) {
  const auto& words = words_of(status);
  auto error = error_object(words, detail);
  error[key] = std::move(value);
  return error_of(std::move(error), words.status);
}

ApiResponse owner_refusal(OwnerRefusal why) {
  const auto& words = why == OwnerRefusal::not_proved     ? k_not_proved
                      : why == OwnerRefusal::proof_wanted ? k_proof_wanted
                                                          : k_session_over;
  auto response = error_of(error_object(words, ""), words.status);
  if (words.status != 401) return response;
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"sekimori-owner\"");
  return response;
}

ApiResponse sign_in_refusal(bool code_wanted) {
  const auto& words = code_wanted ? k_code_wanted : k_sign_in_refused;
  return error_of(error_object(words, ""), words.status);
}

ApiResponse too_often() {
  auto response = error_response(429);
  response.headers.emplace_back("Retry-After", "900");
  return response;
}

ApiResponse json_response(const json::value& value, int status) {
  ApiResponse response;
  response.status = status;
  response.body = json::serialize(value);
  response.body.push_back('\n');
  return response;
}

ApiResponse bad_request(const Error& error) { return error_response(400, error.text); }

ApiResponse failure_response(const Error& error, bool changing) {
  switch (error.kind) {
    case ErrorKind::bad_input: return error_response(changing ? 409 : 400, error.text);
    case ErrorKind::not_found: return error_response(404, error.text);
    case ErrorKind::operating: return error_response(503, error.text);
    case ErrorKind::uncertain:
      return error_response(503, error.text + " (it may or may not have happened; ask again)");
  }
  return error_response(500);
}

std::optional<ApiResponse> refuse_early(Method method, std::string_view text,
                                        const Caller& caller) {
  const auto target = parse_target(text);
  if (!target) return error_response(400, target.error().text);
  return refuse(find_route(method, *target), caller);
}

std::optional<Access> access_of(Method method, std::string_view text) {
  const auto target = parse_target(text);
  if (!target) return std::nullopt;
  const auto found = find_route(method, *target);
  if (found.route == nullptr) return std::nullopt;
  return found.route->access;
}

ApiResponse handle(const ApiRequest& request, Control& control, const Caller& asking,
                   OwnerBrake* brake, SignIns* sign_ins) {
  const auto target = parse_target(request.target);
  if (!target) return error_response(400, target.error().text);
  const auto found = find_route(request.method, *target);
  Caller caller = asking;
  if (caller.session != 0 && sign_ins != nullptr && !sign_ins->confirm(caller)) {
    return error_response(401);
  }
  if (auto refusal = refuse(found, caller)) return std::move(*refusal);
  const bool is_of_owner = is_owners(found.route->access);
  // Before anything is said about the body.
  if (is_of_owner && !bearer_of(request.authorization).is_set()) {
    return owner_refusal(OwnerRefusal::session_over);
  }
  const bool lines = found.route->lines;
  const bool readable = lines ? is_lines(request.content_type) : is_json(request.content_type);
  const bool raw = found.route->raw;
  if (!request.body.empty() && !raw && !readable) return error_response(415);
  auto body = raw     ? Result<json::object>(json::object())
              : lines ? Result<json::object>(json::object{{"lines", request.body}})
                      : read_body(request);
  if (!body) return error_response(400, body.error().text);
  try {
    if (is_of_owner) return answer_owner(request, found, *target, *body, control, caller, brake);
    return answer(found, *target, *body, control, caller, nullptr, brake, sign_ins, request);
  } catch (const std::exception&) {
    // Control and the views do not throw; a database driver's exception that slipped through must
    // end neither the daemon nor reveal what it says (it may quote values).
    return error_response(500);
  }
}

std::vector<RouteInfo> routes() {
  std::vector<RouteInfo> out;
  for (const auto table : k_tables) {
    for (const auto& route : table()) {
      out.push_back({name_of(route.method), route.pattern, route.access});
    }
  }
  return out;
}

}  // namespace sekimori::web
