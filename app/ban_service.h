// Bans as records: what the guard finds comes into force at once (decide/ban_table), and a thread
// behind it tells the firewall, keeps it in the state database, tells the stream's readers, and
// ends what is over. The same thread keeps what was counted and led to no ban yet, and tells owners
// of devices with an old password. Also web::BanDesk, what people can do with bans.
//
// Never the outage: without the database or the firewall bans hold by the answers to Dovecot and
// Postfix; both are caught up with as soon as they are back.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "act/helper_client.h"
#include "act/worker_thread.h"
#include "app/counter_file.h"
#include "app/state_writer.h"
#include "decide/ban_table.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "decide/guessing.h"
#include "store/ban_store.h"
#include "store/figure_store.h"
#include "store/forgotten_store.h"
#include "web/bans.h"

namespace sekimori::app {

struct BanParts {
  decide::Engine& engine;
  store::BanStore& store;
  store::FigureStore& figures;  // who signed in from where, at a start
  StateWriter& writer;          // the audit
  HashKey key{};
  decide::GuessSettings guessing;
  store::ForgottenStore& forgotten;
  std::string counter_file;  // what was counted survives a restart
  bool tell_owners = true;   // of devices with an old password
  Duration tell_every = days(30);
  std::string provider;
  std::string portal;
  Language language = Language::ja;
  std::function<Result<void>(const std::string& to, std::string_view subject,
                             std::string_view body)>
      send_letter = {};  // empty: nothing can be sent
  bool firewall = false;
  std::string helper_socket;
  Duration helper_timeout = seconds(10);
  Duration retention = days(400);
  bool enforced = false;  // observe mode: nothing is refused
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<Result<bool>(const std::string& account)> exists;  // in the provider's store
  // Does a rule let somebody sign in from there? Its packets must pass then. May be empty.
  std::function<bool(const IpNetwork&)> is_spared = {};
  std::function<Place(const IpAddress&)> place;
  std::function<std::string(const IpAddress&)> operator_name = {};
  std::function<void(std::string_view kind, std::string json)> publish;
  std::function<void(std::string_view)> log;
};

// Any thread; start() and stop() from one.
class BanService : public web::BanDesk {
 public:
  explicit BanService(BanParts parts);
  ~BanService() override { stop(); }

  // Puts what the database remembers in force. Before the doors open; errors: operating.
  [[nodiscard]] Result<void> load();
  void start();
  void stop();

  // From the login path: bans come into force before it returns; the rest is the thread's.
  void news(decide::GuessNews&& news);
  void set_enforced(bool on) { enforced_ = on; }
  void set_telling(bool on) { telling_ = on; }
  // Other addresses are allowed than before: the firewall is told anew.
  void rules_changed();
  [[nodiscard]] bool enforced() const { return enforced_; }
  [[nodiscard]] decide::GuessGuard& guard() { return guard_; }
  [[nodiscard]] const decide::BanTable& table() const { return table_; }
  // "450 …" for mail from a banned address where nobody lives, or "".
  [[nodiscard]] std::string mail_refusal(const IpAddress& client, Instant now);
  // "" or why bans are not kept; why the firewall does not have them.
  [[nodiscard]] std::string store_trouble() const;
  [[nodiscard]] std::string firewall_trouble() const;
  [[nodiscard]] bool firewall_wanted() const { return parts_.firewall; }
  [[nodiscard]] std::vector<web::Gauge> gauges() const;

  [[nodiscard]] Instant now() const override { return parts_.now(); }
  Result<web::Page<web::BanRow>> bans(const decide::BanFilter&) override;
  Result<web::BanRow> ban(const web::BanKey&) override;
  std::uint32_t collateral(const IpNetwork&) override;
  Result<web::BanRow> put_ban(const web::BanOrder&, const web::Caller&) override;
  Result<web::BanRow> end_ban(const web::BanKey&, const std::string& reason,
                              const web::Caller&) override;
  Result<web::BanImportOutcome> import_bans(const web::BanImport&, const web::Caller&) override;
  Result<std::string> export_bans(web::BanExport) override;
  Result<web::BanTotals> totals() override;
  Result<web::GuessingView> guessing(std::string_view address) override;

 private:
  using Time = act::WorkerThread::Clock::time_point;
  // What the thread is told of, in order.
  struct Change {
    decide::BanRecord record;
    bool ended = false;
  };
  [[nodiscard]] web::BanRow row_of(decide::BanRecord record) const;
  // Into force and to the thread. false: the table is full.
  bool impose(decide::Ban& ban);
  void tell(Change change);
  [[nodiscard]] bool goes_to_firewall(const decide::Ban& ban) const;
  std::optional<Time> work();
  void enforce(const std::vector<Change>& changes, Instant now);
  void begin_firewall(Instant now);
  void put_networks(Instant now);
  void keep(std::vector<Change> changes);
  void audited(const web::Caller& by, std::string action, std::string why, std::string detail);
  [[nodiscard]] Result<decide::BanRecord> record_of(const web::BanKey&);
  void keep_counters(Instant now);
  void keep_forgotten(Instant now);
  // Of a device that its owner was not told of within the period.
  void tell_owner(decide::ForgottenDevice device, Instant now);

  BanParts parts_;
  decide::BanTable table_;
  decide::GuessGuard guard_;
  act::HelperClient helper_;
  std::atomic<std::uint64_t> next_id_{1};
  std::atomic<bool> enforced_;
  std::atomic<bool> telling_;
  std::atomic<bool> firewall_works_{false};
  std::atomic<bool> rules_changed_{false};
  std::atomic<std::uint64_t> in_firewall_{0};
  std::atomic<std::uint64_t> made_{0}, lost_{0}, closed_{0}, right_{0}, forgotten_count_{0};

  mutable std::mutex mutex_;  // of what follows
  std::vector<Change> changes_;
  std::string store_trouble_;
  std::string counter_trouble_;
  std::string firewall_trouble_;
  std::vector<decide::ForgottenSetting> forgotten_;  // to be kept

  // Of the thread.
  std::vector<Change> unkept_;
  CounterFile counters_;
  bool networks_changed_ = false;
  Time next_counters_{};
  Time next_second_{}, next_hits_{}, next_firewall_{}, next_networks_{}, next_prune_{};
  act::WorkerThread thread_;  // last
};

}  // namespace sekimori::app
