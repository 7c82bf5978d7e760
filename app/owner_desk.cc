#include "app/owner_desk.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <ctime>

#include "app/recovery_service.h"
#include "app/time_zones.h"
#include "app/ways_service.h"
#include "base/mail_address.h"
#include "decide/standing.h"
#include "store/journal.h"
#include "store/password_hash.h"
#include "web/aftermath.h"
#include "web/server_desk.h"

namespace sekimori::app {
namespace {

// An incident longer ago than this is not compared any more.
constexpr Duration k_compare_until = days(30);
// A device that was noticed so long ago at most stands on the card.
constexpr Duration k_forgotten_shown = hours(26);
// Without those that are taken for one another.
constexpr std::string_view k_mark_letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ";

// Checked where there is nobody, so that it takes as long as for somebody.
const std::string& nobodys_hash() {
  static const std::string hash =
      store::hash_password(Secret("nobody has this password")).value_or("");
  return hash;
}

std::string new_mark() {
  std::string out = "TEST-";
  for (int i = 0; i < 6; ++i) {
    out += k_mark_letters[randombytes_uniform(static_cast<std::uint32_t>(k_mark_letters.size()))];
  }
  return out;
}

// By the clock on the server's wall: the page without scripts knows no other.
Text local_time(Instant t) {
  if (!t.is_set()) return {};
  const std::time_t at = t.us / 1'000'000;
  std::tm parts{};
  ::localtime_r(&at, &parts);
  return {fmt::format("{}年{}月{}日 {}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                      parts.tm_mday, parts.tm_hour, parts.tm_min),
          fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                      parts.tm_mday, parts.tm_hour, parts.tm_min)};
}

struct Words {
  web::OwnUse receive;
  web::OwnUse send;
  web::OwnUse sign_in;
  Text what;
  Text next;
};

Words words_of(Standing standing) {
  using enum web::OwnUse;
  switch (standing) {
    case Standing::normal:
      return {works,
              works,
              works,
              {"受信・送信・サインインは、すべて使えます。",
               "Receiving, sending and signing in all work."},
              {}};
    case Standing::restricted:
      return {works,
              stopped,
              works,
              {"受信と閲覧は、これまでどおり使えます。送信だけを止めています。",
               "You can receive and read mail as before. Only sending is stopped."},
              {"「再開の手続き」へ進んでください。はじめにウイルス検査、次に新しいパスワードです。",
               "Please go on to \"Get my mail back\": first a virus check, then a new password."}};
    case Standing::suspended:
      return {waits,
              stopped,
              stopped,
              {"送信とサインインを止めています。届くメールは失われません。送信元で待っていて、"
               "再開すると届きます。",
               "Sending and signing in are stopped. Mail to you is not lost: it waits at its "
               "senders and arrives when your account is back."},
              {"「再開の手続き」へ進んでください。ご本人の確認、ウイルス検査、新しいパスワードの"
               "順です。",
               "Please go on to \"Get my mail back\": confirm that it is you, check for viruses, "
               "choose a new password."}};
    case Standing::recovering:
      return {
          works,
          stopped,
          works,
          {"受信と閲覧ができます。送信は、残りの確認が終わると使えるようになります。",
           "You can receive and read mail. Sending opens when the remaining checks are done."},
          {"「再開の手続き」の続きへ進んでください。", "Please go on with \"Get my mail back\"."}};
    case Standing::probation:
      return {works,
              watched,
              works,
              {"すべて使えます。しばらくのあいだ念のため見守っていて、一度にたくさん送ると"
               "止まることがあります。",
               "Everything works. It is watched a little more for a while: sending very much at "
               "once may be stopped."},
              {}};
  }
  return {stopped, stopped, stopped, {}, {}};
}

// What a person switched off stands beside what the standing closes.
void lay_over(web::OwnStatus& out, const decide::Switches& switches) {
  if (!switches.any()) return;
  if (switches.receive) out.receive = web::OwnUse::waits;
  // Nobody hands in mail who may not sign in.
  if (switches.login) out.sign_in = out.send = web::OwnUse::stopped;
  decide::SwitchWords words = decide::owner_words(switches, server_zone());
  if (!out.is_recovering) {
    out.what = std::move(words.what);
    out.why = std::move(words.why);
    out.next = std::move(words.next);
    return;
  }
  const auto add = [](Text& to, const Text& more) {
    to.ja += more.ja;
    to.en += (to.en.empty() ? "" : " ") + more.en;
  };
  add(out.what, words.what);
  add(out.why, words.why);
  add(out.next, words.next);
}

}  // namespace

Result<std::string> OwnerDeskService::account_of(std::string_view address) {
  std::string account = parts_.directory()->account_of(address);
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("'{}' is no account of this server", account));
  return account;
}

Result<decide::AccountRow> OwnerDeskService::row_of(const std::string& account) {
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("'{}' is no account of this server", account));
  return std::move(**row);
}

void OwnerDeskService::audited(const web::Caller& by, std::string action,
                               const std::string& account, std::string detail) {
  const decide::Subject subject{decide::SubjectKind::account, account};
  parts_.writer.put(decide::AuditEntry{.t = parts_.now(),
                                       .who = by.who,
                                       .action = std::move(action),
                                       .subject = subject,
                                       .incident = parts_.engine.standing_of(subject).incident,
                                       .why = {},
                                       .detail = std::move(detail)});
}

// ---------------------------------------------------------------- who it is

Result<bool> OwnerDeskService::knows_password(std::string_view address, const Secret& password) {
  const std::string account = parts_.directory()->account_of(address);
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) {
    (void)store::verify_password(nobodys_hash(), password);
    return false;
  }
  auto hash = parts_.accounts.password_hash(account);
  if (!hash) return std::unexpected(hash.error());
  return store::verify_password(*hash, password).value_or(false);
}

Result<bool> OwnerDeskService::password_suffices(std::string_view address) {
  const std::string account = parts_.directory()->account_of(address);
  const auto standing = parts_.engine.standing_of({decide::SubjectKind::account, account}).standing;
  if (standing != Standing::normal && standing != Standing::probation) return false;
  // Where nobody may sign in with it, it opens no more than the card.
  return !switches_of(account).login;
}

decide::Switches OwnerDeskService::switches_of(const std::string& account) {
  const auto view = parts_.server_desk.switches(account);
  return view ? web::switched_off(*view) : decide::Switches();
}

Result<void> OwnerDeskService::end_session(const Secret& token) {
  return parts_.recoveries.close_session(token);
}

// ---------------------------------------------------------------- looking

Result<web::OwnStatus> OwnerDeskService::status(std::string_view address) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto row = row_of(*account);
  if (!row) return std::unexpected(row.error());
  web::OwnStatus out;
  out.account = *account;
  out.now = parts_.now();
  out.help = parts_.help;
  const auto view = parts_.engine.view(*account, out.now);
  out.standing = view.standing.standing;
  out.since = view.standing.since;
  out.since_text = local_time(out.since);
  out.held = view.holds.size();
  Words words = words_of(out.standing);
  out.receive = words.receive;
  out.send = words.send;
  out.sign_in = words.sign_in;
  out.what = std::move(words.what);
  out.next = std::move(words.next);
  out.is_recovering = decide::forbids_sending(out.standing) || out.standing == Standing::recovering;
  if (out.is_recovering) {
    out.why = view.standing.reason;
    auto way = parts_.way_back.view(*account);
    if (way && way->recovery.begun.is_set() && !way->recovery.ended.is_set() &&
        !way->next_step.ja.empty()) {
      out.next = way->next_step;
    }
  }
  const auto switches = switches_of(*account);
  lay_over(out, switches);
  if (decide::forbids_login(out.standing) || switches.receive) {
    // Not known is none: the card must come up with the queue out of reach, too.
    if (const auto waiting = parts_.aftermath.waiting(*account)) out.waiting = waiting->waiting;
  }
  if (!row->active) {
    out.receive = web::OwnUse::waits;
    out.send = out.sign_in = web::OwnUse::stopped;
    out.what = {"このアドレスは、契約先の管理画面で「使わない」に設定されています。",
                "This address is set inactive in the provider's panel."};
    out.next = {"契約の窓口へお問い合わせください。", "Please ask your provider."};
  } else if (out.next.ja.empty() && out.held > 0) {
    out.next = {fmt::format("確認のためお預かりしているメールが {} 通あります。問題がなければ、"
                            "そのまま送られます。",
                            out.held),
                fmt::format("{} of your messages wait for a check, and are sent on if nothing is "
                            "wrong.",
                            out.held)};
  } else if (out.next.ja.empty()) {
    // What still goes on is noticed every day. The card comes up with the database away, too.
    const auto guessing = parts_.bans.guessing(*account);
    if (guessing) {
      for (const auto& device : guessing->forgotten) {
        if (!device.setting.known || device.last + k_forgotten_shown < out.now) continue;
        out.next = decide::forgotten_words(device.setting);
        break;
      }
    }
  }
  auto key = totp_key(*account);
  if (!key) return std::unexpected(key.error());
  out.has_totp = key->is_set();
  return out;
}

Result<OwnerDeskService::Incident> OwnerDeskService::incident_of(const std::string& account) {
  auto row = parts_.recoveries.latest(account);
  if (!row) return std::unexpected(row.error());
  Incident out;
  if (!*row || parts_.now() - (*row)->recovery.contained > k_compare_until) return out;
  const decide::Recovery& r = (*row)->recovery;
  out.number = r.incident;
  out.facts.onset = parts_.way_back.onset_of(**row);
  out.facts.contained = r.contained;
  const decide::Gate& changed = r.gate(decide::GateKind::password_changed);
  if (changed.state == decide::GateState::proved) out.facts.changed = changed.when;
  out.facts.networks = (*row)->networks;
  return out;
}

Result<decide::OwnHistory> OwnerDeskService::fold(const std::string& account) {
  auto incident = incident_of(account);
  if (!incident) return std::unexpected(incident.error());
  decide::OwnTrafficFold fold(parts_.now(), std::move(incident->facts));
  const std::string& directory = parts_.identity.journal_directory;
  const auto place = store::journal_place(directory, fold.from());
  if (!place) return std::unexpected(place.error());
  const std::string mark = fmt::format("\"{}\"", account);
  auto reading = store::read_journal(
      directory, place->from,
      [&](std::uint64_t, const Event& event) {
        if (event.account == account) fold.add(event);
        return true;
      },
      [&](std::string_view line) { return line.find(mark) != std::string_view::npos; });
  if (!reading) return std::unexpected(reading.error());
  return fold.history();
}

Result<web::OwnHistoryView> OwnerDeskService::history(std::string_view address,
                                                      const IpAddress& from) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto answers = parts_.recoveries.network_answers(*account);
  if (!answers) return std::unexpected(answers.error());
  auto folded = fold(*account);
  if (!folded) return std::unexpected(folded.error());
  web::OwnHistoryView out;
  out.now = parts_.now();
  const std::string here = decide::own_network(from);
  for (const decide::OwnSignIn& group : folded->sign_ins) {
    web::OwnSignInView view{.group = group, .mine = std::nullopt, .is_here = group.network == here};
    // This server's own trials of a new password would only frighten.
    if (group.last_ip.is_loopback() && !view.is_here) continue;
    const auto said =
        std::ranges::find(*answers, group.network, &store::RecoveryStore::NetworkAnswer::network);
    if (said != answers->end()) view.mine = said->mine;
    out.sign_ins.push_back(std::move(view));
  }
  out.history = std::move(*folded);
  return out;
}

Result<void> OwnerDeskService::answer_sign_in(std::string_view address,
                                              const web::OwnAnswer& answer, const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto ip = IpAddress::parse(answer.network.substr(0, answer.network.find('/')));
  if (!ip) return bad_input("'network' must be one of the list");
  const std::string network = decide::own_network(*ip);
  if (auto done = parts_.recoveries.put_network_answer(
          *account, {.network = network, .mine = answer.mine, .at = parts_.now()});
      !done) {
    return done;
  }
  audited(by, answer.mine ? "sign_in_mine" : "sign_in_not_mine", *account,
          fmt::format(R"({{"network":"{}"}})", network));
  if (answer.mine) return {};
  // From now on a sign-in from there proves nothing, and whoever looks at the incident reads it.
  if (auto done = parts_.way_back.note_stranger(*account, network); !done) return done;
  return note(
      *account, by,
      fmt::format("{} からのサインインは自分ではない、と本人が答えました。 / The owner says "
                  "that the sign-ins from {} were not theirs.",
                  network, network));
}

Result<void> OwnerDeskService::note(const std::string& account, const web::Caller& by,
                                    std::string why) {
  auto incident = incident_of(account);
  if (!incident) return std::unexpected(incident.error());
  if (incident->number == 0) return {};
  decide::AuditEntry entry;
  entry.t = parts_.now();
  entry.who = by.who;
  entry.action = "note";
  entry.subject.id = account;
  entry.incident = incident->number;
  entry.why = std::move(why);
  return parts_.reader.add_note(incident->number, entry);
}

Result<Instant> OwnerDeskService::note_computer(std::string_view address, const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const Instant now = parts_.now();
  audited(by, "computer_password", *account);
  if (auto done = note(*account, by,
                       "パソコン自体のサインイン用パスワードを変えた、と本人が答えました。 / The "
                       "owner has changed the computer's own sign-in password.");
      !done) {
    return std::unexpected(done.error());
  }
  return now;
}

Result<std::vector<web::OwnService>> OwnerDeskService::services(std::string_view address) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto folded = fold(*account);
  if (!folded) return std::unexpected(folded.error());
  std::vector<web::OwnService> out;
  for (const decide::OwnServiceSeen& seen : folded->services) {
    out.push_back({.domain = seen.service.domain,
                   .category = seen.service.category,
                   .ja = seen.service.ja,
                   .en = seen.service.en,
                   .messages = seen.messages,
                   .during = seen.during > 0});
  }
  return out;
}

// ---------------------------------------------------------------- devices and ways

Result<web::OwnDevices> OwnerDeskService::devices(std::string_view address, const IpAddress& from) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto ways = parts_.ways.in_force(*account);
  if (!ways) return std::unexpected(ways.error());
  web::OwnDevices out;
  for (const decide::WayInForce& way : ways->ways) {
    if (way.kind != decide::WayKind::app_password) continue;
    out.app_passwords.push_back(
        {.key = way.key, .content = way.content, .is_suspended = way.is_suspended});
  }
  auto sessions = parts_.mail_sessions(*account);
  out.sessions_known = sessions.has_value();
  if (!sessions) return out;
  const std::string here = decide::own_network(from);
  for (MailSession& session : *sessions) {
    web::OwnSession one;
    one.service = std::move(session.service);
    if (auto ip = IpAddress::parse(session.ip)) one.ip = *ip;
    one.is_here = one.ip.is_set() && decide::own_network(one.ip) == here;
    out.sessions.push_back(std::move(one));
  }
  return out;
}

Result<void> OwnerDeskService::revoke(std::string_view address, std::string_view key,
                                      const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto done = key.empty()
                  ? parts_.provider.suspend_app_passwords(*account)
                  : parts_.provider.suspend_app_passwords(*account, {std::string(key)}, true);
  if (!done) return std::unexpected(done.error());
  audited(by, "revoke_app_passwords", *account, fmt::format(R"({{"count":{}}})", *done));
  // A remembered sign-in would still open.
  return parts_.hands.flush_auth_cache(*account);
}

Result<std::uint32_t> OwnerDeskService::sign_out(std::string_view address, const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  if (auto done = parts_.hands.flush_auth_cache(*account); !done) {
    return std::unexpected(done.error());
  }
  auto ended = parts_.hands.kick(*account);
  if (!ended) return ended;
  audited(by, "sign_out_everywhere", *account, fmt::format(R"({{"sessions":{}}})", *ended));
  return ended;
}

Result<web::OwnWays> OwnerDeskService::ways(std::string_view address) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto incident = incident_of(*account);
  if (!incident) return std::unexpected(incident.error());
  web::OwnWays out;
  if (incident->number != 0) {
    auto changes = parts_.ways.of_incident(incident->number);
    if (!changes && changes.error().kind != ErrorKind::not_found) {
      return std::unexpected(changes.error());
    }
    if (changes) {
      for (decide::WayView& view : *changes) {
        if (view.change.account == *account) out.changes.push_back(std::move(view));
      }
    }
  }
  auto ways = parts_.ways.in_force(*account);
  if (!ways) return std::unexpected(ways.error());
  out.ways = std::move(*ways);
  return out;
}

Result<decide::WayView> OwnerDeskService::answer_way(std::string_view address, std::uint64_t change,
                                                     bool keep, const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  auto incident = incident_of(*account);
  if (!incident) return std::unexpected(incident.error());
  if (incident->number == 0) return not_found("there is no incident");
  auto changes = parts_.ways.of_incident(incident->number);
  if (!changes) return std::unexpected(changes.error());
  const bool is_own = std::ranges::any_of(*changes, [&](const decide::WayView& view) {
    return view.change.id == change && view.change.account == *account;
  });
  if (!is_own) return not_found("there is no such change");
  return control_.answer_way(incident->number, change, keep, "本人の回答 / The owner's answer", by);
}

// ---------------------------------------------------------------- the live test

Result<web::LiveTest> OwnerDeskService::begin_test(std::string_view address, Language language,
                                                   const web::Caller& by) {
  const auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  const auto standing =
      parts_.engine.standing_of({decide::SubjectKind::account, *account}).standing;
  if (decide::forbids_login(standing)) {
    return bad_input("the mailbox takes no mail before the new password is set");
  }
  if (switches_of(*account).receive) return bad_input("receiving is switched off for this mailbox");
  Test test;
  test.view.started = parts_.now();
  test.view.mark = new_mark();
  const auto place = store::journal_place(parts_.identity.journal_directory, test.view.started);
  if (!place) return std::unexpected(place.error());
  auto last = store::read_journal(
      parts_.identity.journal_directory, place->from,
      [](std::uint64_t, const Event&) { return true; }, [](std::string_view) { return false; });
  if (!last) return std::unexpected(last.error());
  test.read = std::max(last->last_sequence, place->from - 1);
  const Text subject{"受信テスト " + test.view.mark, "Test mail " + test.view.mark};
  const Text body{
      "これは、メールの設定を確かめるためにお送りしたテストのメールです。\n"
      "このメールが読めれば、受信の設定は正しくできています。\n\n"
      "手続きの画面に戻って、続きへ進んでください。\n",
      "This is the test mail that you asked for to check your mail settings.\n"
      "If you can read it, receiving is set up correctly.\n\n"
      "Please go back to the page and go on.\n"};
  if (auto sent = parts_.send_letter(*account, subject.in(language), body.in(language)); sent) {
    test.view.sent = parts_.now();
  } else {
    test.view.trouble = sent.error().text;
  }
  audited(by, "live_test", *account);
  const std::lock_guard lock(tests_mutex_);
  if (tests_.size() >= k_owner_matters_max && !tests_.contains(*account)) {
    tests_.erase(std::ranges::min_element(tests_, {},
                                          [](const auto& one) { return one.second.view.started; }));
  }
  Test& kept = tests_[*account] = std::move(test);
  look(*account, kept, by.ip);
  return kept.view;
}

void OwnerDeskService::look(const std::string& account, Test& test, const IpAddress& from) {
  web::LiveTest& view = test.view;
  view.now = parts_.now();
  const std::string here = decide::own_network(from);
  const std::string mark = fmt::format("\"{}\"", account);
  auto reading = store::read_journal(
      parts_.identity.journal_directory, test.read + 1,
      [&](std::uint64_t, const Event& event) {
        const auto* login = std::get_if<Login>(&event.body);
        if (login == nullptr || event.account != account || event.t < view.started) return true;
        // Our own trials come from this machine.
        const bool is_here = !here.empty() && decide::own_network(login->ip) == here;
        if (login->ip.is_loopback() && !is_here) return true;
        if (login->result == LoginResult::bad_password && is_here) {
          ++view.wrong;
          view.wrong_last = event.t;
        }
        if (login->result != LoginResult::ok) return true;
        const bool smtp = login->service == Service::smtp;
        if (!smtp && login->service != Service::imap && login->service != Service::pop3) {
          return true;
        }
        auto& slot = smtp ? view.sending : view.reading;
        // The owner's own place counts before any other.
        if (!slot || (is_here && !slot->is_here)) {
          slot = web::LiveSignIn{.t = event.t,
                                 .service = login->service,
                                 .ip = login->ip,
                                 .is_here = is_here,
                                 .is_encrypted = login->tls,
                                 .is_encryption_known = !smtp};
        }
        return true;
      },
      [&](std::string_view line) { return line.find(mark) != std::string_view::npos; });
  // What cannot be read now is read by the next look.
  if (reading && reading->last_sequence > test.read) test.read = reading->last_sequence;
  if (view.sent.is_set() && !view.received.is_set()) {
    if (parts_.holds_subject(account, view.mark).value_or(false)) view.received = view.now;
  }
}

Result<web::LiveTest> OwnerDeskService::test(std::string_view address, const IpAddress& from) {
  const std::string account = parts_.directory()->account_of(address);
  const std::lock_guard lock(tests_mutex_);
  const auto at = tests_.find(account);
  if (at == tests_.end()) return not_found("no test was begun");
  look(account, at->second, from);
  return at->second.view;
}

}  // namespace sekimori::app
