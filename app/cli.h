// The command line: what a person or a script types, carried out.
#pragma once

namespace sekimori::app {

// How a command ended, for scripts.
enum class Exit : int {
  done = 0,
  refused = 1,  // refused, not found, or not possible now
  usage = 2,    // the command line itself is wrong
  in_part = 3,  // done in part; the output says which part
};

// Runs the program and returns its exit status. Called once, from main().
[[nodiscard]] int run_cli(int argc, char** argv);

}  // namespace sekimori::app
