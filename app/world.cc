#include "app/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <map>

#include "app/ban_setup.h"
#include "app/engine_settings.h"
#include "app/health.h"
#include "app/installation.h"
#include "app/notice_setup.h"
#include "app/panel_setup.h"
#include "app/profile_setup.h"
#include "app/recovery_setup.h"
#include "app/sign_in_setup.h"
#include "base/mail_address.h"
#include "config/units.h"
#include "decide/standing.h"
#include "detect/epoch.h"
#include "store/files.h"
#include "store/snapshot.h"
#include "web/json_views.h"

namespace sekimori::app {
namespace {

std::string stream_json(const decide::StandingNews& news) {
  boost::json::value value = web::json_of(news.change.record);
  if (value.is_object()) {
    value.as_object()["from"] = to_string(news.change.from);
    value.as_object()["mode"] = decide::to_string(news.mode);
  }
  return boost::json::serialize(value);
}

// Whose news it is: only that domain's admins hear of it.
std::string_view domain_of_subject(const decide::Subject& subject) {
  switch (subject.kind) {
    case decide::SubjectKind::account: return domain_of(subject.id);
    case decide::SubjectKind::domain: return subject.id;
    case decide::SubjectKind::server: break;
  }
  return "";
}

// A busy database is through with its queue in this time; one that is away means no snapshot now.
constexpr int k_snapshot_wait_ms = 5000;

}  // namespace

World::World(config::Settings s)
    : settings(std::move(s)),
      queue(static_cast<std::size_t>(settings.memory.queue_ids_max)),
      hub(static_cast<std::uint64_t>(system_now().us)) {
  in_force.set(settings);
}

World::~World() {
  // Notices, executor and writer use the stores: they end first, the writer after it has written.
  if (reports) reports->stop();
  if (bans) bans->stop();
  if (way_back) way_back->stop();
  if (ways) ways->stop();
  if (executor) executor->stop();
  if (sign_in_lists) sign_in_lists->stop();
  if (encryption) encryption->stop();
  executor.reset();
  notifier.reset();
  writer.reset();
}

namespace {

// Unknown where Dovecot is not reached or keeps no quota.
std::optional<ControlParts::MailboxUse> mailbox_use_of(World& w, const std::string& account) {
  auto* const doveadm = w.hands->doveadm();
  if (doveadm == nullptr) return std::nullopt;
  const auto quota = doveadm->quota(account);
  if (!quota) return std::nullopt;
  return ControlParts::MailboxUse{quota->used_bytes, quota->limit_bytes};
}

Result<std::vector<MailSession>> mail_sessions_of(World& w, const std::string& account) {
  auto* const doveadm = w.hands->doveadm();
  if (doveadm == nullptr) return operating_failure("dovecot.doveadm_url is not set");
  auto found = doveadm->who(account);
  if (!found) return std::unexpected(found.error());
  std::vector<MailSession> out;
  for (auto& one : *found) out.push_back({std::move(one.service), std::move(one.ip)});
  return out;
}

Result<bool> holds_subject(World& w, const std::string& account, const std::string& word) {
  auto* const doveadm = w.hands->doveadm();
  if (doveadm == nullptr) return operating_failure("dovecot.doveadm_url is not set");
  return doveadm->holds_subject(account, word);
}

std::vector<std::string> services_down(World& w) {
  std::vector<std::string> out;
  for (const auto& [service, name] : {std::pair(Service::imap, "IMAP"), {Service::smtp, "SMTP"}}) {
    if (w.prover->knows(service) && !w.prover->reach(service)) out.emplace_back(name);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<World>> World::open(config::Settings settings, LogLine log) {
  std::unique_ptr<World> world(new World(std::move(settings)));
  world->log = std::move(log);
  world->started = system_now();
  world->host = host_name(world->settings);
  world->boot = boot_id();
  if (auto done = world->open_stores(); !done) return std::unexpected(done.error());
  if (auto done = world->recover(); !done) return std::unexpected(done.error());

  World& w = *world;
  const config::Settings& s = w.settings;
  StateWriterOptions writing;
  writing.queue_max = static_cast<std::size_t>(s.store.queue_max);
  writing.portal_url = s.web.public_url;
  writing.log = w.log;
  writing.on_standing = [&w](const decide::StandingNews& news) {
    w.hub.publish("standing", stream_json(news), domain_of_subject(news.change.record.subject));
    w.log(fmt::format("{} {} {} -> {} by {} (incident {}, ln R {:.2f}){}",
                      decide::to_string(news.change.record.subject.kind),
                      news.change.record.subject.id, to_string(news.change.from),
                      to_string(news.change.record.standing), news.change.record.by,
                      news.change.record.incident, news.log_r,
                      news.mode == decide::Mode::observe ? ", observed only" : ""));
    if (w.executor) w.executor->wake();
    if (w.way_back) w.way_back->wake();
  };
  writing.on_incident = [&w](const decide::Incident& incident) {
    w.hub.publish("incident", boost::json::serialize(web::json_of(incident)),
                  domain_of_subject(incident.subject));
    w.tell_of_holds(incident);
  };
  writing.on_hold = [&w](const decide::HeldMessage& hold) {
    w.hub.publish("hold", boost::json::serialize(web::json_of(hold)), domain_of(hold.account));
  };
  writing.on_approval = [&w](const decide::Approval& approval) {
    if (const auto view = w.engine->approval(approval.id, system_now())) {
      w.hub.publish("approval", boost::json::serialize(web::json_of(*view)),
                    domain_of(approval.account));
    }
    w.log(fmt::format("approval {} of {} is {} by {}{}{}", approval.id, approval.account,
                      to_string(approval.state), approval.changed_by,
                      approval.cause == ApprovalCause::none ? "" : ": ",
                      to_string(approval.cause)));
  };
  writing.try_write = [&w] { return w.state->try_write(); };
  w.writer = std::make_unique<StateWriter>(*w.state, *w.guard, std::move(writing));

  act::MailHandsSettings hands;
  hands.helper_socket = s.helper.socket;
  hands.helper_timeout = s.helper.timeout;
  hands.doveadm.url = s.dovecot.doveadm_url;
  hands.doveadm.timeout = s.dovecot.doveadm_timeout;
  if (!s.dovecot.doveadm_key_file.empty()) {
    auto doveadm_key = read_secret(s.dovecot.doveadm_key_file);
    if (!doveadm_key) return std::unexpected(doveadm_key.error());
    hands.doveadm.key = std::move(*doveadm_key);
  }
  hands.account_of = [&w](std::string_view login) { return w.directory.get()->account_of(login); };
  w.hands = std::make_unique<act::MailHands>(std::move(hands));

  decide::WaitingRules waiting_rules;
  waiting_rules.give_up = s.waiting.give_up;
  waiting_rules.warn_before = s.waiting.warn_before;
  waiting_rules.retry_least = s.waiting.retry_least;
  auto waiting = WaitingClock::open(*w.waiting_mail, waiting_rules, system_now, w.log);
  if (!waiting) return std::unexpected(waiting.error());
  w.waiting = std::move(*waiting);

  auto notifier = make_notices(w);
  if (!notifier) return std::unexpected(notifier.error());
  w.notifier = std::move(*notifier);

  act::ExecutorSettings doing;
  doing.portal_url = s.web.public_url;
  doing.now = system_now;
  doing.on_hold = [&w](const decide::HeldMessage& hold) {
    w.engine->load_hold(hold);
    w.hub.publish("hold", boost::json::serialize(web::json_of(hold)), domain_of(hold.account));
  };
  doing.ways = [&w](const decide::Step& step, Standing in_force) {
    return w.ways->carry_out(step, in_force);
  };
  doing.log = w.log;
  act::LoginQueueSettings finding;
  finding.account_of_login = [&w](std::string_view login) {
    return w.directory.get()->account_of(login);
  };
  finding.account_of_message = [&w](std::string_view id) -> std::optional<std::string> {
    const auto by = w.queue.find(id);
    if (!by || !by->is_login_known) return std::nullopt;
    return by->account;
  };
  w.login_queue = std::make_unique<act::LoginQueue>(*w.hands, std::move(finding));
  w.executor = std::make_unique<act::Executor>(*w.reader, *w.guard, *w.hands, *w.login_queue,
                                               *w.notifier, std::move(doing));

  if (auto done = make_reports(w); !done) return std::unexpected(done.error());
  w.prover = std::make_unique<act::Prover>(prover_settings(s));
  w.ways = make_ways(w);
  w.way_back = make_way_back(w);
  w.aftermath = std::make_unique<AftermathService>(AftermathParts{
      .engine = *w.engine,
      .accounts = *w.accounts,
      .hands = *w.hands,
      .waiting = *w.waiting,
      .writer = *w.writer,
      .state = *w.reader,
      .damage = *w.damage,
      .journal_directory = s.journal.directory,
      .journal_retention = s.journal.retention,
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .receives_nothing =
          [&w](std::string_view account) { return w.switches->receives_nothing(account); },
      .send_letter = [&w](const std::string& to, std::string_view subject,
                          std::string_view body) { return send_letter(w, to, subject, body); },
      .can_send = !s.notices.from.empty(),
      .provider = s.notices.provider_name,
      .contact = s.notices.help_phone.empty() ? s.notices.help_url : s.notices.help_phone,
      .notes_per_minute = static_cast<std::uint32_t>(s.notices.recipients_per_minute),
      .log = w.log,
  });
  w.casework = std::make_unique<CaseService>(CaseParts{
      .store = *w.cases,
      .reader = *w.reader,
      .accounts = *w.accounts,
      .writer = *w.writer,
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .call_sheet = [&w](const std::string& account) { return call_sheet_of(w, account); },
      .changed =
          [&w](const decide::Enquiry& enquiry) {
            w.hub.publish("enquiry", fmt::format(R"({{"id":{},"state":"{}"}})", enquiry.id,
                                                 to_string(enquiry.state)));
          },
  });
  auto sign_profile = profile_signer(s);
  if (!sign_profile) return std::unexpected(sign_profile.error());
  auto lists = open_sign_in_lists(w);
  if (!lists) return std::unexpected(lists.error());
  w.sign_in_lists = std::move(*lists);
  auto encryption = open_encryption(w);
  if (!encryption) return std::unexpected(encryption.error());
  w.encryption = std::move(*encryption);
  auto bans = make_bans(w);
  if (!bans) return std::unexpected(bans.error());
  w.bans = std::move(*bans);
  auto blacklists = DnsblLists::open(s, system_now, w.log);
  if (!blacklists) return std::unexpected(blacklists.error());
  w.blacklists = std::move(*blacklists);
  w.rules = std::make_unique<RuleService>(RuleParts{
      .store = *w.rule_rows,
      .book = w.rule_book,
      .writer = *w.writer,
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .ban = [&w](const IpAddress& ip, std::string_view) { return ban_found(w, ip); },
      .changed = [&w] { allowed_addresses_changed(w); },
      .log = w.log,
  });
  w.all_rules = std::make_unique<ProgramRules>(
      *w.rules, *w.sign_in_lists, system_now,
      [&w](decide::AuditEntry entry) { w.writer->put(std::move(entry)); });
  w.figures = std::make_unique<FigureService>(FigureParts{
      .store = *w.figure_rows,
      .accounts = *w.accounts,
      .journal_directory = s.journal.directory,
      .key = w.key,
      .retention = s.figures.retention,
      .sign_in_retention = s.figures.sign_in_retention,
      .encryption = *w.encryption,
      .queue = *w.login_queue,
      .mailbox_use = [&w](const std::string& account)
          -> std::optional<std::pair<std::uint64_t, std::uint64_t>> {
        const auto use = mailbox_use_of(w, account);
        if (!use) return std::nullopt;
        return std::pair(use->used_bytes, use->quota_bytes);
      },
      .last_sequence = [&w] { return w.journal->counters().last_sequence; },
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .log = w.log,
  });
  if (auto done = open_server_desk(w); !done) return std::unexpected(done.error());
  w.control = std::make_unique<ControlService>(ControlParts{
      .engine = *w.engine,
      .writer = *w.writer,
      .reader = *w.reader,
      .guard = *w.guard,
      .accounts = *w.accounts,
      .desk = *w.desk,
      .hands = *w.hands,
      .login_queue = *w.login_queue,
      .notices = *w.outbox,
      .recoveries = *w.recoveries,
      .provider = *w.accounts,
      .way_back = *w.way_back,
      .aftermath = *w.aftermath,
      .casework = *w.casework,
      .figures = *w.figures,
      .bans = *w.bans,
      .server_desk = *w.server_desk,
      .roster = *w.roster,
      .switched_off = [&w] { return w.switches->table(); },
      .rules = *w.all_rules,
      .ways = *w.ways,
      .send_letter = [&w](const std::string& to, std::string_view subject,
                          std::string_view body) { return send_letter(w, to, subject, body); },
      .call_sheet = [&w](const std::string& account) { return call_sheet_of(w, account); },
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .health = [&w] { return health_report(w); },
      .gauges = [&w] { return gauges(w); },
      .ready = [&w] { return readiness(w); },
      .place = [&w](const IpAddress& ip) { return w.geoip.lookup(ip); },
      .returned = *w.returned,
      .identity = {.server = w.host,
                   .addresses = s.reports.addresses,
                   .contact = s.reports.contact,
                   .journal_directory = s.journal.directory,
                   .reads_reports = !s.reports.mailbox.empty()},
      .mailbox_use = [&w](const std::string& account) { return mailbox_use_of(w, account); },
      .services_down = [&w] { return services_down(w); },
      .handshakes = [&w](const IpAddress& ip) { return w.handshakes.of(ip, system_now()); },
      .mail_sessions = [&w](const std::string& account) { return mail_sessions_of(w, account); },
      .holds_subject = [&w](const std::string& account,
                            const std::string& word) { return holds_subject(w, account, word); },
      .help = {.provider = s.notices.provider_name,
               .phone = s.notices.help_phone,
               .hours = s.notices.help_hours,
               .url = s.notices.help_url},
      .profile = mail_profile(s),
      .sign_profile = std::move(*sign_profile),
      .recovery_code_lifetime = s.standing.recovery_code_lifetime,
      .contact_code_lifetime = s.recovery.contact_code_lifetime,
      .owner_session = s.recovery.owner_session,
  });
  if (auto done = open_panel(w); !done) return std::unexpected(done.error());
  if (auto done = w.agree_on_standings(); !done) return std::unexpected(done.error());
  w.refresh_directory();
  w.rules->reload();
  return world;
}

Result<void> World::open_stores() {
  const config::Settings& s = settings;
  if (auto made = store::make_directory(s.server.state_dir); !made) return made;
  auto read_key = installation_key(s.server.state_dir);
  if (!read_key) return std::unexpected(read_key.error());
  key = *read_key;

  const store::StateStoreSettings database = state_database(s);
  auto opened = store::SqlStateStore::open(database);
  if (!opened) return std::unexpected(opened.error());
  state = std::move(*opened);
  auto second = store::SqlStateStore::open(database);
  if (!second) return std::unexpected(second.error());
  reader = std::move(*second);
  auto opened_desk = store::DeskStore::open(database);
  if (!opened_desk) return std::unexpected(opened_desk.error());
  desk = std::move(*opened_desk);
  auto opened_rules = store::RuleStore::open(database);
  if (!opened_rules) return std::unexpected(opened_rules.error());
  rule_rows = std::move(*opened_rules);
  auto opened_operators = store::OperatorStore::open(database);
  if (!opened_operators) return std::unexpected(opened_operators.error());
  operators = std::move(*opened_operators);
  auto opened_outbox = store::NoticeStore::open(database);
  if (!opened_outbox) return std::unexpected(opened_outbox.error());
  outbox = std::move(*opened_outbox);
  auto opened_recoveries = store::RecoveryStore::open(database);
  if (!opened_recoveries) return std::unexpected(opened_recoveries.error());
  recoveries = std::move(*opened_recoveries);
  auto opened_waiting = store::WaitingStore::open(database);
  if (!opened_waiting) return std::unexpected(opened_waiting.error());
  waiting_mail = std::move(*opened_waiting);
  auto opened_damage = store::DamageStore::open(database);
  if (!opened_damage) return std::unexpected(opened_damage.error());
  damage = std::move(*opened_damage);
  auto opened_ways = store::WaysStore::open(database);
  if (!opened_ways) return std::unexpected(opened_ways.error());
  way_memory = std::move(*opened_ways);
  auto opened_cases = store::CaseStore::open(database);
  if (!opened_cases) return std::unexpected(opened_cases.error());
  cases = std::move(*opened_cases);
  auto opened_figures = store::FigureStore::open(database);
  if (!opened_figures) return std::unexpected(opened_figures.error());
  figure_rows = std::move(*opened_figures);
  auto opened_sign_ins = store::SignInStore::open(database);
  if (!opened_sign_ins) return std::unexpected(opened_sign_ins.error());
  sign_in_entries = std::move(*opened_sign_ins);
  auto opened_plain = store::EncryptionStore::open(database);
  if (!opened_plain) return std::unexpected(opened_plain.error());
  plain_sign_ins = std::move(*opened_plain);
  auto opened_bans = store::BanStore::open(database);
  if (!opened_bans) return std::unexpected(opened_bans.error());
  ban_rows = std::move(*opened_bans);
  auto opened_forgotten = store::ForgottenStore::open(database);
  if (!opened_forgotten) return std::unexpected(opened_forgotten.error());
  forgotten_settings = std::move(*opened_forgotten);
  auto opened_policy = store::PolicyStore::open(database);
  if (!opened_policy) return std::unexpected(opened_policy.error());
  policy_rows = std::move(*opened_policy);
  auto opened_guard = store::SqliteGuardStore::open({.path = s.guard.database, .busy_ms = 2000});
  if (!opened_guard) return std::unexpected(opened_guard.error());
  guard = std::move(*opened_guard);
  store::AccountStoreSettings account_database;
  account_database.url = s.accounts.database;
  account_database.password_file = s.accounts.database_password_file;
  account_database.table_prefix = s.accounts.table_prefix;
  auto opened_accounts = store::PostfixadminStore::open(std::move(account_database));
  if (!opened_accounts) return std::unexpected(opened_accounts.error());
  accounts = std::move(*opened_accounts);
  auto opened_journal = store::Journal::open(
      {.directory = s.journal.directory,
       .segment_bytes = static_cast<std::uint64_t>(s.journal.segment_bytes.bytes)});
  if (!opened_journal) return std::unexpected(opened_journal.error());
  journal = std::move(*opened_journal);

  if (auto loaded = geoip.load({.country = s.geoip.country, .asn = s.geoip.asn, .anonymous = ""});
      !loaded) {
    log(fmt::format("places are judged by network only: {}", loaded.error().text));
  }
  return {};
}

Result<void> World::recover() {
  const auto begun = std::chrono::steady_clock::now();
  engine = std::make_unique<decide::Engine>(engine_settings(settings, key), journal.get(),
                                            detect::shipped_priors());
  std::uint64_t from = 1;
  auto newest = store::SnapshotSet::open_newest(settings.snapshot.directory);
  if (newest) {
    auto read =
        newest->read([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
          return engine->load(name, sequence, bytes);
        });
    if (read) {
      recovery.snapshot = newest->number();
      from = newest->replay_from();
    } else {
      // Another version's, or damaged: the journal alone says as much as it reaches back.
      log(fmt::format("the snapshot is not used: {}", read.error().text));
      engine = std::make_unique<decide::Engine>(engine_settings(settings, key), journal.get(),
                                                detect::shipped_priors());
    }
  } else if (newest.error().kind != ErrorKind::not_found) {
    log(fmt::format("no snapshot could be read: {}", newest.error().text));
  }
  auto reading = store::read_journal(settings.journal.directory, from,
                                     [&](std::uint64_t sequence, const Event& event) {
                                       engine->recover(event, sequence);
                                       tail_.add(event);
                                       return true;
                                     });
  if (!reading) return std::unexpected(reading.error());
  for (const auto& problem : reading->problems) log(fmt::format("journal: {}", problem));
  recovery.events_replayed = reading->events;
  recovery.lines_skipped = reading->skipped;
  recovery.state_hash = engine->hash();
  recovery.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  log(fmt::format("state recovered: snapshot {}, {} events replayed in {:.2f} s, hash {:016x}",
                  recovery.snapshot, recovery.events_replayed, recovery.seconds,
                  recovery.state_hash));
  return {};
}

void World::tell_of_holds(const decide::Incident& incident) {
  if (!notifier || incident.state != decide::IncidentState::open || incident.by != "machine" ||
      incident.mode != decide::Mode::enforce) {
    return;
  }
  decide::Notice notice;
  notice.kind = "held_asked";
  notice.subject = incident.subject;
  notice.incident = incident.id;
  notice.summary = incident.summary;
  if (auto told = notifier->tell(notice); !told) {
    log(fmt::format("notice of held mail of {}: {}", incident.subject.id, told.error().text));
  }
}

void World::tell_of_breaker(const decide::CircuitBreaker::State& breaker) {
  decide::Notice notice;
  notice.kind = breaker.open ? "breaker_open" : "breaker_closed";
  notice.subject = {decide::SubjectKind::server, ""};
  notice.summary = decide::breaker_words(breaker);
  log(fmt::format("circuit breaker {}: {}", breaker.open ? "open" : "closed", notice.summary.en));
  if (!notifier) return;
  if (auto told = notifier->tell(notice); !told) {
    log(fmt::format("notice of the circuit breaker: {}", told.error().text));
  }
}

Result<void> World::agree_on_standings() {
  auto agreed = agree_at_start({
      .engine = *engine,
      .state = *state,
      .tail = tail_,
      .portal_url = settings.web.public_url,
      .now = system_now(),
      .put = [this](StateItem item) { writer->put(std::move(item)); },
      .rebuild_guard = [this](const auto& rows) { return guard->rebuild(rows); },
  });
  tail_ = {};
  if (!agreed) return agreed;
  if (auto on = guard->bypass(); on) engine->set_bypass(*on);
  return {};
}

void World::refresh_directory() {
  auto snapshot_of_store = accounts->directory();
  if (!snapshot_of_store) {
    if (accounts_trouble.get().empty()) {
      log(fmt::format("account store: {}", snapshot_of_store.error().text));
    }
    accounts_trouble.set(snapshot_of_store.error().text);
    return;
  }
  accounts_trouble.set("");
  if (settings.recovery.inactive_waits) {
    if (auto names = accounts->inactive()) {
      if (auto done = inactive.set(std::move(*names), *guard); !done) {
        log(fmt::format("mailboxes set inactive: {}", done.error().text));
      }
    }
  } else if (auto done = inactive.set({}, *guard); !done) {
    log(fmt::format("mailboxes set inactive: {}", done.error().text));
  }
  directory.set(std::make_shared<const decide::Directory>(
      *snapshot_of_store, settings.accounts.recipient_delimiter, ""));
}

Result<void> World::snapshot() {
  auto done = [&]() -> Result<void> {
    auto writing = store::SnapshotWriter::begin(settings.snapshot.directory);
    if (!writing) return std::unexpected(writing.error());
    Result<void> added;
    engine->save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
      if (added) added = writing->add(name, sequence, bytes);
    });
    if (!added) return added;
    // A snapshot must not be ahead of the journal after a power cut: the numbers it counts as
    // folded would be given to other events.
    if (auto synced = journal->sync(); !synced) return std::unexpected(synced.error());
    // A start replays only what lies behind the snapshot: what came before it must be in the
    // database, or a standing or a held message would be known to nobody after a crash.
    if (auto durable = writer->wait(writer->last_ticket(), k_snapshot_wait_ms); !durable) {
      return durable;
    }
    return writing->commit();
  }();
  snapshot_trouble.set(done ? "" : done.error().text);
  return done;
}

void World::remember(const decide::Applied& applied) {
  if (applied.is_worth_keeping()) writer->put(applied);
}

}  // namespace sekimori::app
