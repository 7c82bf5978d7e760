#include "app/cli_helper.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <charconv>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "act/helper_client.h"
#include "base/hash.h"

namespace sekimori::app {
namespace {

// Time for the child to bind its socket; it does nothing else before.
constexpr std::chrono::seconds k_start_deadline{5};

std::string folder_for_socket() {
  for (const char* base : {"/run", "/tmp"}) {
    std::string pattern = fmt::format("{}/sekimori-helper.XXXXXX", base);
    // 0700 and root's: nobody can put another socket there, and the daemon's user, who is to reach
    // it, gets the right to pass.
    if (::mkdtemp(pattern.data()) != nullptr && ::chmod(pattern.c_str(), 0711) == 0) return pattern;
  }
  return "";
}

// The child: serves until its parent lets go of the lifeline.
[[noreturn]] void run_child(const helper::HelperOptions& options, const std::string& folder,
                            int lifeline) {
  std::thread([lifeline] {
    char byte = 0;
    while (::read(lifeline, &byte, 1) < 0 && errno == EINTR) {
    }
    ::kill(::getpid(), SIGTERM);
  }).detach();
  const int code = helper::run_helper(options);
  ::rmdir(folder.c_str());
  ::_exit(code);
}

}  // namespace

helper::HelperOptions helper_options(const config::Settings& settings) {
  helper::HelperOptions options;
  options.socket_path = settings.helper.socket;
  options.user = settings.server.user;
  options.postfix_config_directory = settings.postfix.config_directory;
  options.postfix_command_directory = settings.postfix.command_directory;
  options.command_timeout = settings.postfix.command_timeout;
  options.show_subjects = settings.postfix.show_subjects;
  options.firewall.enabled = settings.firewall.enabled;
  options.firewall.table = settings.firewall.table;
  options.firewall.size = static_cast<std::uint32_t>(settings.firewall.size);
  for (const std::string& text : settings.firewall.ports) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error == std::errc() && end == text.data() + text.size() && port != 0) {
      options.firewall.ports.push_back(port);
    }
  }
  // A second Postfix on one machine has a memory of its own.
  if (options.postfix_config_directory != "/etc/postfix") {
    options.state_file = fmt::format("/var/lib/sekimori-helper/sending_stopped-{:016x}.json",
                                     keyed_hash(HashKey{}, options.postfix_config_directory));
  }
  return options;
}

bool helper_answers(const std::string& socket) {
  act::HelperClient client(socket, seconds(3));
  return client.ping().has_value();
}

Result<StandInHelper> StandInHelper::start(const config::Settings& settings) {
  if (::geteuid() != 0) return operating_failure("the helper is not running, and this needs root");
  const std::string folder = folder_for_socket();
  if (folder.empty()) return operating_failure("no folder for the helper's socket could be made");
  StandInHelper made;
  made.socket_ = folder + "/helper.sock";
  helper::HelperOptions options = helper_options(settings);
  options.socket_path = made.socket_;
  options.log = [](std::string_view) {};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return operating_failure(std::strerror(errno));
  // Blocked before the child has a second thread: run_helper takes them from a signalfd.
  sigset_t ending;
  sigset_t before;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ending, &before);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[1]);
    // Ctrl-C is for the command; the helper finishes what it was asked and then sees the lifeline.
    ::setpgid(0, 0);
    run_child(options, folder, ends[0]);
  }
  const int why = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[0]);
  made.lifeline_ = ends[1];
  if (child < 0) return operating_failure(fmt::format("no helper process: {}", std::strerror(why)));
  const auto deadline = std::chrono::steady_clock::now() + k_start_deadline;
  while (std::chrono::steady_clock::now() < deadline) {
    if (helper_answers(made.socket_)) return made;
    ::poll(nullptr, 0, 20);
  }
  return operating_failure("the stand-in helper did not come up");
}

StandInHelper::StandInHelper(StandInHelper&& other) noexcept
    : socket_(std::move(other.socket_)), lifeline_(std::exchange(other.lifeline_, -1)) {}

StandInHelper::~StandInHelper() {
  if (lifeline_ >= 0) ::close(lifeline_);
}

}  // namespace sekimori::app
