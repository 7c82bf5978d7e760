// Asks the privileged helper (helper/protocol.h). Blocking, with a deadline for each request.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "decide/ports.h"

namespace sekimori::act {

// Threads: any; requests of several threads take turns. A broken connection is made anew and the
// request repeated once, since every request may be done twice. Errors: bad_input (an id that is
// none; retrying is useless), operating (helper gone, late, Postfix failed), not_found.
class HelperClient {
 public:
  HelperClient(std::string socket_path, Duration timeout);
  ~HelperClient();
  HelperClient(const HelperClient&) = delete;
  HelperClient& operator=(const HelperClient&) = delete;

  [[nodiscard]] Result<void> ping();
  // Any number of ids; sent in batches, each with its own deadline.
  [[nodiscard]] Result<void> hold(std::span<const std::string> ids);
  // Postfix works on qmgr_message_active_limit messages at a time, and when that is full
  // everybody's new mail waits: at most half of it is filled. Waits for room up to ten seconds a
  // thousand; then operating, with what was let go so far on its way.
  [[nodiscard]] Result<void> release(std::span<const std::string> ids);
  [[nodiscard]] Result<void> requeue(std::span<const std::string> ids);
  // Returns how many were kept because they were not the message that was meant.
  [[nodiscard]] Result<std::uint64_t> remove(std::span<const decide::QueueTarget> targets);
  // Each message of the queue as a line of postqueue -j; false ends the listing.
  [[nodiscard]] Result<void> list(const std::function<bool(std::string_view)>& each);
  [[nodiscard]] Result<std::string> sasl_login(std::string_view id);
  // Its Subject header as it stands in the message (not decoded, unfolded).
  [[nodiscard]] Result<std::string> subject(std::string_view id);
  [[nodiscard]] Result<void> stop_sending(bool on);

  // ---- bans in the firewall ----
  struct Ban {
    IpNetwork network;
    std::uint32_t seconds = 0;  // 0: until removed
  };
  [[nodiscard]] Result<void> firewall_begin();
  [[nodiscard]] Result<void> firewall_state();
  [[nodiscard]] Result<void> firewall_end();
  // Single addresses and /64 of IPv6, any number.
  [[nodiscard]] Result<void> firewall_add(std::span<const Ban> bans);
  [[nodiscard]] Result<void> firewall_remove(std::span<const IpNetwork> networks);
  // In place of all networks.
  [[nodiscard]] Result<void> firewall_networks(std::span<const Ban> bans);

 private:
  struct Answer;
  [[nodiscard]] Result<void> firewall(std::string_view what, std::string_view rest);
  using OnLine = std::function<bool(std::string_view)>;
  [[nodiscard]] Result<Answer> ask(const std::string& request, const OnLine& on_line = {});
  [[nodiscard]] Result<void> ask_in_batches(std::string_view op, std::span<const std::string> ids);
  [[nodiscard]] Result<std::size_t> room_for(std::size_t wanted);
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<std::string> exchange(const std::string& request, const OnLine& on_line,
                                             bool& heard, bool& ended);
  void disconnect();

  const std::string path_;
  const Duration timeout_;
  std::mutex mutex_;
  int fd_ = -1;
};

}  // namespace sekimori::act
