#include "decide/approval.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/hash.h"

namespace sekimori::decide {
namespace {

// Does the window open on this local day?
bool opens_on(const ApprovalTerms& terms, std::int64_t day) {
  using namespace std::chrono;
  const sys_days date{std::chrono::days(day)};
  switch (terms.repeat) {
    case ApprovalRepeat::once: return false;
    case ApprovalRepeat::daily: return true;
    case ApprovalRepeat::weekly:
      return (terms.days >> (weekday{date}.iso_encoding() - 1) & 1U) != 0;
    case ApprovalRepeat::monthly: {
      const year_month_day ymd{date};
      const bool last_day = ymd.day() == (ymd.year() / ymd.month() / last).day();
      return (terms.days >> static_cast<unsigned>(ymd.day()) & 1U) != 0 ||
             (last_day && (terms.days & 1U) != 0);
    }
  }
  return false;
}

bool has(const std::array<std::uint32_t, 8>& networks, std::uint32_t network) {
  return std::ranges::find(networks, network) != networks.end();
}

void put(std::string& out, std::uint64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out.append(bytes, 8);
}
void put(std::string& out, Instant t) { put(out, static_cast<std::uint64_t>(t.us)); }
void put(std::string& out, std::string_view text) {
  put(out, std::uint64_t{text.size()});
  out += text;
}

// Reads from the front; after the first value that is cut, all are empty.
class Reader {
 public:
  explicit Reader(std::string_view& in) : in_(in) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (in_.size() < 8) {
      well_ = false;
      return 0;
    }
    std::memcpy(&value, in_.data(), 8);
    in_.remove_prefix(8);
    return value;
  }
  Instant time() { return Instant{static_cast<std::int64_t>(number())}; }
  std::string text() {
    const std::uint64_t size = number();
    if (!well_ || in_.size() < size) {
      well_ = false;
      return {};
    }
    std::string out(in_.substr(0, size));
    in_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] bool well() const { return well_; }

 private:
  std::string_view& in_;
  bool well_ = true;
};

}  // namespace

std::optional<Instant> open_since(const ApprovalTerms& terms, const ZoneRule& zone, Instant t) {
  if (t < terms.from || t >= terms.until) return std::nullopt;
  if (terms.repeat == ApprovalRepeat::once) return terms.from;
  const std::int64_t today = zone.local(t).day;
  // At most 24 hours long: it opened today, or yesterday and goes on past midnight.
  for (const std::int64_t day : {today, today - 1}) {
    if (!opens_on(terms, day)) continue;
    const Instant opened = zone.instant_of({day, terms.start_minute});
    if (opened <= t && t < opened + minutes(terms.minutes)) return opened;
  }
  return std::nullopt;
}

std::optional<Instant> opens_next(const ApprovalTerms& terms, const ZoneRule& zone, Instant t) {
  const Instant begin = std::max(t, terms.from);
  if (begin >= terms.until) return std::nullopt;
  if (terms.repeat == ApprovalRepeat::once) {
    return t <= terms.from ? std::optional(terms.from) : std::nullopt;
  }
  const std::int64_t today = zone.local(begin).day;
  // Every day of a month comes at least once in 62 days (the 31st, from 1 July on: 31 July; from
  // 1 February on: 31 March); one that never comes is closed for ever.
  for (std::int64_t day = today; day <= today + 62; ++day) {
    if (!opens_on(terms, day)) continue;
    const Instant opened = zone.instant_of({day, terms.start_minute});
    if (opened >= terms.until) return std::nullopt;
    if (opened >= begin) return opened;
  }
  return std::nullopt;
}

ApprovalInForce::ApprovalInForce(Approval approval) : approval_(std::move(approval)) {
  read_zone();
}

void ApprovalInForce::read_zone() {
  // Terms are checked where they come in; what cannot be read after all counts as UTC.
  zone_ = ZoneRule::parse(approval_.terms.zone_rule).value_or(ZoneRule());
}

Uncovered ApprovalInForce::covers(const Message& m) const {
  const ApprovalTerms& terms = approval_.terms;
  if (approval_.state == ApprovalState::ended) return Uncovered::closed;
  const auto opened = open_since(terms, zone_, m.t);
  if (!opened) return Uncovered::closed;
  const std::uint32_t used = used_.opened == *opened ? used_.recipients : 0;
  // May be more than the budget: when the journal lost what was given back, it recovers the use.
  const std::uint32_t left = terms.recipients - std::min(used, terms.recipients);
  if (m.recipients > terms.each || m.recipients > left) return Uncovered::budget;
  if (terms.size_max != 0) {
    if (m.size < terms.size_min || m.size > terms.size_max) return Uncovered::size;
  } else if (used_.size != 0 && m.size != 0 &&
             (m.size < used_.size / 2 || m.size > used_.size * 2)) {
    return Uncovered::size;
  }
  if (terms.network) {
    if (!terms.network->contains(m.ip)) return Uncovered::network;
  } else if (m.place.network != 0 && !m.place.first && !m.place.habit &&
             !has(networks_.habit, m.place.network)) {
    return Uncovered::network;
  }
  return approval_.state == ApprovalState::active ? Uncovered::covered : Uncovered::suspended;
}

bool ApprovalInForce::is_foreign(const detect::KnownPlace& place) const {
  if (place.network == 0 || place.first || place.habit || place.near) return false;
  return !has(networks_.seen, place.network) && !has(networks_.habit, place.network);
}

void ApprovalInForce::use(const Message& m, std::uint64_t queue_key) {
  const auto opened = open_since(approval_.terms, zone_, m.t);
  if (!opened) return;
  if (used_.opened != *opened) {
    used_.opened = *opened;
    used_.recipients = used_.messages = 0;
    ++used_.runs;
    uses_.clear();
    next_use_ = 0;
  }
  used_.recipients += m.recipients;
  ++used_.messages;
  used_.last = m.t;
  if (used_.size == 0) used_.size = m.size;
  // The account had no place of its own yet: it is bound to the first it is used from.
  if (m.place.network != 0 && networks_ == detect::Networks{}) {
    networks_.habit[0] = networks_.seen[0] = m.place.network;
  }
  if (queue_key == 0) return;
  const Taken one{queue_key, m.recipients};
  if (uses_.size() < k_approval_uses_max) {
    uses_.push_back(one);
  } else {
    uses_[next_use_ % k_approval_uses_max] = one;
  }
  ++next_use_;
}

bool ApprovalInForce::give_back(std::uint64_t queue_key) {
  const auto it = std::ranges::find(uses_, queue_key, &Taken::key);
  if (queue_key == 0 || it == uses_.end()) return false;
  const auto n = static_cast<std::uint32_t>(it->recipients);
  used_.recipients -= std::min(n, used_.recipients);
  if (used_.messages > 0) --used_.messages;
  *it = {};
  return true;
}

bool ApprovalInForce::used_for(std::uint64_t queue_key) const {
  return queue_key != 0 && std::ranges::find(uses_, queue_key, &Taken::key) != uses_.end();
}

ApprovalInForce::Use ApprovalInForce::used_at(Instant t) const {
  Use out = used_;
  const auto opened = open_since(approval_.terms, zone_, t);
  if (opened && *opened != out.opened) out.recipients = out.messages = 0;
  return out;
}

bool ApprovalInForce::set(Instant t, const ApprovalSet& said, std::uint64_t epoch) {
  if (epoch < approval_.epoch || (epoch == approval_.epoch && said.state <= approval_.state)) {
    return false;
  }
  approval_.epoch = epoch;
  approval_.state = said.state;
  approval_.cause = said.cause;
  approval_.terms = said.terms;
  approval_.changed = t;
  approval_.changed_by = said.by;
  approval_.reason = said.reason;
  read_zone();
  return true;
}

bool ApprovalInForce::suspend(Instant t, ApprovalCause cause) {
  if (approval_.state != ApprovalState::active || approval_.terms.until <= t) return false;
  approval_.state = ApprovalState::suspended;
  approval_.cause = cause;
  approval_.changed = t;
  approval_.changed_by = "machine";
  return true;
}

std::uint64_t ApprovalInForce::hash() const {
  std::string bytes;
  save(bytes);
  std::uint64_t h = bytes.size();
  std::string_view rest = bytes;
  while (rest.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, rest.data(), 8);
    h = mix64(h ^ word);
    rest.remove_prefix(8);
  }
  for (const char c : rest) h = mix64(h ^ static_cast<unsigned char>(c));
  return h;
}

void ApprovalInForce::save(std::string& out) const {
  const Approval& a = approval_;
  const ApprovalTerms& terms = a.terms;
  put(out, a.id);
  put(out, a.account);
  put(out, static_cast<std::uint64_t>(a.state) << 8 | static_cast<std::uint64_t>(a.cause));
  put(out, a.epoch);
  put(out, a.created);
  put(out, a.created_by);
  put(out, a.changed);
  put(out, a.changed_by);
  put(out, a.reason);
  put(out, std::uint64_t{terms.recipients} << 32 | terms.each);
  put(out, terms.size_min);
  put(out, terms.size_max);
  put(out, terms.network ? terms.network->to_string() : std::string());
  put(out, terms.from);
  put(out, terms.until);
  put(out, static_cast<std::uint64_t>(terms.repeat) << 32 | terms.days);
  put(out, std::uint64_t{terms.start_minute} << 16 | terms.minutes);
  put(out, terms.zone);
  put(out, terms.zone_rule);
  put(out, used_.opened);
  put(out, std::uint64_t{used_.recipients} << 32 | used_.messages);
  put(out, used_.size);
  put(out, used_.last);
  put(out, used_.runs);
  for (const auto network : networks_.habit) put(out, std::uint64_t{network});
  for (const auto network : networks_.seen) put(out, std::uint64_t{network});
  put(out, next_use_);
  put(out, std::uint64_t{uses_.size()});
  for (const auto& one : uses_) {
    put(out, one.key);
    put(out, one.recipients);
  }
}

Result<ApprovalInForce> ApprovalInForce::load(std::string_view& bytes) {
  Reader in(bytes);
  ApprovalInForce out;
  Approval& a = out.approval_;
  ApprovalTerms& terms = a.terms;
  a.id = in.number();
  a.account = in.text();
  const std::uint64_t state = in.number();
  a.state = static_cast<ApprovalState>(state >> 8 & 3U);
  a.cause = static_cast<ApprovalCause>(state & 3U);
  a.epoch = in.number();
  a.created = in.time();
  a.created_by = in.text();
  a.changed = in.time();
  a.changed_by = in.text();
  a.reason = in.text();
  const std::uint64_t budget = in.number();
  terms.recipients = static_cast<std::uint32_t>(budget >> 32);
  terms.each = static_cast<std::uint32_t>(budget);
  terms.size_min = in.number();
  terms.size_max = in.number();
  if (const auto network = in.text(); !network.empty()) {
    auto parsed = IpNetwork::parse(network);
    if (!parsed) return std::unexpected(parsed.error());
    terms.network = *parsed;
  }
  terms.from = in.time();
  terms.until = in.time();
  const std::uint64_t repeat = in.number();
  terms.repeat = static_cast<ApprovalRepeat>(repeat >> 32 & 3U);
  terms.days = static_cast<std::uint32_t>(repeat);
  const std::uint64_t start = in.number();
  terms.start_minute = static_cast<std::uint16_t>(start >> 16);
  terms.minutes = static_cast<std::uint16_t>(start);
  terms.zone = in.text();
  terms.zone_rule = in.text();
  out.used_.opened = in.time();
  const std::uint64_t used = in.number();
  out.used_.recipients = static_cast<std::uint32_t>(used >> 32);
  out.used_.messages = static_cast<std::uint32_t>(used);
  out.used_.size = in.number();
  out.used_.last = in.time();
  out.used_.runs = in.number();
  for (auto& network : out.networks_.habit) network = static_cast<std::uint32_t>(in.number());
  for (auto& network : out.networks_.seen) network = static_cast<std::uint32_t>(in.number());
  out.next_use_ = in.number();
  const std::uint64_t count = in.number();
  if (!in.well() || count > k_approval_uses_max) return bad_input("an approval is cut");
  for (std::uint64_t i = 0; i < count && in.well(); ++i) {
    const std::uint64_t key = in.number();
    out.uses_.push_back({key, in.number()});
  }
  if (!in.well()) return bad_input("an approval is cut");
  out.read_zone();
  return out;
}

}  // namespace sekimori::decide
