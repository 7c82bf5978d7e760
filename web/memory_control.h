// Control over plain containers, for the tests and the fuzzer of this folder: it keeps what it is
// told, moves standings with decide's own step(), and fails when a test asks it to.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mail_address.h"
#include "web/memory_approvals.h"
#include "web/memory_diagnosis.h"
#include "web/memory_queue.h"
#include "web/memory_recovery.h"
#include "web/memory_reports.h"
#include "web/memory_samples.h"
#include "web/memory_scope.h"
#include "web/memory_ways.h"

namespace sekimori::web {
class MemoryControl : public MemoryReports {
 public:
  // Set before the server starts; called at the beginning of every health() (it may block).
  std::function<void()> on_health;

  MemoryControl() {
    for (const auto* address : {"hanako@example.jp", "taro@example.jp", "anna@example.com"}) {
      rows_[address] = sample_row(address, now_);
    }
    incidents_[1] = sample_incident(now_);
    memory_rules_.audit = [this](const Caller& by, const char* action) {
      const std::scoped_lock lock(mutex_);
      write(by, action, {decide::SubjectKind::server, ""}, "");
    };
    for (const auto* id : {"4bXyZ12345", "4bXyZ67890"}) {
      holds_[id] = sample_hold(id, now_);
    }
  }

  // What every call answers from now on; nullopt: as it should.
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    fail_parts(error);
    failure_ = std::move(error);
  }
  std::vector<decide::AuditEntry> audit_entries() {
    const std::scoped_lock lock(mutex_);
    return audit_;
  }

  Result<AccountPage> accounts(const AccountQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    AccountPage page;
    for (const auto& [address, row] : rows_) {
      const auto standing = standing_of({decide::SubjectKind::account, address});
      const bool fits = (address.contains(query.search) || row.name.contains(query.search)) &&
                        (query.domain.empty() || row.domain == query.domain) &&
                        (!query.standing || *query.standing == standing.standing);
      if (!fits) continue;
      AccountSummary summary;
      summary.address = address;
      summary.name = row.name;
      summary.domain = row.domain;
      summary.standing = standing.standing;
      summary.since = standing.since;
      summary.log_r = -INFINITY;  // as the engine's for an account that never sent
      page.items.push_back(summary);
    }
    if (query.descending) std::ranges::reverse(page.items);
    cut(page, query.offset, query.limit);
    return page;
  }

  Result<AccountDetails> account(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = rows_.find(std::string(address));
    if (at == rows_.end()) return not_found("no such account");
    AccountDetails details;
    details.row = at->second;
    details.view.standing = standing_of({decide::SubjectKind::account, at->first});
    details.view.known = true;
    details.view.log_r = -INFINITY;
    details.view.counts.recipients_hour = 5;
    details.limits = {{"recipients_per_hour", "limits", 100, 5, now_ + hours(1)}};
    for (const auto& [id, held] : holds_) {
      if (held.account == address) details.view.holds.push_back(held);
    }
    for (const auto& [id, incident] : incidents_) {
      if (incident.subject.id == address) details.incident = incident;
    }
    return details;
  }

  Result<StandingOutcome> change_standing(const StandingOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (!is_ours(order.subject)) return not_found("no such subject");
    const bool of_account = order.subject.kind == decide::SubjectKind::account;
    if (of_account && order.kind == decide::RequestKind::restore && order.reason.empty() &&
        recovery_.wants_a_reason(order.subject.id)) {
      return bad_input("not everything is verified: a reason is needed");
    }
    decide::StandingRequest request;
    request.kind = order.kind;
    request.by_machine = false;
    request.to_probation = order.to_probation;
    request.by = by.who;
    request.now = now_;
    auto step = decide::step(standing_of(order.subject), request);
    if (!step) return std::unexpected(step.error());
    step->next.reason = {order.reason, order.reason};
    standings_[order.subject] = step->next;
    if (of_account && step->changed) {
      if (order.kind == decide::RequestKind::restore) {
        recovery_.restored(order.subject.id, by.who, order.reason);
      } else {
        recovery_.contained(order.subject.id, false);
      }
    }
    write(by, std::string("standing_") + std::string(to_string(step->next.standing)), order.subject,
          order.reason);
    return StandingOutcome{step->next, step->changed};
  }

  Result<decide::StandingRecord> standing(const decide::Subject& subject) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (!is_ours(subject)) return not_found("no such subject");
    return standing_of(subject);
  }

  Result<RecoveryCode> recovery_code(std::string_view address, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (!rows_.contains(std::string(address))) return not_found("no such account");
    write(by, "recovery_code", {decide::SubjectKind::account, std::string(address)}, "");
    recovery_.code_issued(std::string(address));
    return RecoveryCode{Secret(std::string(MemoryRecovery::k_code)), now_ + hours(1)};
  }

  // As the judge would do it.
  void contain_by_machine(const std::string& account, Standing standing = Standing::restricted) {
    const std::scoped_lock lock(mutex_);
    const decide::Subject subject{decide::SubjectKind::account, account};
    auto record = standing_of(subject);
    record.standing = standing;
    ++record.epoch;
    record.by = "machine";
    standings_[subject] = record;
    recovery_.contained(account, true);
  }
  void end_owner_sessions() {
    const std::scoped_lock lock(mutex_);
    recovery_.end_sessions();
  }

  Result<PasswordOutcome> set_password(std::string_view address, PasswordOrder order,
                                       const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    const std::string account(address);
    auto outcome = recovery_.set_password(account, std::move(order), by.who);
    if (!outcome.changed) return outcome;
    write(by, "password", {decide::SubjectKind::account, account}, "");
    if (outcome.recovery) move(account, decide::RequestKind::begin_recovery, by.who);
    return outcome;
  }
  Result<PasswordVerdict> judge_password(std::string_view address,
                                         const Secret& password) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return recovery_.judge(std::string(address), password);
  }
  Result<RecoveryView> recovery(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return view_of(address);
  }
  Result<RecoveryView> check_recovery(std::string_view address, const Caller& by) override {
    return change_recovery(address, by, "recovery_check",
                           [&](const std::string& account) { return recovery_.check(account); });
  }
  Result<RecoveryView> answer_forwards(std::string_view address, ForwardsAnswer answer,
                                       const std::vector<std::string>& targets,
                                       const Caller& by) override {
    return change_recovery(address, by, "forwards", [&](const std::string& account) {
      return recovery_.answer(account, answer, targets);
    });
  }
  Result<RecoveryView> review(std::string_view address, const std::string& reason,
                              const Caller& by) override {
    return change_recovery(address, by, "review", [&](const std::string& account) {
      return recovery_.review(account, reason, by.who);
    });
  }
  Result<OwnerSession> owner_begin(std::string_view address, OwnerProof proof,
                                   const IpAddress&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    OwnerSession session;
    const std::string account(address);
    if (rows_.contains(account)) session.token = recovery_.begin(account, proof);
    if (!session.token.is_set()) return bad_input("not proved");
    session.expires = now_ + hours(1);
    auto view = view_of(address);
    if (!view) return bad_input("not proved");
    session.view = std::move(*view);
    return session;
  }
  Result<void> owner_contact_code(std::string_view address, Language, const IpAddress&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (!rows_.contains(std::string(address))) return not_found("no such account");
    recovery_.send_contact_code(std::string(address));
    return {};
  }
  Result<OwnerIdentity> owner_account(const Secret& token) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return recovery_.owner_of(token);
  }

  Result<Page<decide::NoticeRow>> notices(const decide::NoticeFilter& filter) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto page = recovery_.notices(filter);
    cut(page, filter.offset, filter.limit);
    return page;
  }
  Result<decide::NoticeRow> acknowledge_notice(std::uint64_t id, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto row = recovery_.acknowledge(id, by.who);
    if (row) write(by, "notice_acknowledged", row->subject, "");
    return row;
  }
  Result<decide::CallSheet> call_sheet(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return recovery_.call_sheet(rows_.at(std::string(address)), standing_at(address));
  }

  Result<Page<decide::Incident>> incidents(
      const decide::StateStore::IncidentFilter& filter) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<decide::Incident> page;
    for (const auto& [id, incident] : incidents_) {
      if (filter.state && incident.state != *filter.state) continue;
      if (filter.subject && incident.subject != *filter.subject) continue;
      if (!lies_within(incident.subject.id, filter.within)) continue;
      page.items.push_back(incident);
    }
    cut(page, filter.offset, filter.limit);
    return page;
  }

  Result<IncidentDetails> incident(std::uint64_t id) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(id); !known) return std::unexpected(known.error());
    IncidentDetails details;
    details.incident = incidents_[id];
    decide::Step step;
    step.id = 7;
    step.incident = id;
    step.subject = details.incident.subject;
    step.created = step.changed = now_;
    details.steps.push_back(step);
    details.notes = notes_[id];
    return details;
  }

  Result<decide::Incident> close_incident(std::uint64_t id, const std::string& reason,
                                          const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = incidents_.find(id);
    if (at == incidents_.end()) return not_found("no such incident");
    if (at->second.state == decide::IncidentState::closed) return bad_input("closed already");
    at->second.state = decide::IncidentState::closed;
    at->second.closed = now_;
    write(by, "close", at->second.subject, reason);
    return at->second;
  }

  Result<decide::AuditEntry> add_note(std::uint64_t id, const std::string& text,
                                      const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(id); !known) return std::unexpected(known.error());
    write(by, "note", incidents_[id].subject, text);
    notes_[id].push_back(audit_.back());
    return audit_.back();
  }

  Result<DiagnosisView> diagnose(std::string_view address, const DiagnosisQuestion& question,
                                 const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    write(by, "diagnose", {decide::SubjectKind::account, std::string(address)}, "");
    return diagnosis_in_memory(question);
  }

  Result<AccountQueue> queue(std::string_view address, const QueueQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return queue_.list(query);
  }
  Result<QueueReport> change_queue(std::string_view address, const QueueOrder& order,
                                   const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    auto known = find(address);
    if (!known) return std::unexpected(known.error());
    write(by, std::string(to_string(order.action)),
          {decide::SubjectKind::account, std::string(address)}, order.reason);
    return queue_.change(order);
  }
  Result<std::vector<decide::WayView>> ways_of_incident(std::uint64_t id) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(id); !known) return std::unexpected(known.error());
    return ways_.list();
  }
  Result<decide::WayView> answer_way(std::uint64_t id, std::uint64_t change, bool keep,
                                     const std::string& reason, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(id); !known) return std::unexpected(known.error());
    auto answered = ways_.answer(change, keep, reason, by.who);
    if (answered) write(by, keep ? "way_keep" : "way_revert", incidents_[id].subject, reason);
    return answered;
  }
  Result<decide::AccountWays> ways(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return ways_.in_force(address);
  }

  Result<Page<decide::HeldMessage>> holds(const decide::StateStore::HoldFilter& filter) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<decide::HeldMessage> page;
    for (const auto& [id, held] : holds_) {
      if (filter.state && held.state != *filter.state) continue;
      if (filter.account && held.account != *filter.account) continue;
      if (!lies_within(held.account, filter.within)) continue;
      page.items.push_back(held);
    }
    cut(page, filter.offset, filter.limit);
    return page;
  }

  Result<decide::HeldMessage> release_hold(std::string_view id, const std::string& reason,
                                           const Caller& by) override {
    return end_hold(id, decide::HoldState::released, reason, by);
  }
  Result<decide::HeldMessage> delete_hold(std::string_view id, const std::string& reason,
                                          const Caller& by) override {
    return end_hold(id, decide::HoldState::deleted, reason, by);
  }

  Result<std::vector<decide::ApprovalView>> approvals(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    return approvals_.of(address);
  }
  Result<decide::ApprovalView> approve(std::string_view address, const ApprovalTerms& terms,
                                       const std::string& reason, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    write(by, "approve", {decide::SubjectKind::account, std::string(address)}, reason);
    return approvals_.give(address, terms, reason, by.who);
  }
  Result<decide::ApprovalView> change_approval(std::uint64_t id, ApprovalState to,
                                               const std::string& reason,
                                               const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto changed = approvals_.change(id, to, reason);
    if (changed) {
      write(by, to == ApprovalState::ended ? "approval_end" : "approval_resume",
            {decide::SubjectKind::account, changed->approval.account}, reason);
    }
    return changed;
  }
  Result<std::vector<decide::ApprovalSuggestion>> approval_suggestions(
      std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    std::vector<decide::HeldMessage> holds;
    for (const auto& [id, hold] : holds_) {
      if (hold.account == address) holds.push_back(hold);
    }
    return approvals_.suggest(std::move(holds));
  }
  Result<void> set_bypass(bool on, const std::string& reason, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    bypass_ = on;
    write(by, on ? "bypass_on" : "bypass_off", {decide::SubjectKind::server, ""}, reason);
    return {};
  }
  Result<ReleaseReport> release_all(const std::string& reason, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    ReleaseReport report;
    for (auto& [id, held] : holds_) {
      if (held.state != decide::HoldState::held) continue;
      held.state = decide::HoldState::released;
      ++report.released;
    }
    write(by, "release_all", {decide::SubjectKind::server, ""}, reason);
    return report;
  }

  Result<HistoryOutcome> learn_history(std::string_view lines, bool finish,
                                       const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    HistoryOutcome out;
    out.learnt = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    if (finish) {
      auto& report = out.report.emplace();
      report.from = report.until = now_;
      report.messages = out.learnt;
      report.left_out.push_back({"taro@example.jp", 3, now_, now_});
      write(by, "learn", {decide::SubjectKind::server, ""}, "");
    }
    return out;
  }

  Result<decide::Subject> subject_of(Thing thing, std::string_view id) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (thing == Thing::rule)
      return memory_rules_.subject_of(std::strtoull(id.data(), nullptr, 10));
    return subject_among(thing, id, holds_, incidents_, approvals_);
  }
  Result<std::vector<decide::AuditEntry>> audit(const AuditQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    std::vector<decide::AuditEntry> out;
    for (const auto& entry : audit_) {
      const bool fits = !query.subject || entry.subject == *query.subject;
      if (fits && out.size() < query.limit) out.push_back(entry);
    }
    return out;
  }
  Result<HealthReport> health() override {
    if (on_health) on_health();
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return memory_health(bypass_, now_);
  }
  Result<void> ready() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return {};
  }
  Result<MetricsReport> metrics() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return sample_metrics();
  }

 private:
  template <class T>
  static void cut(Page<T>& page, std::size_t offset, std::size_t limit) {
    page.total = page.items.size();
    page.items.erase(page.items.begin(), page.items.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                  offset, page.items.size())));
    if (page.items.size() > limit) page.items.resize(limit);
  }

  // The failure a test asked for, or that there is no such account.
  Result<void> find(std::string_view address) const {
    if (failure_) return std::unexpected(*failure_);
    if (!rows_.contains(std::string(address))) return not_found("no such account");
    return {};
  }
  Result<void> find(std::uint64_t incident) const {
    if (failure_) return std::unexpected(*failure_);
    if (!incidents_.contains(incident)) return not_found("no such incident");
    return {};
  }
  Standing standing_at(std::string_view address) const {
    return standing_of({decide::SubjectKind::account, std::string(address)}).standing;
  }
  Result<RecoveryView> view_of(std::string_view address) const {
    return recovery_.view(std::string(address), standing_at(address));
  }
  void move(const std::string& account, decide::RequestKind kind, const std::string& by) {
    decide::StandingRequest request;
    request.kind = kind;
    request.by_machine = kind == decide::RequestKind::restore;
    request.verified = request.to_probation = request.by_machine;
    request.by = by;
    request.now = now_;
    const decide::Subject subject{decide::SubjectKind::account, account};
    if (auto step = decide::step(standing_of(subject), request)) standings_[subject] = step->next;
  }
  // Verified, it goes to probation by itself.
  template <class Change>
  Result<RecoveryView> change_recovery(std::string_view address, const Caller& by,
                                       std::string action, Change change) {
    const std::scoped_lock lock(mutex_);
    if (auto known = find(address); !known) return std::unexpected(known.error());
    const std::string account(address);
    if (auto done = change(account); !done) return std::unexpected(done.error());
    write(by, std::move(action), {decide::SubjectKind::account, account}, "");
    if (recovery_.is_complete(account)) {
      recovery_.restored(account, "verified", "");
      move(account, decide::RequestKind::restore, "verified");
    }
    return view_of(address);
  }

  bool is_ours(const decide::Subject& subject) const {
    if (subject.kind == decide::SubjectKind::account) return rows_.contains(subject.id);
    if (subject.kind == decide::SubjectKind::server) return true;
    return std::ranges::any_of(rows_,
                               [&](const auto& row) { return row.second.domain == subject.id; });
  }
  decide::StandingRecord standing_of(const decide::Subject& subject) const {
    const auto at = standings_.find(subject);
    if (at != standings_.end()) return at->second;
    decide::StandingRecord record;
    record.subject = subject;
    return record;
  }
  void write(const Caller& by, std::string action, const decide::Subject& subject,
             std::string why) {
    decide::AuditEntry entry;
    entry.t = now_;
    entry.who = by.who;
    entry.action = std::move(action);
    entry.subject = subject;
    entry.why = std::move(why);
    entry.detail = R"({"from":"test"})";
    if (audit_.size() < 10000) audit_.push_back(entry);
  }
  Result<decide::HeldMessage> end_hold(std::string_view id, decide::HoldState to,
                                       const std::string& reason, const Caller& by) {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = holds_.find(std::string(id));
    if (at == holds_.end()) return not_found("no such message");
    if (at->second.state != decide::HoldState::held) return bad_input("it ended already");
    at->second.state = to;
    at->second.ended_by = by.who;
    write(by, to == decide::HoldState::released ? "release" : "delete_held",
          {decide::SubjectKind::account, at->second.account}, reason);
    return at->second;
  }

  std::mutex mutex_;
  const Instant now_{1'795'000'000'000'000};  // 2026-11-18
  std::optional<Error> failure_;
  MemoryRecovery recovery_{now_};
  std::map<std::string, decide::AccountRow> rows_;
  std::map<decide::Subject, decide::StandingRecord> standings_;
  std::map<std::uint64_t, decide::Incident> incidents_;
  std::map<std::uint64_t, std::vector<decide::AuditEntry>> notes_;
  std::map<std::string, decide::HeldMessage> holds_;
  MemoryApprovals approvals_{now_};
  MemoryQueue queue_;
  MemoryWays ways_{"taro@example.jp", now_};
  std::vector<decide::AuditEntry> audit_;
  bool bypass_ = false;
};

}  // namespace sekimori::web
