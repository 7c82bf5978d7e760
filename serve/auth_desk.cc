#include <fmt/format.h>

#include <utility>

#include "serve/auth_policy_server.h"
#include "wire/auth_policy.h"
#include "wire/dovecot_event.h"
#include "wire/json_text.h"

namespace sekimori::serve {
namespace {
// Longer logins are no mailbox of anybody (RFC 5321 §4.5.3.1: 320 bytes).
constexpr std::size_t k_login_max = 512;
constexpr std::size_t k_client_max = 128;
// Dovecot's own penalty and Postfix's 10 s on the auth socket leave this much for a delay of ours.
constexpr int k_delay_max = 5;
}  // namespace

AuthDesk::AuthDesk(decide::Engine& engine, ServerMetrics& metrics, AuthDeskOptions options)
    : engine_(engine), metrics_(metrics), options_(std::move(options)) {}

std::string AuthDesk::next_id(std::string_view kind) {
  return fmt::format("{}:{}:{}", kind, options_.boot,
                     sequence_.fetch_add(1, std::memory_order_relaxed));
}

void AuthDesk::apply(Event&& event) {
  decide::Applied applied;
  engine_.apply(event, applied);
  if (options_.sink && applied.is_worth_keeping()) options_.sink(applied);
  if (applied.watched && options_.watched) options_.watched(event);
}

void AuthDesk::answer(std::string_view target, std::string_view body, Instant now,
                      const decide::Directory& directory, std::string& out) {
  const auto command = wire::parse_auth_policy_target(target);
  const auto request = wire::parse_auth_policy_request(body);
  if (command == wire::AuthPolicyCommand::other || !request || request->login.empty()) {
    metrics_.auth_bad_requests.add();
    return wire::append_auth_policy_answer(out, {});
  }
  const std::string account = directory.account_of(
      wire::valid_utf8(std::string_view(request->login).substr(0, k_login_max)));
  const Service service = request->service();
  decide::LoginAnswer verdict;
  if (command == wire::AuthPolicyCommand::allow) {
    metrics_.auth_allow.add();
    verdict = engine_.may_login(account, service);
    if (verdict.status == 0 && options_.rule && request->remote.is_set() &&
        options_.rule(request->remote) == std::optional(false)) {
      verdict.status = -1;
      verdict.rule = "ip_deny";
      verdict.message = {"この接続元からのサインインは、管理者が止めています。",
                         "Sign-ins from this address are blocked by the administrator."};
    }
  } else {
    // A good login asks "allow" twice and reports once; only the report is a fact.
    metrics_.auth_report.add();
    Login login;
    login.service = service;
    login.ip = request->remote;
    if (options_.place && login.ip.is_set()) login.place = options_.place(login.ip);
    login.client = wire::valid_utf8(std::string_view(request->device_id).substr(0, k_client_max));
    login.tls = request->tls;
    login.pwhash = wire::valid_utf8(std::string_view(request->pwhash).substr(0, 16));
    if (request->policy_reject) {
      login.result = LoginResult::refused;
    } else if (!request->success.value_or(false)) {
      login.result = LoginResult::bad_password;
    } else if (engine_.may_login(account, service).status < 0) {
      // Dovecot reports success for an account that its own passdb then refuses (nologin). Nothing
      // may be learnt from where a thief stood before a closed door.
      login.result = LoginResult::refused;
    } else {
      login.result = LoginResult::ok;
    }
    Event event;
    event.t = now;
    event.host = options_.host;
    event.id = next_id("a");
    event.account = account;
    event.body = std::move(login);
    apply(std::move(event));
  }
  if (verdict.status < 0) metrics_.auth_refused.add();
  // The mail client's error box shows one line to a person whose language we do not know here:
  // both.
  std::string message = verdict.message.ja;
  if (!verdict.message.en.empty() && verdict.message.en != verdict.message.ja) {
    message = service == Service::smtp ? verdict.message.en
                                       : fmt::format("{} / {}", message, verdict.message.en);
  }
  const int status = verdict.status > k_delay_max ? k_delay_max : verdict.status;
  wire::append_auth_policy_answer(out, {status, message});
}

void AuthDesk::dovecot_event(std::string_view body, Instant now,
                             const decide::Directory& directory) {
  metrics_.dovecot_events.add();
  const auto parsed = wire::parse_dovecot_event(body);
  auto event = parsed ? wire::to_event(*parsed) : std::nullopt;
  const bool counted_elsewhere = options_.log_followed && event &&
                                 (std::holds_alternative<Session>(event->body) ||
                                  std::holds_alternative<Received>(event->body));
  if (!event || event->account.empty() || counted_elsewhere) {
    metrics_.dovecot_events_unused.add();
    return;
  }
  // Our clock, not the sender's: the engine's time only goes forward.
  event->t = now;
  event->host = options_.host;
  event->id = next_id("d");
  event->account = directory.account_of(event->account);
  if (auto* session = std::get_if<Session>(&event->body); session && session->seconds < 0) {
    session->seconds = 0;
  }
  const bool is_filter = std::holds_alternative<SettingsChange>(event->body);
  const std::string account = event->account;
  apply(std::move(*event));
  if (is_filter && options_.filters_changed) options_.filters_changed(account);
}

}  // namespace sekimori::serve
