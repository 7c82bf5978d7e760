// The delivering half of Notices.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "act/notice_rules.h"
#include "act/notices.h"
#include "base/hash.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::act {

using decide::NoticeAudience;
using decide::NoticeChannel;
using decide::NoticeRow;
using decide::NoticeState;
using decide::Repeat;
using decide::SubjectKind;

namespace {

// Rows delivered in one pass.
constexpr std::size_t k_batch = 500;
constexpr Duration k_tick = minutes(1);
constexpr Duration k_channel_pause_max = minutes(1);

}  // namespace

Duration notice_retry_delay(std::uint32_t tries) {
  if (tries == 0) return {};
  return seconds(std::min<std::int64_t>(3600, std::int64_t{1} << std::min(tries - 1, 12U)));
}

// ---------------------------------------------------------------- delivering

Result<NoticeFacts> Notices::facts_of(const NoticeRow& row) {
  NoticeFacts facts;
  auto record = sources_.standing(row.subject);
  if (!record) return std::unexpected(record.error());
  facts.standing = record->standing;
  facts.since = record->since;
  if (row.subject.kind != SubjectKind::account) return facts;
  if (auto contact = sources_.contact(row.subject.id, row.incident)) facts.name = contact->name;
  const auto table = switches();
  if (const auto switched = table->find(row.subject.id); switched != table->end()) {
    facts.switches = switched->second;
  }
  if (is_of_waiting_mail(row.kind) && sources_.waiting) {
    const auto waiting = sources_.waiting();
    const auto found = std::ranges::find(waiting, row.subject.id, &decide::WaitingMail::account);
    if (found != waiting.end()) {
      facts.waiting_senders = found->senders;
      facts.waiting_since = found->oldest;
      facts.lost_at = found->gives_up;
    }
  }
  if (row.audience == NoticeAudience::operators) {
    decide::NoticeFilter filter;
    filter.subject = row.subject;
    filter.channel = NoticeChannel::call;
    filter.state = NoticeState::sent;
    filter.limit = 1;
    auto calls = outbox_.rows(filter);
    facts.has_call = calls && !calls->empty();
  }
  return facts;
}

DeliveryResult Notices::mail_out(const std::vector<NoticeRow>& rows) {
  const NoticeRow& first = rows.front();
  MailHeaders headers;
  headers.from = settings_.sender.from;
  headers.from_name = settings_.sender.provider_name.empty() ? std::string("Sekimori")
                                                             : settings_.sender.provider_name;
  headers.to = {first.to};
  headers.date = first.created;
  // From the row, so that a second try is the same message; a digest's is its last row's, which is
  // in no other.
  headers.message_id = fmt::format(
      "sekimori.{}.{:016x}.{}@{}", rows.back().id,
      keyed_hash(HashKey{}, fmt::format("{}\n{}", rows.back().key, rows.back().created.us)),
      rows.size(), domain_of(settings_.sender.from));
  Letter letter;
  if (rows.size() == 1) {
    auto facts = facts_of(first);
    if (!facts) return {Delivery::later, facts.error().text};
    if (first.audience == NoticeAudience::mailbox &&
        is_out_of_reach(first.subject.id, facts->standing)) {
      return {Delivery::gone, "the mailbox was closed meanwhile"};
    }
    letter = write_notice(first, *facts, settings_.sender, *templates());
  } else {
    letter = write_digest(rows, settings_.sender, *templates());
  }
  if (first.audience == NoticeAudience::operators) {
    letter.subject =
        fmt::format("[Sekimori{}{}] {}", settings_.sender.server_name.empty() ? "" : " ",
                    settings_.sender.server_name, letter.subject);
  }
  return mail_.send(settings_.sender.from, headers.to, make_mail(headers, letter));
}

void Notices::set_templates(NoticeTemplates templates) {
  auto made = std::make_shared<const NoticeTemplates>(std::move(templates));
  const std::lock_guard lock(templates_mutex_);
  templates_ = std::move(made);
}

std::shared_ptr<const NoticeTemplates> Notices::templates() const {
  const std::lock_guard lock(templates_mutex_);
  return templates_;
}

Result<void> Notices::send_now(const std::string& to, const Letter& letter) {
  if (settings_.sender.from.empty()) return bad_input("notices.from is not set");
  if (!is_plain_address(to)) return bad_input("that is no address mail can be sent to");
  MailHeaders headers;
  headers.from = settings_.sender.from;
  headers.from_name = settings_.sender.provider_name.empty() ? std::string("Sekimori")
                                                             : settings_.sender.provider_name;
  headers.to = {to};
  headers.date = sources_.now();
  headers.message_id =
      fmt::format("sekimori.{:x}.{:016x}@{}", static_cast<std::uint64_t>(headers.date.us),
                  keyed_hash(HashKey{}, to), domain_of(settings_.sender.from));
  const std::lock_guard lock(now_mutex_);
  const DeliveryResult result = direct_.send(headers.from, headers.to, make_mail(headers, letter));
  if (result.delivery == Delivery::taken) return {};
  return result.delivery == Delivery::gone ? bad_input(result.detail)
                                           : operating_failure(result.detail);
}

bool Notices::is_down(const std::string& channel, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = down_.find(channel);
  // A clock that was set back must not keep a channel shut.
  return found != down_.end() && found->second.until > now &&
         found->second.until - now <= k_channel_pause_max;
}

void Notices::note_channel(const std::string& channel, const DeliveryResult& result, Instant now) {
  const std::lock_guard lock(mutex_);
  if (result.delivery != Delivery::channel_down) {
    if (down_.erase(channel) > 0) log(fmt::format("notices: {} works again", channel));
    return;
  }
  Channel& state = down_[channel];
  if (state.failures == 0) {
    state.since = now;
    log(fmt::format("notices: {} fails: {}", channel, result.detail));
  }
  ++state.failures;
  state.detail = result.detail;
  state.until = now + std::min(notice_retry_delay(state.failures), k_channel_pause_max);
}

Notices::Trouble Notices::trouble() const {
  const std::lock_guard lock(mutex_);
  Trouble trouble;
  for (const auto& [name, state] : down_) {
    if (!trouble.since.is_set() || state.since < trouble.since) trouble.since = state.since;
    trouble.what += fmt::format("{}{}", trouble.what.empty() ? "" : "; ", state.detail);
  }
  return trouble;
}

void Notices::settle(std::vector<NoticeRow> rows, const DeliveryResult& result, Instant now,
                     Report& report) {
  const auto next = [&](Instant when) {
    if (!report.next || when < *report.next) report.next = when;
  };
  const std::string to = rows.front().to;
  std::vector<NoticeRow> given_up;
  for (NoticeRow& row : rows) {
    row.changed = now;
    ++row.tries;
    row.detail = result.detail;
    if (result.delivery == Delivery::taken) {
      row.state = NoticeState::sent;
      ++report.sent;
      continue;
    }
    ++report.failed;
    if (result.delivery == Delivery::gone || now - row.created >= settings_.give_up) {
      row.state = NoticeState::failed;
      given_up.push_back(row);
      continue;
    }
    row.due = now + notice_retry_delay(row.tries);
    next(row.due);
  }
  auto stored =
      result.delivery == Delivery::taken ? outbox_.sent(rows, to, now) : outbox_.update(rows);
  if (!stored) {
    // Not noted: it is delivered once more, as the same message.
    log(fmt::format("notices: the outbox is not reached: {}", stored.error().text));
    next(now + seconds(1));
    return;
  }
  if (!given_up.empty()) tell_failed(given_up, now);
}

void Notices::tell_failed(const std::vector<NoticeRow>& rows, Instant now) {
  for (const NoticeRow& row : rows) {
    log(fmt::format("notices: {} about {} to {} is given up: {}", row.kind, row.subject.id, row.to,
                    row.detail));
    // What cannot be told to the operators is for health and the log.
    if (row.audience == NoticeAudience::operators) continue;
    // Suspended meanwhile: the owner is told in the other way.
    if (row.audience == NoticeAudience::mailbox) continue;
    NoticeRow base = row;
    base.id = 0;
    base.kind = "notice_failed";
    base.state = NoticeState::waiting;
    base.tries = 0;
    base.detail.clear();
    base.created = base.changed = base.due = now;
    base.summary = {
        fmt::format("{} へのお知らせ({})を届けられませんでした: {}", row.to, row.kind, row.detail),
        fmt::format("the notice '{}' to {} could not be delivered: {}", row.kind, row.to,
                    row.detail)};
    auto to_operators = rows_for(base, Standing::normal);
    if (!to_operators) continue;
    for (NoticeRow& each : *to_operators) each.key += fmt::format("#{}", row.id);
    std::vector<NoticeRow> all = std::move(*to_operators);
    // The owner of a closed account still has to know: somebody telephones.
    const auto record = sources_.standing(row.subject);
    if (row.audience == NoticeAudience::owner && record && wants_call(row.kind) &&
        is_out_of_reach(row.subject.id, record->standing)) {
      NoticeRow call = row;
      call.id = 0;
      call.channel = NoticeChannel::call;
      call.to.clear();
      call.state = NoticeState::sent;
      call.created = call.changed = call.due = now;
      call.key = key_of(call);
      all.push_back(std::move(call));
    }
    if (auto put = outbox_.put(all, Repeat::never); !put) {
      log(fmt::format("notices: {}", put.error().text));
    }
  }
}

void Notices::deliver_mail(const std::string& to, std::vector<NoticeRow> due, Instant now,
                           Report& report) {
  const auto next = [&](Instant when) {
    if (!report.next || when < *report.next) report.next = when;
  };
  const auto send = [&](std::vector<NoticeRow> rows) {
    const DeliveryResult result = mail_out(rows);
    note_channel("mail", result, now);
    settle(std::move(rows), result, now, report);
    return result.delivery != Delivery::channel_down;
  };
  for (std::size_t i = 0; i < due.size(); ++i) {
    auto lately = outbox_.sendings(to, now - hours(1));
    if (!lately) return next(now + seconds(1));
    if (lately->count < settings_.digest_after) {
      if (!send({due[i]})) return;
      continue;
    }
    // Too many within the hour: what is left is gathered.
    const Instant when = lately->last + settings_.digest_interval;
    if (when > now && when - now <= settings_.digest_interval) {
      std::vector<NoticeRow> rest(due.begin() + static_cast<std::ptrdiff_t>(i), due.end());
      for (NoticeRow& row : rest) row.due = when;
      if (!outbox_.update(rest)) return next(now + seconds(1));
      return next(when);
    }
    auto gathered = outbox_.waiting_for(NoticeChannel::mail, to, 1000);
    if (!gathered || gathered->empty()) return next(now + seconds(1));
    send(std::move(*gathered));
    return;
  }
}

void Notices::deliver_hook(NoticeRow row, Instant now, Report& report) {
  const std::string channel = row.to;
  const DeliveryResult result = hooks_.send(row, now);
  note_channel(channel, result, now);
  settle({std::move(row)}, result, now, report);
}

Notices::Report Notices::run_once(Instant now) {
  Report report;
  const auto next = [&](Instant when) {
    if (!report.next || when < *report.next) report.next = when;
  };
  auto due = outbox_.due(now, k_batch);
  if (!due) {
    log(fmt::format("notices: the outbox is not reached: {}", due.error().text));
    report.next = now + seconds(1);
    return report;
  }
  // By recipient, in the order of the first of each.
  std::vector<std::pair<std::string, std::vector<NoticeRow>>> mails;
  for (NoticeRow& row : *due) {
    if (row.channel == NoticeChannel::webhook) {
      if (is_down(row.to, now)) {
        next(now + seconds(1));
      } else {
        deliver_hook(std::move(row), now, report);
      }
    } else if (row.channel == NoticeChannel::mail) {
      auto found = std::ranges::find(mails, row.to, &decltype(mails)::value_type::first);
      if (found == mails.end()) found = mails.insert(mails.end(), {row.to, {}});
      found->second.push_back(std::move(row));
    }
  }
  for (auto& [to, rows] : mails) {
    if (is_down("mail", now)) {
      next(now + seconds(1));
      break;
    }
    deliver_mail(to, std::move(rows), now, report);
  }
  // Rows that were not looked at in this batch, or came meanwhile.
  if (auto later = outbox_.next_due(); later && *later) {
    next(**later <= now && due->size() >= k_batch && report.sent > 0 ? now
                                                                     : std::max(**later, now));
  }
  return report;
}

// ---------------------------------------------------------------- the thread

void Notices::start() {
  thread_.start("notices", [this](bool) { return std::optional(work()); });
}

void Notices::wake() { thread_.wake(); }

void Notices::stop() { thread_.stop(); }

WorkerThread::Clock::time_point Notices::work() {
  const Instant now = sources_.now();
  // Set back by hours: the next tick is near all the same.
  if (now >= next_tick_ || next_tick_ - now > k_tick) {
    if (auto ticked = tick(now); !ticked) {
      log(fmt::format("notices: {}", ticked.error().text));
    }
    next_tick_ = now + k_tick;
  }
  const Report report = run_once(now);
  Instant wake_at = next_tick_;
  if (report.next && *report.next < wake_at) wake_at = *report.next;
  // Rows stay due while their channel is down: no faster than this.
  wake_at = std::max(wake_at, now + seconds(1));
  const Duration left = wake_at - sources_.now();
  return WorkerThread::Clock::now() + std::chrono::microseconds(std::max<std::int64_t>(left.us, 1));
}

}  // namespace sekimori::act
