// web::FigureDesk over its store, and the thread that reads the journal behind the decisions and
// counts (decide/figures.h). The decision path does not know of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

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
  std::function<std::uint64_t()> last_sequence;  // of the journal
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<void(std::string_view)> log;
};

// Any thread; start() and stop() from one.
class FigureService : public web::FigureDesk {
 public:
  explicit FigureService(FigureParts parts) : parts_(std::move(parts)), fold_(parts_.key) {}
  ~FigureService() override { stop(); }

  Result<web::FigureSeries> figures(std::string_view address, const web::FigureQuery&) override;
  Result<web::Page<decide::SignInRow>> sign_ins(std::string_view address, std::size_t offset,
                                                std::size_t limit) override;

  void start();
  void stop();
  // "" or why the figures stand still.
  [[nodiscard]] std::string trouble() const;

 private:
  [[nodiscard]] Result<std::string> account_of(std::string_view address);
  // Counts a batch of what the journal has; false: it has no more.
  Result<bool> count();
  void run(const std::stop_token& stop);

  FigureParts parts_;
  decide::FigureFold fold_;  // of the thread
  mutable std::mutex trouble_mutex_;
  std::string trouble_;
  std::mutex wake_mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last
};

}  // namespace sekimori::app
