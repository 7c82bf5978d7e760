// The routes' table and what each answers. Internal to web/; api.h is the way in.
#pragma once

#include <boost/json/object.hpp>
#include <span>

#include "web/api.h"
#include "web/target.h"

namespace sekimori::web {

struct Call {
  const Target& target;
  std::vector<std::string_view> parameters;  // what stands for {…} in the pattern, in order
  boost::json::object body;                  // {} when there was none
  Control& control;
  const Caller& caller;
  const OwnerIdentity* owner = nullptr;  // on Access::owner routes: whose token it is
  OwnerBrake* brake = nullptr;
  SignIns* sign_ins = nullptr;  // nullptr: there are no sessions here
  const ApiRequest* request = nullptr;
};

struct Route {
  Method method;
  std::string_view pattern;
  Access access;
  ApiResponse (*handler)(const Call&);
  // The body is application/x-ndjson; the handler finds it whole as the member "lines".
  bool lines = false;
  // The body is no JSON at all: the handler reads it from the request (call.request), and wipes
  // what it takes from it.
  bool raw = false;
};

// The parts of the table, by what they are about.
[[nodiscard]] std::span<const Route> account_routes();   // accounts, domains, the server's standing
[[nodiscard]] std::span<const Route> queue_routes();     // an account's mail in the queue
[[nodiscard]] std::span<const Route> incident_routes();  // incidents, held mail, audit
[[nodiscard]] std::span<const Route> system_routes();    // handles, health, pages
[[nodiscard]] std::span<const Route> rule_routes();      // rules for addresses
[[nodiscard]] std::span<const Route> recovery_routes();  // passwords, the way back, notices
[[nodiscard]] std::span<const Route> approval_routes();  // approvals given beforehand
[[nodiscard]] std::span<const Route> report_routes();    // mail that came back, delisting
[[nodiscard]] std::span<const Route> aftermath_routes();    // waiting mail, what was done
[[nodiscard]] std::span<const Route> figure_routes();       // an account over time
[[nodiscard]] std::span<const Route> ban_routes();          // who guesses passwords
[[nodiscard]] std::span<const Route> encryption_routes();   // unencrypted sign-ins
[[nodiscard]] std::span<const Route> server_desk_routes();  // domains, policy, settings, texts
[[nodiscard]] std::span<const Route> casework_routes();     // what people do beside the machine
[[nodiscard]] std::span<const Route> owner_routes();        // the owner's own way back
[[nodiscard]] std::span<const Route> own_routes();          // what owners look at and keep
[[nodiscard]] std::span<const Route> profile_routes();      // settings for mail programs
[[nodiscard]] std::span<const Route> session_routes();      // signing in, operators
[[nodiscard]] std::span<const Route> panel_routes();        // the panel's files
[[nodiscard]] std::span<const Route> diagnosis_routes();    // "I cannot get my mail"
[[nodiscard]] std::span<const Route> way_routes();          // the ways mail leaves

// 200 with this value.
[[nodiscard]] ApiResponse json_response(const boost::json::value&, int status = 200);
// 400: what the client wrote cannot be read (`error` says what).
[[nodiscard]] ApiResponse bad_request(const Error& error);
// What Control's failure means to a reader (`changing` false) or to whoever asked for a change.
[[nodiscard]] ApiResponse failure_response(const Error&, bool changing);
// error_response with a further key in the error.
[[nodiscard]] ApiResponse error_with(int status, std::string_view detail, std::string_view key,
                                     boost::json::value value);
// 401 for an owner: the proof did not hold (whatever was wrong with it), or the token is over.
// 403: what was proved (the password alone) is not enough while the account is contained.
enum class OwnerRefusal : std::uint8_t { not_proved, session_over, proof_wanted };
[[nodiscard]] ApiResponse owner_refusal(OwnerRefusal);
// 401 at the panel's door; `code_wanted`: the password was right and a code is needed.
[[nodiscard]] ApiResponse sign_in_refusal(bool code_wanted);
// 429.
[[nodiscard]] ApiResponse too_often();

// ---- parts of a request as types; errors: bad_input in words for the client ----
// Ids are given one by one from 1; SQL keeps them in 63 bits.
inline constexpr std::uint64_t k_id_max = (1ULL << 63U) - 1;
[[nodiscard]] Result<std::string> read_domain(std::string_view text);
[[nodiscard]] Result<std::uint64_t> read_number(std::string_view text, std::uint64_t most);
// Postfix's queue id: 5 to 40 letters and digits (the privileged helper checks it again).
[[nodiscard]] Result<std::string> read_queue_id(std::string_view text);
struct Paging {
  std::size_t offset = 0;
  std::size_t limit = 100;
};
[[nodiscard]] Result<Paging> read_paging(const Target&);
// "" when the key is missing or null. Errors: no string, longer than `most` bytes, control
// characters.
[[nodiscard]] Result<std::string> read_text(const boost::json::object&, std::string_view key,
                                            std::size_t most, bool lines = false);
// A secret may hold any characters: what is wrong with them is said by whoever judges it. nullopt
// when the key is missing or null.
[[nodiscard]] Result<std::optional<Secret>> read_secret(const boost::json::object&,
                                                        std::string_view key);
// ["a@b", …]: at most k_targets_max texts. Empty when the key is missing or null.
inline constexpr std::size_t k_targets_max = 100;
[[nodiscard]] Result<std::vector<std::string>> read_targets(const boost::json::object&);
// {"answer": "keep" or "remove", "targets": […]}.
struct ForwardsOrder {
  ForwardsAnswer answer = ForwardsAnswer::keep;
  std::vector<std::string> targets;
};
[[nodiscard]] Result<ForwardsOrder> read_forwards_order(const boost::json::object&);
// {"password": …, "old_password": …}. A password that is there and empty is an empty one, not "make
// one": `given`.
struct PasswordRequest {
  PasswordOrder order;
  bool given = false;
};
[[nodiscard]] Result<PasswordRequest> read_password_request(const boost::json::object&);
// {"password": …}, which is needed.
[[nodiscard]] Result<Secret> read_candidate(const boost::json::object&);
// nullopt when the key is missing or null.
[[nodiscard]] Result<std::optional<bool>> read_bool(const boost::json::object&,
                                                    std::string_view key);
// The query's subject: ?kind=account&id=taro@example.jp, or ?account=, ?domain=.
[[nodiscard]] Result<std::optional<decide::Subject>> read_subject(const Target&);
// The subject's id as its kind is kept: normalised address or domain, "" for the server.
[[nodiscard]] Result<decide::Subject> make_subject(decide::SubjectKind, std::string_view id);

}  // namespace sekimori::web
