// serve::PlainGate and web::EncryptionDesk over their store: what is seen on the decision path is
// summed in memory and written by a thread, which also tells the owners.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "act/worker_thread.h"
#include "decide/directory.h"
#include "decide/records.h"
#include "serve/sign_in_gate.h"
#include "store/encryption_store.h"
#include "web/encryption.h"

namespace sekimori::app {

struct EncryptionParts {
  store::EncryptionStore& store;
  std::function<bool(const IpAddress&)> is_ours;       // loopback, own networks, webmail
  std::function<std::string(const IpAddress&)> place;  // in words; "" = not known
  decide::EncryptedWays ways;
  std::string provider;
  Language language = Language::ja;
  bool tell_owners = true;
  Duration tell_every = days(30);
  Duration retention = days(400);
  Duration utc_offset{};  // of this server's days
  std::function<Result<void>(const std::string& to, std::string_view subject,
                             std::string_view body)>
      send_letter = {};  // empty: nothing can be sent
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<void(decide::AuditEntry)> audit;
  std::function<Instant()> now;
  std::function<void(std::string_view)> log;
};

class EncryptionService final : public serve::PlainGate, public web::EncryptionDesk {
 public:
  // Reads rules and exceptions. Errors: operating.
  [[nodiscard]] static Result<std::unique_ptr<EncryptionService>> open(EncryptionParts parts);
  ~EncryptionService() override { stop(); }

  // ---- serve::PlainGate ----
  Text refused(const serve::SignIn&) override;
  void seen(const serve::SignIn&) override;

  // ---- web::EncryptionDesk ----
  Result<decide::EncryptionSummary> summary(std::size_t days, const std::string& domain) override;
  Result<decide::PlainAccounts> accounts(const web::PlainQuery&) override;
  Result<web::EncryptionOutcome> put_rule(const web::EncryptionOrder&,
                                          const web::Caller& by) override;
  Result<decide::EncryptionRule> remove_rule(const std::string& domain, const std::string& reason,
                                             const web::Caller& by) override;
  Result<std::vector<decide::EncryptionException>> exceptions() override;
  Result<decide::EncryptionException> put_exception(decide::EncryptionException one,
                                                    const web::Caller& by) override;
  Result<decide::EncryptionException> remove_exception(const std::string& account,
                                                       const web::Caller& by) override;
  [[nodiscard]] decide::DayNumber day(Instant t) const override;

  struct Figures {
    std::uint64_t accounts_30d = 0;  // as of the last look
    std::uint64_t seen = 0;
    std::uint64_t refused = 0;
    std::uint64_t rules = 0;
    std::string trouble;
  };
  [[nodiscard]] Figures figures() const;

  // Any thread.
  void set_telling(bool on) { telling_ = on; }
  void start();
  void stop();

 private:
  struct Orders {
    std::unordered_map<std::string, decide::EncryptionRule> rules;            // by domain
    std::unordered_map<std::string, decide::EncryptionException> exceptions;  // by account
  };
  using Key = std::tuple<std::string, Service, decide::DayNumber>;

  explicit EncryptionService(EncryptionParts parts);
  Result<void> reload();
  [[nodiscard]] std::shared_ptr<const Orders> orders() const;
  void work();
  void tell(const decide::PlainDay& seen);
  void put_audit(const char* action, decide::Subject subject, std::string why, std::string detail,
                 const web::Caller& by);
  void complete(decide::PlainAccounts& accounts, const Orders& in_force, Instant now) const;

  EncryptionParts parts_;
  mutable std::mutex orders_mutex_;
  std::shared_ptr<const Orders> orders_;
  std::mutex seen_mutex_;
  std::map<Key, decide::PlainDay> seen_;  // since the last write
  std::atomic<bool> telling_{true};
  std::atomic<std::uint64_t> seen_total_{0};
  std::atomic<std::uint64_t> refused_total_{0};
  std::atomic<std::uint64_t> accounts_30d_{0};
  Instant next_prune_;
  Instant next_count_;
  std::unordered_map<std::string, Instant> told_;  // of the thread: whom not to look up again
  mutable std::mutex trouble_mutex_;
  std::string trouble_;
  act::WorkerThread thread_;  // last
};

}  // namespace sekimori::app
