#include "app/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "app/ban_setup.h"
#include "app/engine_settings.h"
#include "app/installation.h"
#include "app/stand_in.h"
#include "app/timers.h"
#include "app/version.h"
#include "app/world.h"
#include "serve/auth_policy_server.h"
#include "serve/log_follower.h"
#include "serve/log_join.h"
#include "serve/policy_desk.h"
#include "serve/policy_server.h"
#include "serve/wforce_desk.h"
#include "store/files.h"
#include "store/lost_page.h"
#include "web/server.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace {

// One line of log for each thing that happens, RFC 3339 stamps; to standard error, where systemd or
// the lab keeps it, or to a file.
LogLine open_log(const config::Settings& settings) {
  spdlog::drop("sekimori");
  auto logger = settings.log.file.empty() ? spdlog::stderr_logger_mt("sekimori")
                                          : spdlog::basic_logger_mt("sekimori", settings.log.file);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(settings.log.level));
  logger->flush_on(spdlog::level::info);
  return [logger](std::string_view line) {
    logger->info(spdlog::string_view_t(line.data(), line.size()));
  };
}

// Thousands of policy connections need as many descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Result<std::vector<ListenAddress>> addresses(const config::TextList& texts) {
  std::vector<ListenAddress> out;
  for (const auto& text : texts) {
    auto address = ListenAddress::parse(text);
    if (!address) return std::unexpected(address.error());
    out.push_back(std::move(*address));
  }
  return out;
}

unsigned threads_of(std::int64_t setting) {
  if (setting > 0) return static_cast<unsigned>(setting);
  return std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
}

// Two seconds for the stand-in to let go of Dovecot's port.
constexpr int k_port_tries = 80;
constexpr long k_port_pause_ns = 25'000'000;

class Daemon {
 public:
  Daemon(World& world, LogLine log)
      : world_(world),
        log_(std::move(log)),
        policy_desk_(make_desk()),
        guess_desk_(make_guess_desk()),
        auth_desk_(make_auth_desk()) {}

  Result<void> start() {
    if (auto done = world_.blacklists->start(); !done) return done;
    if (auto done = start_policy(); !done) return done;
    world_.sign_in_lists->start();
    world_.encryption->start();
    if (auto done = start_auth_policy(); !done) return done;
    if (auto done = start_wforce(); !done) return done;
    if (auto done = start_web(); !done) return done;
    if (world_.settings.maillog.follow) start_log();
    world_.waiting->start();
    timers_ = std::make_unique<Timers>(world_, policy_desk_);
    world_.notifier->start();
    tell_of_open_holds();
    world_.executor->start();
    world_.way_back->start();
    world_.reports->start();
    world_.aftermath->start();
    world_.ways->start();
    world_.figures->start();
    world_.bans->start();
    return {};
  }

  // Listeners first, so that nothing new comes; then what reads and writes.
  void stop() {
    if (policy_) policy_->stop();
    if (auth_) auth_->stop();
    if (wforce_) wforce_->stop();
    world_.sign_in_lists->stop();
    world_.encryption->stop();
    world_.blacklists->stop();
    if (web_) web_->stop();
    if (follower_) follower_->stop();
    if (timers_) timers_->stop();
    world_.reports->stop();
    if (auto kept = world_.sent->flush(); !kept) {
      log_(fmt::format("reports: {}", kept.error().text));
    }
    world_.bans->stop();
    world_.figures->stop();
    world_.aftermath->stop();
    world_.way_back->stop();
    world_.ways->stop();
    world_.executor->stop();
    world_.notifier->stop();
    world_.waiting->stop();
    if (auto done = world_.snapshot(); !done) log_(fmt::format("snapshot: {}", done.error().text));
    (void)world_.journal->sync();
  }

  // A signal's thread, or one that answers the panel: one after another.
  Result<void> reload(const std::string& filename) {
    const std::lock_guard lock(reloading_);
    auto read = config::read_settings_file(filename);
    if (!read) {
      log_(fmt::format("settings not reloaded: {}", read.error().text));
      return std::unexpected(read.error());
    }
    if (!read->usable()) {
      std::string first;
      for (const auto& finding : read->findings) {
        const auto line = config::print_finding(finding, filename, world_.settings.server.language);
        log_("settings not reloaded: " + line);
        if (first.empty()) first = line;
      }
      return bad_input(std::move(first));
    }
    const config::Settings& next = read->settings;
    for (const auto& finding : read->findings) {
      log_(config::print_finding(finding, filename, next.server.language));
    }
    for (const auto& name :
         config::changed_settings(world_.settings, next, config::Lifetime::restart)) {
      log_(fmt::format("setting {} changed: in force after a restart", name));
    }
    for (const auto& name :
         config::changed_settings(world_.settings, next, config::Lifetime::live)) {
      log_(fmt::format("setting {} taken over", name));
    }
    // Live are those that the engine holds; everything else is read once, at the start.
    world_.engine->set_live(engine_settings(next, world_.key));
    world_.encryption->set_telling(next.encryption.tell_owners);
    world_.bans->set_enforced(next.server.mode == config::Mode::enforce);
    world_.bans->set_telling(next.guessing.tell_owners);
    world_.refresh_directory();
    world_.in_force.set(next);
    world_.rules->reload();
    return {};
  }

 private:
  std::mutex reloading_;
  // Told already in an earlier life, unless that ended between the incident and the notice.
  void tell_of_open_holds() {
    decide::StateStore::IncidentFilter open;
    open.state = decide::IncidentState::open;
    open.limit = 1000;
    const auto incidents = world_.reader->incidents(open);
    if (!incidents) return;  // health says so
    for (const auto& incident : *incidents) world_.tell_of_holds(incident);
  }

  serve::PolicyDeskOptions desk_options() {
    serve::PolicyDeskOptions options;
    options.host = world_.host;
    options.key = world_.key;
    options.transactions.entries =
        static_cast<std::size_t>(world_.settings.policy.reservations_max);
    options.reservation_timeout = world_.settings.policy.reservation_timeout;
    options.log_followed = world_.settings.maillog.follow;
    options.place = [this](const IpAddress& ip) { return world_.geoip.lookup(ip); };
    options.sink = [this](const decide::Applied& applied) { world_.remember(applied); };
    options.is_inactive = [this](std::string_view account) {
      return world_.inactive.waits(account);
    };
    options.receives_nothing = [this](std::string_view account) {
      return world_.switches->receives_nothing(account);
    };
    options.stamp = [this](std::string_view account, Instant now) {
      return world_.reports->stamp_for(account, now);
    };
    options.rules = &world_.rule_book;
    if (auto* lists = world_.blacklists->mail()) options.dnsbl = &lists->gate;
    options.enforces = [this](std::string_view account) { return enforces(account); };
    options.copy_bounces_to = [this](std::string_view account) {
      return world_.reports->copy_of_bounce_to(account);
    };
    options.plain = world_.encryption.get();
    if (world_.settings.guessing.refuse_mail) {
      options.banned = [this](const IpAddress& client, Instant now) {
        return world_.bans->mail_refusal(client, now);
      };
    }
    options.waits = [this](std::string_view account, const wire::PolicyRequest& request,
                           Instant now) { note_put_off(account, request, now); };
    return options;
  }
  // Any thread. Settings of the start: what the blacklists do changes with a restart.
  [[nodiscard]] bool enforces(std::string_view account) const {
    return config::mode_for(world_.settings, account) == config::Mode::enforce;
  }
  // Any thread, on the decision path.
  void note_put_off(std::string_view account, const wire::PolicyRequest& request, Instant now) {
    const auto clean = [](std::string_view text, std::size_t most) {
      return wire::valid_utf8(text.substr(0, most));
    };
    decide::WaitingTry attempt;
    attempt.account = std::string(account);
    attempt.sender = clean(request.sender, 320);
    attempt.client_name = clean(request.client_name, 255);
    attempt.client_address = clean(request.client_address, 64);
    attempt.server_address = clean(request.server_address, 64);
    attempt.transaction = clean(request.instance, 128);
    attempt.size = request.size;
    attempt.t = now;
    world_.waiting->put_off(std::move(attempt));
  }
  serve::PolicyDesk make_desk();
  serve::GuessDesk make_guess_desk();
  serve::AuthDesk make_auth_desk();

  Result<void> start_policy() {
    auto listen = addresses(world_.settings.policy.listen);
    if (!listen) return std::unexpected(listen.error());
    serve::PolicyServerOptions options;
    options.listen = std::move(*listen);
    options.threads = threads_of(world_.settings.policy.threads);
    options.connections_max = static_cast<std::size_t>(world_.settings.policy.connections_max);
    options.idle_timeout = world_.settings.policy.idle_timeout;
    if (auto* lists = world_.blacklists->mail()) options.dnsbl = &lists->board;
    policy_ = std::make_unique<serve::PolicyServer>(policy_desk_, world_.directory, system_now,
                                                    world_.metrics, std::move(options));
    return policy_->start();
  }

  Result<void> start_auth_policy() {
    auto listen = addresses(world_.settings.auth_policy.listen);
    if (!listen) return std::unexpected(listen.error());
    auto events = addresses(world_.settings.events.listen);
    if (!events) return std::unexpected(events.error());
    for (auto& address : *events) {
      const auto same = [&](const ListenAddress& a) {
        return a.to_string() == address.to_string();
      };
      if (std::ranges::none_of(*listen, same)) listen->push_back(address);
    }
    serve::AuthPolicyServerOptions options;
    options.listen = std::move(*listen);
    options.connections_max = static_cast<std::size_t>(world_.settings.auth_policy.connections_max);
    options.in_flight_max = static_cast<std::size_t>(world_.settings.auth_policy.in_flight_max);
    if (auto* lists = world_.blacklists->logins()) options.dnsbl = &lists->board;
    if (!world_.settings.auth_policy.api_header_file.empty()) {
      auto header = read_secret(world_.settings.auth_policy.api_header_file);
      if (!header) return std::unexpected(header.error());
      const std::string_view line = header->reveal();
      const auto colon = line.find(':');
      if (colon == std::string_view::npos || colon == 0) {
        return bad_input(fmt::format("{}: wants one line of the form 'Name: value'",
                                     world_.settings.auth_policy.api_header_file));
      }
      const auto value = line.find_first_not_of(' ', colon + 1);
      options.header_name = std::string(line.substr(0, colon));
      options.header_value = value == std::string_view::npos ? "" : std::string(line.substr(value));
    }
    // The stand-in, which answered Dovecot while no daemon lived, lets go of the port within a
    // look.
    for (int tries = 0;; ++tries) {
      auth_ = std::make_unique<serve::AuthPolicyServer>(auth_desk_, world_.directory, system_now,
                                                        world_.metrics, options);
      auto started = auth_->start();
      if (started || tries == k_port_tries) return started;
      const timespec moment{0, k_port_pause_ns};
      ::nanosleep(&moment, nullptr);
    }
  }

  // weakforced's commands, over the same decision as Dovecot's.
  Result<void> start_wforce() {
    const auto& s = world_.settings.weakforced;
    if (s.listen.empty()) return {};
    auto listen = addresses(s.listen);
    if (!listen) return std::unexpected(listen.error());
    auto password = read_secret(s.password_file);
    if (!password) return std::unexpected(password.error());
    wforce_desk_ = std::make_unique<serve::WforceDesk>(auth_desk_, *world_.sign_in_lists,
                                                       world_.wforce_metrics, std::move(*password),
                                                       world_.started);
    serve::AuthPolicyServerOptions options;
    options.listen = std::move(*listen);
    options.connections_max = static_cast<std::size_t>(s.connections_max);
    options.in_flight_max = static_cast<std::size_t>(world_.settings.auth_policy.in_flight_max);
    if (auto* lists = world_.blacklists->logins()) options.dnsbl = &lists->board;
    options.to_look_up = [this](const serve::HttpQuestion& question, Instant now,
                                const decide::Directory& names) {
      return wforce_desk_->to_look_up(question, now, names);
    };
    options.handler = [this](const serve::HttpQuestion& question, Instant now,
                             const decide::Directory& names,
                             std::function<void(serve::HttpReply)> reply) {
      wforce_desk_->answer(question, now, names, std::move(reply));
    };
    wforce_ = std::make_unique<serve::AuthPolicyServer>(auth_desk_, world_.directory, system_now,
                                                        world_.metrics, std::move(options));
    return wforce_->start();
  }

  Result<void> start_web() {
    const config::Settings& s = world_.settings;
    web::ServerSettings options;
    for (const auto& text : s.web.listen) {
      auto address = ListenAddress::parse(text);
      if (!address) return std::unexpected(address.error());
      if (address->is_unix()) {
        return bad_input(
            "web.listen takes addresses and ports; the command line's socket is "
            "web.control_socket");
      }
      options.listen.push_back({address->ip, address->port});
    }
    options.control_socket = s.web.control_socket;
    for (const auto& text : s.web.trusted_proxies) {
      auto network = IpNetwork::parse(text);
      if (!network) return std::unexpected(network.error());
      options.trusted_proxies.push_back(*network);
    }
    options.public_url = s.web.public_url;
    options.connections_max = static_cast<std::size_t>(s.web.connections_max);
    options.streams_max = static_cast<std::size_t>(s.web.streams_max);
    options.body_bytes_max = static_cast<std::size_t>(s.web.body_bytes_max.bytes);
    options.request_timeout = s.web.request_timeout;
    options.idle_timeout = s.web.idle_timeout;
    options.requests_per_minute = static_cast<std::uint32_t>(s.web.requests_per_minute);
    options.metrics_loopback_without_token = s.metrics.loopback_without_token;
    Secret token;
    if (!s.web.api_token_file.empty()) {
      auto read = read_secret(s.web.api_token_file);
      if (!read) return std::unexpected(read.error());
      token = std::move(*read);
    }
    web_ = std::make_unique<web::Server>(std::move(options), token, *world_.control, world_.hub,
                                         world_.sign_ins.get());
    return web_->start();
  }

  void start_log() {
    const config::Settings& s = world_.settings;
    serve::LogHandlers handlers;
    handlers.confirmed = [this](std::string_view id) { policy_desk_.confirmed(id); };
    handlers.withdrawn = [this](std::string_view id, Instant t) { policy_desk_.withdrawn(id, t); };
    if (!s.reports.mailbox.empty()) {
      handlers.message = [this](std::string_view queue_id, std::string_view message_id,
                                const std::string& account,
                                Instant t) { world_.sent->note(queue_id, message_id, account, t); };
    }
    handlers.mailbox = [this](const decide::MailboxDelivery& delivery) {
      world_.waiting->delivered(delivery);
    };
    // Where Dovecot asks us, its reports tell the same, and what it would not have told the log.
    handlers.unencrypted = [this](const serve::SignIn& sign_in) {
      if (!auth_desk_.reported_lately(sign_in.now)) world_.encryption->seen(sign_in);
    };
    handlers.requeued = [this](std::string_view id) { world_.waiting->requeued(id); };
    handlers.handshake = [this](const IpAddress& client, HandshakeTrouble trouble, Service service,
                                Instant t) { world_.handshakes.note(client, trouble, service, t); };
    handlers.event = [this](Event&& event) {
      if (const auto* to = std::get_if<Delivery>(&event.body);
          to != nullptr && to->status == DeliveryStatus::sent &&
          !world_.settings.reports.mailbox.empty()) {
        world_.sent->note_delivery(to->queue_id, to->to, event.account, event.t);
      }
      decide::Applied applied;
      world_.engine->apply(event, applied);
      world_.remember(applied);
    };
    serve::LogJoinOptions joining;
    joining.host = world_.host;
    joining.place = [this](const IpAddress& ip) { return world_.geoip.lookup(ip); };
    join_ = std::make_unique<serve::LogJoin>(world_.queue, world_.metrics, std::move(handlers),
                                             std::move(joining));
    std::int32_t offset_s = 0;
    if (auto offset = config::parse_utc_offset(s.maillog.utc_offset)) {
      offset_s = static_cast<std::int32_t>(offset->us / 1'000'000);
    } else {
      const time_t now = time(nullptr);
      tm local{};
      localtime_r(&now, &local);
      offset_s = static_cast<std::int32_t>(local.tm_gmtoff);
    }
    const std::string kept = s.server.state_dir + "/maillog.position";
    serve::LogFollowerOptions options;
    options.path = s.maillog.path;
    if (auto position = serve::load_log_position(kept)) {
      options.position = *position;
    } else {
      log_(fmt::format("mail log: {}; reading goes on from now", position.error().text));
    }
    reader_ = std::make_unique<serve::DirectoryReader>(world_.directory);
    follower_ = std::make_unique<serve::LogFollower>(
        std::move(options), world_.metrics,
        [this, offset_s](std::string_view line, std::string_view id) {
          join_->line(line, id, system_now(), offset_s, reader_->get());
          if (join_->reached().is_set()) world_.log_reached_us = join_->reached().us;
        },
        [this, kept](const serve::LogPosition& position) {
          if (auto saved = serve::save_log_position(kept, position); !saved) {
            log_(fmt::format("mail log position: {}", saved.error().text));
          }
        });
    follower_->start();
  }

  World& world_;
  LogLine log_;
  serve::ReservationTable reservations_;
  serve::PolicyDesk policy_desk_;
  serve::GuessDesk guess_desk_;
  serve::AuthDesk auth_desk_;
  std::unique_ptr<serve::PolicyServer> policy_;
  std::unique_ptr<serve::AuthPolicyServer> auth_;
  std::unique_ptr<serve::WforceDesk> wforce_desk_;
  std::unique_ptr<serve::AuthPolicyServer> wforce_;
  std::unique_ptr<web::Server> web_;
  std::unique_ptr<serve::DirectoryReader> reader_;
  std::unique_ptr<serve::LogJoin> join_;
  std::unique_ptr<serve::LogFollower> follower_;
  std::unique_ptr<Timers> timers_;
};

serve::PolicyDesk Daemon::make_desk() {
  return serve::PolicyDesk(*world_.engine, reservations_, world_.queue, world_.metrics,
                           desk_options());
}

serve::GuessDesk Daemon::make_guess_desk() {
  serve::GuessDeskOptions options;
  options.place = [this](const IpAddress& ip) { return world_.geoip.lookup(ip); };
  options.news = [this](decide::GuessNews&& news) { world_.bans->news(std::move(news)); };
  options.enforced = [this] { return world_.bans->enforced(); };
  return serve::GuessDesk(*world_.engine, world_.bans->guard(), std::move(options));
}

serve::AuthDesk Daemon::make_auth_desk() {
  serve::AuthDeskOptions options;
  options.host = world_.host;
  options.boot = world_.boot;
  options.log_followed = world_.settings.maillog.follow;
  options.place = [this](const IpAddress& ip) { return world_.geoip.lookup(ip); };
  options.sink = [this](const decide::Applied& applied) { world_.remember(applied); };
  options.watched = [this](const Event& event) { world_.way_back->signed_in(event); };
  options.filters_changed = [this](const std::string& account) { world_.ways->soon(account); };
  options.closed = [this](std::string_view account) { return world_.switches->refusal(account); };
  options.rules = &world_.rule_book;
  options.gate = world_.sign_in_lists.get();
  options.plain = world_.encryption.get();
  options.guesses = &guess_desk_;
  if (auto* lists = world_.blacklists->logins()) options.dnsbl = &lists->gate;
  options.dnsbl_delay = world_.settings.dnsbl.login_delay;
  options.enforces = [this](std::string_view account) { return enforces(account); };
  return serve::AuthDesk(*world_.engine, world_.metrics, std::move(options));
}

}  // namespace

int run_daemon(const config::Loaded& loaded) {
  const config::Settings& settings = loaded.settings;
  if (auto done = become_user(settings.server.user); !done) {
    fmt::print(stderr, "sekimori: {}\n", done.error().text);
    return 1;
  }
  // Files that Postfix and Dovecot share through their group need its bits; others get none.
  umask(0007);
  raise_descriptor_limit();
  // Signals are waited for below; every thread started from here on leaves them alone.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  store::keep_lost_pages();

  LogLine log;
  try {
    log = open_log(settings);
  } catch (const spdlog::spdlog_ex& e) {
    fmt::print(stderr, "sekimori: the log cannot be opened: {}\n", e.what());
    return 1;
  }
  log(fmt::format("sekimori {} starts, mode {}", k_version,
                  config::to_string(settings.server.mode)));
  if (auto made = store::make_directory(settings.server.state_dir); !made) {
    log(fmt::format("cannot start: {}", made.error().text));
    return 1;
  }
  const auto life_sign = LifeSign::take(settings, LifeSign::Of::daemon);
  if (!life_sign) {
    log(fmt::format("cannot start: {}", life_sign.error().text));
    return 1;
  }
  auto world = World::open(settings, log);
  if (!world) {
    log(fmt::format("cannot start: {}", world.error().text));
    return 1;
  }
  Daemon daemon(**world, log);
  (*world)->settings_file = loaded.filename;
  (*world)->reload = [&] { return daemon.reload(loaded.filename); };
  if (auto done = daemon.start(); !done) {
    log(fmt::format("cannot start: {}", done.error().text));
    daemon.stop();
    return 1;
  }
  log("ready");
  while (true) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP) {
      (void)daemon.reload(loaded.filename);  // the log says what is wrong
      continue;
    }
    if (signal == SIGUSR1) {
      // To be compared with what a successor recovers.
      log(fmt::format("state hash {:016x}", (*world)->engine->hash()));
      continue;
    }
    log(fmt::format("ending (signal {})", signal));
    break;
  }
  daemon.stop();
  log("ended");
  return 0;
}

}  // namespace sekimori::app
