#include "app/ban_setup.h"

#include <fmt/format.h>

#include "app/installation.h"
#include "app/recovery_setup.h"
#include "app/world.h"

namespace sekimori::app {

Result<std::unique_ptr<BanService>> make_bans(World& w) {
  const config::Settings& s = w.settings;
  decide::GuessSettings guessing;
  guessing.address_failures = static_cast<double>(s.guessing.address_failures);
  guessing.network_failures = static_cast<double>(s.guessing.network_failures);
  guessing.spray_accounts = static_cast<std::uint32_t>(s.guessing.spray_accounts);
  guessing.unknown_names = static_cast<std::uint32_t>(s.guessing.unknown_names);
  guessing.account_failures = static_cast<double>(s.guessing.account_failures);
  guessing.ban_first = s.guessing.ban_first;
  guessing.ban_max = s.guessing.ban_max;
  guessing.delay_max = s.guessing.delay_max;
  guessing.collateral_max = static_cast<std::uint32_t>(s.guessing.collateral_max);
  guessing.collateral_window = s.guessing.collateral_window;
  guessing.addresses_max = static_cast<std::size_t>(s.guessing.addresses_max);
  for (const auto* list : {&s.networks.own, &s.networks.webmail}) {
    for (const std::string& text : *list) {
      auto network = IpNetwork::parse(text);
      if (!network) return std::unexpected(network.error());
      guessing.own.push_back(*network);
    }
  }
  BanParts parts{
      .engine = *w.engine,
      .store = *w.ban_rows,
      .figures = *w.figure_rows,
      .writer = *w.writer,
      .key = w.key,
      .guessing = std::move(guessing),
      .forgotten = *w.forgotten_settings,
      .counter_file = s.server.state_dir + "/guess-counters",
      .tell_owners = s.guessing.tell_owners,
      .tell_every = s.guessing.tell_every,
      .provider = s.notices.provider_name,
      .portal = s.web.public_url,
      .language = s.server.language,
      .firewall = s.firewall.enabled,
      .helper_socket = s.helper.socket,
      .helper_timeout = s.helper.timeout,
      .retention = s.store.retention,
      .enforced = s.server.mode == config::Mode::enforce,
      .now = system_now,
      .directory = [&w] { return w.directory.get(); },
      .exists = [&w](const std::string& account) -> Result<bool> {
        auto row = w.accounts->account(account);
        if (!row) return std::unexpected(row.error());
        return row->has_value();
      },
      .is_spared =
          [&w](const IpNetwork& network) {
            return w.rule_book.lets_somebody_in(network, system_now());
          },
      .place = [&w](const IpAddress& ip) { return w.geoip.lookup(ip); },
      .operator_name = [&w](const IpAddress& ip) { return w.geoip.operator_name(ip); },
      .publish = [&w](std::string_view kind, std::string json) { w.hub.publish(kind, json); },
      .log = w.log,
  };
  if (!s.notices.from.empty()) {
    parts.send_letter = [&w](const std::string& to, std::string_view subject,
                             std::string_view body) { return send_letter(w, to, subject, body); };
  }
  auto service = std::make_unique<BanService>(std::move(parts));
  if (auto done = service->load(); !done) return std::unexpected(done.error());
  return service;
}

std::optional<decide::BanFound> ban_found(const World& w, const IpAddress& ip) {
  const auto view = w.bans->table().find(ip, system_now());
  if (!view) return std::nullopt;
  const auto ban = w.bans->table().get(view->id);
  if (!ban) return std::nullopt;
  return decide::BanFound{decide::ban_reason(*ban), ban->since, ban->until};
}

void allowed_addresses_changed(World& w) {
  web::Caller by;
  by.who = "ip allow";
  decide::AddressQuestion question;
  question.now = system_now();
  for (const decide::Ban& ban : w.bans->table().all()) {
    if (!w.rule_book.lets_somebody_in(ban.network, question.now)) continue;
    question.ip = ban.network.address();
    question.place = w.rule_book.place_of(question.ip);
    std::optional<decide::RuleRank> first;
    (void)w.rule_book.all(question, first);
    const bool all_of_it =
        first && first->action == decide::RuleAction::allow &&
        (first->kind != decide::RuleTarget::Kind::network || first->bits <= ban.network.bits());
    if (!all_of_it) continue;  // the firewall spares it; the answers tell who is meant
    web::BanKey key;
    key.network = ban.network;
    if (auto done = w.bans->end_ban(key, "the address is allowed", by); !done) {
      w.log(fmt::format("ban of {}: {}", ban.network.to_string(), done.error().text));
    }
  }
  w.bans->rules_changed();
}

std::vector<web::HealthItem> ban_health(World& w) {
  std::vector<web::HealthItem> out;
  const auto in_force = w.bans->table().size();
  web::HealthItem bans;
  bans.name = "bans";
  bans.verdict = {fmt::format("遮断は {} 件です。", in_force),
                  fmt::format("{} in force", in_force)};
  if (const std::string trouble = w.bans->store_trouble(); !trouble.empty()) {
    bans.level = web::HealthLevel::warning;
    bans.verdict = {"記録できていません(遮断そのものは効いています): " + trouble,
                    "not kept, though in force: " + trouble};
    bans.advice = {"空き容量と権限を確かめてください。直れば自動で追いつきます。",
                   "check disk space and rights; it catches up by itself"};
  }
  out.push_back(std::move(bans));
  if (!w.bans->firewall_wanted()) return out;
  web::HealthItem firewall;
  firewall.name = "firewall";
  firewall.verdict = {"遮断はカーネルでも効いています。", "the kernel has the bans"};
  if (const std::string trouble = w.bans->firewall_trouble(); !trouble.empty()) {
    firewall.level = web::HealthLevel::warning;
    firewall.verdict = {
        "カーネルには入れられていません(サインインの応答での遮断は効いています): " + trouble,
        "not in the kernel; sign-ins are refused all the same: " + trouble};
    firewall.advice = {
        "sekimori helper が root で動いているか、[firewall] の設定を確かめてください。",
        "check that sekimori helper runs as root, and the settings of [firewall]"};
  }
  out.push_back(std::move(firewall));
  return out;
}

}  // namespace sekimori::app
