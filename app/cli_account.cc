// account add and account password: straight to the account store.
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "act/doveadm.h"
#include "app/cli_commands.h"
#include "app/cli_password.h"
#include "app/installation.h"
#include "base/mail_address.h"
#include "store/account_store.h"
#include "store/password_hash.h"

namespace sekimori::app {
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

void report(const Invocation& given, const std::string& address, const Secret& password,
            bool cache_flushed, std::uint64_t app_passwords) {
  const bool added = given.command == "account add";
  if (given.json) {
    boost::json::object out{{"address", address}, {added ? "added" : "changed", true}};
    if (given.generate) out["password"] = password.reveal();
    if (!added) {
      out["cache_flushed"] = cache_flushed;
      out["app_passwords_removed"] = app_passwords;
    }
    fmt::print("{}\n", boost::json::serialize(out));
    return;
  }
  fmt::print(fmt::runtime(added ? say(given, "{}: アカウントを作りました。\n", "{}: made.\n")
                                : say(given, "{}: パスワードを変えました。\n",
                                      "{}: the password is changed.\n")),
             address);
  if (given.generate) {
    fmt::print(fmt::runtime(say(given, "パスワード: {}\n", "password: {}\n")), password.reveal());
  }
  if (app_passwords > 0) {
    fmt::print(fmt::runtime(say(given, "アプリ用パスワードも {} 件取り消しました。\n",
                                "{} app passwords are gone, too.\n")),
               app_passwords);
  }
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
  Secret password;
  if (given.generate) {
    password = generated_password();
  } else {
    auto asked = ask_password(given);
    if (!asked) return failed(given, asked.error());
    password = std::move(*asked);
  }
  auto hands = open_hands(loaded->settings);
  if (!hands) return failed(given, hands.error());
  auto hash = store::hash_password(password, form_for(*hands->store, address->text()));
  if (!hash) return failed(given, hash.error());

  if (given.command == "account add") {
    decide::AccountRow row;
    row.address = address->text();
    row.domain = std::string(address->domain());
    row.name = given.name;
    if (auto done = hands->store->add(row, *hash); !done) return failed(given, done.error());
    report(given, address->text(), password, false, 0);
    return Exit::done;
  }
  if (auto done = hands->store->set_password(address->text(), *hash); !done) {
    return failed(given, done.error());
  }
  // Whoever stole the old password may have made these with it.
  const auto removed = hands->store->remove_app_passwords(address->text());
  Result<void> flushed = operating_failure("dovecot.doveadm_url is not set");
  if (hands->doveadm) flushed = hands->doveadm->auth_cache_flush(address->text());
  report(given, address->text(), password, flushed.has_value(), removed.value_or(0));
  if (!flushed) {
    fmt::print(
        stderr, "{} ({})\n",
        say(given,
            "Dovecot の認証キャッシュは空にできませんでした。しばらく古いパスワードも使える場合があります。",
            "Dovecot's auth cache could not be emptied: the old password may work for a "
            "while."),
        flushed.error().text);
  }
  if (!removed) fmt::print(stderr, "sekimori: {}\n", removed.error().text);
  return flushed && removed ? Exit::done : Exit::in_part;
}

}  // namespace sekimori::app
