// The forms of json_views.h that belong to the way back and to telling.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;

static json::value json_of(const ForwardEntry& forward) {
  return json::object{{"source", forward.source}, {"target", forward.target}};
}

namespace {

json::value incident_id(std::uint64_t id) {
  if (id == 0) return nullptr;
  return id;
}

json::value secret_of(const Secret& secret) {
  if (!secret.is_set()) return nullptr;
  return json::value(secret.reveal());
}

json::object gate_of(const decide::Recovery& recovery, decide::GateKind kind) {
  const auto& gate = recovery.gate(kind);
  return json::object{{"kind", to_string(kind)},
                      {"title", json_of(decide::title(kind))},
                      {"state", to_string(gate.state)},
                      {"evidence", json_of(gate.evidence)},
                      {"when", json_of(gate.when)}};
}

// An owner is not shown the evidence that names who decided what, and why.
const Text* words_for_owner(const decide::Gate& gate, decide::GateKind kind) {
  static const Text k_overridden{"管理者の判断で、確認を省きました。",
                                 "Your administrator decided to go on without this one."};
  static const Text k_reviewed{"管理者が確認しました。", "Your administrator has looked at it."};
  if (gate.state == decide::GateState::overridden) return &k_overridden;
  const bool is_reviewed =
      kind == decide::GateKind::reviewed && gate.state == decide::GateState::proved;
  return is_reviewed ? &k_reviewed : nullptr;
}

json::array gates_of(const decide::Recovery& recovery, bool for_owner) {
  json::array out;
  for (std::size_t i = 0; i < decide::k_gates; ++i) {
    const auto kind = static_cast<decide::GateKind>(i);
    auto gate = gate_of(recovery, kind);
    const auto* words = for_owner ? words_for_owner(recovery.gate(kind), kind) : nullptr;
    if (words != nullptr) gate["evidence"] = json_of(*words);
    out.push_back(std::move(gate));
  }
  return out;
}

json::array forwards_of(const RecoveryView& view) {
  json::array out;
  for (const auto& forward : view.forwards) out.push_back(json_of(forward));
  return out;
}

}  // namespace

json::value json_of_open_gates(const decide::Recovery& recovery) {
  json::array out;
  for (const auto kind : decide::open_gates(recovery)) out.push_back(gate_of(recovery, kind));
  return out;
}

json::value json_of(const PasswordProblem& problem) {
  return json::object{
      {"code", problem.code}, {"message_ja", problem.text.ja}, {"message_en", problem.text.en}};
}

json::value json_of(const PasswordVerdict& verdict) {
  return json::object{{"good", verdict.good},
                      {"strength", verdict.strength},
                      {"strength_text", json_of(verdict.strength_text)},
                      {"problems", json_of_list(verdict.problems).at("items")}};
}

json::value json_of_owner(const PasswordOutcome& outcome) {
  return json::object{
      {"changed", outcome.changed},
      {"verdict", json_of(outcome.verdict)},
      {"generated", secret_of(outcome.generated)},
      {"reading", outcome.generated.is_set() ? json_of(outcome.reading) : json::value(nullptr)},
      {"recovery", nullptr}};
}

json::value json_of(const PasswordOutcome& outcome) {
  auto out = json_of_owner(outcome).as_object();
  out["cache_flushed"] = outcome.cache_flushed;
  out["app_passwords_removed"] = outcome.app_passwords_removed;
  out["sessions_ended"] = outcome.sessions_ended;
  return out;
}

json::value json_of_owner(const RecoveryView& view) {
  const auto& recovery = view.recovery;
  return json::object{{"account", recovery.account},
                      {"standing", to_string(view.standing)},
                      {"contained", json_of(recovery.contained)},
                      {"begun", json_of(recovery.begun)},
                      {"ended", json_of(recovery.ended)},
                      {"complete", decide::is_complete(recovery)},
                      {"gates", gates_of(recovery, true)},
                      {"forwards", forwards_of(view)},
                      {"next_step", json_of(view.next_step)}};
}

json::value json_of(const RecoveryView& view) {
  auto out = json_of_owner(view).as_object();
  const auto& recovery = view.recovery;
  out["gates"] = gates_of(recovery, false);
  out["incident"] = incident_id(recovery.incident);
  out["begun_by"] = recovery.begun_by;
  out["by_machine"] = recovery.by_machine;
  out["times"] = recovery.times;
  out["ended_by"] = recovery.ended_by;
  return out;
}

json::value json_of_owner(const OwnerSession& session) {
  return json::object{{"token", session.token.reveal()},
                      {"expires", json_of(session.expires)},
                      {"recovery", session.view ? json_of_owner(*session.view) : json::value()}};
}

json::value json_of(const decide::NoticeRow& notice) {
  return json::object{{"id", notice.id},
                      {"kind", notice.kind},
                      {"subject", json_of(notice.subject)},
                      {"incident", incident_id(notice.incident)},
                      {"channel", to_string(notice.channel)},
                      {"audience", to_string(notice.audience)},
                      {"to", notice.to},
                      {"summary", json_of(notice.summary)},
                      {"state", to_string(notice.state)},
                      {"tries", notice.tries},
                      {"created", json_of(notice.created)},
                      {"changed", json_of(notice.changed)},
                      {"due", json_of(notice.due)},
                      {"detail", notice.detail}};
}

json::value json_of(const decide::CallSheet& sheet) {
  return json::object{{"account", sheet.account},
                      {"customer_number", sheet.customer_number},
                      {"name", sheet.name},
                      {"phone", sheet.phone},
                      {"phone_is_old", sheet.phone_is_old},
                      {"incident", incident_id(sheet.incident)},
                      {"standing", to_string(sheet.standing)},
                      {"since", json_of(sheet.since)},
                      {"what_happened", json_of(sheet.what_happened)},
                      {"what_to_say", json_of(sheet.what_to_say)}};
}

}  // namespace sekimori::web
