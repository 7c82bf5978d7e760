#include "app/ways_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/ways_reading.h"
#include "wire/sieve.h"

namespace sekimori::app {

using decide::WayKind;
using decide::WayState;
using store::WaysWrite;

namespace {

constexpr std::size_t k_page = 1000;
// Pages read in one look: 5000 accounts, some 100 ms. The first round is made in one go, so that
// what stands before the first incident is known.
constexpr int k_pages_a_look = 5;
constexpr std::size_t k_untold_at_once = 500;
constexpr std::size_t k_sieve_failures_max = 2;  // in one look
constexpr Duration k_prune_interval = hours(1);
// A database's clock has no fractions: an account made within this second may be older.
constexpr Duration k_clock_step = seconds(1);

}  // namespace

WaysService::WaysService(WaysParts parts, WaysSettings settings)
    : parts_(std::move(parts)), settings_(settings) {}

WaysService::~WaysService() { stop(); }

// ---------------------------------------------------------------- the thread

void WaysService::start() {
  thread_.start("ways", [this](bool is_called) { return std::optional(work(is_called)); });
}

void WaysService::stop() { thread_.stop(); }

void WaysService::soon(const std::string& account) {
  {
    const std::lock_guard lock(mutex_);
    if (soon_.size() >= k_soon_max) return;
    soon_.insert(account);
  }
  thread_.wake();
}

act::WorkerThread::Clock::time_point WaysService::work(bool is_called) {
  if (is_called && act::WorkerThread::Clock::now() < next_look_) {
    Result<void> done;
    {
      const std::lock_guard working(work_);
      done = drain_soon();
    }
    tell_judge();
    if (done) return next_look_;
    note(&done.error());
  }
  look();
  next_look_ =
      act::WorkerThread::Clock::now() + std::chrono::microseconds(settings_.watch_interval.us);
  return next_look_;
}

void WaysService::note(const Error* error) {
  const std::string text = error == nullptr ? std::string() : error->text;
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    is_news = trouble_ != text;
    trouble_ = text;
  }
  if (is_news && parts_.log) {
    parts_.log(text.empty() ? "ways mail leaves: well again"
                            : fmt::format("ways mail leaves: {}", text));
  }
}

std::string WaysService::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void WaysService::look() {
  Result<void> done;
  {
    const std::lock_guard working(work_);
    done = walk_rows();
    for (const auto step : {&WaysService::drain_soon, &WaysService::walk_sieve}) {
      if (auto next = (this->*step)(); done && !next) done = next;
    }
    const Instant now = parts_.now();
    if (now >= next_prune_ || next_prune_ - now > k_prune_interval) {
      if (auto pruned = parts_.store.prune(now - settings_.retention); done && !pruned) {
        done = pruned;
      }
      next_prune_ = now + k_prune_interval;
    }
  }
  tell_judge();
  note(done ? nullptr : &done.error());
}

Result<void> WaysService::walk_rows() {
  if (!is_loaded_) {
    auto rows = parts_.store.watch("rows");
    if (!rows) return std::unexpected(rows.error());
    auto sieve = parts_.store.watch("sieve");
    if (!sieve) return std::unexpected(sieve.error());
    rows_ = std::move(*rows);
    sieve_ = std::move(*sieve);
    is_loaded_ = true;
  }
  for (int page = 0; page < k_pages_a_look || rows_.rounds == 0; ++page) {
    const Instant now = parts_.now();
    auto found = parts_.accounts.ways(rows_.after, k_page);
    if (!found) return std::unexpected(found.error());
    const bool is_last = found->size() < k_page;
    const std::string last = is_last ? "" : found->back().account;
    auto known = parts_.store.known(rows_.after, last);
    if (!known) return std::unexpected(known.error());
    WaysWrite write;
    write.watch = rows_;
    if (rows_.after.empty()) write.watch.begun = now;
    const std::vector<Way> none;
    for (auto& row : *found) {
      const auto old = known->find(row.account);
      Seen seen{row.account, row.created, std::move(row.ways), {}, true, false, false};
      auto done = compare(seen, old == known->end() ? none : old->second, {}, write);
      if (!done) return done;
      if (old != known->end()) known->erase(old);
    }
    for (const auto& [account, ways] : *known) write.gone.push_back(account);
    write.watch_name = "rows";
    write.watch.after = last;
    if (is_last) {
      ++write.watch.rounds;
      write.watch.before = write.watch.begun;
    }
    if (auto done = parts_.store.write(write); !done) return done;
    rows_ = write.watch;
    if (is_last) break;
  }
  return {};
}

Result<void> WaysService::walk_sieve() {
  if (settings_.sieve_per_look == 0 || parts_.hands.doveadm() == nullptr || !is_loaded_) return {};
  auto page = parts_.accounts.ways(sieve_.after, settings_.sieve_per_look);
  if (!page) return std::unexpected(page.error());
  WaysWrite write;
  write.watch = sieve_;
  if (sieve_.after.empty()) write.watch.begun = parts_.now();
  std::size_t looked = 0;
  std::size_t failed = 0;
  Result<void> last;
  for (const auto& row : *page) {
    Seen seen;
    seen.account = row.account;
    seen.created = row.created;
    auto read = read_sieve(seen);
    ++looked;
    if (!read) {
      // One mailbox that cannot be read holds up nobody; a Dovecot that hangs is not waited for.
      last = std::unexpected(read.error());
      if (++failed == k_sieve_failures_max) break;
      continue;
    }
    if (!*read) continue;
    auto known = parts_.store.known_of(row.account);
    if (!known) return std::unexpected(known.error());
    if (auto done = compare(seen, *known, {}, write); !done) return done;
  }
  if (failed > 0 && failed == looked) return last;  // Dovecot is away: again from here
  const bool is_last = looked == page->size() && page->size() < settings_.sieve_per_look;
  write.watch_name = "sieve";
  write.watch.after = is_last ? "" : (*page)[looked - 1].account;
  if (is_last) {
    ++write.watch.rounds;
    write.watch.before = write.watch.begun;
  }
  auto done = parts_.store.write(write);
  if (!done) return done;
  sieve_ = write.watch;
  return last;
}

Result<void> WaysService::drain_soon() {
  std::set<std::string> accounts;
  {
    const std::lock_guard lock(mutex_);
    accounts.swap(soon_);
  }
  Result<void> done;
  for (const std::string& account : accounts) {
    if (auto seen = look_at(account, {}, true); !seen) done = std::unexpected(seen.error());
  }
  return done;
}

// ---------------------------------------------------------------- reading

Result<bool> WaysService::read_sieve(Seen& seen) {
  act::Doveadm* const doveadm = parts_.hands.doveadm();
  if (doveadm == nullptr || parts_.is_inactive(seen.account)) return false;
  const auto nothing = [](const Error& error) -> Result<bool> {
    // No Sieve here, or a mailbox that Dovecot does not know now: nothing is known, nothing gone.
    if (error.kind == ErrorKind::bad_input || error.kind == ErrorKind::not_found) return false;
    return std::unexpected(error);
  };
  auto scripts = doveadm->sieve_list(seen.account);
  if (!scripts) return nothing(scripts.error());
  std::ranges::sort(*scripts, {}, &act::DoveadmScript::name);
  if (scripts->size() > k_scripts_max) {
    // The active one is among those that are looked at.
    std::ranges::stable_partition(*scripts, &act::DoveadmScript::is_active);
    scripts->resize(k_scripts_max);
  }
  for (const auto& script : *scripts) {
    if (script.is_active) seen.ways.push_back({WayKind::sieve_active, "", script.name});
    auto content = doveadm->sieve_get(seen.account, script.name);
    if (!content) return nothing(content.error());
    if (content->size() > wire::k_sieve_max) content->resize(wire::k_sieve_max);
    seen.ways.push_back({WayKind::sieve_script, decide::way_key(script.name), std::move(*content)});
  }
  std::ranges::sort(seen.ways);
  seen.has_sieve = true;
  return true;
}

Result<std::optional<WaysService::Seen>> WaysService::read(const std::string& account) {
  auto row = parts_.accounts.ways_of(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<Seen>();
  Seen seen{
      account, (*row)->created, std::move((*row)->ways), std::move((*row)->suspended), true, false,
      false};
  auto read = read_sieve(seen);
  // Rows are good for something while Dovecot is away; who needs the scripts looks at has_sieve.
  if (!read && parts_.log) parts_.log(fmt::format("Sieve of {}: {}", account, read.error().text));
  return std::optional(std::move(seen));
}

Result<void> WaysService::compare(const Seen& seen, const std::vector<Way>& known,
                                  const Whose& whose, WaysWrite& write) {
  std::vector<Way> sorted = known;
  std::ranges::sort(sorted);
  auto changes = decide::differences(sorted, seen.ways, seen.has_rows, seen.has_sieve);
  if (changes.empty()) return {};
  // What stands now, with what was not looked at as it was.
  std::vector<Way> now = seen.ways;
  for (const Way& way : sorted) {
    const bool is_covered = decide::is_sieve(way.kind) ? seen.has_sieve : seen.has_rows;
    if (!is_covered) now.push_back(way);
  }
  WaysWrite::Account account;
  account.name = seen.account;
  // Looked at before, and not made since?
  const auto has_basis = [&seen](const store::WayWatch& watch) {
    const bool is_new = seen.created.is_set() && seen.created + k_clock_step > watch.before;
    return watch.rounds > 0 ? !is_new : !watch.after.empty() && seen.account <= watch.after;
  };
  const bool has_rows_basis = has_basis(rows_);
  const bool has_sieve_basis = has_basis(sieve_);
  const auto directory = parts_.directory();
  std::vector<WayChange> earlier;
  if (whose.kind != Whose::us) {
    auto latest = parts_.store.latest(seen.account);
    if (!latest) return std::unexpected(latest.error());
    earlier = std::move(*latest);
  }
  for (WayChange& change : changes) {
    if (change.after) {
      account.put.push_back({change.kind, change.key, *change.after});
    } else {
      account.remove.emplace_back(change.kind, change.key);
    }
    if (whose.kind == Whose::us) continue;
    // A pause, or an answer, that was killed before it was noted.
    const bool is_ours = std::ranges::any_of(earlier, [&](const WayChange& last) {
      if (last.kind != change.kind || last.key != change.key) return false;
      if (last.state == WayState::paused || last.state == WayState::reverted) {
        return change.after == last.before;
      }
      return last.state == WayState::kept && change.before == last.before &&
             change.after == last.after;
    });
    if (is_ours) continue;
    change.account = seen.account;
    change.seen = parts_.now();
    change.is_external = is_external(change, sorted, now, *directory);
    const bool sieve = decide::is_sieve(change.kind);
    if (sieve ? !has_sieve_basis : !has_rows_basis) {
      // The first look is no change. But where Dovecot tells of one and mail leaves by it, it is,
      // whatever stood there before.
      const bool is_planted =
          sieve && seen.is_told_of && change.is_external && change.kind == WayKind::sieve_active;
      if (!is_planted) continue;
    } else {
      const store::WayWatch& watch = sieve ? sieve_ : rows_;
      const bool is_past = !watch.after.empty() && seen.account <= watch.after;
      change.looked = is_past ? watch.begun : watch.before;
      if (!sieve && change.looked.is_set()) {
        // A log that cannot be read now tells nothing, and holds nothing up.
        auto editor = parts_.accounts.editor_of(
            seen.account, change.kind, change.looked - k_clock_step, change.seen + k_clock_step);
        if (editor) change.editor = std::move(*editor);
        // What an administrator did says nothing about the owner.
        if (!change.editor.empty()) change.is_told = true;
      }
    }
    if (whose.kind == Whose::person) {
      change.state = WayState::kept;
      change.is_told = true;
      change.by = whose.by;
      change.changed = change.seen;
    }
    write.changes.push_back(std::move(change));
  }
  write.accounts.push_back(std::move(account));
  return {};
}

Result<std::optional<WaysService::Seen>> WaysService::look_at(const std::string& account,
                                                              const Whose& whose, bool is_told_of) {
  if (!is_loaded_) {
    // Before the first walk nothing is known of anybody.
    if (auto walked = walk_rows(); !walked) return std::unexpected(walked.error());
  }
  auto seen = read(account);
  if (!seen || !*seen) return seen;
  (*seen)->is_told_of = is_told_of;
  auto known = parts_.store.known_of(account);
  if (!known) return std::unexpected(known.error());
  WaysWrite write;
  if (auto done = compare(**seen, *known, whose, write); !done) {
    return std::unexpected(done.error());
  }
  if (!write.accounts.empty()) {
    if (auto done = parts_.store.write(write); !done) return std::unexpected(done.error());
  }
  return seen;
}

Result<void> WaysService::quietly(const std::string& account, const std::string& by,
                                  const std::function<Result<void>()>& work) {
  const std::lock_guard working(work_);
  // What somebody else changed until now is theirs. A memory that is away keeps nobody from acting.
  const bool is_known = look_at(account, {}).has_value();
  if (auto done = work(); !done) return done;
  if (is_known) (void)look_at(account, {Whose::person, by});
  return {};
}

void WaysService::tell_judge() {
  auto changes = parts_.store.untold(k_untold_at_once);
  if (!changes || changes->empty()) return;
  const auto directory = parts_.directory();
  for (WayChange& change : *changes) {
    change.is_told = true;
    // While the owner comes back, changes are the owner's, or are asked about.
    if (parts_.standing(change.account) == Standing::recovering) continue;
    auto body = settings_change(change, *directory);
    if (!body) continue;
    Event event;
    event.t = change.seen;
    event.host = parts_.host;
    event.id = fmt::format("w:{}", change.id);  // heard twice after a crash it counts once
    event.account = change.account;
    event.body = std::move(*body);
    parts_.tell_judge(event);
  }
  // Not noted: it is told again, and counted once.
  (void)parts_.store.put(*changes);
}

}  // namespace sekimori::app
