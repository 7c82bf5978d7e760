#include "store/case_store.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "store/case_impl.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using namespace decide;
using soci::into;
using soci::use;

constexpr std::size_t k_limit_max = 1000;

const Migrations& case_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE enquiry (id BIGINT NOT NULL PRIMARY KEY, opened_us BIGINT NOT NULL, "
          "via VARCHAR(16) NOT NULL, state VARCHAR(16) NOT NULL, topic VARCHAR(32) NOT NULL, "
          "address VARCHAR(320) NOT NULL, account VARCHAR(320) NOT NULL, "
          "customer_number VARCHAR(600) NOT NULL, name VARCHAR(600) NOT NULL, body TEXT NOT NULL, "
          "diagnosis VARCHAR(64) NOT NULL, call_back BIGINT NOT NULL, hours VARCHAR(600) NOT NULL, "
          "language VARCHAR(8) NOT NULL, contract VARCHAR(16) NOT NULL, "
          "taken_by VARCHAR(320) NOT NULL, changed_us BIGINT NOT NULL, answer TEXT NOT NULL, "
          "answered_us BIGINT NOT NULL, answered_by VARCHAR(320) NOT NULL, "
          "key_hash VARCHAR(64) NOT NULL)",
          "CREATE INDEX enquiry_state ON enquiry (state, id)",
          "CREATE INDEX enquiry_account ON enquiry (account, id)",
          "CREATE INDEX enquiry_changed ON enquiry (changed_us)",
          "CREATE TABLE enquiry_entry (enquiry BIGINT NOT NULL, place BIGINT NOT NULL, "
          "t_us BIGINT NOT NULL, who VARCHAR(320) NOT NULL, act VARCHAR(16) NOT NULL, "
          "body TEXT NOT NULL, PRIMARY KEY (enquiry, place))",
          "CREATE TABLE customer (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "number VARCHAR(600) NOT NULL, name VARCHAR(600) NOT NULL, "
          "telephone VARCHAR(600) NOT NULL, alternative VARCHAR(600) NOT NULL, "
          "hours VARCHAR(600) NOT NULL, terms VARCHAR(600) NOT NULL, "
          "terms_accepted_us BIGINT NOT NULL, changed_us BIGINT NOT NULL, "
          "changed_by VARCHAR(320) NOT NULL)",
          "CREATE TABLE feedback (incident BIGINT NOT NULL, who VARCHAR(320) NOT NULL, "
          "verdict VARCHAR(16) NOT NULL, body TEXT NOT NULL, t_us BIGINT NOT NULL, "
          "PRIMARY KEY (incident, who))",
          "CREATE INDEX feedback_time ON feedback (t_us)",
          "CREATE TABLE investigation (incident BIGINT NOT NULL PRIMARY KEY, "
          "state VARCHAR(16) NOT NULL, amount_yen BIGINT NOT NULL, scope TEXT NOT NULL, "
          "accepted_by VARCHAR(600) NOT NULL, estimated_us BIGINT NOT NULL, "
          "estimated_by VARCHAR(320) NOT NULL, answered_us BIGINT NOT NULL, "
          "answered_by VARCHAR(320) NOT NULL, started_us BIGINT NOT NULL, "
          "started_by VARCHAR(320) NOT NULL, finished_us BIGINT NOT NULL, "
          "finished_by VARCHAR(320) NOT NULL)",
      },
      // 2: what people wrote down about accounts.
      {
          "CREATE TABLE account_note (account VARCHAR(320) NOT NULL, place BIGINT NOT NULL, "
          "t_us BIGINT NOT NULL, who VARCHAR(320) NOT NULL, body TEXT NOT NULL, "
          "PRIMARY KEY (account, place))",
      },
  };
  return migrations;
}

// The key has 256 bits of its own: a fast hash is enough, and a copy of the database opens nothing.
std::string hash_of(const Secret& key) {
  std::array<unsigned char, 32> hash{};
  const auto text = key.reveal();
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::string out;
  for (const unsigned char byte : hash) out += fmt::format("{:02x}", byte);
  return out;
}

struct EnquiryRow {
  Number id = 0, opened = 0, call_back = 0, changed = 0, answered = 0;
  std::string via, state, topic, contract;
  Enquiry rest;

  EnquiryRow() = default;
  explicit EnquiryRow(const Enquiry& e)
      : id(number(e.id)),
        opened(e.opened.us),
        call_back(e.call_back ? 1 : 0),
        changed(e.changed.us),
        answered(e.answered.us),
        via(to_string(e.via)),
        state(to_string(e.state)),
        topic(to_string(e.topic)),
        contract(to_string(e.match)),
        rest(e) {}

  void into_query(Query& query) {
    query.into(id).into(opened).into(via).into(state).into(topic).into(rest.address);
    query.into(rest.account).into(rest.customer_number).into(rest.name).into(rest.text);
    query.into(rest.diagnosis).into(call_back).into(rest.hours).into(rest.language);
    query.into(contract).into(rest.taken_by).into(changed).into(rest.answer).into(answered);
    query.into(rest.answered_by);
  }
  [[nodiscard]] Enquiry value() const {
    Enquiry e = rest;
    e.id = static_cast<std::uint64_t>(id);
    e.opened = Instant{opened};
    e.call_back = call_back != 0;
    e.changed = Instant{changed};
    e.answered = Instant{answered};
    e.via = word(parse_enquiry_via(via), via);
    e.state = word(parse_enquiry_state(state), state);
    e.topic = word(parse_enquiry_topic(topic), topic);
    e.match = word(parse_contract_match(contract), contract);
    return e;
  }
};

constexpr const char* k_enquiry_columns =
    "SELECT id, opened_us, via, state, topic, address, account, customer_number, name, body, "
    "diagnosis, call_back, hours, language, contract, taken_by, changed_us, answer, answered_us, "
    "answered_by FROM enquiry";

std::optional<Enquiry> find_enquiry(soci::session& sql, Number id) {
  Query query(sql);
  EnquiryRow row;
  row.into_query(query);
  const Number wanted = id;
  query.bind(wanted);
  query.run(std::string(k_enquiry_columns) + " WHERE id = :id");
  if (!query.next()) return std::nullopt;
  return row.value();
}

void put_entry(soci::session& sql, const EnquiryEntry& entry) {
  const Number enquiry = number(entry.enquiry);
  Number place = 0;
  sql << "SELECT COUNT(*) FROM enquiry_entry WHERE enquiry = :id", into(place), use(enquiry);
  const Number t = entry.t.us;
  const std::string act(to_string(entry.act));
  sql << "INSERT INTO enquiry_entry (enquiry, place, t_us, who, act, body) "
         "VALUES (:enquiry, :place, :t, :who, :act, :body)",
      use(enquiry), use(place), use(t), use(entry.who), use(act), use(entry.text);
}

// The condition of a filter, with what it binds kept alive here.
class Condition {
 public:
  explicit Condition(const EnquiryFilter& filter) : filter_(filter) {
    if (filter.state) state_ = to_string(*filter.state);
  }
  std::string add_to(Query& query) const {
    std::string text = " WHERE 1 = 1";
    if (filter_.state) {
      text += " AND state = :state";
      query.bind(state_);
    }
    if (filter_.waiting) text += " AND state IN ('open', 'taken')";
    if (!filter_.account.empty()) {
      text += " AND account = :account";
      query.bind(filter_.account);
    }
    if (!filter_.taken_by.empty()) {
      text += " AND taken_by = :taken_by";
      query.bind(filter_.taken_by);
    }
    return text;
  }

 private:
  const EnquiryFilter& filter_;
  std::string state_;
};

std::vector<Feedback> read_feedback(Query& query, const std::string& text) {
  std::vector<Feedback> out;
  Number incident = 0;
  Number t = 0;
  std::string verdict;
  Feedback row;
  query.into(incident).into(row.who).into(verdict).into(row.text).into(t);
  query.run("SELECT incident, who, verdict, body, t_us FROM feedback" + text);
  while (query.next()) {
    row.incident = static_cast<std::uint64_t>(incident);
    row.verdict = word(parse_feedback_verdict(verdict), verdict);
    row.t = Instant{t};
    out.push_back(row);
  }
  return out;
}

struct InvestigationRow {
  Number incident = 0, amount = 0, estimated = 0, answered = 0, started = 0, finished = 0;
  std::string state;
  Investigation rest;

  [[nodiscard]] Investigation value() const {
    Investigation out = rest;
    out.incident = static_cast<std::uint64_t>(incident);
    out.state = word(parse_investigation_state(state), state);
    out.amount_yen = static_cast<std::uint64_t>(amount);
    out.estimated.t = Instant{estimated};
    out.answered.t = Instant{answered};
    out.started.t = Instant{started};
    out.finished.t = Instant{finished};
    return out;
  }
};

std::optional<Investigation> find_investigation(soci::session& sql, std::uint64_t incident) {
  const Number id = number(incident);
  InvestigationRow r;
  sql << "SELECT incident, state, amount_yen, scope, accepted_by, estimated_us, estimated_by, "
         "answered_us, answered_by, started_us, started_by, finished_us, finished_by "
         "FROM investigation WHERE incident = :id",
      into(r.incident), into(r.state), into(r.amount), into(r.rest.scope), into(r.rest.accepted_by),
      into(r.estimated), into(r.rest.estimated.who), into(r.answered), into(r.rest.answered.who),
      into(r.started), into(r.rest.started.who), into(r.finished), into(r.rest.finished.who),
      use(id);
  if (!sql.got_data()) return std::nullopt;
  return r.value();
}

}  // namespace

CaseStore::CaseStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CaseStore::~CaseStore() = default;

Result<std::unique_ptr<CaseStore>> CaseStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "casework", case_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<CaseStore>(new CaseStore(std::move(*impl)));
}

// ---------------------------------------------------------------- enquiries

Result<Enquiry> CaseStore::open_enquiry(Enquiry enquiry, const Secret& key,
                                        const std::string& who) {
  auto done =
      impl_->database.write("cannot keep the enquiry", [&](soci::session& sql) -> Result<void> {
        Number waiting = 0;
        sql << "SELECT COUNT(*) FROM enquiry WHERE state IN ('open', 'taken')", into(waiting);
        if (static_cast<std::size_t>(waiting) >= k_enquiries_waiting_max) {
          return bad_input(fmt::format("{} enquiries wait already", waiting));
        }
        // Numbers are told to people: never given again, also where the newest was removed.
        Number last = 0;
        sql << "SELECT value FROM counter WHERE name = 'enquiry'", into(last);
        const bool known = sql.got_data();
        enquiry.id = static_cast<std::uint64_t>(last) + 1;
        const EnquiryRow r(enquiry);
        if (known) {
          sql << "UPDATE counter SET value = :value WHERE name = 'enquiry'", use(r.id);
        } else {
          sql << "INSERT INTO counter (name, value) VALUES ('enquiry', :value)", use(r.id);
        }
        const std::string hash = hash_of(key);
        const Enquiry& e = r.rest;
        sql << "INSERT INTO enquiry (id, opened_us, via, state, topic, address, account, "
               "customer_number, name, body, diagnosis, call_back, hours, language, contract, "
               "taken_by, changed_us, answer, answered_us, answered_by, key_hash) VALUES (:id, "
               ":opened, :via, :state, :topic, :address, :account, :number, :name, :body, "
               ":diagnosis, :call_back, :hours, :language, :contract, :taken_by, :changed, "
               ":answer, :answered, :answered_by, :hash)",
            use(r.id), use(r.opened), use(r.via), use(r.state), use(r.topic), use(e.address),
            use(e.account), use(e.customer_number), use(e.name), use(e.text), use(e.diagnosis),
            use(r.call_back), use(e.hours), use(e.language), use(r.contract), use(e.taken_by),
            use(r.changed), use(e.answer), use(r.answered), use(e.answered_by), use(hash);
        put_entry(sql, {enquiry.id, enquiry.opened, who, EnquiryAct::opened, {}});
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return enquiry;
}

Result<std::vector<Enquiry>> CaseStore::enquiries(const EnquiryFilter& filter) {
  const Condition condition(filter);
  return impl_->database.read("cannot read the enquiries", [&](soci::session& sql) {
    std::vector<Enquiry> out;
    Query query(sql);
    EnquiryRow row;
    row.into_query(query);
    const std::string where = condition.add_to(query);
    query.run(
        k_enquiry_columns + where + (filter.waiting ? " ORDER BY id" : " ORDER BY id DESC") +
        fmt::format(" LIMIT {} OFFSET {}", std::min(filter.limit, k_limit_max), filter.offset));
    while (query.next()) out.push_back(row.value());
    return out;
  });
}

Result<std::uint64_t> CaseStore::count_enquiries(const EnquiryFilter& filter) {
  const Condition condition(filter);
  return impl_->database.read("cannot count the enquiries", [&](soci::session& sql) {
    Query query(sql);
    Number count = 0;
    query.into(count);
    const std::string where = condition.add_to(query);
    query.run("SELECT COUNT(*) FROM enquiry" + where);
    (void)query.next();
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::optional<Enquiry>> CaseStore::enquiry(std::uint64_t id) {
  return impl_->database.read("cannot read the enquiry",
                              [&](soci::session& sql) { return find_enquiry(sql, number(id)); });
}

Result<std::vector<EnquiryEntry>> CaseStore::entries(std::uint64_t id) {
  const Number wanted = number(id);
  return impl_->database.read("cannot read the enquiry", [&](soci::session& sql) {
    std::vector<EnquiryEntry> out;
    Query query(sql);
    EnquiryEntry row;
    row.enquiry = id;
    Number t = 0;
    std::string act;
    query.into(t).into(row.who).into(act).into(row.text).bind(wanted);
    query.run("SELECT t_us, who, act, body FROM enquiry_entry WHERE enquiry = :id ORDER BY place");
    while (query.next()) {
      row.t = Instant{t};
      row.act = word(parse_enquiry_act(act), act);
      out.push_back(row);
    }
    return out;
  });
}

Result<Enquiry> CaseStore::act(const EnquiryEntry& entry) {
  Enquiry after;
  auto done =
      impl_->database.write("cannot change the enquiry", [&](soci::session& sql) -> Result<void> {
        const Number id = number(entry.enquiry);
        const auto before = find_enquiry(sql, id);
        if (!before) return not_found(fmt::format("there is no enquiry {}", entry.enquiry));
        auto next = decide::step(*before, entry.act, entry.who, entry.text, entry.t);
        if (!next) return std::unexpected(next.error());
        Number entries = 0;
        sql << "SELECT COUNT(*) FROM enquiry_entry WHERE enquiry = :id", into(entries), use(id);
        if (static_cast<std::size_t>(entries) >= k_enquiry_entries_max) {
          return bad_input("too much was written to this enquiry; close it and begin another");
        }
        const EnquiryRow r(*next);
        sql << "UPDATE enquiry SET state = :state, taken_by = :taken_by, changed_us = :changed, "
               "answer = :answer, answered_us = :answered, answered_by = :by WHERE id = :id",
            use(r.state), use(r.rest.taken_by), use(r.changed), use(r.rest.answer), use(r.answered),
            use(r.rest.answered_by), use(r.id);
        put_entry(sql, entry);
        after = std::move(*next);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return after;
}

Result<std::optional<Enquiry>> CaseStore::enquiry_by_key(std::uint64_t id, const Secret& key) {
  const Number wanted = number(id);
  const std::string given = hash_of(key);
  return impl_->database.read("cannot read the enquiry", [&](soci::session& sql) {
    std::string hash;
    sql << "SELECT key_hash FROM enquiry WHERE id = :id", into(hash), use(wanted);
    const bool right = sql.got_data() && hash.size() == given.size() &&
                       sodium_memcmp(hash.data(), given.data(), hash.size()) == 0;
    return right ? find_enquiry(sql, wanted) : std::optional<Enquiry>();
  });
}

// ---------------------------------------------------------------- customers

Result<std::optional<Customer>> CaseStore::customer(std::string_view account) {
  const std::string wanted(account);
  return impl_->database.read("cannot read the customer", [&](soci::session& sql) {
    Customer c;
    Number accepted = 0;
    Number changed = 0;
    sql << "SELECT account, number, name, telephone, alternative, hours, terms, "
           "terms_accepted_us, changed_us, changed_by FROM customer WHERE account = :account",
        into(c.account), into(c.number), into(c.name), into(c.telephone), into(c.alternative),
        into(c.hours), into(c.terms), into(accepted), into(changed), into(c.changed_by),
        use(wanted);
    if (!sql.got_data()) return std::optional<Customer>();
    c.terms_accepted = Instant{accepted};
    c.changed = Instant{changed};
    return std::optional<Customer>(c);
  });
}

Result<void> CaseStore::put_customer(const Customer& c) {
  return impl_->database.write("cannot keep the customer", [&](soci::session& sql) -> Result<void> {
    sql << "DELETE FROM customer WHERE account = :account", use(c.account);
    const Number accepted = c.terms_accepted.us;
    const Number changed = c.changed.us;
    sql << "INSERT INTO customer (account, number, name, telephone, alternative, hours, terms, "
           "terms_accepted_us, changed_us, changed_by) VALUES (:account, :number, :name, "
           ":telephone, :alternative, :hours, :terms, :accepted, :changed, :by)",
        use(c.account), use(c.number), use(c.name), use(c.telephone), use(c.alternative),
        use(c.hours), use(c.terms), use(accepted), use(changed), use(c.changed_by);
    return {};
  });
}

// ---------------------------------------------------------------- feedback

Result<std::vector<Feedback>> CaseStore::feedback(std::uint64_t incident) {
  const Number wanted = number(incident);
  return impl_->database.read("cannot read the feedback", [&](soci::session& sql) {
    Query query(sql);
    query.bind(wanted);
    return read_feedback(query, " WHERE incident = :id ORDER BY t_us DESC, who");
  });
}

Result<std::vector<Feedback>> CaseStore::all_feedback(std::size_t offset, std::size_t limit) {
  return impl_->database.read("cannot read the feedback", [&](soci::session& sql) {
    Query query(sql);
    return read_feedback(query, fmt::format(" ORDER BY t_us DESC, incident, who LIMIT {} OFFSET {}",
                                            std::min(limit, k_limit_max), offset));
  });
}

Result<std::uint64_t> CaseStore::count_feedback() {
  return impl_->database.read("cannot count the feedback", [](soci::session& sql) {
    Number count = 0;
    sql << "SELECT COUNT(*) FROM feedback", into(count);
    return static_cast<std::uint64_t>(count);
  });
}

Result<void> CaseStore::put_feedback(const Feedback& f) {
  return impl_->database.write("cannot keep the feedback", [&](soci::session& sql) -> Result<void> {
    const Number incident = number(f.incident);
    const Number t = f.t.us;
    const std::string verdict(to_string(f.verdict));
    sql << "DELETE FROM feedback WHERE incident = :id AND who = :who", use(incident), use(f.who);
    sql << "INSERT INTO feedback (incident, who, verdict, body, t_us) "
           "VALUES (:incident, :who, :verdict, :body, :t)",
        use(incident), use(f.who), use(verdict), use(f.text), use(t);
    return {};
  });
}

// ---------------------------------------------------------------- investigations

Result<std::optional<Investigation>> CaseStore::investigation(std::uint64_t incident) {
  return impl_->database.read("cannot read the investigation", [&](soci::session& sql) {
    return find_investigation(sql, incident);
  });
}

Result<Investigation> CaseStore::change_investigation(std::uint64_t incident,
                                                      const Change& change) {
  Investigation after;
  auto done = impl_->database.write(
      "cannot change the investigation", [&](soci::session& sql) -> Result<void> {
        auto next = change(find_investigation(sql, incident));
        if (!next) return std::unexpected(next.error());
        after = std::move(*next);
        const Number id = number(incident);
        const Number amount = number(after.amount_yen);
        const std::string state(to_string(after.state));
        const Number estimated = after.estimated.t.us;
        const Number answered = after.answered.t.us;
        const Number started = after.started.t.us;
        const Number finished = after.finished.t.us;
        sql << "DELETE FROM investigation WHERE incident = :id", use(id);
        sql << "INSERT INTO investigation (incident, state, amount_yen, scope, accepted_by, "
               "estimated_us, estimated_by, answered_us, answered_by, started_us, started_by, "
               "finished_us, finished_by) VALUES (:id, :state, :amount, :scope, :accepted_by, "
               ":estimated, :estimated_by, :answered, :answered_by, :started, :started_by, "
               ":finished, :finished_by)",
            use(id), use(state), use(amount), use(after.scope), use(after.accepted_by),
            use(estimated), use(after.estimated.who), use(answered), use(after.answered.who),
            use(started), use(after.started.who), use(finished), use(after.finished.who);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return after;
}

// ---------------------------------------------------------------- all of it

Result<void> CaseStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write(
      "cannot remove old enquiries", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM enquiry WHERE changed_us < :before AND state IN ('answered', 'closed')",
            use(bound);
        sql << "DELETE FROM enquiry_entry WHERE enquiry NOT IN (SELECT id FROM enquiry)";
        return {};
      });
}

}  // namespace sekimori::store
