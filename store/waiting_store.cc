#include "store/waiting_store.h"

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::WaitingMessage;

const Migrations& waiting_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE waiting_message (id BIGINT NOT NULL PRIMARY KEY, "
          "account VARCHAR(320) NOT NULL, place VARCHAR(16) NOT NULL, sender VARCHAR(600) NOT NULL, "
          "client VARCHAR(255) NOT NULL, address VARCHAR(64) NOT NULL, "
          "queue_id VARCHAR(64) NOT NULL, bytes BIGINT NOT NULL, first_us BIGINT NOT NULL, "
          "last_us BIGINT NOT NULL, tries BIGINT NOT NULL, estimated BIGINT NOT NULL, "
          "state VARCHAR(16) NOT NULL, ended_us BIGINT NOT NULL)",
      },
  };
  return migrations;
}

}  // namespace

struct WaitingStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

WaitingStore::WaitingStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WaitingStore::~WaitingStore() = default;

Result<std::unique_ptr<WaitingStore>> WaitingStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "waiting", waiting_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<WaitingStore>(new WaitingStore(std::move(*impl)));
}

Result<std::vector<WaitingMessage>> WaitingStore::all() {
  return impl_->database.read("cannot read waiting mail", [&](soci::session& sql) {
    std::vector<WaitingMessage> out;
    Query query(sql);
    WaitingMessage row;
    std::string place, state;
    Number id = 0, size = 0, first = 0, last = 0, tries = 0, estimated = 0, ended = 0;
    query.into(id).into(row.account).into(place).into(row.sender).into(row.client);
    query.into(row.address).into(row.queue_id).into(size).into(first).into(last).into(tries);
    query.into(estimated).into(state).into(ended);
    query.run(
        "SELECT id, account, place, sender, client, address, queue_id, bytes, first_us, last_us, "
        "tries, estimated, state, ended_us FROM waiting_message ORDER BY id");
    while (query.next()) {
      row.id = static_cast<std::uint64_t>(id);
      row.place = word(decide::parse_waiting_place(place), place);
      row.size = static_cast<std::uint64_t>(size);
      row.first = Instant{first};
      row.last = Instant{last};
      row.tries = static_cast<std::uint32_t>(tries);
      row.estimated = estimated != 0;
      row.state = word(decide::parse_waiting_state(state), state);
      row.ended = Instant{ended};
      out.push_back(row);
    }
    return out;
  });
}

Result<void> WaitingStore::keep(const decide::WaitingBook::Changes& changes) {
  if (changes.empty()) return {};
  return impl_->database.write("cannot keep waiting mail", [&](soci::session& sql) -> Result<void> {
    for (const std::uint64_t forgotten : changes.forgotten) {
      const Number id = number(forgotten);
      sql << "DELETE FROM waiting_message WHERE id = :id", soci::use(id);
    }
    for (const WaitingMessage& m : changes.written) {
      const Number id = number(m.id);
      const Number size = number(m.size);
      const Number tries = m.tries;
      const Number estimated = m.estimated ? 1 : 0;
      const std::string place(to_string(m.place));
      const std::string state(to_string(m.state));
      sql << "DELETE FROM waiting_message WHERE id = :id", soci::use(id);
      sql << "INSERT INTO waiting_message (id, account, place, sender, client, address, queue_id, "
             "bytes, first_us, last_us, tries, estimated, state, ended_us) VALUES (:id, :account, "
             ":place, :sender, :client, :address, :queue, :bytes, :first, :last, :tries, "
             ":estimated, :state, :ended)",
          soci::use(id), soci::use(m.account), soci::use(place), soci::use(m.sender),
          soci::use(m.client), soci::use(m.address), soci::use(m.queue_id), soci::use(size),
          soci::use(m.first.us), soci::use(m.last.us), soci::use(tries), soci::use(estimated),
          soci::use(state), soci::use(m.ended.us);
    }
    return {};
  });
}

}  // namespace sekimori::store
