// Incidents, held mail and the audit.
#include <array>

#include "base/mail_address.h"
#include "web/casework.h"
#include "web/figures.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

// ?within=example.jp: what belongs to the domain and its accounts.
Result<std::string> read_within(const Target& target) {
  const auto domain = target.find("within");
  if (!domain || domain->empty()) return std::string();
  return read_domain(*domain);
}

// What the list shows besides; null for what is no account's, and while the figures are away: the
// list itself is what somebody needs then.
boost::json::value glance_of(Control& control, const decide::Incident& incident,
                             const QueuedMail* queued) {
  if (incident.subject.kind != decide::SubjectKind::account) return nullptr;
  const Instant from = incident.onset.is_set() ? incident.onset : incident.opened;
  // Open ones have no end yet.
  const Instant until = incident.closed.is_set() ? incident.closed : from + days(31);
  const auto seen = control.figures().glance(incident.subject.id, from, until);
  decide::StateStore::HoldFilter held;
  held.account = incident.subject.id;
  held.state = decide::HoldState::held;
  held.limit = 0;
  const auto holds = control.holds(held);
  if (!seen || !holds) return nullptr;
  boost::json::object out;
  out["recipients"] = seen->recipients;
  if (seen->usual_recipients)
    out["usual_recipients_per_day"] = *seen->usual_recipients;
  else
    out["usual_recipients_per_day"] = nullptr;
  out["networks"] = seen->networks;
  boost::json::array countries;
  for (const auto& country : seen->countries) countries.emplace_back(country);
  out["countries"] = std::move(countries);
  out["held"] = holds->total;
  out["queued"] = nullptr;
  if (queued != nullptr) {
    const auto at = queued->messages.find(incident.subject.id);
    out["queued"] = at == queued->messages.end() ? 0 : at->second;
  }
  return out;
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
  if (!subject) return bad_request(subject.error());
  filter.subject = std::move(*subject);
  auto within = read_within(call.target);
  if (!within) return bad_request(within.error());
  filter.within = std::move(*within);
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto page = call.control.incidents(filter);
  if (!page) return failure_response(page.error(), false);
  auto json = json_of_page(*page, filter.offset);
  auto& items = json.as_object()["items"].as_array();
  const auto queued = call.control.figures().queued();
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].as_object()["glance"] = glance_of(call.control, page->items[i], queued.get());
  }
  return json_response(json);
}

ApiResponse show_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto details = call.control.incident(*id);
  if (!details) return failure_response(details.error(), false);
  return json_response(json_of(*details));
}

ApiResponse close_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto incident = call.control.close_incident(*id, *reason, call.caller);
  if (!incident) return failure_response(incident.error(), true);
  return json_response(json_of(*incident));
}

ApiResponse note_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto text = read_text(call.body, "text", k_note_max, true);
  if (!text) return bad_request(text.error());
  if (text->empty()) return error_response(400, "'text' is needed");
  const auto entry = call.control.add_note(*id, *text, call.caller);
  if (!entry) return failure_response(entry.error(), true);
  return json_response(json_of(*entry), 201);
}

ApiResponse list_holds(const Call& call) {
  decide::StateStore::HoldFilter filter;
  if (const auto text = call.target.find("account"); text && !text->empty()) {
    const auto address = MailAddress::parse(*text);
    if (!address) return bad_request(address.error());
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
  if (!within) return bad_request(within.error());
  filter.within = std::move(*within);
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto page = call.control.holds(filter);
  if (!page) return failure_response(page.error(), false);
  return json_response(json_of_page(*page, filter.offset));
}

template <bool release>
ApiResponse end_hold(const Call& call) {
  const auto queue_id = read_queue_id(call.parameters[0]);
  if (!queue_id) return bad_request(queue_id.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto held = release ? call.control.release_hold(*queue_id, *reason, call.caller)
                            : call.control.delete_hold(*queue_id, *reason, call.caller);
  if (!held) return failure_response(held.error(), true);
  return json_response(json_of(*held));
}

ApiResponse list_audit(const Call& call) {
  decide::AuditFilter query;
  auto subject = read_subject(call.target);
  if (!subject) return bad_request(subject.error());
  query.subject = std::move(*subject);
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  if (const auto within = call.target.find("within"); within && !within->empty()) {
    auto domain = read_domain(*within);
    if (!domain) return bad_request(domain.error());
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
