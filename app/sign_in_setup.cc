#include "app/sign_in_setup.h"

#include <fmt/format.h>

#include <ctime>
#include <utility>

#include "app/installation.h"
#include "app/profile_setup.h"
#include "app/recovery_setup.h"
#include "app/world.h"

namespace sekimori::app {

Result<std::unique_ptr<SignInService>> open_sign_in_lists(World& w) {
  const config::Settings& s = w.settings;
  SignInParts parts{.store = *w.sign_in_entries,
                    .counter_file = s.server.state_dir + "/sign-in-counters",
                    .counters_max = static_cast<std::size_t>(s.weakforced.counters_max),
                    .entries_max = static_cast<std::size_t>(s.weakforced.entries_max),
                    .key = w.key,
                    .now = system_now,
                    .audit = [&w](decide::AuditEntry entry) { w.writer->put(std::move(entry)); },
                    .log = w.log};
  for (const auto& text : s.weakforced.windows) {
    auto window = SignInWindow::parse(text);
    if (!window) return std::unexpected(window.error());
    parts.windows.push_back(*window);
  }
  if (parts.windows.size() > k_sign_in_rules_max) {
    return bad_input(fmt::format("weakforced.windows: at most {} rules", k_sign_in_rules_max));
  }
  for (const auto& [texts, out] :
       {std::pair(&s.networks.own, &parts.own), std::pair(&s.networks.webmail, &parts.webmail)}) {
    for (const auto& text : *texts) {
      auto network = IpNetwork::parse(text);
      if (!network) return std::unexpected(network.error());
      out->push_back(*network);
    }
  }
  return SignInService::open(std::move(parts));
}

namespace {

std::string way_in(const wire::MailServer& server) {
  if (server.host.empty()) return "";
  return fmt::format("{}, {} {}", server.host,
                     server.security == wire::MailSecurity::starttls ? "STARTTLS" : "SSL/TLS",
                     server.port);
}

}  // namespace

Result<std::unique_ptr<EncryptionService>> open_encryption(World& w) {
  const config::Settings& s = w.settings;
  const wire::MailProfile profile = mail_profile(s);
  EncryptionParts parts{
      .store = *w.plain_sign_ins,
      .is_ours = [&w](const IpAddress& ip) { return w.sign_in_lists->is_ours(ip); },
      .place = [&w](const IpAddress& ip) { return w.geoip.lookup(ip).country_text(); },
      .ways = {.imap = way_in(profile.imap),
               .pop3 = way_in(profile.pop3),
               .smtp = way_in(profile.smtp),
               .portal = s.web.public_url},
      .provider = s.notices.provider_name,
      .language = s.server.language,
      .tell_owners = s.encryption.tell_owners,
      .tell_every = s.encryption.tell_every,
      .retention = s.encryption.retention,
      .directory = [&w] { return w.directory.get(); },
      .audit = [&w](decide::AuditEntry entry) { w.writer->put(std::move(entry)); },
      .now = system_now,
      .log = w.log,
  };
  const time_t now = time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  parts.utc_offset = seconds(local.tm_gmtoff);
  if (!s.notices.from.empty()) {
    parts.send_letter = [&w](const std::string& to, std::string_view subject,
                             std::string_view body) { return send_letter(w, to, subject, body); };
  }
  return EncryptionService::open(std::move(parts));
}

}  // namespace sekimori::app
