#include "tests/sim/simulation.h"

#include <fmt/format.h>

#include "app/hold_ending.h"
#include "app/routine.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::sim {

using namespace decide;

namespace {

constexpr Duration k_probation = days(2);

EngineSettings engine_settings() {
  EngineSettings s;
  s.mode = Mode::enforce;
  s.portal_url = k_portal;
  s.probation = k_probation;
  s.detect.contact_filter_bytes = 1ULL << 14;
  return s;
}

}  // namespace

Scenario scenario_of(std::uint64_t seed, int steps) {
  Random random(seed * 77 + 5);
  Scenario s;
  s.seed = seed;
  s.steps = steps;
  // A quarter of the seeds with each kind of fault off, so that each is also seen alone.
  const auto rate = [&](double most) {
    return random.chance(0.25) ? 0 : most * static_cast<double>(1 + random.below(100)) / 100;
  };
  s.rates.fail = rate(0.2);
  s.rates.uncertain = rate(0.15);
  s.rates.crash = rate(0.02);
  s.power_cuts = random.chance(0.35);
  s.journal_fails = random.chance(0.1);
  s.thief = 0.05 + 0.2 * static_cast<double>(random.below(100)) / 100;
  s.person = 0.03 + 0.15 * static_cast<double>(random.below(100)) / 100;
  return s;
}

Simulation::Simulation(const Scenario& scenario)
    : scenario_(scenario),
      random_(scenario.seed),
      faults_(scenario.seed + 1'000'003, trace_),
      journal_(faults_, scenario.journal_fails),
      state_(faults_),
      guard_(faults_),
      mail_(faults_, guard_, scenario.seed + 2'000'003),
      around_{journal_, state_, guard_, mail_, now_, engine_settings(), {}} {
  faults_.rates = scenario.rates;
  for (const char* domain : {"one.example", "two.example"}) {
    for (const char* name : {"taro", "hanako", "jiro"}) {
      accounts_.push_back(fmt::format("{}@{}", name, domain));
    }
  }
  around_.announced = [this](const StandingRecord& record) {
    announced_[record.subject] = record;
    ++summary_.changes;
    trace_.say(fmt::format("durable: {} {} epoch {} by {}", record.subject.id,
                           to_string(record.standing), record.epoch, record.by));
  };
  state_.on_hold = [this](const HeldMessage* before, const HeldMessage& after) {
    saw_hold(before, after);
  };
  mail_.on_release = [this](const Mail& mail) { saw_release(mail); };
  mail_.on_hold = [this](const Mail& mail) { saw_held(mail); };
}

Event Simulation::event_of(const std::string& account) {
  now_.us += 1;  // no two things happen at once
  Event e;
  e.t = now_;
  e.host = "mx1";
  e.id = fmt::format("{}", ++next_id_);
  e.account = account;
  return e;
}

// As Postfix does it: guard.db first, then the policy server, whose silence lets mail pass.
void Simulation::submit(const std::string& account, std::vector<std::string> to,
                        const std::string& ip) {
  Mail mail;
  mail.id = fmt::format("4Q{:06}", ++next_id_);
  mail.login = account;
  mail.recipient = to.front();
  mail.recipients = static_cast<std::uint32_t>(to.size());
  mail.part = "active";
  mail.arrival = now_;
  if (mail_.forbids(account, &GuardRow::no_send)) {
    ++summary_.refused;
    return;
  }
  if (process_) {
    Event e = event_of(account);
    Submission s;
    s.ip = *IpAddress::parse(ip);
    s.from = account;
    s.to = std::move(to);
    s.size = 3000 + random_.below(5000);
    s.queue_id = mail.id;
    s.message_id = fmt::format("<{}@pc>", mail.id);
    e.body = std::move(s);
    const auto failures = journal_.failures();
    Applied out;
    try {
      process_->engine.apply(e, out);
    } catch (const Crash&) {
      interrupted_.insert(mail.id);
      if (random_.chance(0.5)) mail_.submit(std::move(mail));  // the client tried without us
      throw;
    }
    // What was refused for its standing is no event: heard again later, it may pass.
    if (out.answer && out.answer->rule != "standing") last_event_ = e;
    if (journal_.failures() != failures) lost_.insert(mail.id);
    require(out.answer.has_value(), "a submission has an answer");
    trace_.say(fmt::format("mail {} of {} to {}: {}", mail.id, account, mail.recipients,
                           out.answer->rule));
    process_->remember(out);
    if (out.answer->action == Answer::Action::refuse) {
      ++summary_.refused;
      return;
    }
    require(!is_closed(account, forbids_sending) ||
                process_->engine.standing_of({SubjectKind::account, account}).epoch >
                    stored({SubjectKind::account, account}).epoch,
            "no mail passes for " + account);
    if (out.answer->action == Answer::Action::hold) {
      mail.part = "hold";
      ++summary_.holds;
      if (random_.chance(0.03)) {  // a milter or the client ended it after our answer
        Event gone = event_of(account);
        gone.body = Withdrawn{mail.id};
        Applied withdrawn;
        process_->engine.apply(gone, withdrawn);
        process_->remember(withdrawn);
        trace_.say("withdrawn " + mail.id);
        return;
      }
    }
  }
  mail_.submit(std::move(mail));
}

void Simulation::owner_sends() {
  const std::string account = any_account();
  std::vector<std::string> to;
  if (random_.chance(0.3)) {
    to.push_back(any_account());
  } else {
    for (std::uint64_t i = 0; i <= random_.below(2); ++i) {
      to.push_back(fmt::format("friend{}@partner.example", random_.below(8)));
    }
  }
  submit(account, std::move(to), "192.0.2.10");
}

void Simulation::thief_sends() {
  const std::string account = accounts_[random_.below(3)];
  const auto messages = 1 + random_.below(6);
  for (std::uint64_t i = 0; i < messages; ++i) {
    std::vector<std::string> to;
    const auto n = 1 + random_.below(random_.chance(0.5) ? 3 : 40);
    for (std::uint64_t k = 0; k < n; ++k, ++strangers_) {
      to.push_back(fmt::format("victim{}@d{}.example", strangers_, strangers_ % 97));
    }
    now_ = now_ + seconds(static_cast<std::int64_t>(1 + random_.below(5)));
    submit(account, std::move(to), fmt::format("198.51.100.{}", random_.below(250)));
  }
}

void Simulation::signs_in() {
  const std::string account = any_account();
  const bool in = mail_.login(account);
  if (!process_) return;
  Event e = event_of(account);
  Login login;
  login.result = in ? LoginResult::ok : LoginResult::refused;
  login.service = Service::imap;
  login.ip = *IpAddress::parse(random_.chance(0.2) ? "198.51.100.7" : "192.0.2.10");
  e.body = std::move(login);
  Applied out;
  process_->engine.apply(e, out);
  process_->remember(out);
  last_event_ = e;
}

void Simulation::outside_answers() {
  if (!process_) return;
  Applied out;
  if (random_.chance(0.2) && !last_event_.account.empty()) {  // a log is read twice
    const auto before = process_->engine.totals();
    process_->engine.apply(last_event_, out);
    const auto after = process_->engine.totals();
    require(after.accepted == before.accepted && after.held == before.held,
            "an event that is heard twice counts once");
    return;
  }
  Event e = event_of(any_account());
  if (random_.chance(0.5)) {
    e.body = Received{fmt::format("friend{}@partner.example", random_.below(40))};
  } else {
    const auto holds = process_->engine.open_holds();
    Delivery bounce;
    bounce.queue_id = !holds.empty() && random_.chance(0.3) ? holds.front().queue_id : "4Qother";
    bounce.to = "nobody@d1.example";
    bounce.status = DeliveryStatus::bounced;
    bounce.dsn = "5.1.1";
    e.body = std::move(bounce);
  }
  process_->engine.apply(e, out);
  process_->remember(out);
}

void Simulation::operator_changes() {
  if (!process_) return;
  Subject subject{SubjectKind::account, any_account()};
  if (random_.chance(0.08)) subject = {SubjectKind::domain, "two.example"};
  if (random_.chance(0.04)) subject = {SubjectKind::server, ""};
  StandingRequest r;
  // Restoring as often as closing, or everybody is closed after a while.
  static constexpr RequestKind k_kinds[] = {
      RequestKind::restrict, RequestKind::suspend,      RequestKind::begin_recovery,
      RequestKind::restore,  RequestKind::restore,      RequestKind::restore,
      RequestKind::restore,  RequestKind::end_probation};
  r.kind = k_kinds[random_.below(std::size(k_kinds))];
  r.by_machine = false;
  r.to_probation = random_.chance(0.5);
  r.by = "operator";
  r.reason = {"管理者", "operator"};
  r.now = now_;
  auto news = process_->engine.request(subject, r);
  if (!news || !news->changed) return;
  trace_.say(
      fmt::format("operator: {} -> {}", subject.id, to_string(news->change.record.standing)));
  process_->queue.push(app::StateItem(*news));
}

// As ControlService. A run of thieves or owners may fall into it; what it was about is journaled.
void Simulation::operator_approves() {
  if (!process_) return;
  ApprovalOrder order;
  order.account = any_account();
  order.by = "operator";
  order.now = now_;
  const auto given = process_->engine.approvals(order.account, now_);
  if (!given.empty() && random_.chance(0.5)) {
    order.id = given[random_.below(given.size())].approval.id;
    order.state = random_.chance(0.5) ? ApprovalState::active : ApprovalState::ended;
  } else {
    order.terms.recipients = static_cast<std::uint32_t>(20 + random_.below(200));
    order.terms.each = static_cast<std::uint32_t>(1 + random_.below(order.terms.recipients));
    order.terms.from = now_ - hours(1);
    order.terms.until = now_ + hours(static_cast<std::int64_t>(1 + random_.below(700)));
    if (random_.chance(0.5)) {
      order.terms.repeat = ApprovalRepeat::daily;
      order.terms.start_minute = static_cast<std::uint16_t>(random_.below(1440));
      order.terms.minutes = static_cast<std::uint16_t>(15 + random_.below(1400));
      order.terms.zone_rule = "CET-1CEST,M3.5.0,M10.5.0/3";
    }
    if (random_.chance(0.2)) order.terms.network = *IpNetwork::parse("198.51.100.0/24");
  }
  const auto done = process_->engine.approve(order);
  if (!done || !done->second) return;
  trace_.say(fmt::format("operator: approval {} of {} {}", done->first.id, order.account,
                         to_string(done->first.state)));
  process_->queue.push(app::StateItem(done->first));
}

// As ControlService, by the same code.
bool Simulation::end_hold(const HeldMessage& hold, bool release) {
  interrupted_.insert(hold.queue_id);
  if (release) let_go_.insert(hold.queue_id);
  app::HoldEnding ending({.engine = process_->engine,
                          .hands = mail_,
                          .keep = [this](const Applied& applied, int) -> Result<void> {
                            process_->remember(applied);
                            if (!process_->write_state()) {
                              return operating_failure("the database is busy");
                            }
                            return {};
                          },
                          .now = [this] { return now_; }});
  by_person_ = true;
  const decide::QueueTarget targets[] = {
      {.id = hold.queue_id, .sender = {}, .arrival = {}, .not_after = {}}};
  const auto ended = release ? ending.release({hold}, "operator", 0)
                             : ending.remove({hold}, targets, "operator", 0);
  by_person_ = false;
  if (!ended) return false;
  trace_.say(fmt::format("operator {} {}", release ? "releases" : "deletes", hold.queue_id));
  interrupted_.erase(hold.queue_id);
  return true;
}

void Simulation::operator_ends_a_hold() {
  if (!process_) return;
  std::vector<HeldMessage> open;
  for (const auto& [id, hold] : state_.tables().holds) {
    if (hold.state == HoldState::held) open.push_back(hold);
  }
  if (open.empty()) return;
  (void)end_hold(open[random_.below(open.size())], random_.chance(0.6));
}

void Simulation::time_passes() {
  if (!process_) return;
  by_time_ = true;
  app::release_due_holds(
      process_->engine, mail_, now_, [this](const Applied& a) { process_->remember(a); },
      [this](std::string_view line) { trace_.say(std::string(line)); });
  app::end_missing_holds(
      process_->engine, mail_, now_, [this](const Applied& a) { process_->remember(a); },
      [this](std::string_view line) { trace_.say(std::string(line)); });
  by_time_ = false;
  app::end_due_probations(process_->engine, k_probation, now_, [this](const StandingNews& news) {
    process_->queue.push(app::StateItem(news));
  });
}

void Simulation::crash(bool may_cut_power) {
  by_time_ = by_person_ = false;
  ++summary_.crashes;
  process_.reset();
  last_event_ = {};  // its line may be lost, and then it counts when it is heard again
  if (!may_cut_power || !scenario_.power_cuts || !random_.chance(0.5)) {
    trace_.say("killed");
    return;
  }
  ++summary_.power_cuts;
  const std::size_t before = journal_.events().size();
  const std::vector<Event> all = journal_.events();
  const std::size_t lost = journal_.power_cut();
  if (lost > 0) hash_at_crash_.reset();
  for (std::size_t i = before - lost; i < before; ++i) {
    if (const auto* mail = std::get_if<Submission>(&all[i].body)) lost_.insert(mail->queue_id);
    if (const auto* ended = std::get_if<HoldEnded>(&all[i].body)) {
      interrupted_.insert(ended->queue_id);
    }
    if (const auto* gone = std::get_if<Withdrawn>(&all[i].body))
      interrupted_.insert(gone->queue_id);
  }
  trace_.say(fmt::format("power cut, {} events lost", lost));
}

void Simulation::start() {
  auto process = std::make_unique<Process>(around_);
  const auto done = process->start(snapshot_);
  if (!done) {
    require(done.error().kind != ErrorKind::bad_input, "a start reads: " + done.error().text);
    return;
  }
  ++summary_.starts;
  process_ = std::move(process);
  trace_.say(fmt::format("started, {:016x}", process_->engine.hash()));
  if (hash_at_crash_) {
    ++summary_.hashes_compared;
    require(process_->engine.hash() == *hash_at_crash_, "the same state stands after the crash");
    hash_at_crash_.reset();
  }
}

void Simulation::step() {
  now_ = now_ + (random_.chance(0.02) ? hours(static_cast<std::int64_t>(1 + random_.below(30)))
                                      : seconds(static_cast<std::int64_t>(1 + random_.below(400))));
  try {
    if (!process_) {
      if (random_.chance(0.4)) start();
    } else if (random_.chance(scenario_.rates.crash / 2)) {
      // Between two steps nothing is half done: the same state must come back.
      if (journal_.failures() == 0) hash_at_crash_ = process_->engine.hash();
      crash(true);
    }
    const double roll = static_cast<double>(random_.below(1000)) / 1000;
    if (roll < scenario_.thief) {
      thief_sends();
    } else if (roll < scenario_.thief + scenario_.person) {
      const auto what = random_.below(10);
      if (what < 6)
        operator_changes();
      else if (what < 9)
        operator_ends_a_hold();
      else
        operator_approves();
    } else {
      switch (random_.below(8)) {
        case 0:
        case 1:
        case 2: owner_sends(); break;
        case 3: signs_in(); break;
        case 4: outside_answers(); break;
        case 5: time_passes(); break;
        case 6: mail_.deliver(0.7); break;
        default:
          if (process_ && random_.chance(0.2)) process_->engine.next_epoch(now_);
          if (process_ && random_.chance(0.3)) process_->engine.next_fleet(now_);
          if (process_ && random_.chance(0.3)) (void)process_->save(snapshot_);
      }
    }
    if (process_ && random_.chance(0.7)) (void)process_->write_state();
    now_.us += 1;
    if (process_ && random_.chance(0.7)) (void)process_->executor.run_once(now_);
    if (random_.chance(0.8)) journal_.sync();
  } catch (const Crash&) {
    crash(true);
  }
  check_always();
}

// Everything works again: within a bounded time all is as it should be.
void Simulation::settle() {
  faults_.on = false;
  if (!process_) start();
  require(process_ != nullptr, "it starts when nothing fails");
  for (int round = 0; round < 40; ++round) {
    now_ = now_ + seconds(61);
    time_passes();
    require(process_->write_state(), "everything is written when nothing fails");
    (void)process_->executor.run_once(now_);
    mail_.deliver(0.9);
    check_always();
  }
  // What was let go in the last of these rounds is on its way yet.
  for (int round = 0; round < 40; ++round) mail_.deliver(1.0);
  check_settled();
}

Summary Simulation::run() {
  try {
    start();
  } catch (const Crash&) {
    crash(true);
  }
  for (int i = 0; i < scenario_.steps; ++i) step();
  settle();
  // Killed once more, with everything at rest: nothing may change.
  if (journal_.failures() == 0) hash_at_crash_ = process_->engine.hash();
  process_.reset();
  start();
  settle();
  // A person looks at all that waits: each message has its one end.
  std::vector<HeldMessage> open;
  for (const auto& [id, hold] : state_.tables().holds) {
    if (hold.state == HoldState::held) open.push_back(hold);
  }
  for (const auto& hold : open) {
    require(end_hold(hold, random_.chance(0.7)), "an order is carried out");
  }
  settle();
  for (const auto& [id, hold] : state_.tables().holds) {
    require(hold.state == HoldState::released || hold.state == HoldState::deleted,
            "hold " + id + " has an end");
  }
  require(process_->engine.open_holds().empty(), "the engine waits for nothing more");
  for (const auto& [id, times] : mail_.delivered) {
    summary_.delivered += static_cast<std::uint64_t>(times);
  }
  summary_.trace = trace_.hash();
  return summary_;
}

}  // namespace sekimori::sim
