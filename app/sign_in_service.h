// Lists and counted sign-ins (decide/sign_in_book.h, sign_in_counters.h) as all doors ask them, and
// the thread that keeps them: entries in the database before anybody is told that they stand,
// counters in a file within 100 ms. The login path does neither.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "act/worker_thread.h"
#include "app/counter_file.h"
#include "base/hash.h"
#include "base/ip_network.h"
#include "decide/records.h"
#include "decide/sign_in_book.h"
#include "decide/sign_in_counters.h"
#include "serve/sign_in_gate.h"
#include "serve/wforce_desk.h"
#include "store/sign_in_store.h"

namespace sekimori::app {

struct SignInParts {
  store::SignInStore& store;
  std::string counter_file;
  std::vector<SignInWindow> windows = {};
  std::size_t counters_max = 200'000;
  std::size_t entries_max = 500'000;
  HashKey key{};
  std::vector<IpNetwork> own = {};      // never counted, never blocked
  std::vector<IpNetwork> webmail = {};  // likewise: an address of many
  std::function<Instant()> now = {};
  std::function<void(decide::AuditEntry)> audit = {};
  std::function<void(std::string_view)> log = {};
};

class SignInService : public serve::SignInGate, public serve::SignInLists {
 public:
  // Reads what was kept. Errors: operating (the database); a damaged file is left aside and said.
  [[nodiscard]] static Result<std::unique_ptr<SignInService>> open(SignInParts parts);
  ~SignInService() override { stop(); }

  // ---- serve::SignInGate ----
  Word listed(const serve::SignIn&, serve::SignInVerdict&) override;
  void counted(const serve::SignIn&, serve::SignInVerdict&) override;
  void ended(const serve::SignIn&, LoginResult) override;

  // ---- serve::SignInLists ----
  void change(decide::SignInEntry entry, bool removed,
              std::function<void(Result<void>)> done) override;
  std::optional<decide::SignInEntry> entry(decide::SignInList list, const IpAddress& ip,
                                           const std::string& login, Instant now) const override;
  std::vector<decide::SignInEntry> all(decide::SignInList list, Instant now) const override;
  std::vector<decide::SignInCounters::Figure> figures(const decide::SignInFact& fact,
                                                      Instant now) const override;
  void reset(const decide::SignInFact& fact) override;
  void later(std::function<void()> work) override;

  // The entry of this list and key.
  [[nodiscard]] std::optional<decide::SignInEntry> exactly(const decide::SignInEntry& like,
                                                           Instant now) const {
    return book_.get(like.list, like.key(), now);
  }
  // Loopback, a network of our own, or webmail.
  [[nodiscard]] bool is_ours(const IpAddress& ip) const;
  [[nodiscard]] std::size_t entries() const { return book_.size(); }
  [[nodiscard]] std::size_t counters() const { return counters_.rows(); }
  [[nodiscard]] std::string trouble() const;

  void start();
  // Keeps what waits, then ends.
  void stop();

 private:
  struct Waiting {
    store::SignInChange change;
    std::function<void(Result<void>)> done;
  };
  explicit SignInService(SignInParts parts);
  Result<void> read();
  void work();
  void keep_entries();
  void keep_counters();
  [[nodiscard]] decide::SignInFact fact_of(const serve::SignIn& sign_in) const;
  void set_trouble(std::string text);

  SignInParts parts_;
  decide::SignInBook book_;
  decide::SignInCounters counters_;
  CounterFile file_;  // of the thread
  Instant next_sweep_;
  std::mutex waiting_mutex_;
  std::vector<Waiting> waiting_;
  std::vector<std::function<void()>> works_;
  mutable std::mutex trouble_mutex_;
  std::string trouble_;
  act::WorkerThread thread_;  // last
};

}  // namespace sekimori::app
