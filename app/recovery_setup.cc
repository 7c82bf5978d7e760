#include "app/recovery_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/installation.h"
#include "app/time_zones.h"
#include "app/world.h"

namespace sekimori::app {
namespace {

password::PasswordRules password_rules(const config::Settings& settings) {
  password::PasswordRules rules;
  rules.min_length =
      static_cast<std::size_t>(std::max<std::int64_t>(1, settings.password.length_min));
  rules.need_upper = settings.password.upper;
  rules.need_lower = settings.password.lower;
  rules.need_digit = settings.password.digit;
  rules.need_symbol = settings.password.symbol;
  rules.min_score = static_cast<int>(settings.password.strength_min);
  return rules;
}

}  // namespace

act::ProverSettings prover_settings(const config::Settings& settings) {
  return {.smtp_url = settings.recovery.smtp_url,
          .imap_url = settings.recovery.imap_url,
          .verify_tls = settings.recovery.verify_tls};
}

std::unique_ptr<WaysService> make_ways(World& world) {
  World& w = world;
  WaysSettings settings;
  settings.watch_interval = w.settings.ways.watch_interval;
  settings.sieve_per_look = static_cast<std::size_t>(w.settings.ways.sieve_per_look);
  settings.pause = w.settings.ways.pause;
  settings.retention = w.settings.ways.retention;
  return std::make_unique<WaysService>(
      WaysParts{
          .store = *w.way_memory,
          .accounts = *w.accounts,
          .hands = *w.hands,
          .incidents = *w.reader,
          .host = w.host,
          .now = system_now,
          .directory = [&w] { return w.directory.get(); },
          .standing =
              [&w](const std::string& account) {
                return w.engine->standing_of({decide::SubjectKind::account, account}).standing;
              },
          .is_inactive = [&w](std::string_view account) { return w.inactive.waits(account); },
          .tell_judge =
              [&w](const Event& event) {
                decide::Applied applied;
                w.engine->apply(event, applied);
                w.remember(applied);
              },
          .log = w.log,
      },
      settings);
}

std::unique_ptr<RecoveryService> make_way_back(World& world) {
  World& w = world;
  RecoverySettings settings;
  settings.automatic = w.settings.recovery.automatic;
  settings.watch_interval = w.settings.recovery.watch_interval;
  settings.again_window = w.settings.recovery.again_window;
  settings.rules = password_rules(w.settings);
  settings.company = w.settings.password.company;
  settings.journal_directory = w.settings.journal.directory;
  settings.key = w.key;
  return std::make_unique<RecoveryService>(
      RecoveryParts{
          .engine = *w.engine,
          .writer = *w.writer,
          .reader = *w.reader,
          .store = *w.recoveries,
          .accounts = *w.accounts,
          .ways = *w.ways,
          .hands = *w.hands,
          .prover = *w.prover,
          .now = system_now,
          .directory = [&w] { return w.directory.get(); },
          .log = w.log,
          .also =
              [&w] {
                w.switches->look();
                auto done =
                    w.inactive.requeue(*w.guard, *w.hands, *w.directory.get(), system_now());
                const std::string text = done ? std::string() : done.error().text;
                if (text != w.waiting_trouble.get() && !text.empty()) {
                  w.log(fmt::format("mail that waited: {}", text));
                }
                w.waiting_trouble.set(text);
              },
          .tell = [&w](const decide::Notice& notice) { return w.notifier->tell(notice); },
          .login_off = [&w](const std::string& account) -> std::optional<Text> {
            const auto login = w.switches->of(account).login;
            if (!login) return std::nullopt;
            return decide::gate_waits_for_login(*login, server_zone());
          },
      },
      std::move(settings));
}

Result<void> send_letter(World& world, const std::string& to, std::string_view subject,
                         std::string_view body) {
  return world.notifier->send_now(
      to, act::Letter{.subject = std::string(subject), .body = std::string(body)});
}

web::HealthItem ways_health(World& w) {
  web::HealthItem item;
  item.name = "ways";
  if (const std::string trouble = w.ways->trouble(); !trouble.empty()) {
    item.level = web::HealthLevel::warning;
    item.verdict = {"転送・フィルターの見守りが進みません: " + trouble,
                    "the watch over forwards and filters does not go on: " + trouble};
    item.advice = {
        "アカウントの保存先、状態データベース、doveadm(dovecot.doveadm_url)を"
        "確かめてください。",
        "check the account store, the state database and doveadm "
        "(dovecot.doveadm_url)"};
    return item;
  }
  item.verdict = {"転送・フィルターなどの変更を見守っています。",
                  "changes of forwards, filters and the like are seen"};
  return item;
}

web::HealthItem recovery_health(World& w) {
  using web::HealthLevel;
  web::HealthItem item;
  item.name = "recovery";
  if (const std::string trouble = w.way_back->trouble(); !trouble.empty()) {
    item.level = HealthLevel::failing;
    item.verdict = {"復旧手続きが進みません: " + trouble, "recoveries do not go on: " + trouble};
    item.advice = {"状態データベースとアカウントの保存先を確かめてください。",
                   "check the state database and the account store"};
    return item;
  }
  for (const Service service : {Service::smtp, Service::imap}) {
    if (auto reached = w.prover->reach(service); !reached) {
      item.level = HealthLevel::warning;
      item.verdict = {"新しいパスワードを試せません: " + reached.error().text,
                      "new passwords cannot be tried: " + reached.error().text};
      item.advice = {"recovery.smtp_url と recovery.imap_url を確かめてください。",
                     "check recovery.smtp_url and recovery.imap_url"};
      return item;
    }
  }
  if (!w.prover->knows(Service::smtp) || !w.prover->knows(Service::imap)) {
    item.level = HealthLevel::warning;
    item.verdict = {"新しいパスワードを試すサーバーが設定されていません。",
                    "no server is set where new passwords are tried"};
    item.advice = {"recovery.smtp_url と recovery.imap_url を設定してください。",
                   "set recovery.smtp_url and recovery.imap_url"};
    return item;
  }
  item.verdict = {"復旧手続きは動いています。", "the way back is open"};
  return item;
}

}  // namespace sekimori::app
