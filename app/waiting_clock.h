// Keeps the clock of waiting mail (decide/waiting_mail.h): hears tries and deliveries off the
// decision path, keeps them in the state database within a second, and says what waits.
//
// Threads: put_off(), delivered() and requeued() from any, and they only enqueue; the rest from
// any, and may wait for a moment. A kill -9 loses the tries of at most a second; the next try of
// the same message makes good for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "act/worker_thread.h"
#include "base/result.h"
#include "decide/notice_outbox.h"
#include "decide/ports.h"
#include "decide/waiting_mail.h"
#include "store/waiting_store.h"

namespace sekimori::app {

class WaitingClock {
 public:
  // Errors: operating (what was kept cannot be read).
  [[nodiscard]] static Result<std::unique_ptr<WaitingClock>> open(
      store::WaitingStore& store, decide::WaitingRules rules, std::function<Instant()> now,
      std::function<void(std::string_view)> log);
  ~WaitingClock();  // stops the thread; what was heard is kept

  void put_off(decide::WaitingTry attempt);
  void delivered(decide::MailboxDelivery delivery);
  void requeued(std::string_view queue_id);

  [[nodiscard]] decide::WaitingView view(std::string_view account);
  [[nodiscard]] std::vector<decide::WaitingView> all();
  // For the notices.
  [[nodiscard]] std::vector<decide::WaitingMail> warnings();
  // What lies deferred in Postfix's queue for a closed mailbox, all of it.
  void queue_says(std::string_view account, const std::vector<decide::QueueEntry>& entries);

  void start();
  void stop();
  // Heard, but more than could be taken at once.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(); }

 private:
  struct Requeued {
    std::string queue_id;
  };
  using Heard = std::variant<decide::WaitingTry, decide::MailboxDelivery, Requeued>;
  WaitingClock(store::WaitingStore& store, decide::WaitingRules rules, std::function<Instant()> now,
               std::function<void(std::string_view)> log);
  void enqueue(Heard heard);
  void take_in();  // under book_mutex_
  void keep();

  store::WaitingStore& store_;
  std::function<Instant()> now_;
  std::function<void(std::string_view)> log_;

  std::mutex inbox_mutex_;
  std::vector<Heard> inbox_;  // bounded: k_inbox_max
  std::atomic<std::uint64_t> dropped_{0};

  std::mutex book_mutex_;
  decide::WaitingBook book_;
  std::mutex keep_mutex_;  // what is written last is the latest
  bool in_trouble_ = false;
  Instant next_sweep_;

  act::WorkerThread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::app
