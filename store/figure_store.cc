#include "store/figure_store.h"

#include <algorithm>
#include <array>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using namespace decide;
using soci::into;
using soci::use;

constexpr std::size_t k_limit_max = 5000;
// Of one transaction: other connections wait for the lock meanwhile.
constexpr int k_prune_rows = 20'000;

const Migrations& figure_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE figure_hour (account VARCHAR(320) NOT NULL, hour BIGINT NOT NULL, "
          "messages BIGINT NOT NULL, recipients BIGINT NOT NULL, new_recipients BIGINT NOT NULL, "
          "refused BIGINT NOT NULL, bounces BIGINT NOT NULL, bytes_sent BIGINT NOT NULL, "
          "bytes_in BIGINT NOT NULL, bytes_out BIGINT NOT NULL, sign_ins BIGINT NOT NULL, "
          "sign_ins_bad BIGINT NOT NULL, sessions BIGINT NOT NULL, session_ms BIGINT NOT NULL, "
          "longest_ms BIGINT NOT NULL, PRIMARY KEY (account, hour))",
          "CREATE INDEX figure_hour_time ON figure_hour (hour)",
          "CREATE TABLE figure_sign_in (account VARCHAR(320) NOT NULL, hour BIGINT NOT NULL, "
          "ip VARCHAR(64) NOT NULL, service VARCHAR(16) NOT NULL, outcome VARCHAR(16) NOT NULL, "
          "encrypted BIGINT NOT NULL, client VARCHAR(120) NOT NULL, country VARCHAR(2) NOT NULL, "
          "asn BIGINT NOT NULL, hosting BIGINT NOT NULL, first_us BIGINT NOT NULL, "
          "last_us BIGINT NOT NULL, tries BIGINT NOT NULL, "
          "PRIMARY KEY (account, hour, ip, service, outcome, encrypted, client))",
          "CREATE INDEX figure_sign_in_time ON figure_sign_in (hour)",
          "CREATE TABLE figure_seen (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "recipients TEXT NOT NULL)",
          "CREATE TABLE figure_position (name VARCHAR(16) NOT NULL PRIMARY KEY, "
          "sequence BIGINT NOT NULL)",
      },
  };
  return migrations;
}

// The columns in one order everywhere.
constexpr std::array k_members = {
    &Figures::messages,   &Figures::recipients,   &Figures::new_recipients, &Figures::refused,
    &Figures::bounces,    &Figures::bytes_sent,   &Figures::bytes_in,       &Figures::bytes_out,
    &Figures::sign_ins,   &Figures::sign_ins_bad, &Figures::sessions,       &Figures::session_ms,
    &Figures::longest_ms,
};
constexpr const char* k_columns =
    "messages, recipients, new_recipients, refused, bounces, bytes_sent, bytes_in, bytes_out, "
    "sign_ins, sign_ins_bad, sessions, session_ms, longest_ms";
using Values = std::array<Number, k_members.size()>;

Figures figures_of(const Values& values) {
  Figures out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.*k_members[i] = static_cast<std::uint64_t>(values[i]);
  }
  return out;
}

std::optional<Figures> find_hour(soci::session& sql, const std::string& account, Number hour) {
  Values values{};
  Query query(sql);
  for (auto& value : values) query.into(value);
  query.bind(account).bind(hour);
  query.run(std::string("SELECT ") + k_columns +
            " FROM figure_hour WHERE account = :account AND hour = :hour");
  if (!query.next()) return std::nullopt;
  return figures_of(values);
}

void add_hour(soci::session& sql, const std::string& account, Number hour, const Figures& more) {
  const auto before = find_hour(sql, account, hour);
  Figures sum = before.value_or(Figures());
  sum += more;
  Values values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = number(sum.*k_members[i]);
  Query query(sql);
  for (const auto& value : values) query.bind(value);
  query.bind(account).bind(hour);
  if (before) {
    query.execute(
        "UPDATE figure_hour SET messages = :v0, recipients = :v1, new_recipients = :v2, "
        "refused = :v3, bounces = :v4, bytes_sent = :v5, bytes_in = :v6, bytes_out = :v7, "
        "sign_ins = :v8, sign_ins_bad = :v9, sessions = :v10, session_ms = :v11, "
        "longest_ms = :v12 WHERE account = :account AND hour = :hour");
  } else {
    query.execute(std::string("INSERT INTO figure_hour (") + k_columns +
                  ", account, hour) VALUES (:v0, :v1, :v2, :v3, :v4, :v5, :v6, :v7, :v8, :v9, "
                  ":v10, :v11, :v12, :account, :hour)");
  }
}

void add_sign_in(soci::session& sql, const SignInRow& row) {
  const Number hour = row.key.hour;
  const std::string service(to_string(row.key.service));
  const std::string outcome(to_string(row.key.result));
  const Number encrypted = row.key.encrypted ? 1 : 0;
  Number first = 0;
  Number last = 0;
  Number count = 0;
  sql << "SELECT first_us, last_us, tries FROM figure_sign_in WHERE account = :account AND "
         "hour = :hour AND ip = :ip AND service = :service AND outcome = :outcome AND "
         "encrypted = :encrypted AND client = :client",
      into(first), into(last), into(count), use(row.key.account), use(hour), use(row.key.ip),
      use(service), use(outcome), use(encrypted), use(row.key.client);
  if (sql.got_data()) {
    first = std::min<Number>(first, row.first.us);
    last = std::max<Number>(last, row.last.us);
    count += number(row.count);
    sql << "UPDATE figure_sign_in SET first_us = :first, last_us = :last, tries = :tries WHERE "
           "account = :account AND hour = :hour AND ip = :ip AND service = :service AND "
           "outcome = :outcome AND encrypted = :encrypted AND client = :client",
        use(first), use(last), use(count), use(row.key.account), use(hour), use(row.key.ip),
        use(service), use(outcome), use(encrypted), use(row.key.client);
    return;
  }
  const std::string country = row.place.country_text();
  const Number asn = number(std::uint64_t{row.place.asn});
  const Number hosting = row.place.hosting ? 1 : 0;
  first = row.first.us;
  last = row.last.us;
  count = number(row.count);
  sql << "INSERT INTO figure_sign_in (account, hour, ip, service, outcome, encrypted, client, "
         "country, asn, hosting, first_us, last_us, tries) VALUES (:account, :hour, :ip, "
         ":service, :outcome, :encrypted, :client, :country, :asn, :hosting, :first, :last, "
         ":tries)",
      use(row.key.account), use(hour), use(row.key.ip), use(service), use(outcome), use(encrypted),
      use(row.key.client), use(country), use(asn), use(hosting), use(first), use(last), use(count);
}

// Recipients that the account never wrote to before, by the hour.
std::map<std::int64_t, std::uint64_t> count_new(
    soci::session& sql, const std::string& account,
    const std::vector<std::pair<std::int64_t, std::uint32_t>>& recipients) {
  std::string text;
  sql << "SELECT recipients FROM figure_seen WHERE account = :account", into(text), use(account);
  const bool known = sql.got_data();
  auto seen = SeenRecipients::parse(text);
  std::map<std::int64_t, std::uint64_t> out;
  for (const auto& [hour, recipient] : recipients) {
    if (seen.add(recipient)) ++out[hour];
  }
  if (out.empty()) return out;
  text = seen.text();
  if (known) {
    sql << "UPDATE figure_seen SET recipients = :text WHERE account = :account", use(text),
        use(account);
  } else {
    sql << "INSERT INTO figure_seen (account, recipients) VALUES (:account, :text)", use(account),
        use(text);
  }
  return out;
}

// A row of figure_sign_in.
struct StoredSignIn {
  SignInRow row;
  std::string service, outcome, country;
  Number hour = 0, encrypted = 0, asn = 0, hosting = 0, first = 0, last = 0, count = 0;

  void into_query(Query& query) {
    query.into(hour).into(row.key.ip).into(service).into(outcome).into(encrypted);
    query.into(row.key.client).into(country).into(asn).into(hosting).into(first).into(last);
    query.into(count);
  }
  [[nodiscard]] SignInRow value(std::string_view account) const {
    SignInRow out = row;
    out.key.account = std::string(account);
    out.key.hour = hour;
    out.key.service = parse_service(service);
    out.key.result = word(parse_login_result(outcome), outcome);
    out.key.encrypted = encrypted != 0;
    if (country.size() == 2) std::ranges::copy(country, out.place.country);
    out.place.asn = static_cast<std::uint32_t>(asn);
    out.place.hosting = hosting != 0;
    out.first = Instant{first};
    out.last = Instant{last};
    out.count = static_cast<std::uint64_t>(count);
    return out;
  }
};
constexpr const char* k_sign_in_columns =
    "SELECT hour, ip, service, outcome, encrypted, client, country, asn, hosting, first_us, "
    "last_us, tries FROM figure_sign_in WHERE account = :account";

}  // namespace

struct FigureStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

FigureStore::FigureStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FigureStore::~FigureStore() = default;

Result<std::unique_ptr<FigureStore>> FigureStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "figures", figure_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<FigureStore>(new FigureStore(std::move(*impl)));
}

Result<std::uint64_t> FigureStore::position() {
  return impl_->database.read("cannot read how far the figures are", [](soci::session& sql) {
    Number sequence = 0;
    sql << "SELECT sequence FROM figure_position WHERE name = 'journal'", into(sequence);
    return sql.got_data() ? static_cast<std::uint64_t>(sequence) : std::uint64_t{0};
  });
}

Result<void> FigureStore::add(const FigureBatch& batch, std::uint64_t position) {
  return impl_->database.write("cannot keep the figures", [&](soci::session& sql) -> Result<void> {
    const Number next = number(position);
    Number before = 0;
    sql << "SELECT sequence FROM figure_position WHERE name = 'journal'", into(before);
    const bool known = sql.got_data();
    if (known && before >= next) return {};
    std::map<FigureBatch::Hour, std::uint64_t> fresh;
    for (const auto& [account, recipients] : batch.recipients) {
      for (const auto& [hour, count] : count_new(sql, account, recipients)) {
        fresh[{account, hour}] = count;
      }
    }
    for (const auto& [at, figures] : batch.hours) {
      Figures whole = figures;
      if (const auto found = fresh.find(at); found != fresh.end()) {
        whole.new_recipients += found->second;
      }
      add_hour(sql, at.first, at.second, whole);
    }
    for (const auto& [key, row] : batch.sign_ins) add_sign_in(sql, row);
    if (known) {
      sql << "UPDATE figure_position SET sequence = :next WHERE name = 'journal'", use(next);
    } else {
      sql << "INSERT INTO figure_position (name, sequence) VALUES ('journal', :next)", use(next);
    }
    return {};
  });
}

Result<std::vector<FigureRow>> FigureStore::hours(std::string_view account, std::int64_t from,
                                                  std::int64_t until) {
  const std::string who(account);
  const Number first = from;
  const Number end = until;
  return impl_->database.read("cannot read the figures", [&](soci::session& sql) {
    std::vector<FigureRow> out;
    Number hour = 0;
    Values values{};
    Query query(sql);
    query.into(hour);
    for (auto& value : values) query.into(value);
    query.bind(who).bind(first).bind(end);
    query.run(std::string("SELECT hour, ") + k_columns +
              " FROM figure_hour WHERE account = :account AND hour >= :from AND hour < :until "
              "ORDER BY hour");
    while (query.next()) out.push_back({hour, figures_of(values)});
    return out;
  });
}

Result<std::vector<SignInRow>> FigureStore::sign_ins(std::string_view account, std::size_t offset,
                                                     std::size_t limit) {
  const std::string who(account);
  return impl_->database.read("cannot read the sign-ins", [&](soci::session& sql) {
    std::vector<SignInRow> out;
    Query query(sql);
    StoredSignIn stored;
    stored.into_query(query);
    query.bind(who);
    query.run(std::string(k_sign_in_columns) +
              " ORDER BY hour DESC, last_us DESC, ip, client LIMIT " +
              std::to_string(std::min(limit, k_limit_max)) + " OFFSET " + std::to_string(offset));
    while (query.next()) out.push_back(stored.value(who));
    return out;
  });
}

Result<std::uint64_t> FigureStore::count_sign_ins(std::string_view account) {
  const std::string who(account);
  return impl_->database.read("cannot count the sign-ins", [&](soci::session& sql) {
    Number count = 0;
    sql << "SELECT COUNT(*) FROM figure_sign_in WHERE account = :account", into(count), use(who);
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::vector<SignInRow>> FigureStore::sign_ins_between(std::string_view account,
                                                             std::int64_t from, std::int64_t until,
                                                             std::size_t limit) {
  const std::string who(account);
  const Number first = from;
  const Number end = until;
  return impl_->database.read("cannot read the sign-ins", [&](soci::session& sql) {
    std::vector<SignInRow> out;
    Query query(sql);
    StoredSignIn stored;
    stored.into_query(query);
    query.bind(who).bind(first).bind(end);
    query.run(std::string(k_sign_in_columns) +
              " AND hour >= :from AND hour < :until ORDER BY hour DESC, last_us DESC LIMIT " +
              std::to_string(std::min(limit, k_limit_max)));
    while (query.next()) out.push_back(stored.value(who));
    return out;
  });
}

Result<std::vector<SignInRow>> FigureStore::good_sign_ins(std::int64_t hour, std::size_t limit) {
  const Number first = hour;
  return impl_->database.read("cannot read the sign-ins", [&](soci::session& sql) {
    std::vector<SignInRow> out;
    Query query(sql);
    SignInRow row;
    Number begin = 0;
    Number last = 0;
    Number asn = 0;
    Number hosting = 0;
    query.into(row.key.account).into(row.key.ip).into(begin).into(last).into(asn).into(hosting);
    query.bind(first);
    // Oldest places first: an account's first one is where it lives.
    query.run(
        "SELECT account, ip, MIN(first_us), MAX(last_us), MAX(asn), MAX(hosting) "
        "FROM figure_sign_in WHERE hour >= :from AND outcome = 'ok' GROUP BY account, ip "
        "ORDER BY 3 LIMIT " +
        std::to_string(limit));
    while (query.next()) {
      row.first = Instant{begin};
      row.last = Instant{last};
      row.place.asn = static_cast<std::uint32_t>(asn);
      row.place.hosting = hosting != 0;
      out.push_back(row);
    }
    return out;
  });
}

Result<void> FigureStore::prune(Instant figures_before, Instant sign_ins_before) {
  const auto remove = [this](const std::string& table, Number before) -> Result<void> {
    // Hour by hour, so that no transaction holds the lock for long.
    while (true) {
      Number oldest = 0;
      bool more = false;
      auto done = impl_->database.write(
          "cannot remove old figures", [&](soci::session& sql) -> Result<void> {
            soci::indicator none = soci::i_ok;
            sql << "SELECT MIN(hour) FROM " + table, into(oldest, none);
            more = none == soci::i_ok && oldest < before;
            if (!more) return {};
            Number rows = 0;
            Number end = oldest + 1;
            sql << "SELECT COUNT(*) FROM " + table + " WHERE hour < :end", into(rows), use(end);
            // Quiet hours go together.
            while (rows < k_prune_rows && end < before) {
              Number in_hour = 0;
              sql << "SELECT COUNT(*) FROM " + table + " WHERE hour = :hour", into(in_hour),
                  use(end);
              if (rows + in_hour > k_prune_rows) break;
              rows += in_hour;
              ++end;
            }
            sql << "DELETE FROM " + table + " WHERE hour < :end", use(end);
            more = end < before;
            return {};
          });
      if (!done || !more) return done;
    }
  };
  if (auto done = remove("figure_hour", hour_of(figures_before)); !done) return done;
  return remove("figure_sign_in", hour_of(sign_ins_before));
}

}  // namespace sekimori::store
