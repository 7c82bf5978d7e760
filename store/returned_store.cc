#include "store/returned_store.h"

#include <array>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::ReturnedMail;

constexpr std::int64_t k_us_a_day = 86'400'000'000;

const Migrations& returned_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE returned_mail (id BIGINT NOT NULL PRIMARY KEY, "
          "mail_key VARCHAR(64) NOT NULL UNIQUE, t_us BIGINT NOT NULL, day_number BIGINT NOT NULL, "
          "account VARCHAR(320) NOT NULL, kind VARCHAR(16) NOT NULL, origin VARCHAR(16) NOT NULL, "
          "why_ja TEXT NOT NULL, why_en TEXT NOT NULL, reason VARCHAR(32) NOT NULL, "
          "status VARCHAR(16) NOT NULL, hard INTEGER NOT NULL, recipient VARCHAR(320) NOT NULL, "
          "reporter VARCHAR(320) NOT NULL, first_hop VARCHAR(320) NOT NULL, words TEXT NOT NULL)",
          "CREATE INDEX returned_account ON returned_mail (account, t_us)",
          "CREATE INDEX returned_day ON returned_mail (account, day_number)",
          "CREATE INDEX returned_time ON returned_mail (t_us)",
          "CREATE TABLE spoofed_account (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "told_us BIGINT NOT NULL)",
      },
  };
  return migrations;
}

void add(decide::ReturnedCounts& counts, std::string_view kind, std::string_view origin,
         Number many) {
  const auto n = static_cast<std::uint64_t>(many);
  if (kind == "feedback") {
    // A complaint about mail that was never ours is no complaint about this account.
    if (origin == "ours") counts.feedback += n;
  } else if (origin == "ours") {
    counts.ours += n;
  } else if (origin == "forged") {
    counts.forged += n;
  } else {
    counts.unknown += n;
  }
}

std::string day_text(Number day) { return format_instant(Instant{day * k_us_a_day}).substr(0, 10); }

}  // namespace

struct ReturnedStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

ReturnedStore::ReturnedStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReturnedStore::~ReturnedStore() = default;

Result<std::unique_ptr<ReturnedStore>> ReturnedStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "returned", returned_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<ReturnedStore>(new ReturnedStore(std::move(*impl)));
}

Result<std::vector<ReturnedMail>> ReturnedStore::put(const std::vector<ReturnedMail>& mails) {
  std::vector<ReturnedMail> fresh;
  auto done =
      impl_->database.write("cannot write returned mail", [&](soci::session& sql) -> Result<void> {
        fresh.clear();
        for (const ReturnedMail& mail : mails) {
          Number known = 0;
          sql << "SELECT COUNT(*) FROM returned_mail WHERE mail_key = :mail_key",
              soci::use(mail.key), soci::into(known);
          if (known > 0) continue;
          fresh.push_back(mail);
          const Number t = mail.t.us;
          const Number day = mail.t.us / k_us_a_day;
          Number that_day = 0;
          sql << "SELECT COUNT(*) FROM returned_mail WHERE account = :account AND "
                 "day_number = :day_number",
              soci::use(mail.account), soci::use(day), soci::into(that_day);
          if (static_cast<std::uint64_t>(that_day) >= k_returned_a_day_max) continue;
          Number id = 0;
          sql << "SELECT COALESCE(MAX(id), 0) + 1 FROM returned_mail", soci::into(id);
          const std::string kind(to_string(mail.kind));
          const std::string origin(to_string(mail.origin));
          const int hard = mail.hard ? 1 : 0;
          sql << "INSERT INTO returned_mail (id, mail_key, t_us, day_number, account, kind, origin, "
                 "why_ja, why_en, reason, status, hard, recipient, reporter, first_hop, words) "
                 "VALUES (:id, :mail_key, :t, :day_number, :account, :kind, :origin, :why_ja, "
                 ":why_en, :reason, :status, :hard, :recipient, :reporter, :first_hop, :words)",
              soci::use(id), soci::use(mail.key), soci::use(t), soci::use(day),
              soci::use(mail.account), soci::use(kind), soci::use(origin), soci::use(mail.why.ja),
              soci::use(mail.why.en), soci::use(mail.reason), soci::use(mail.status),
              soci::use(hard), soci::use(mail.recipient), soci::use(mail.reporter),
              soci::use(mail.first_hop), soci::use(mail.words);
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return fresh;
}

Result<decide::ReturnedCounts> ReturnedStore::counts(const std::string& account, Instant since,
                                                     Instant until) {
  const Number from = since.us;
  const Number to = until.us;
  return impl_->database.read("cannot read returned mail", [&](soci::session& sql) {
    decide::ReturnedCounts counts;
    Query query(sql);
    std::string kind;
    std::string origin;
    Number many = 0;
    query.into(kind).into(origin).into(many).bind(account).bind(from).bind(to);
    query.run(
        "SELECT kind, origin, COUNT(*) FROM returned_mail WHERE account = :account AND "
        "t_us >= :since AND t_us < :until GROUP BY kind, origin");
    while (query.next()) add(counts, kind, origin, many);
    return counts;
  });
}

Result<std::vector<decide::ReturnedDay>> ReturnedStore::days(const std::string& account,
                                                             Instant since) {
  const Number from = since.us / k_us_a_day;
  return impl_->database.read("cannot read returned mail", [&](soci::session& sql) {
    std::vector<decide::ReturnedDay> days;
    Query query(sql);
    std::string kind;
    std::string origin;
    Number day = 0;
    Number many = 0;
    query.into(day).into(kind).into(origin).into(many).bind(account).bind(from);
    query.run(
        "SELECT day_number, kind, origin, COUNT(*) FROM returned_mail WHERE account = :account AND "
        "day_number >= :since GROUP BY day_number, kind, origin ORDER BY day_number");
    while (query.next()) {
      const std::string text = day_text(day);
      if (days.empty() || days.back().day != text) days.push_back({text, {}});
      add(days.back().counts, kind, origin, many);
    }
    return days;
  });
}

Result<std::vector<ReturnedMail>> ReturnedStore::last(const std::string& account, Instant since,
                                                      std::size_t max) {
  const Number from = since.us;
  const Number limit = number(max);
  return impl_->database.read("cannot read returned mail", [&](soci::session& sql) {
    std::vector<ReturnedMail> mails;
    Query query(sql);
    ReturnedMail mail;
    std::string kind;
    std::string origin;
    Number t = 0;
    int hard = 0;
    query.into(mail.key).into(t).into(mail.account).into(kind).into(origin).into(mail.why.ja);
    query.into(mail.why.en).into(mail.reason).into(mail.status).into(hard).into(mail.recipient);
    query.into(mail.reporter).into(mail.first_hop).into(mail.words);
    query.bind(account).bind(from).bind(limit);
    query.run(
        "SELECT mail_key, t_us, account, kind, origin, why_ja, why_en, reason, status, hard, "
        "recipient, reporter, first_hop, words FROM returned_mail WHERE account = :account AND "
        "t_us >= :since ORDER BY id DESC LIMIT :most");
    while (query.next()) {
      mail.t = Instant{t};
      mail.hard = hard != 0;
      mail.kind = word(decide::parse_returned_kind(kind), kind);
      mail.origin = word(decide::parse_mail_origin(origin), origin);
      mails.push_back(mail);
    }
    return mails;
  });
}

Result<Instant> ReturnedStore::told(const std::string& account) {
  return impl_->database.read("cannot read returned mail", [&](soci::session& sql) {
    Number t = 0;
    soci::indicator found = soci::i_null;
    sql << "SELECT MAX(told_us) FROM spoofed_account WHERE account = :account", soci::use(account),
        soci::into(t, found);
    return found == soci::i_ok ? Instant{t} : Instant{};
  });
}

Result<void> ReturnedStore::set_told(const std::string& account, Instant t) {
  const Number at = t.us;
  return impl_->database.write(
      "cannot write returned mail", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM spoofed_account WHERE account = :account", soci::use(account);
        sql << "INSERT INTO spoofed_account (account, told_us) VALUES (:account, :told)",
            soci::use(account), soci::use(at);
        return {};
      });
}

Result<void> ReturnedStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write(
      "cannot remove returned mail", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM returned_mail WHERE t_us < :before", soci::use(bound);
        sql << "DELETE FROM spoofed_account WHERE told_us < :before", soci::use(bound);
        return {};
      });
}

}  // namespace sekimori::store
