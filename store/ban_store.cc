#include "store/ban_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using namespace decide;

constexpr std::size_t k_limit_max = 1000;

const Migrations& ban_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE ban (id BIGINT NOT NULL PRIMARY KEY, network VARCHAR(64) NOT NULL, "
          "sort_key VARCHAR(40) NOT NULL, kind VARCHAR(16) NOT NULL, reach VARCHAR(16) NOT NULL, "
          "since_us BIGINT NOT NULL, until_us BIGINT NOT NULL, failures BIGINT NOT NULL, "
          "accounts BIGINT NOT NULL, unknown_names BIGINT NOT NULL, parts BIGINT NOT NULL, "
          "times BIGINT NOT NULL, collateral BIGINT NOT NULL, hits BIGINT NOT NULL, "
          "hit_us BIGINT NOT NULL, country VARCHAR(2) NOT NULL, asn BIGINT NOT NULL, "
          "hosting BIGINT NOT NULL, last_account VARCHAR(320) NOT NULL, "
          "set_by VARCHAR(320) NOT NULL, reason TEXT NOT NULL, is_over BIGINT NOT NULL, "
          "ended_us BIGINT NOT NULL, ended_by VARCHAR(320) NOT NULL)",
          "CREATE INDEX ban_network ON ban (network, id)",
          "CREATE INDEX ban_since ON ban (is_over, since_us)",
          "CREATE INDEX ban_until ON ban (is_over, until_us)",
          "CREATE INDEX ban_hits ON ban (is_over, hits)",
          "CREATE INDEX ban_sort ON ban (is_over, sort_key)",
          "CREATE INDEX ban_ended ON ban (ended_us)",
      },
      // 2: most have no hits, many end never: the number that sorts those comes from the index,
      // too.
      {
          "CREATE INDEX ban_by_since ON ban (is_over, since_us, id)",
          "CREATE INDEX ban_by_until ON ban (is_over, until_us, id)",
          "CREATE INDEX ban_by_hits ON ban (is_over, hits, id)",
          "CREATE INDEX ban_by_sort ON ban (is_over, sort_key, id)",
          "DROP INDEX ban_since ON ban",
          "DROP INDEX ban_until ON ban",
          "DROP INDEX ban_hits ON ban",
          "DROP INDEX ban_sort ON ban",
      },
  };
  return migrations;
}

constexpr const char* k_columns =
    "id, network, kind, reach, since_us, until_us, failures, accounts, unknown_names, parts, "
    "times, collateral, hits, hit_us, country, asn, hosting, last_account, set_by, reason, "
    "ended_us, ended_by";

// In the order of addresses: "00000000000000000000ffffc0000200" and the length of the prefix.
std::string sort_key(const IpNetwork& network) {
  std::string out;
  for (const std::uint8_t byte : network.address().bytes()) out += fmt::format("{:02x}", byte);
  return out + fmt::format("{:03}", network.bits());
}

// A row, filled by SOCI or bound to it.
struct StoredBan {
  Number id = 0, since = 0, until = 0, failures = 0, accounts = 0, unknown = 0, parts = 0;
  Number times = 0, collateral = 0, hits = 0, hit = 0, asn = 0, hosting = 0, over = 0, ended = 0;
  std::string network, sort, kind, reach, country, last_account, by, reason, ended_by;

  StoredBan() = default;
  explicit StoredBan(const BanRecord& record)
      : id(number(record.ban.id)),
        since(record.ban.since.us),
        until(record.ban.until.us),
        failures(record.ban.failures),
        accounts(record.ban.accounts),
        unknown(record.ban.unknown),
        parts(record.ban.parts),
        times(record.ban.times),
        collateral(record.ban.collateral),
        hits(number(record.ban.hits)),
        hit(record.ban.last_hit.us),
        asn(record.ban.place.asn),
        hosting(record.ban.place.hosting ? 1 : 0),
        over(record.ended.is_set() ? 1 : 0),
        ended(record.ended.us),
        network(record.ban.network.to_string()),
        sort(sort_key(record.ban.network)),
        kind(to_string(record.ban.kind)),
        reach(to_string(record.ban.reach)),
        country(record.ban.place.country_text()),
        last_account(record.ban.last_account),
        by(record.ban.by),
        reason(record.ban.reason),
        ended_by(record.ended_by) {}

  void into_query(Query& query) {
    query.into(id).into(network).into(kind).into(reach).into(since).into(until).into(failures);
    query.into(accounts).into(unknown).into(parts).into(times).into(collateral).into(hits);
    query.into(hit).into(country).into(asn).into(hosting).into(last_account).into(by);
    query.into(reason).into(ended).into(ended_by);
  }
  [[nodiscard]] BanRecord value() const {
    BanRecord out;
    out.ban.id = static_cast<std::uint64_t>(id);
    const auto parsed = IpNetwork::parse(network);
    out.ban.network = word(parsed ? std::optional(*parsed) : std::nullopt, network);
    out.ban.kind = word(parse_ban_kind(kind), kind);
    out.ban.reach = word(parse_ban_reach(reach), reach);
    out.ban.since = Instant{since};
    out.ban.until = Instant{until};
    out.ban.failures = static_cast<std::uint32_t>(failures);
    out.ban.accounts = static_cast<std::uint32_t>(accounts);
    out.ban.unknown = static_cast<std::uint32_t>(unknown);
    out.ban.parts = static_cast<std::uint32_t>(parts);
    out.ban.times = static_cast<std::uint32_t>(times);
    out.ban.collateral = static_cast<std::uint32_t>(collateral);
    out.ban.hits = static_cast<std::uint64_t>(hits);
    out.ban.last_hit = Instant{hit};
    if (country.size() == 2) std::ranges::copy(country, out.ban.place.country);
    out.ban.place.asn = static_cast<std::uint32_t>(asn);
    out.ban.place.hosting = hosting != 0;
    out.ban.last_account = last_account;
    out.ban.by = by;
    out.ban.reason = reason;
    out.ended = Instant{ended};
    out.ended_by = ended_by;
    return out;
  }
};

// What a filter asks, bound to a query; lives as long as the query.
class BanCondition {
 public:
  explicit BanCondition(const BanFilter& filter)
      : filter_(filter), over_(filter.ended ? 1 : 0), search_(contains_pattern(filter.search)) {
    if (filter.kind) kind_ = to_string(*filter.kind);
    if (filter.reach) reach_ = to_string(*filter.reach);
  }
  std::string add_to(Query& query) const {
    std::string text = " WHERE is_over = :over";
    query.bind(over_);
    if (filter_.kind) {
      text += " AND kind = :kind";
      query.bind(kind_);
    }
    if (filter_.reach) {
      text += " AND reach = :reach";
      query.bind(reach_);
    }
    if (!filter_.country.empty()) {
      text += " AND country = :country";
      query.bind(filter_.country);
    }
    if (!filter_.search.empty()) {
      text +=
          " AND (network LIKE :s1 ESCAPE '!' OR last_account LIKE :s2 ESCAPE '!' OR "
          "set_by LIKE :s3 ESCAPE '!' OR reason LIKE :s4 ESCAPE '!')";
      query.bind(search_).bind(search_).bind(search_).bind(search_);
    }
    return text;
  }

 private:
  const BanFilter& filter_;
  Number over_;
  std::string kind_;
  std::string reach_;
  std::string search_;
};

const char* order_of(BanFilter::Sort sort) {
  switch (sort) {
    case BanFilter::Sort::since: return "since_us";
    case BanFilter::Sort::until: return "until_us";
    case BanFilter::Sort::hits: return "hits";
    case BanFilter::Sort::network: return "sort_key";
  }
  return "since_us";
}

}  // namespace

struct BanStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;

  Result<std::vector<BanRecord>> rows(const std::function<std::string(Query&)>& where) {
    return database.read("cannot read bans", [&](soci::session& sql) {
      std::vector<BanRecord> out;
      Query query(sql);
      StoredBan stored;
      stored.into_query(query);
      const std::string rest = where(query);
      query.run(std::string("SELECT ") + k_columns + " FROM ban" + rest);
      while (query.next()) out.push_back(stored.value());
      return out;
    });
  }
};

BanStore::BanStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BanStore::~BanStore() = default;

Result<std::unique_ptr<BanStore>> BanStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "ban", ban_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<BanStore>(new BanStore(std::move(*impl)));
}

Result<void> BanStore::put(std::span<const BanRecord> records) {
  if (records.empty()) return {};
  return impl_->database.write("cannot write bans", [&](soci::session& sql) -> Result<void> {
    StoredBan row;
    soci::statement remove = (sql.prepare << "DELETE FROM ban WHERE id = :id", soci::use(row.id));
    soci::statement insert =
        (sql.prepare << "INSERT INTO ban (id, network, sort_key, kind, reach, since_us, until_us, "
                        "failures, accounts, unknown_names, parts, times, collateral, hits, "
                        "hit_us, country, asn, hosting, last_account, set_by, reason, is_over, "
                        "ended_us, ended_by) VALUES (:id, :network, :sort_key, :kind, :reach, "
                        ":since, :until, :failures, :accounts, :unknown, :parts, :times, "
                        ":collateral, :hits, :hit, :country, :asn, :hosting, :last_account, "
                        ":set_by, :reason, :over, :ended, :ended_by)",
         soci::use(row.id), soci::use(row.network), soci::use(row.sort), soci::use(row.kind),
         soci::use(row.reach), soci::use(row.since), soci::use(row.until), soci::use(row.failures),
         soci::use(row.accounts), soci::use(row.unknown), soci::use(row.parts),
         soci::use(row.times), soci::use(row.collateral), soci::use(row.hits), soci::use(row.hit),
         soci::use(row.country), soci::use(row.asn), soci::use(row.hosting),
         soci::use(row.last_account), soci::use(row.by), soci::use(row.reason), soci::use(row.over),
         soci::use(row.ended), soci::use(row.ended_by));
    for (const BanRecord& record : records) {
      row = StoredBan(record);
      remove.execute(true);
      insert.execute(true);
    }
    return {};
  });
}

Result<std::uint64_t> BanStore::last_id() {
  return impl_->database.read("cannot read bans", [&](soci::session& sql) {
    Number id = 0;
    sql << "SELECT COALESCE(MAX(id), 0) FROM ban", soci::into(id);
    return static_cast<std::uint64_t>(id);
  });
}

Result<std::vector<Ban>> BanStore::in_force() {
  auto rows = impl_->rows([](Query&) { return std::string(" WHERE is_over = 0 ORDER BY id"); });
  if (!rows) return std::unexpected(rows.error());
  std::vector<Ban> out;
  out.reserve(rows->size());
  for (BanRecord& row : *rows) out.push_back(std::move(row.ban));
  return out;
}

Result<std::vector<Ban>> BanStore::ended_since(Instant since, std::size_t limit) {
  const Number bound = since.us;
  auto rows = impl_->rows([&](Query& query) {
    query.bind(bound);
    return fmt::format(" WHERE ended_us >= :since AND is_over = 1 ORDER BY ended_us DESC LIMIT {}",
                       limit);
  });
  if (!rows) return std::unexpected(rows.error());
  std::vector<Ban> out;
  for (BanRecord& row : *rows) out.push_back(std::move(row.ban));
  std::ranges::reverse(out);
  return out;
}

Result<std::vector<BanRecord>> BanStore::list(const BanFilter& filter) {
  const BanCondition condition(filter);
  return impl_->rows([&](Query& query) {
    const char* const direction = filter.descending ? "DESC" : "ASC";
    return condition.add_to(query) +
           fmt::format(" ORDER BY {} {}, id {} LIMIT {} OFFSET {}", order_of(filter.sort),
                       direction, direction, std::min(filter.limit, k_limit_max), filter.offset);
  });
}

Result<std::uint64_t> BanStore::count(const BanFilter& filter) {
  const BanCondition condition(filter);
  return impl_->database.read("cannot count bans", [&](soci::session& sql) {
    Query query(sql);
    Number count = 0;
    query.into(count);
    const std::string where = condition.add_to(query);
    query.run("SELECT COUNT(*) FROM ban" + where);
    (void)query.next();
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::optional<BanRecord>> BanStore::find(std::uint64_t id) {
  const Number bound = number(id);
  auto rows = impl_->rows([&](Query& query) {
    query.bind(bound);
    return std::string(" WHERE id = :id");
  });
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::optional<BanRecord>();
  return std::optional(std::move(rows->front()));
}

Result<std::optional<BanRecord>> BanStore::find(const IpNetwork& network) {
  const std::string bound = network.to_string();
  auto rows = impl_->rows([&](Query& query) {
    query.bind(bound);
    return std::string(" WHERE network = :network ORDER BY is_over, id DESC LIMIT 1");
  });
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::optional<BanRecord>();
  return std::optional(std::move(rows->front()));
}

Result<void> BanStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write("cannot remove old bans", [&](soci::session& sql) -> Result<void> {
    sql << "DELETE FROM ban WHERE is_over = 1 AND ended_us < :before", soci::use(bound);
    return {};
  });
}

}  // namespace sekimori::store
