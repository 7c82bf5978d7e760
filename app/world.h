// Everything the guard consists of but its listeners: stores, engine, hands, and what people can
// do. The daemon opens it and listens; the command line opens it by itself when no daemon runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "act/executor.h"
#include "act/geoip.h"
#include "act/hands.h"
#include "act/notices.h"
#include "act/prover.h"
#include "app/aftermath_service.h"
#include "app/ban_service.h"
#include "app/case_service.h"
#include "app/control_service.h"
#include "app/dnsbl_setup.h"
#include "app/encryption_service.h"
#include "app/figure_service.h"
#include "app/inactive_mail.h"
#include "app/operator_service.h"
#include "app/program_rules.h"
#include "app/recovery_service.h"
#include "app/report_service.h"
#include "app/rule_service.h"
#include "app/server_desk.h"
#include "app/sign_in_service.h"
#include "app/start_agreement.h"
#include "app/state_writer.h"
#include "app/switch_service.h"
#include "app/waiting_clock.h"
#include "app/ways_service.h"
#include "config/settings.h"
#include "decide/engine.h"
#include "serve/directory_cell.h"
#include "serve/handshake_book.h"
#include "serve/queue_index.h"
#include "serve/rule_book.h"
#include "serve/server_metrics.h"
#include "store/account_store.h"
#include "store/ban_store.h"
#include "store/case_store.h"
#include "store/damage_store.h"
#include "store/desk_store.h"
#include "store/encryption_store.h"
#include "store/figure_store.h"
#include "store/forgotten_store.h"
#include "store/guard_store.h"
#include "store/journal.h"
#include "store/notice_store.h"
#include "store/operator_store.h"
#include "store/policy_store.h"
#include "store/recovery_store.h"
#include "store/rule_store.h"
#include "store/sign_in_store.h"
#include "store/state_store.h"
#include "store/switch_store.h"
#include "store/waiting_store.h"
#include "store/ways_store.h"
#include "web/hub.h"

namespace sekimori::app {

using LogLine = std::function<void(std::string_view)>;

// How the start went, for the log and health.
struct Recovery {
  std::uint64_t snapshot = 0;  // number of the snapshot loaded; 0: none
  std::uint64_t events_replayed = 0;
  std::uint64_t lines_skipped = 0;
  double seconds = 0;
  std::uint64_t state_hash = 0;
};

class World {
 public:
  // Opens all stores, loads the newest snapshot, folds the journal behind it, takes the standings
  // of the database (the later epoch wins on both sides), rewrites guard.db from them, and starts
  // the state writer. Errors: what cannot be opened, and what to do. `started` may be called on
  // threads.
  [[nodiscard]] static Result<std::unique_ptr<World>> open(config::Settings settings, LogLine log);
  ~World();

  // Reads the account store into the directory; keeps the old one on failure (`accounts_trouble`).
  void refresh_directory();
  // Writes a snapshot now. Errors: operating.
  [[nodiscard]] Result<void> snapshot();
  // An incident that a held message opened: mail waits for a person, who must know. Once an
  // incident, however often it is called.
  void tell_of_holds(const decide::Incident& incident);
  // The circuit breaker opened or closed: the operators must know.
  void tell_of_breaker(const decide::CircuitBreaker::State&);
  // Takes what an engine call brought about to the state writer.
  void remember(const decide::Applied& applied);

  config::Settings settings;  // of the start
  SettingsCell in_force;      // with what reloads took over
  // Set by the daemon before anybody can ask.
  std::string settings_file;
  std::function<Result<void>()> reload;
  LogLine log;
  std::string host;
  std::string boot;
  HashKey key{};
  Recovery recovery;
  Instant started;

  std::unique_ptr<store::SqlStateStore> state;   // the writer's connection
  std::unique_ptr<store::SqlStateStore> reader;  // people's and the executor's
  std::unique_ptr<store::DeskStore> desk;
  std::unique_ptr<store::RuleStore> rule_rows;
  std::unique_ptr<store::OperatorStore> operators;  // the panel's own users
  std::unique_ptr<store::NoticeStore> outbox;       // of notices
  std::unique_ptr<store::RecoveryStore> recoveries;
  std::unique_ptr<store::WaitingStore> waiting_mail;
  std::unique_ptr<store::DamageStore> damage;
  std::unique_ptr<store::WaysStore> way_memory;
  std::unique_ptr<store::CaseStore> cases;
  std::unique_ptr<store::FigureStore> figure_rows;
  std::unique_ptr<store::SignInStore> sign_in_entries;
  std::unique_ptr<store::EncryptionStore> plain_sign_ins;
  std::unique_ptr<store::BanStore> ban_rows;
  std::unique_ptr<store::ForgottenStore> forgotten_settings;
  std::unique_ptr<store::PolicyStore> policy_rows;  // and notices' texts, and health over time
  std::unique_ptr<store::SqliteGuardStore> guard;
  std::unique_ptr<store::PostfixadminStore> accounts;
  std::unique_ptr<store::Journal> journal;
  act::GeoIp geoip;
  serve::RuleBook rule_book{[this](const IpAddress& ip) { return geoip.lookup(ip); }};
  std::unique_ptr<decide::Engine> engine;
  serve::DirectoryCell directory;
  serve::QueueIndex queue;
  serve::HandshakeBook handshakes;
  serve::ServerMetrics metrics;
  std::unique_ptr<act::MailHands> hands;
  std::unique_ptr<WaitingClock> waiting;
  std::unique_ptr<act::Notices> notifier;
  web::Hub hub;
  std::unique_ptr<StateWriter> writer;
  std::unique_ptr<act::LoginQueue> login_queue;
  std::unique_ptr<store::ReturnedStore> returned;  // mail that came back
  std::unique_ptr<serve::SentIndex> sent;
  std::unique_ptr<ReportService> reports;
  std::unique_ptr<act::Executor> executor;
  std::unique_ptr<act::Prover> prover;
  std::unique_ptr<SignInService> sign_in_lists;
  std::unique_ptr<EncryptionService> encryption;
  serve::WforceMetrics wforce_metrics;
  InactiveMail inactive;
  std::unique_ptr<WaysService> ways;
  std::unique_ptr<RecoveryService> way_back;
  std::unique_ptr<AftermathService> aftermath;
  std::unique_ptr<CaseService> casework;
  std::unique_ptr<FigureService> figures;
  std::unique_ptr<BanService> bans;
  std::unique_ptr<AccountRoster> roster;
  std::unique_ptr<store::SwitchStore> switch_rows;
  std::unique_ptr<SwitchService> switches;
  std::unique_ptr<ServerDeskService> server_desk;
  std::unique_ptr<RuleService> rules;
  std::unique_ptr<ProgramRules> all_rules;  // with what programs said
  std::unique_ptr<DnsblLists> blacklists;
  std::unique_ptr<ControlService> control;
  std::unique_ptr<OperatorService> people;
  std::unique_ptr<web::SignIns> sign_ins;

  // What is wrong now, for health; "" when nothing is.
  class Trouble {
   public:
    void set(std::string text) {
      const std::lock_guard lock(mutex_);
      text_ = std::move(text);
    }
    [[nodiscard]] std::string get() const {
      const std::lock_guard lock(mutex_);
      return text_;
    }

   private:
    mutable std::mutex mutex_;
    std::string text_;
  };
  Trouble accounts_trouble;
  Trouble journal_trouble;
  Trouble snapshot_trouble;
  Trouble sent_trouble;     // what was sent cannot be written down
  Trouble waiting_trouble;  // mail of mailboxes that were inactive
  std::atomic<std::int64_t> last_policy_request_us{0};
  std::atomic<std::int64_t> log_reached_us{0};

 private:
  explicit World(config::Settings s);
  [[nodiscard]] Result<void> open_stores();
  [[nodiscard]] Result<void> recover();
  [[nodiscard]] Result<void> agree_on_standings();

  JournalTail tail_;  // of the start; empty afterwards
};

}  // namespace sekimori::app
