#include "app/encryption_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/time_zones.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

constexpr auto k_write_pace = std::chrono::seconds(1);
// Accounts and services that signed in unencrypted within a second; what is beyond it is seen
// again.
constexpr std::size_t k_seen_max = 100'000;
constexpr std::size_t k_told_max = 200'000;
// Letters of one look, so that a first day does not send ten thousand at once.
constexpr std::size_t k_letters_max = 20;
constexpr std::size_t k_period_days = 30;

}  // namespace

EncryptionService::EncryptionService(EncryptionParts parts)
    : parts_(std::move(parts)), orders_(std::make_shared<const Orders>()) {
  telling_ = parts_.tell_owners;
}

Result<std::unique_ptr<EncryptionService>> EncryptionService::open(EncryptionParts parts) {
  std::unique_ptr<EncryptionService> service(new EncryptionService(std::move(parts)));
  if (auto done = service->reload(); !done) return std::unexpected(done.error());
  return service;
}

Result<void> EncryptionService::reload() {
  auto rules = parts_.store.rules();
  if (!rules) return std::unexpected(rules.error());
  auto exceptions = parts_.store.exceptions(parts_.now());
  if (!exceptions) return std::unexpected(exceptions.error());
  auto next = std::make_shared<Orders>();
  for (auto& rule : *rules) {
    std::string domain = rule.domain;
    next->rules.emplace(std::move(domain), std::move(rule));
  }
  for (auto& one : *exceptions) {
    std::string account = one.account;
    next->exceptions.emplace(std::move(account), std::move(one));
  }
  const std::lock_guard lock(orders_mutex_);
  orders_ = std::move(next);
  return {};
}

std::shared_ptr<const EncryptionService::Orders> EncryptionService::orders() const {
  const std::lock_guard lock(orders_mutex_);
  return orders_;
}

Text EncryptionService::refused(const serve::SignIn& sign_in) {
  if (!sign_in.ip.is_set() || parts_.is_ours(sign_in.ip)) return {};
  const auto in_force = orders();
  const auto rule = in_force->rules.find(std::string(domain_of(sign_in.account)));
  if (rule == in_force->rules.end() || rule->second.from > sign_in.now) return {};
  const auto excepted = in_force->exceptions.find(std::string(sign_in.account));
  if (excepted != in_force->exceptions.end() && excepted->second.until > sign_in.now) return {};
  refused_total_.fetch_add(1, std::memory_order_relaxed);
  return decide::plain_refusal(sign_in.service, parts_.ways);
}

void EncryptionService::seen(const serve::SignIn& sign_in) {
  if (!sign_in.ip.is_set() || parts_.is_ours(sign_in.ip)) return;
  if (domain_of(sign_in.account).empty()) return;
  seen_total_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(seen_mutex_);
  Key key(std::string(sign_in.account), sign_in.service, day(sign_in.now));
  auto it = seen_.find(key);
  if (it == seen_.end()) {
    if (seen_.size() >= k_seen_max) return;
    decide::PlainDay one;
    one.account = std::get<0>(key);
    one.service = sign_in.service;
    one.day = std::get<2>(key);
    it = seen_.emplace(std::move(key), std::move(one)).first;
  }
  ++it->second.count;
  it->second.last = sign_in.now;
  it->second.ip = sign_in.ip.to_string();
  it->second.client = std::string(sign_in.client);
}

decide::DayNumber EncryptionService::day(Instant t) const {
  return decide::day_of(t, parts_.utc_offset);
}

void EncryptionService::complete(decide::PlainAccounts& accounts, const Orders& in_force,
                                 Instant now) const {
  for (decide::PlainAccount& one : accounts.items) {
    if (const auto it = in_force.exceptions.find(one.account);
        it != in_force.exceptions.end() && it->second.until > now) {
      one.exception = it->second;
    }
    if (const auto it = in_force.rules.find(std::string(domain_of(one.account)));
        it != in_force.rules.end()) {
      one.enforced_from = it->second.from;
    }
  }
}

Result<decide::EncryptionSummary> EncryptionService::summary(std::size_t days,
                                                             const std::string& domain) {
  const decide::DayNumber today = day(parts_.now());
  const decide::DayNumber since = today - static_cast<decide::DayNumber>(days) + 1;
  auto out = parts_.store.summary(since, domain);
  if (!out) return out;
  std::vector<decide::EncryptionTrend> trend(days);
  for (std::size_t i = 0; i < days; ++i) {
    trend[i].day = since + static_cast<decide::DayNumber>(i);
  }
  for (const auto& one : out->trend) {
    if (one.day >= since && one.day <= today)
      trend[static_cast<std::size_t>(one.day - since)] = one;
  }
  out->trend = std::move(trend);
  const auto in_force = orders();
  for (const auto& [name, rule] : in_force->rules) {
    if (!domain.empty() && name != domain) continue;
    const auto same = [&](const decide::EncryptionDomain& one) { return one.domain == name; };
    auto it = std::ranges::find_if(out->domains, same);
    if (it == out->domains.end()) {
      decide::EncryptionDomain one;
      one.domain = name;
      out->domains.push_back(std::move(one));
      it = std::prev(out->domains.end());
    }
    it->rule = rule;
  }
  return out;
}

Result<decide::PlainAccounts> EncryptionService::accounts(const web::PlainQuery& query) {
  decide::PlainFilter filter;
  filter.now = parts_.now();
  filter.since = day(filter.now) - static_cast<decide::DayNumber>(query.days) + 1;
  filter.domain = query.domain;
  filter.search = query.search;
  filter.service = query.service;
  filter.hit = query.hit;
  filter.offset = query.offset;
  filter.limit = query.limit;
  auto out = parts_.store.accounts(filter);
  if (out) complete(*out, *orders(), filter.now);
  return out;
}

void EncryptionService::put_audit(const char* action, decide::Subject subject, std::string why,
                                  std::string detail, const web::Caller& by) {
  decide::AuditEntry entry;
  entry.t = parts_.now();
  entry.who = by.who;
  entry.action = action;
  entry.subject = std::move(subject);
  entry.why = std::move(why);
  entry.detail = std::move(detail);
  parts_.audit(std::move(entry));
}

Result<web::EncryptionOutcome> EncryptionService::put_rule(const web::EncryptionOrder& order,
                                                           const web::Caller& by) {
  if (!parts_.directory()->is_local_domain(order.domain)) {
    return not_found(fmt::format("{} is no domain of this server", order.domain));
  }
  web::EncryptionOutcome out;
  out.dry_run = order.dry_run;
  out.rule = {order.domain, order.from, order.reason, by.who, parts_.now()};
  web::PlainQuery query;
  query.days = k_period_days;
  query.domain = order.domain;
  query.hit = true;
  auto hit = accounts(query);
  if (!hit) return std::unexpected(hit.error());
  out.hit = std::move(*hit);
  if (order.dry_run) return out;
  if (auto done = parts_.store.put_rule(out.rule); !done) return std::unexpected(done.error());
  if (auto done = reload(); !done) return std::unexpected(done.error());
  put_audit("encryption_rule", {decide::SubjectKind::domain, order.domain}, order.reason,
            fmt::format("from {}, {} accounts still sign in without encryption",
                        format_instant(order.from), out.hit.total),
            by);
  return out;
}

Result<decide::EncryptionRule> EncryptionService::remove_rule(const std::string& domain,
                                                              const std::string& reason,
                                                              const web::Caller& by) {
  const auto in_force = orders();
  const auto it = in_force->rules.find(domain);
  if (it == in_force->rules.end()) return not_found(fmt::format("there is no rule for {}", domain));
  if (auto done = parts_.store.remove_rule(domain); !done) return std::unexpected(done.error());
  if (auto done = reload(); !done) return std::unexpected(done.error());
  put_audit("encryption_rule_removed", {decide::SubjectKind::domain, domain}, reason, "", by);
  return it->second;
}

Result<std::vector<decide::EncryptionException>> EncryptionService::exceptions() {
  return parts_.store.exceptions(parts_.now());
}

Result<decide::EncryptionException> EncryptionService::put_exception(
    decide::EncryptionException one, const web::Caller& by) {
  const auto names = parts_.directory();
  one.account = names->account_of(one.account);
  if (!names->is_account(one.account)) {
    return not_found(fmt::format("{} is no account of this server", one.account));
  }
  one.created = parts_.now();
  one.by = by.who;
  if (one.until <= one.created) return bad_input("'until' is over already");
  if (auto done = parts_.store.put_exception(one); !done) return std::unexpected(done.error());
  if (auto done = reload(); !done) return std::unexpected(done.error());
  put_audit("encryption_exception", {decide::SubjectKind::account, one.account}, one.reason,
            fmt::format("until {}", format_instant(one.until)), by);
  return one;
}

Result<decide::EncryptionException> EncryptionService::remove_exception(const std::string& account,
                                                                        const web::Caller& by) {
  const auto in_force = orders();
  const auto it = in_force->exceptions.find(account);
  if (it == in_force->exceptions.end()) {
    return not_found(fmt::format("there is no exception for {}", account));
  }
  if (auto done = parts_.store.remove_exception(account); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = reload(); !done) return std::unexpected(done.error());
  put_audit("encryption_exception_removed", {decide::SubjectKind::account, account}, "", "", by);
  return it->second;
}

EncryptionService::Figures EncryptionService::figures() const {
  Figures out;
  out.accounts_30d = accounts_30d_;
  out.seen = seen_total_;
  out.refused = refused_total_;
  out.rules = orders()->rules.size();
  const std::lock_guard lock(trouble_mutex_);
  out.trouble = trouble_;
  return out;
}

void EncryptionService::tell(const decide::PlainDay& seen) {
  const Instant now = parts_.now();
  const auto known = told_.find(seen.account);
  if (known != told_.end() && known->second + parts_.tell_every > now) return;
  const auto before = parts_.store.told(seen.account);
  if (!before) return;  // the next sign-in comes
  if (told_.size() >= k_told_max) told_.clear();
  if (before->is_set() && *before + parts_.tell_every > now) {
    told_[seen.account] = *before;
    return;
  }
  // Kept first: a letter too few is better than one with each sign-in.
  if (!parts_.store.put_told(seen.account, now)) return;
  told_[seen.account] = now;
  const auto in_force = orders();
  const auto rule = in_force->rules.find(std::string(domain_of(seen.account)));
  const auto ip = IpAddress::parse(seen.ip);
  const ZoneRule zone = server_zone();
  const auto letter =
      decide::plain_letter(seen, ip ? parts_.place(*ip) : "", parts_.ways,
                           rule == in_force->rules.end() ? Instant() : rule->second.from,
                           parts_.provider, parts_.language, zone);
  const auto other = decide::plain_letter(
      seen, ip ? parts_.place(*ip) : "", parts_.ways,
      rule == in_force->rules.end() ? Instant() : rule->second.from, parts_.provider,
      parts_.language == Language::ja ? Language::en : Language::ja, zone);
  const std::string body = fmt::format("{}\n----\n\n{}", letter.body, other.body);
  if (auto sent = parts_.send_letter(seen.account, letter.subject, body); !sent) {
    parts_.log(fmt::format("letter to {} about encryption: {}", seen.account, sent.error().text));
    (void)parts_.store.put_told(seen.account, Instant());
    told_.erase(seen.account);
  }
}

void EncryptionService::work() {
  std::map<Key, decide::PlainDay> seen;
  {
    const std::lock_guard lock(seen_mutex_);
    seen.swap(seen_);
  }
  const Instant now = parts_.now();
  std::string trouble;
  if (!seen.empty()) {
    std::vector<decide::PlainDay> rows;
    rows.reserve(seen.size());
    for (auto& [key, row] : seen) rows.push_back(row);
    if (auto done = parts_.store.add(rows); !done) {
      trouble = done.error().text;
      const std::lock_guard lock(seen_mutex_);
      for (auto& [key, row] : seen) {
        if (seen_.size() >= k_seen_max) break;
        auto [it, is_new] = seen_.try_emplace(key, row);
        if (!is_new) it->second.count += row.count;
      }
    } else if (telling_ && parts_.send_letter) {
      const auto names = parts_.directory();
      std::size_t letters = 0;
      for (const decide::PlainDay& row : rows) {
        if (letters >= k_letters_max) break;
        if (!names->is_account(row.account)) continue;
        tell(row);
        ++letters;
      }
    }
  }
  if (now >= next_count_) {
    next_count_ = now + minutes(1);
    if (const auto sums = parts_.store.summary(
            day(now) - static_cast<decide::DayNumber>(k_period_days) + 1, "")) {
      accounts_30d_ = sums->accounts;
    }
  }
  if (now >= next_prune_) {
    next_prune_ = now + hours(1);
    if (auto done = parts_.store.prune(day(now - parts_.retention), now); !done) {
      trouble = done.error().text;
    } else if (auto read = reload(); !read) {
      trouble = read.error().text;
    }
  }
  const std::lock_guard lock(trouble_mutex_);
  if (trouble_.empty() && !trouble.empty()) parts_.log(fmt::format("encryption: {}", trouble));
  trouble_ = std::move(trouble);
}

void EncryptionService::start() {
  thread_.start("encryption", [this](bool) -> std::optional<act::WorkerThread::Clock::time_point> {
    work();
    return act::WorkerThread::Clock::now() + k_write_pace;
  });
}

void EncryptionService::stop() {
  thread_.stop();
  work();
}

}  // namespace sekimori::app
