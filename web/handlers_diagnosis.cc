// "I cannot get my mail": asked by support for an account, or by its owner.
#include <array>
#include <boost/json/array.hpp>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::value json_of(const DiagnosisView& view) {
  json::array findings;
  for (const decide::Finding& finding : view.findings) {
    findings.push_back(json::object{{"code", finding.code},
                                    {"weight", decide::to_string(finding.weight)},
                                    {"what", web::json_of(finding.what)},
                                    {"next", web::json_of(finding.next)}});
  }
  return json::object{
      {"number", view.number}, {"at", web::json_of(view.at)}, {"findings", std::move(findings)}};
}

Result<decide::ComputerAnswers> read_answers(const json::object& body) {
  decide::ComputerAnswers answers;
  const auto* yes = body.if_contains("yes");
  if (yes == nullptr || yes->is_null()) return answers;
  if (!yes->is_array() || yes->get_array().size() > decide::k_computer_questions) {
    return bad_input("'yes' must be a list of questions' codes");
  }
  for (const auto& value : yes->get_array()) {
    const auto question =
        value.is_string() ? decide::parse_computer_question(std::string_view(value.get_string()))
                          : std::nullopt;
    if (!question) return bad_input("'yes' must hold codes of GET /diagnosis/questions");
    answers.set(static_cast<std::size_t>(*question));
  }
  return answers;
}

ApiResponse answer(const Call& call, std::string_view account, const IpAddress& from) {
  const auto answers = read_answers(call.body);
  if (!answers) return bad_request(answers.error());
  const auto view = call.control.diagnose(account, {from, *answers}, call.caller);
  if (!view) return failure_response(view.error(), false);
  return json_response(json_of(*view));
}

ApiResponse diagnose(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  auto text = read_text(call.body, "ip", 64);
  if (!text) return bad_request(text.error());
  IpAddress from;
  if (!text->empty()) {
    auto ip = IpAddress::parse(*text);
    if (!ip) return bad_request(ip.error());
    from = *ip;
  }
  return answer(call, address->text(), from);
}

ApiResponse diagnose_own(const Call& call) {
  return answer(call, call.owner->account, call.caller.ip);
}

ApiResponse list_questions(const Call&) {
  json::array items;
  for (std::size_t i = 0; i < decide::k_computer_questions; ++i) {
    const auto question = static_cast<decide::ComputerQuestion>(i);
    items.push_back(json::object{{"code", decide::to_string(question)},
                                 {"list", decide::is_of_list_b(question) ? "B" : "A"},
                                 {"text", web::json_of(decide::words_of(question))}});
  }
  return json_response(json::object{{"items", std::move(items)}});
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/diagnosis/questions", Access::open, list_questions},
    Route{Method::post, "/api/v1/accounts/{address}/diagnosis", Access::authorised, diagnose},
    Route{Method::post, "/api/v1/owner/diagnosis", Access::owner_look, diagnose_own},
};

}  // namespace

std::span<const Route> diagnosis_routes() { return k_routes; }

}  // namespace sekimori::web
