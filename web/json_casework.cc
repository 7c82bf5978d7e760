#include "web/json_casework.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::value json_of_mark(const decide::InvestigationMark& mark) {
  if (!mark.t.is_set()) return nullptr;
  return json::object{{"t", json_of(mark.t)}, {"by", mark.who}};
}

}  // namespace

json::value json_of(const decide::Enquiry& e) {
  json::object out;
  out["id"] = e.id;
  out["reference"] = decide::enquiry_reference(e.id);
  out["opened"] = json_of(e.opened);
  out["via"] = to_string(e.via);
  out["state"] = to_string(e.state);
  out["topic"] = to_string(e.topic);
  out["address"] = e.address;
  out["account"] = e.account.empty() ? json::value() : json::value(e.account);
  out["customer_number"] = e.customer_number;
  out["name"] = e.name;
  out["text"] = e.text;
  out["diagnosis"] = e.diagnosis;
  out["call_back"] = e.call_back;
  out["hours"] = e.hours;
  out["language"] = e.language;
  out["match"] = to_string(e.match);
  out["taken_by"] = e.taken_by;
  out["changed"] = json_of(e.changed);
  out["answer"] = e.answer;
  out["answered"] = json_of(e.answered);
  out["answered_by"] = e.answered_by;
  return out;
}

json::value json_of(const EnquiryDetails& details) {
  json::array entries;
  for (const auto& entry : details.entries) {
    entries.push_back(json::object{{"t", json_of(entry.t)},
                                   {"who", entry.who},
                                   {"act", to_string(entry.act)},
                                   {"text", entry.text}});
  }
  json::object call;
  call["telephone"] = details.call.telephone;
  call["hours"] = details.call.hours;
  call["registered_before"] = details.call.is_old;
  json::object out;
  out["enquiry"] = json_of(details.enquiry);
  out["entries"] = std::move(entries);
  out["call"] = std::move(call);
  return out;
}

json::value json_of(const decide::Customer& c) {
  json::object out;
  out["account"] = c.account;
  out["number"] = c.number;
  out["name"] = c.name;
  out["telephone"] = c.telephone;
  out["alternative"] = c.alternative;
  out["hours"] = c.hours;
  out["terms"] = c.terms;
  out["terms_accepted"] = json_of(c.terms_accepted);
  out["changed"] = json_of(c.changed);
  out["changed_by"] = c.changed_by;
  return out;
}

json::value json_of(const decide::AccountNote& note) {
  return json::object{{"t", json_of(note.t)}, {"who", note.who}, {"text", note.text}};
}

json::value json_of(const decide::Feedback& f) {
  json::object out;
  out["incident"] = f.incident;
  out["who"] = f.who;
  out["verdict"] = to_string(f.verdict);
  out["text"] = f.text;
  out["t"] = json_of(f.t);
  return out;
}

json::value json_of(const std::optional<decide::Investigation>& found, std::uint64_t incident) {
  const decide::Investigation i = found.value_or(decide::Investigation());
  json::object out;
  out["incident"] = incident;
  out["state"] = found ? json::value(to_string(i.state)) : json::value("none");
  out["amount_yen"] = i.amount_yen;
  out["scope"] = i.scope;
  out["accepted_by"] = i.accepted_by;
  out["estimated"] = json_of_mark(i.estimated);
  out["answered"] = json_of_mark(i.answered);
  out["started"] = json_of_mark(i.started);
  out["finished"] = json_of_mark(i.finished);
  return out;
}

json::value json_of_owner(const decide::Enquiry& e) {
  json::object out;
  out["reference"] = decide::enquiry_reference(e.id);
  out["opened"] = json_of(e.opened);
  out["state"] = to_string(e.state);
  out["topic"] = to_string(e.topic);
  out["text"] = e.text;
  out["call_back"] = e.call_back;
  out["hours"] = e.hours;
  out["answer"] = e.answer;
  out["answered"] = json_of(e.answered);
  return out;
}

}  // namespace sekimori::web
