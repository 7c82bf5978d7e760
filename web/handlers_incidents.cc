// Incidents, held mail and the audit.
#include <array>

#include "base/mail_address.h"
#include "web/casework.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

ApiResponse bad(const Error& error) { return error_response(400, error.text); }

// Ids are given one by one from 1; SQL keeps them in 63 bits.
constexpr std::uint64_t k_id_max = (1ULL << 63U) - 1;

// ?within=example.jp: what belongs to the domain and its accounts.
Result<std::string> read_within(const Target& target) {
  const auto domain = target.find("within");
  if (!domain || domain->empty()) return std::string();
  return read_domain(*domain);
}

ApiResponse list_incidents(const Call& call) {
  decide::StateStore::IncidentFilter filter;
  if (const auto word = call.target.find("state"); word && !word->empty()) {
    filter.state = decide::parse_incident_state(*word);
    if (!filter.state) {
      return error_response(400, "state must be open, contained, recovering or closed");
    }
  }
  auto subject = read_subject(call.target);
  if (!subject) return bad(subject.error());
  filter.subject = std::move(*subject);
  auto within = read_within(call.target);
  if (!within) return bad(within.error());
  filter.within = std::move(*within);
  const auto paging = read_paging(call.target);
  if (!paging) return bad(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto page = call.control.incidents(filter);
  if (!page) return failure_response(page.error(), false);
  return json_response(json_of_page(*page, filter.offset));
}

ApiResponse show_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad(id.error());
  const auto details = call.control.incident(*id);
  if (!details) return failure_response(details.error(), false);
  return json_response(json_of(*details));
}

ApiResponse close_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad(id.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad(reason.error());
  const auto incident = call.control.close_incident(*id, *reason, call.caller);
  if (!incident) return failure_response(incident.error(), true);
  return json_response(json_of(*incident));
}

ApiResponse note_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad(id.error());
  const auto text = read_text(call.body, "text", k_note_max, true);
  if (!text) return bad(text.error());
  if (text->empty()) return error_response(400, "'text' is needed");
  const auto entry = call.control.add_note(*id, *text, call.caller);
  if (!entry) return failure_response(entry.error(), true);
  return json_response(json_of(*entry), 201);
}

ApiResponse list_holds(const Call& call) {
  decide::StateStore::HoldFilter filter;
  if (const auto text = call.target.find("account"); text && !text->empty()) {
    const auto address = MailAddress::parse(*text);
    if (!address) return bad(address.error());
    filter.account = address->text();
  }
  // What is held now, unless asked otherwise: that is what somebody has to do something about.
  const auto state = call.target.find("state").value_or("held");
  if (state != "all") {
    filter.state = decide::parse_hold_state(state);
    if (!filter.state) {
      return error_response(400, "state must be held, releasing, released, deleted or all");
    }
  }
  auto within = read_within(call.target);
  if (!within) return bad(within.error());
  filter.within = std::move(*within);
  const auto paging = read_paging(call.target);
  if (!paging) return bad(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto page = call.control.holds(filter);
  if (!page) return failure_response(page.error(), false);
  return json_response(json_of_page(*page, filter.offset));
}

template <bool release>
ApiResponse end_hold(const Call& call) {
  const auto queue_id = read_queue_id(call.parameters[0]);
  if (!queue_id) return bad(queue_id.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad(reason.error());
  const auto held = release ? call.control.release_hold(*queue_id, *reason, call.caller)
                            : call.control.delete_hold(*queue_id, *reason, call.caller);
  if (!held) return failure_response(held.error(), true);
  return json_response(json_of(*held));
}

ApiResponse list_audit(const Call& call) {
  AuditPageQuery query;
  auto subject = read_subject(call.target);
  if (!subject) return bad(subject.error());
  query.subject = std::move(*subject);
  const auto paging = read_paging(call.target);
  if (!paging) return bad(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  if (const auto within = call.target.find("within"); within && !within->empty()) {
    auto domain = read_domain(*within);
    if (!domain) return bad(domain.error());
    query.within = std::move(*domain);
  }
  query.who = call.target.find("who").value_or("");
  query.action = call.target.find("action").value_or("");
  query.search = call.target.find("search").value_or("");
  const auto page = call.control.casework().audit_page(query);
  if (!page) return failure_response(page.error(), false);
  return json_response(json_of_page(*page, query.offset));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/incidents", Access::authorised, list_incidents},
    Route{Method::get, "/api/v1/incidents/{id}", Access::authorised, show_incident},
    Route{Method::post, "/api/v1/incidents/{id}/close", Access::authorised, close_incident},
    Route{Method::post, "/api/v1/incidents/{id}/note", Access::authorised, note_incident},
    Route{Method::get, "/api/v1/holds", Access::authorised, list_holds},
    Route{Method::post, "/api/v1/holds/{queue_id}/release", Access::authorised, end_hold<true>},
    Route{Method::post, "/api/v1/holds/{queue_id}/delete", Access::authorised, end_hold<false>},
    Route{Method::get, "/api/v1/audit", Access::authorised, list_audit},
};

}  // namespace

std::span<const Route> incident_routes() { return k_routes; }

}  // namespace sekimori::web
