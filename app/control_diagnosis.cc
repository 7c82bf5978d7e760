// "I cannot get my mail", answered from what the server knows.
#include <fmt/format.h>

#include <algorithm>

#include "app/control_service.h"
#include "app/time_zones.h"
#include "base/hash.h"
#include "store/journal.h"
#include "web/address_rules.h"
#include "web/server_desk.h"

namespace sekimori::app {
namespace {

// What a person can read out: date and four letters of Crockford's alphabet (no I, L, O, U).
std::string number_of(const std::string& account, Instant now) {
  constexpr std::string_view k_letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::uint64_t hash = keyed_hash(HashKey{}, account + ' ' + std::to_string(now.us));
  std::string out = "D";
  for (const char c : format_instant(now).substr(0, 10)) {
    if (c != '-') out += c;
  }
  out += '-';
  for (int i = 0; i < 4; ++i, hash >>= 5U) out += k_letters[hash & 31U];
  return out;
}

}  // namespace

Result<web::DiagnosisView> ControlService::diagnose(std::string_view address,
                                                    const web::DiagnosisQuestion& question,
                                                    const web::Caller& by) {
  const auto account = account_here(address);
  if (!account) return std::unexpected(account.error());
  decide::DiagnosisFacts facts;
  facts.now = parts_.now();
  facts.ip = question.from;
  facts.computer = question.computer;

  const auto standing = parts_.engine.standing_of({decide::SubjectKind::account, *account});
  facts.standing = standing.standing;
  facts.since = standing.since;
  facts.reason = standing.reason;
  auto row = parts_.accounts.account(*account);
  if (!row && row.error().kind != ErrorKind::not_found) return std::unexpected(row.error());
  if (row && *row) {
    facts.active = (*row)->active;
    facts.quota_bytes = (*row)->quota_bytes;
  }
  if (const auto use = parts_.mailbox_use(*account)) {
    facts.used_bytes = use->used_bytes;
    if (use->quota_bytes != 0) facts.quota_bytes = use->quota_bytes;
  }
  facts.down = parts_.services_down();
  if (facts.ip.is_set()) {
    web::RuleQuestion asked;
    asked.ip = facts.ip;
    asked.account = *account;
    const auto check = parts_.rules.check(asked);
    if (!check) return std::unexpected(check.error());
    facts.ip_denied = check->verdict.layer == decide::AddressLayer::deny;
    // What operators wrote for themselves is not for the owner.
    if (facts.ip_denied && !check->rules.empty() && !by.who.starts_with("owner:")) {
      facts.ip_reason = check->rules.front().reason;
    }
  }

  decide::MailSettingsFacts settings;
  settings.zone = server_zone();
  settings.handshakes = parts_.handshakes(facts.ip);
  const auto put_server = [&](Service service, const wire::MailServer& server) {
    if (server.host.empty()) return;
    settings.servers.push_back(
        {service, server.host, server.port, server.security == wire::MailSecurity::tls});
  };
  put_server(Service::imap, parts_.profile.imap);
  put_server(Service::pop3, parts_.profile.pop3);
  put_server(Service::smtp, parts_.profile.smtp);
  // A line that does not name the account is not read as an event.
  decide::DiagnosisFold fold(facts.now);
  const auto place = store::journal_place(parts_.identity.journal_directory, facts.now - days(7));
  if (!place) return std::unexpected(place.error());
  const std::string mark = fmt::format("\"{}\"", *account);
  auto reading = store::read_journal(
      parts_.identity.journal_directory, place->from,
      [&](std::uint64_t, const Event& event) {
        if (event.account == *account) {
          fold.add(event);
          see_sending(settings, event, facts.now);
        }
        return true;
      },
      [&](std::string_view line) { return line.find(mark) != std::string_view::npos; });
  if (!reading) return std::unexpected(reading.error());
  fold.put_into(facts);

  web::DiagnosisView view;
  view.number = number_of(*account, facts.now);
  view.at = facts.now;
  view.findings = decide::diagnose(facts);
  decide::add_mail_settings(view.findings, settings);
  if (const auto switches = parts_.server_desk.switches(*account)) {
    decide::add_switches(view.findings, web::switched_off(*switches), server_zone());
  }
  std::string codes;
  for (const decide::Finding& finding : view.findings) {
    codes += fmt::format("{}\"{}\"", codes.empty() ? "" : ",", finding.code);
  }
  audited(by, "diagnose", {decide::SubjectKind::account, *account}, standing.incident, "",
          fmt::format(R"({{"number":"{}","findings":[{}]}})", view.number, codes));
  return view;
}

}  // namespace sekimori::app
