#include "store/rule_store.h"

#include <fmt/format.h>

#include "base/mail_address.h"
#include "store/database.h"
#include "store/desk_schema.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::AddressRule;
using decide::RuleFilter;
using decide::RulePage;
using decide::RuleTarget;
using soci::into;
using soci::use;

constexpr const char* k_columns =
    "id, target, scope, subject, uses, action, reason, created_us, expires_us, set_by, hits, "
    "last_hit_us";

struct RuleRow {
  Number id = 0, created = 0, expires = 0, hits = 0, last_hit = 0;
  std::string target, scope, uses, action;
  AddressRule rest;

  RuleRow() = default;
  explicit RuleRow(const AddressRule& rule)
      : id(number(rule.id)),
        created(rule.created.us),
        expires(rule.expires.us),
        hits(number(rule.hits)),
        last_hit(rule.last_hit.us),
        target(rule.target.to_string()),
        scope(to_string(rule.scope.kind)),
        uses(to_string(rule.use)),
        action(to_string(rule.action)),
        rest(rule) {}

  void into_query(Query& query) {
    query.into(id).into(target).into(scope).into(rest.scope.id).into(uses).into(action);
    query.into(rest.reason).into(created).into(expires).into(rest.by).into(hits).into(last_hit);
  }
  [[nodiscard]] AddressRule value() const {
    AddressRule rule = rest;
    rule.id = static_cast<std::uint64_t>(id);
    rule.created = Instant{created};
    rule.expires = Instant{expires};
    rule.hits = static_cast<std::uint64_t>(hits);
    rule.last_hit = Instant{last_hit};
    auto read = RuleTarget::parse(target);
    rule.target = word(read ? std::optional(*read) : std::nullopt, target);
    rule.scope.kind = word(decide::parse_subject_kind(scope), scope);
    rule.use = word(decide::parse_rule_use(uses), uses);
    rule.action = word(decide::parse_rule_action(action), action);
    return rule;
  }
};

std::vector<AddressRule> read_rules(Query& query, RuleRow& row, const std::string& text) {
  std::vector<AddressRule> out;
  query.run(text);
  while (query.next()) out.push_back(row.value());
  return out;
}

// What a filter means as SQL; its texts live as long as the query that they are bound to.
class Condition {
 public:
  Condition(const RuleFilter& filter, Instant now)
      : now_(now.us),
        action_(filter.action ? to_string(*filter.action) : std::string_view()),
        use_(filter.use ? to_string(*filter.use) : std::string_view()),
        kind_(filter.kind ? to_string(*filter.kind) : std::string_view()),
        scope_(filter.scope ? to_string(*filter.scope) : std::string_view()),
        subject_(filter.subject.value_or(decide::Subject{})),
        within_(filter.within),
        pattern_(within_pattern(filter.within)),
        target_(filter.target) {
    search_ = contains_pattern(ascii_lower(filter.search));
  }
  void bind(Query& query) const {
    query.bind(now_);
    if (!action_.empty()) query.bind(action_);
    if (!use_.empty() && use_ != "both") query.bind(use_);
    if (!kind_.empty()) query.bind(kind_);
    if (!scope_.empty()) query.bind(scope_);
    if (!subject_.id.empty()) query.bind(subject_.kind).bind(subject_.id);
    if (!within_.empty()) query.bind(within_).bind(pattern_);
    if (!target_.empty()) query.bind(target_);
    if (search_ != "%%") query.bind(search_).bind(search_).bind(search_).bind(search_);
  }
  [[nodiscard]] std::string text() const {
    std::string out = " WHERE (expires_us = 0 OR expires_us > :now)";
    if (!action_.empty()) out += " AND action = :action";
    if (use_ == "both") out += " AND uses = 'both'";
    if (!use_.empty() && use_ != "both") out += " AND (uses = :uses OR uses = 'both')";
    if (!kind_.empty()) out += " AND target_kind = :kind";
    if (!scope_.empty()) out += " AND scope = :scope";
    if (!subject_.id.empty()) out += " AND scope = :of_kind AND subject = :subject";
    if (!within_.empty()) {
      out +=
          " AND (scope = 'domain' AND subject = :within OR "
          "scope = 'account' AND subject LIKE :pattern ESCAPE '!')";
    }
    if (!target_.empty()) out += " AND target = :target";
    if (search_ != "%%") {
      out +=
          " AND (LOWER(target) LIKE :s1 ESCAPE '!' OR LOWER(reason) LIKE :s2 ESCAPE '!' OR "
          "LOWER(set_by) LIKE :s3 ESCAPE '!' OR LOWER(subject) LIKE :s4 ESCAPE '!')";
    }
    return out;
  }

 private:
  Number now_;
  std::string action_, use_, kind_, scope_;
  SubjectRow subject_;
  std::string within_, pattern_, target_, search_;
};

std::string order_of(const RuleFilter& filter) {
  const char* way = filter.descending ? " DESC" : "";
  switch (filter.sort) {
    case RuleFilter::Sort::target: break;
    case RuleFilter::Sort::created: return fmt::format(" ORDER BY created_us{}, id{}", way, way);
    case RuleFilter::Sort::expires:
      // What never ends is the last to expire.
      return fmt::format(
          " ORDER BY CASE WHEN expires_us = 0 THEN 1 ELSE 0 END{}, expires_us{}, id{}", way, way,
          way);
    case RuleFilter::Sort::hits: return fmt::format(" ORDER BY hits{}, id{}", way, way);
  }
  return fmt::format(" ORDER BY place{}, id{}", way, way);
}

void write_rule(soci::session& sql, const AddressRule& rule) {
  const RuleRow row(rule);
  const std::string kind(to_string(rule.target.kind()));
  const std::string place = rule.target.sort_key();
  sql << "INSERT INTO address_rule (id, target, target_kind, place, scope, subject, uses, action, "
         "reason, created_us, expires_us, set_by, hits, last_hit_us) VALUES (:id, :target, :kind, "
         ":place, :scope, :subject, :uses, :action, :reason, :created, :expires, :set_by, 0, 0)",
      use(row.id), use(row.target), use(kind), use(place), use(row.scope), use(rule.scope.id),
      use(row.uses), use(row.action), use(rule.reason), use(row.created), use(row.expires),
      use(rule.by);
}

}  // namespace

struct RuleStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

RuleStore::RuleStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RuleStore::~RuleStore() = default;

Result<std::unique_ptr<RuleStore>> RuleStore::open(const StateStoreSettings& settings) {
  auto opened = open_own<Impl>(settings, "desk", desk_migrations());
  if (!opened) return std::unexpected(opened.error());
  auto impl = std::move(*opened);
  // Rows of an earlier version sort by their text: they get their place.
  auto placed = impl->database.write("cannot update the rules", [](soci::session& sql) {
    std::vector<AddressRule> old;
    {
      Query query(sql);
      RuleRow row;
      row.into_query(query);
      old = read_rules(query, row,
                       fmt::format("SELECT {} FROM address_rule WHERE place = target", k_columns));
    }
    for (const AddressRule& rule : old) {
      const Number id = number(rule.id);
      const std::string place = rule.target.sort_key();
      sql << "UPDATE address_rule SET place = :place WHERE id = :id", use(place), use(id);
    }
    return Result<void>{};
  });
  if (!placed) return std::unexpected(placed.error());
  return std::unique_ptr<RuleStore>(new RuleStore(std::move(impl)));
}

Result<std::vector<AddressRule>> RuleStore::all(Instant now) {
  const Number bound = now.us;
  return impl_->database.read("cannot read the rules", [&](soci::session& sql) {
    Query query(sql);
    RuleRow row;
    row.into_query(query);
    query.bind(bound);
    return read_rules(query, row,
                      fmt::format("SELECT {} FROM address_rule "
                                  "WHERE expires_us = 0 OR expires_us > :now",
                                  k_columns));
  });
}

Result<RulePage> RuleStore::page(const RuleFilter& filter, Instant now) {
  const Condition condition(filter, now);
  return impl_->database.read("cannot read the rules", [&](soci::session& sql) {
    RulePage page;
    {
      Query query(sql);
      Number total = 0;
      query.into(total);
      condition.bind(query);
      query.run("SELECT COUNT(*) FROM address_rule" + condition.text());
      (void)query.next();
      page.total = static_cast<std::uint64_t>(total);
    }
    Query query(sql);
    RuleRow row;
    row.into_query(query);
    condition.bind(query);
    page.items =
        read_rules(query, row,
                   fmt::format("SELECT {} FROM address_rule{}{} LIMIT {} OFFSET {}", k_columns,
                               condition.text(), order_of(filter), filter.limit, filter.offset));
    return page;
  });
}

Result<std::vector<AddressRule>> RuleStore::by_id(std::span<const std::uint64_t> ids) {
  return impl_->database.read("cannot read the rules", [&](soci::session& sql) {
    std::vector<AddressRule> out;
    for (const std::uint64_t id : ids) {
      const Number bound = number(id);
      Query query(sql);
      RuleRow row;
      row.into_query(query);
      query.bind(bound);
      for (auto& rule : read_rules(
               query, row, fmt::format("SELECT {} FROM address_rule WHERE id = :id", k_columns))) {
        out.push_back(std::move(rule));
      }
    }
    return out;
  });
}

Result<std::vector<AddressRule>> RuleStore::put(std::span<const AddressRule> rules) {
  std::vector<AddressRule> stored(rules.begin(), rules.end());
  auto done =
      impl_->database.write("cannot write the rules", [&](soci::session& sql) -> Result<void> {
        Number last = 0;
        // The update first: it keeps two writers from taking the same numbers.
        const auto more = static_cast<Number>(stored.size());
        sql << "UPDATE address_rule_number SET last = last + :more", use(more);
        sql << "SELECT last FROM address_rule_number", into(last);
        Number next = last - more;
        for (AddressRule& rule : stored) {
          const RuleRow row(rule);
          sql << "DELETE FROM address_rule WHERE target = :target AND scope = :scope AND "
                 "subject = :subject AND uses = :uses",
              use(row.target), use(row.scope), use(rule.scope.id), use(row.uses);
          rule.id = static_cast<std::uint64_t>(++next);
          rule.hits = 0;
          rule.last_hit = {};
          write_rule(sql, rule);
        }
        Number count = 0;
        sql << "SELECT COUNT(*) FROM address_rule", into(count);
        if (static_cast<std::size_t>(count) > decide::k_address_rules_max) {
          return bad_input(fmt::format("there would be {} rules, and {} are the most", count,
                                       decide::k_address_rules_max));
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return stored;
}

Result<AddressRule> RuleStore::remove(std::uint64_t id) {
  const std::uint64_t ids[] = {id};
  auto found = by_id(ids);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return not_found(fmt::format("there is no rule {}", id));
  const Number bound = number(id);
  auto done = impl_->database.write("cannot remove the rule", [&](soci::session& sql) {
    sql << "DELETE FROM address_rule WHERE id = :id", use(bound);
    return Result<void>{};
  });
  if (!done) return std::unexpected(done.error());
  return std::move(found->front());
}

Result<std::vector<AddressRule>> RuleStore::remove(const RuleTarget& target) {
  RuleFilter filter;
  filter.target = target.to_string();
  filter.scope = decide::SubjectKind::server;
  auto found = page(filter, Instant{1});  // those that are over as well
  if (!found) return std::unexpected(found.error());
  if (found->items.empty()) {
    return not_found(fmt::format("there is no rule for {}", filter.target));
  }
  auto done = impl_->database.write("cannot remove the rule", [&](soci::session& sql) {
    sql << "DELETE FROM address_rule WHERE target = :target AND scope = 'server'",
        use(filter.target);
    return Result<void>{};
  });
  if (!done) return std::unexpected(done.error());
  return std::move(found->items);
}

Result<void> RuleStore::add_hits(std::span<const RuleHits> hits) {
  if (hits.empty()) return {};
  return impl_->database.write("cannot count the rules' hits", [&](soci::session& sql) {
    Number more = 0;
    Number last = 0;
    Number id = 0;
    soci::statement update = (sql.prepare << "UPDATE address_rule SET hits = hits + :more, "
                                             "last_hit_us = :last WHERE id = :id",
                              use(more), use(last), use(id));
    for (const RuleHits& one : hits) {
      more = number(one.hits);
      last = one.last.us;
      id = number(one.id);
      update.execute(true);
    }
    return Result<void>{};
  });
}

Result<void> RuleStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write("cannot forget old rules", [&](soci::session& sql) {
    sql << "DELETE FROM address_rule WHERE expires_us > 0 AND expires_us < :before", use(bound);
    return Result<void>{};
  });
}

}  // namespace sekimori::store
