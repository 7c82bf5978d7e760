#include "app/panel_setup.h"

#include "app/installation.h"
#include "app/world.h"

namespace sekimori::app {

Result<void> open_panel(World& w) {
  const config::Settings& s = w.settings;
  w.people = std::make_unique<OperatorService>(OperatorParts{
      .operators = *w.operators,
      .provider = *w.accounts,
      .provider_admins = s.web.panel_admins,
      .issuer = "Sekimori " + w.host,
      .now = system_now,
      .audit = [&w](decide::AuditEntry entry) { w.writer->put(std::move(entry)); },
  });
  web::SignIns::Options options;
  options.idle = s.web.session_idle;
  options.length = s.web.session_length;
  options.now = system_now;
  for (const auto& text : s.web.panel_networks) {
    auto network = IpNetwork::parse(text);
    if (!network) return std::unexpected(network.error());
    options.networks.push_back(*network);
  }
  w.sign_ins = std::make_unique<web::SignIns>(*w.people, std::move(options));
  return {};
}

Result<void> open_server_desk(World& world) {
  World& w = world;
  w.roster = std::make_unique<AccountRoster>(
      [&w](const AccountRoster::Each& each) { return w.accounts->each_name(each); });
  w.server_desk = std::make_unique<ServerDeskService>(ServerDeskParts{
      .engine = *w.engine,
      .provider = *w.accounts,
      .roster = *w.roster,
      .store = *w.policy_rows,
      .writer = *w.writer,
      .notices = *w.notifier,
      .started_with = w.settings,
      .in_force = w.in_force,
      .key = w.key,
      .host = w.host,
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .place = [&w](const IpAddress& ip) { return w.geoip.lookup(ip); },
      .settings_file = [&w] { return w.settings_file; },
      .reload = [&w]() -> Result<void> {
        if (!w.reload) return operating_failure("no daemon runs that could take them over");
        return w.reload();
      },
  });
  return w.server_desk->begin();
}

}  // namespace sekimori::app
