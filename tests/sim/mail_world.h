// A toy Postfix and Dovecot: a queue, sessions, a login cache, and nothing else. Like the real ones
// they go on while the guard is dead, and obey guard.db by themselves.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "decide/ports.h"
#include "tests/sim/faults.h"
#include "tests/sim/memory_ports.h"

namespace sekimori::sim {

struct Mail {
  std::string id;
  std::string login;
  std::string recipient;  // of many, the one that decides whether it can be delivered
  std::uint32_t recipients = 1;
  std::string part;  // "active", "deferred", "hold"
  Instant arrival;
};

class MailWorld : public decide::Hands, public decide::Notifier {
 public:
  MailWorld(Faults& faults, const MemoryGuard& guard, std::uint64_t seed)
      : faults_(faults), guard_(guard), random_(seed) {}

  // ---- what the guard's hands do
  Result<void> flush_auth_cache(std::string_view account) override;
  Result<std::uint32_t> kick(std::string_view account) override;
  Result<void> hold(std::span<const std::string> ids) override;
  Result<void> release(std::span<const std::string> ids) override;
  Result<std::uint64_t> remove(std::span<const decide::QueueTarget> messages) override;
  Result<std::string> subject_of(std::string_view) override { return ""; }
  Result<void> requeue(std::span<const std::string> ids) override;
  Result<void> list_queue(const std::function<bool(const decide::QueueEntry&)>& each) override;
  Result<std::string> sasl_login_of(std::string_view id) override;
  Result<void> stop_server_sending(bool stop) override;
  Result<void> tell(const decide::Notice& notice) override;

  // ---- what mail servers do by themselves
  // The rows of guard.db that forbid it to this address.
  [[nodiscard]] bool forbids(std::string_view address, bool decide::GuardRow::* what) const;
  void submit(Mail mail);
  // True: let in. A cached answer is given without asking guard.db.
  bool login(const std::string& account);
  // Tries to deliver; `luck`: how often the outside world takes it at once.
  void deliver(double luck);

  std::map<std::string, Mail> queue;
  std::map<std::string, int> delivered;  // by id, how often
  std::map<std::string, int> removed;
  std::set<std::string> submitted;
  std::map<std::string, int> sessions;
  std::map<std::string, bool> login_cache;  // false: a cached refusal
  bool stopped = false;
  std::uint64_t notices = 0;
  std::function<void(const Mail&)> on_release;
  std::function<void(const Mail&)> on_hold;  // what was not held before

 private:
  Faults& faults_;
  const MemoryGuard& guard_;
  Random random_;
};

}  // namespace sekimori::sim
