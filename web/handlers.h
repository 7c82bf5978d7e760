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
};

struct Route {
  Method method;
  std::string_view pattern;
  Access access;
  ApiResponse (*handler)(const Call&);
  // The body is application/x-ndjson; the handler finds it whole as the member "lines".
  bool lines = false;
};

// The parts of the table, by what they are about.
[[nodiscard]] std::span<const Route> account_routes();   // accounts, domains, the server's standing
[[nodiscard]] std::span<const Route> incident_routes();  // incidents, held mail, audit
[[nodiscard]] std::span<const Route> system_routes();    // rules, handles, health, pages

// 200 with this value.
[[nodiscard]] ApiResponse json_response(const boost::json::value&, int status = 200);
// What Control's failure means to a reader (`changing` false) or to whoever asked for a change.
[[nodiscard]] ApiResponse failure_response(const Error&, bool changing);

// ---- parts of a request as types; errors: bad_input in words for the client ----
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
// nullopt when the key is missing or null.
[[nodiscard]] Result<std::optional<bool>> read_bool(const boost::json::object&,
                                                    std::string_view key);
// The query's subject: ?kind=account&id=taro@example.jp, or ?account=, ?domain=.
[[nodiscard]] Result<std::optional<decide::Subject>> read_subject(const Target&);
// The subject's id as its kind is kept: normalised address or domain, "" for the server.
[[nodiscard]] Result<decide::Subject> make_subject(decide::SubjectKind, std::string_view id);

}  // namespace sekimori::web
