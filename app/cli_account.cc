// account add and account password: through the daemon where it lives (so that a contained
// account's way back begins), else straight to the account store.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "act/doveadm.h"
#include "app/cli_api.h"
#include "app/cli_commands.h"
#include "app/cli_password.h"
#include "app/cli_print.h"
#include "app/cli_print_recovery.h"
#include "app/installation.h"
#include "base/mail_address.h"
#include "password/generator.h"
#include "password/rules.h"
#include "store/account_store.h"
#include "store/password_hash.h"
#include "web/api.h"
#include "web/target.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

struct Hands {
  std::unique_ptr<store::PostfixadminStore> store;
  std::unique_ptr<act::Doveadm> doveadm;  // none where no URL is set or the key cannot be read
};

Result<Hands> open_hands(const config::Settings& settings) {
  Hands hands;
  if (!settings.dovecot.doveadm_url.empty()) {
    act::DoveadmSettings doveadm;
    doveadm.url = settings.dovecot.doveadm_url;
    doveadm.timeout = settings.dovecot.doveadm_timeout;
    auto key = settings.dovecot.doveadm_key_file.empty()
                   ? Result<Secret>(Secret())
                   : read_secret(settings.dovecot.doveadm_key_file);
    if (key) {
      doveadm.key = std::move(*key);
      hands.doveadm = std::make_unique<act::Doveadm>(std::move(doveadm));
    }
  }
  // The database's files must stay the daemon's.
  if (auto done = become_user(settings.server.user); !done) return std::unexpected(done.error());
  store::AccountStoreSettings accounts;
  accounts.url = settings.accounts.database;
  accounts.password_file = settings.accounts.database_password_file;
  accounts.table_prefix = settings.accounts.table_prefix;
  accounts.create = false;
  auto store = store::PostfixadminStore::open(std::move(accounts));
  if (!store) return std::unexpected(store.error());
  hands.store = std::move(*store);
  return hands;
}

// New hashes are spelled as those that stand in the store already.
store::HashForm form_for(store::PostfixadminStore& store, const std::string& address) {
  auto own = store.password_hash(address);
  if (own) return store::form_like(*own);
  decide::AccountStore::AccountFilter any;
  any.limit = 1;
  const auto rows = store.accounts(any);
  if (!rows || rows->empty()) return store::HashForm::prefixed;
  auto hash = store.password_hash(rows->front().address);
  return hash ? store::form_like(*hash) : store::HashForm::prefixed;
}

Exit failed(const Invocation& given, const Error& error) {
  print_failure(given, error);
  return Exit::refused;
}

// What was typed, piped or asked for.
struct Typed {
  Secret password;  // not set: one is made
  Secret old;       // not set: not known
};
Result<Typed> typed_passwords(const Invocation& given) {
  Typed out;
  if (!given.generate) {
    auto asked = ask_password(given);
    if (!asked) return std::unexpected(asked.error());
    out.password = std::move(*asked);
  }
  if (given.old_password_stdin) {
    auto old = password_from_stdin();
    if (!old) return std::unexpected(old.error());
    out.old = std::move(*old);
  }
  return out;
}

json::object json_of(const Text& text) { return json::object{{"ja", text.ja}, {"en", text.en}}; }

Exit report(const Invocation& given, const std::string& address, json::object outcome) {
  const bool added = given.command == "account add";
  const auto* flushed = outcome.if_contains("cache_flushed");
  const bool in_part = flushed != nullptr && flushed->is_bool() && !flushed->get_bool();
  if (given.json) {
    outcome["address"] = address;
    if (added) outcome["added"] = true;
    if (given.generate) outcome["password"] = outcome["generated"];
    outcome.erase("generated");
    outcome.erase("verdict");
    fmt::print("{}\n", json::serialize(outcome));
  } else {
    fmt::print(fmt::runtime(added ? say(given, "{}: アカウントを作りました。\n", "{}: made.\n")
                                  : say(given, "{}: パスワードを変えました。\n",
                                        "{}: the password is changed.\n")),
               address);
    fmt::print("{}", printed_password(given, outcome));
  }
  if (in_part) {
    fmt::print(
        stderr, "{}\n",
        say(given,
            "Dovecot の認証キャッシュは空にできませんでした。しばらく古いパスワードも使える場合があります。",
            "Dovecot's auth cache could not be emptied: the old password may work for a "
            "while."));
  }
  return in_part ? Exit::in_part : Exit::done;
}

// As the API refuses it.
Exit refused(const Invocation& given, const password::Verdict& verdict) {
  json::array problems;
  for (const auto& finding : verdict.findings) {
    problems.push_back(json::object{{"code", password::to_string(finding.problem)},
                                    {"message_ja", finding.words.ja},
                                    {"message_en", finding.words.en}});
  }
  auto body = json::parse(web::error_response(422).body).get_object();
  body["error"].get_object()["problems"] = std::move(problems);
  const auto text = json::serialize(body);
  if (given.json) {
    fmt::print("{}\n", text);
  } else {
    fmt::print(stderr, "sekimori: {}\n", printed_error(given, 422, text));
  }
  return Exit::refused;
}

Exit change_through_daemon(const Invocation& given, const config::Settings& settings,
                           const std::string& address, const Typed& typed) {
  auto api = Api::connect(settings);
  if (!api) return failed(given, api.error());
  json::object body;
  if (typed.password.is_set()) body["password"] = typed.password.reveal();
  if (typed.old.is_set()) body["old_password"] = typed.old.reveal();
  const auto answer = (*api)->call(
      "POST", fmt::format("/api/v1/accounts/{}/password", web::percent_encode(address)),
      json::serialize(body));
  if (!answer) return failed(given, answer.error());
  boost::system::error_code broken;
  auto outcome = json::parse(answer->body, broken);
  if (answer->status == 200 && !broken && outcome.is_object()) {
    return report(given, address, std::move(outcome.get_object()));
  }
  if (given.json) {
    fmt::print("{}", answer->body);
  } else {
    fmt::print(stderr, "sekimori: {}\n", printed_error(given, answer->status, answer->body));
  }
  return answer->status == 400 ? Exit::usage : Exit::refused;
}

}  // namespace

Exit run_password_command(const Invocation& given) {
  const auto address = MailAddress::parse(given.subject);
  if (!address) {
    print_failure(given, address.error());
    return Exit::usage;
  }
  auto loaded = load_settings(given);
  if (!loaded) return failed(given, loaded.error());
  auto typed = typed_passwords(given);
  if (!typed) return failed(given, typed.error());
  const auto& settings = loaded->settings;
  const bool adds = given.command == "account add";
  if (!adds && daemon_state(settings) != DaemonState::dead) {
    return change_through_daemon(given, settings, address->text(), *typed);
  }
  auto hands = open_hands(settings);
  if (!hands) return failed(given, hands.error());
  auto& store = *hands->store;
  std::string stored;
  password::PersonWords person;
  person.address = address->text();
  person.domain = std::string(address->domain());
  person.name = given.name;
  person.company = settings.password.company;
  if (!adds) {
    auto row = store.account(address->text());
    if (!row) return failed(given, row.error());
    if (!*row) return failed(given, not_found("no such account: " + address->text()).error());
    person.name = (*row)->name;
    stored = store.password_hash(address->text()).value_or("");
  }
  const auto rules = password_rules(settings.password);
  json::object outcome{{"changed", true}, {"generated", nullptr}};
  if (given.generate) {
    auto made = password::generate(rules, person);
    if (!made) return failed(given, made.error());
    outcome["generated"] = made->reveal();
    outcome["reading"] = json_of(password::reading(*made));
    typed->password = std::move(*made);
  } else {
    password::JudgeOptions options;
    if (typed->old.is_set()) options.old_password = &typed->old;
    if (!stored.empty()) {
      options.fits_stored = [&stored](const Secret& candidate) {
        return store::verify_password(stored, candidate);
      };
    }
    const auto verdict = password::judge(typed->password, rules, person, options);
    if (!verdict.accepted()) return refused(given, verdict);
  }
  auto hash = store::hash_password(typed->password, form_for(store, address->text()));
  if (!hash) return failed(given, hash.error());
  if (adds) {
    decide::AccountRow row;
    row.address = address->text();
    row.domain = std::string(address->domain());
    row.name = given.name;
    if (auto done = store.add(row, *hash); !done) return failed(given, done.error());
    outcome.erase("changed");
    return report(given, address->text(), std::move(outcome));
  }
  if (auto done = store.set_password(address->text(), *hash); !done) {
    return failed(given, done.error());
  }
  // Whoever stole the old password may have made these with it.
  const auto removed = store.remove_app_passwords(address->text());
  Result<void> flushed = operating_failure("dovecot.doveadm_url is not set");
  if (hands->doveadm) flushed = hands->doveadm->auth_cache_flush(address->text());
  outcome["cache_flushed"] = flushed.has_value();
  outcome["app_passwords_removed"] = removed.value_or(0);
  const Exit exit = report(given, address->text(), std::move(outcome));
  if (!flushed) fmt::print(stderr, "sekimori: {}\n", flushed.error().text);
  if (!removed) fmt::print(stderr, "sekimori: {}\n", removed.error().text);
  return removed ? exit : Exit::in_part;
}

}  // namespace sekimori::app
