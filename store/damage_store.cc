#include "store/damage_store.h"

#include <algorithm>
#include <array>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::DamageRecipient;

// MySQL's TEXT holds 65,535 bytes.
constexpr std::size_t k_part_max = 60'000;
constexpr std::size_t k_detail_max = 300;
constexpr std::array<std::string_view, 4> k_letter_states = {"waiting", "sending", "sent",
                                                             "failed"};

const Migrations& damage_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE damage_report (incident BIGINT NOT NULL PRIMARY KEY, "
          "made_us BIGINT NOT NULL, final BIGINT NOT NULL)",
          "CREATE TABLE damage_part (incident BIGINT NOT NULL, part BIGINT NOT NULL, "
          "body TEXT NOT NULL, PRIMARY KEY (incident, part))",
          "CREATE TABLE damage_recipient (incident BIGINT NOT NULL, place BIGINT NOT NULL, "
          "address VARCHAR(600) NOT NULL, first_us BIGINT NOT NULL, last_us BIGINT NOT NULL, "
          "messages BIGINT NOT NULL, fate VARCHAR(16) NOT NULL, PRIMARY KEY (incident, place))",
          "CREATE TABLE damage_letter_text (incident BIGINT NOT NULL PRIMARY KEY, "
          "subject TEXT NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL, "
          "written_by VARCHAR(320) NOT NULL, created_us BIGINT NOT NULL)",
          "CREATE TABLE damage_letter (incident BIGINT NOT NULL, address VARCHAR(600) NOT NULL, "
          "state VARCHAR(16) NOT NULL, tries BIGINT NOT NULL, due_us BIGINT NOT NULL, "
          "detail TEXT NOT NULL, PRIMARY KEY (incident, address))",
          "CREATE INDEX damage_letter_due ON damage_letter (state, due_us)",
      },
  };
  return migrations;
}

// At most k_part_max bytes, never within a character.
std::size_t part_end(std::string_view text, std::size_t from) {
  std::size_t end = std::min(text.size(), from + k_part_max);
  while (end < text.size() && end > from &&
         (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return end;
}

}  // namespace

std::string_view to_string(LetterState state) {
  return k_letter_states[static_cast<std::size_t>(state)];
}

struct DamageStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

DamageStore::DamageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DamageStore::~DamageStore() = default;

Result<std::unique_ptr<DamageStore>> DamageStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "damage", damage_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<DamageStore>(new DamageStore(std::move(*impl)));
}

Result<void> DamageStore::put(const KeptReport& report,
                              std::span<const DamageRecipient> recipients) {
  return impl_->database.write("cannot keep the report", [&](soci::session& sql) -> Result<void> {
    const Number incident = number(report.incident);
    const Number is_final = report.final ? 1 : 0;
    Number closed = 0;
    sql << "SELECT COUNT(*) FROM damage_report WHERE incident = :id AND final = 1",
        soci::into(closed), soci::use(incident);
    if (closed > 0) return {};
    sql << "DELETE FROM damage_report WHERE incident = :id", soci::use(incident);
    sql << "DELETE FROM damage_part WHERE incident = :id", soci::use(incident);
    sql << "DELETE FROM damage_recipient WHERE incident = :id", soci::use(incident);
    sql << "INSERT INTO damage_report (incident, made_us, final) VALUES (:id, :made, :final)",
        soci::use(incident), soci::use(report.made.us), soci::use(is_final);
    Number part = 0;
    for (std::size_t from = 0; from < report.json.size(); ++part) {
      const std::size_t end = part_end(report.json, from);
      const std::string body = report.json.substr(from, end - from);
      sql << "INSERT INTO damage_part (incident, part, body) VALUES (:id, :part, :body)",
          soci::use(incident), soci::use(part), soci::use(body);
      from = end;
    }
    Number place = 0, first = 0, last = 0, messages = 0;
    std::string address, fate;
    soci::statement insert =
        (sql.prepare << "INSERT INTO damage_recipient (incident, place, address, first_us, "
                        "last_us, messages, fate) VALUES (:id, :place, :address, :first, :last, "
                        ":messages, :fate)",
         soci::use(incident), soci::use(place), soci::use(address), soci::use(first),
         soci::use(last), soci::use(messages), soci::use(fate));
    for (const DamageRecipient& one : recipients) {
      address = one.address;
      first = one.first.us;
      last = one.last.us;
      messages = number(one.messages);
      fate = to_string(one.fate);
      insert.execute(true);
      ++place;
    }
    return {};
  });
}

Result<std::optional<KeptReport>> DamageStore::report(std::uint64_t id) {
  return impl_->database.read("cannot read the report", [&](soci::session& sql) {
    const Number incident = number(id);
    Number made = 0, is_final = 0;
    sql << "SELECT made_us, final FROM damage_report WHERE incident = :id", soci::into(made),
        soci::into(is_final), soci::use(incident);
    if (!sql.got_data()) return std::optional<KeptReport>();
    KeptReport out;
    out.incident = id;
    out.made = Instant{made};
    out.final = is_final != 0;
    std::string body;
    Query query(sql);
    query.into(body).bind(incident);
    query.run("SELECT body FROM damage_part WHERE incident = :id ORDER BY part");
    while (query.next()) out.json += body;
    return std::optional(std::move(out));
  });
}

Result<std::vector<DamageRecipient>> DamageStore::recipients(std::uint64_t id, std::size_t offset,
                                                             std::size_t limit) {
  return impl_->database.read("cannot read the recipients", [&](soci::session& sql) {
    std::vector<DamageRecipient> out;
    const Number incident = number(id);
    const Number from = number(offset);
    const Number until = number(offset + limit);
    DamageRecipient row;
    std::string fate;
    Number first = 0, last = 0, messages = 0;
    Query query(sql);
    query.into(row.address).into(first).into(last).into(messages).into(fate);
    query.bind(incident).bind(from).bind(until);
    query.run(
        "SELECT address, first_us, last_us, messages, fate FROM damage_recipient "
        "WHERE incident = :id AND place >= :from AND place < :until ORDER BY place");
    while (query.next()) {
      row.first = Instant{first};
      row.last = Instant{last};
      row.messages = static_cast<std::uint64_t>(messages);
      row.fate = word(decide::parse_recipient_fate(fate), fate);
      out.push_back(row);
    }
    return out;
  });
}

Result<std::uint64_t> DamageStore::count_delivered(std::uint64_t id) {
  return impl_->database.read("cannot count the recipients", [&](soci::session& sql) {
    const Number incident = number(id);
    Number n = 0;
    sql << "SELECT COUNT(*) FROM damage_recipient WHERE incident = :id AND fate = 'delivered'",
        soci::into(n), soci::use(incident);
    return static_cast<std::uint64_t>(n);
  });
}

Result<std::uint64_t> DamageStore::write_letters(std::uint64_t id, const LetterText& text) {
  std::uint64_t added = 0;
  auto done =
      impl_->database.write("cannot write the letters", [&](soci::session& sql) -> Result<void> {
        const Number incident = number(id);
        Number before = 0, after = 0;
        sql << "SELECT COUNT(*) FROM damage_letter WHERE incident = :id", soci::into(before),
            soci::use(incident);
        sql << "DELETE FROM damage_letter_text WHERE incident = :id", soci::use(incident);
        sql << "INSERT INTO damage_letter_text (incident, subject, body, reason, written_by, "
               "created_us) VALUES (:id, :subject, :body, :reason, :by, :created)",
            soci::use(incident), soci::use(text.subject), soci::use(text.body),
            soci::use(text.reason), soci::use(text.by), soci::use(text.created.us);
        sql << "INSERT INTO damage_letter (incident, address, state, tries, due_us, detail) "
               "SELECT DISTINCT r.incident, r.address, 'waiting', 0, 0, '' FROM damage_recipient r "
               "WHERE r.incident = :id AND r.fate = 'delivered' AND NOT EXISTS (SELECT 1 FROM "
               "damage_letter l WHERE l.incident = r.incident AND l.address = r.address)",
            soci::use(incident);
        sql << "SELECT COUNT(*) FROM damage_letter WHERE incident = :id", soci::into(after),
            soci::use(incident);
        added = static_cast<std::uint64_t>(after - before);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return added;
}

Result<std::optional<LetterText>> DamageStore::letter_text(std::uint64_t id) {
  return impl_->database.read("cannot read the letter", [&](soci::session& sql) {
    const Number incident = number(id);
    LetterText out;
    Number created = 0;
    sql << "SELECT subject, body, reason, written_by, created_us FROM damage_letter_text "
           "WHERE incident = :id",
        soci::into(out.subject), soci::into(out.body), soci::into(out.reason), soci::into(out.by),
        soci::into(created), soci::use(incident);
    if (!sql.got_data()) return std::optional<LetterText>();
    out.created = Instant{created};
    return std::optional(std::move(out));
  });
}

Result<std::optional<Letter>> DamageStore::take_letter(Instant now) {
  std::optional<Letter> taken;
  auto done =
      impl_->database.write("cannot take a letter", [&](soci::session& sql) -> Result<void> {
        taken.reset();
        Number incident = 0, tries = 0;
        std::string to;
        sql << "SELECT incident, address, tries FROM damage_letter WHERE state = 'waiting' "
               "AND due_us <= :now ORDER BY due_us, incident, address LIMIT 1",
            soci::into(incident), soci::into(to), soci::into(tries), soci::use(now.us);
        if (!sql.got_data()) return {};
        sql << "UPDATE damage_letter SET state = 'sending', tries = tries + 1 "
               "WHERE incident = :id AND address = :to",
            soci::use(incident), soci::use(to);
        taken =
            Letter{static_cast<std::uint64_t>(incident), to, static_cast<std::uint32_t>(tries + 1)};
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return taken;
}

Result<void> DamageStore::settle_letter(const Letter& letter, LetterState state, Instant again,
                                        std::string_view detail) {
  return impl_->database.write("cannot settle a letter", [&](soci::session& sql) -> Result<void> {
    const Number incident = number(letter.incident);
    const std::string word_of(to_string(state));
    const std::string text(detail.substr(0, k_detail_max));
    sql << "UPDATE damage_letter SET state = :state, due_us = :due, detail = :detail "
           "WHERE incident = :id AND address = :to",
        soci::use(word_of), soci::use(again.us), soci::use(text), soci::use(incident),
        soci::use(letter.to);
    return {};
  });
}

Result<LetterCounts> DamageStore::letter_counts(std::uint64_t id) {
  return impl_->database.read("cannot count the letters", [&](soci::session& sql) {
    LetterCounts out;
    const Number incident = number(id);
    std::string state;
    Number n = 0;
    Query query(sql);
    query.into(state).into(n).bind(incident);
    query.run("SELECT state, COUNT(*) FROM damage_letter WHERE incident = :id GROUP BY state");
    while (query.next()) {
      const auto count = static_cast<std::uint64_t>(n);
      if (state == "waiting") out.waiting = count;
      if (state == "sending") out.sending = count;
      if (state == "sent") out.sent = count;
      if (state == "failed") out.failed = count;
    }
    return out;
  });
}

Result<void> DamageStore::prune() {
  return impl_->database.write("cannot prune reports", [&](soci::session& sql) -> Result<void> {
    for (const auto* table : {"damage_report", "damage_part", "damage_recipient",
                              "damage_letter_text", "damage_letter"}) {
      sql << "DELETE FROM " + std::string(table) +
                 " WHERE incident NOT IN (SELECT id FROM incident)";
    }
    return {};
  });
}

}  // namespace sekimori::store
