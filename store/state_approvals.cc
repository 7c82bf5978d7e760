// SqlStateStore's approvals.
#include <algorithm>

#include "store/state_impl.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using namespace decide;
using soci::into;
using soci::use;

constexpr std::size_t k_limit_max = 1000;

// A row as it stands in the table.
struct ApprovalRow {
  ApprovalRow() = default;
  explicit ApprovalRow(const Approval& a)
      : id(number(a.id)),
        epoch(number(a.epoch)),
        recipients(a.terms.recipients),
        each(a.terms.each),
        size_min(number(a.terms.size_min)),
        size_max(number(a.terms.size_max)),
        from(number(a.terms.from)),
        until(number(a.terms.until)),
        start_minute(a.terms.start_minute),
        minutes(a.terms.minutes),
        created(number(a.created)),
        changed(number(a.changed)),
        account(a.account),
        state(to_string(a.state)),
        cause(to_string(a.cause)),
        network(a.terms.network ? a.terms.network->to_string() : ""),
        repeats(to_string(a.terms.repeat)),
        days(days_text(a.terms.repeat, a.terms.days)),
        zone(a.terms.zone),
        zone_rule(a.terms.zone_rule),
        created_by(a.created_by),
        changed_by(a.changed_by),
        reason(a.reason) {}

  [[nodiscard]] Approval value() const {
    Approval a;
    a.id = static_cast<std::uint64_t>(id);
    a.account = account;
    a.state = word(parse_approval_state(state), state);
    a.cause = word(parse_approval_cause(cause), cause);
    a.epoch = static_cast<std::uint64_t>(epoch);
    a.terms.recipients = static_cast<std::uint32_t>(recipients);
    a.terms.each = static_cast<std::uint32_t>(each);
    a.terms.size_min = static_cast<std::uint64_t>(size_min);
    a.terms.size_max = static_cast<std::uint64_t>(size_max);
    if (!network.empty()) a.terms.network = read(IpNetwork::parse(network));
    a.terms.from = Instant{from};
    a.terms.until = Instant{until};
    a.terms.repeat = word(parse_approval_repeat(repeats), repeats);
    a.terms.days = read(parse_days(a.terms.repeat, days));
    a.terms.start_minute = static_cast<std::uint16_t>(start_minute);
    a.terms.minutes = static_cast<std::uint16_t>(minutes);
    a.terms.zone = zone;
    a.terms.zone_rule = zone_rule;
    a.created = Instant{created};
    a.created_by = created_by;
    a.changed = Instant{changed};
    a.changed_by = changed_by;
    a.reason = reason;
    return a;
  }

  Number id = 0, epoch = 0, recipients = 0, each = 0, size_min = 0, size_max = 0, from = 0,
         until = 0, start_minute = 0, minutes = 0, created = 0, changed = 0;
  std::string account, state, cause, network, repeats, days, zone, zone_rule, created_by,
      changed_by, reason;

 private:
  template <class Value>
  static Value read(Result<Value> parsed) {
    if (!parsed) throw std::runtime_error("in an approval of the database: " + parsed.error().text);
    return std::move(*parsed);
  }
};

// Is it newer than what stands in the table?
bool is_newer_than_stored(soci::session& sql, const ApprovalRow& row, bool& known) {
  Number epoch = 0;
  std::string state;
  sql << "SELECT epoch, state FROM approval WHERE id = :id", use(row.id), into(epoch), into(state);
  known = sql.got_data();
  if (!known) return true;
  Approval stored;
  stored.epoch = static_cast<std::uint64_t>(epoch);
  stored.state = word(parse_approval_state(state), state);
  return decide::is_newer(row.value(), stored);
}

void raise_last(soci::session& sql, Number id) {
  Number now = 0;
  sql << "SELECT value FROM counter WHERE name = 'approval'", into(now);
  if (!sql.got_data()) {
    sql << "INSERT INTO counter (name, value) VALUES ('approval', :value)", use(id);
  } else if (now < id) {
    sql << "UPDATE counter SET value = :value WHERE name = 'approval'", use(id);
  }
}

}  // namespace

Result<void> SqlStateStore::put_approval(const Approval& approval) {
  return impl_->database.write("cannot write an approval", [&](soci::session& sql) -> Result<void> {
    const ApprovalRow r(approval);
    bool known = false;
    if (!is_newer_than_stored(sql, r, known)) return {};
    const std::string statement =
        known ? "UPDATE approval SET account = :account, state = :state, cause = :cause, "
                "epoch = :epoch, recipients = :recipients, per_message = :each, "
                "size_min = :size_min, size_max = :size_max, network = :network, "
                "from_us = :from, until_us = :until, repeats = :repeats, days = :days, "
                "start_minute = :start, minutes = :minutes, zone = :zone, zone_rule = :rule, "
                "changed_us = :changed, changed_by = :changed_by, reason = :reason WHERE id = :id"
              : "INSERT INTO approval (account, state, cause, epoch, recipients, per_message, "
                "size_min, size_max, network, from_us, until_us, repeats, days, start_minute, "
                "minutes, zone, zone_rule, changed_us, changed_by, reason, created_us, "
                "created_by, id) VALUES (:account, :state, :cause, :epoch, :recipients, :each, "
                ":size_min, :size_max, :network, :from, :until, :repeats, :days, :start, "
                ":minutes, :zone, :rule, :changed, :changed_by, :reason, :created, :created_by, "
                ":id)";
    if (known) {
      sql << statement, use(r.account), use(r.state), use(r.cause), use(r.epoch), use(r.recipients),
          use(r.each), use(r.size_min), use(r.size_max), use(r.network), use(r.from), use(r.until),
          use(r.repeats), use(r.days), use(r.start_minute), use(r.minutes), use(r.zone),
          use(r.zone_rule), use(r.changed), use(r.changed_by), use(r.reason), use(r.id);
    } else {
      sql << statement, use(r.account), use(r.state), use(r.cause), use(r.epoch), use(r.recipients),
          use(r.each), use(r.size_min), use(r.size_max), use(r.network), use(r.from), use(r.until),
          use(r.repeats), use(r.days), use(r.start_minute), use(r.minutes), use(r.zone),
          use(r.zone_rule), use(r.changed), use(r.changed_by), use(r.reason), use(r.created),
          use(r.created_by), use(r.id);
    }
    raise_last(sql, r.id);
    return {};
  });
}

Result<std::vector<Approval>> SqlStateStore::approvals(const ApprovalFilter& filter) {
  return impl_->database.read("cannot read approvals", [&filter](soci::session& sql) {
    std::vector<Approval> out;
    Query query(sql);
    ApprovalRow r;
    query.into(r.id).into(r.account).into(r.state).into(r.cause).into(r.epoch);
    query.into(r.recipients).into(r.each).into(r.size_min).into(r.size_max).into(r.network);
    query.into(r.from).into(r.until).into(r.repeats).into(r.days).into(r.start_minute);
    query.into(r.minutes).into(r.zone).into(r.zone_rule).into(r.created).into(r.created_by);
    query.into(r.changed).into(r.changed_by).into(r.reason);
    std::string where;
    const auto add = [&where](std::string_view condition) {
      where += where.empty() ? " WHERE " : " AND ";
      where += condition;
    };
    const std::string state(filter.state ? to_string(*filter.state) : std::string_view());
    const Number id = number(filter.id.value_or(0));
    if (filter.account) {
      add("account = :account");
      query.bind(*filter.account);
    }
    if (filter.state) {
      add("state = :state");
      query.bind(state);
    }
    if (filter.id) {
      add("id = :id");
      query.bind(id);
    }
    query.run(
        "SELECT id, account, state, cause, epoch, recipients, per_message, size_min, size_max, "
        "network, from_us, until_us, repeats, days, start_minute, minutes, zone, zone_rule, "
        "created_us, created_by, changed_us, changed_by, reason FROM approval" +
        where + " ORDER BY id DESC LIMIT " + std::to_string(std::min(filter.limit, k_limit_max)) +
        " OFFSET " + std::to_string(filter.offset));
    while (query.next()) out.push_back(r.value());
    return out;
  });
}

Result<std::uint64_t> SqlStateStore::last_approval_id() {
  return impl_->database.read("cannot read the last approval", [](soci::session& sql) {
    Number value = 0;
    sql << "SELECT value FROM counter WHERE name = 'approval'", into(value);
    return sql.got_data() ? static_cast<std::uint64_t>(value) : std::uint64_t{0};
  });
}

}  // namespace sekimori::store
