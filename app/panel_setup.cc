#include "app/panel_setup.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "app/installation.h"
#include "app/world.h"
#include "base/mail_address.h"
#include "decide/standing.h"
#include "decide/switches.h"

namespace sekimori::app {

Result<void> open_panel(World& w) {
  const config::Settings& s = w.settings;
  w.people = std::make_unique<OperatorService>(OperatorParts{
      .operators = *w.operators,
      .provider = *w.accounts,
      .provider_admins = s.web.panel_admins,
      .issuer = "Sekimori " + w.host,
      .now = system_now,
      .audit = [&w](const decide::AuditEntry& entry) { w.writer->put(entry); },
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

namespace {

// To the owner and the domain's admins. Where the standing closes the same, that speaks.
Result<bool> tell_of_switch(World& w, const store::SwitchRow& row) {
  const decide::SwitchedOff& off = row.off;
  const decide::Subject subject{decide::SubjectKind::account, off.account};
  if (decide::forbids_login(w.engine->standing_of(subject).standing)) return false;
  decide::Notice notice;
  notice.kind = fmt::format("{}_{}", to_string(off.what), row.is_off ? "off" : "on");
  notice.subject = subject;
  notice.summary =
      row.is_off ? Text{off.reason, off.reason} : decide::words_of_end(off.by, off.reason);
  auto told = w.notifier->tell_once(notice, std::to_string(row.changed.us), row.changed);
  if (!told) return std::unexpected(told.error());
  return true;
}

}  // namespace

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
      .tell = [&w](const store::SwitchRow& row) { return tell_of_switch(w, row); },
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
