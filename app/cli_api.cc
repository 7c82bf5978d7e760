#include "app/cli_api.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "app/cli_helper.h"
#include "app/installation.h"
#include "app/world.h"
#include "web/api.h"
#include "web/client.h"

namespace sekimori::app {
namespace {

class RemoteApi : public Api {
 public:
  explicit RemoteApi(const std::string& socket) : client_(client_settings(socket)) {}
  Result<Answer> call(std::string_view method, std::string_view target,
                      std::string_view body) override {
    auto response = client_.call(method, target, body);
    if (!response) return std::unexpected(response.error());
    return Answer{response->status, std::move(response->body)};
  }
  Result<Answer> send_lines(std::string_view target, std::string_view lines) override {
    auto response = client_.call("POST", target, lines, "application/x-ndjson");
    if (!response) return std::unexpected(response.error());
    return Answer{response->status, std::move(response->body)};
  }

 private:
  static web::ClientSettings client_settings(const std::string& socket) {
    web::ClientSettings settings;
    settings.unix_socket = socket;
    // release-all may move thousands of messages.
    settings.timeout = minutes(10);
    return settings;
  }
  web::Client client_;
};

std::string login_name() {
  if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr) return entry->pw_name;
  return fmt::format("uid{}", ::getuid());
}

class LocalApi : public Api {
 public:
  LocalApi(const std::string& who, std::optional<StandInHelper> helper,
           std::unique_ptr<World> world)
      : helper_(std::move(helper)), world_(std::move(world)) {
    caller_.who = "cli:" + who;
    caller_.authorised = true;
    caller_.may_read_metrics = true;
  }
  Result<Answer> call(std::string_view method, std::string_view target,
                      std::string_view body) override {
    return ask(method, target, body, "application/json");
  }
  Result<Answer> send_lines(std::string_view target, std::string_view lines) override {
    return ask("POST", target, lines, "application/x-ndjson");
  }
  Result<void> keep() override { return world_->snapshot(); }
  [[nodiscard]] bool in_process() const override { return true; }
  std::size_t finish() override {
    // Each round may make the next ones due (a guard row before the sessions' end).
    constexpr int k_rounds_max = 100;
    std::size_t open = 0;
    for (int round = 0; round < k_rounds_max; ++round) {
      const Instant now = system_now();
      const auto report = world_->executor->run_once(now);
      open = report.open;
      // Ended early, to look whether something more urgent came: there is no loop here but this
      // one.
      const bool is_cut_short = report.next && *report.next <= now;
      if (!is_cut_short && (report.open == 0 || report.done + report.skipped == 0)) break;
    }
    // People are told now, daemon or not; what fails waits for the daemon.
    (void)world_->notifier->run_once(system_now());
    return open;
  }

 private:
  Answer ask(std::string_view method, std::string_view target, std::string_view body,
             std::string_view media) {
    web::ApiRequest request;
    request.method = web::parse_method(method);
    request.target = target;
    request.content_type = body.empty() ? "" : media;
    request.body = body;
    auto response =
        web::handle(request, *world_->control, caller_, nullptr, world_->sign_ins.get());
    return {response.status, std::move(response.body)};
  }

  std::optional<StandInHelper> helper_;  // outlives the world, which talks to it
  std::unique_ptr<World> world_;
  web::Caller caller_;
};

Result<std::unique_ptr<Api>> open_local(const config::Settings& settings) {
  const std::string who = login_name();
  config::Settings own = settings;
  std::optional<StandInHelper> helper;
  if (::geteuid() == 0 && !helper_answers(settings.helper.socket)) {
    auto started = StandInHelper::start(settings);
    // Without one, what needs the queue waits for the next helper.
    if (started) {
      own.helper.socket = started->socket();
      helper.emplace(std::move(*started));
    }
  }
  if (auto done = become_user(settings.server.user); !done) return std::unexpected(done.error());
  auto world = World::open(std::move(own), [](std::string_view) {});
  if (!world) {
    return operating_failure(fmt::format(
        "the daemon is not running, and its files cannot be opened: {}", world.error().text));
  }
  return std::make_unique<LocalApi>(who, std::move(helper), std::move(*world));
}

}  // namespace

DaemonState daemon_state(const config::Settings& settings) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = settings.web.control_socket;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return DaemonState::dead;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return DaemonState::dead;
  const int done = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int why = errno;
  ::close(fd);
  if (done == 0) return DaemonState::alive;
  return why == EACCES || why == EPERM ? DaemonState::forbidden : DaemonState::dead;
}

Result<std::unique_ptr<Api>> Api::connect(const config::Settings& settings) {
  switch (daemon_state(settings)) {
    case DaemonState::alive: return std::make_unique<RemoteApi>(settings.web.control_socket);
    case DaemonState::forbidden:
      return operating_failure(fmt::format("{}: only root and {} may use it (try sudo)",
                                           settings.web.control_socket, settings.server.user));
    case DaemonState::dead: break;
  }
  return open_local(settings);
}

}  // namespace sekimori::app
