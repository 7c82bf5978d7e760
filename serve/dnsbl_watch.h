// Tests each blacklist at the start, every hour and in doubt (RFC 5782 §5): it must list 127.0.0.2
// and must not list 127.0.0.1, and the same for its IPv6 test points. One that does otherwise, or
// does not answer, is not asked until a later test finds it well.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "base/instant.h"
#include "base/result.h"
#include "serve/dnsbl_board.h"
#include "serve/dnsbl_client.h"

namespace sekimori::serve {

// What the four answers of a test mean.
struct DnsblProof {
  ListAnswer listed;     // 127.0.0.2
  ListAnswer clean;      // 127.0.0.1
  ListAnswer listed_v6;  // ::FFFF:7F00:2
  ListAnswer clean_v6;   // ::FFFF:7F00:1
};
struct DnsblFinding {
  DnsblHealth health = DnsblHealth::good;
  bool v6 = false;
  Text words;  // empty where it is good
};
[[nodiscard]] DnsblFinding judge_dnsbl(const Blacklist& list, const DnsblProof& proof);

class DnsblWatch {
 public:
  // The board outlives it; `changed` is told of each list whose health changed, on the watch's own
  // thread.
  DnsblWatch(DnsblBoard& board, std::function<Instant()> now,
             std::function<void(const Blacklist&, const DnsblFinding&)> changed);
  ~DnsblWatch();  // stops
  DnsblWatch(const DnsblWatch&) = delete;
  DnsblWatch& operator=(const DnsblWatch&) = delete;

  // Errors: operating, as DnsblClient::open().
  [[nodiscard]] Result<void> start();
  void stop();
  // Tests soon; any thread.
  void doubt() const;

 private:
  void run();
  [[nodiscard]] bool test_all();  // false: some list is not well
  void wait(std::int64_t until_ms);

  DnsblBoard& board_;
  std::function<Instant()> now_;
  std::function<void(const Blacklist&, const DnsblFinding&)> changed_;
  std::unique_ptr<DnsblClient> client_;
  std::thread thread_;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  mutable std::atomic<bool> doubted_{false};
};

}  // namespace sekimori::serve
