// Everything people can do, over the engine, the stores and the hands: the one implementation of
// web::Control, used by the daemon's API and (through its socket) by the command line.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "app/account_roster.h"
#include "app/queue_desk.h"
#include "app/state_writer.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "decide/mail_settings.h"
#include "decide/ports.h"
#include "store/account_store.h"
#include "store/desk_store.h"
#include "store/notice_store.h"
#include "store/recovery_store.h"
#include "store/returned_store.h"
#include "store/state_store.h"
#include "web/bans.h"
#include "web/control.h"
#include "wire/mail_profile.h"

namespace sekimori::app {

class OwnerDeskService;
class RecoveryService;
class WaysService;

// Somebody connected to the mailbox now, as Dovecot tells it.
struct MailSession {
  std::string service;
  std::string ip;
};

// What outsiders are told of this server.
struct ServerIdentity {
  std::string server;
  std::vector<std::string> addresses;
  std::string contact;
  std::string journal_directory;  // where an incident's mail is counted
  bool reads_reports = false;     // bounces and complaints
};

struct ControlParts {
  decide::Engine& engine;
  StateWriter& writer;
  store::SqlStateStore& reader;  // a connection of its own for reading
  decide::GuardStore& guard;
  decide::AccountStore& accounts;
  store::DeskStore& desk;  // recovery codes
  decide::Hands& hands;
  act::LoginQueue& login_queue;
  store::NoticeStore& notices;
  store::RecoveryStore& recoveries;
  store::PostfixadminStore& provider;  // what only PostfixAdmin's store tells
  RecoveryService& way_back;
  web::Aftermath& aftermath;
  web::Casework& casework;
  web::FigureDesk& figures;
  web::BanDesk& bans;
  web::ServerDesk& server_desk;
  AccountRoster& roster;
  // What people switched off: few.
  std::function<std::shared_ptr<const decide::SwitchTable>()> switched_off;
  web::RuleDesk& rules;
  WaysService& ways;
  std::function<Result<void>(const std::string& to, std::string_view subject,
                             std::string_view body)>
      send_letter;
  std::function<Result<decide::CallSheet>(const std::string& account)> call_sheet;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<web::HealthReport()> health;        // probes every lever
  std::function<std::vector<web::Gauge>()> gauges;  // beside the engine's totals
  std::function<Result<void>()> ready;
  std::function<Place(const IpAddress&)> place;  // of old events that do not say it
  store::ReturnedStore& returned;
  ServerIdentity identity;
  struct MailboxUse {
    std::uint64_t used_bytes = 0;
    std::uint64_t quota_bytes = 0;  // 0: unlimited
  };
  std::function<std::optional<MailboxUse>(const std::string& account)> mailbox_use;
  std::function<std::vector<std::string>()> services_down;  // "IMAP", "SMTP"
  // Connections from this network that broke off before anybody signed in.
  std::function<std::vector<decide::HandshakeFact>(const IpAddress&)> handshakes;
  // ---- the owners' portal ----
  std::function<Result<std::vector<MailSession>>(const std::string& account)> mail_sessions;
  // Does a message with this word in its subject stand in the mailbox?
  std::function<Result<bool>(const std::string& account, const std::string& word)> holds_subject;
  web::HelpDesk help;
  wire::MailProfile profile;
  // Signs Apple's profile (CMS); empty: it goes out unsigned.
  std::function<Result<std::string>(std::string_view)> sign_profile;
  Duration recovery_code_lifetime = hours(24);
  Duration contact_code_lifetime = minutes(30);
  Duration owner_session = minutes(60);
};

// Any thread.
class ControlService : public web::Control, public web::HasBans {
 public:
  explicit ControlService(ControlParts parts);
  ~ControlService() override;
  ControlService(const ControlService&) = delete;
  ControlService& operator=(const ControlService&) = delete;

  Result<web::AccountPage> accounts(const web::AccountQuery&) override;
  Result<web::AccountDetails> account(std::string_view address) override;
  Result<web::DiagnosisView> diagnose(std::string_view address, const web::DiagnosisQuestion&,
                                      const web::Caller&) override;
  Result<web::StandingOutcome> change_standing(const web::StandingOrder&,
                                               const web::Caller&) override;
  Result<decide::StandingRecord> standing(const decide::Subject&) override;
  Result<web::RecoveryCode> recovery_code(std::string_view address, const web::Caller&) override;
  Result<web::PasswordOutcome> set_password(std::string_view address, web::PasswordOrder,
                                            const web::Caller&) override;
  Result<web::PasswordVerdict> judge_password(std::string_view address, const Secret&) override;
  Result<web::RecoveryView> recovery(std::string_view address) override;
  Result<web::RecoveryView> check_recovery(std::string_view address, const web::Caller&) override;
  Result<web::RecoveryView> answer_forwards(std::string_view address, web::ForwardsAnswer,
                                            const std::vector<std::string>& targets,
                                            const web::Caller&) override;
  Result<web::RecoveryView> review(std::string_view address, const std::string& reason,
                                   const web::Caller&) override;
  Result<web::OwnerSession> owner_begin(std::string_view address, web::OwnerProof,
                                        const IpAddress& from) override;
  Result<void> owner_contact_code(std::string_view address, Language,
                                  const IpAddress& from) override;
  Result<web::OwnerIdentity> owner_account(const Secret& token) override;
  Result<web::Page<decide::NoticeRow>> notices(const decide::NoticeFilter&) override;
  Result<decide::NoticeRow> acknowledge_notice(std::uint64_t id, const web::Caller&) override;
  Result<decide::CallSheet> call_sheet(std::string_view address) override;
  Result<web::Page<decide::Incident>> incidents(const decide::StateStore::IncidentFilter&) override;
  Result<web::IncidentDetails> incident(std::uint64_t id) override;
  Result<decide::Incident> close_incident(std::uint64_t id, const std::string& reason,
                                          const web::Caller&) override;
  Result<decide::AuditEntry> add_note(std::uint64_t id, const std::string& text,
                                      const web::Caller&) override;
  Result<web::AccountQueue> queue(std::string_view address, const web::QueueQuery&) override;
  Result<web::QueueReport> change_queue(std::string_view address, const web::QueueOrder&,
                                        const web::Caller&) override;
  Result<std::vector<decide::WayView>> ways_of_incident(std::uint64_t incident) override;
  Result<decide::WayView> answer_way(std::uint64_t incident, std::uint64_t change, bool keep,
                                     const std::string& reason, const web::Caller&) override;
  Result<decide::AccountWays> ways(std::string_view address) override;
  Result<web::Page<decide::HeldMessage>> holds(const decide::StateStore::HoldFilter&) override;
  Result<decide::HeldMessage> release_hold(std::string_view queue_id, const std::string& reason,
                                           const web::Caller&) override;
  Result<decide::HeldMessage> delete_hold(std::string_view queue_id, const std::string& reason,
                                          const web::Caller&) override;
  Result<decide::ReturnedReport> returned_mail(std::string_view address, std::size_t last) override;
  Result<decide::Delisting> delisting(std::uint64_t incident, bool named) override;
  Result<std::vector<decide::ApprovalView>> approvals(std::string_view address) override;
  Result<decide::ApprovalView> approve(std::string_view address, const ApprovalTerms&,
                                       const std::string& reason, const web::Caller&) override;
  Result<decide::ApprovalView> change_approval(std::uint64_t id, ApprovalState to,
                                               const std::string& reason,
                                               const web::Caller&) override;
  Result<std::vector<decide::ApprovalSuggestion>> approval_suggestions(
      std::string_view address) override;
  Result<web::HistoryOutcome> learn_history(std::string_view lines, bool finish,
                                            const web::Caller&) override;
  Result<void> set_bypass(bool on, const std::string& reason, const web::Caller&) override;
  Result<web::ReleaseReport> release_all(const std::string& reason, const web::Caller&) override;
  Result<decide::Subject> subject_of(web::Thing, std::string_view id) override;
  Result<std::vector<decide::AuditEntry>> audit(const web::AuditQuery&) override;
  web::Aftermath& aftermath() override { return parts_.aftermath; }
  web::Casework& casework() override { return parts_.casework; }
  web::OwnerDesk& own() override;
  web::FigureDesk& figures() override { return parts_.figures; }
  web::BanDesk& bans() override { return parts_.bans; }
  web::ServerDesk& server_desk() override { return parts_.server_desk; }
  web::RuleDesk& rules() override { return parts_.rules; }
  Result<web::HealthReport> health() override;
  Result<void> ready() override;
  Result<web::MetricsReport> metrics() override;

 private:
  // How suspicious accounts are, by their number in a roster: looked at for all of them, and kept
  // for some seconds.
  struct Strengths {
    std::shared_ptr<const Roster> roster;
    std::vector<std::pair<std::uint32_t, double>> of;  // by number; those worth showing
    std::chrono::steady_clock::time_point made;
  };
  [[nodiscard]] std::vector<std::pair<std::uint32_t, double>> strengths(
      const std::shared_ptr<const Roster>& roster, Instant now);
  [[nodiscard]] std::string normalised(std::string_view address) const;
  void audited(const web::Caller& by, std::string action, decide::Subject subject,
               std::uint64_t incident, std::string why, std::string detail = {});
  void audited_end(const web::Caller& by, std::string action, const decide::HeldMessage& hold,
                   const std::string& reason);
  // Messages that one helper request may name (1000 at most): let go together, or an error.
  Result<void> release_together(std::vector<decide::HeldMessage> holds, const std::string& reason,
                                const web::Caller& by);
  Result<decide::HeldMessage> end_hold(std::string_view queue_id, const std::string& reason,
                                       const web::Caller& by, bool release);
  [[nodiscard]] Result<bool> is_proved(const std::string& account,
                                       const store::RecoveryRow& recovery,
                                       const web::OwnerProof& proof);
  [[nodiscard]] Result<bool> exists(const decide::Subject& subject);
  // The account's address as it is kept. Errors: not_found.
  [[nodiscard]] Result<std::string> account_here(std::string_view address);
  // An owner who gives the mailbox's password, with a code where an authenticator is enrolled.
  // Errors: bad_input (they do not fit).
  [[nodiscard]] Result<web::OwnerSession> begin_by_password(const std::string& account,
                                                            const web::OwnerProof& proof);
  // Durable when it returns.
  Result<decide::ApprovalView> remember_approval(const decide::Approval& approval,
                                                 std::string action, const web::Caller& by);

  ControlParts parts_;
  QueueDesk queue_desk_;
  HoldEnding ending_;
  std::mutex strengths_mutex_;
  Strengths strengths_;
  std::unique_ptr<OwnerDeskService> owner_desk_;  // last: it uses the parts
};

}  // namespace sekimori::app
