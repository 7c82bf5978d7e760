// Stands in for the daemon on its own listeners while attach tries the levers: counts what Postfix
// and Dovecot ask and answers that nothing stands against it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/listen_address.h"
#include "base/result.h"

namespace sekimori::app {

class TrialListener {
 public:
  enum class Speaks { postfix_policy, dovecot_policy };
  // Errors: operating (somebody else listens there).
  [[nodiscard]] static Result<std::unique_ptr<TrialListener>> open(const ListenAddress& at,
                                                                   Speaks speaks);
  ~TrialListener();
  TrialListener(const TrialListener&) = delete;
  TrialListener& operator=(const TrialListener&) = delete;
  // Whole questions so far. Any thread.
  [[nodiscard]] std::uint64_t questions() const { return questions_.load(); }

 private:
  TrialListener(int listener, Speaks speaks) : listener_(listener), speaks_(speaks) {}
  void run();
  // Answers what is whole in `text` and takes it out; false: the peer sent what is no question.
  bool answer(int peer, std::string& text);

  int listener_;
  Speaks speaks_;
  std::atomic<std::uint64_t> questions_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sekimori::app
