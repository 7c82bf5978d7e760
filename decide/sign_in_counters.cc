#include "decide/sign_in_counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstring>
#include <mutex>

#include "decide/kept_records.h"

namespace sekimori::decide {
namespace {

constexpr std::size_t k_shards_of_kind = 64;
constexpr std::uint32_t k_none = 0xFFFFFFFF;
constexpr std::string_view k_head = "sekimori sign-in counters 1\n";
// Marks of linear counting, and what all of them set stand for.
constexpr double k_marks = 64;
constexpr std::uint64_t k_marks_full = 300;

// length u16 (of what follows), kind u8, gone u8, layout u32, hash u64, cells u64…, check u32
constexpr std::size_t k_fixed = 16;

bool does_count(SignInCount count, bool ok) {
  switch (count) {
    case SignInCount::ok: return ok;
    case SignInCount::all: return true;
    case SignInCount::failed:
    case SignInCount::passwords: return !ok;
  }
  return false;
}

}  // namespace

struct SignInCounters::Shard {
  struct Row {
    std::uint64_t hash = 0;
    std::uint32_t newer = k_none;  // the list from the longest untouched to the latest
    std::uint32_t older = k_none;
    bool changed = false;  // since take_changes()
  };
  mutable std::mutex mutex;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> index;
  std::vector<Row> rows;
  std::vector<std::uint64_t> cells;
  std::vector<std::uint32_t> changed;
  std::vector<std::uint64_t> gone;  // hashes, since take_changes()
  std::vector<std::uint32_t> spare;
  std::uint32_t oldest = k_none;
  std::uint32_t latest = k_none;

  void unlink(std::uint32_t at) {
    Row& row = rows[at];
    (row.older == k_none ? oldest : rows[row.older].newer) = row.newer;
    (row.newer == k_none ? latest : rows[row.newer].older) = row.older;
    row.newer = row.older = k_none;
  }
  void link(std::uint32_t at) {
    Row& row = rows[at];
    row.older = latest;
    row.newer = k_none;
    (latest == k_none ? oldest : rows[latest].newer) = at;
    latest = at;
  }
  void mark(std::uint32_t at) {
    if (rows[at].changed) return;
    rows[at].changed = true;
    changed.push_back(at);
  }
};

struct SignInCounters::Table {
  std::vector<std::size_t> windows;  // their numbers in the options
  std::vector<std::size_t> starts;   // where the cells of each begin in a row
  std::size_t width = 0;             // cells of a row
  std::size_t rows_max = 0;          // of a shard
  std::uint32_t layout = 0;          // rows of another layout mean something else
  std::array<Shard, k_shards_of_kind> shards;

  Shard& shard_of(std::uint64_t hash) { return shards[hash % k_shards_of_kind]; }
  std::uint64_t* cells_of(Shard& shard, std::uint32_t at) { return &shard.cells[at * width]; }

  // Finds or makes the row and makes it the latest. Under the shard's lock.
  std::uint32_t touch(Shard& shard, std::uint64_t hash) {
    const auto [it, is_new] = shard.index.try_emplace(hash, 0);
    if (!is_new) {
      const std::uint32_t at = it->second;
      if (shard.latest != at) {
        shard.unlink(at);
        shard.link(at);
      }
      return at;
    }
    std::uint32_t at = 0;
    if (!shard.spare.empty()) {
      at = shard.spare.back();
      shard.spare.pop_back();
    } else if (shard.rows.size() < rows_max) {
      at = static_cast<std::uint32_t>(shard.rows.size());
      shard.rows.emplace_back();
      shard.cells.resize(shard.cells.size() + width);
    } else {
      at = shard.oldest;
      shard.unlink(at);
      // A file that still has it gives it up by its own bound when it is read.
      shard.index.erase(shard.rows[at].hash);
      shard.index[hash] = at;
    }
    shard.index[hash] = at;
    shard.rows[at].hash = hash;
    std::fill_n(cells_of(shard, at), width, 0);
    shard.link(at);
    return at;
  }
  bool forget(Shard& shard, std::uint64_t hash) {
    const auto it = shard.index.find(hash);
    if (it == shard.index.end()) return false;
    const std::uint32_t at = it->second;
    shard.index.erase(it);
    shard.unlink(at);
    shard.rows[at].hash = 0;
    shard.spare.push_back(at);
    return true;
  }
  void append_record(std::string& out, std::size_t kind, std::uint64_t hash,
                     const std::uint64_t* cells) const {
    const std::size_t start = out.size();
    const std::size_t count = cells == nullptr ? 0 : width;
    append_number(out, static_cast<std::uint16_t>(k_fixed + count * 8 + 4));
    append_number(out, static_cast<std::uint8_t>(kind));
    append_number(out, static_cast<std::uint8_t>(cells == nullptr ? 1 : 0));
    append_number(out, layout);
    append_number(out, hash);
    for (std::size_t i = 0; i < count; ++i) append_number(out, cells[i]);
    append_number(out, record_sum(std::string_view(out).substr(start)));
  }
};

SignInCounters::SignInCounters(SignInCounterOptions options) : options_(std::move(options)) {
  for (std::size_t kind = 0; kind < k_tables; ++kind) {
    auto table = std::make_unique<Table>();
    std::string layout;
    for (std::size_t i = 0; i < options_.windows.size(); ++i) {
      const SignInWindow& window = options_.windows[i];
      if (kind == k_known || static_cast<std::size_t>(window.key) != kind) continue;
      table->windows.push_back(i);
      table->starts.push_back(table->width);
      // The number of the newest window, and one bucket for each.
      table->width += 1 + window.windows;
      layout += fmt::format("{} {} {};", to_string(window.count), window.seconds, window.windows);
    }
    if (kind == k_known) table->width = 1;  // the second of the last success
    table->layout = record_sum(layout) ^ static_cast<std::uint32_t>(kind);
    table->rows_max = std::max<std::size_t>(options_.rows_max / k_shards_of_kind + 1, 8);
    tables_[kind] = std::move(table);
  }
}

SignInCounters::~SignInCounters() = default;

std::uint64_t SignInCounters::key_of(SignInKey kind, const SignInFact& fact) const {
  const auto of_ip = [&](const IpAddress& ip) {
    return keyed_hash(options_.key, std::span(ip.bytes()));
  };
  switch (kind) {
    case SignInKey::login: return fact.login.empty() ? 0 : keyed_hash(options_.key, fact.login);
    case SignInKey::ip: return fact.ip.is_set() ? of_ip(fact.ip) : 0;
    case SignInKey::net: return fact.ip.is_set() ? mix64(of_ip(fact.ip.network(24, 64))) : 0;
    case SignInKey::login_ip:
      if (fact.login.empty() || !fact.ip.is_set()) return 0;
      return mix64(keyed_hash(options_.key, fact.login) ^ mix64(of_ip(fact.ip)));
  }
  return 0;
}

std::uint64_t SignInCounters::known_key(const SignInFact& fact) const {
  if (fact.login.empty() || !fact.ip.is_set()) return 0;
  const IpAddress network = fact.ip.network(24, 64);
  return mix64(keyed_hash(options_.key, fact.login) +
               mix64(keyed_hash(options_.key, std::span(network.bytes()))));
}

void SignInCounters::add(std::uint64_t* cells, const SignInWindow& window, const SignInFact& fact,
                         bool ok, Instant now) const {
  if (!does_count(window.count, ok)) return;
  const std::uint64_t n = window.windows;
  const std::uint64_t at = now.seconds32() / window.seconds;
  std::uint64_t& newest = cells[0];
  std::uint64_t* const buckets = cells + 1;
  if (at > newest) {
    const std::uint64_t steps = std::min<std::uint64_t>(at - newest, n);
    for (std::uint64_t i = 0; i < steps; ++i) buckets[(at - i) % n] = 0;
    newest = at;
  } else if (newest - at >= n) {
    return;  // older than all that is looked at
  }
  std::uint64_t& bucket = buckets[at % n];
  if (window.count == SignInCount::passwords) {
    // Without a hash every wrong password looks the same: one.
    const std::uint64_t mark = fact.pwhash.empty() ? 0 : keyed_hash(options_.key, fact.pwhash) % 64;
    bucket |= 1ULL << mark;
  } else {
    ++bucket;
  }
}

std::uint64_t SignInCounters::count(const std::uint64_t* cells, const SignInWindow& window,
                                    Instant now) const {
  const std::uint64_t n = window.windows;
  const std::uint64_t at = now.seconds32() / window.seconds;
  const std::uint64_t newest = cells[0];
  const std::uint64_t* const buckets = cells + 1;
  std::uint64_t total = 0;
  std::uint64_t marks = 0;
  for (std::uint64_t i = 0; i < n && i <= newest; ++i) {
    const std::uint64_t which = newest - i;
    if (which + n <= at) break;
    total += buckets[which % n];
    marks |= buckets[which % n];
  }
  if (window.count != SignInCount::passwords) return total;
  const int set = std::popcount(marks);
  if (set == 64) return k_marks_full;
  return static_cast<std::uint64_t>(std::llround(-k_marks * std::log(1.0 - set / k_marks)));
}

void SignInCounters::note(const SignInFact& fact, bool ok, Instant now) {
  for (std::size_t kind = 0; kind < k_sign_in_keys; ++kind) {
    Table& table = *tables_[kind];
    if (table.width == 0) continue;
    const bool any = std::ranges::any_of(
        table.windows, [&](std::size_t i) { return does_count(options_.windows[i].count, ok); });
    const std::uint64_t hash = any ? key_of(static_cast<SignInKey>(kind), fact) : 0;
    if (hash == 0) continue;
    Shard& shard = table.shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    const std::uint32_t at = table.touch(shard, hash);
    std::uint64_t* const cells = table.cells_of(shard, at);
    for (std::size_t i = 0; i < table.windows.size(); ++i) {
      add(cells + table.starts[i], options_.windows[table.windows[i]], fact, ok, now);
    }
    shard.mark(at);
  }
  // Where logins are counted, their owners' networks must be known.
  if (!ok || tables_[static_cast<std::size_t>(SignInKey::login)]->width == 0) return;
  const std::uint64_t hash = known_key(fact);
  if (hash == 0) return;
  Table& table = *tables_[k_known];
  Shard& shard = table.shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const std::uint32_t at = table.touch(shard, hash);
  std::uint64_t& last = *table.cells_of(shard, at);
  // Once an hour is enough for a memory of weeks.
  if (now.seconds32() < last + 3600) return;
  last = now.seconds32();
  shard.mark(at);
}

// work(cells) under the shard's lock where there is such a row.
template <class Work>
void SignInCounters::look(std::size_t kind, std::uint64_t hash, const Work& work) const {
  if (hash == 0) return;
  Table& table = *tables_[kind];
  Shard& shard = table.shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.index.find(hash);
  if (it != shard.index.end()) work(table.cells_of(shard, it->second));
}

// work(window, how many were counted) for each rule of a kind.
template <class Work>
void SignInCounters::each_count(std::size_t kind, const SignInFact& fact, Instant now,
                                const Work& work) const {
  const Table& table = *tables_[kind];
  if (table.width == 0) return;
  look(kind, key_of(static_cast<SignInKey>(kind), fact), [&](const std::uint64_t* cells) {
    for (std::size_t i = 0; i < table.windows.size(); ++i) {
      const SignInWindow& window = options_.windows[table.windows[i]];
      work(window, count(cells + table.starts[i], window, now));
    }
  });
}

bool SignInCounters::knows(const SignInFact& fact, Instant now) const {
  bool known = false;
  look(k_known, known_key(fact), [&](const std::uint64_t* last) {
    known = *last + static_cast<std::uint64_t>(k_known_for.seconds()) > now.seconds32();
  });
  return known;
}

std::vector<SignInCounters::Figure> SignInCounters::figures(const SignInFact& fact,
                                                            Instant now) const {
  const bool pair = !fact.login.empty() && fact.ip.is_set();
  std::vector<Figure> out;
  for (std::size_t kind = 0; kind < k_sign_in_keys; ++kind) {
    if (pair != (static_cast<SignInKey>(kind) == SignInKey::login_ip)) continue;
    each_count(kind, fact, now,
               [&](const SignInWindow& window, std::uint64_t n) { out.push_back({&window, n}); });
  }
  return out;
}

std::optional<SignInCounters::Over> SignInCounters::over(const SignInFact& fact,
                                                         Instant now) const {
  std::optional<Over> worst;
  const auto weight = [](const SignInWindow& w) {
    return w.refuse ? k_sign_in_delay_max + 1 : w.delay;
  };
  std::optional<bool> known;
  for (std::size_t kind = 0; kind < k_sign_in_keys; ++kind) {
    std::optional<Over> found;
    each_count(kind, fact, now, [&](const SignInWindow& window, std::uint64_t n) {
      if (n > window.limit && (!found || weight(window) > weight(*found->window))) {
        found = Over{&window, n};
      }
    });
    if (!found || (worst && weight(*found->window) <= weight(*worst->window))) continue;
    if (found->window->key == SignInKey::login) {
      if (!known) known = knows(fact, now);
      if (*known) continue;
    }
    worst = found;
  }
  return worst;
}

bool SignInCounters::reset(const SignInFact& fact) {
  bool any = false;
  for (std::size_t kind = 0; kind < k_sign_in_keys; ++kind) {
    Table& table = *tables_[kind];
    const std::uint64_t hash = table.width == 0 ? 0 : key_of(static_cast<SignInKey>(kind), fact);
    if (hash == 0) continue;
    Shard& shard = table.shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    if (!table.forget(shard, hash)) continue;
    shard.gone.push_back(hash);
    any = true;
  }
  return any;
}

std::size_t SignInCounters::rows() const {
  std::size_t n = 0;
  for (const auto& table : tables_) {
    for (const Shard& shard : table->shards) {
      const std::lock_guard lock(shard.mutex);
      n += shard.index.size();
    }
  }
  return n;
}

std::uint64_t SignInCounters::hash() const {
  std::uint64_t sum = 0;
  for (std::size_t kind = 0; kind < k_tables; ++kind) {
    Table& table = *tables_[kind];
    for (Shard& shard : table.shards) {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [hash, at] : shard.index) {
        std::uint64_t row = mix64(hash + kind);
        for (std::size_t i = 0; i < table.width; ++i) {
          row = mix64(row ^ table.cells_of(shard, at)[i]);
        }
        sum += row;  // the order of rows does not matter
      }
    }
  }
  return sum;
}

void SignInCounters::take_changes(std::string& out) {
  for (std::size_t kind = 0; kind < k_tables; ++kind) {
    Table& table = *tables_[kind];
    for (Shard& shard : table.shards) {
      const std::lock_guard lock(shard.mutex);
      for (const std::uint64_t hash : shard.gone) table.append_record(out, kind, hash, nullptr);
      shard.gone.clear();
      for (const std::uint32_t at : shard.changed) {
        Shard::Row& row = shard.rows[at];
        row.changed = false;
        if (row.hash != 0) {
          table.append_record(out, kind, row.hash, table.cells_of(shard, at));
        }
      }
      shard.changed.clear();
    }
  }
}

Result<void> SignInCounters::dump(const std::function<Result<void>(std::string_view)>& each) const {
  std::string part;
  for (std::size_t kind = 0; kind < k_tables; ++kind) {
    Table& table = *tables_[kind];
    for (Shard& shard : table.shards) {
      part.clear();
      {
        const std::lock_guard lock(shard.mutex);
        // The longest untouched first, so that a reader gives up the same ones.
        for (std::uint32_t at = shard.oldest; at != k_none; at = shard.rows[at].newer) {
          table.append_record(part, kind, shard.rows[at].hash, table.cells_of(shard, at));
        }
      }
      if (part.empty()) continue;
      if (auto done = each(part); !done) return done;
    }
  }
  return {};
}

std::string_view SignInCounters::head() { return k_head; }

Result<std::size_t> SignInCounters::load(std::string_view bytes) {
  if (!bytes.starts_with(k_head)) return bad_input("these are no sign-in counters");
  bytes.remove_prefix(k_head.size());
  std::size_t taken = 0;
  while (bytes.size() >= 2) {
    const std::size_t length = number_at<std::uint16_t>(bytes, 0);
    if (length < k_fixed + 4 || bytes.size() < length) break;
    const std::string_view record = bytes.substr(0, length);
    if (number_at<std::uint32_t>(record, length - 4) != record_sum(record.substr(0, length - 4))) {
      break;
    }
    bytes.remove_prefix(length);
    const std::size_t kind = number_at<std::uint8_t>(record, 2);
    const bool gone = number_at<std::uint8_t>(record, 3) != 0;
    if (kind >= k_tables) continue;
    Table& table = *tables_[kind];
    const std::size_t width = (length - k_fixed - 4) / 8;
    if (number_at<std::uint32_t>(record, 4) != table.layout || table.width == 0) continue;
    const auto hash = number_at<std::uint64_t>(record, 8);
    Shard& shard = table.shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    if (gone) {
      table.forget(shard, hash);
    } else if (width == table.width) {
      const std::uint32_t at = table.touch(shard, hash);
      std::memcpy(table.cells_of(shard, at), record.data() + k_fixed, width * 8);
      ++taken;
    }
  }
  return taken;
}

}  // namespace sekimori::decide
