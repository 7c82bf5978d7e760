#include "serve/policy_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/mail_address.h"
#include "wire/event_json.h"
#include "wire/json_text.h"

namespace sekimori::serve {
namespace {

using decide::Answer;
using wire::PolicyState;

// An address may have 320 bytes (RFC 5321 §4.5.3.1); Postfix lets longer ones through up to its own
// line limit, and what is beyond this tells no two senders apart.
constexpr std::size_t k_address_max = 512;
constexpr std::size_t k_helo_max = 255;
constexpr std::size_t k_id_max = 128;
// Names kept of one transaction; the rest counts, but is nobody by name. Postfix's own default
// limit is 1,000 recipients (smtpd_recipient_limit).
constexpr std::uint32_t k_names_max = 10'000;

// Text off the wire as an Event may hold it.
std::string clean(std::string_view text, std::size_t max) {
  return wire::valid_utf8(text.substr(0, max));
}

// "525 5.7.13 words" → code and words; without a code all of it is words.
void split_code(std::string_view text, std::string_view& code, std::string_view& words) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  code = {};
  words = text;
  if (text.size() < 3 || !digit(text[0]) || !digit(text[1]) || !digit(text[2])) return;
  std::size_t end = 3;
  if (text.size() > 5 && text[3] == ' ' && digit(text[4]) && text[5] == '.') {
    end = 4;
    while (end < text.size() && (digit(text[end]) || text[end] == '.')) ++end;
  }
  code = text.substr(0, end);
  words = text.substr(end);
  while (!words.empty() && words.front() == ' ') words.remove_prefix(1);
}

std::uint32_t bounded_count(std::uint32_t n) {
  return std::min(n, static_cast<std::uint32_t>(wire::k_event_recipients_max));
}

}  // namespace

struct PolicyDesk::Asked {
  const wire::PolicyRequest& request;
  const decide::Directory& directory;
  Instant now;
  bool named = false;  // the transaction has an instance or a queue id
};

PolicyDesk::PolicyDesk(decide::Engine& engine, ReservationTable& reservations, QueueIndex& queue,
                       ServerMetrics& metrics, PolicyDeskOptions options)
    : engine_(engine),
      reservations_(reservations),
      queue_(queue),
      metrics_(metrics),
      options_(std::move(options)),
      transactions_(options_.transactions) {}

std::uint64_t PolicyDesk::key_of(const wire::PolicyRequest& request) {
  // The queue id steps in where an old Postfix sends no instance; without both nothing can be
  // joined.
  const std::string_view id = request.instance.empty() ? request.queue_id : request.instance;
  if (id.empty()) return mix64(unnamed_.fetch_add(1, std::memory_order_relaxed));
  return keyed_hash(options_.key, id) ^
         mix64(request.policy_context.empty() ? 0
                                              : keyed_hash(options_.key, request.policy_context));
}

void PolicyDesk::answer(const wire::PolicyRequest& request, Instant now,
                        const decide::Directory& directory, std::string& out,
                        const std::vector<ListAnswer>* lists) {
  metrics_.policy_requests[static_cast<std::size_t>(request.state)].add();
  if (request.sasl_username.empty()) {
    // Mail from outside (or from our own machines): only the recipient can be ours to guard. A
    // suspended mailbox answers 450, so that the mail waits at its sender.
    if (request.state == PolicyState::end_of_message && request.sender.empty()) {
      return copy_bounce(request, directory, out);
    }
    if (request.state == PolicyState::data && answer_listed(request, "", lists, out)) return;
    if (request.state != PolicyState::rcpt || request.recipient.empty()) return put({}, out);
    const std::string account = directory.account_of(request.recipient);
    const auto rule = ruled(request, account, decide::RuleUse::receive, now);
    if (std::string text = denied(request, rule); !text.empty()) {
      Answer refusal;
      refusal.action = Answer::Action::refuse;
      refusal.text = std::move(text);
      return put(refusal, out);
    }
    if (!rule && options_.banned && !engine_.bypass()) {
      if (const auto client = IpAddress::parse(request.client_address)) {
        Answer refusal;
        refusal.text = options_.banned(*client, now);
        if (!refusal.text.empty()) {
          refusal.action = Answer::Action::refuse;
          refusal.rule = "ban";
          return put(refusal, out);
        }
      }
    }
    if (answer_listed(request, account, lists, out)) return;
    Answer answer = engine_.may_receive(account);
    if (answer.action == Answer::Action::dunno && options_.is_inactive && !engine_.bypass() &&
        options_.is_inactive(account)) {
      // Postfix's own answer would be 550: the mail would be lost to the sender.
      answer.action = Answer::Action::refuse;
      answer.text = "450 4.2.1 This mailbox is inactive for now, please try again later";
      answer.rule = "inactive";
    }
    if (answer.action == Answer::Action::dunno && options_.receives_nothing && !engine_.bypass() &&
        options_.receives_nothing(account)) {
      answer.action = Answer::Action::refuse;
      answer.text = "450 4.2.1 This mailbox takes no mail for now, please try again later";
      answer.rule = "switch";
    }
    if (answer.action == Answer::Action::refuse && options_.waits &&
        directory.is_account(account)) {
      options_.waits(account, request, now);
    }
    return put(answer, out);
  }
  if (request.state != PolicyState::rcpt && request.state != PolicyState::data &&
      request.state != PolicyState::end_of_message) {
    return put({}, out);
  }
  const Asked asked{request, directory, now,
                    !request.instance.empty() || !request.queue_id.empty()};
  const std::uint64_t login = keyed_hash(options_.key, request.sasl_username) | 1U;  // never 0
  std::optional<decide::Applied> applied;  // most questions bring nothing about
  const auto dropped = [this](Transaction& t) {
    release(t);
    metrics_.transactions_evicted.add();
  };
  transactions_.with(
      key_of(request), now,
      [&](Transaction& t) {
        if (t.login != login) {
          // New, or another login under the same id: nothing of the old one may count for this one.
          release(t);
          t.reset();
          t.login = login;
          t.account = directory.account_of(clean(request.sasl_username, k_address_max));
        }
        if (request.state == PolicyState::rcpt) {
          // A session that was let in before the rule was made.
          Answer refusal;
          refusal.text = denied(request, ruled(request, t.account, decide::RuleUse::login, now));
          if (!refusal.text.empty()) {
            refusal.action = Answer::Action::refuse;
            t.standing_refusal = refusal.text;
            return put(refusal, out);
          }
        }
        switch (request.state) {
          case PolicyState::rcpt: answer_rcpt(t, asked, out); break;
          case PolicyState::data: answer_data(t, asked, out); break;
          default: answer_end(t, asked, out, applied.emplace()); break;
        }
      },
      dropped);
  if (options_.sink && applied && applied->is_worth_keeping()) options_.sink(*applied);
}

// Postfix names the protocol of an encrypted connection; Dovecot, behind it, does not know.
std::optional<SignIn> PolicyDesk::plain_of(const Transaction& t, const Asked& asked) const {
  if (options_.plain == nullptr || !asked.request.encryption_protocol.empty()) return std::nullopt;
  const auto ip = IpAddress::parse(asked.request.client_address);
  if (!ip) return std::nullopt;
  SignIn sign_in;
  sign_in.account = t.account;
  sign_in.service = Service::smtp;
  sign_in.ip = *ip;
  sign_in.tls_told = true;
  sign_in.now = asked.now;
  return sign_in;
}

std::optional<RuleBook::Found> PolicyDesk::ruled(const wire::PolicyRequest& request,
                                                 std::string_view account, decide::RuleUse use,
                                                 Instant now) const {
  if (options_.rules == nullptr || engine_.bypass()) return std::nullopt;
  const auto ip = IpAddress::parse(request.client_address);
  if (!ip) return std::nullopt;
  return options_.rules->decide(*ip, account, use, now);
}

std::string PolicyDesk::denied(const wire::PolicyRequest& request,
                               const std::optional<RuleBook::Found>& rule) {
  if (!rule || rule->allow) return "";
  // The number is what whoever was refused can be asked for.
  return fmt::format("554 5.7.1 Client host [{}] is refused by this server (rule {})",
                     request.client_address, rule->id);
}

std::optional<IpAddress> PolicyDesk::to_look_up(const wire::PolicyRequest& request, Instant now,
                                                const decide::Directory& directory) const {
  if (options_.dnsbl == nullptr || !request.sasl_username.empty()) return std::nullopt;
  // A header is put before the message once, at DATA; by then the answers are remembered.
  const bool to_mark = request.state == PolicyState::data && options_.dnsbl->marks();
  if (request.state != PolicyState::rcpt && !to_mark) return std::nullopt;
  const auto ip = IpAddress::parse(request.client_address);
  if (!ip || !options_.dnsbl->asks_about(*ip) || engine_.bypass()) return std::nullopt;
  if (options_.rules != nullptr &&
      options_.rules->look(*ip, directory.account_of(request.recipient), decide::RuleUse::receive,
                           now)) {
    return std::nullopt;
  }
  return *ip;
}

bool PolicyDesk::answer_listed(const wire::PolicyRequest& request, std::string_view account,
                               const std::vector<ListAnswer>* lists, std::string& out) {
  if (lists == nullptr || options_.dnsbl == nullptr) return false;
  const auto ip = IpAddress::parse(request.client_address);
  if (!ip) return false;
  const BlacklistVerdict verdict = options_.dnsbl->verdict(*lists, *ip);
  auto& totals = options_.dnsbl->board().totals;
  const bool enforces = !options_.enforces || options_.enforces(account);
  if (request.state == PolicyState::data) {
    if (verdict.action != BlacklistAction::mark || !enforces) return false;
    totals.marked.fetch_add(1, std::memory_order_relaxed);
    wire::append_policy_answer(out, {wire::PolicyAction::prepend, "", verdict.header});
    return true;
  }
  if (verdict.action != BlacklistAction::refuse && verdict.action != BlacklistAction::defer) {
    return false;
  }
  Answer answer;
  answer.text = verdict.text;
  if (!enforces) {
    // What it would be is for the log; the account's own standing still decides.
    if (engine_.may_receive(account).action != Answer::Action::dunno) return false;
    answer.action = Answer::Action::warn;
    answer.text = "would answer: " + verdict.text;
    put(answer, out);
    return true;
  }
  (verdict.action == BlacklistAction::refuse ? totals.refused : totals.deferred)
      .fetch_add(1, std::memory_order_relaxed);
  answer.action = Answer::Action::refuse;
  put(answer, out);
  return true;
}

void PolicyDesk::answer_rcpt(Transaction& t, const Asked& asked, std::string& out) {
  if (const auto plain = engine_.bypass() ? std::nullopt : plain_of(t, asked)) {
    if (const Text words = options_.plain->refused(*plain); !words.en.empty()) {
      Answer refusal;
      refusal.action = Answer::Action::refuse;
      refusal.text = words.en;
      refusal.rule = "encryption";
      t.standing_refusal = refusal.text;
      return put(refusal, out);
    }
  }
  Answer answer = engine_.may_send(t.account, asked.now, 1, reservations_.reserved(t.account));
  if (answer.action == Answer::Action::refuse) {
    if (answer.rule == "standing") t.standing_refusal = answer.text;
    return put(answer, out);
  }
  if (answer.action == Answer::Action::warn) {
    if (t.warned) answer.action = Answer::Action::dunno;  // once a message is enough for a log
    t.warned = true;
  }
  const std::string_view recipient = asked.request.recipient.substr(0, k_address_max);
  if (!recipient.empty() && t.final_answer.empty() && t.recipients_kept < k_names_max) {
    // The client, helo and sender lists run again for each RCPT, and a second stanza asks a second
    // time: the same recipient counts once.
    if (!t.note_recipient(recipient, keyed_hash(options_.key, recipient))) {
      metrics_.repeated_questions.add();
    }
  }
  put(answer, out);
}

void PolicyDesk::answer_data(Transaction& t, const Asked& asked, std::string& out) {
  const std::uint32_t n = bounded_count(std::max(asked.request.recipient_count, 1U));
  if (t.data_answered && t.data_count == n) {
    metrics_.repeated_questions.add();
    out += t.data_answer;
    return;
  }
  release(t);
  if (!asked.request.queue_id.empty()) {
    queue_.put(asked.request.queue_id, t.account, clean(asked.request.sender, k_address_max),
               asked.now);
  }
  Answer answer;
  if (!t.standing_refusal.empty()) {
    // A recipient was refused for the account's standing: those accepted before it must not get the
    // message either.
    answer.action = Answer::Action::refuse;
    answer.text = t.standing_refusal;
  } else {
    const bool room = reservations_.reserve(t.account, n, [&](std::uint32_t others) {
      answer = engine_.may_send(t.account, asked.now, n, others);
      return answer.action != Answer::Action::refuse;
    });
    if (room) t.reserved = n;
  }
  t.data_answered = true;
  t.data_count = n;
  t.data_answer.clear();
  put(answer, t.data_answer);
  // Once a mail, whatever is asked again: END-OF-MESSAGE is too late for a header.
  if (answer.action == Answer::Action::dunno && options_.stamp) {
    if (const std::string header = options_.stamp(t.account, asked.now); !header.empty()) {
      wire::append_policy_answer(out, {wire::PolicyAction::prepend, "", header});
      return;
    }
  }
  out += t.data_answer;
}

// A bounce to one of our accounts: the account gets it, and the report mailbox a copy. One that
// comes for several at once is no bounce (RFC 5321 §6.1), and Postfix does not name them here.
void PolicyDesk::copy_bounce(const wire::PolicyRequest& request, const decide::Directory& directory,
                             std::string& out) {
  const std::string account = request.recipient.empty() || !options_.copy_bounces_to
                                  ? std::string()
                                  : directory.receiver_of(request.recipient);
  const std::string to = account.empty() ? std::string() : options_.copy_bounces_to(account);
  if (to.empty()) return put({}, out);
  metrics_.policy_answers[static_cast<std::size_t>(Answer::Action::dunno)].add();
  wire::append_policy_answer(out, {wire::PolicyAction::bcc, "", to});
}

void PolicyDesk::answer_end(Transaction& t, const Asked& asked, std::string& out,
                            decide::Applied& applied) {
  if (!t.final_answer.empty()) {
    metrics_.repeated_questions.add();
    out += t.final_answer;
    return;
  }
  const std::size_t start = out.size();
  if (!t.standing_refusal.empty()) {
    Answer answer;
    answer.action = Answer::Action::refuse;
    answer.text = t.standing_refusal;
    put(answer, out);
  } else {
    if (const auto plain = plain_of(t, asked)) options_.plain->seen(*plain);
    Event event = submission_of(t, asked);
    engine_.apply(event, applied);
    if (applied.answer) {
      put(*applied.answer, out);
      if (applied.answer->action != Answer::Action::refuse && !asked.request.queue_id.empty()) {
        queue_.put(asked.request.queue_id, t.account, std::get<Submission>(event.body).from,
                   asked.now);
      }
      // Held mail shows up as `hold`, not as `queue active`; its life is the engine's.
      const bool to_confirm = applied.answer->action == Answer::Action::dunno ||
                              applied.answer->action == Answer::Action::warn;
      if (options_.log_followed && to_confirm && !asked.request.queue_id.empty()) {
        const std::lock_guard lock(commits_mutex_);
        if (commits_.size() < options_.commits_max) {
          commits_.insert_or_assign(
              std::string(asked.request.queue_id.substr(0, k_id_max)),
              Commit{std::move(event.account), std::move(event.host), asked.now});
        }
      }
    } else {
      repeated_after_restart(asked, t.account, out);
    }
  }
  // Only now: a moment in which a message is both reserved and counted is on the safe side.
  release(t);
  t.final_answer.assign(out, start);
  t.recipients = {};
  t.recipients_kept = 0;
  t.asked.clear();
}

Event PolicyDesk::submission_of(Transaction& t, const Asked& asked) const {
  const wire::PolicyRequest& request = asked.request;
  Event event;
  event.t = asked.now;
  event.host =
      request.policy_context.empty() ? options_.host : clean(request.policy_context, k_id_max);
  // Postfix's instance is unique on its host for all time (pid, microsecond, number), so a message
  // that is asked about again after our restart is known by the journal to be the same one.
  if (asked.named) {
    event.id = request.instance.empty() ? "q:" : "p:";
    event.id += clean(request.instance.empty() ? request.queue_id : request.instance, k_id_max);
  }
  event.account = t.account;
  Submission body;
  if (auto ip = IpAddress::parse(request.client_address)) {
    body.ip = *ip;
    if (options_.place) body.place = options_.place(body.ip);
  }
  body.helo = clean(request.helo_name, k_helo_max);
  body.from = clean(request.sender, k_address_max);
  body.size = request.size;
  body.queue_id = clean(request.queue_id, k_id_max);

  const std::uint32_t n = bounded_count(std::max(request.recipient_count, 1U));
  body.to.reserve(n);
  for (std::string_view rest = t.recipients; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    body.to.push_back(wire::valid_utf8(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  if (body.to.empty() && !request.recipient.empty()) {
    body.to.push_back(clean(request.recipient, k_address_max));
  }
  if (body.to.size() > n) {
    // Postfix refused some after we let them pass; most often for a local mailbox that is none.
    std::size_t surplus = body.to.size() - n;
    for (std::size_t i = body.to.size(); i-- > 0 && surplus > 0;) {
      const std::string account = asked.directory.account_of(body.to[i]);
      if (!asked.directory.is_local_domain(domain_of(account)) ||
          asked.directory.is_account(account)) {
        continue;
      }
      body.to.erase(body.to.begin() + static_cast<std::ptrdiff_t>(i));
      --surplus;
    }
    body.to.resize(n);
  }
  if (body.to.size() < n) {
    const std::string_view own = domain_of(t.account);
    const std::string_view domain = own.empty() ? "localhost" : own;
    body.to.push_back(fmt::format("postmaster@{}", domain));
    // More than one is missing where no check_policy_service stands in the recipient list: each has
    // to count, none is known by name.
    while (body.to.size() < n)
      body.to.push_back(fmt::format("unseen-{}@{}", body.to.size() + 1, domain));
  }
  event.body = std::move(body);
  return event;
}

// The journal knows the message, we do not: the daemon was started anew between two questions about
// it. What was decided then stands: a held message is held, anything else follows the standing.
void PolicyDesk::repeated_after_restart(const Asked& asked, std::string_view account,
                                        std::string& out) {
  metrics_.repeated_questions.add();
  const decide::Engine::AccountView view = engine_.view(account, asked.now);
  for (const decide::HeldMessage& held : view.holds) {
    if (held.queue_id != asked.request.queue_id || held.state == decide::HoldState::deleted)
      continue;
    Answer answer;
    answer.action = Answer::Action::hold;
    answer.text = "held for review";
    return put(answer, out);
  }
  put(engine_.may_send(account, asked.now, 0, 0), out);
}

void PolicyDesk::release(Transaction& t) {
  if (t.reserved == 0) return;
  reservations_.release(t.account, t.reserved);
  t.reserved = 0;
  t.data_answered = false;
}

void PolicyDesk::put(const Answer& answer, std::string& out) {
  metrics_.policy_answers[static_cast<std::size_t>(answer.action)].add();
  wire::PolicyAnswer reply;
  switch (answer.action) {
    case Answer::Action::dunno: break;
    case Answer::Action::hold:
      reply.action = wire::PolicyAction::hold;
      reply.text = answer.text;
      break;
    case Answer::Action::warn:
      reply.action = wire::PolicyAction::warn;
      reply.text = answer.text;
      break;
    case Answer::Action::refuse:
      reply.action = wire::PolicyAction::reject;
      split_code(answer.text, reply.code, reply.text);
      break;
  }
  wire::append_policy_answer(out, reply);
}

void PolicyDesk::confirmed(std::string_view queue_id) {
  const std::lock_guard lock(commits_mutex_);
  commits_.erase(std::string(queue_id));
}

void PolicyDesk::withdrawn(std::string_view queue_id, Instant now) {
  Commit commit;
  {
    const std::lock_guard lock(commits_mutex_);
    const auto it = commits_.find(std::string(queue_id));
    if (it == commits_.end()) return;
    commit = std::move(it->second);
    commits_.erase(it);
  }
  Event event;
  event.t = now;
  event.host = std::move(commit.host);
  event.id = fmt::format("w:{}", queue_id);
  event.account = std::move(commit.account);
  event.body = Withdrawn{std::string(queue_id)};
  decide::Applied applied;
  engine_.apply(event, applied);
  metrics_.withdrawn_messages.add();
  if (options_.sink && applied.is_worth_keeping()) options_.sink(applied);
}

void PolicyDesk::sweep(Instant now, std::optional<Instant> log_reached) {
  const std::size_t expired = transactions_.expire(
      now - options_.transaction_timeout, now - options_.reservation_timeout,
      [this](Transaction& t) { release(t); }, [this](Transaction& t) { release(t); });
  metrics_.transactions_expired.add(expired);
  metrics_.transactions_open.set(transactions_.size());
  if (!log_reached) return;
  std::vector<std::string> lost;
  {
    const std::lock_guard lock(commits_mutex_);
    for (const auto& [queue_id, commit] : commits_) {
      if (commit.t + options_.commit_timeout < *log_reached) lost.push_back(queue_id);
    }
  }
  for (const std::string& queue_id : lost) withdrawn(queue_id, now);
}

std::size_t PolicyDesk::waiting_commits() const {
  const std::lock_guard lock(commits_mutex_);
  return commits_.size();
}

}  // namespace sekimori::serve
