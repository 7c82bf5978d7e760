#include "app/attach_trials.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "app/cli_api.h"
#include "app/smtp_dialogue.h"
#include "app/trial_listener.h"
#include "decide/ports.h"
#include "store/guard_store.h"
#include "web/client.h"

namespace sekimori::app {
namespace {

using std::chrono::milliseconds;

// Old processes may serve a connection more after a reload.
constexpr milliseconds k_patience{15000};
constexpr milliseconds k_pause{300};

// Tries until it holds or the time is over.
bool within_patience(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + k_patience;
  while (true) {
    if (holds()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(k_pause);
  }
}

// Submission with TLS where it is offered; what the server says otherwise is in the reply.
Result<SmtpDialogue> submission(const TrialSetup& setup) {
  auto smtp = SmtpDialogue::open(setup.ports.submission, "");
  if (!smtp) return smtp;
  if (smtp->start_tls()) return smtp;
  return SmtpDialogue::open(setup.ports.submission, "");
}

// How many questions of one kind came, at the daemon or at the listener that stands in for it.
class Ear {
 public:
  Ear(const config::Settings& settings, std::string_view metric, const std::vector<std::string>& at,
      TrialListener::Speaks speaks)
      : settings_(settings), metric_(metric) {
    if (daemon_counter(settings, metric)) return;
    const auto address = at.empty() ? Result<ListenAddress>(operating_failure("no listener"))
                                    : ListenAddress::parse(at.front());
    if (!address) {
      trouble_ = address.error().text;
      return;
    }
    auto made = TrialListener::open(*address, speaks);
    if (made) {
      listener_ = std::move(*made);
    } else {
      trouble_ = made.error().text;
    }
  }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] double questions() const {
    if (listener_) return static_cast<double>(listener_->questions());
    return daemon_counter(settings_, metric_).value_or(0);
  }

 private:
  const config::Settings& settings_;
  std::string metric_;
  std::unique_ptr<TrialListener> listener_;
  std::string trouble_;
};

TrialResult of(std::string name, TrialState state, std::string ja, std::string en) {
  return {std::move(name), state, {std::move(ja), std::move(en)}};
}

// The test account's row in guard.db, taken away at the end.
class Lever {
 public:
  Lever(const TrialSetup& setup, store::SqliteGuardStore& guard) : setup_(setup), guard_(guard) {
    row_.subject = decide::Subject{decide::SubjectKind::account, setup.account};
    if (const auto rows = guard.rows()) {
      for (const auto& row : *rows) {
        if (row.subject == row_.subject) before_ = row;
      }
    }
    row_.epoch = before_ ? before_->epoch : 0;
  }
  ~Lever() { release(); }
  Lever(const Lever&) = delete;
  Lever& operator=(const Lever&) = delete;

  Result<void> pull(bool no_send, bool no_login, bool no_receive, const std::string& reply) {
    row_.no_send = no_send;
    row_.no_login = no_login;
    row_.no_receive = no_receive;
    row_.reply = reply;
    row_.reason = "sekimori attach: trial";
    pulled_ = true;
    auto done = guard_.put(row_);
    flush();
    return done;
  }
  void release() {
    if (!pulled_) return;
    decide::GuardRow back = before_.value_or(decide::GuardRow{});
    if (!before_) {
      back.subject = row_.subject;
      back.epoch = row_.epoch;
    }
    if (guard_.put(back)) pulled_ = false;
    flush();
  }

 private:
  void flush() const {
    if (setup_.facts.dovecot_file.empty()) return;
    (void)setup_.place.run("/usr/bin/doveadm", {"-c", setup_.facts.dovecot_file, "auth", "cache",
                                                "flush", setup_.account});
  }
  const TrialSetup& setup_;
  store::SqliteGuardStore& guard_;
  decide::GuardRow row_;
  std::optional<decide::GuardRow> before_;
  bool pulled_ = false;
};

// The reply to AUTH of the test account; code 0 when there was no conversation.
SmtpReply sign_in(const TrialSetup& setup) {
  auto smtp = submission(setup);
  if (!smtp) return {0, smtp.error().text};
  auto reply = smtp->auth(setup.account, setup.password);
  smtp->quit();
  if (!reply) return {0, reply.error().text};
  return *reply;
}

TrialResult try_policy(const TrialSetup& setup, const Ear& ear) {
  if (!ear.trouble().empty()) {
    return of("policy", TrialState::skipped, "試せませんでした: " + ear.trouble(),
              "not tried: " + ear.trouble());
  }
  const auto& to = setup.ports.mx.set() ? setup.ports.mx : setup.ports.submission;
  const double before = ear.questions();
  std::string said = "no listener of Postfix was found";
  // Somebody else's address is refused before Postfix asks where it relays nothing for this machine
  // (smtpd_relay_restrictions come first): that says nothing about the policy.
  const std::string recipient =
      setup.account.empty() ? "sekimori-trial@invalid.invalid" : setup.account;
  bool relay_denied = false;
  const bool came = to.set() && within_patience([&] {
                      auto smtp = SmtpDialogue::open(to, "");
                      if (!smtp) {
                        said = smtp.error().text;
                        return false;
                      }
                      (void)smtp->command("MAIL FROM:<>");
                      if (auto reply = smtp->command("RCPT TO:<" + recipient + ">")) {
                        said = reply->whole();
                        relay_denied = said.contains("Relay access denied");
                      }
                      smtp->quit();
                      return ear.questions() > before;
                    });
  if (came) {
    return of("policy", TrialState::proved, "Postfix から問い合わせが届きました。",
              "a policy question of Postfix came");
  }
  if (relay_denied) {
    return of("policy", TrialState::skipped,
              "試せませんでした: Postfix の mynetworks にこのコンピューターが含まれていません。",
              "not tried: Postfix relays nothing for this machine (mynetworks)");
  }
  return of("policy", TrialState::failed, "Postfix から問い合わせが届きません(" + said + ")。",
            "no policy question came (" + said + ")");
}

TrialResult try_auth_policy(const TrialSetup& setup, const Ear& ear) {
  if (!ear.trouble().empty() || !setup.ports.submission.set()) {
    const std::string why = ear.trouble().empty() ? "no submission port" : ear.trouble();
    return of("auth_policy", TrialState::skipped, "試せませんでした: " + why, "not tried: " + why);
  }
  const double before = ear.questions();
  std::string said;
  const bool came = within_patience([&] {
    auto smtp = submission(setup);
    if (!smtp) {
      said = smtp.error().text;
      return false;
    }
    // Nobody's account, so that nobody's counts as guessed at.
    if (auto reply =
            smtp->auth(fmt::format("sekimori-trial-{:x}@invalid.invalid", ::randombytes_random()),
                       Secret("trial"))) {
      said = reply->whole();
    }
    smtp->quit();
    return ear.questions() > before;
  });
  if (came) {
    return of("auth_policy", TrialState::proved, "Dovecot からログインの問い合わせが届きました。",
              "a sign-in question of Dovecot came");
  }
  return of("auth_policy", TrialState::failed,
            "Dovecot からログインの問い合わせが届きません(" + said + ")。",
            "no sign-in question came (" + said + ")");
}

TrialResult try_refusal(const TrialSetup& setup, Lever& lever) {
  SmtpReply last;
  if (auto done = lever.pull(false, true, false, ""); !done) {
    return of("sign_in", TrialState::failed, done.error().text, done.error().text);
  }
  const bool refused = within_patience([&] {
    last = sign_in(setup);
    return last.code == 535;
  });
  lever.release();
  if (!refused) {
    return of("sign_in", TrialState::failed, "停止してもログインできてしまいます: " + last.whole(),
              "a suspended account still signs in: " + last.whole());
  }
  const std::string words = last.whole();
  const bool again = within_patience([&] {
    last = sign_in(setup);
    return last.code == 235;
  });
  if (!again) {
    return of("sign_in", TrialState::failed, "戻したのにログインできません: " + last.whole(),
              "let go, the account still cannot sign in: " + last.whole());
  }
  return of("sign_in", TrialState::proved, "停止中のログインは断られました: " + words,
            "the sign-in was refused: " + words);
}

// What became of one message of the test account to itself.
Result<SmtpSent> send_to_self(const TrialSetup& setup) {
  auto smtp = submission(setup);
  if (!smtp) return std::unexpected(smtp.error());
  auto in = smtp->auth(setup.account, setup.password);
  if (!in) return std::unexpected(in.error());
  if (in->code != 235) return operating_failure("AUTH: " + in->whole());
  auto sent = smtp->send({setup.account,
                          {setup.account},
                          fmt::format("From: <{0}>\r\nTo: <{0}>\r\nSubject: sekimori attach: "
                                      "trial\r\n\r\nA trial; it is deleted at once.\r\n",
                                      setup.account)});
  smtp->quit();
  return sent;
}

TrialResult try_sending(const TrialSetup& setup, Lever& lever) {
  std::string said;
  if (auto done = lever.pull(true, false, false, "525 5.7.13 sekimori attach: trial"); !done) {
    return of("send", TrialState::failed, done.error().text, done.error().text);
  }
  const bool refused = within_patience([&] {
    const auto sent = send_to_self(setup);
    said = !sent                   ? sent.error().text
           : sent->refused.empty() ? "it was taken"
                                   : sent->refused.front().whole();
    return sent && sent->accepted == 0 && !sent->refused.empty() &&
           sent->refused.front().code == 525;
  });
  lever.release();
  if (!refused) {
    return of("send", TrialState::failed, "送信を止めても送れてしまいます: " + said,
              "a restricted account still sends: " + said);
  }
  return of("send", TrialState::proved, "送信は断られました: " + said,
            "sending was refused: " + said);
}

TrialResult try_hold(const TrialSetup& setup, Lever& lever) {
  const auto& dir = setup.facts.postfix_dir;
  if (auto done = lever.pull(true, false, false, "HOLD sekimori attach: trial"); !done) {
    return of("hold", TrialState::failed, done.error().text, done.error().text);
  }
  std::string id;
  std::string said;
  const bool held = within_patience([&] {
    if (id.empty()) {
      const auto sent = send_to_self(setup);
      if (!sent) said = sent.error().text;
      if (sent && sent->accepted == 0 && !sent->refused.empty()) {
        said = sent->refused.front().whole();
      }
      if (sent) id = sent->queue_id;
    }
    if (id.empty()) return false;
    const auto queue = setup.place.output("/usr/sbin/postqueue", {"-c", dir, "-j"});
    if (!queue) {
      said = queue.error().text;
      return false;
    }
    said = fmt::format("{} is not in the hold queue", id);
    const auto at = queue->find(fmt::format("\"queue_id\": \"{}\"", id));
    if (at == std::string::npos) return false;
    const auto begin = queue->rfind('\n', at) + 1;
    return queue->substr(begin, at - begin).find("\"queue_name\": \"hold\"") != std::string::npos;
  });
  lever.release();
  if (!id.empty()) (void)setup.place.run("/usr/sbin/postsuper", {"-c", dir, "-d", id});
  if (!held) {
    return of("hold", TrialState::failed, "メールを保留できません: " + said,
              "mail is not held: " + said);
  }
  return of("hold", TrialState::proved, "メールは保留されました(確認後に消しました)。",
            "a message was held, and deleted afterwards");
}

TrialResult try_receiving(const TrialSetup& setup, Lever& lever) {
  if (auto done = lever.pull(false, false, true, ""); !done) {
    return of("receive", TrialState::failed, done.error().text, done.error().text);
  }
  std::string said;
  bool by_map = false;
  const bool waits = within_patience([&] {
    if (setup.ports.mx.set()) {
      auto smtp = SmtpDialogue::open(setup.ports.mx, "192.0.2.200");
      if (smtp) {
        (void)smtp->command("MAIL FROM:<>");
        auto reply = smtp->command(fmt::format("RCPT TO:<{}>", setup.account));
        smtp->quit();
        if (reply) said = reply->whole();
        if (reply && reply->code == 450) return true;
      }
    }
    // From this machine itself Postfix may take all mail; the queue's own map holds it then.
    const auto answer = setup.place.output(
        "/usr/sbin/postmap",
        {"-c", setup.facts.postfix_dir, "-q", setup.account,
         fmt::format("proxy:sqlite:{}/sekimori/waiting.cf", setup.facts.postfix_dir)});
    if (answer && answer->starts_with("retry:4.2.1")) {
      by_map = true;
      said = answer->substr(0, answer->find('\n'));
      return true;
    }
    if (!answer) said = answer.error().text;
    return false;
  });
  lever.release();
  if (!waits) {
    return of("receive", TrialState::failed, "停止中のアドレス宛てのメールが待ちません: " + said,
              "mail for a suspended address does not wait: " + said);
  }
  return of("receive", TrialState::proved,
            (by_map ? "宛先の停止中、メールはこのサーバーのキューで待ちます: "
                    : "宛先の停止中、メールは送信元で待ちます: ") +
                said,
            (by_map ? "mail for a suspended address waits in the queue here: "
                    : "mail for a suspended address waits at its sender: ") +
                said);
}

}  // namespace

std::optional<double> daemon_counter(const config::Settings& settings, std::string_view name) {
  web::ClientSettings to;
  to.unix_socket = settings.web.control_socket;
  to.timeout = seconds(10);
  const auto answer = web::Client(std::move(to)).call("GET", "/metrics");
  if (!answer || answer->status != 200) return std::nullopt;
  double sum = 0;
  std::string_view text = answer->body;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(name)) continue;
    const char next = line.size() > name.size() ? line[name.size()] : '\0';
    if (next != ' ' && next != '{') continue;
    double value = 0;
    const auto at = line.rfind(' ') + 1;
    std::from_chars(line.data() + at, line.data() + line.size(), value);
    sum += value;
  }
  return sum;
}

TrialResult try_policy_question(const TrialSetup& setup) {
  const Ear ear(setup.settings, "sekimori_policy_requests_total", setup.settings.policy.listen,
                TrialListener::Speaks::postfix_policy);
  return try_policy(setup, ear);
}

Result<void> account_signs_in(const TrialSetup& setup) {
  const auto reply = sign_in(setup);
  if (reply.code == 235) return {};
  return bad_input(fmt::format("the test account {} cannot sign in on {}:{}: {}", setup.account,
                               setup.ports.submission.host, setup.ports.submission.port,
                               reply.whole()));
}

std::vector<TrialResult> run_trials(const TrialSetup& setup) {
  std::vector<TrialResult> out;
  // Both at once: the daemon answers both, and Dovecot asks the one while Postfix asks the other.
  const Ear policy(setup.settings, "sekimori_policy_requests_total", setup.settings.policy.listen,
                   TrialListener::Speaks::postfix_policy);
  const Ear auth(setup.settings, "sekimori_auth_allow_total", setup.settings.auth_policy.listen,
                 TrialListener::Speaks::dovecot_policy);
  out.push_back(try_policy(setup, policy));
  if (!setup.facts.dovecot_file.empty()) out.push_back(try_auth_policy(setup, auth));
  const auto skip = [&](const char* name) {
    out.push_back(of(name, TrialState::skipped,
                     "--trial-account にテスト用のアカウントを付けると試します。",
                     "tried with a test account: --trial-account ADDRESS --password-stdin"));
  };
  if (setup.account.empty() || !setup.ports.submission.set()) {
    for (const auto* name : {"sign_in", "send", "receive", "hold"}) skip(name);
    return out;
  }
  auto guard = store::SqliteGuardStore::open({setup.settings.guard.database});
  if (!guard) {
    out.push_back(of("guard", TrialState::failed, guard.error().text, guard.error().text));
    return out;
  }
  Lever lever(setup, **guard);
  out.push_back(try_refusal(setup, lever));
  out.push_back(try_sending(setup, lever));
  out.push_back(try_receiving(setup, lever));
  out.push_back(try_hold(setup, lever));
  return out;
}

}  // namespace sekimori::app
