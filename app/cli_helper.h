// The privileged helper as the command line starts it: for good (`sekimori helper`), or as a
// stand-in for one command when it is dead.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "config/settings.h"
#include "helper/helper.h"

namespace sekimori::app {

[[nodiscard]] helper::HelperOptions helper_options(const config::Settings& settings);

// A helper of one command's own, in a child process on a socket of its own. Needs root. It ends
// with this object, and with this process however that ends.
class StandInHelper {
 public:
  // Call before any thread is made. Errors: operating (not root, no process, it did not come up).
  [[nodiscard]] static Result<StandInHelper> start(const config::Settings& settings);
  StandInHelper(StandInHelper&& other) noexcept;
  StandInHelper& operator=(StandInHelper&&) = delete;
  ~StandInHelper();
  [[nodiscard]] const std::string& socket() const { return socket_; }

 private:
  StandInHelper() = default;
  std::string socket_;
  int lifeline_ = -1;  // closing it ends the child
};

// Does a helper answer on this socket?
[[nodiscard]] bool helper_answers(const std::string& socket);

}  // namespace sekimori::app
