#include "app/control_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "app/owner_desk.h"
#include "app/recovery_service.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::app {
namespace {

// How long a person waits for the database before being told that it is still busy.
constexpr int k_durable_wait_ms = 5000;
// Postfix's clock and ours are the same machine's; a second is lost to rounding.
constexpr Duration k_clocks_differ = seconds(2);
// A page of releases is two transactions for each message.
constexpr int k_page_durable_wait_ms = 120'000;
// A request of release-all lasts so long and one page: shorter than any client's or proxy's
// patience.
constexpr std::chrono::seconds k_release_for{10};

Text in_both(const std::string& reason) { return {reason, reason}; }

// When a sliding hour or day that has `used` in it will have none, if nothing more is sent.
Instant all_gone_by(std::uint64_t used, Instant now, Duration window) {
  return used == 0 ? Instant{} : now + window;
}

}  // namespace

ControlService::ControlService(ControlParts parts)
    : parts_(std::move(parts)),
      queue_desk_({.queue = parts_.login_queue,
                   .hands = parts_.hands,
                   .engine = parts_.engine,
                   .writer = parts_.writer,
                   .reader = parts_.reader,
                   .now = parts_.now}),
      ending_({.engine = parts_.engine,
               .hands = parts_.hands,
               .keep =
                   [this](const decide::Applied& applied, int wait_ms) {
                     return parts_.writer.wait(parts_.writer.put(applied), wait_ms);
                   },
               .now = parts_.now}),
      owner_desk_(std::make_unique<OwnerDeskService>(parts_, *this)) {}

ControlService::~ControlService() = default;

web::OwnerDesk& ControlService::own() { return *owner_desk_; }

std::string ControlService::normalised(std::string_view address) const {
  return parts_.directory()->account_of(address);
}

void ControlService::audited(const web::Caller& by, std::string action, decide::Subject subject,
                             std::uint64_t incident, std::string why, std::string detail) {
  parts_.writer.put(decide::AuditEntry{.t = parts_.now(),
                                       .who = by.who,
                                       .action = std::move(action),
                                       .subject = std::move(subject),
                                       .incident = incident,
                                       .why = std::move(why),
                                       .detail = std::move(detail)});
}

void ControlService::audited_end(const web::Caller& by, std::string action,
                                 const decide::HeldMessage& hold, const std::string& reason) {
  audited(by, std::move(action), {decide::SubjectKind::account, hold.account}, hold.incident,
          reason,
          fmt::format(R"({{"queue_id":"{}","recipients":{}}})", hold.queue_id, hold.recipients));
}

// ---------------------------------------------------------------- accounts

Result<web::AccountDetails> ControlService::account(std::string_view address) {
  const std::string who = normalised(address);
  web::AccountDetails out;
  const Instant now = parts_.now();
  out.view = parts_.engine.view(who, now);
  {
    auto row = parts_.accounts.account(who);
    // A store that is down hides the name and telephone, not the standing.
    if (!row && row.error().kind != ErrorKind::not_found && !out.view.known) {
      return std::unexpected(row.error());
    }
    if (row) out.row = *row;
  }
  if (!out.row && !out.view.known) {
    return not_found(fmt::format("'{}' is no account of this server", who));
  }
  const auto& l = out.view.limits;
  const auto& c = out.view.counts;
  const auto policy = parts_.engine.policy();
  const auto add = [&](const char* name, std::uint64_t limit, std::uint64_t used, Duration window) {
    const auto field = decide::parse_policy_field(name);
    const auto set = policy && field ? policy->find(who, *field) : std::nullopt;
    if (set && static_cast<std::uint64_t>(*set) == limit) {
      const auto* own = policy->of_account(who);
      const bool of_account = own != nullptr && (*own)[static_cast<std::size_t>(*field)];
      out.limits.push_back({name, of_account ? who : std::string(domain_of(who)), limit, used,
                            all_gone_by(used, now, window)});
      return;
    }
    // Probation has two limits of its own, where they are set.
    const bool own = out.view.standing.standing == Standing::probation && limit != 0 &&
                     std::string_view(name).starts_with("recipients_per_");
    out.limits.push_back(
        {name, fmt::format("{}.{}{}", own ? "recovery" : "limits", own ? "probation_" : "", name),
         limit, used, all_gone_by(used, now, window)});
  };
  add("recipients_per_hour", l.recipients_per_hour, c.recipients_hour, hours(1));
  add("recipients_per_day", l.recipients_per_day, c.recipients_day, days(1));
  add("messages_per_hour", l.messages_per_hour, c.messages_hour, hours(1));
  add("new_recipients_per_day", l.new_recipients_per_day, c.new_day, days(1));
  add("bytes_per_day", l.bytes_per_day, c.bytes_day, days(1));
  if (out.view.standing.incident != 0) {
    auto incident = parts_.reader.incident(out.view.standing.incident);
    if (incident) out.incident = *incident;
  }
  return out;
}

Result<bool> ControlService::exists(const decide::Subject& subject) {
  const auto directory = parts_.directory();
  switch (subject.kind) {
    case decide::SubjectKind::server: return true;
    case decide::SubjectKind::domain: return directory->is_local_domain(subject.id);
    case decide::SubjectKind::account: {
      if (directory->is_account(subject.id)) return true;
      auto row = parts_.accounts.account(subject.id);
      if (!row && row.error().kind != ErrorKind::not_found) return std::unexpected(row.error());
      // One that the store no longer has may still need to be let go.
      return (row && row->has_value()) ||
             parts_.engine.standing_of(subject).standing != Standing::normal;
    }
  }
  return false;
}

Result<std::string> ControlService::account_here(std::string_view address) {
  std::string account = normalised(address);
  const auto there = exists({decide::SubjectKind::account, account});
  if (!there) return std::unexpected(there.error());
  if (!*there) return not_found(fmt::format("'{}' is no account of this server", account));
  return account;
}

Result<web::StandingOutcome> ControlService::change_standing(const web::StandingOrder& order,
                                                             const web::Caller& by) {
  decide::Subject subject = order.subject;
  if (subject.kind == decide::SubjectKind::account) subject.id = normalised(subject.id);
  auto known = exists(subject);
  if (!known) return std::unexpected(known.error());
  if (!*known) {
    return not_found(
        fmt::format("'{}' is no {} of this server", subject.id, decide::to_string(subject.kind)));
  }
  const bool is_account = subject.kind == decide::SubjectKind::account;
  if (is_account && order.kind == decide::RequestKind::restore) {
    if (auto may = parts_.way_back.may_restore(subject.id, order.reason); !may) {
      return std::unexpected(may.error());
    }
  }
  decide::StandingRequest request;
  request.kind = order.kind;
  request.by_machine = false;
  request.to_probation = order.to_probation;
  request.by = by.who;
  request.now = parts_.now();
  if (order.reason.empty()) {
    request.reason = {"管理者が操作しました。", "Set by an administrator."};
  } else {
    request.reason = in_both(order.reason);
  }
  auto news = parts_.engine.request(subject, request);
  if (!news) return std::unexpected(news.error());
  if (news->changed) {
    if (auto durable = parts_.writer.wait(parts_.writer.put(*news), k_durable_wait_ms); !durable) {
      return std::unexpected(durable.error());
    }
  }
  if (is_account) parts_.way_back.standing_changed(subject.id);
  return web::StandingOutcome{news->change.record, news->changed};
}

Result<decide::StandingRecord> ControlService::standing(const decide::Subject& subject) {
  decide::Subject wanted = subject;
  if (wanted.kind == decide::SubjectKind::account) wanted.id = normalised(wanted.id);
  auto known = exists(wanted);
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is not one of this server's", wanted.id));
  return parts_.engine.standing_of(wanted);
}

Result<web::RecoveryCode> ControlService::recovery_code(std::string_view address,
                                                        const web::Caller& by) {
  const decide::Subject subject{decide::SubjectKind::account, normalised(address)};
  auto known = exists(subject);
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", subject.id));
  const Instant expires = parts_.now() + parts_.recovery_code_lifetime;
  auto code = parts_.desk.new_recovery_code(subject.id, expires, by.who);
  if (!code) return std::unexpected(code.error());
  audited(by, "recovery_code", subject, parts_.engine.standing_of(subject).incident, "");
  return web::RecoveryCode{std::move(*code), expires};
}

// ---------------------------------------------------------------- incidents

Result<web::Page<decide::Incident>> ControlService::incidents(
    const decide::StateStore::IncidentFilter& filter) {
  auto rows = parts_.reader.incidents(filter);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.desk.count_incidents(filter);
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::Incident>{std::move(*rows), *total};
}

Result<web::IncidentDetails> ControlService::incident(std::uint64_t id) {
  auto found = parts_.reader.incident(id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return not_found(fmt::format("there is no incident {}", id));
  web::IncidentDetails out;
  out.incident = std::move(**found);
  auto steps = parts_.reader.steps_of(id);
  if (!steps) return std::unexpected(steps.error());
  out.steps = std::move(*steps);
  auto notes = parts_.reader.notes(id);
  if (!notes) return std::unexpected(notes.error());
  out.notes = std::move(*notes);
  return out;
}

Result<decide::Incident> ControlService::close_incident(std::uint64_t id, const std::string& reason,
                                                        const web::Caller& by) {
  auto details = incident(id);
  if (!details) return std::unexpected(details.error());
  decide::Incident closed = std::move(details->incident);
  if (closed.state == decide::IncidentState::closed) return closed;
  const auto standing = parts_.engine.standing_of(closed.subject);
  if (standing.incident == id && decide::forbids_sending(standing.standing)) {
    return bad_input(fmt::format("{} is still {}; restore it first", closed.subject.id,
                                 to_string(standing.standing)));
  }
  closed.state = decide::IncidentState::closed;
  closed.closed = parts_.now();
  audited(by, "close_incident", closed.subject, id, reason);
  if (auto durable = parts_.writer.wait(parts_.writer.put(closed), k_durable_wait_ms); !durable) {
    return std::unexpected(durable.error());
  }
  return closed;
}

Result<decide::AuditEntry> ControlService::add_note(std::uint64_t id, const std::string& text,
                                                    const web::Caller& by) {
  auto details = incident(id);
  if (!details) return std::unexpected(details.error());
  decide::AuditEntry note{.t = parts_.now(),
                          .who = by.who,
                          .action = "note",
                          .subject = details->incident.subject,
                          .incident = id,
                          .why = text,
                          .detail = {}};
  if (auto done = parts_.reader.add_note(id, note); !done) return std::unexpected(done.error());
  return note;
}

// ---------------------------------------------------------------- held mail

Result<web::AccountQueue> ControlService::queue(std::string_view address,
                                                const web::QueueQuery& query) {
  const auto account = account_here(address);
  if (!account) return std::unexpected(account.error());
  return queue_desk_.list(*account, query);
}

Result<web::QueueReport> ControlService::change_queue(std::string_view address,
                                                      const web::QueueOrder& order,
                                                      const web::Caller& by) {
  const auto account = account_here(address);
  if (!account) return std::unexpected(account.error());
  return queue_desk_.change(*account, order, by);
}

Result<web::Page<decide::HeldMessage>> ControlService::holds(
    const decide::StateStore::HoldFilter& filter) {
  decide::StateStore::HoldFilter wanted = filter;
  if (wanted.account) wanted.account = normalised(*wanted.account);
  auto rows = parts_.reader.holds(wanted);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.desk.count_holds(wanted);
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::HeldMessage>{std::move(*rows), *total};
}

Result<decide::HeldMessage> ControlService::end_hold(std::string_view queue_id,
                                                     const std::string& reason,
                                                     const web::Caller& by, bool release) {
  std::optional<decide::HeldMessage> hold;
  {
    auto found = parts_.desk.hold(queue_id);
    if (!found) return std::unexpected(found.error());
    hold = std::move(*found);
  }
  if (!hold) return not_found(fmt::format("no held message has the queue id {}", queue_id));
  if (hold->state == decide::HoldState::released || hold->state == decide::HoldState::deleted) {
    return bad_input(fmt::format("{} was {} already", queue_id, to_string(hold->state)));
  }
  // A message that came later under the same id is another's.
  const decide::QueueTarget targets[] = {{.id = hold->queue_id,
                                          .sender = {},
                                          .arrival = {},
                                          .not_after = hold->held_at + k_clocks_differ}};
  auto ended = release ? ending_.release({*hold}, by.who, k_durable_wait_ms)
                       : ending_.remove({*hold}, targets, by.who, k_durable_wait_ms);
  if (!ended) return std::unexpected(ended.error());
  audited_end(by, release ? "release" : "delete_held", *hold, reason);
  return std::move(ended->front());
}

Result<decide::HeldMessage> ControlService::release_hold(std::string_view queue_id,
                                                         const std::string& reason,
                                                         const web::Caller& by) {
  return end_hold(queue_id, reason, by, true);
}
Result<decide::HeldMessage> ControlService::delete_hold(std::string_view queue_id,
                                                        const std::string& reason,
                                                        const web::Caller& by) {
  return end_hold(queue_id, reason, by, false);
}

// ---------------------------------------------------------------- the panic handles

Result<void> ControlService::set_bypass(bool on, const std::string& reason, const web::Caller& by) {
  parts_.engine.set_bypass(on);
  audited(by, on ? "bypass_on" : "bypass_off", {decide::SubjectKind::server, ""}, 0, reason);
  return parts_.guard.set_bypass(on);
}

Result<void> ControlService::release_together(std::vector<decide::HeldMessage> holds,
                                              const std::string& reason, const web::Caller& by) {
  auto ended = ending_.release(std::move(holds), by.who, k_page_durable_wait_ms);
  if (!ended) return std::unexpected(ended.error());
  for (const auto& hold : *ended) audited_end(by, "release", hold, reason);
  return {};
}

Result<web::ReleaseReport> ControlService::release_all(const std::string& reason,
                                                       const web::Caller& by) {
  web::ReleaseReport report;
  const auto until = std::chrono::steady_clock::now() + k_release_for;
  bool tried = false;
  decide::StateStore::HoldFilter filter;
  filter.limit = web::k_page_max;
  for (const auto state : {decide::HoldState::held, decide::HoldState::releasing}) {
    filter.state = state;
    filter.offset = 0;
    while (true) {
      auto page = holds(filter);
      if (!page) return std::unexpected(page.error());
      if (std::chrono::steady_clock::now() >= until && tried) {
        report.remaining += page->total - std::min<std::uint64_t>(page->total, filter.offset);
        break;
      }
      if (page->items.empty()) break;
      tried = true;
      // All of the page with one call of postsuper; one by one only where that fails, to let go
      // what can be and to know what cannot.
      if (release_together(page->items, reason, by)) {
        report.released += page->items.size();
        continue;
      }
      for (const auto& hold : page->items) {
        if (std::chrono::steady_clock::now() >= until) break;
        if (end_hold(hold.queue_id, reason, by, true)) {
          ++report.released;
        } else {
          ++report.failed;
          ++filter.offset;  // it stays in the list
        }
      }
    }
  }
  audited(by, "release_all", {decide::SubjectKind::server, ""}, 0, reason,
          fmt::format(R"({{"released":{},"failed":{},"remaining":{}}})", report.released,
                      report.failed, report.remaining));
  return report;
}

// ---------------------------------------------------------------- looking

Result<std::vector<decide::AuditEntry>> ControlService::audit(const web::AuditQuery& query) {
  return parts_.reader.audit(query.subject, query.limit);
}

Result<web::HealthReport> ControlService::health() { return parts_.health(); }
Result<void> ControlService::ready() { return parts_.ready(); }

Result<web::MetricsReport> ControlService::metrics() {
  return web::MetricsReport{parts_.engine.totals(), parts_.gauges()};
}

}  // namespace sekimori::app
