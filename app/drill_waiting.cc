// The second half of the drill: suspended, waiting, restored; and what the acts are made of.
#include <fmt/format.h>
#include <poll.h>
#include <sodium.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "app/cli_text.h"
#include "app/drill.h"
#include "web/target.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// As in drill.cc.
constexpr seconds k_soon{10};
// Postfix tries a message again that waited (the lab after 5 to 10 s).
constexpr seconds k_redelivery{25};

const json::value* find(const json::value& of, std::string_view key) {
  return of.is_object() ? of.get_object().if_contains(key) : nullptr;
}
std::string word(const json::value& of, std::string_view key) {
  const auto* value = find(of, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}
std::uint64_t number(const json::value& of, std::string_view key) {
  const auto* value = find(of, key);
  return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

}  // namespace

void Drill::others_undisturbed() {
  if (target_.colleagues.empty() || !sink_.known()) {
    report_.skip("others", {"ほかの利用者のアカウントが分からないため、確かめません。",
                            "No other account is known to look at."});
    return;
  }
  const DrillPerson& colleague = target_.colleagues.front();
  const auto begun = report_.seconds();
  auto sent = send_as(colleague, home_, "colleague-out", "kato@friends.example");
  if (!sent) {
    broke("others", sent.error());
    return;
  }
  const bool there =
      wait([&] { return sink_.messages_with(subject("colleague-out")) == 1; }, k_soon);
  const double took = report_.seconds() - begun;
  report_.expect(
      there, "others",
      there ? Text{fmt::format(
                       "{} のメールは {:.1f} 秒で届きました。ほかの利用者に影響はありません。",
                       colleague.address, took),
                   fmt::format("{}'s mail arrives in {:.1f} s: nobody else is disturbed.",
                               colleague.address, took)}
            : Text{fmt::format("{} のメールが届きませんでした。", colleague.address),
                   fmt::format("{}'s mail did not arrive.", colleague.address)});
}

bool Drill::suspend() {
  auto done = change("suspend", "drill: suspended for a while");
  if (!done) return broke("suspended", done.error());
  if (!report_.expect(*done == "suspended", "suspended",
                      {"人がアカウントを停止しました。", "A person suspends the account."})) {
    return false;
  }
  LoginOutcome imap;
  const bool imap_shut = wait(
      [&] {
        auto opened = owner_mailbox(imap);
        return opened && !*opened;
      },
      k_soon);
  report_.expect(imap_shut, "imap", {"IMAP のログイン: " + imap.words, "IMAP login: " + imap.words},
                 {{"words", imap.words}});
  if (target_.pop3.set()) {
    LoginOutcome pop3;
    const bool shut = wait(
        [&] {
          auto tried =
              pop3_login(target_.pop3, target_.owner.address, target_.owner.password, home_);
          if (tried) pop3 = *tried;
          return tried && !tried->in;
        },
        k_soon);
    report_.expect(shut, "pop3", {"POP3 のログイン: " + pop3.words, "POP3 login: " + pop3.words},
                   {{"words", pop3.words}});
  }
  std::string words;
  const bool smtp_shut = wait(
      [&] {
        std::optional<SmtpReply> refused;
        auto smtp = sign_in(target_.owner, home_, &refused);
        if (refused) words = refused->whole();
        return !smtp && refused && refused->code == 535;
      },
      k_soon);
  report_.expect(smtp_shut, "smtp", {"SMTP のログイン: " + words, "SMTP login: " + words},
                 {{"words", words}});
  if (reading_) {
    const bool ended = reading_->ended(k_soon);
    report_.expect(
        ended, "session",
        ended
            ? Text{"開いていた IMAP の接続は終わりました。", "The running IMAP session is ended."}
            : Text{"開いていた IMAP の接続が続いています。", "The running IMAP session goes on."});
    reading_.reset();
  }
  return true;
}

void Drill::mail_waits() {
  if (target_.mx.set()) {
    auto sent = deliver_to_owner("kept-at-sender");
    if (!sent) {
      broke("450", sent.error());
    } else {
      const std::string words = sent->refused.empty() ? "250" : sent->refused.front().whole();
      const bool waits = sent->accepted == 0 && words.starts_with("450 4.2.1");
      if (report_.expect(waits, "450",
                         {"外からのメールへの応答: " + words + "(送信側で待ちます)",
                          "Mail from outside is answered: " + words + " (it waits at the sender)"},
                         {{"reply", words}})) {
        kept_back_ = message("friend@far.example", {target_.owner.address}, "kept-at-sender");
        waiting_.emplace_back("kept-at-sender");
      }
    }
  } else {
    report_.skip("450", {"MX の場所が分からないため、外からのメールは試しません。",
                         "No MX is known: mail from outside is not tried."});
  }
  if (target_.colleagues.empty()) return;
  const DrillPerson& colleague = target_.colleagues.front();
  auto sent = send_as(colleague, home_, "queued-here", target_.owner.address);
  if (!sent) {
    broke("queued", sent.error());
    return;
  }
  bool waits = sent->accepted == 1;
  if (waits) waiting_.emplace_back("queued-here");
  if (waits && !target_.maillog.empty()) {
    waits = wait([&] { return DrillSink::deferred(target_.maillog, sent->queue_id); }, k_soon);
  }
  report_.expect(
      waits, "queued",
      waits ? Text{fmt::format("{} からのメールは受け取られ、キューで待っています。",
                               colleague.address),
                   fmt::format("Mail from {} is taken and waits in the queue.", colleague.address)}
            : Text{"同僚からのメールがキューで待っていません: " +
                       (sent->refused.empty() ? "250" : sent->refused.front().whole()),
                   "A colleague's mail does not wait in the queue: " +
                       (sent->refused.empty() ? "250" : sent->refused.front().whole())});
}

bool Drill::restore() {
  auto done = change("restore", "drill: the owner is back");
  if (!done) return broke("restored", done.error());
  return report_.expect(*done == "normal", "restored",
                        {"アカウントを元に戻しました。状態: " + standing_word(*done, Language::ja),
                         "The account is restored: " + *done});
}

void Drill::everything_arrived() {
  if (kept_back_) {
    std::string words;
    const bool taken = wait(
        [&] {
          auto smtp = SmtpDialogue::open(target_.mx, outsider_);
          if (!smtp) return false;
          auto sent = smtp->send(*kept_back_);
          smtp->quit();
          if (sent && !sent->refused.empty()) words = sent->refused.front().whole();
          return sent && sent->accepted == 1;
        },
        k_soon);
    report_.expect(taken, "retried",
                   taken ? Text{"送信側が待たせていたメールを送り直し、受け取られました。",
                                "The sender tries again, and its mail is taken."}
                         : Text{"送り直したメールが断られました: " + words,
                                "The sender's next try was refused: " + words});
  }
  LoginOutcome outcome;
  const bool in = wait(
      [&] {
        auto opened = owner_mailbox(outcome);
        if (opened && *opened) reading_ = std::move(*opened);
        return reading_.has_value();
      },
      k_soon);
  if (!report_.expect(in, "login",
                      in ? Text{"持ち主は再びログインできます。", "The owner signs in again."}
                         : Text{"持ち主がログインできません: " + outcome.words,
                                "The owner cannot sign in: " + outcome.words})) {
    return;
  }
  if (waiting_.empty()) return;
  const auto count = [&](const std::string& tag) {
    return reading_->count_subject(subject(tag)).value_or(0);
  };
  const auto all_there = [&] {
    return std::ranges::all_of(waiting_, [&](const auto& tag) { return count(tag) > 0; });
  };
  static_cast<void>(wait(all_there, k_redelivery));
  std::size_t arrived = 0;
  std::size_t doubled = 0;
  for (const auto& tag : waiting_) {
    const auto n = count(tag);
    arrived += n > 0 ? 1 : 0;
    doubled += n > 1 ? 1 : 0;
  }
  report_.expect(arrived == waiting_.size() && doubled == 0, "arrived",
                 {fmt::format("待っていたメールは {} 通中 {} 通が届き、重複は {} 通です。",
                              waiting_.size(), arrived, doubled),
                  fmt::format("Of {} messages that waited, {} arrived, {} twice.", waiting_.size(),
                              arrived, doubled)},
                 {{"waited", waiting_.size()}, {"arrived", arrived}, {"doubled", doubled}});
}

void Drill::owner_sends_again() {
  const std::string to = sink_.known() ? "tanaka@friends.example" : target_.owner.address;
  std::string words;
  // Dovecot forgets the refused login a moment after the standing changed.
  const bool taken = wait(
      [&] {
        auto sent = send_as(target_.owner, home_, "again", to);
        if (!sent) words = sent.error().text;
        if (sent && !sent->refused.empty()) words = sent->refused.front().whole();
        return sent && sent->accepted == 1;
      },
      k_soon);
  bool there = taken;
  if (taken && sink_.known()) {
    there = wait([&] { return sink_.messages_with(subject("again")) == 1; }, k_soon);
    if (!there) words = "250, and then it did not arrive";
  }
  report_.expect(
      there, "again",
      there ? Text{"持ち主は再び送信できます。", "The owner can send again."}
            : Text{"持ち主がまだ送信できません: " + words, "The owner cannot send yet: " + words});
}

void Drill::clean_up() {
  takers_.clear();
  bool clean = true;
  auto now = view();
  if (now && now->standing != "normal") clean = change("restore", "end of a drill").has_value();
  clean = clean && now.has_value();
  auto held = api("GET", fmt::format("/api/v1/holds?account={}&state=held&limit=1000",
                                     web::percent_encode(target_.owner.address)));
  const auto* items = held ? find(*held, "items") : nullptr;
  std::size_t deleted = 0;
  if (items != nullptr && items->is_array()) {
    for (const auto& hold : items->get_array()) {
      const std::string id = word(hold, "queue_id");
      if (!queue_ids_.contains(id)) continue;
      if (api("POST", fmt::format("/api/v1/holds/{}/delete", id))) {
        ++deleted;
      } else {
        clean = false;
      }
    }
  } else {
    clean = false;
  }
  const json::object why{{"reason", "end of a drill"}};
  for (const auto id : incidents_) {
    clean = api("POST", fmt::format("/api/v1/incidents/{}/close", id), &why).has_value() && clean;
  }
  if (!reading_) {
    LoginOutcome outcome;
    if (auto opened = owner_mailbox(outcome); opened && *opened) reading_ = std::move(*opened);
  }
  if (reading_) {
    clean = reading_->remove_subject(token_).has_value() && clean;
    reading_->logout();
  }
  report_.expect(
      clean, "clean",
      clean
          ? Text{fmt::format("後片付けをしました(保留していた訓練のメール {} 通を削除)。", deleted),
                 fmt::format("Cleaned up ({} held messages of the drill deleted).", deleted)}
          : Text{"後片付けが終わりませんでした。「sekimori account show」で状態を確かめてください。",
                 "Not everything could be cleaned up; look with 'sekimori account "
                 "show'."},
      {{"deleted", deleted}});
}

// ---------------------------------------------------------------- what the acts are made of

Result<json::value> Drill::api(std::string_view method, const std::string& target,
                               const json::object* body) {
  auto answer = target_.api->call(method, target, body == nullptr ? "" : json::serialize(*body));
  if (!answer) return std::unexpected(answer.error());
  boost::system::error_code broken;
  auto value = json::parse(answer->body, broken);
  if (broken || answer->status < 200 || answer->status >= 300) {
    return operating_failure(
        fmt::format("{} {}: {} {}", method, target, answer->status, answer->body.substr(0, 300)));
  }
  return value;
}

Result<Drill::View> Drill::view() {
  auto shown = api("GET", "/api/v1/accounts/" + web::percent_encode(target_.owner.address));
  if (!shown) return std::unexpected(shown.error());
  View out;
  out.standing = word(*shown, "standing");
  out.mode = word(*shown, "mode");
  if (const auto* holds = find(*shown, "holds"); holds != nullptr && holds->is_array()) {
    for (const auto& hold : holds->get_array()) out.held.insert(word(hold, "queue_id"));
  }
  if (const auto* reason = find(*shown, "reason"); reason != nullptr) {
    out.summary = {word(*reason, "ja"), word(*reason, "en")};
  }
  if (const auto* incident = find(*shown, "incident"); incident != nullptr) {
    out.incident = number(*incident, "id");
    if (const auto* summary = find(*incident, "summary"); summary != nullptr) {
      out.summary = {word(*summary, "ja"), word(*summary, "en")};
    }
  }
  if (out.incident != 0 && out.standing != "normal") incidents_.insert(out.incident);
  return out;
}

Result<std::string> Drill::change(std::string_view action, const char* reason) {
  const json::object body{{"reason", reason}};
  auto done =
      api("POST",
          fmt::format("/api/v1/accounts/{}/{}", web::percent_encode(target_.owner.address), action),
          &body);
  if (!done) return std::unexpected(done.error());
  if (const auto id = number(*done, "incident"); id != 0) incidents_.insert(id);
  return word(*done, "standing");
}

Result<SmtpDialogue> Drill::sign_in(const DrillPerson& person, const std::string& ip,
                                    std::optional<SmtpReply>* refused) {
  auto smtp = SmtpDialogue::open(target_.submission, ip);
  if (!smtp) return smtp;
  if (auto done = smtp->start_tls(); !done) return std::unexpected(done.error());
  auto answer = smtp->auth(person.address, person.password);
  if (!answer) return std::unexpected(answer.error());
  if (answer->code != 235) {
    if (refused != nullptr) *refused = *answer;
    return operating_failure(fmt::format("{}: {}", person.address, answer->whole()));
  }
  return smtp;
}

Result<SmtpSent> Drill::deliver_to_owner(const std::string& tag) {
  auto smtp = SmtpDialogue::open(target_.mx, outsider_);
  if (!smtp) return std::unexpected(smtp.error());
  auto sent = smtp->send(message("friend@far.example", {target_.owner.address}, tag));
  smtp->quit();
  return sent;
}

Result<SmtpSent> Drill::send_as(const DrillPerson& person, const std::string& ip,
                                const std::string& tag, const std::string& to) {
  auto smtp = sign_in(person, ip);
  if (!smtp) return std::unexpected(smtp.error());
  auto sent = smtp->send(message(person.address, {to}, tag));
  smtp->quit();
  return sent;
}

Result<std::optional<ImapSession>> Drill::owner_mailbox(LoginOutcome& outcome) {
  return ImapSession::open(target_.imap, target_.owner.address, target_.owner.password, home_,
                           outcome);
}

std::string Drill::subject(const std::string& tag) const {
  return fmt::format("sekimori-drill-{}-{}", token_, tag);
}

SmtpMessage Drill::message(const std::string& from, std::vector<std::string> to,
                           const std::string& tag) const {
  SmtpMessage out;
  out.from = from;
  out.content = fmt::format(
      "From: <{0}>\nTo: {1}\nSubject: {2}\nMessage-ID: <{2}-{3:08x}@drill.example>\n"
      "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
      "Content-Transfer-Encoding: 8bit\n\n"
      "これは Sekimori の訓練のメールです。\nThis message belongs to a drill of Sekimori.\n",
      from, to.size() == 1 ? "<" + to.front() + ">" : "undisclosed-recipients:;", subject(tag),
      ::randombytes_random());
  out.to = std::move(to);
  return out;
}

bool Drill::broke(std::string_view step, const Error& error) {
  return report_.expect(false, step,
                        {"続けられません: " + error.text, "Cannot go on: " + error.text});
}

bool Drill::wait(const std::function<bool()>& until, milliseconds most) {
  const auto deadline = std::chrono::steady_clock::now() + most;
  int pause_ms = 20;
  while (!until()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    ::poll(nullptr, 0, pause_ms);
    pause_ms = std::min(pause_ms * 2, 200);
  }
  return true;
}

}  // namespace sekimori::app
