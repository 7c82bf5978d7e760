#include "store/forgotten_store.h"

#include <algorithm>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::ForgottenDevice;
using decide::ForgottenSetting;

const Migrations& forgotten_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE forgotten_setting (account VARCHAR(320) NOT NULL, "
          "device VARCHAR(64) NOT NULL, service VARCHAR(16) NOT NULL, ip VARCHAR(64) NOT NULL, "
          "country VARCHAR(2) NOT NULL, asn BIGINT NOT NULL, known BIGINT NOT NULL, "
          "repeats BIGINT NOT NULL, pwhash BIGINT NOT NULL, first_us BIGINT NOT NULL, "
          "last_us BIGINT NOT NULL, told_us BIGINT NOT NULL, PRIMARY KEY (account, device))",
          "CREATE INDEX forgotten_setting_last ON forgotten_setting (last_us)",
      },
  };
  return migrations;
}

constexpr const char* k_select =
    "SELECT account, service, ip, country, asn, known, repeats, pwhash, first_us, last_us, told_us "
    "FROM forgotten_setting WHERE account = :account";

// A row, filled by SOCI or bound to it.
struct Row {
  std::string account, device, service, ip, country;
  Number asn = 0, known = 0, repeats = 0, pwhash = 0, first = 0, last = 0, told = 0;

  Row() = default;
  explicit Row(const ForgottenDevice& d)
      : account(d.setting.account),
        device(device_of(d.setting)),
        service(to_string(d.setting.service)),
        ip(d.setting.ip.to_string()),
        country(d.setting.place.country_text()),
        asn(d.setting.place.asn),
        known(d.setting.known ? 1 : 0),
        repeats(d.setting.repeats),
        pwhash(d.setting.pwhash),
        first(d.first.us),
        last(d.last.us),
        told(d.told.us) {}
  void into_query(Query& query) {
    query.into(account).into(service).into(ip).into(country).into(asn).into(known).into(repeats);
    query.into(pwhash).into(first).into(last).into(told);
  }
  [[nodiscard]] ForgottenDevice value() const {
    ForgottenDevice out;
    out.setting.account = account;
    out.setting.service = parse_service(service);
    const auto parsed = IpAddress::parse(ip);
    out.setting.ip = word(parsed ? std::optional(*parsed) : std::nullopt, ip);
    if (country.size() == 2) std::ranges::copy(country, out.setting.place.country);
    out.setting.place.asn = static_cast<std::uint32_t>(asn);
    out.setting.known = known != 0;
    out.setting.repeats = static_cast<std::uint32_t>(repeats);
    out.setting.pwhash = static_cast<std::uint16_t>(pwhash);
    out.first = Instant{first};
    out.last = Instant{last};
    out.told = Instant{told};
    return out;
  }
};

}  // namespace

struct ForgottenStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;

  Result<std::vector<ForgottenDevice>> rows(std::string account, std::optional<std::string> device,
                                            const char* rest) {
    return database.read("cannot read forgotten settings", [&](soci::session& sql) {
      std::vector<ForgottenDevice> out;
      Query query(sql);
      Row row;
      row.into_query(query);
      query.bind(account);
      if (device) query.bind(*device);
      query.run(std::string(k_select) + rest);
      while (query.next()) out.push_back(row.value());
      return out;
    });
  }
};

ForgottenStore::ForgottenStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ForgottenStore::~ForgottenStore() = default;

Result<std::unique_ptr<ForgottenStore>> ForgottenStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "forgotten", forgotten_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<ForgottenStore>(new ForgottenStore(std::move(*impl)));
}

Result<void> ForgottenStore::put(const ForgottenDevice& device) {
  const Row row(device);
  return impl_->database.write(
      "cannot write forgotten settings", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM forgotten_setting WHERE account = :account AND device = :device",
            soci::use(row.account), soci::use(row.device);
        sql << "INSERT INTO forgotten_setting (account, device, service, ip, country, asn, known, "
               "repeats, pwhash, first_us, last_us, told_us) VALUES (:account, :device, :service, "
               ":ip, :country, :asn, :known, :repeats, :pwhash, :first, :last, :told)",
            soci::use(row.account), soci::use(row.device), soci::use(row.service),
            soci::use(row.ip), soci::use(row.country), soci::use(row.asn), soci::use(row.known),
            soci::use(row.repeats), soci::use(row.pwhash), soci::use(row.first),
            soci::use(row.last), soci::use(row.told);
        return {};
      });
}

Result<std::vector<ForgottenDevice>> ForgottenStore::of(std::string_view account) {
  return impl_->rows(std::string(account), std::nullopt, " ORDER BY last_us DESC LIMIT 20");
}

Result<std::optional<ForgottenDevice>> ForgottenStore::find(const ForgottenSetting& setting) {
  auto rows = impl_->rows(setting.account, device_of(setting), " AND device = :device");
  if (!rows) return std::unexpected(rows.error());
  if (rows->empty()) return std::optional<ForgottenDevice>();
  return std::optional(std::move(rows->front()));
}

Result<void> ForgottenStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write(
      "cannot remove old forgotten settings", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM forgotten_setting WHERE last_us < :before", soci::use(bound);
        return {};
      });
}

}  // namespace sekimori::store
