#include "app/report_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/installation.h"
#include "app/machine_words.h"
#include "app/world.h"
#include "base/complaint.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

// Read in one go, so that a flood of backscatter leaves the thread able to stop.
constexpr std::size_t k_mails_a_round = 200;
constexpr std::size_t k_words_max = 500;

decide::MailOrigin of(report::Origin origin) {
  switch (origin) {
    case report::Origin::ours: return decide::MailOrigin::ours;
    case report::Origin::forged: return decide::MailOrigin::forged;
    case report::Origin::unknown: return decide::MailOrigin::unknown;
  }
  return decide::MailOrigin::unknown;
}

std::string cut(std::string text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0U) == 0x80U) --max;
  text.resize(max);
  return text;
}

}  // namespace

ReportService::ReportService(ReportParts parts, ReportSettings settings, const HashKey& key,
                             act::ReportMailboxSettings mailbox)
    : parts_(std::move(parts)),
      settings_(std::move(settings)),
      key_(key),
      stamper_(key),
      reads_(!settings_.mailbox.empty() && !mailbox.url.empty() && mailbox.password.is_set()),
      mailbox_(std::move(mailbox)) {}

ReportService::~ReportService() { stop(); }

bool ReportService::wants_stamp(std::string_view account) const {
  if (settings_.mailbox.empty() || !settings_.stamp) return false;
  const auto left_out = [&](std::string_view name) {
    return std::ranges::find(settings_.unstamped, name) != settings_.unstamped.end();
  };
  return !left_out(account) && !left_out(domain_of(account));
}

std::string ReportService::stamp_for(std::string_view account, Instant now) const {
  if (!wants_stamp(account)) return {};
  return fmt::format("{}: {}", report::k_stamp_header, stamper_.stamp(account, now));
}

std::string ReportService::copy_of_bounce_to(std::string_view account) const {
  // What comes to the report mailbox itself is there already.
  return account == settings_.mailbox ? std::string() : settings_.mailbox;
}

Result<ReportService::Owner> ReportService::owner_of(const report::MailReport& report,
                                                     Instant now) const {
  const auto directory = parts_.directory();
  const auto& original = report.original;
  std::vector<std::string> candidates;
  for (const std::string* address :
       {&report.to, &original.return_path, &original.from, &report.feedback.original_mail_from}) {
    if (address->empty()) continue;
    std::string account = directory->receiver_of(*address);
    if (!account.empty() && account != settings_.mailbox) {
      candidates.push_back(std::move(account));
    }
  }
  if (const auto stamped = stamper_.open(original.stamp, now)) {
    const auto is_it = [&](const std::string& account) {
      return stamper_.name_of(account) == stamped->account;
    };
    if (const auto at = std::ranges::find_if(candidates, is_it); at != candidates.end()) {
      return Owner{*at, true};
    }
    auto all = parts_.accounts();
    if (!all) return std::unexpected(all.error());
    if (const auto at = std::ranges::find_if(*all, is_it); at != all->end()) {
      return Owner{*at, true};
    }
  }
  return candidates.empty() ? Owner{} : Owner{candidates.front(), false};
}

bool ReportService::was_sent(const report::MailReport& report, const std::string& account) const {
  return std::ranges::any_of(
      report::own_queue_ids(report, settings_.host_names),
      [&](const std::string& id) { return parts_.sent.knows_queue_id(id, account); });
}

bool ReportService::take(const std::string& mail) {
  read.add();
  const Instant now = parts_.now();
  const auto report = report::read_report(mail);
  if (!report) return true;
  const bool concerns = report->kind == report::ReportKind::bounce ||
                        report->kind == report::ReportKind::delay ||
                        report->kind == report::ReportKind::feedback;
  if (!concerns) return true;
  const auto owner = owner_of(*report, now);
  if (!owner) {
    parts_.log(fmt::format("reports: {}", owner.error().text));
    return false;
  }
  if (owner->account.empty()) {
    unassigned.add();
    return true;
  }
  const std::string& account = owner->account;
  report::SentEvidence evidence;
  evidence.stamped = owner->stamped;
  evidence.queue_id_known = was_sent(*report, account);
  evidence.message_id_known = parts_.sent.knows_message_id(report->original.message_id, account);
  evidence.passed =
      was_sent(*report, "") || parts_.sent.knows_message_id(report->original.message_id, "");
  evidence.remembered_since = parts_.sent.since(now);
  if (wants_stamp(account)) evidence.stamped_since = settings_.stamping_since;
  const auto verdict = report::judge_origin(*report, evidence, settings_.host_names, now);

  decide::ReturnedMail base;
  base.t = now;
  base.account = account;
  base.origin = of(verdict.origin);
  base.why = verdict.why;
  base.first_hop = verdict.first_hop;
  base.reporter = report->reporting_mta.empty() ? std::string(domain_of(report->from))
                                                : ascii_lower(report->reporting_mta);
  // The same report, whether it comes again or is read again.
  const std::string name = report->message_id.empty() ? mail : report->message_id;
  const auto key_of = [&](std::string_view recipient) {
    return fmt::format("{:016x}{:016x}", keyed_hash(key_, name), keyed_hash(key_, recipient));
  };
  std::vector<decide::ReturnedMail> mails;
  if (report->kind == report::ReportKind::feedback) {
    base.kind = decide::ReturnedKind::feedback;
    base.reason = cut(report->feedback.type, 32);
    base.recipient = report->feedback.original_rcpt_to.empty()
                         ? report->original.to
                         : report->feedback.original_rcpt_to.front();
    base.words = cut(report->feedback.user_agent, k_words_max);
    // One mail, one complaint: whoever has it could send as many as they like.
    const auto& original = report->original;
    const std::string& about = !original.stamp.empty() ? original.stamp : original.message_id;
    base.key = about.empty() ? key_of("") : fmt::format("f{:016x}", keyed_hash(key_, about));
    mails.push_back(base);
  }
  for (const report::RecipientReport& r : report->recipients) {
    decide::ReturnedMail one = base;
    one.kind = r.action == "delayed" ? decide::ReturnedKind::delay : decide::ReturnedKind::bounce;
    one.reason = to_string(r.reason);
    one.status = r.status;
    one.hard = r.hard;
    one.recipient = r.final_recipient;
    one.words = cut(r.diagnostic, k_words_max);
    one.key = key_of(r.final_recipient);
    mails.push_back(std::move(one));
  }
  const auto fresh = parts_.store.put(mails);
  if (!fresh) {
    parts_.log(fmt::format("reports: {}", fresh.error().text));
    return false;
  }
  for (const decide::ReturnedMail& one : *fresh) act_on(one, *report);
  if (!fresh->empty() && base.origin == decide::MailOrigin::forged &&
      report->kind != report::ReportKind::feedback) {
    if (auto told = tell_of_forgery(account, now); !told) {
      parts_.log(fmt::format("reports: {}", told.error().text));
    }
  }
  return true;
}

void ReportService::act_on(const decide::ReturnedMail& mail, const report::MailReport& report) {
  const bool is_feedback = mail.kind == decide::ReturnedKind::feedback;
  if (mail.origin == decide::MailOrigin::forged) forged.add();
  if (mail.origin != decide::MailOrigin::ours) return;
  (is_feedback ? feedback : ours).add();
  std::string queue_id;
  for (const std::string& id : report::own_queue_ids(report, settings_.host_names)) {
    if (queue_id.empty() && parts_.sent.knows_queue_id(id, mail.account)) queue_id = id;
  }
  // Only what the log called delivered to just this recipient: our own Postfix's bounces stand
  // there already, and whoever once got a mail could invent any number of other recipients.
  const bool is_news =
      mail.hard && parts_.sent.knows_delivery(queue_id, mail.recipient, mail.account);
  if (is_feedback || is_news) {
    Delivery body;
    body.queue_id = queue_id.empty() ? "returned-" + mail.key.substr(0, 17) : queue_id;
    body.to = mail.recipient;
    body.status = DeliveryStatus::bounced;
    body.dsn = is_feedback ? "5.7.1" : mail.status;
    body.reply = is_feedback ? std::string(k_complaint_reply) + mail.reason : mail.words;
    Event event;
    event.t = mail.t;
    event.host = settings_.host;
    event.id = "r:" + mail.key;
    event.account = mail.account;
    event.body = std::move(body);
    decide::Applied applied;
    parts_.engine.apply(event, applied);
    parts_.remember(applied);
  }
  if (!is_feedback) return;
  if (parts_.complained) parts_.complained(mail);
  const Text words{
      fmt::format("{} から送ったメールに、受信者から苦情(フィードバック報告「{}」)が届きました。"
                  "ゆっくり進む乗っ取りの兆しのことがあります。",
                  mail.account, mail.reason),
      fmt::format("A recipient complained about mail from {} (feedback report, {}). It may be the "
                  "sign of a slow takeover.",
                  mail.account, mail.reason)};
  if (auto told =
          parts_.tell("complained", mail.account, words, format_instant(mail.t).substr(0, 10));
      !told) {
    parts_.log(fmt::format("reports: {}", told.error().text));
  }
}

Result<void> ReportService::tell_of_forgery(const std::string& account, Instant now) {
  const Instant since = now - days(1);
  auto counts = parts_.store.counts(account, since, now + seconds(1));
  if (!counts) return std::unexpected(counts.error());
  if (counts->forged < settings_.forged_notice) return {};
  // Whoever is under suspicion must not hear that all is well.
  if (counts->feedback > 0) return {};
  const auto view = parts_.engine.view(account, now);
  if (view.standing.standing != Standing::normal || !view.holds.empty()) return {};
  auto told = parts_.store.told(account);
  if (!told) return std::unexpected(told.error());
  if (told->is_set() && now - *told < settings_.notice_interval) return {};
  auto last = parts_.store.last(account, since, 100);
  if (!last) return std::unexpected(last.error());
  std::erase_if(*last, [](const auto& m) { return m.origin != decide::MailOrigin::forged; });
  // Told before it is noted as told: a death in between tells it again under the same occasion.
  const Text words = decide::spoofing_words(counts->forged, *last);
  if (auto done = parts_.tell("spoofed", account, words, std::to_string(told->us)); !done) {
    return done;
  }
  return parts_.store.set_told(account, now);
}

void ReportService::poll() {
  std::size_t handed = 0;
  do {
    handed = 0;
    auto done = mailbox_.read(k_mails_a_round, [&](const std::string& mail) {
      ++handed;
      return take(mail);
    });
    if (!done) {
      if (mailbox_.is_cancelled()) return;
      if (trouble().empty()) parts_.log(fmt::format("reports: {}", done.error().text));
      return set_trouble(done.error().text);
    }
    set_trouble("");
    if (*done < handed) return;  // what could not be dealt with waits for the next look
  } while (handed == k_mails_a_round && !mailbox_.is_cancelled());
}

void ReportService::start() {
  if (!reads_) return;
  thread_.start("reports", [this](bool) {
    poll();
    return std::optional(act::WorkerThread::Clock::now() +
                         std::chrono::microseconds(settings_.poll_interval.us));
  });
}

void ReportService::stop() {
  mailbox_.cancel();
  thread_.stop();
}

std::string ReportService::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void ReportService::set_trouble(std::string text) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(text);
}

namespace {
// Complaints about a thief's mail come for weeks.
constexpr Duration k_complaints_after = days(30);

// On the record of the incident that the account is in, or was in lately.
void note_complaint(World& w, const decide::ReturnedMail& mail) {
  decide::StateStore::IncidentFilter filter;
  filter.subject = decide::Subject{decide::SubjectKind::account, mail.account};
  filter.limit = 1;
  const auto newest = w.reader->incidents(filter);
  if (!newest || newest->empty()) return;
  const decide::Incident& incident = newest->front();
  if (incident.closed.is_set() && incident.closed + k_complaints_after < mail.t) return;
  decide::AuditEntry note{
      .t = mail.t,
      .who = "machine",
      .action = "complaint",
      .subject = incident.subject,
      .incident = incident.id,
      .why = {},
      .detail = words_detail({fmt::format("受信者から苦情({})が届きました。", mail.reason),
                              fmt::format("A recipient complained ({}).", mail.reason)})};
  if (auto noted = w.reader->add_note(incident.id, note); !noted) {
    w.log(fmt::format("reports: {}", noted.error().text));
  }
}
}  // namespace

Result<void> make_reports(World& world) {
  World& w = world;
  const auto& s = w.settings.reports;
  auto opened = store::ReturnedStore::open(state_database(w.settings));
  if (!opened) return std::unexpected(opened.error());
  w.returned = std::move(*opened);
  w.sent = std::make_unique<serve::SentIndex>(serve::SentIndex::Options{
      .path = s.mailbox.empty() ? std::string() : w.settings.server.state_dir + "/sent.index",
      .key = w.key,
      .max_entries = static_cast<std::size_t>(s.remembered_max)});
  if (auto loaded = w.sent->load(system_now()); !loaded) {
    w.log(fmt::format("reports: {}; remembering begins anew", loaded.error().text));
  }
  ReportSettings settings;
  settings.mailbox = ascii_lower(s.mailbox);
  settings.stamp = s.stamp;
  for (const auto& name : s.unstamped) settings.unstamped.push_back(ascii_lower(name));
  for (const auto& name : s.host_names) settings.host_names.push_back(ascii_lower(name));
  if (settings.host_names.empty()) settings.host_names.push_back(ascii_lower(w.host));
  settings.host = w.host;
  settings.poll_interval = s.poll_interval;
  settings.forged_notice = static_cast<std::uint64_t>(s.forged_notice);
  settings.notice_interval = s.notice_interval;
  settings.stamping_since = w.started;
  act::ReportMailboxSettings mailbox;
  mailbox.url = s.imap_url;
  while (mailbox.url.ends_with('/')) mailbox.url.pop_back();
  mailbox.login = s.login.empty() ? s.mailbox : s.login;
  mailbox.folder = s.folder;
  mailbox.move_to = s.move_to;
  mailbox.verify_tls = s.verify_tls;
  if (!s.mailbox.empty() && !s.password_file.empty()) {
    auto password = read_secret(s.password_file);
    if (!password) return std::unexpected(password.error());
    mailbox.password = std::move(*password);
  }
  w.reports = std::make_unique<ReportService>(
      ReportParts{
          .store = *w.returned,
          .sent = *w.sent,
          .engine = *w.engine,
          .now = system_now,
          .directory = [&w] { return w.directory.get(); },
          .accounts = [&w]() -> Result<std::vector<std::string>> {
            auto snapshot = w.accounts->directory();
            if (!snapshot) return std::unexpected(snapshot.error());
            return std::move(snapshot->accounts);
          },
          .remember = [&w](const decide::Applied& applied) { w.remember(applied); },
          .tell = [&w](std::string_view kind, const std::string& account, const Text& words,
                       const std::string& occasion) -> Result<void> {
            decide::Notice notice;
            notice.kind = kind;
            notice.subject = {decide::SubjectKind::account, account};
            notice.summary = words;
            return w.notifier->tell_once(notice, occasion);
          },
          .log = w.log,
          .complained = [&w](const decide::ReturnedMail& mail) { note_complaint(w, mail); },
      },
      std::move(settings), w.key, std::move(mailbox));
  return {};
}

}  // namespace sekimori::app
