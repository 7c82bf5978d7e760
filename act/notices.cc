#include "act/notices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "act/notice_rules.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::act {

using decide::NoticeAudience;
using decide::NoticeChannel;
using decide::NoticeRow;
using decide::NoticeState;
using decide::Repeat;
using decide::Subject;
using decide::SubjectKind;

namespace {

// Earlier notices of one subject that are looked at.
constexpr std::size_t k_earlier_max = 200;

}  // namespace

Notices::Notices(decide::NoticeOutbox& outbox, NoticeSettings settings, NoticeSources sources)
    : outbox_(outbox),
      settings_(std::move(settings)),
      templates_(std::make_shared<const NoticeTemplates>(settings_.templates)),
      sources_(std::move(sources)),
      mail_(settings_.mail),
      hooks_(name_webhooks(settings_.webhook_urls), std::move(settings_.webhook_secret),
             settings_.sender.server_name, settings_.webhook_timeout),
      direct_(settings_.mail) {
  std::erase_if(settings_.operators, [this](const std::string& address) {
    const bool wrong = !is_plain_address(address);
    if (wrong) log("an operator's address is none and is left out");
    return wrong;
  });
}

Notices::~Notices() { stop(); }

void Notices::log(std::string_view line) const {
  if (sources_.log) sources_.log(line);
}

// ---------------------------------------------------------------- asking for notices

Result<std::string> Notices::kind_of(const decide::Notice& notice) {
  if (notice.kind != "restricted" && notice.kind != "suspended") return notice.kind;
  // Contained again: it was restored not long ago.
  decide::NoticeFilter filter;
  filter.subject = notice.subject;
  filter.limit = k_earlier_max;
  auto earlier = outbox_.rows(filter);
  if (!earlier) return std::unexpected(earlier.error());
  const Instant since = sources_.now() - settings_.again_window;
  const bool was_restored = std::ranges::any_of(*earlier, [&](const NoticeRow& row) {
    return row.kind == "restored" && row.created >= since;
  });
  return was_restored ? std::string("again") : notice.kind;
}

bool Notices::may_receive(const std::string& address, const Subject& about) {
  if (!is_plain_address(address)) return false;
  const std::string lower = ascii_lower(address);
  const std::string_view domain = domain_of(lower);
  if (about.kind == SubjectKind::domain && domain == about.id) return false;
  if (!sources_.is_local_domain(domain)) return true;
  // On this server: only an account of its own that nobody closed. An alias may lead back into the
  // mailbox that this is about.
  const std::string account = sources_.local_account(lower);
  if (account.empty() || account == about.id) return false;
  const auto standing = sources_.standing({SubjectKind::account, account});
  return standing && !decide::forbids_sending(standing->standing);
}

std::shared_ptr<const decide::SwitchTable> Notices::switches() const {
  auto table = sources_.switches ? sources_.switches() : nullptr;
  return table ? std::move(table) : std::make_shared<const decide::SwitchTable>();
}

bool Notices::is_out_of_reach(const std::string& account, Standing standing) const {
  if (decide::forbids_login(standing) || decide::forbids_receiving(standing)) return true;
  return switches()->contains(account);
}

Result<std::string> Notices::owner_address(const NoticeRow& base) {
  // Once told, the same place is told the rest of this incident: a password change afterwards must
  // not make the contact look new.
  if (base.incident != 0) {
    decide::NoticeFilter filter;
    filter.subject = base.subject;
    filter.channel = NoticeChannel::mail;
    filter.limit = k_earlier_max;
    auto earlier = outbox_.rows(filter);
    if (!earlier) return std::unexpected(earlier.error());
    for (const NoticeRow& row : *earlier) {
      if (row.incident == base.incident && row.audience == NoticeAudience::owner) return row.to;
    }
  }
  auto contact = sources_.contact(base.subject.id, base.incident);
  if (!contact) {
    if (contact.error().kind == ErrorKind::not_found) return std::string();
    return std::unexpected(contact.error());
  }
  const std::string address = ascii_lower(contact->email);
  return may_receive(address, base.subject) ? address : std::string();
}

Result<std::vector<NoticeRow>> Notices::rows_for(NoticeRow base, Standing standing) {
  std::vector<NoticeRow> rows;
  const auto add = [&](NoticeChannel channel, NoticeAudience audience, std::string to) {
    NoticeRow row = base;
    row.channel = channel;
    row.audience = audience;
    row.to = std::move(to);
    row.key = key_of(row);
    const auto same = [&](const NoticeRow& other) {
      return other.channel == channel && other.to == row.to;
    };
    // One person in two roles reads it once.
    if (std::ranges::none_of(rows, same)) rows.push_back(std::move(row));
  };
  const bool mails = !settings_.sender.from.empty();
  const Concerned who = concerned(base.kind);
  if (base.subject.kind == SubjectKind::account && settings_.owners) {
    std::string outside;
    if (who.owner) {
      auto address = owner_address(base);
      if (!address) return std::unexpected(address.error());
      outside = std::move(*address);
    }
    if (mails && !outside.empty()) add(NoticeChannel::mail, NoticeAudience::owner, outside);
    const bool out_of_reach = is_out_of_reach(base.subject.id, standing);
    if (mails && who.mailbox && !out_of_reach && is_plain_address(base.subject.id)) {
      add(NoticeChannel::mail, NoticeAudience::mailbox, base.subject.id);
    }
    if (wants_call(base.kind) && out_of_reach && (outside.empty() || !mails)) {
      add(NoticeChannel::call, NoticeAudience::owner, "");
      rows.back().state = NoticeState::sent;  // it stands on the list by being written down
    }
  }
  if (mails && settings_.domain_admins && who.admins && base.subject.kind != SubjectKind::server) {
    const std::string domain = base.subject.kind == SubjectKind::domain
                                   ? base.subject.id
                                   : std::string(domain_of(base.subject.id));
    auto admins = sources_.admins(domain);
    if (!admins) return std::unexpected(admins.error());
    for (const std::string& admin : *admins) {
      const std::string address = ascii_lower(admin);
      if (may_receive(address, base.subject)) {
        add(NoticeChannel::mail, NoticeAudience::domain_admin, address);
      }
    }
  }
  if (mails && who.operators) {
    for (const std::string& address : settings_.operators) {
      add(NoticeChannel::mail, NoticeAudience::operators, ascii_lower(address));
    }
  }
  for (const Webhook& hook : hooks_.hooks()) {
    add(NoticeChannel::webhook, NoticeAudience::operators, hook.name);
  }
  return rows;
}

Result<void> Notices::tell(const decide::Notice& notice) {
  const Instant now = sources_.now();
  auto kind = kind_of(notice);
  if (!kind) return std::unexpected(kind.error());
  auto record = sources_.standing(notice.subject);
  if (!record) return std::unexpected(record.error());
  NoticeRow base;
  base.kind = *kind;
  base.subject = notice.subject;
  base.incident = notice.incident;
  base.summary = notice.summary;
  base.created = base.changed = base.due = now;
  auto rows = rows_for(base, record->standing);
  if (!rows) return std::unexpected(rows.error());
  auto added = outbox_.put(*rows, Repeat::on_change);
  if (!added) return std::unexpected(added.error());
  if (notice.kind == "restored") {
    if (auto ended = end_calls(notice, now); !ended) return ended;
  }
  if (*added > 0) {
    log(fmt::format("notice: {} {} {} incident {}, {} to tell: {}", base.kind,
                    to_string(notice.subject.kind), notice.subject.id, notice.incident, *added,
                    notice.summary.en));
    wake();
  }
  return {};
}

Result<void> Notices::tell_once(const decide::Notice& notice, const std::string& occasion,
                                Instant when) {
  auto record = sources_.standing(notice.subject);
  if (!record) return std::unexpected(record.error());
  NoticeRow base;
  base.kind = notice.kind;
  base.subject = notice.subject;
  base.incident = notice.incident;
  base.summary = notice.summary;
  base.changed = base.due = sources_.now();
  base.created = when.is_set() ? when : base.changed;
  auto rows = rows_for(base, record->standing);
  if (!rows) return std::unexpected(rows.error());
  for (NoticeRow& row : *rows) row.key += "#" + occasion;
  auto added = outbox_.put(*rows, Repeat::never);
  if (!added) return std::unexpected(added.error());
  if (*added > 0) {
    log(fmt::format("notice: {} {} {}, {} to tell: {}", base.kind, to_string(notice.subject.kind),
                    notice.subject.id, *added, notice.summary.en));
    wake();
  }
  return {};
}

// Nobody needs to be telephoned about what is over.
Result<void> Notices::end_calls(const decide::Notice& notice, Instant now) {
  decide::NoticeFilter filter;
  filter.subject = notice.subject;
  filter.channel = NoticeChannel::call;
  filter.state = NoticeState::sent;
  auto calls = outbox_.rows(filter);
  if (!calls || calls->empty()) return calls ? Result<void>() : std::unexpected(calls.error());
  for (NoticeRow& row : *calls) {
    row.state = NoticeState::acknowledged;
    row.changed = now;
    row.detail = "restored";
  }
  return outbox_.update(*calls);
}

Result<void> Notices::put_round(const TimedNotice& timed, Instant now) {
  auto record = sources_.standing(timed.subject);
  if (!record) return std::unexpected(record.error());
  NoticeRow base;
  base.kind = timed.kind;
  base.subject = timed.subject;
  base.incident = timed.incident;
  base.summary = timed.reason;
  base.created = base.changed = base.due = now;
  auto rows = rows_for(base, record->standing);
  if (!rows) return std::unexpected(rows.error());
  for (NoticeRow& row : *rows) row.key += fmt::format("#{}.{}", timed.since.us, timed.round);
  auto added = outbox_.put(*rows, Repeat::never);
  if (!added) return std::unexpected(added.error());
  return {};
}

Result<void> Notices::tick(Instant now) {
  auto standings = sources_.standings();
  if (!standings) return std::unexpected(standings.error());
  std::vector<decide::WaitingMail> waiting;
  if (sources_.waiting) waiting = sources_.waiting();
  for (const TimedNotice& timed : timed_notices(*standings, *switches(), waiting, now)) {
    if (auto put = put_round(timed, now); !put) return put;
  }
  return {};
}

}  // namespace sekimori::act
