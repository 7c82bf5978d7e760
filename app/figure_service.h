// web::FigureDesk over its store, and the thread that reads the journal behind the decisions and
// counts (decide/figures.h). The decision path does not know of it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "act/worker_thread.h"
#include "app/queue_counts.h"
#include "decide/directory.h"
#include "decide/figures.h"
#include "decide/ports.h"
#include "store/figure_store.h"
#include "web/figures.h"

namespace sekimori::app {

struct FigureParts {
  store::FigureStore& store;
  decide::AccountStore& accounts;
  std::string journal_directory;
  HashKey key{};
  Duration retention = days(100);
  Duration sign_in_retention = days(400);
  web::EncryptionDesk& encryption;
  act::LoginQueue& queue;
  // What Dovecot counts: bytes used and allowed (0: it sets none). nullopt: it is away, or does
  // not.
  std::function<std::optional<std::pair<std::uint64_t, std::uint64_t>>(const std::string& account)>
      mailbox_use;
  std::function<std::uint64_t()> last_sequence;  // of the journal
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<void(std::string_view)> log;
};

// Any thread; start() and stop() from one.
class FigureService : public web::FigureDesk {
 public:
  explicit FigureService(FigureParts parts)
      : parts_(std::move(parts)), fold_(parts_.key), queue_counts_(parts_.queue, parts_.log) {}
  ~FigureService() override { stop(); }

  Result<web::FigureSeries> figures(std::string_view address, const web::FigureQuery&) override;
  Result<web::IncidentGlance> glance(std::string_view account, Instant from,
                                     Instant until) override;
  Result<web::Page<decide::SignInRow>> sign_ins(std::string_view address, std::size_t offset,
                                                std::size_t limit) override;

  Result<web::MailboxUse> mailbox(std::string_view address) override;
  std::shared_ptr<const web::QueuedMail> queued() override { return queue_counts_.get(); }
  web::EncryptionDesk& encryption() override { return parts_.encryption; }

  void start();
  void stop();
  // "" or why the figures stand still.
  [[nodiscard]] std::string trouble() const;

 private:
  [[nodiscard]] Result<std::string> account_of(std::string_view address);
  // Counts a batch of what the journal has; false: it has no more.
  Result<bool> count();
  act::WorkerThread::Clock::time_point work();  // until when to sleep

  FigureParts parts_;
  decide::FigureFold fold_;  // of the thread
  mutable std::mutex trouble_mutex_;
  std::string trouble_;
  Instant next_prune_;        // the thread's own
  QueueCounts queue_counts_;  // has a thread of its own
  act::WorkerThread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::app
