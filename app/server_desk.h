// web::ServerDesk over the stores and the engine: domains and admins as the provider's database has
// them, what people set for domains and accounts, settings, notices' texts, health over time.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "act/notices.h"
#include "app/account_roster.h"
#include "app/dry_runs.h"
#include "app/state_writer.h"
#include "app/switch_service.h"
#include "config/check.h"
#include "config/settings.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "store/account_store.h"
#include "store/policy_store.h"
#include "web/server_desk.h"

namespace sekimori::app {

// The settings as they were last taken over, at the start or by a reload. Any thread.
class SettingsCell {
 public:
  void set(config::Settings settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }
  [[nodiscard]] config::Settings get() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }

 private:
  mutable std::mutex mutex_;
  config::Settings settings_;
};

struct ServerDeskParts {
  decide::Engine& engine;
  store::PostfixadminStore& provider;
  AccountRoster& roster;
  store::PolicyStore& store;
  StateWriter& writer;
  act::Notices& notices;
  SwitchService& switches;
  const config::Settings& started_with;
  const SettingsCell& in_force;
  HashKey key;
  std::string host;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<Place(const IpAddress&)> place;
  std::function<std::string()> settings_file;  // "": none is known
  // As SIGHUP does. Errors: bad_input (the file is not usable), operating.
  std::function<Result<void>()> reload;
};

// Any thread.
class ServerDeskService : public web::ServerDesk {
 public:
  explicit ServerDeskService(ServerDeskParts parts);

  // Puts in force what the database remembers. Once, before anybody asks. Errors: operating.
  [[nodiscard]] Result<void> begin();

  Result<web::Page<web::DomainSummary>> domains(const web::DomainQuery&) override;
  Result<web::Page<web::AdminSummary>> admins(const web::AdminQuery&) override;
  Result<web::PolicyView> policy(const decide::Subject&) override;
  Result<web::PolicyView> set_policy(const web::PolicyOrder&, const web::Caller&) override;
  Result<web::DryRun> begin_dry_run(const web::DryRunOrder&, const web::Caller&) override;
  Result<web::DryRun> dry_run(std::uint64_t id) override;
  Result<web::SwitchesView> switches(std::string_view account) override;
  Result<web::SwitchesView> set_switch(const web::SwitchOrder&, const web::Caller&) override;
  Result<web::SettingsView> settings() override;
  Result<web::SettingsView> reload(const web::Caller&) override;
  Result<std::vector<web::NoticeTextSummary>> notice_texts() override;
  Result<web::NoticeTextView> notice_text(std::string_view name) override;
  Result<web::NoticePreview> preview_notice_text(std::string_view name,
                                                 const std::string& text) override;
  Result<web::NoticeTextView> put_notice_text(std::string_view name, const std::string& text,
                                              const web::Caller&) override;
  Result<web::NoticeTextView> reset_notice_text(std::string_view name, const web::Caller&) override;
  Result<std::vector<web::HealthSpanView>> health_history(std::uint32_t days) override;

 private:
  void audited(const web::Caller& by, std::string action, decide::Subject subject, std::string why,
               std::string detail);
  // Errors: not_found (none of this server's).
  [[nodiscard]] Result<void> exists(const decide::Subject& subject);
  [[nodiscard]] Result<std::shared_ptr<const decide::PolicyTable>> stored_policy();
  [[nodiscard]] web::PolicyItem item_of(const decide::Subject& subject, decide::PolicyField field,
                                        const decide::EngineSettings& settings,
                                        const decide::PolicyTable& table) const;
  // Shipped, then the folder's files; and the panel's on top.
  [[nodiscard]] act::NoticeTemplates templates_of_files() const;
  [[nodiscard]] Result<act::NoticeTemplates> templates();
  [[nodiscard]] Result<void> take_over_texts();

  ServerDeskParts parts_;
  std::mutex changing_;  // one change of policy or texts after another
  DryRuns dry_runs_;
};

}  // namespace sekimori::app
