#include "serve/rule_book.h"

#include <algorithm>

#include "base/mail_address.h"

namespace sekimori::serve {
namespace {
// Versions are unique among all books of the process, so that a thread's memory of one book is
// never taken for another's.
std::uint64_t next_version() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}
}  // namespace

RuleBook::RuleBook(PlaceOf place)
    : place_(std::move(place)),
      snapshot_(std::make_shared<const Snapshot>()),
      version_(next_version()) {}

void RuleBook::set(const std::vector<decide::AddressRule>& rules) {
  auto next = std::make_shared<Snapshot>();
  next->set = decide::AddressRuleSet(rules);
  next->counters = std::make_unique<Counter[]>(next->set.size());
  next->places.reserve(next->set.size());
  for (std::size_t i = 0; i < next->set.size(); ++i) {
    const auto& entry = next->set.entry(i);
    next->places.emplace(entry.id, i);
    if (entry.action == decide::RuleAction::allow &&
        decide::is_for(entry.use, decide::RuleUse::login)) {
      next->sign_ins_allowed.push_back(i);
    }
  }
  const std::lock_guard lock(mutex_);
  collect(*snapshot_, left_);
  snapshot_ = std::move(next);
  version_.store(next_version(), std::memory_order_release);
}

// The lock is taken once a thread and change.
const RuleBook::Snapshot& RuleBook::current() const {
  thread_local std::uint64_t version = 0;
  thread_local std::shared_ptr<const Snapshot> kept;
  if (const std::uint64_t now = version_.load(std::memory_order_acquire); now != version) {
    const std::lock_guard lock(mutex_);
    kept = snapshot_;
    version = version_.load(std::memory_order_acquire);
  }
  return *kept;
}

const decide::AddressRuleSet::Entry* RuleBook::find(const Snapshot& snapshot, const IpAddress& ip,
                                                    std::string_view account, decide::RuleUse use,
                                                    Instant now) const {
  if (snapshot.set.size() == 0 || !ip.is_set()) return nullptr;
  decide::AddressQuestion question;
  question.ip = ip;
  if (snapshot.set.wants_place()) question.place = place_of(ip);
  question.account = account;
  question.domain = domain_of(account);
  question.use = use;
  question.now = now;
  return snapshot.set.best(question);
}

std::optional<RuleBook::Found> RuleBook::look(const IpAddress& ip, std::string_view account,
                                              decide::RuleUse use, Instant now) const {
  const auto* entry = find(current(), ip, account, use, now);
  if (entry == nullptr) return std::nullopt;
  return Found{entry->action == decide::RuleAction::allow, entry->id};
}

void RuleBook::hit(const Found& found, Instant now) const {
  const Snapshot& snapshot = current();
  const auto at = snapshot.places.find(found.id);
  if (at == snapshot.places.end()) return;
  Counter& counter = snapshot.counters[at->second];
  counter.hits.fetch_add(1, std::memory_order_relaxed);
  counter.last.store(now.us, std::memory_order_relaxed);
}

std::optional<RuleBook::Found> RuleBook::decide(const IpAddress& ip, std::string_view account,
                                                decide::RuleUse use, Instant now) const {
  const auto found = look(ip, account, use, now);
  if (found) hit(*found, now);
  return found;
}

bool RuleBook::lets_somebody_in(const IpNetwork& network, Instant now) const {
  const Snapshot& snapshot = current();
  if (snapshot.sign_ins_allowed.empty()) return false;
  const Place place = snapshot.set.wants_place() ? place_of(network.address()) : Place{};
  return std::ranges::any_of(snapshot.sign_ins_allowed, [&](std::size_t i) {
    const auto& entry = snapshot.set.entry(i);
    if (entry.expires.is_set() && entry.expires <= now) return false;
    return entry.target.covers(network.address(), place) ||
           (entry.target.kind() == decide::RuleTarget::Kind::network &&
            network.contains(entry.target.network().address()));
  });
}

std::vector<std::uint64_t> RuleBook::all(const decide::AddressQuestion& question,
                                         std::optional<decide::RuleRank>& first) const {
  std::vector<std::uint64_t> ids;
  for (const auto* entry : current().set.all(question)) {
    if (!first) first = entry->rank();
    ids.push_back(entry->id);
  }
  return ids;
}

void RuleBook::collect(const Snapshot& snapshot, std::vector<Hits>& out) {
  for (std::size_t i = 0; i < snapshot.set.size(); ++i) {
    Counter& counter = snapshot.counters[i];
    const std::uint64_t hits = counter.hits.exchange(0, std::memory_order_relaxed);
    if (hits == 0) continue;
    const Instant last{counter.last.load(std::memory_order_relaxed)};
    out.push_back({snapshot.set.entry(i).id, hits, last});
  }
}

std::vector<RuleBook::Hits> RuleBook::take_hits() {
  const std::lock_guard lock(mutex_);
  std::vector<Hits> out;
  out.swap(left_);
  collect(*snapshot_, out);
  return out;
}

}  // namespace sekimori::serve
