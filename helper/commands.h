// The fixed set of things the helper does: a request line in, answer lines out.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "helper/firewall.h"
#include "helper/process.h"

namespace sekimori::helper {

struct CommandSettings {
  std::string config_directory;     // postfix -c; fixed at start, never from a client
  std::string command_directory;    // where postsuper and its like are
  std::string state_file;           // what defer_transports was before stop_sending
  Duration deadline = seconds(60);  // of each program
  bool show_subjects = false;       // content of communication: the operator decides
  int cancel_fd = -1;
  Firewall* firewall = nullptr;  // lives as long as the commands; null: there is none
};

// Takes one piece of the answer; false: nobody listens any more.
using Sink = std::function<bool(std::string_view)>;

class Commands {
 public:
  explicit Commands(CommandSettings settings) : settings_(std::move(settings)) {}

  // Carries out one request line (without its newline) and writes the answer, always one line that
  // begins with k_answer_begin, through `sink`. Returns a short line for the log: what was done,
  // and the failure if any. One at a time.
  std::string handle(std::string_view line, const Sink& sink);

 private:
  struct Answer {
    std::string body;  // further members of the answer: `,"key":value`
  };
  struct Target {  // of delete
    std::string id;
    std::string sender;
    std::int64_t arrival = 0;
    bool has_sender = false;
    bool has_arrival = false;
    std::int64_t not_after = 0;
    bool has_not_after = false;
  };
  Result<Answer> dispatch(std::string_view line, const Sink& sink, std::string& said);
  Result<Answer> on_queue(std::string_view flag, const std::vector<std::string>& ids);
  Result<Answer> requeue(const std::vector<std::string>& ids);
  Result<Answer> release(const std::vector<std::string>& ids);
  Result<Answer> room();
  Result<Answer> remove(const std::vector<Target>& targets);
  Result<Answer> list(const Sink& sink);
  Result<Answer> sasl_login(const std::string& id);
  Result<Answer> subject(const std::string& id);
  Result<Answer> stop_sending(bool on);

  [[nodiscard]] Command program(std::string_view name, std::vector<std::string> arguments) const;
  // Runs and demands exit code 0.
  Result<std::string> run_ok(const Command& command) const;
  // Calls `each` with every line of postqueue -j until it says false; returns how many were too
  // long.
  Result<std::size_t> each_listed(const std::function<bool(std::string_view)>& each) const;
  Result<void> set_deferred(const std::string* value) const;  // null: the line is taken out
  Result<void> reload_if_running() const;

  CommandSettings settings_;
};

}  // namespace sekimori::helper
