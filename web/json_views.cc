#include "web/json_views.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>

namespace sekimori::web {
namespace json = boost::json;
namespace {

// Four decimals are more than anyone acts on, and keep the lines short.
json::value number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return std::round(value * 1e4) / 1e4;
}

json::value incident_id(std::uint64_t id) {
  if (id == 0) return nullptr;
  return id;
}

// The audit's detail is a JSON object that the program wrote itself; anything else is shown as
// text.
json::value detail_of(const std::string& detail) {
  if (detail.empty()) return json::object();
  boost::system::error_code error;
  auto value = json::parse(detail, error);
  if (!error && value.is_object()) return value;
  return json::object{{"text", detail}};
}

// What the program said to people, {"ja","en"} (act/executor.h, app/machine_words.h); null where it
// is not that.
json::value both_languages(const json::value& value) {
  const auto* const object = value.if_object();
  if (object == nullptr) return nullptr;
  const auto* const ja = object->if_contains("ja");
  const auto* const en = object->if_contains("en");
  if (ja == nullptr || en == nullptr || !ja->is_string() || !en->is_string()) return nullptr;
  return json::object{{"ja", *ja}, {"en", *en}};
}

}  // namespace

// Parts of the forms in json_views.h; not in the unnamed namespace, where they would hide the
// others.
static json::value json_of(const decide::EvidenceLine& line) {
  return json::object{
      {"channel", line.channel}, {"nats", number(line.nats)}, {"text", json_of(line.text)}};
}

static json::value json_of(const LimitUse& use) {
  return json::object{{"name", use.name},
                      {"limit", use.limit},
                      {"used", use.used},
                      {"source", use.source},
                      {"resets_at", json_of(use.resets_at)}};
}

static json::value json_of(const detect::Counts& counts) {
  return json::object{{"recipients_hour", counts.recipients_hour},
                      {"recipients_day", counts.recipients_day},
                      {"messages_hour", counts.messages_hour},
                      {"messages_day", counts.messages_day},
                      {"new_recipients_hour", counts.new_hour},
                      {"new_recipients_day", counts.new_day},
                      {"bytes_day", counts.bytes_day}};
}

static json::value json_of(const HealthItem& item) {
  return json::object{{"name", item.name},
                      {"level", to_string(item.level)},
                      {"verdict", json_of(item.verdict)},
                      {"advice", json_of(item.advice)}};
}

namespace {

template <class T>
json::array array_of(const std::vector<T>& list) {
  json::array out;
  out.reserve(list.size());
  for (const auto& item : list) out.push_back(json_of(item));
  return out;
}

json::object standing_object(const decide::StandingRecord& record) {
  return json::object{{"subject", json_of(record.subject)},
                      {"standing", to_string(record.standing)},
                      {"epoch", record.epoch},
                      {"since", json_of(record.since)},
                      {"by", record.by},
                      {"reason", json_of(record.reason)},
                      {"incident", incident_id(record.incident)}};
}

}  // namespace

json::value json_of(const Text& text) { return json::object{{"ja", text.ja}, {"en", text.en}}; }

json::value json_of(Instant t) {
  if (!t.is_set()) return nullptr;
  return json::string(format_instant(t));
}

json::value json_of(const decide::Subject& subject) {
  return json::object{{"kind", to_string(subject.kind)}, {"id", subject.id}};
}

json::value json_of(const AccountSummary& account) {
  return json::object{{"address", account.address},
                      {"name", account.name},
                      {"domain", account.domain},
                      {"active", account.active},
                      {"standing", to_string(account.standing)},
                      {"since", json_of(account.since)},
                      {"mode", to_string(account.mode)},
                      {"log_r", number(account.log_r)},
                      {"held", account.held},
                      {"incident", incident_id(account.incident)},
                      {"receive_off", json_of(account.off.receive)},
                      {"login_off", json_of(account.off.login)}};
}

json::value json_of(const std::optional<decide::SwitchedOff>& off) {
  if (!off) return nullptr;
  return json::object{{"since", json_of(off->since)},
                      {"until", json_of(off->until)},
                      {"by", off->by},
                      {"reason", off->reason}};
}

json::value json_of(const AccountDetails& details, const std::string& asked) {
  const auto& view = details.view;
  json::object out;
  const auto at = asked.rfind('@');
  if (details.row) {
    out["address"] = details.row->address;
    out["name"] = details.row->name;
    out["domain"] = details.row->domain;
    out["active"] = details.row->active;
    out["quota_bytes"] = details.row->quota_bytes;
    out["created"] = json_of(details.row->created);
    out["modified"] = json_of(details.row->modified);
  } else {
    out["address"] = asked;
    out["name"] = "";
    out["domain"] = at == std::string::npos ? "" : asked.substr(at + 1);
    out["active"] = true;
    out["quota_bytes"] = 0;
    out["created"] = nullptr;
    out["modified"] = nullptr;
  }
  out["in_store"] = details.row.has_value();
  out["standing"] = to_string(view.standing.standing);
  out["epoch"] = view.standing.epoch;
  out["since"] = json_of(view.standing.since);
  out["by"] = view.standing.by;
  out["reason"] = json_of(view.standing.reason);
  out["mode"] = to_string(view.mode);
  out["known"] = view.known;
  out["log_r"] = number(view.log_r);
  out["counts"] = json_of(view.counts);
  out["limits"] = array_of(details.limits);
  out["holds"] = array_of(view.holds);
  out["incident"] = details.incident ? json_of(*details.incident) : json::value(nullptr);
  return out;
}

json::value json_of(const decide::StandingRecord& record) { return standing_object(record); }

json::value json_of(const StandingOutcome& outcome) {
  auto out = standing_object(outcome.record);
  out["changed"] = outcome.changed;
  return out;
}

json::value json_of(const RecoveryCode& code) {
  return json::object{{"code", code.code.reveal()}, {"expires", json_of(code.expires)}};
}

json::value json_of(const decide::Incident& incident) {
  return json::object{{"id", incident.id},
                      {"subject", json_of(incident.subject)},
                      {"state", to_string(incident.state)},
                      {"opened", json_of(incident.opened)},
                      {"onset", json_of(incident.onset)},
                      {"closed", json_of(incident.closed)},
                      {"mode", to_string(incident.mode)},
                      {"standing", to_string(incident.standing)},
                      {"log_r", number(incident.log_r)},
                      {"family", incident.family},
                      {"summary", json_of(incident.summary)},
                      {"evidence", array_of(incident.evidence)},
                      {"by", incident.by}};
}

json::value json_of(const IncidentDetails& details) {
  auto out = json_of(details.incident).as_object();
  out["steps"] = array_of(details.steps);
  out["notes"] = array_of(details.notes);
  return out;
}

json::value json_of(const decide::Step& step) {
  const bool is_done = step.state == decide::StepState::done;
  const json::value done = is_done ? both_languages(detail_of(step.detail)) : json::value();
  return json::object{{"id", step.id},
                      {"subject", json_of(step.subject)},
                      {"epoch", step.epoch},
                      {"kind", to_string(step.kind)},
                      {"state", to_string(step.state)},
                      {"tries", step.tries},
                      {"created", json_of(step.created)},
                      {"changed", json_of(step.changed)},
                      {"done", done},
                      {"detail", done.is_null() ? json::value(step.detail) : json::value("")}};
}

json::value json_of(const decide::HeldMessage& held) {
  return json::object{{"queue_id", held.queue_id},
                      {"account", held.account},
                      {"held_at", json_of(held.held_at)},
                      {"release_at", json_of(held.release_at)},
                      {"recipients", held.recipients},
                      {"size", held.size},
                      {"kind", to_string(held.kind)},
                      {"state", to_string(held.state)},
                      {"incident", incident_id(held.incident)},
                      {"log_r", number(held.log_r)},
                      {"reason", json_of(held.reason)},
                      {"evidence", held.evidence},
                      {"ended_by", held.ended_by}};
}

json::value json_of(const decide::AuditEntry& entry) {
  json::object detail = detail_of(entry.detail).as_object();
  json::value words;
  if (const auto* said = detail.if_contains("words")) {
    words = both_languages(*said);
    if (!words.is_null()) detail.erase("words");
  }
  return json::object{{"t", json_of(entry.t)},
                      {"who", entry.who},
                      {"action", entry.action},
                      {"subject", json_of(entry.subject)},
                      {"incident", incident_id(entry.incident)},
                      {"why", entry.why},
                      {"words", std::move(words)},
                      {"detail", std::move(detail)}};
}

json::value json_of(const ReleaseReport& report) {
  return json::object{{"released", report.released},
                      {"failed", report.failed},
                      {"remaining", report.remaining},
                      {"complete", report.failed == 0 && report.remaining == 0}};
}

json::value json_of(const HealthReport& report) {
  auto worst = HealthLevel::ok;
  for (const auto& item : report.items) worst = std::max(worst, item.level);
  return json::object{{"level", to_string(worst)},
                      {"mode", to_string(report.mode)},
                      {"bypass", report.bypass},
                      {"version", report.version},
                      {"started", json_of(report.started)},
                      {"now", json_of(report.now)},
                      {"items", array_of(report.items)}};
}

}  // namespace sekimori::web
