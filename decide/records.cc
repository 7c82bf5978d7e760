#include "decide/records.h"

#include <array>
#include <string_view>

#include "base/words.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, 3> k_subjects{"account", "domain", "server"};
constexpr std::array<std::string_view, 2> k_modes{"observe", "enforce"};
constexpr std::array<std::string_view, 4> k_incidents{"open", "contained", "recovering", "closed"};
constexpr std::array<std::string_view, 2> k_hold_kinds{"timed", "asked"};
constexpr std::array<std::string_view, 4> k_hold_states{"held", "releasing", "released", "deleted"};
constexpr std::array<std::string_view, static_cast<std::size_t>(StepKind::count_)> k_steps{
    "write_guard",
    "flush_auth_cache",
    "kick_sessions",
    "suspend_app_passwords",
    "hold_queued",
    "pause_forwards",
    "resume_app_passwords",
    "requeue_waiting",
    "stop_server_sending",
    "start_server_sending",
    "notify"};
constexpr std::array<std::string_view, 4> k_step_states{"waiting", "done", "retrying", "failed"};

}  // namespace

std::string_view to_string(SubjectKind v) { return word_of(k_subjects, v); }
std::string_view to_string(Mode v) { return word_of(k_modes, v); }
std::string_view to_string(IncidentState v) { return word_of(k_incidents, v); }
std::string_view to_string(HoldKind v) { return word_of(k_hold_kinds, v); }
std::string_view to_string(HoldState v) { return word_of(k_hold_states, v); }
std::string_view to_string(StepKind v) { return word_of(k_steps, v); }
std::string_view to_string(StepState v) { return word_of(k_step_states, v); }

std::optional<SubjectKind> parse_subject_kind(std::string_view w) {
  return value_of<SubjectKind>(k_subjects, w);
}
std::optional<Mode> parse_mode(std::string_view w) { return value_of<Mode>(k_modes, w); }
std::optional<IncidentState> parse_incident_state(std::string_view w) {
  return value_of<IncidentState>(k_incidents, w);
}
std::optional<HoldKind> parse_hold_kind(std::string_view w) {
  return value_of<HoldKind>(k_hold_kinds, w);
}
std::optional<HoldState> parse_hold_state(std::string_view w) {
  return value_of<HoldState>(k_hold_states, w);
}
std::optional<StepKind> parse_step_kind(std::string_view w) {
  return value_of<StepKind>(k_steps, w);
}
std::optional<StepState> parse_step_state(std::string_view w) {
  return value_of<StepState>(k_step_states, w);
}

bool is_newer(const Approval& a, const Approval& than) {
  if (a.epoch != than.epoch) return a.epoch > than.epoch;
  return a.state > than.state;
}

}  // namespace sekimori::decide
