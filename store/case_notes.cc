// The part of CaseStore that only grows: the audit as people search it, and notes on accounts.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <ranges>

#include "store/case_impl.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {

using namespace decide;
using soci::into;
using soci::use;

namespace {

constexpr std::size_t k_limit_max = 1000;

// The condition of a filter, with what it binds kept alive here.
class AuditCondition {
 public:
  explicit AuditCondition(const AuditFilter& filter)
      : filter_(filter),
        subject_(filter.subject.value_or(Subject{})),
        search_(contains_pattern(filter.search)) {}
  std::string add_to(Query& query) const {
    std::string text = " WHERE 1 = 1";
    if (filter_.subject) {
      text += " AND kind = :kind AND subject = :subject";
      query.bind(subject_.kind).bind(subject_.id);
    }
    if (!filter_.within.empty()) {
      text += " AND domain = :within";
      query.bind(filter_.within);
    }
    if (!filter_.who.empty()) {
      text += " AND who = :who";
      query.bind(filter_.who);
    }
    if (!filter_.action.empty()) {
      text += " AND action = :action";
      query.bind(filter_.action);
    }
    if (!filter_.search.empty()) {
      text +=
          " AND (subject LIKE :search ESCAPE '!' OR why LIKE :in_why ESCAPE '!' OR "
          "who = 'machine' AND detail LIKE :in_words ESCAPE '!')";  // app/machine_words.h
      query.bind(search_).bind(search_).bind(search_);
    }
    return text;
  }

 private:
  const AuditFilter& filter_;
  SubjectRow subject_;
  std::string search_;
};

// `rest` binds and says the conditions and the order.
std::vector<AuditEntry> read_audit(soci::session& sql,
                                   const std::function<std::string(Query&)>& rest) {
  std::vector<AuditEntry> out;
  Query query(sql);
  Number t = 0;
  Number incident = 0;
  SubjectRow subject;
  AuditEntry row;
  query.into(t).into(row.who).into(row.action).into(subject.kind).into(subject.id);
  query.into(incident).into(row.why).into(row.detail);
  const std::string conditions = rest(query);
  query.run("SELECT t_us, who, action, kind, subject, incident, why, detail FROM audit" +
            conditions);
  while (query.next()) {
    row.t = Instant{t};
    row.subject = subject.value();
    row.incident = static_cast<std::uint64_t>(incident);
    out.push_back(row);
  }
  return out;
}

// The ids of all that the filter means, in no order.
std::vector<Number> matching_audit(soci::session& sql, const AuditCondition& condition) {
  constexpr std::size_t k_batch = 4096;
  std::vector<Number> out;
  std::vector<Number> batch(k_batch);
  Query query(sql);
  query.into(batch);
  const std::string where = condition.add_to(query);
  query.run("SELECT id FROM audit" + where);
  while (query.next()) {
    out.insert(out.end(), batch.begin(), batch.end());
    batch.resize(k_batch);
  }
  return out;
}

}  // namespace

// ---------------------------------------------------------------- notes on accounts

Result<std::vector<AccountNote>> CaseStore::notes(std::string_view account) {
  const std::string wanted(account);
  return impl_->database.read("cannot read the notes", [&](soci::session& sql) {
    std::vector<AccountNote> out;
    Query query(sql);
    Number t = 0;
    AccountNote row;
    query.into(t).into(row.who).into(row.text);
    query.bind(wanted);
    query.run(
        "SELECT t_us, who, body FROM account_note WHERE account = :account "
        "ORDER BY place DESC");
    while (query.next()) {
      row.t = Instant{t};
      out.push_back(row);
    }
    return out;
  });
}

Result<void> CaseStore::add_note(std::string_view account, const AccountNote& note) {
  const std::string wanted(account);
  return impl_->database.write("cannot keep the note", [&](soci::session& sql) -> Result<void> {
    Number place = 0;
    sql << "SELECT COUNT(*) FROM account_note WHERE account = :account", into(place), use(wanted);
    if (static_cast<std::size_t>(place) >= k_account_notes_max) {
      return bad_input("too many notes were written to this account");
    }
    const Number t = note.t.us;
    sql << "INSERT INTO account_note (account, place, t_us, who, body) "
           "VALUES (:account, :place, :t, :who, :body)",
        use(wanted), use(place), use(t), use(note.who), use(note.text);
    return {};
  });
}

// ---------------------------------------------------------------- the audit

Result<CaseStore::AuditPage> CaseStore::audit(const AuditFilter& filter) {
  const AuditCondition condition(filter);
  const std::size_t limit = std::min(filter.limit, k_limit_max);
  return impl_->database.read("cannot read the audit", [&](soci::session& sql) {
    AuditPage page;
    if (filter.search.empty()) {
      Query query(sql);
      Number count = 0;
      query.into(count);
      const std::string where = condition.add_to(query);
      query.run("SELECT COUNT(*) FROM audit" + where);
      (void)query.next();
      page.total = static_cast<std::uint64_t>(count);
      page.rows = read_audit(sql, [&](Query& rows) {
        return condition.add_to(rows) +
               fmt::format(" ORDER BY id DESC LIMIT {} OFFSET {}", limit, filter.offset);
      });
      return page;
    }
    // No index finds a part of a text: all of them are looked at, but once.
    std::vector<Number> ids = matching_audit(sql, condition);
    page.total = ids.size();
    if (filter.offset >= ids.size()) return page;
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(filter.offset);
    const auto end =
        begin + static_cast<std::ptrdiff_t>(std::min(limit, ids.size() - filter.offset));
    std::ranges::nth_element(ids, begin, std::greater());
    std::ranges::partial_sort(begin, end, ids.end(), std::greater());
    page.rows = read_audit(sql, [&](Query&) {
      return fmt::format(" WHERE id IN ({}) ORDER BY id DESC",
                         fmt::join(std::ranges::subrange(begin, end), ", "));
    });
    return page;
  });
}

}  // namespace sekimori::store
