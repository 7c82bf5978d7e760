// Lets Dovecot's users in while the daemon is dead.
//
// A daemon that is gone refuses the connection, and Dovecot 2.3 answers that with pauses that
// double up to a minute: sign-ins that come together then wait far beyond every timeout (19 to 60 s
// were measured). So a small process beside the helper, of the daemon's user, listens in the
// daemon's place and answers "let in" at once; what is suspended stays closed through guard.db,
// which Dovecot reads itself. It learns nothing and keeps nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"

namespace sekimori::app {

// Whether a process lives, told by a lock that ends with it, however it ends.
class LifeSign {
 public:
  enum class Of : std::uint8_t { daemon, stand_in };
  // For the process itself. Errors: operating (another one lives on this state; no rights).
  [[nodiscard]] static Result<LifeSign> take(const config::Settings& settings, Of of);
  // For everybody else: false also when there never was one.
  [[nodiscard]] static bool is_given(const config::Settings& settings, Of of);

  LifeSign(LifeSign&& other) noexcept;
  LifeSign& operator=(LifeSign&&) = delete;
  LifeSign(const LifeSign&) = delete;
  LifeSign& operator=(const LifeSign&) = delete;
  ~LifeSign();

 private:
  explicit LifeSign(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Starts the process, which ends with this one, and a keeper beside it that starts it again when it
// dies alone. To be called before there are threads, and with
// SIGTERM and SIGINT not blocked. Errors: operating.
[[nodiscard]] Result<void> start_stand_in(const config::Settings& settings,
                                          const std::function<void(std::string_view)>& log);

}  // namespace sekimori::app
