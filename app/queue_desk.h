// An account's mail in Postfix's queue as people see it and work with it: list, hold, let go,
// delete. Only what a login of the account handed in is touched; mail to the account, and others'
// mail, never.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "act/login_queue.h"
#include "app/hold_ending.h"
#include "app/state_writer.h"
#include "base/result.h"
#include "decide/engine.h"
#include "decide/ports.h"
#include "web/control.h"

namespace sekimori::app {

struct QueueDeskParts {
  act::LoginQueue& queue;
  decide::Hands& hands;
  decide::Engine& engine;
  StateWriter& writer;
  decide::StateStore& reader;
  std::function<Instant()> now;
};

// Any thread. A call lasts as long as Postfix needs to list its queue twice, and up to 25 seconds
// of work after that; with 100,000 messages queued some 30 MB are kept meanwhile.
class QueueDesk {
 public:
  explicit QueueDesk(QueueDeskParts parts);

  // Errors: operating (helper or Postfix), bad_input (subjects are not allowed).
  [[nodiscard]] Result<web::AccountQueue> list(const std::string& account,
                                               const web::QueueQuery& query);
  // Whatever is done is written down first (hold) or told to the engine and written down after
  // (release, delete), and audited. Errors: as above, where nothing was done; what failed later is
  // counted.
  [[nodiscard]] Result<web::QueueReport> change(const std::string& account,
                                                const web::QueueOrder& order,
                                                const web::Caller& by);

 private:
  [[nodiscard]] std::uint64_t incident_of(const std::string& account) const;
  using Queued = act::LoginQueue::Queued;
  using Records = std::unordered_map<std::string, decide::HeldMessage>;
  // What the database has on messages of the account that are held.
  Result<Records> records_of(const std::string& account);
  Result<void> hold(const std::string& account, const std::vector<Queued>& batch,
                    const web::QueueOrder& order, const web::Caller& by);
  Result<void> end(const std::string& account, const std::vector<Queued>& batch,
                   const Records& records, bool release, const web::Caller& by);

  QueueDeskParts parts_;
  HoldEnding ending_;
};

}  // namespace sekimori::app
