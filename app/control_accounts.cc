// Lists of accounts: the part of ControlService that a million of them must not make slow.
#include <algorithm>
#include <iterator>

#include "app/control_service.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

// Less is noise, and shown nowhere.
constexpr double k_strength_least = 0.05;
constexpr std::chrono::seconds k_strengths_kept{10};

using Numbers = std::vector<std::uint32_t>;

bool has(const Numbers& sorted, std::uint32_t number) {
  return std::ranges::binary_search(sorted, number);
}

// What an account is sorted by; those without stand below all others, by address.
struct Ranked {
  std::uint32_t number = 0;
  double rank = 0;
};

// `all` (ascending) in the order of the ranks.
Numbers in_order(const Numbers& all, std::vector<Ranked> ranked) {
  std::erase_if(ranked, [&](const Ranked& one) { return !has(all, one.number); });
  Numbers named;
  for (const Ranked& one : ranked) named.push_back(one.number);
  std::ranges::sort(named);
  Numbers out;
  out.reserve(all.size());
  std::ranges::set_difference(all, named, std::back_inserter(out));
  std::ranges::sort(ranked, [](const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank < b.rank : a.number < b.number;
  });
  for (const Ranked& one : ranked) out.push_back(one.number);
  return out;
}

bool fits(const decide::Switches& off, web::SwitchedOffFilter wanted) {
  switch (wanted) {
    case web::SwitchedOffFilter::receive: return off.receive.has_value();
    case web::SwitchedOffFilter::login: return off.login.has_value();
    case web::SwitchedOffFilter::any: break;
  }
  return off.any();
}

// Of what is asked for, the one that is off for longest.
Instant off_since(const decide::Switches& off, web::SwitchedOffFilter wanted) {
  const bool by_receive = off.receive && wanted != web::SwitchedOffFilter::login;
  const bool by_login = off.login && wanted != web::SwitchedOffFilter::receive;
  if (by_receive && by_login) return std::min(off.receive->since, off.login->since);
  return by_receive ? off.receive->since : off.login->since;
}

}  // namespace

std::vector<std::pair<std::uint32_t, double>> ControlService::strengths(
    const std::shared_ptr<const Roster>& roster, Instant now) {
  const std::lock_guard lock(strengths_mutex_);
  const auto moment = std::chrono::steady_clock::now();
  if (strengths_.roster == roster && moment < strengths_.made + k_strengths_kept) {
    return strengths_.of;
  }
  Strengths fresh{.roster = roster, .of = {}, .made = moment};
  for (std::uint32_t i = 0; i < roster->size(); ++i) {
    const double log_r = parts_.engine.view(roster->address(i), now).log_r;
    if (log_r >= k_strength_least) fresh.of.emplace_back(i, log_r);
  }
  strengths_ = std::move(fresh);
  return strengths_.of;
}

Result<web::AccountPage> ControlService::accounts(const web::AccountQuery& query) {
  auto found = parts_.roster.get();
  if (!found) return std::unexpected(found.error());
  const Roster& roster = **found;
  const Instant now = parts_.now();
  web::AccountPage page;

  // The switches are few: they are gone through, and not the accounts.
  const auto switches = parts_.switched_off();
  Numbers numbers;
  std::vector<Ranked> ranked;
  for (const auto& [account, off] : *switches) {
    const auto number = roster.find(account);
    if (!number || !roster.matches(*number, "", query.domain)) continue;
    ++page.off.any;
    page.off.receive += off.receive ? 1 : 0;
    page.off.login += off.login ? 1 : 0;
    if (!query.off || !fits(off, *query.off) || !roster.matches(*number, query.search, "")) {
      continue;
    }
    numbers.push_back(*number);
    if (query.order == web::AccountOrder::since) {
      ranked.push_back({*number, static_cast<double>(off_since(off, *query.off).us)});
    }
  }
  std::ranges::sort(numbers);
  if (!query.off) numbers = roster.matching(query.search, query.domain);

  // What the engine knows of few: those that ever left normal.
  const bool by_standing_since = query.order == web::AccountOrder::since && !query.off;
  if (query.standing || query.order == web::AccountOrder::standing || by_standing_since) {
    Numbers of_standing;
    for (const auto& record : parts_.engine.standings()) {
      if (record.subject.kind != decide::SubjectKind::account) continue;
      const auto number = roster.find(record.subject.id);
      if (!number) continue;
      const bool is_normal = record.standing == Standing::normal;
      if (query.standing && *query.standing == Standing::normal
              ? !is_normal
              : query.standing == record.standing) {
        of_standing.push_back(*number);
      }
      if (query.order == web::AccountOrder::standing && !is_normal) {
        ranked.push_back({*number, static_cast<double>(record.standing)});
      } else if (by_standing_since && record.since.is_set()) {
        ranked.push_back({*number, static_cast<double>(record.since.us)});
      }
    }
    if (query.standing) {
      std::ranges::sort(of_standing);
      std::erase_if(numbers, [&](std::uint32_t number) {
        return has(of_standing, number) == (*query.standing == Standing::normal);
      });
    }
  }
  if (query.order == web::AccountOrder::log_r) {
    for (const auto& [number, strength] : strengths(*found, now)) {
      ranked.push_back({number, strength});
    }
  }
  if (query.order != web::AccountOrder::address) numbers = in_order(numbers, std::move(ranked));
  if (query.descending) std::ranges::reverse(numbers);

  page.total = numbers.size();
  for (std::size_t i = query.offset; i < numbers.size() && page.items.size() < query.limit; ++i) {
    const std::string address(roster.address(numbers[i]));
    auto row = parts_.accounts.account(address);
    if (!row && row.error().kind != ErrorKind::not_found) return std::unexpected(row.error());
    const auto view = parts_.engine.view(address, now);
    web::AccountSummary s;
    s.address = address;
    s.domain = domain_of(address);
    if (row && *row) {
      s.name = (*row)->name;
      s.active = (*row)->active;
    }
    s.standing = view.standing.standing;
    s.since = view.standing.since;
    s.mode = view.mode;
    s.log_r = view.log_r;
    s.held = static_cast<std::uint32_t>(view.holds.size());
    s.incident = view.standing.incident;
    if (const auto off = switches->find(address); off != switches->end()) s.off = off->second;
    page.items.push_back(std::move(s));
  }
  return page;
}

}  // namespace sekimori::app
