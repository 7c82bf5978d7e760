// Runs one of Postfix's programs: fixed path, arguments without a shell, empty environment, bounded
// output, a deadline after which the whole process group is killed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"

namespace sekimori::helper {

struct Command {
  std::string program;                 // absolute path
  std::vector<std::string> arguments;  // without argv[0]
  std::string input;                   // for its stdin
  Duration deadline = seconds(60);
  // Called with each piece of its stdout; false ends the program (it is killed, which is no error).
  // Empty: stdout is kept in Outcome::output, up to 1 MiB.
  std::function<bool(std::string_view)> on_output = {};
  int cancel_fd = -1;  // readable = give up at once; -1: none
};

struct Outcome {
  int exit_code = -1;    // -1: killed by a signal
  bool stopped = false;  // on_output said so
  std::string output;
  std::string complaint;  // the last 4 KiB of stderr
};

// Blocks until the program has ended and was reaped. Any thread.
// Errors: operating when it could not start, ran out of time or was cancelled.
[[nodiscard]] Result<Outcome> run(const Command& command);

// The same for several programs at once, at most `parallel` running together; outcomes in order.
[[nodiscard]] Result<std::vector<Outcome>> run_all(const std::vector<Command>& commands,
                                                   std::size_t parallel);

}  // namespace sekimori::helper
