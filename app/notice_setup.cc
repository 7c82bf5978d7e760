#include "app/notice_setup.h"

#include <fmt/format.h>

#include <utility>

#include "act/call_sheet.h"
#include "app/installation.h"
#include "app/world.h"
#include "base/mail_address.h"
#include "config/nearest.h"

namespace sekimori::app {
namespace {

std::string panel_url(const config::Settings& settings) {
  std::string url = settings.web.public_url;
  if (const auto portal = url.find("/portal"); portal != std::string::npos) url.resize(portal + 1);
  return url;
}

}  // namespace

act::NoticeSender notice_sender(const config::Settings& s, const std::string& host) {
  act::NoticeSender sender;
  sender.from = s.notices.from;
  sender.provider_name = s.notices.provider_name;
  sender.server_name = host;
  sender.portal_url = s.web.public_url;
  sender.panel_url = panel_url(s);
  sender.help_url = s.notices.help_url;
  sender.help_phone = s.notices.help_phone;
  sender.help_hours = s.notices.help_hours;
  sender.language = s.server.language;
  return sender;
}

Result<RegisteredContact> registered_contact(World& world, const std::string& account,
                                             std::uint64_t incident) {
  auto row = world.accounts->account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("there is no account {}", account));
  RegisteredContact contact{.name = (**row).name,
                            .email = (**row).email_other,
                            .phone = (**row).phone,
                            .email_is_old = true,
                            .phone_is_old = true};
  if (incident == 0) return contact;
  auto known = world.reader->incident(incident);
  if (!known) return std::unexpected(known.error());
  if (!*known) return contact;
  const Instant began = (**known).onset.is_set() ? (**known).onset : (**known).opened;
  const auto as_it_was = [&](store::ContactKind kind, std::string& value,
                             bool& is_old) -> Result<void> {
    auto then = world.recoveries->contact_at(account, kind, began);
    if (!then) return std::unexpected(then.error());
    if (*then) {
      value = (*then)->value;
      is_old = (*then)->unchanged;
    } else {
      // Never seen before the incident (the guard is new here): the provider's own time of change
      // decides. A thief may have written their address there after the takeover began.
      is_old = (**row).modified < began;
    }
    return {};
  };
  if (auto done = as_it_was(store::ContactKind::email_other, contact.email, contact.email_is_old);
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = as_it_was(store::ContactKind::phone, contact.phone, contact.phone_is_old);
      !done) {
    return std::unexpected(done.error());
  }
  return contact;
}

Result<std::unique_ptr<act::Notices>> make_notices(World& w) {
  const config::Settings& s = w.settings;
  act::NoticeSettings settings;
  settings.sender = notice_sender(s, w.host);
  settings.operators = s.notices.operators;
  settings.owners = s.notices.owners;
  settings.domain_admins = s.notices.domain_admins;
  settings.mail.smtp = s.notices.smtp;
  settings.webhook_urls = s.notices.webhook_urls;
  if (!s.notices.webhook_secret_file.empty()) {
    auto secret = read_secret(s.notices.webhook_secret_file);
    if (!secret) return std::unexpected(secret.error());
    settings.webhook_secret = std::move(*secret);
  }
  settings.webhook_timeout = s.notices.webhook_timeout;
  settings.digest_after = static_cast<std::size_t>(s.notices.digest_after);
  settings.digest_interval = s.notices.digest_interval;
  settings.give_up = s.notices.give_up;
  settings.again_window = s.recovery.again_window;
  for (const auto& finding : settings.templates.load(s.notices.template_dir)) {
    w.log(fmt::format("notices.template_dir: {}:{}: {}; our own text is used", finding.file,
                      finding.line, finding.what.en));
  }

  act::NoticeSources sources;
  sources.now = system_now;
  sources.contact = [&w](const std::string& account,
                         std::uint64_t incident) -> Result<act::OwnerContact> {
    auto contact = registered_contact(w, account, incident);
    if (!contact) return std::unexpected(contact.error());
    return act::OwnerContact{contact->name, contact->email_is_old ? contact->email : std::string()};
  };
  sources.admins = [&w](const std::string& domain) {
    return w.accounts->admins_of(domain, w.settings.notices.superadmins);
  };
  sources.standing = [&w](const decide::Subject& subject) -> Result<decide::StandingRecord> {
    return w.engine->standing_of(subject);
  };
  sources.standings = [&w] { return w.reader->standings(); };
  sources.local_account = [&w](std::string_view address) {
    const auto directory = w.directory.get();
    std::string account = directory->account_of(address);
    return directory->is_account(account) ? account : std::string();
  };
  sources.is_local_domain = [&w](std::string_view domain) {
    return w.directory.get()->is_local_domain(domain);
  };
  sources.switches = [&w] { return w.switches ? w.switches->table() : nullptr; };
  sources.waiting = [&w] { return w.waiting->warnings(); };
  sources.log = w.log;
  return std::make_unique<act::Notices>(*w.outbox, std::move(settings), std::move(sources));
}

std::vector<config::Finding> template_findings(const config::Settings& settings) {
  std::vector<config::Finding> findings;
  act::NoticeTemplates templates;
  std::vector<std::string_view> known(act::notice_placeholders().begin(),
                                      act::notice_placeholders().end());
  known.insert(known.end(), act::notice_kinds().begin(), act::notice_kinds().end());
  for (const act::TemplateFinding& fault : templates.load(settings.notices.template_dir)) {
    config::Finding finding;
    finding.severity = config::Severity::error;
    finding.name = "notices.template_dir";
    const std::string place =
        fault.line == 0 ? fault.file : fmt::format("{}:{}", fault.file, fault.line);
    finding.what = {fmt::format("{}: {}", place, fault.what.ja),
                    fmt::format("{}: {}", place, fault.what.en)};
    finding.nearest = config::nearest_name(fault.unknown, known);
    if (!finding.nearest.empty()) {
      finding.what.ja += fmt::format("「{}」のことでしょうか。", finding.nearest);
      finding.what.en += fmt::format("; did you mean {}?", finding.nearest);
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

Result<decide::CallSheet> call_sheet_of(World& world, const std::string& account) {
  const decide::Subject subject{decide::SubjectKind::account, account};
  const decide::StandingRecord record = world.engine->standing_of(subject);
  auto contact = registered_contact(world, account, record.incident);
  if (!contact) return std::unexpected(contact.error());
  auto description = world.accounts->domain_description(domain_of(account));
  if (!description) return std::unexpected(description.error());
  act::CallFacts facts;
  facts.known.account = account;
  facts.known.customer_number = std::move(*description);
  facts.known.name = contact->name;
  facts.known.phone = contact->phone;
  facts.known.phone_is_old = contact->phone_is_old;
  // What is kept of the contract goes before what the provider's database says, and a number that
  // was changed since the incident began is as doubtful here as there.
  auto customer = world.cases->customer(account);
  if (!customer) return std::unexpected(customer.error());
  if (*customer) {
    const decide::Customer& kept = **customer;
    if (!kept.number.empty()) facts.known.customer_number = kept.number;
    if (!kept.name.empty()) facts.known.name = kept.name;
    if (!kept.telephone.empty()) {
      Instant began = record.since;
      if (auto incident = world.reader->incident(record.incident); incident && *incident) {
        began = (*incident)->onset.is_set() ? (*incident)->onset : (*incident)->opened;
      }
      facts.known.phone = kept.telephone;
      facts.known.phone_is_old = record.incident == 0 || kept.changed < began;
    }
  }
  facts.known.incident = record.incident;
  facts.known.standing = record.standing;
  facts.known.since = record.since;
  facts.reason = record.reason;
  facts.provider_name = world.settings.notices.provider_name;
  facts.portal_url = world.settings.web.public_url;
  facts.help_phone = world.settings.notices.help_phone;
  return act::write_call_sheet(facts);
}

}  // namespace sekimori::app
