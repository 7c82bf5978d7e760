#include "decide/standing.h"

#include <fmt/format.h>

namespace sekimori::decide {
namespace {

std::unexpected<Error> not_allowed(const StandingRecord& in_force, std::string_view what) {
  return bad_input(fmt::format("{} '{}' is {}: {}", to_string(in_force.subject.kind),
                               in_force.subject.id, to_string(in_force.standing), what));
}

}  // namespace

std::vector<StepKind> steps_between(SubjectKind kind, Standing from, Standing to) {
  std::vector<StepKind> out{StepKind::write_guard};
  if (kind == SubjectKind::server) {
    out.push_back(forbids_sending(to) ? StepKind::stop_server_sending
                                      : StepKind::start_server_sending);
    out.push_back(StepKind::notify);
    return out;
  }
  const bool contains = is_contained(to);
  // The order of containment is refuse → flush → kick: a client that is kicked first signs in
  // again.
  out.push_back(StepKind::flush_auth_cache);
  if (to == Standing::suspended) out.push_back(StepKind::kick_sessions);
  const bool is_account = kind == SubjectKind::account;
  if (contains) {
    // An app password still opens what a restriction leaves open.
    out.push_back(StepKind::suspend_app_passwords);
    out.push_back(StepKind::hold_queued);
    out.push_back(StepKind::pause_forwards);
  }
  // Let go by a person's word and not by a recovery: its passwords are what they were.
  const bool was_contained = is_contained(from);
  if (was_contained && is_account && (to == Standing::normal || to == Standing::probation)) {
    out.push_back(StepKind::resume_app_passwords);
  }
  // What an account's own containment holds waits for a person's eyes: the thief's mail is among
  // it. A domain's is everybody's mail, and goes on with what waits for the domain.
  const bool lets_go = kind == SubjectKind::domain && was_contained && !forbids_sending(to);
  if (lets_go || (forbids_receiving(from) && !forbids_receiving(to))) {
    out.push_back(StepKind::requeue_waiting);
  }
  out.push_back(StepKind::notify);
  return out;
}

bool is_contained(Standing s) { return s == Standing::restricted || s == Standing::suspended; }
bool forbids_sending(Standing s) { return is_contained(s) || s == Standing::recovering; }
bool forbids_login(Standing s) { return s == Standing::suspended; }
bool forbids_receiving(Standing s) { return s == Standing::suspended; }

Result<StandingStep> step(const StandingRecord& in_force, const StandingRequest& request) {
  const Standing from = in_force.standing;
  Standing to = from;
  switch (request.kind) {
    case RequestKind::restrict:
      if (from == Standing::suspended && request.by_machine) break;  // already closed more tightly
      to = Standing::restricted;
      break;
    case RequestKind::suspend:
      if (in_force.subject.kind == SubjectKind::server) {
        return not_allowed(in_force,
                           "the server's sending can be stopped (restrict), not its users' logins");
      }
      to = Standing::suspended;
      break;
    case RequestKind::begin_recovery:
      if (from == Standing::recovering) break;
      if (!is_contained(from)) {
        return not_allowed(in_force, "there is nothing to recover from");
      }
      to = Standing::recovering;
      break;
    case RequestKind::restore:
      if (request.by_machine &&
          !(request.verified && request.to_probation && from == Standing::recovering)) {
        return not_allowed(in_force, "only a person or a verified recovery restores");
      }
      if (from == Standing::normal) break;
      to = request.to_probation ? Standing::probation : Standing::normal;
      break;
    case RequestKind::end_probation:
      if (from == Standing::normal) break;
      if (from != Standing::probation) return not_allowed(in_force, "it is not on probation");
      to = Standing::normal;
      break;
  }
  StandingStep out;
  out.next = in_force;
  if (to == from) return out;
  out.changed = true;
  out.next.standing = to;
  out.next.epoch = in_force.epoch + 1;
  out.next.since = request.now;
  out.next.by = request.by;
  out.next.reason = request.reason;
  out.steps = steps_between(in_force.subject.kind, from, to);
  return out;
}

std::string ascii_only(std::string_view text, std::size_t max) {
  std::string out;
  for (const char c : text) {
    if (out.size() == max) break;
    if (c >= ' ' && c <= '~') out += c;
  }
  return out;
}

GuardRow guard_row(const StandingRecord& record, std::string_view portal_url) {
  GuardRow row;
  row.subject = record.subject;
  row.epoch = record.epoch;
  row.no_send = forbids_sending(record.standing);
  row.no_login = forbids_login(record.standing);
  row.no_receive = forbids_receiving(record.standing);
  const std::string url = ascii_only(portal_url, 200);
  const std::string see = url.empty() ? std::string() : fmt::format(", see {}", url);
  if (row.no_send) {
    const std::string_view what = record.subject.kind == SubjectKind::account  ? "this account"
                                  : record.subject.kind == SubjectKind::domain ? "this domain"
                                                                               : "this server";
    row.reply = fmt::format(
        "525 5.7.13 Sending from {} is stopped to protect its owner "
        "(incident {}){}",
        what, record.incident, see);
  }
  if (row.no_login) {
    const std::string where = url.empty() ? std::string() : fmt::format(" {}", url);
    row.reason = fmt::format(
        "This mailbox is suspended to protect its owner (incident {}). Your mail is kept.{} / "
        "このメールアドレスは安全のため一時停止しています(受付番号 {})。届くメールは失われません。"
        "{}",
        record.incident, where, record.incident, where);
  }
  return row;
}

}  // namespace sekimori::decide
