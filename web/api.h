// The REST API of CONTRACT (docs/api.md, openapi.json) as a pure function of request, caller and
// Control: no sockets, no clock, no state. server.h carries it over HTTP; the command line's client
// talks to the same.
//
// A browser sends its session's cookie by itself, so what a session changes wants the session's
// anti-forgery token in a header besides (X-Sekimori-CSRF), and bodies must be application/json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "web/control.h"

namespace sekimori::web {

class SignIns;

enum class Method : std::uint8_t { get, head, post, delete_, other };
// "GET", "HEAD", "POST", "DELETE"; everything else is `other`.
[[nodiscard]] Method parse_method(std::string_view);

struct ApiRequest {
  Method method = Method::get;
  std::string_view target;        // origin-form
  std::string_view content_type;  // "" when there was none
  std::string_view body;
  // The header Authorization. Only the owner's routes look at it: for all others the caller has
  // been judged already, and what opens those opens none of the owner's.
  std::string_view authorization = {};
  std::string_view encodings = {};      // Accept-Encoding
  std::string_view if_none_match = {};  // If-None-Match
  std::string_view user_agent = {};
  bool is_secure = false;  // it came over TLS, as a trusted proxy says
};

struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;  // of HEAD as of GET: the server leaves it out
  std::vector<std::pair<std::string, std::string>> headers;  // Allow, WWW-Authenticate, …
  bool is_stream = false;  // 200 and: from here on server-sent events (hub.h)
};

// What an owner asks for without the provider's token, by what it costs and gives away.
enum class OwnerAct : std::uint8_t {
  prove,    // a try of a code
  send,     // a code is sent to somebody
  go_on,    // with the owner's token
  sign_in,  // a try of a panel user's password
  enquire,  // an enquiry is written
};
// How often owners may ask; server.h has the real one. Any thread.
class OwnerBrake {
 public:
  virtual ~OwnerBrake() = default;
  // Counts one and says whether it is within the limits. `from` may be unset (the unix socket).
  [[nodiscard]] virtual bool admit(OwnerAct act, const IpAddress& from,
                                   std::string_view address) = 0;
  // The one counted last was good: it does not count.
  virtual void take_back(OwnerAct act, const IpAddress& from, std::string_view address) = 0;
};

// Answers one request; never throws but for want of memory. Without a brake owners are not limited
// here (in-process calls).
[[nodiscard]] ApiResponse handle(const ApiRequest&, Control&, const Caller&,
                                 OwnerBrake* brake = nullptr, SignIns* sign_ins = nullptr);

// What can be refused by the request's first lines (no such route, method, or not allowed), before
// the body is read: nullopt when handle() should be asked.
[[nodiscard]] std::optional<ApiResponse> refuse_early(Method, std::string_view target,
                                                      const Caller&);

// {"error":{"code","message_ja","message_en"[,"detail"]}}, with "problems" of a refused password
// (422) and "open_gates" of a restore that needs a reason (409). `detail` says what exactly, in
// English; it never holds a secret.
[[nodiscard]] ApiResponse error_response(int status, std::string_view detail = "");

// Who may ask.
enum class Access : std::uint8_t {
  open,        // anybody
  metrics,     // whoever Caller::may_read_metrics says
  authorised,  // an authorised caller
  owner_door,  // anybody; the body proves who asks. Authorization is not looked at
  owner,       // the bearer of an owner's token, which opens nothing else
  owner_look,  // the same; also of one that was opened with the password while that proves little
  sign_in,     // anybody; the body proves who asks, and a session begins
};
// Of an owner: the token is looked up where Control can be asked.
[[nodiscard]] constexpr bool is_owners(Access access) {
  return access == Access::owner || access == Access::owner_look;
}
// nullopt where there is no such route.
[[nodiscard]] std::optional<Access> access_of(Method, std::string_view target);
// The owner's routes take bodies of so many bytes: two passwords, or a hundred addresses.
inline constexpr std::size_t k_owner_body_max = 64UL * 1024;

// Every route there is, for the test that holds them to the description.
struct RouteInfo {
  std::string_view method;   // "GET", "POST", "DELETE"
  std::string_view pattern;  // "/api/v1/accounts/{address}"
  Access access = Access::authorised;
};
[[nodiscard]] std::vector<RouteInfo> routes();

// The OpenAPI 3.0 description, as served.
[[nodiscard]] std::string_view openapi_json();

}  // namespace sekimori::web
