#include "web/json_server_desk.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::array texts_of(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

// Whole numbers as such: 500, not 5E2.
json::value number_of(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

json::object values_of(const decide::PolicyValues& values) {
  json::object out;
  for (std::size_t i = 0; i < decide::k_policy_fields; ++i) {
    if (!values[i]) continue;
    out[decide::info(static_cast<decide::PolicyField>(i)).name] = number_of(*values[i]);
  }
  return out;
}

json::object side_of(const DryRunSide& side) {
  return {{"reached", side.reached},
          {"refused", side.refused},
          {"held", side.held},
          {"held_accounts", side.held_accounts},
          {"restricted", side.restricted},
          {"suspended", side.suspended},
          {"held_minutes", side.held_minutes}};
}

}  // namespace

json::value json_of(const DomainSummary& d) {
  return json::object{{"domain", d.domain},
                      {"description", d.description},
                      {"active", d.active},
                      {"accounts", d.accounts},
                      {"standing", to_string(d.standing.standing)},
                      {"since", json_of(d.standing.since)},
                      {"restricted", d.restricted},
                      {"suspended", d.suspended},
                      {"recovering", d.recovering},
                      {"probation", d.probation},
                      {"held", d.held},
                      {"mode", to_string(d.mode)},
                      {"own_values", d.own_values}};
}

json::value json_of(const AdminSummary& a) {
  return json::object{{"login", a.login},
                      {"active", a.active},
                      {"role", a.superadmin ? "operator" : "domain_admin"},
                      {"totp", a.totp},
                      {"domains", texts_of(a.domains)}};
}

json::value json_of(const PolicyView& view) {
  json::array items;
  for (const auto& item : view.items) {
    const auto& field = decide::info(item.field);
    json::object out;
    out["name"] = field.name;
    out["value"] = number_of(item.value);
    out["source"] = to_string(item.source);
    out["where"] = item.where;
    out["inherited"] = number_of(item.inherited);
    out["own"] = item.own ? number_of(*item.own) : json::value();
    out["changed"] = json_of(item.changed);
    out["by"] = item.by;
    out["reason"] = item.reason;
    out["min"] = number_of(field.min);
    out["max"] = number_of(field.max);
    out["whole"] = field.whole;
    items.push_back(std::move(out));
  }
  return json::object{{"subject", json_of(view.subject)}, {"items", std::move(items)}};
}

json::value json_of(const SwitchesView& view) {
  const auto state = [](const SwitchState& s) {
    json::object out{{"works", s.works},
                     {"standing_allows", s.standing_allows},
                     {"off", json_of(s.off)},
                     {"done", s.done},
                     {"letter", to_string(s.letter)}};
    return out;
  };
  return json::object{
      {"account", view.account}, {"receive", state(view.receive)}, {"login", state(view.login)}};
}

json::value json_of(const DryRun& run) {
  json::array differing;
  for (const auto& one : run.differing) {
    differing.push_back(json::object{
        {"account", one.account}, {"before", side_of(one.before)}, {"after", side_of(one.after)}});
  }
  json::object out;
  out["id"] = run.id;
  out["subject"] = json_of(run.order.subject);
  out["values"] = values_of(run.order.values);
  out["days"] = run.order.days;
  out["by"] = run.by;
  out["started"] = json_of(run.started);
  out["state"] = to_string(run.state);
  out["error"] = run.error;
  out["as_enforced"] = run.as_enforced;
  out["cut_short"] = run.cut_short;
  out["events"] = run.events;
  out["first"] = json_of(run.first);
  out["last"] = json_of(run.last);
  out["accounts"] = run.accounts;
  out["seconds"] = run.seconds;
  out["before"] = side_of(run.before);
  out["after"] = side_of(run.after);
  out["differing"] = std::move(differing);
  out["differing_count"] = run.differing_count;
  return out;
}

json::value json_of(const SettingsView& view) {
  json::array items;
  for (const auto& item : view.items) {
    items.push_back(json::object{{"name", item.name},
                                 {"section", item.section},
                                 {"meaning", json_of(item.meaning)},
                                 {"value", item.value},
                                 {"written", item.written},
                                 {"source", item.source},
                                 {"needs_restart", item.needs_restart}});
  }
  return json::object{
      {"file", view.file}, {"items", std::move(items)}, {"faults", texts_of(view.faults)}};
}

json::value json_of(const NoticeTextSummary& s) {
  return json::object{{"name", s.name},
                      {"subject", s.subject},
                      {"source", to_string(s.source)},
                      {"changed", json_of(s.changed)},
                      {"by", s.by}};
}

json::value json_of(const NoticeTextView& view) {
  json::object out = json_of(view.summary).as_object();
  out["text"] = view.text;
  out["without"] = view.without;
  out["placeholders"] = texts_of(view.placeholders);
  return out;
}

json::value json_of(const NoticePreview& preview) {
  json::array faults;
  for (const auto& fault : preview.faults) {
    faults.push_back(json::object{{"line", fault.line}, {"what", json_of(fault.what)}});
  }
  return json::object{
      {"subject", preview.subject}, {"body", preview.body}, {"faults", std::move(faults)}};
}

json::value json_of(const HealthSpanView& span) {
  return json::object{{"item", span.item},
                      {"level", to_string(span.level)},
                      {"since", json_of(span.since)},
                      {"last", json_of(span.last)},
                      {"verdict", json_of(span.verdict)}};
}

}  // namespace sekimori::web
