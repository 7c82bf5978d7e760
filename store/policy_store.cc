#include "store/policy_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using soci::into;
using soci::use;

const Migrations& policy_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE policy_value (kind VARCHAR(16) NOT NULL, subject VARCHAR(320) NOT NULL, "
          "field VARCHAR(32) NOT NULL, value DOUBLE PRECISION NOT NULL, "
          "changed_us BIGINT NOT NULL, changed_by VARCHAR(320) NOT NULL, reason TEXT NOT NULL, "
          "PRIMARY KEY (kind, subject, field))",
          "CREATE TABLE notice_text (name VARCHAR(64) NOT NULL PRIMARY KEY, body TEXT NOT NULL, "
          "changed_us BIGINT NOT NULL, changed_by VARCHAR(320) NOT NULL)",
          "CREATE TABLE health_span (item VARCHAR(64) NOT NULL, since_us BIGINT NOT NULL, "
          "last_us BIGINT NOT NULL, level VARCHAR(16) NOT NULL, text_ja TEXT NOT NULL, "
          "text_en TEXT NOT NULL, PRIMARY KEY (item, since_us))",
          "CREATE INDEX health_last ON health_span (last_us)",
      },
  };
  return migrations;
}

}  // namespace

struct PolicyStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

PolicyStore::PolicyStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PolicyStore::~PolicyStore() = default;

Result<std::unique_ptr<PolicyStore>> PolicyStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "policy", policy_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<PolicyStore>(new PolicyStore(std::move(*impl)));
}

// ---------------------------------------------------------------- policy

Result<std::vector<PolicyRow>> PolicyStore::policy(const std::optional<decide::Subject>& subject) {
  const SubjectRow wanted = subject ? SubjectRow(*subject) : SubjectRow();
  return impl_->database.read("cannot read the policy", [&](soci::session& sql) {
    std::vector<PolicyRow> rows;
    Query query(sql);
    SubjectRow whose;
    std::string field;
    PolicyRow row;
    Number changed = 0;
    query.into(whose.kind).into(whose.id).into(field).into(row.value).into(changed).into(row.by);
    query.into(row.reason);
    if (subject) query.bind(wanted.kind).bind(wanted.id);
    query.run(fmt::format(
        "SELECT kind, subject, field, value, changed_us, changed_by, reason FROM policy_value{} "
        "ORDER BY kind, subject, field",
        subject ? " WHERE kind = :kind AND subject = :subject" : ""));
    while (query.next()) {
      const auto known = decide::parse_policy_field(field);
      if (!known) continue;  // of a later version
      row.subject = whose.value();
      row.field = *known;
      row.changed = Instant{changed};
      rows.push_back(row);
    }
    return rows;
  });
}

Result<void> PolicyStore::put_policy(const decide::Subject& subject,
                                     const decide::PolicyValues& values, Instant now,
                                     const std::string& by, const std::string& reason) {
  auto before = policy(subject);
  if (!before) return std::unexpected(before.error());
  const SubjectRow whose(subject);
  const Number changed = now.us;
  return impl_->database.write("cannot write the policy", [&](soci::session& sql) -> Result<void> {
    Number others = 0;
    sql << "SELECT COUNT(*) FROM (SELECT DISTINCT kind, subject FROM policy_value) AS whose",
        into(others);
    if (before->empty() && static_cast<std::size_t>(others) >= decide::k_policy_entries_max) {
      return bad_input("too many domains and accounts have values of their own already");
    }
    for (std::size_t i = 0; i < decide::k_policy_fields; ++i) {
      const auto field = static_cast<decide::PolicyField>(i);
      const auto stood = std::ranges::find(*before, field, &PolicyRow::field);
      const bool same = stood == before->end() ? !values[i] : values[i] == stood->value;
      if (same) continue;
      const std::string name(decide::info(field).name);
      sql << "DELETE FROM policy_value WHERE kind = :kind AND subject = :subject AND field = :field",
          use(whose.kind), use(whose.id), use(name);
      if (!values[i]) continue;
      const double value = *values[i];
      sql << "INSERT INTO policy_value (kind, subject, field, value, changed_us, changed_by, "
             "reason) VALUES (:kind, :subject, :field, :value, :changed, :changed_by, :reason)",
          use(whose.kind), use(whose.id), use(name), use(value), use(changed), use(by), use(reason);
    }
    return {};
  });
}

// ---------------------------------------------------------------- notices' texts

Result<std::vector<NoticeTextRow>> PolicyStore::notice_texts() {
  return impl_->database.read("cannot read the notices' texts", [&](soci::session& sql) {
    std::vector<NoticeTextRow> rows;
    Query query(sql);
    NoticeTextRow row;
    Number changed = 0;
    query.into(row.name).into(row.text).into(changed).into(row.by);
    query.run("SELECT name, body, changed_us, changed_by FROM notice_text ORDER BY name");
    while (query.next()) {
      row.changed = Instant{changed};
      rows.push_back(row);
    }
    return rows;
  });
}

Result<void> PolicyStore::put_notice_text(const NoticeTextRow& row) {
  const Number changed = row.changed.us;
  return impl_->database.write(
      "cannot write the notice's text", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM notice_text WHERE name = :name", use(row.name);
        sql << "INSERT INTO notice_text (name, body, changed_us, changed_by) "
               "VALUES (:name, :body, :changed, :changed_by)",
            use(row.name), use(row.text), use(changed), use(row.by);
        return {};
      });
}

Result<bool> PolicyStore::remove_notice_text(const std::string& name) {
  Number there = 0;
  auto done = impl_->database.write(
      "cannot remove the notice's text", [&](soci::session& sql) -> Result<void> {
        sql << "SELECT COUNT(*) FROM notice_text WHERE name = :name", into(there), use(name);
        sql << "DELETE FROM notice_text WHERE name = :name", use(name);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return there > 0;
}

// ---------------------------------------------------------------- health over time

Result<void> PolicyStore::note_health(const std::vector<HealthSpan>& now, Duration pause) {
  return impl_->database.write("cannot note the health", [&](soci::session& sql) -> Result<void> {
    for (const auto& span : now) {
      const Number last = span.last.us;
      const Number earliest = span.last.us - pause.us;
      Number since = 0;
      sql << "SELECT COALESCE(MAX(since_us), 0) FROM health_span WHERE item = :item", into(since),
          use(span.item);
      Number continued = 0;
      sql << "SELECT COUNT(*) FROM health_span WHERE item = :item AND since_us = :since AND "
             "level = :level AND last_us >= :earliest",
          into(continued), use(span.item), use(since), use(span.level), use(earliest);
      if (continued > 0) {
        sql << "UPDATE health_span SET last_us = :last, text_ja = :ja, text_en = :en WHERE "
               "item = :item AND since_us = :since",
            use(last), use(span.verdict.ja), use(span.verdict.en), use(span.item), use(since);
      } else if (since < last) {
        sql << "INSERT INTO health_span (item, since_us, last_us, level, text_ja, text_en) "
               "VALUES (:item, :since, :last, :level, :ja, :en)",
            use(span.item), use(last), use(last), use(span.level), use(span.verdict.ja),
            use(span.verdict.en);
      }
    }
    return {};
  });
}

Result<std::vector<HealthSpan>> PolicyStore::health(Instant since, std::size_t limit) {
  const Number bound = since.us;
  return impl_->database.read("cannot read the health of the past", [&](soci::session& sql) {
    std::vector<HealthSpan> rows;
    Query query(sql);
    HealthSpan row;
    Number from = 0;
    Number last = 0;
    query.into(row.item).into(row.level).into(from).into(last).into(row.verdict.ja);
    query.into(row.verdict.en).bind(bound);
    query.run(
        fmt::format("SELECT item, level, since_us, last_us, text_ja, text_en FROM health_span "
                    "WHERE last_us >= :since ORDER BY since_us DESC LIMIT {}",
                    limit));
    while (query.next()) {
      row.since = Instant{from};
      row.last = Instant{last};
      rows.push_back(row);
    }
    std::ranges::sort(rows, [](const HealthSpan& a, const HealthSpan& b) {
      return a.item != b.item ? a.item < b.item : a.since < b.since;
    });
    return rows;
  });
}

Result<void> PolicyStore::prune_health(Instant before) {
  const Number bound = before.us;
  return impl_->database.write(
      "cannot prune the health of the past", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM health_span WHERE last_us < :before", use(bound);
        return {};
      });
}

}  // namespace sekimori::store
