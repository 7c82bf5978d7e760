// Mail that came back, and what outsiders are told of an incident: the looking part of
// ControlService.
#include <fmt/format.h>

#include "app/control_service.h"
#include "app/incident_traffic.h"

namespace sekimori::app {
namespace {

constexpr Duration k_window = days(30);
// Audit entries of one account that are looked through for what was done.
constexpr std::size_t k_audit_max = 1000;

}  // namespace

Result<decide::ReturnedReport> ControlService::returned_mail(std::string_view address,
                                                             std::size_t last) {
  decide::ReturnedReport out;
  out.account = normalised(address);
  auto known = exists({decide::SubjectKind::account, out.account});
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", out.account));
  const Instant now = parts_.now();
  out.since = now - k_window;
  auto counts = parts_.returned.counts(out.account, out.since, now + seconds(1));
  if (!counts) return std::unexpected(counts.error());
  out.counts = *counts;
  auto days_of = parts_.returned.days(out.account, out.since);
  if (!days_of) return std::unexpected(days_of.error());
  out.days = std::move(*days_of);
  auto mails = parts_.returned.last(out.account, out.since, last);
  if (!mails) return std::unexpected(mails.error());
  out.last = std::move(*mails);
  out.verdict = decide::verdict_on(out.counts);
  if (!parts_.identity.reads_reports) {
    out.verdict = {"不達通知を読む設定になっていません(reports.mailbox)。",
                   "Bounces are not read: reports.mailbox is not set."};
  }
  return out;
}

Result<decide::Delisting> ControlService::delisting(std::uint64_t id, bool named) {
  auto details = incident(id);
  if (!details) return std::unexpected(details.error());
  decide::Delisting out;
  out.incident = std::move(details->incident);
  const auto& about = out.incident;
  if (about.subject.kind != decide::SubjectKind::account) {
    return bad_input(fmt::format("incident {} is about no account", id));
  }
  out.server = parts_.identity.server;
  out.addresses = parts_.identity.addresses;
  out.contact = parts_.identity.contact;
  out.account = named ? about.subject.id : decide::redacted(about.subject.id);
  const Instant now = parts_.now();
  const Instant from = about.onset.is_set() ? about.onset : about.opened;
  const Instant until = about.closed.is_set() ? about.closed : now;
  auto traffic = incident_traffic(parts_.identity.journal_directory, about.subject.id, from, until);
  if (!traffic) return std::unexpected(traffic.error());
  out.traffic = *traffic;
  auto returned = parts_.returned.counts(about.subject.id, from, now + seconds(1));
  if (!returned) return std::unexpected(returned.error());
  out.complaints = returned->feedback;
  decide::StateStore::HoldFilter filter;
  filter.account = about.subject.id;
  filter.limit = web::k_page_max;
  auto held = parts_.reader.holds(filter);
  if (!held) return std::unexpected(held.error());
  auto entries = parts_.reader.audit(about.subject, k_audit_max);
  if (!entries) return std::unexpected(entries.error());
  out.actions = decide::actions_of(about, details->steps, *entries, *held);
  out.text = decide::delisting_text(out);
  return out;
}

}  // namespace sekimori::app
