// The forms of approvals.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <sstream>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

void put_terms(json::object& out, const ApprovalTerms& terms) {
  out["recipients"] = terms.recipients;
  out["per_message"] = terms.each;
  out["size_min"] = terms.size_min;
  out["size_max"] = terms.size_max;
  if (terms.network)
    out["network"] = terms.network->to_string();
  else
    out["network"] = nullptr;
  out["from"] = json_of(terms.from);
  out["until"] = json_of(terms.until);
  out["repeat"] = to_string(terms.repeat);
  json::array days;
  std::istringstream words(days_text(terms.repeat, terms.days));
  for (std::string word; std::getline(words, word, ',');) days.emplace_back(word);
  out["days"] = std::move(days);
  const bool repeats = terms.repeat != ApprovalRepeat::once;
  if (repeats)
    out["start"] = clock_text(terms.start_minute);
  else
    out["start"] = nullptr;
  if (repeats)
    out["minutes"] = terms.minutes;
  else
    out["minutes"] = nullptr;
  out["zone"] = terms.zone;
}

}  // namespace

json::value json_of(const decide::ApprovalView& view) {
  const auto& a = view.approval;
  json::object out;
  out["id"] = a.id;
  out["account"] = a.account;
  out["state"] = to_string(a.state);
  out["cause"] = to_string(a.cause);
  put_terms(out, a.terms);
  out["text"] = json_of(decide::in_words(a.terms));
  out["cause_text"] = json_of(decide::in_words(a.cause));
  out["reason"] = a.reason;
  out["created"] = json_of(a.created);
  out["created_by"] = a.created_by;
  out["changed"] = json_of(a.changed);
  out["changed_by"] = a.changed_by;
  out["used"] = json::object{{"recipients", view.used.recipients},
                             {"messages", view.used.messages},
                             {"runs", view.used.runs},
                             {"size", view.used.size},
                             {"last", json_of(view.used.last)}};
  out["open_since"] = json_of(view.open.value_or(Instant{}));
  out["opens_next"] = json_of(view.next.value_or(Instant{}));
  return out;
}

json::value json_of(const decide::ApprovalSuggestion& suggestion) {
  json::object terms;
  put_terms(terms, suggestion.terms);
  json::object out;
  out["terms"] = std::move(terms);
  out["like"] = json::array(suggestion.like.begin(), suggestion.like.end());
  out["text"] = json_of(suggestion.text);
  return out;
}

}  // namespace sekimori::web
