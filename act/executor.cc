#include "act/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::act {

using decide::HeldMessage;
using decide::HoldState;
using decide::QueueEntry;
using decide::StandingRecord;
using decide::Step;
using decide::StepKind;
using decide::StepState;
using decide::SubjectKind;

namespace {

// Steps looked at in one pass: a thousand accounts contained at once have some 6,000.
constexpr std::size_t k_open_max = 10'000;
constexpr std::size_t k_detail_max = 500;
// A second's work where each is made durable in two milliseconds.
constexpr std::size_t k_hold_at_once = 500;
// A message answered HOLD stands in Postfix's queue by then (cleanup's and milters' deadlines).
constexpr Duration k_queued_by = minutes(10);

// Did a try of this hold_queued step write it down?
bool is_record_of(const Step& step, const HeldMessage& message) {
  return message.held_at >= step.created && message.kind == decide::HoldKind::asked &&
         message.incident == step.incident;
}

// In the evidence of a message that is held because its domain was contained: it goes when that is
// restored.
std::string mark_of(const decide::Subject& domain) {
  return fmt::format("held with the domain {}", domain.id);
}

decide::StateStore::HoldFilter filter_of(const decide::Subject& subject) {
  decide::StateStore::HoldFilter filter;
  if (subject.kind == SubjectKind::account) filter.account = subject.id;
  if (subject.kind == SubjectKind::domain) filter.within = subject.id;
  return filter;
}

// Urgency over all subjects: everybody's doors are closed before one queue is searched.
int urgency(StepKind kind) {
  switch (kind) {
    case StepKind::write_guard: return 0;
    case StepKind::flush_auth_cache: return 1;
    case StepKind::kick_sessions: return 2;
    case StepKind::suspend_app_passwords: return 3;
    case StepKind::stop_server_sending:
    case StepKind::start_server_sending: return 4;
    case StepKind::hold_queued: return 5;
    case StepKind::pause_forwards: return 6;
    case StepKind::requeue_waiting: return 7;
    default: return 8;
  }
}

// What must have been done for the same subject before it.
std::optional<StepKind> needs(StepKind kind) {
  switch (kind) {
    case StepKind::flush_auth_cache:
    case StepKind::requeue_waiting: return StepKind::write_guard;
    case StepKind::kick_sessions: return StepKind::flush_auth_cache;
    default: return std::nullopt;
  }
}

// Does the standing in force still ask for a step of an older one?
bool is_still_wanted(StepKind kind, Standing in_force) {
  switch (kind) {
    case StepKind::flush_auth_cache:
    case StepKind::kick_sessions: return decide::forbids_login(in_force);
    case StepKind::suspend_app_passwords:
    case StepKind::hold_queued:
    case StepKind::pause_forwards:
    case StepKind::stop_server_sending: return decide::forbids_sending(in_force);
    case StepKind::resume_app_passwords:
    case StepKind::start_server_sending: return !decide::forbids_sending(in_force);
    case StepKind::requeue_waiting: return !decide::forbids_receiving(in_force);
    default: return false;  // the newer standing brings its own row and its own notice
  }
}

std::string subject_text(const decide::Subject& subject) {
  return subject.kind == SubjectKind::server ? "the server" : subject.id;
}

// As executor.h says of a step that is done.
std::string done_detail(const Text& done) {
  if (done.en.empty()) return {};
  return boost::json::serialize(boost::json::object{{"ja", done.ja}, {"en", done.en}});
}

std::string_view notice_kind(Standing standing) {
  return standing == Standing::normal || standing == Standing::probation ? "restored"
                                                                         : to_string(standing);
}

// 1 + 2 + 4 + 8 + 16 + 32 s of pauses between the looks: twice the 30 s.
constexpr std::uint32_t k_requeue_looks = 6;

}  // namespace

Duration retry_delay(std::uint32_t tries) {
  if (tries == 0) return {};
  return seconds(tries > 6 ? 60 : std::min<std::int64_t>(60, std::int64_t{1} << (tries - 1)));
}

Executor::Executor(decide::StateStore& store, decide::GuardStore& guard, decide::Hands& hands,
                   LoginQueue& queue, decide::Notifier& notifier, ExecutorSettings settings)
    : store_(store),
      guard_(guard),
      hands_(hands),
      queue_(queue),
      notifier_(notifier),
      settings_(std::move(settings)) {}

Executor::~Executor() { stop(); }

void Executor::log(std::string_view line) const {
  if (settings_.log) settings_.log(line);
}

Executor::Report Executor::run_once(Instant now) {
  Report report;
  const auto store_failed = [&](const Error& error) {
    log(fmt::format("the outbox is not reached: {}", error.text));
    ++report.failed;
    report.next = now + seconds(1);
    return report;
  };
  auto open = store_.open_steps(k_open_max);
  if (!open) return store_failed(open.error());
  if (open->empty()) return report;
  auto standings = store_.standings();
  if (!standings) return store_failed(standings.error());
  std::map<decide::Subject, StandingRecord> in_force;
  for (StandingRecord& record : *standings) {
    decide::Subject subject = record.subject;
    in_force.insert_or_assign(std::move(subject), std::move(record));
  }

  std::stable_sort(open->begin(), open->end(), [](const Step& a, const Step& b) {
    if (urgency(a.kind) != urgency(b.kind)) return urgency(a.kind) < urgency(b.kind);
    return a.id < b.id;
  });
  // What is not done yet, of whichever epoch, holds up what needs it.
  std::map<std::pair<decide::Subject, StepKind>, std::size_t> undone;
  for (const Step& step : *open) ++undone[{step.subject, step.kind}];

  for (Step& step : *open) {
    const auto found = in_force.find(step.subject);
    const bool is_stale = found != in_force.end() && step.epoch < found->second.epoch &&
                          !is_still_wanted(step.kind, found->second.standing);
    const auto wait_until = [&](Instant when) {
      ++report.open;
      if (!report.next || when < *report.next) report.next = when;
    };
    if (!is_stale) {
      if (step.state == StepState::retrying) {
        const Instant due = step.changed + retry_delay(step.tries);
        // A clock that was set back must not keep a step from being tried.
        if (due > now && step.changed <= now) {
          wait_until(due);
          continue;
        }
      }
      if (const auto before = needs(step.kind); before && undone[{step.subject, *before}] > 0) {
        ++report.open;  // the one before sets the time
        continue;
      }
    }
    step.changed = now;
    if (is_stale) {
      // Written down for the hold queue, but the standing was restored before it was put there.
      const StepResult settled =
          step.kind == StepKind::hold_queued ? give_up_holding(step, now) : StepResult{};
      step.state = settled ? StepState::done : StepState::retrying;
      if (settled) {
        ++report.skipped;
      } else {
        ++report.failed;
        ++step.tries;
        step.detail = settled.error().text.substr(0, k_detail_max);
        wait_until(now + retry_delay(step.tries));
      }
    } else if (found == in_force.end()) {
      // Steps and standing are stored in one transaction: this is no state we ever write.
      step.state = StepState::failed;
      step.detail = "no standing is stored for this subject";
      ++report.failed;
    } else {
      ++step.tries;
      try_step(step, found->second, now);
      if (step.state == StepState::done) ++report.done;
      if (step.state != StepState::done) ++report.failed;
      if (step.state == StepState::retrying) wait_until(now + retry_delay(step.tries));
    }
    if (auto stored = store_.put_step(step); !stored) return store_failed(stored.error());
    if (step.state != StepState::retrying) --undone[{step.subject, step.kind}];
    // A new containment does not wait until a long queue was searched: its guard row comes first.
    if (urgency(step.kind) >= 4 && is_woken()) {
      report.next = now;
      return report;
    }
  }
  return report;
}

void Executor::try_step(Step& step, const StandingRecord& standing, Instant now) {
  const Done result = carry_out(step, standing, now);
  const std::string name =
      fmt::format("{} for {}", to_string(step.kind), subject_text(step.subject));
  if (result) {
    step.state = StepState::done;
    if (step.kind != StepKind::notify) step.detail = done_detail(*result);
    log(result->en.empty() ? name + ": done" : fmt::format("{}: done, {}", name, result->en));
    return;
  }
  const bool useless = result.error().kind == ErrorKind::bad_input;
  step.state = useless ? StepState::failed : StepState::retrying;
  step.detail = result.error().text.substr(0, k_detail_max);
  log(fmt::format("{}: {} (try {}): {}", name, useless ? "given up" : "failed", step.tries,
                  result.error().text));
}

Executor::Done Executor::carry_out(const Step& step, const StandingRecord& standing, Instant now) {
  const auto no_more = [](const Result<void>& result) -> Done {
    if (!result) return std::unexpected(result.error());
    return Text{};
  };
  const bool one = step.subject.kind == SubjectKind::account;
  switch (step.kind) {
    case StepKind::write_guard:
      return no_more(guard_.put(decide::guard_row(standing, settings_.portal_url)));
    case StepKind::flush_auth_cache:
      // Dovecot cannot flush a domain: everybody's look-ups are made anew, which costs little.
      return no_more(
          hands_.flush_auth_cache(one ? std::string_view(step.subject.id) : std::string_view()));
    case StepKind::kick_sessions: return kick_sessions(step);
    case StepKind::suspend_app_passwords:
    case StepKind::pause_forwards:
    case StepKind::resume_app_passwords:
      if (!settings_.ways || step.subject.kind == SubjectKind::server) return Text{};
      return settings_.ways(step, standing.standing);
    case StepKind::hold_queued: return hold_queued(step, standing, now);
    case StepKind::requeue_waiting: {
      auto let_go = release_held(step, standing);
      if (!let_go) return let_go;
      if (auto tried = requeue_waiting(step); !tried) return std::unexpected(tried.error());
      return let_go;
    }
    case StepKind::stop_server_sending: return no_more(hands_.stop_server_sending(true));
    case StepKind::start_server_sending: return no_more(hands_.stop_server_sending(false));
    case StepKind::notify: return no_more(notify(step, standing));
    default: return bad_input("not a step");
  }
}

Executor::Done Executor::kick_sessions(const Step& step) {
  if (step.subject.kind == SubjectKind::server) return Text{};
  auto ended = hands_.kick(step.subject.kind == SubjectKind::account ? step.subject.id
                                                                     : "*@" + step.subject.id);
  if (!ended) return std::unexpected(ended.error());
  if (*ended == 0) return Text{"接続中のセッションはありませんでした", "no session was open"};
  return Text{fmt::format("{} 件のセッションを終わらせました", *ended),
              fmt::format("{} sessions were ended", *ended)};
}

Executor::Done Executor::hold_queued(const Step& step, const StandingRecord& standing,
                                     Instant now) {
  // Nothing leaves: it waits where it is.
  if (step.subject.kind == SubjectKind::server) return Text{};
  auto found = queue_.find(step.subject, false);
  if (!found) return std::unexpected(found.error());
  auto& theirs = found->theirs;
  if (!theirs.empty()) {
    // Asked after the look: what is found was handed in before this answer.
    auto wanted = is_wanted(step);
    if (!wanted) return std::unexpected(wanted.error());
    if (!*wanted) {
      if (auto settled = give_up_holding(step, now); !settled) {
        return std::unexpected(settled.error());
      }
      return Text{"その間に制限が解除されたため、何も保留しませんでした",
                  "restored meanwhile, so nothing was held"};
    }
    if (auto kept = spare_released(step, theirs); !kept) {
      return std::unexpected(kept.error());
    }
  }
  // What an earlier try wrote down, before it was killed or failed: since the standing closed, only
  // this step holds mail of theirs.
  std::vector<HeldMessage> records;
  auto earlier = earlier_records(step, now);
  if (!earlier) return std::unexpected(earlier.error());
  for (HeldMessage& message : *earlier) {
    if (!theirs.contains(message.queue_id)) records.push_back(std::move(message));
  }
  // Written down before it is done: a message is never in the hold queue with nobody knowing why.
  // In portions: of a long queue the first are held soon, and what is more urgent comes between.
  std::vector<std::string> ids;
  std::vector<decide::StateStore::Record> portion;
  std::size_t left = theirs.size();
  for (const auto& [id, queued] : theirs) {
    HeldMessage message;
    message.queue_id = id;
    message.account = step.subject.kind == SubjectKind::account
                          ? step.subject.id
                          : queue_.account_of(id).value_or("");
    message.held_at = now;
    message.recipients = queued.recipients;
    message.size = queued.size;
    message.kind = decide::HoldKind::asked;
    if (step.subject.kind == SubjectKind::domain) message.evidence = mark_of(step.subject);
    message.incident = step.incident;
    message.reason = standing.reason;
    ids.push_back(id);
    portion.emplace_back(message);
    records.push_back(std::move(message));
    if (--left > 0 && ids.size() < k_hold_at_once) continue;
    if (auto stored = store_.put_records(portion); !stored) return std::unexpected(stored.error());
    if (auto held = hands_.hold(ids); !held) return std::unexpected(held.error());
    ids.clear();
    portion.clear();
    if (left > 0 && is_woken()) {
      return operating_failure(fmt::format("{} messages are still to be held", left));
    }
  }
  auto on_their_way = reconcile(records, step.created, false);
  if (!on_their_way) return std::unexpected(on_their_way.error());
  if (*on_their_way > 0) {
    return operating_failure(fmt::format("{} messages could not be held yet", *on_their_way));
  }
  if (found->not_looked_at > 0) {
    return operating_failure(
        fmt::format("{} queued messages are still to be looked at", found->not_looked_at));
  }
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  for (const HeldMessage& message : records) {
    if (message.state != HoldState::held) continue;
    ++messages;
    recipients += message.recipients;
  }
  if (messages == 0) return Text{"送信待ちのメールはありませんでした", "no mail was queued"};
  return Text{fmt::format("{} 通({} 宛先)を保留しました", messages, recipients),
              fmt::format("{} messages to {} recipients are held", messages, recipients)};
}

Executor::Done Executor::release_held(const Step& step, const StandingRecord& standing) {
  const bool is_open = !decide::forbids_sending(standing.standing);
  if (step.subject.kind != SubjectKind::domain || !is_open) return Text{};
  auto standings = store_.standings();
  if (!standings) return std::unexpected(standings.error());
  std::set<std::string> contained;
  for (const StandingRecord& record : *standings) {
    if (record.subject.kind == SubjectKind::account && decide::forbids_sending(record.standing)) {
      contained.insert(record.subject.id);
    }
  }
  decide::StateStore::HoldFilter filter = filter_of(step.subject);
  filter.state = HoldState::held;
  std::vector<HeldMessage> ending;
  auto read = decide::each_hold(store_, filter, [&](HeldMessage& message) {
    if (message.evidence != mark_of(step.subject)) return;
    if (!contained.contains(message.account)) ending.push_back(std::move(message));
  });
  if (!read) return std::unexpected(read.error());
  for (std::size_t at = 0; at < ending.size();) {
    const std::size_t begin = at;
    std::vector<std::string> ids;
    std::vector<decide::StateStore::Record> portion;
    // Whose word it is, before Postfix does it: a containment that comes in between spares it.
    for (; at < ending.size() && at < begin + k_hold_at_once; ++at) {
      HeldMessage& message = ending[at];
      message.ended_by = standing.by;
      message.ended_at = settings_.now ? settings_.now() : standing.since;
      ids.push_back(message.queue_id);
      portion.emplace_back(message);
    }
    if (auto stored = store_.put_records(portion); !stored) return std::unexpected(stored.error());
    if (auto done = hands_.release(ids); !done) return std::unexpected(done.error());
    portion.clear();
    for (std::size_t i = begin; i < at; ++i) {
      ending[i].state = HoldState::released;
      if (settings_.on_hold) settings_.on_hold(ending[i]);
      portion.emplace_back(ending[i]);
    }
    if (auto stored = store_.put_records(portion); !stored) return std::unexpected(stored.error());
    if (at < ending.size() && is_woken()) {
      return operating_failure(
          fmt::format("{} messages are still to be let go", ending.size() - at));
    }
  }
  if (ending.empty()) return Text{};
  return Text{fmt::format("保留していた {} 通を送りました", ending.size()),
              fmt::format("{} messages were let go", ending.size())};
}

Result<std::size_t> Executor::reconcile(std::vector<HeldMessage>& records, Instant since,
                                        bool is_given_up) {
  std::size_t elsewhere = 0;
  if (records.empty()) return elsewhere;
  std::set<std::string_view> wanted;
  for (const HeldMessage& message : records) wanted.insert(message.queue_id);
  std::map<std::string, bool> in_hold;  // false: in another part of the queue
  auto listed = queue_.look_over([&](const QueueEntry& entry) {
    if (wanted.contains(entry.queue_id)) {
      in_hold.insert_or_assign(entry.queue_id, entry.queue_name == "hold");
    }
    return true;
  });
  if (!listed) return std::unexpected(listed.error());
  for (HeldMessage& message : records) {
    const auto found = in_hold.find(message.queue_id);
    const bool is_elsewhere = found != in_hold.end() && !found->second;
    // A person asked for its end, and nobody knew whether Postfix did it: it did.
    const bool is_let_go = !message.ended_by.empty() && message.ended_at >= since;
    if (is_elsewhere && !is_given_up && !is_let_go) {
      ++elsewhere;  // being delivered just now: it is held after that, or gone
      continue;
    }
    if (found == in_hold.end() || is_elsewhere) {
      message.state = HoldState::released;
      if (!is_let_go) {
        message.ended_by = is_elsewhere ? "restored" : "delivered";  // its delivery was running
        message.ended_at = settings_.now ? settings_.now() : message.held_at;
      }
      // The engine first: when nobody knows whether the database took it, it is not listed again.
      if (settings_.on_hold) settings_.on_hold(message);
      if (auto stored = store_.put_hold(message); !stored) return std::unexpected(stored.error());
    } else if (message.held_at >= since && settings_.on_hold) {
      settings_.on_hold(message);  // of an older one the engine knows more than the database may
    }
  }
  return elsewhere;
}

Result<bool> Executor::is_wanted(const Step& step) {
  auto standings = store_.standings();
  if (!standings) return std::unexpected(standings.error());
  const auto found = std::ranges::find(*standings, step.subject, &StandingRecord::subject);
  return found == standings->end() || found->epoch <= step.epoch ||
         is_still_wanted(step.kind, found->standing);
}

Executor::StepResult Executor::give_up_holding(const Step& step, Instant now) {
  auto records = earlier_records(step, now);
  if (!records) return std::unexpected(records.error());
  // Those that are not in the hold queue by now will not be put there by anybody.
  if (auto left = reconcile(*records, step.created, true); !left)
    return std::unexpected(left.error());
  return {};
}

Result<std::vector<HeldMessage>> Executor::earlier_records(const Step& step, Instant now) {
  std::vector<HeldMessage> out;
  decide::StateStore::HoldFilter filter = filter_of(step.subject);
  filter.state = HoldState::held;
  auto read = decide::each_hold(store_, filter, [&](HeldMessage& message) {
    const bool is_old = message.held_at + k_queued_by < now;
    if (is_old || is_record_of(step, message)) out.push_back(std::move(message));
  });
  if (!read) return std::unexpected(read.error());
  return out;
}

Executor::StepResult Executor::spare_released(const Step& step, Queue& theirs) {
  decide::StateStore::HoldFilter filter = filter_of(step.subject);
  filter.ended_since = step.created;
  return decide::each_hold(store_, filter, [&](const HeldMessage& message) {
    const bool is_by_a_person = !message.ended_by.empty() && message.ended_by != "time" &&
                                message.ended_by != "restored" && message.ended_by != "delivered";
    if (is_by_a_person && message.ended_at >= step.created) theirs.erase(message.queue_id);
  });
}

Executor::StepResult Executor::requeue_waiting(const Step& step) {
  std::vector<std::string> ids;
  auto listed = hands_.list_queue([&](const QueueEntry& entry) {
    if (entry.queue_name == "deferred" &&
        std::ranges::any_of(entry.recipients, [&](const std::string& recipient) {
          return is_of(step.subject, ascii_lower(recipient));
        })) {
      ids.push_back(entry.queue_id);
    }
    return true;
  });
  if (!listed || ids.empty()) return listed;
  if (auto done = hands_.requeue(ids); !done) return done;
  // Postfix's queue manager keeps the last address it resolved for 30 s, and on a quiet server that
  // is the closed mailbox: the mail would be put off again and wait out its back-off. So the step
  // is not done before a look finds none waiting; mail that something else holds up is left after
  // some looks.
  if (step.tries >= k_requeue_looks) return {};
  return operating_failure(
      fmt::format("{} waiting messages were tried again; looking once more", ids.size()));
}

Executor::StepResult Executor::notify(const Step& step, const StandingRecord& standing) {
  decide::Notice notice;
  notice.kind = notice_kind(standing.standing);
  notice.subject = step.subject;
  notice.incident = step.incident != 0 ? step.incident : standing.incident;
  notice.summary = standing.reason;
  if (notice.summary.en.empty() && notice.summary.ja.empty() && notice.incident != 0) {
    auto incident = store_.incident(notice.incident);
    if (!incident) return std::unexpected(incident.error());
    if (*incident) notice.summary = (**incident).summary;
  }
  return notifier_.tell(notice);
}

void Executor::start() {
  thread_.start("executor", [this](bool) -> std::optional<WorkerThread::Clock::time_point> {
    const Report report = run_once(settings_.now());
    if (!report.next) return std::nullopt;
    const Duration left = *report.next - settings_.now();
    return WorkerThread::Clock::now() +
           std::chrono::microseconds(std::max<std::int64_t>(left.us, 0));
  });
}

void Executor::wake() { thread_.wake(); }

bool Executor::is_woken() { return thread_.is_woken(); }

void Executor::stop() { thread_.stop(); }

}  // namespace sekimori::act
