// The way to the API: the daemon's control socket, or, when no daemon lives, the same code in this
// process over the same files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"

namespace sekimori::app {

class Api {
 public:
  struct Answer {
    int status = 0;
    std::string body;
  };
  virtual ~Api() = default;
  // As web::Client::call.
  [[nodiscard]] virtual Result<Answer> call(std::string_view method, std::string_view target,
                                            std::string_view body = "") = 0;
  // The same with a body of lines (NDJSON).
  [[nodiscard]] virtual Result<Answer> send_lines(std::string_view target,
                                                  std::string_view lines) = 0;
  [[nodiscard]] virtual bool in_process() const { return false; }
  // Carries out what calls left to be done to Postfix and Dovecot (the daemon does that by itself).
  // Returns how many steps still wait; the next daemon does those.
  [[nodiscard]] virtual std::size_t finish() { return 0; }

  // Makes what calls changed durable as a whole (the daemon does that by itself). Errors:
  // operating.
  [[nodiscard]] virtual Result<void> keep() { return {}; }

  // Call before any thread is made; may become server.user for good. Errors: operating, in words
  // for a person.
  [[nodiscard]] static Result<std::unique_ptr<Api>> connect(const config::Settings& settings);
};

// Whether somebody listens on the daemon's control socket.
enum class DaemonState { alive, dead, forbidden };
[[nodiscard]] DaemonState daemon_state(const config::Settings& settings);

}  // namespace sekimori::app
