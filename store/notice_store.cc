#include "store/notice_store.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "store/database.h"
#include "store/own_migrations.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::NoticeFilter;
using decide::NoticeRow;
using decide::NoticeState;

constexpr std::size_t k_limit_max = 1000;
constexpr std::size_t k_detail_max = 500;
constexpr std::size_t k_key_max = 760;  // 3,072 bytes of four a character are MySQL's longest index
// Only the last hour and a little is ever asked for.
constexpr Duration k_sendings_kept = hours(24);

std::vector<NoticeRow> read_rows(soci::session& sql, const std::string& rest,
                                 const std::vector<std::string>& texts,
                                 const std::vector<Number>& numbers) {
  std::vector<NoticeRow> out;
  Query query(sql);
  NoticeRow row;
  SubjectRow subject;
  Number id = 0, incident = 0, tries = 0, created = 0, changed = 0, due = 0;
  std::string channel, audience, state;
  query.into(id).into(row.key).into(row.kind).into(subject.kind).into(subject.id).into(incident);
  query.into(channel).into(audience).into(row.to).into(row.summary.ja).into(row.summary.en);
  query.into(state).into(tries).into(created).into(changed).into(due).into(row.detail);
  for (const std::string& text : texts) query.bind(text);
  for (const Number& n : numbers) query.bind(n);
  query.run(
      "SELECT id, notice_key, told, kind, subject, incident, channel, audience, recipient, "
      "summary_ja, summary_en, state, tries, created_us, changed_us, due_us, detail FROM notice" +
      rest);
  while (query.next()) {
    row.id = static_cast<std::uint64_t>(id);
    row.subject = subject.value();
    row.incident = static_cast<std::uint64_t>(incident);
    row.channel = word(decide::parse_notice_channel(channel), channel);
    row.audience = word(decide::parse_notice_audience(audience), audience);
    row.state = word(decide::parse_notice_state(state), state);
    row.tries = static_cast<std::uint32_t>(tries);
    row.created = Instant{created};
    row.changed = Instant{changed};
    row.due = Instant{due};
    out.push_back(row);
  }
  return out;
}

std::string where(const NoticeFilter& filter, std::vector<std::string>& texts) {
  std::string text = " WHERE 1 = 1";
  if (filter.state) {
    text += " AND state = :state";
    texts.emplace_back(to_string(*filter.state));
  }
  if (filter.subject) {
    text += " AND kind = :kind AND subject = :subject";
    texts.emplace_back(to_string(filter.subject->kind));
    texts.push_back(filter.subject->id);
  }
  if (filter.channel) {
    text += " AND channel = :channel";
    texts.emplace_back(to_string(*filter.channel));
  }
  return text;
}

// What identifies a notice or a series: longer than MySQL has room for in an index, its digest.
std::string kept_key(const std::string& text) {
  if (text.size() <= k_key_max) return text;
  std::array<unsigned char, crypto_generichash_BYTES> digest{};
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  std::array<char, 2 * crypto_generichash_BYTES + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  return hex.data();
}

std::string series_of(const NoticeRow& row) {
  return kept_key(fmt::format("{}|{}|{}|{}|{}|{}", row.incident, to_string(row.subject.kind),
                              row.subject.id, to_string(row.channel), to_string(row.audience),
                              row.to));
}

Number scalar(soci::session& sql, const std::string& text, const std::vector<std::string>& texts) {
  Number value = 0;
  Query query(sql);
  query.into(value);
  for (const std::string& t : texts) query.bind(t);
  query.run(text);
  return query.next() ? value : 0;
}

void insert(soci::session& sql, const NoticeRow& row, const std::string& key,
            const std::string& series) {
  const SubjectRow subject(row.subject);
  const Number id = scalar(sql, "SELECT COALESCE(MAX(id), 0) + 1 FROM notice", {});
  const Number incident = number(row.incident);
  const Number tries = row.tries;
  const std::string channel(to_string(row.channel));
  const std::string audience(to_string(row.audience));
  const std::string state(to_string(row.state));
  sql << "INSERT INTO notice (id, notice_key, series, told, kind, subject, incident, channel, "
         "audience, recipient, summary_ja, summary_en, state, tries, created_us, changed_us, "
         "due_us, detail) VALUES (:id, :key, :series, :told, :kind, :subject, :incident, :channel, "
         ":audience, :recipient, :ja, :en, :state, :tries, :created, :changed, :due, :detail)",
      soci::use(id), soci::use(key), soci::use(series), soci::use(row.kind),
      soci::use(subject.kind), soci::use(subject.id), soci::use(incident), soci::use(channel),
      soci::use(audience), soci::use(row.to), soci::use(row.summary.ja), soci::use(row.summary.en),
      soci::use(state), soci::use(tries), soci::use(row.created.us), soci::use(row.changed.us),
      soci::use(row.due.us), soci::use(row.detail);
}

void store_state(soci::session& sql, const NoticeRow& row) {
  const Number id = number(row.id);
  const Number tries = row.tries;
  const std::string state(to_string(row.state));
  const std::string detail = row.detail.substr(0, k_detail_max);
  // What a person acknowledged while it was being sent stays acknowledged.
  sql << "UPDATE notice SET state = :state, tries = :tries, changed_us = :changed, due_us = :due, "
         "detail = :detail WHERE id = :id AND state <> 'acknowledged'",
      soci::use(state), soci::use(tries), soci::use(row.changed.us), soci::use(row.due.us),
      soci::use(detail), soci::use(id);
}

}  // namespace

const Migrations& notice_migrations() {
  static const Migrations migrations{
      {
          // series: to whom about what, for the rule "again only on change"; '' for the others
          "CREATE TABLE notice (id BIGINT NOT NULL PRIMARY KEY, "
          "notice_key VARCHAR(760) NOT NULL UNIQUE, series VARCHAR(760) NOT NULL, "
          "told VARCHAR(64) NOT NULL, kind VARCHAR(16) NOT NULL, subject VARCHAR(320) NOT NULL, "
          "incident BIGINT NOT NULL, channel VARCHAR(16) NOT NULL, audience VARCHAR(16) NOT NULL, "
          "recipient VARCHAR(400) NOT NULL, summary_ja TEXT NOT NULL, summary_en TEXT NOT NULL, "
          "state VARCHAR(16) NOT NULL, tries BIGINT NOT NULL, created_us BIGINT NOT NULL, "
          "changed_us BIGINT NOT NULL, due_us BIGINT NOT NULL, detail TEXT NOT NULL)",
          "CREATE INDEX notice_due ON notice (state, due_us)",
          "CREATE INDEX notice_of ON notice (kind, subject, id)",
          "CREATE INDEX notice_series ON notice (series, id)",
          "CREATE TABLE notice_sending (recipient VARCHAR(400) NOT NULL, sent_us BIGINT NOT NULL)",
          "CREATE INDEX notice_sending_to ON notice_sending (recipient, sent_us)",
          "CREATE TABLE waiting_mail (account VARCHAR(320) NOT NULL, sender BIGINT NOT NULL, "
          "first_us BIGINT NOT NULL, last_us BIGINT NOT NULL, PRIMARY KEY (account, sender))",
      },
      // 2: waiting mail has a store of its own (store/waiting_store).
      {"DROP TABLE waiting_mail"},
  };
  return migrations;
}

struct NoticeStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

NoticeStore::NoticeStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NoticeStore::~NoticeStore() = default;

Result<std::unique_ptr<NoticeStore>> NoticeStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "notices", notice_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<NoticeStore>(new NoticeStore(std::move(*impl)));
}

Result<std::size_t> NoticeStore::put(std::span<const NoticeRow> rows, decide::Repeat repeat) {
  std::size_t added = 0;
  auto done =
      impl_->database.write("cannot write notices", [&](soci::session& sql) -> Result<void> {
        added = 0;
        const Number waiting =
            scalar(sql, "SELECT COUNT(*) FROM notice WHERE state = 'waiting'", {});
        if (static_cast<std::uint64_t>(waiting) >= k_notices_waiting_max) {
          return operating_failure(fmt::format("{} notices wait already", waiting));
        }
        for (const NoticeRow& row : rows) {
          std::string key = row.key;
          std::string series;
          if (repeat == decide::Repeat::on_change) {
            series = series_of(row);
            std::string last;
            sql << "SELECT told FROM notice WHERE series = :series ORDER BY id DESC LIMIT 1",
                soci::into(last), soci::use(series);
            if (sql.got_data() && last == row.kind) continue;
            key +=
                fmt::format("#{}", 1 + scalar(sql,
                                              "SELECT COUNT(*) FROM notice WHERE series = :series "
                                              "AND told = :told",
                                              {series, row.kind}));
          }
          key = kept_key(key);
          if (scalar(sql, "SELECT COUNT(*) FROM notice WHERE notice_key = :key", {key}) > 0) {
            continue;
          }
          insert(sql, row, key, series);
          ++added;
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return added;
}

Result<std::vector<NoticeRow>> NoticeStore::due(Instant now, std::size_t max) {
  const std::vector<Number> bound{now.us};
  return impl_->database.read("cannot read notices", [&](soci::session& sql) {
    return read_rows(sql,
                     fmt::format(" WHERE state = 'waiting' AND due_us <= :now ORDER BY id LIMIT {}",
                                 std::min(max, k_limit_max)),
                     {}, bound);
  });
}

Result<std::vector<NoticeRow>> NoticeStore::waiting_for(decide::NoticeChannel channel,
                                                        const std::string& to, std::size_t max) {
  const std::vector<std::string> bound{std::string(to_string(channel)), to};
  return impl_->database.read("cannot read notices", [&](soci::session& sql) {
    return read_rows(sql,
                     fmt::format(" WHERE state = 'waiting' AND channel = :channel "
                                 "AND recipient = :recipient ORDER BY id LIMIT {}",
                                 std::min(max, k_limit_max)),
                     bound, {});
  });
}

Result<std::optional<Instant>> NoticeStore::next_due() {
  return impl_->database.read("cannot read notices", [&](soci::session& sql) {
    const Number least =
        scalar(sql, "SELECT COALESCE(MIN(due_us), -1) FROM notice WHERE state = 'waiting'", {});
    return least < 0 ? std::optional<Instant>() : std::optional(Instant{least});
  });
}

Result<void> NoticeStore::update(std::span<const NoticeRow> rows) {
  return impl_->database.write("cannot write notices", [&](soci::session& sql) -> Result<void> {
    for (const NoticeRow& row : rows) store_state(sql, row);
    return {};
  });
}

Result<void> NoticeStore::sent(std::span<const NoticeRow> rows, const std::string& to,
                               Instant now) {
  return impl_->database.write("cannot write notices", [&](soci::session& sql) -> Result<void> {
    for (const NoticeRow& row : rows) store_state(sql, row);
    sql << "INSERT INTO notice_sending (recipient, sent_us) VALUES (:recipient, :sent)",
        soci::use(to), soci::use(now.us);
    return {};
  });
}

Result<decide::Sendings> NoticeStore::sendings(const std::string& to, Instant since) {
  return impl_->database.read("cannot read notices", [&](soci::session& sql) {
    Number count = 0, last = 0;
    sql << "SELECT COUNT(*), COALESCE(MAX(sent_us), 0) FROM notice_sending "
           "WHERE recipient = :recipient AND sent_us > :since",
        soci::into(count), soci::into(last), soci::use(to), soci::use(since.us);
    return decide::Sendings{static_cast<std::size_t>(count), Instant{last}};
  });
}

Result<std::vector<NoticeRow>> NoticeStore::rows(const NoticeFilter& filter) {
  return impl_->database.read("cannot read notices", [&](soci::session& sql) {
    std::vector<std::string> texts;
    const std::string rest =
        where(filter, texts) + fmt::format(" ORDER BY id DESC LIMIT {} OFFSET {}",
                                           std::min(filter.limit, k_limit_max), filter.offset);
    return read_rows(sql, rest, texts, {});
  });
}

Result<std::uint64_t> NoticeStore::count(const NoticeFilter& filter) {
  return impl_->database.read("cannot count notices", [&](soci::session& sql) {
    std::vector<std::string> texts;
    const std::string rest = where(filter, texts);
    return static_cast<std::uint64_t>(scalar(sql, "SELECT COUNT(*) FROM notice" + rest, texts));
  });
}

Result<decide::NoticeCounts> NoticeStore::counts() {
  return impl_->database.read("cannot count notices", [&](soci::session& sql) {
    decide::NoticeCounts counts;
    Number n = 0, oldest = 0;
    sql << "SELECT COUNT(*), COALESCE(MIN(created_us), 0) FROM notice WHERE state = 'waiting'",
        soci::into(n), soci::into(oldest);
    counts.waiting = static_cast<std::uint64_t>(n);
    counts.oldest_waiting = Instant{oldest};
    counts.failed = static_cast<std::uint64_t>(
        scalar(sql, "SELECT COUNT(*) FROM notice WHERE state = 'failed'", {}));
    counts.calls = static_cast<std::uint64_t>(
        scalar(sql, "SELECT COUNT(*) FROM notice WHERE state = 'sent' AND channel = 'call'", {}));
    return counts;
  });
}

Result<NoticeRow> NoticeStore::row(std::uint64_t id) {
  return impl_->database.read("cannot read the notice", [&](soci::session& sql) {
    auto found = read_rows(sql, " WHERE id = :id", {}, {number(id)});
    if (found.empty())
      return Result<NoticeRow>(not_found(fmt::format("there is no notice {}", id)));
    return Result<NoticeRow>(std::move(found.front()));
  });
}

Result<NoticeRow> NoticeStore::acknowledge(std::uint64_t id, const std::string& who, Instant now) {
  auto found = row(id);
  if (!found || found->state == NoticeState::acknowledged) return found;
  found->state = NoticeState::acknowledged;
  found->detail = who;
  found->changed = now;
  const std::array one{*found};
  if (auto done = update(one); !done) return std::unexpected(done.error());
  return found;
}

Result<void> NoticeStore::prune(Instant before, Instant now) {
  return impl_->database.write("cannot prune notices", [&](soci::session& sql) -> Result<void> {
    const Number sendings = (now - k_sendings_kept).us;
    sql << "DELETE FROM notice WHERE state <> 'waiting' AND changed_us < :before",
        soci::use(before.us);
    sql << "DELETE FROM notice_sending WHERE sent_us < :before", soci::use(sendings);
    return {};
  });
}

}  // namespace sekimori::store
