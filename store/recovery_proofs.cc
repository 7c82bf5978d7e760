// The codes, authenticator steps and sessions by which owners prove who they are.
#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "store/one_time_code.h"
#include "store/recovery_impl.h"

namespace sekimori::store {
namespace {

using soci::into;
using soci::use;

constexpr std::size_t k_token_bytes = 32;

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text(size * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, size);
  text.pop_back();
  return text;
}

// Tokens have 256 bits of their own: a plain hash tells nothing of them.
std::string token_hash(const Secret& token) {
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  const std::string_view text = token.reveal();
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return hex(hash.data(), hash.size());
}

}  // namespace

Result<std::optional<Secret>> RecoveryStore::new_contact_code(std::string_view account, Instant now,
                                                              Instant expires) {
  Secret code(fmt::format("{:08}", randombytes_uniform(100'000'000)));
  auto hash = hash_code(code);
  if (!hash) return std::unexpected(hash.error());
  const std::string who(account);
  const std::string kept(std::move(*hash));
  const Number until = expires.us;
  bool made = false;
  auto done = impl_->database.write("cannot keep a code", [&](soci::session& sql) -> Result<void> {
    Number hour = 0;
    Number sent = 0;
    sql << "SELECT hour_us, sent FROM contact_code WHERE account = :account", into(hour),
        into(sent), use(who);
    // A clock set back begins a new hour as well.
    if (!sql.got_data() || now.us - hour >= hours(1).us || hour > now.us) {
      hour = now.us;
      sent = 0;
    }
    if (sent >= k_contact_codes_per_hour) return {};
    ++sent;
    sql << "DELETE FROM contact_code WHERE account = :account", use(who);
    sql << "INSERT INTO contact_code (account, hash, expires_us, tries, hour_us, sent) "
           "VALUES (:account, :hash, :expires, 0, :hour, :sent)",
        use(who), use(kept), use(until), use(hour), use(sent);
    made = true;
    return {};
  });
  if (!done) return std::unexpected(done.error());
  if (!made) return std::optional<Secret>();
  return std::optional<Secret>(std::move(code));
}

Result<bool> RecoveryStore::take_contact_code(std::string_view account, const Secret& code,
                                              Instant now) {
  const std::string who(account);
  bool right = false;
  auto done = impl_->database.write("cannot check a code", [&](soci::session& sql) -> Result<void> {
    std::string hash;
    Number expires = 0;
    Number tries = 0;
    sql << "SELECT hash, expires_us, tries FROM contact_code WHERE account = :account", into(hash),
        into(expires), into(tries), use(who);
    if (!sql.got_data() || hash.empty() || expires <= now.us || tries >= k_contact_tries_max) {
      return {};
    }
    right = code_matches(hash, typed_code(code));
    // The row stays either way: it counts how many codes were sent in this hour.
    if (right) {
      sql << "UPDATE contact_code SET hash = '' WHERE account = :account", use(who);
    } else {
      sql << "UPDATE contact_code SET tries = tries + 1 WHERE account = :account", use(who);
    }
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return right;
}

Result<std::optional<std::int64_t>> RecoveryStore::totp_step(std::string_view account,
                                                             Instant now) {
  const std::string who(account);
  return impl_->database.read(
      "cannot read the authenticator's state",
      [&](soci::session& sql) -> Result<std::optional<std::int64_t>> {
        Number step = 0;
        Number window = 0;
        Number tries = 0;
        sql << "SELECT step, window_us, tries FROM totp_use WHERE account = :account", into(step),
            into(window), into(tries), use(who);
        if (!sql.got_data()) return std::optional<std::int64_t>();
        if (tries >= k_totp_tries_max && now.us < window + k_totp_window.us && now.us >= window) {
          return bad_input("too many wrong codes; try again in a quarter of an hour");
        }
        return step == 0 ? std::optional<std::int64_t>() : std::optional<std::int64_t>(step);
      });
}

Result<bool> RecoveryStore::use_totp_step(std::string_view account, std::int64_t step) {
  const std::string who(account);
  const Number wanted = step;
  bool taken = false;
  auto done = impl_->database.write(
      "cannot keep the authenticator's state", [&](soci::session& sql) -> Result<void> {
        Number last = 0;
        sql << "SELECT step FROM totp_use WHERE account = :account", into(last), use(who);
        const bool known = sql.got_data();
        if (known && last >= wanted) return {};
        taken = true;
        if (known) {
          sql << "UPDATE totp_use SET step = :step, tries = 0 WHERE account = :account",
              use(wanted), use(who);
        } else {
          sql << "INSERT INTO totp_use (account, step, window_us, tries) "
                 "VALUES (:account, :step, 0, 0)",
              use(who), use(wanted);
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return taken;
}

Result<void> RecoveryStore::count_wrong_totp(std::string_view account, Instant now) {
  const std::string who(account);
  return impl_->database.write(
      "cannot keep the authenticator's state", [&](soci::session& sql) -> Result<void> {
        Number window = 0;
        Number tries = 0;
        const Number at = now.us;
        sql << "SELECT window_us, tries FROM totp_use WHERE account = :account", into(window),
            into(tries), use(who);
        if (!sql.got_data()) {
          sql << "INSERT INTO totp_use (account, step, window_us, tries) "
                 "VALUES (:account, 0, :window, 1)",
              use(who), use(at);
          return {};
        }
        if (at >= window + k_totp_window.us || at < window) {
          window = at;
          tries = 0;
        }
        ++tries;
        sql << "UPDATE totp_use SET window_us = :window, tries = :tries WHERE account = :account",
            use(window), use(tries), use(who);
        return {};
      });
}

Result<Secret> RecoveryStore::open_session(const Session& session, Instant expires) {
  std::array<unsigned char, k_token_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  Secret token(hex(bytes.data(), bytes.size()));
  sodium_memzero(bytes.data(), bytes.size());
  const std::string hash = token_hash(token);
  const Number until = expires.us;
  auto done = impl_->database.write(
      "cannot keep an owner's session", [&](soci::session& sql) -> Result<void> {
        sql << "INSERT INTO owner_session (token, account, proof, expires_us) "
               "VALUES (:token, :account, :proof, :expires)",
            use(hash), use(session.account), use(session.proof), use(until);
        sql << fmt::format(
            "DELETE FROM owner_session WHERE account = :account AND token NOT IN (SELECT token "
            "FROM (SELECT token FROM owner_session WHERE account = :same ORDER BY expires_us DESC "
            "LIMIT {}) AS newest)",
            k_owner_sessions_max),
            use(session.account), use(session.account);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return token;
}

Result<std::optional<RecoveryStore::Session>> RecoveryStore::session(const Secret& token,
                                                                     Instant now) {
  const std::string hash = token_hash(token);
  const Number at = now.us;
  return impl_->database.read("cannot read an owner's session", [&](soci::session& sql) {
    Session found;
    sql << "SELECT account, proof FROM owner_session WHERE token = :token AND expires_us > :now",
        into(found.account), into(found.proof), use(hash), use(at);
    return sql.got_data() ? std::optional<Session>(found) : std::optional<Session>();
  });
}

Result<void> RecoveryStore::close_session(const Secret& token) {
  const std::string hash = token_hash(token);
  return impl_->database.write("cannot end an owner's session",
                               [&](soci::session& sql) -> Result<void> {
                                 sql << "DELETE FROM owner_session WHERE token = :token", use(hash);
                                 return {};
                               });
}

// ---------------------------------------------------------------- kept by owners

Result<std::optional<RecoveryStore::OwnTotp>> RecoveryStore::own_totp(std::string_view account) {
  const std::string who(account);
  return impl_->database.read(
      "cannot read an owner's authenticator", [&](soci::session& sql) -> std::optional<OwnTotp> {
        std::string key;
        Number since = 0;
        sql << "SELECT secret, since_us FROM owner_totp WHERE account = :account", into(key),
            into(since), use(who);
        if (!sql.got_data()) return std::nullopt;
        return OwnTotp{Secret(std::move(key)), Instant{since}};
      });
}

Result<void> RecoveryStore::set_own_totp(std::string_view account, const Secret& key, Instant now) {
  const std::string who(account);
  const std::string kept(key.reveal());
  const Number at = now.us;
  return impl_->database.write(
      "cannot keep an owner's authenticator", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM owner_totp WHERE account = :account", use(who);
        if (kept.empty()) return {};
        sql << "INSERT INTO owner_totp (account, secret, since_us) VALUES (:account, :secret, :at)",
            use(who), use(kept), use(at);
        return {};
      });
}

Result<void> RecoveryStore::put_network_answer(std::string_view account,
                                               const NetworkAnswer& answer) {
  const std::string who(account);
  const Number mine = answer.mine ? 1 : 0;
  const Number at = answer.at.us;
  return impl_->database.write(
      "cannot keep an owner's answer", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM owner_network WHERE account = :account AND network = :network",
            use(who), use(answer.network);
        sql << "INSERT INTO owner_network (account, network, mine, at_us) "
               "VALUES (:account, :network, :mine, :at)",
            use(who), use(answer.network), use(mine), use(at);
        // Of answers of one moment the whole moment goes: the bound is no exact one.
        Number oldest = 0;
        sql << fmt::format(
            "SELECT at_us FROM owner_network WHERE account = :account ORDER BY at_us DESC "
            "LIMIT 1 OFFSET {}",
            k_network_answers_max),
            into(oldest), use(who);
        if (sql.got_data()) {
          sql << "DELETE FROM owner_network WHERE account = :account AND at_us <= :oldest",
              use(who), use(oldest);
        }
        return {};
      });
}

Result<std::vector<RecoveryStore::NetworkAnswer>> RecoveryStore::network_answers(
    std::string_view account) {
  const std::string who(account);
  return impl_->database.read("cannot read an owner's answers", [&](soci::session& sql) {
    std::vector<NetworkAnswer> out;
    NetworkAnswer one;
    Number mine = 0;
    Number at = 0;
    soci::statement statement =
        (sql.prepare << "SELECT network, mine, at_us FROM owner_network WHERE account = :account "
                        "ORDER BY at_us",
         into(one.network), into(mine), into(at), use(who));
    statement.execute();
    while (statement.fetch()) {
      one.mine = mine != 0;
      one.at = Instant{at};
      out.push_back(one);
    }
    return out;
  });
}

}  // namespace sekimori::store
