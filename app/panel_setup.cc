#include "app/panel_setup.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/installation.h"
#include "app/world.h"
#include "base/mail_address.h"

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
  auto rows = store::SwitchStore::open(state_database(w.settings));
  if (!rows) return std::unexpected(rows.error());
  w.switch_rows = std::move(*rows);
  w.switches = std::make_unique<SwitchService>(SwitchParts{
      .store = *w.switch_rows,
      .guard = *w.guard,
      .hands = *w.hands,
      .writer = *w.writer,
      .portal_url = w.settings.web.public_url,
      .now = system_now,
      .changed =
          [&w](const std::string& account) {
            w.hub.publish("switch",
                          boost::json::serialize(boost::json::object{{"account", account}}),
                          domain_of(account));
            // Mail that waited is tried again now, gates that waited are looked at.
            if (w.way_back) w.way_back->wake();
          },
      .log = w.log,
  });
  if (auto begun = w.switches->begin(); !begun) return begun;
  w.roster = std::make_unique<AccountRoster>(
      [&w](const AccountRoster::Each& each) { return w.accounts->each_name(each); });
  w.server_desk = std::make_unique<ServerDeskService>(ServerDeskParts{
      .engine = *w.engine,
      .provider = *w.accounts,
      .roster = *w.roster,
      .store = *w.policy_rows,
      .writer = *w.writer,
      .notices = *w.notifier,
      .switches = *w.switches,
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
