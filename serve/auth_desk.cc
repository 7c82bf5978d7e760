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

std::string account_of(const wire::AuthPolicyRequest& request, const decide::Directory& directory) {
  return directory.account_of(
      wire::valid_utf8(std::string_view(request.login).substr(0, k_login_max)));
}

// While the account store has not been read yet, no name is called unknown.
bool may_exist(const decide::Directory& directory, std::string_view account) {
  return directory.size() == 0 || directory.is_account(account);
}

// Through Postfix, Dovecot says "tls": false whatever the line was: that tells nothing.
SignIn sign_in_of(const wire::AuthPolicyRequest& request, std::string_view account, Instant now) {
  SignIn out;
  out.account = account;
  out.service = request.service();
  out.ip = request.remote;
  out.pwhash = request.pwhash;
  out.client = std::string_view(request.device_id).substr(0, k_client_max);
  out.tls = request.tls;
  out.tls_told =
      request.tls_told && (request.tls || out.service == Service::imap ||
                           out.service == Service::pop3 || out.service == Service::sieve);
  out.now = now;
  return out;
}
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

decide::LoginAnswer AuthDesk::may_login(std::string_view account, Service service) const {
  auto answer = engine_.may_login(account, service);
  if (answer.status < 0 || !options_.closed || engine_.bypass()) return answer;
  if (Text words = options_.closed(account); !words.en.empty()) {
    answer = {-1, std::move(words), "switch"};
  }
  return answer;
}

std::optional<RuleBook::Found> AuthDesk::rule_for(const IpAddress& ip, std::string_view account,
                                                  Instant now) const {
  if (options_.rules == nullptr || !ip.is_set()) return std::nullopt;
  return options_.rules->look(ip, account, decide::RuleUse::login, now);
}

SignInVerdict AuthDesk::may_sign_in(const wire::AuthPolicyRequest& request, Instant now,
                                    const decide::Directory& directory,
                                    const std::vector<ListAnswer>* lists) {
  metrics_.auth_allow.add();
  const std::string account = account_of(request, directory);
  SignInVerdict verdict = decide(request, account, sign_in_of(request, account, now), directory);
  if (lists != nullptr && options_.dnsbl != nullptr && verdict.answer.status == 0) {
    judge_listed(request, account, *lists, verdict);
  }
  return verdict;
}

SignInVerdict AuthDesk::decide(const wire::AuthPolicyRequest& request, const std::string& account,
                               const SignIn& sign_in, const decide::Directory& directory) {
  SignInVerdict verdict;
  decide::LoginAnswer& answer = verdict.answer;
  answer = may_login(account, sign_in.service);
  if (answer.status < 0) return verdict;
  // The panic handle: nobody is refused by machine.
  const bool bypass = engine_.bypass();
  if (!bypass && options_.plain != nullptr && sign_in.tls_told && !sign_in.tls) {
    if (Text words = options_.plain->refused(sign_in); !words.en.empty()) {
      answer = {-1, std::move(words), "encryption"};
      return verdict;
    }
  }
  // Who is allowed comes before who is denied, whichever list says so. A good sign-in asks twice
  // and is reported once: a rule that let in is counted there, one that refuses here.
  const auto rule = rule_for(request.remote, account, sign_in.now);
  if (rule && rule->allow) return verdict;
  const auto word = options_.gate == nullptr || bypass ? SignInGate::Word::none
                                                       : options_.gate->listed(sign_in, verdict);
  if (word == SignInGate::Word::allowed || answer.status != 0) return verdict;
  if (rule) {
    options_.rules->hit(*rule, sign_in.now);
    answer = {-1,
              {"この接続元からのサインインは、管理者が止めています。",
               "Sign-ins from this address are blocked by the administrator."},
              "ip_deny"};
    return verdict;
  }
  // Bans before what was counted by rule; of two delays the longer one holds.
  if (options_.guesses != nullptr) {
    options_.guesses->ask(sign_in, may_exist(directory, account), verdict);
    if (answer.status < 0) return verdict;
  }
  if (options_.gate != nullptr && !bypass) {
    const int delay = answer.status;
    options_.gate->counted(sign_in, verdict);
    if (answer.status >= 0 && answer.status < delay) answer.status = delay;
  }
  return verdict;
}

void AuthDesk::signed_in(const wire::AuthPolicyRequest& request, Instant now,
                         const decide::Directory& directory) {
  // A good login asks "allow" twice and reports once; only the report is a fact.
  metrics_.auth_report.add();
  const std::string account = account_of(request, directory);
  const SignIn sign_in = sign_in_of(request, account, now);
  Login login;
  login.service = sign_in.service;
  login.ip = request.remote;
  if (options_.place && login.ip.is_set()) login.place = options_.place(login.ip);
  login.client = wire::valid_utf8(std::string_view(request.device_id).substr(0, k_client_max));
  login.tls = request.tls;
  login.pwhash = wire::valid_utf8(std::string_view(request.pwhash).substr(0, 16));
  if (request.policy_reject) {
    login.result = LoginResult::refused;
  } else if (!request.success.value_or(false)) {
    login.result = LoginResult::bad_password;
  } else if (may_login(account, sign_in.service).status < 0) {
    // Dovecot reports success for an account that its own passdb then refuses (nologin). Nothing
    // may be learnt from where a thief stood before a closed door.
    login.result = LoginResult::refused;
  } else {
    login.result = LoginResult::ok;
  }
  if (options_.gate != nullptr) options_.gate->ended(sign_in, login.result);
  const auto rule = rule_for(login.ip, account, now);
  const bool allowed = rule && rule->allow;
  if (allowed) options_.rules->hit(*rule, now);
  // An address that somebody allowed is not counted, and a closed account refuses its owner, too.
  const auto is_a_guess = [&] {
    return !allowed && (login.result != LoginResult::refused ||
                        may_login(account, sign_in.service).status >= 0);
  };
  if (options_.guesses != nullptr && (login.result == LoginResult::ok || is_a_guess())) {
    login.guesses =
        options_.guesses->ended(sign_in, may_exist(directory, account), login.place, login.result);
    if (allowed) login.guesses = {};
  }
  if (options_.plain != nullptr && login.result == LoginResult::ok && sign_in.tls_told &&
      !sign_in.tls) {
    options_.plain->seen(sign_in);
  }
  Event event;
  event.t = now;
  event.host = options_.host;
  event.id = next_id("a");
  event.account = account;
  event.body = std::move(login);
  apply(std::move(event));
}

std::string AuthDesk::line_of(const decide::LoginAnswer& answer, Service service) {
  std::string line = answer.message.ja;
  if (!answer.message.en.empty() && answer.message.en != answer.message.ja) {
    line = service == Service::smtp ? answer.message.en
                                    : fmt::format("{} / {}", line, answer.message.en);
  }
  return line;
}

std::optional<IpAddress> AuthDesk::to_look_up(std::string_view target, std::string_view body,
                                              Instant now, const decide::Directory& directory) {
  if (options_.dnsbl == nullptr ||
      wire::parse_auth_policy_target(target) != wire::AuthPolicyCommand::allow) {
    return std::nullopt;
  }
  const auto request = wire::parse_auth_policy_request(body);
  if (!request || request->login.empty()) return std::nullopt;
  return to_look_up(*request, now, directory);
}

std::optional<IpAddress> AuthDesk::to_look_up(const wire::AuthPolicyRequest& request, Instant now,
                                              const decide::Directory& directory) {
  if (options_.dnsbl == nullptr || !options_.dnsbl->asks_about(request.remote) ||
      engine_.bypass()) {
    return std::nullopt;
  }
  const std::string account = account_of(request, directory);
  if (rule_for(request.remote, account, now)) return std::nullopt;
  SignInVerdict unused;
  if (options_.gate != nullptr &&
      options_.gate->listed(sign_in_of(request, account, now), unused) != SignInGate::Word::none) {
    return std::nullopt;
  }
  return request.remote;
}

void AuthDesk::judge_listed(const wire::AuthPolicyRequest& request, std::string_view account,
                            const std::vector<ListAnswer>& lists, SignInVerdict& verdict) const {
  const BlacklistVerdict listed = options_.dnsbl->verdict(lists, request.remote);
  if (options_.enforces && !options_.enforces(account)) return;
  auto& totals = options_.dnsbl->board().totals;
  if (listed.action == BlacklistAction::refuse) {
    totals.logins_refused.fetch_add(1, std::memory_order_relaxed);
    const std::string& name = options_.dnsbl->board().lists()[listed.heaviest].name;
    verdict.answer = {
        -1,
        {fmt::format(
             "この接続元は不正アクセスの一覧({})に載っているため、サインインできません。別の回線"
             "からお試しください。",
             name),
         fmt::format(
             "This address is on a list of attackers ({}). Please try from another network.",
             name)},
        "blacklist"};
  } else if (listed.action == BlacklistAction::defer) {
    totals.logins_delayed.fetch_add(1, std::memory_order_relaxed);
    verdict.answer.status = static_cast<int>(options_.dnsbl_delay.us / 1'000'000);
    verdict.answer.rule = "blacklist";
  }
}

void AuthDesk::answer(std::string_view target, std::string_view body, Instant now,
                      const decide::Directory& directory, std::string& out,
                      const std::vector<ListAnswer>* lists) {
  const auto command = wire::parse_auth_policy_target(target);
  const auto request = wire::parse_auth_policy_request(body);
  if (command == wire::AuthPolicyCommand::other || !request || request->login.empty()) {
    metrics_.auth_bad_requests.add();
    return wire::append_auth_policy_answer(out, {});
  }
  if (command == wire::AuthPolicyCommand::report) {
    last_report_us_.store(now.us, std::memory_order_relaxed);
    signed_in(*request, now, directory);
    return wire::append_auth_policy_answer(out, {});
  }
  const SignInVerdict verdict = may_sign_in(*request, now, directory, lists);
  if (verdict.answer.status < 0) metrics_.auth_refused.add();
  const std::string message = line_of(verdict.answer, request->service());
  const int status = verdict.answer.status > k_delay_max ? k_delay_max : verdict.answer.status;
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
