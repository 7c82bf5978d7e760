#include "app/aftermath_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>

#include "act/notice_mail.h"
#include "app/damage_maker.h"
#include "decide/standing.h"
#include "web/json_aftermath.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// More than the clock tells apart for one account.
constexpr std::size_t k_queue_looked_at = 1000;
// A report of an incident that goes on is made anew when somebody looks, but not for every reload.
constexpr Duration k_fresh = seconds(2);
constexpr Duration k_keep_pace = seconds(20);
// A closed incident's report is made within this time; what is older was kept, or is lost.
constexpr Duration k_keep_window = days(2);
constexpr std::uint32_t k_letter_tries_max = 12;
constexpr int k_durable_wait_ms = 5000;

std::int64_t utc_offset_s(Instant t) {
  const auto seconds_of = static_cast<time_t>(t.us / 1'000'000);
  tm local{};
  localtime_r(&seconds_of, &local);
  return local.tm_gmtoff;
}

}  // namespace

// ---------------------------------------------------------------- waiting mail

Result<decide::WaitingView> AftermathService::waiting(std::string_view address) {
  const auto directory = parts_.directory();
  const std::string account = directory->account_of(address);
  auto view = parts_.waiting.view(account);
  if (view.messages.empty() && !directory->is_account(account)) {
    auto row = parts_.accounts.account(account);
    if (!row) return std::unexpected(row.error());
    if (!*row) return not_found(fmt::format("'{}' is no account of this server", account));
  }
  const auto record = parts_.engine.standing_of({decide::SubjectKind::account, account});
  if (!decide::forbids_receiving(record.standing) && !parts_.receives_nothing(account)) return view;
  // The log said what came into the queue while we read it; Postfix says what lies there. Where it
  // cannot be asked, what the log said stands.
  std::vector<decide::QueueEntry> theirs;
  const auto listed = parts_.hands.list_queue([&](const decide::QueueEntry& entry) {
    const bool is_theirs = entry.queue_name == "deferred" &&
                           std::ranges::any_of(entry.recipients, [&](const auto& to) {
                             return directory->account_of(to) == account;
                           });
    if (is_theirs) theirs.push_back(entry);
    return theirs.size() < k_queue_looked_at;
  });
  if (!listed || theirs.size() == k_queue_looked_at) return parts_.waiting.view(account);
  parts_.waiting.queue_says(account, theirs);
  return parts_.waiting.view(account);
}

Result<std::vector<decide::WaitingView>> AftermathService::all_waiting() {
  return parts_.waiting.all();
}

// ---------------------------------------------------------------- damage

void AftermathService::audited(const web::Caller& by, std::string action,
                               const decide::Incident& incident, std::string why,
                               std::string detail) {
  decide::AuditEntry entry;
  entry.t = parts_.now();
  entry.who = by.who;
  entry.action = std::move(action);
  entry.subject = incident.subject;
  entry.incident = incident.id;
  entry.why = std::move(why);
  entry.detail = std::move(detail);
  parts_.writer.put(entry);
}

Result<decide::Incident> AftermathService::incident_of(std::uint64_t id) {
  auto incident = parts_.state.incident(id);
  if (!incident) return std::unexpected(incident.error());
  if (!*incident) return not_found(fmt::format("there is no incident {}", id));
  return std::move(**incident);
}

Result<store::KeptReport> AftermathService::kept(std::uint64_t id) {
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  const std::lock_guard turn(making_);
  auto before = parts_.damage.report(id);
  if (!before) return std::unexpected(before.error());
  const Instant now = parts_.now();
  const bool closed = incident->state == decide::IncidentState::closed;
  if (*before) {
    const bool fresh = now >= (*before)->made && now - (*before)->made < k_fresh;
    if ((*before)->final || (fresh && !closed)) return std::move(**before);
  }
  // The journal has forgotten the beginning: what was kept knows more.
  const Instant onset = incident->onset.is_set() ? incident->onset : incident->opened;
  if (*before && now - onset > parts_.journal_retention) return std::move(**before);
  auto made = make_damage_report(parts_.journal_directory, parts_.state, *incident, now);
  if (!made) return std::unexpected(made.error());
  store::KeptReport report;
  report.incident = id;
  report.made = now;
  report.final = closed;
  json::object body = web::json_of(*made, now);
  body["utc_offset_seconds"] = utc_offset_s(now);
  report.json = json::serialize(body);
  if (auto done = parts_.damage.put(report, made->people); !done) {
    return std::unexpected(done.error());
  }
  return report;
}

Result<std::string> AftermathService::damage(std::uint64_t incident) {
  auto report = kept(incident);
  if (!report) return std::unexpected(report.error());
  return std::move(report->json);
}

Result<std::vector<decide::DamageRecipient>> AftermathService::damage_recipients(
    std::uint64_t id, const web::Caller& by) {
  auto report = kept(id);
  if (!report) return std::unexpected(report.error());
  auto rows = parts_.damage.recipients(id, 0, web::k_export_rows_max);
  if (!rows) return rows;
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  audited(by, "export_recipients", *incident, "", fmt::format(R"({{"rows":{}}})", rows->size()));
  return rows;
}

// ---------------------------------------------------------------- the note to recipients

web::RecipientNote AftermathService::draft(const decide::Incident& incident,
                                           const store::KeptReport& report) const {
  const std::string& who = incident.subject.id;
  std::string first, last;
  boost::system::error_code broken;
  const auto value = json::parse(report.json, broken);
  if (!broken) {
    const auto time = [&](const char* key) {
      const auto* mail = value.as_object().if_contains("mail");
      const auto* text = mail == nullptr ? nullptr : mail->as_object().if_contains(key);
      const auto t =
          text != nullptr && text->is_string() ? parse_instant(text->get_string()) : bad_input("");
      return t ? act::notice_time(*t) : std::string("?");
    };
    first = time("first");
    last = time("last");
  }
  web::RecipientNote note;
  note.subject = fmt::format("【お知らせ】{0} からのメールについて / About mail from {0}", who);
  note.body = fmt::format(
      "このメールは、{0} からのメールが届いた方へ、メールサービスの提供者{3}からお送りしています。\n\n"
      "{0} のメールアドレスが第三者に不正に使われ、{1} から {2} の間、ご本人の知らないメールが"
      "送られました。\n\n"
      "■ お願い\n"
      "・その間に {0} から届いたメールは開かず、削除してください。\n"
      "・メールの中のリンクや添付ファイルを開かないでください。\n"
      "・リンク先でパスワードなどを入力してしまった場合は、すぐにそのサービスのパスワードを変えて"
      "ください。\n\n"
      "不正な利用はすでに止めています。ご迷惑をおかけし、申し訳ございません。\n{4}\n"
      "----------------------------------------\n\n"
      "You receive this from the mail provider{5} because mail from {0} was delivered to you.\n\n"
      "Somebody else used the address {0}: mail sent between {1} and {2} may not be its owner's.\n\n"
      "* Please\n"
      "- delete mail that came from {0} in that time, unopened;\n"
      "- do not follow its links or open what is attached;\n"
      "- if you typed a password on a page it led to, change that password now.\n\n"
      "The misuse has been stopped. We apologise for the trouble.\n{6}",
      who, first, last, parts_.provider.empty() ? "" : "(" + parts_.provider + ")",
      parts_.contact.empty() ? "" : "お問い合わせ: " + parts_.contact + "\n",
      parts_.provider.empty() ? "" : " (" + parts_.provider + ")",
      parts_.contact.empty() ? "" : "Questions: " + parts_.contact + "\n");
  return note;
}

Result<web::NoteOutcome> AftermathService::outcome(std::uint64_t incident,
                                                   web::RecipientNote note) {
  web::NoteOutcome out;
  auto addressees = parts_.damage.count_delivered(incident);
  if (!addressees) return std::unexpected(addressees.error());
  auto counts = parts_.damage.letter_counts(incident);
  if (!counts) return std::unexpected(counts.error());
  out.note = std::move(note);
  out.addressees = *addressees;
  out.waiting = counts->waiting;
  out.sent = counts->sent;
  out.failed = counts->failed;
  out.uncertain = counts->sending;
  return out;
}

Result<web::NoteOutcome> AftermathService::draft_note(std::uint64_t id) {
  auto report = kept(id);
  if (!report) return std::unexpected(report.error());
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  auto written = parts_.damage.letter_text(id);
  if (!written) return std::unexpected(written.error());
  web::RecipientNote note = *written ? web::RecipientNote{(*written)->subject, (*written)->body}
                                     : draft(*incident, *report);
  return outcome(id, std::move(note));
}

Result<web::NoteOutcome> AftermathService::send_note(std::uint64_t id,
                                                     const web::RecipientNote& note,
                                                     const std::string& reason,
                                                     const web::Caller& by) {
  if (!parts_.can_send) return bad_input("no sender address is set (notices.from)");
  auto report = kept(id);
  if (!report) return std::unexpected(report.error());
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  if (incident->state == decide::IncidentState::open) {
    return bad_input("the account is not contained yet: more people may have to be told");
  }
  auto before = outcome(id, note);
  if (!before) return before;
  if (before->addressees == 0) return bad_input("nothing was delivered to anybody");
  store::LetterText text{note.subject, note.body, reason, by.who, parts_.now()};
  auto added = parts_.damage.write_letters(id, text);
  if (!added) return std::unexpected(added.error());
  audited(by, "note_to_recipients", *incident, reason, fmt::format(R"({{"letters":{}}})", *added));
  if (auto durable = parts_.writer.wait(parts_.writer.last_ticket(), k_durable_wait_ms); !durable) {
    return std::unexpected(durable.error());
  }
  letters_wait_ = true;
  return outcome(id, note);
}

bool AftermathService::send_letters(std::size_t most) {
  for (std::size_t i = 0; i < most; ++i) {
    const Instant now = parts_.now();
    auto letter = parts_.damage.take_letter(now);
    if (!letter || !*letter) return false;
    auto text = parts_.damage.letter_text((*letter)->incident);
    Result<void> sent = operating_failure("its text is gone");
    if (text && *text) sent = parts_.send_letter((*letter)->to, (*text)->subject, (*text)->body);
    auto state = store::LetterState::sent;
    Instant again;
    std::string detail;
    if (!sent) {
      detail = sent.error().text;
      // It may have been taken: nobody gets it twice. It stays as handed over.
      if (detail.contains("Timeout")) {
        parts_.log(fmt::format("note to a recipient, perhaps sent: {}", detail));
        continue;
      }
      const bool over =
          sent.error().kind == ErrorKind::bad_input || (*letter)->tries >= k_letter_tries_max;
      state = over ? store::LetterState::failed : store::LetterState::waiting;
      again = now + minutes(std::int64_t{1} << std::min((*letter)->tries, 6U));
    }
    if (auto done = parts_.damage.settle_letter(**letter, state, again, detail); !done) {
      parts_.log(fmt::format("note to a recipient: {}", done.error().text));
    }
  }
  return true;
}

// ---------------------------------------------------------------- what goes on by itself

void AftermathService::keep_reports() {
  const Instant now = parts_.now();
  decide::StateStore::IncidentFilter filter;
  filter.limit = 200;
  auto incidents = parts_.state.incidents(filter);
  if (!incidents) return;  // health says so
  for (const decide::Incident& incident : *incidents) {
    if (incident.subject.kind != decide::SubjectKind::account) continue;
    auto before = parts_.damage.report(incident.id);
    if (!before) return;
    if (*before && (*before)->final) continue;
    const Instant onset = incident.onset.is_set() ? incident.onset : incident.opened;
    const bool closed =
        incident.state == decide::IncidentState::closed && now - incident.closed < k_keep_window;
    // Before the journal forgets how it began, once a day.
    const bool soon_forgotten =
        incident.state != decide::IncidentState::closed &&
        now - onset > Duration{parts_.journal_retention.us - k_keep_window.us} &&
        (!*before || now - (*before)->made > days(1));
    if (!closed && !soon_forgotten) continue;
    if (auto made = kept(incident.id); !made) {
      parts_.log(fmt::format("report of incident {}: {}", incident.id, made.error().text));
    }
  }
}

// A second's worth of letters, then a second.
act::WorkerThread::Clock::time_point AftermathService::work() {
  const Instant now = parts_.now();
  if (letters_wait_ || now >= next_letters_) {
    const std::size_t per_second = std::max(1U, parts_.notes_per_minute / 60);
    letters_wait_ = send_letters(per_second);
    next_letters_ = now + minutes(1);
  }
  if (now >= next_look_ || next_look_ - now > k_keep_pace) {
    keep_reports();
    next_look_ = now + k_keep_pace;
  }
  return act::WorkerThread::Clock::now() + std::chrono::seconds(1);
}

void AftermathService::start() {
  thread_.start("aftermath", [this](bool) { return work(); });
}

void AftermathService::stop() { thread_.stop(); }

}  // namespace sekimori::app
