#include "app/stand_in.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/installation.h"
#include "decide/engine.h"
#include "serve/auth_policy_server.h"
#include "serve/directory_cell.h"
#include "serve/server_metrics.h"

namespace sekimori::app {
namespace {

// How often it looks whether the daemon lives: a sign-in meets a closed door for so long at most,
// and a daemon that starts waits so long for its port.
constexpr long k_look_ns = 50'000'000;

// A stand-in that died is started again after so long: one that cannot live costs little then.
constexpr long k_again_s = 1;

std::string place_of(const config::Settings& settings, LifeSign::Of of) {
  return settings.server.state_dir +
         (of == LifeSign::Of::daemon ? "/serve.lock" : "/stand-in.lock");
}

// The daemon's listener of sign-ins with an engine that knows nobody and lets everybody in.
class OpenDoor {
 public:
  explicit OpenDoor(const config::Settings& settings)
      : engine_(small(), nullptr, nullptr), desk_(engine_, metrics_, {}) {
    engine_.set_bypass(true);
    for (const auto* list : {&settings.auth_policy.listen, &settings.events.listen}) {
      for (const auto& text : *list) {
        auto address = ListenAddress::parse(text);
        if (!address) continue;
        if (std::ranges::find(options_.listen, *address) == options_.listen.end()) {
          options_.listen.push_back(std::move(*address));
        }
      }
    }
    options_.connections_max = static_cast<std::size_t>(settings.auth_policy.connections_max);
  }

  [[nodiscard]] bool is_open() const { return server_ != nullptr; }
  Result<void> open() {
    auto server = std::make_unique<serve::AuthPolicyServer>(desk_, directory_, system_now, metrics_,
                                                            options_);
    if (auto done = server->start(); !done) return done;
    server_ = std::move(server);
    return {};
  }
  void close() { server_.reset(); }

 private:
  static decide::EngineSettings small() {
    decide::EngineSettings settings;
    settings.detect.contact_filter_bytes = 1024;
    settings.detect.accounts_max = 64;
    return settings;
  }

  decide::Engine engine_;
  serve::ServerMetrics metrics_;
  serve::AuthDesk desk_;
  serve::DirectoryCell directory_;
  serve::AuthPolicyServerOptions options_;
  std::unique_ptr<serve::AuthPolicyServer> server_;
};

// Until SIGTERM or SIGINT, which are blocked.
void stand_by(const config::Settings& settings, const std::function<void(std::string_view)>& log) {
  OpenDoor door(settings);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  std::string trouble;
  std::optional<LifeSign> mine;  // health looks for it
  while (true) {
    // Before the daemon's first start its folder may not be there yet.
    if (!mine) {
      if (auto taken = LifeSign::take(settings, LifeSign::Of::stand_in); taken) {
        mine.emplace(std::move(*taken));
      }
    }
    const bool alive = LifeSign::is_given(settings, LifeSign::Of::daemon);
    if (alive && door.is_open()) {
      door.close();
      log("the daemon answers Dovecot again");
    } else if (!alive && !door.is_open() &&
               ::access(place_of(settings, LifeSign::Of::daemon).c_str(), F_OK) == 0) {
      // Before the first start ever there is nobody to stand in for.
      if (auto opened = door.open(); opened) {
        log("the daemon is dead: Dovecot is told to let in, suspended accounts stay closed");
        trouble.clear();
      } else if (std::exchange(trouble, opened.error().text) != opened.error().text) {
        log(fmt::format("the daemon is dead, and nobody answers Dovecot: {}", trouble));
      }
    }
    const timespec look{0, k_look_ns};
    if (::sigtimedwait(&ending, nullptr, &look) > 0) return;
  }
}

// Ends, and is ended with its parent, whatever ends that.
bool dies_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  return ::getppid() == parent;
}

// Keeps one stand-in alive until SIGTERM or SIGINT, which are blocked. Has no threads, so that it
// may fork.
void keep(const config::Settings& settings, const std::function<void(std::string_view)>& log) {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigset_t awaited = ending;
  sigaddset(&awaited, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &awaited, nullptr);
  const pid_t self = ::getpid();
  while (true) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_NAME, "sekimori-stand");
      if (dies_with(self)) stand_by(settings, log);
      ::_exit(0);
    }
    if (child < 0) {
      log(fmt::format("no stand-in process: {}", std::strerror(errno)));
    } else {
      int status = 0;
      while (::waitpid(child, &status, WNOHANG) == 0) {
        const int got = ::sigwaitinfo(&awaited, nullptr);
        if (got == SIGTERM || got == SIGINT) {
          ::kill(child, SIGTERM);
          ::waitpid(child, &status, 0);
          return;
        }
      }
      log(WIFSIGNALED(status)
              ? fmt::format("the stand-in was ended by signal {}; started again", WTERMSIG(status))
              : std::string("the stand-in ended; started again"));
    }
    const timespec pause{k_again_s, 0};
    if (::sigtimedwait(&ending, nullptr, &pause) > 0) return;
  }
}

}  // namespace

Result<LifeSign> LifeSign::take(const config::Settings& settings, Of of) {
  const std::string place = place_of(settings, of);
  const int fd = ::open(place.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return operating_failure(fmt::format("{}: {}", place, std::strerror(errno)));
  // A look of the stand-in holds it for a moment.
  for (int tries = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0; ++tries) {
    const int why = errno;
    if (why == EWOULDBLOCK && tries < 40) {
      const timespec moment{0, k_look_ns / 2};
      ::nanosleep(&moment, nullptr);
      continue;
    }
    ::close(fd);
    if (why == EWOULDBLOCK) {
      return operating_failure(
          fmt::format("another sekimori {} works on {} already (it holds {}); end that one first",
                      of == Of::daemon ? "serve" : "helper", settings.server.state_dir, place));
    }
    return operating_failure(fmt::format("{}: {}", place, std::strerror(why)));
  }
  return LifeSign(fd);
}

bool LifeSign::is_given(const config::Settings& settings, Of of) {
  const int fd = ::open(place_of(settings, of).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool given = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);  // gives back what it took
  return given;
}

LifeSign::LifeSign(LifeSign&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
LifeSign::~LifeSign() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> start_stand_in(const config::Settings& settings,
                            const std::function<void(std::string_view)>& log) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    return operating_failure(fmt::format("no stand-in process: {}", std::strerror(errno)));
  }
  if (child > 0) return {};
  ::signal(SIGPIPE, SIG_IGN);
  if (auto done = become_user(settings.server.user); !done) {
    log(fmt::format("stand-in: {}", done.error().text));
    ::_exit(1);
  }
  ::prctl(PR_SET_NAME, "sekimori-keep");
  // After the change of user, which forgets it.
  if (dies_with(parent)) keep(settings, log);
  ::_exit(0);
}

}  // namespace sekimori::app
