// Asks blacklists over c-ares, within whatever event loop its thread runs: one descriptor to watch,
// one time to wake at. Never blocks, starts no thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/blacklist.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "serve/dnsbl_board.h"

namespace sekimori::serve {

// One thread's; the board outlives it.
class DnsblClient {
 public:
  // In the order of the board's lists. Lists that are not asked are unknown.
  using Answers = std::vector<ListAnswer>;
  using Done = std::function<void(const Answers&)>;

  // Errors: operating (no descriptor, a server's address that c-ares refuses).
  [[nodiscard]] static Result<std::unique_ptr<DnsblClient>> open(DnsblBoard& board);
  // Those who wait are not told.
  ~DnsblClient();
  DnsblClient(const DnsblClient&) = delete;
  DnsblClient& operator=(const DnsblClient&) = delete;

  // What is known of the address now, or nullptr: then `done` is called once, from process(), at
  // the last answer or at the deadline, whichever comes first. Answers that come later are
  // remembered. Valid until the next call.
  [[nodiscard]] const Answers* ask(const IpAddress& ip, Done done);
  // A question about `name` to no list of the board's, for tests of lists: unknown where no answer
  // came. `list` reads the codes.
  void ask_name(const std::string& name, const Blacklist& list,
                std::function<void(const ListAnswer&)> done);

  // Readable when process() has something to do.
  [[nodiscard]] int descriptor() const;
  // In how many milliseconds process() must be called at the latest; -1: nothing is under way.
  [[nodiscard]] int wait_ms() const;
  void process();

  [[nodiscard]] std::size_t remembered() const;
  [[nodiscard]] std::size_t pending() const;

 private:
  struct Impl;
  explicit DnsblClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::serve
