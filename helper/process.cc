#include "helper/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

namespace sekimori::helper {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t k_output_max = std::size_t{1} << 20;
constexpr std::size_t k_complaint_max = 4096;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

bool make_pipe(Fd& reader, Fd& writer) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  reader = Fd(ends[0]);
  writer = Fd(ends[1]);
  return true;
}

void set_nonblocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

// One running program. Its destructor kills and reaps, so that nothing outlives its caller.
class Running {
 public:
  explicit Running(const Command& command) : command_(command) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { kill_and_reap(); }

  Result<void> start();
  // The ends to poll; entries of closed ones are -1.
  [[nodiscard]] std::array<pollfd, 3> wanted() const {
    const bool writing = in_.get() >= 0;
    return {pollfd{writing ? in_.get() : -1, POLLOUT, 0}, pollfd{out_.get(), POLLIN, 0},
            pollfd{err_.get(), POLLIN, 0}};
  }
  void handle(const std::array<pollfd, 3>& ready);
  // True once all its ends are closed or it was stopped: finish() then waits for its end.
  [[nodiscard]] bool is_over() const {
    return outcome_.stopped || (out_.get() < 0 && err_.get() < 0);
  }
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
  // Waits for the end until the deadline. Errors: operating when it had to be killed.
  Result<Outcome> finish();

 private:
  void kill_and_reap();
  void feed();
  void read_output();
  void read_complaint();

  const Command& command_;
  Fd in_, out_, err_;
  std::size_t written_ = 0;
  pid_t pid_ = -1;
  Clock::time_point deadline_;
  Outcome outcome_;
};

Result<void> Running::start() {
  deadline_ = Clock::now() + std::chrono::microseconds(command_.deadline.us);
  Fd child_in;
  Fd child_out;
  Fd child_err;
  if (!make_pipe(child_in, in_) || !make_pipe(out_, child_out) || !make_pipe(err_, child_err)) {
    return operating_failure(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  set_nonblocking(in_.get());
  set_nonblocking(out_.get());
  set_nonblocking(err_.get());

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, child_in.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, child_out.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, child_err.get(), 2);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words;
  words.push_back(command_.program);
  words.insert(words.end(), command_.arguments.begin(), command_.arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<std::string, 2> variables{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"};
  std::array<char*, 3> environment{variables[0].data(), variables[1].data(), nullptr};
  const int error = ::posix_spawn(&pid_, command_.program.c_str(), &actions, &attributes,
                                  argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    pid_ = -1;
    return operating_failure(
        fmt::format("cannot start {}: {}", command_.program, std::strerror(error)));
  }
  feed();
  return {};
}

void Running::feed() {
  while (in_.get() >= 0 && written_ < command_.input.size()) {
    const ssize_t n =
        ::write(in_.get(), command_.input.data() + written_, command_.input.size() - written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) break;  // it closed its stdin; its exit code tells
    written_ += static_cast<std::size_t>(n);
  }
  in_.close();
}

void Running::read_output() {
  std::array<char, 65536> buffer;
  while (out_.get() >= 0) {
    const ssize_t n = ::read(out_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return out_.close();
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(n));
    if (command_.on_output) {
      if (!command_.on_output(piece)) {
        outcome_.stopped = true;
        return;
      }
    } else if (outcome_.output.size() < k_output_max) {
      outcome_.output.append(piece.substr(0, k_output_max - outcome_.output.size()));
    }
  }
}

void Running::read_complaint() {
  std::array<char, 4096> buffer;
  while (err_.get() >= 0) {
    const ssize_t n = ::read(err_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return err_.close();
    outcome_.complaint.append(buffer.data(), static_cast<std::size_t>(n));
    if (outcome_.complaint.size() > k_complaint_max) {
      outcome_.complaint.erase(0, outcome_.complaint.size() - k_complaint_max);
    }
  }
}

void Running::handle(const std::array<pollfd, 3>& ready) {
  if (ready[0].revents != 0) feed();
  if (ready[1].revents != 0) read_output();
  if (ready[2].revents != 0) read_complaint();
}

Result<Outcome> Running::finish() {
  if (outcome_.stopped) {
    kill_and_reap();
    return std::move(outcome_);
  }
  // Its output has ended, so it is about to; a program that lingers is held to the deadline.
  while (pid_ > 0) {
    int status = 0;
    const pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == pid_) {
      pid_ = -1;
      if (WIFEXITED(status)) outcome_.exit_code = WEXITSTATUS(status);
      return std::move(outcome_);
    }
    if (got < 0 && errno != EINTR) break;
    if (Clock::now() >= deadline_) {
      kill_and_reap();
      return operating_failure(fmt::format("{} did not end in time", command_.program));
    }
    ::poll(nullptr, 0, 1);
  }
  return operating_failure(fmt::format("{} was lost", command_.program));
}

void Running::kill_and_reap() {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace

Result<std::vector<Outcome>> run_all(const std::vector<Command>& commands, std::size_t parallel) {
  std::vector<Outcome> outcomes(commands.size());
  std::vector<std::pair<std::size_t, std::unique_ptr<Running>>> running;
  std::size_t next = 0;
  while (next < commands.size() || !running.empty()) {
    while (next < commands.size() && running.size() < parallel) {
      auto program = std::make_unique<Running>(commands[next]);
      if (auto started = program->start(); !started) return std::unexpected(started.error());
      running.emplace_back(next++, std::move(program));
    }
    std::vector<pollfd> polled;
    Clock::time_point deadline = Clock::time_point::max();
    for (const auto& [index, program] : running) {
      const auto wanted = program->wanted();
      polled.insert(polled.end(), wanted.begin(), wanted.end());
      deadline = std::min(deadline, program->deadline());
    }
    const int cancel_fd = commands.front().cancel_fd;
    polled.push_back({cancel_fd, POLLIN, 0});
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      return operating_failure(
          fmt::format("{} did not end in time", commands[running.front().first].program));
    }
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::min<long>(left + 1, 60000))) <
            0 &&
        errno != EINTR) {
      return operating_failure(fmt::format("poll: {}", std::strerror(errno)));
    }
    if (polled.back().revents != 0) return operating_failure("the helper is ending");
    for (std::size_t i = 0; i < running.size(); ++i) {
      running[i].second->handle({polled[i * 3], polled[i * 3 + 1], polled[i * 3 + 2]});
    }
    for (std::size_t i = running.size(); i-- > 0;) {
      if (!running[i].second->is_over()) continue;
      auto outcome = running[i].second->finish();
      if (!outcome) return std::unexpected(outcome.error());
      outcomes[running[i].first] = std::move(*outcome);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return outcomes;
}

Result<Outcome> run(const Command& command) {
  auto outcomes = run_all({command}, 1);
  if (!outcomes) return std::unexpected(outcomes.error());
  return std::move(outcomes->front());
}

}  // namespace sekimori::helper
