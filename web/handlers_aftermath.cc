// Waiting mail, and what an incident did.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/mail_address.h"
#include "web/aftermath.h"
#include "web/handlers.h"
#include "web/json_aftermath.h"
#include "web/pages.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

ApiResponse show_waiting(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto view = call.control.aftermath().waiting(address->text());
  if (!view) return failure_response(view.error(), false);
  return json_response(json_of(*view));
}

ApiResponse list_waiting(const Call& call) {
  const auto views = call.control.aftermath().all_waiting();
  if (!views) return failure_response(views.error(), false);
  json::array items;
  for (const auto& view : *views) items.push_back(json_of(view));
  return json_response(json::object{{"items", std::move(items)}});
}

// ?lang=ja or en; Japanese otherwise.
Result<Language> read_language(const Target& target) {
  const auto word = target.find("lang").value_or("ja");
  if (word == "ja") return Language::ja;
  if (word == "en") return Language::en;
  return bad_input("'lang' must be ja or en");
}

ApiResponse show_damage(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  auto report = call.control.aftermath().damage(*id);
  if (!report) return failure_response(report.error(), false);
  ApiResponse response;
  response.body = std::move(*report);
  response.body.push_back('\n');
  return response;
}

ApiResponse damage_page(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto language = read_language(call.target);
  if (!language) return bad_request(language.error());
  const auto report = call.control.aftermath().damage(*id);
  if (!report) return failure_response(report.error(), false);
  boost::system::error_code broken;
  const auto value = json::parse(*report, broken);
  if (broken) return error_response(500, "the kept report is no JSON");
  ApiResponse response;
  response.content_type = "text/html; charset=utf-8";
  response.body = damage_html(value, *language);
  response.headers.emplace_back("Content-Security-Policy", content_security_policy(response.body));
  return response;
}

ApiResponse export_recipients(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto language = read_language(call.target);
  if (!language) return bad_request(language.error());
  const auto bom = call.target.find("bom").value_or("0");
  const auto rows = call.control.aftermath().damage_recipients(*id, call.caller);
  if (!rows) return failure_response(rows.error(), false);
  ApiResponse response;
  response.content_type = "text/csv; charset=utf-8";
  response.body = recipients_csv(*rows, *language, bom == "1" || bom == "true");
  response.headers.emplace_back(
      "Content-Disposition", "attachment; filename=\"recipients-" + std::to_string(*id) + ".csv\"");
  return response;
}

ApiResponse note_to_recipients(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto send = read_bool(call.body, "send");
  if (!send) return bad_request(send.error());
  const auto subject = read_text(call.body, "subject", k_note_subject_max);
  if (!subject) return bad_request(subject.error());
  const auto body = read_text(call.body, "body", k_note_body_max, true);
  if (!body) return bad_request(body.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  auto drafted = call.control.aftermath().draft_note(*id);
  if (!drafted || !send->value_or(false)) {
    if (!drafted) return failure_response(drafted.error(), true);
    return json_response(json_of(*drafted));
  }
  if (reason->empty()) return error_response(400, "'reason' is needed to write to other people");
  RecipientNote note = std::move(drafted->note);
  if (!subject->empty()) note.subject = *subject;
  if (!body->empty()) note.body = *body;
  const auto sent = call.control.aftermath().send_note(*id, note, *reason, call.caller);
  if (!sent) return failure_response(sent.error(), true);
  return json_response(json_of(*sent));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts/{address}/waiting", Access::authorised, show_waiting},
    Route{Method::get, "/api/v1/waiting", Access::authorised, list_waiting},
    Route{Method::get, "/api/v1/incidents/{id}/damage", Access::authorised, show_damage},
    Route{Method::get, "/api/v1/incidents/{id}/damage.html", Access::authorised, damage_page},
    Route{Method::get, "/api/v1/incidents/{id}/recipients.csv", Access::authorised,
          export_recipients},
    Route{Method::post, "/api/v1/incidents/{id}/note-to-recipients", Access::authorised,
          note_to_recipients},
};

}  // namespace

std::span<const Route> aftermath_routes() { return k_routes; }

}  // namespace sekimori::web
