// What a containment pauses, and what people say of a change.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "app/ways_reading.h"
#include "app/ways_service.h"
#include "decide/standing.h"

namespace sekimori::app {

using decide::WayKind;
using decide::WayState;
using decide::WayView;
using store::WaysWrite;

namespace {

// The executor's other steps wait meanwhile.
constexpr std::chrono::seconds k_domain_work_for{10};
constexpr std::size_t k_accounts_at_once = 100;
constexpr std::size_t k_domains_max = 1000;  // steps of domains at once
constexpr std::size_t k_shown_within_max = 1000;

// The containment came with a row of its own where it suspended an app password that stood before.
bool is_old_app_password(const decide::WayChange& change) {
  return change.kind == WayKind::app_password && change.before == change.after;
}

std::string joined(const std::vector<std::string>& words) {
  constexpr std::size_t k_named = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(words.size(), k_named); ++i) {
    text += (i == 0 ? "" : ", ") + words[i];
  }
  if (words.size() > k_named) text += fmt::format(" and {} more", words.size() - k_named);
  return text;
}

bool stands(const std::vector<decide::Way>& ways, const decide::WayChange& change) {
  return std::ranges::any_of(ways, [&](const decide::Way& way) {
    return way.kind == change.kind && way.key == change.key && way.content == change.after;
  });
}

// Every list the account's alias is known to have been.
std::vector<std::string> lists_of(const std::vector<decide::WayChange>& changes) {
  std::vector<std::string> lists;
  for (const auto& change : changes) {
    if (change.kind != WayKind::alias) continue;
    if (change.before) lists.push_back(*change.before);
    if (change.after) lists.push_back(*change.after);
  }
  return lists;
}

}  // namespace

Result<WaysService::Incident> WaysService::incident_of(std::uint64_t id) {
  auto found = parts_.incidents.incident(id);
  if (!found) return std::unexpected(found.error());
  if (!*found || (*found)->subject.kind == decide::SubjectKind::server) {
    return not_found(fmt::format("there is no incident {} of an account or a domain", id));
  }
  const decide::Incident& incident = **found;
  const bool is_account = incident.subject.kind == decide::SubjectKind::account;
  return Incident{id, is_account ? incident.subject.id : "", is_account ? "" : incident.subject.id,
                  incident.onset.is_set() ? incident.onset : incident.opened, incident.closed};
}

// ---------------------------------------------------------------- the executor's steps

Result<Text> WaysService::carry_out(const decide::Step& step, Standing in_force) {
  Result<Text> words;
  {
    const std::lock_guard working(work_);
    auto found = incident_of(step.incident);
    if (!found && found.error().kind != ErrorKind::not_found) return std::unexpected(found.error());
    const bool is_account = step.subject.kind == decide::SubjectKind::account;
    Incident incident{step.incident, step.subject.id, "", step.created, {}};
    if (found) incident.onset = found->onset;
    if (!is_account) std::swap(incident.account, incident.domain);
    words = is_account ? carry_out_for(incident, step.kind, in_force == Standing::suspended)
                       : carry_out_within(incident, step);
  }
  tell_judge();
  return words;
}

Result<Text> WaysService::carry_out_for(const Incident& incident, decide::StepKind kind, bool all) {
  switch (kind) {
    case decide::StepKind::suspend_app_passwords: return suspend_app_passwords(incident, all);
    case decide::StepKind::pause_forwards: return pause_forwards(incident);
    case decide::StepKind::resume_app_passwords: return resume_app_passwords(incident);
    default: return bad_input("not a step of the ways mail leaves");
  }
}

// What a whole domain's accounts have from before stays: nobody signs in meanwhile (guard.db), and
// thousands would have to be put back. What is new since the onset is taken away.
Result<Text> WaysService::carry_out_within(const Incident& incident, const decide::Step& step) {
  const auto until = std::chrono::steady_clock::now() + k_domain_work_for;
  if (!is_loaded_) {
    if (auto walked = walk_rows(); !walked) return std::unexpected(walked.error());
  }
  if (domains_.size() > k_domains_max) domains_.clear();
  const auto [at, is_first] = domains_.try_emplace({incident.id, step.kind});
  DomainWork& work = at->second;
  // Where the walk is in the middle of a round, that one and the next see everybody.
  if (is_first) work.rounds = rows_.rounds + (rows_.after.empty() ? 1 : 2);
  while (rows_.rounds < work.rounds) {
    if (auto walked = walk_rows(); !walked) return std::unexpected(walked.error());
    if (std::chrono::steady_clock::now() >= until && rows_.rounds < work.rounds) {
      return operating_failure("the accounts' ways are still being looked at");
    }
  }
  while (true) {
    auto accounts = parts_.store.changed_accounts(incident.domain, incident.onset, work.after,
                                                  k_accounts_at_once);
    if (!accounts) return std::unexpected(accounts.error());
    for (const std::string& account : *accounts) {
      if (std::chrono::steady_clock::now() >= until) {
        return operating_failure(
            fmt::format("{} accounts are looked after; going on", work.accounts));
      }
      const Incident one{incident.id, account, "", incident.onset, incident.closed};
      if (auto done = carry_out_for(one, step.kind, false); !done) {
        return std::unexpected(
            Error{done.error().kind, fmt::format("{}: {}", account, done.error().text)});
      }
      ++work.accounts;
      work.after = account;
    }
    if (accounts->size() < k_accounts_at_once) break;
  }
  const std::size_t accounts = work.accounts;
  domains_.erase(at);
  return Text{fmt::format("変更のあったアカウント {} 件を処理しました", accounts),
              fmt::format("{} accounts with changes were looked after", accounts)};
}

Result<Text> WaysService::suspend_app_passwords(const Incident& incident, bool all) {
  auto looked = look_at(incident.account, {});
  if (!looked) return std::unexpected(looked.error());
  if (!*looked) return Text{"このアカウントはありません", "there is no such account"};
  const Seen& seen = **looked;
  auto changes = parts_.store.changes(incident.account, incident.onset);
  if (!changes) return std::unexpected(changes.error());
  std::vector<std::string> keys;
  std::vector<WayChange> marks;
  WaysWrite write;
  for (const Way& way : seen.ways) {
    if (way.kind != WayKind::app_password) continue;
    bool is_newer = false;
    bool is_marked = false;
    for (const WayChange& change : *changes) {
      if (change.kind != way.kind || change.key != way.key) continue;
      is_newer = is_newer || !is_old_app_password(change);
      is_marked = is_marked || change.state == WayState::paused;
    }
    if (!is_newer && !all) continue;
    const bool is_good = std::ranges::find(seen.suspended, way.key) == seen.suspended.end();
    if (!is_good && !is_marked) continue;  // an earlier recovery's, or the owner's own doing
    keys.push_back(way.key);
    if (is_marked) continue;
    if (is_newer) {
      for (WayChange change : *changes) {
        if (change.kind != way.kind || change.key != way.key) continue;
        change.state = WayState::paused;
        change.by = "machine";
        change.changed = parts_.now();
        change.incident = incident.id;
        marks.push_back(std::move(change));
      }
    } else {
      WayChange change;
      change.account = incident.account;
      change.kind = way.kind;
      change.key = way.key;
      change.before = change.after = way.content;
      change.seen = change.changed = parts_.now();
      change.is_told = true;
      change.state = WayState::paused;
      change.by = "machine";
      change.incident = incident.id;
      write.changes.push_back(std::move(change));
    }
  }
  // Remembered before it is done: whatever is suspended can be put back.
  if (!write.changes.empty()) {
    if (auto done = parts_.store.write(write); !done) return std::unexpected(done.error());
  }
  if (auto done = parts_.store.put(marks); !done) return std::unexpected(done.error());
  if (keys.empty())
    return Text{"止めるアプリ用パスワードはありませんでした", "no app passwords to suspend"};
  auto suspended = parts_.accounts.suspend_app_passwords(incident.account, keys, true);
  if (!suspended) return std::unexpected(suspended.error());
  // Dovecot may remember that one was good.
  if (auto flushed = parts_.hands.flush_auth_cache(incident.account); !flushed) {
    return std::unexpected(flushed.error());
  }
  return Text{fmt::format("アプリ用パスワード {} 件を止めました", keys.size()),
              fmt::format("{} app passwords suspended", keys.size())};
}

Result<Text> WaysService::resume_app_passwords(const Incident& incident) {
  auto latest = parts_.store.latest(incident.account);
  if (!latest) return std::unexpected(latest.error());
  std::vector<std::string> keys;
  std::vector<WayChange> marks;
  for (WayChange& change : *latest) {
    if (!is_old_app_password(change) || change.state != WayState::paused) continue;
    keys.push_back(change.key);
    change.state = WayState::kept;
    change.by = "machine";
    change.reason = "restored by a person";
    change.changed = parts_.now();
    marks.push_back(std::move(change));
  }
  if (keys.empty())
    return Text{"戻すアプリ用パスワードはありませんでした", "no app passwords to put back"};
  auto resumed = parts_.accounts.suspend_app_passwords(incident.account, keys, false);
  if (!resumed) return std::unexpected(resumed.error());
  if (auto flushed = parts_.hands.flush_auth_cache(incident.account); !flushed) {
    return std::unexpected(flushed.error());
  }
  if (auto done = parts_.store.put(marks); !done) return std::unexpected(done.error());
  return Text{fmt::format("アプリ用パスワード {} 件を戻しました", keys.size()),
              fmt::format("{} app passwords put back", keys.size())};
}

void WaysService::password_is_new(const std::string& account, const std::string& by) {
  const std::lock_guard working(work_);
  auto latest = parts_.store.latest(account);
  if (!latest) return;
  std::vector<WayChange> marks;
  for (WayChange& change : *latest) {
    if (!is_old_app_password(change) || change.state != WayState::paused) continue;
    change.state = WayState::reverted;
    change.by = by;
    change.reason = "a new password";
    change.changed = parts_.now();
    marks.push_back(std::move(change));
  }
  if (!marks.empty()) (void)parts_.store.put(marks);
}

Result<Text> WaysService::pause_forwards(const Incident& incident) {
  if (!settings_.pause) return Text{"設定で無効です (ways.pause)", "switched off (ways.pause)"};
  auto looked = look_at(incident.account, {});
  if (!looked) return std::unexpected(looked.error());
  if (!*looked) return Text{"このアカウントはありません", "there is no such account"};
  const Seen& seen = **looked;
  auto changes = parts_.store.changes(incident.account, incident.onset);
  if (!changes) return std::unexpected(changes.error());
  std::vector<WayChange> wholes;
  for (const WayChange& whole : decide::summary(*changes)) {
    const bool is_asked = whole.state == WayState::open || whole.state == WayState::paused;
    if (whole.is_external && whole.after && is_asked) wholes.push_back(whole);
  }
  std::vector<WayChange> marks;
  for (WayChange change : *changes) {
    const bool is_one = std::ranges::any_of(wholes, [&](const WayChange& whole) {
      return whole.kind == change.kind && whole.key == change.key;
    });
    if (!is_one || change.state != WayState::open) continue;
    change.state = WayState::paused;
    change.by = "machine";
    change.changed = parts_.now();
    change.incident = incident.id;
    marks.push_back(std::move(change));
  }
  // Remembered before it is done: whatever is paused can be put back.
  if (auto done = parts_.store.put(marks); !done) return std::unexpected(done.error());
  std::vector<std::string> names;
  std::vector<std::string> names_ja;
  for (const WayChange& whole : wholes) {
    const std::string& account = incident.account;
    if (whole.kind == WayKind::forward) {
      names.push_back(*whole.after);
      names_ja.push_back(*whole.after);
    } else if (whole.kind == WayKind::sieve_script) {
      names.push_back("Sieve script " + whole.key);
      names_ja.push_back("Sieve スクリプト " + whole.key);
    }
    if (!stands(seen.ways, whole)) continue;  // paused by an earlier try
    Result<void> done;
    switch (whole.kind) {
      case WayKind::forward: done = change_alias(account, whole.key, false, *changes); break;
      case WayKind::local_copy:
        done = change_alias(account, decide::way_key(account), true, *changes);
        break;
      case WayKind::sieve_active: done = put_sieve(account, whole.kind, "", whole.before); break;
      case WayKind::sieve_script:
        // A new one is out of force with what made it active; nothing of it is lost.
        if (whole.before) done = put_sieve(account, whole.kind, whole.key, whole.before);
        break;
      default: break;
    }
    if (!done) return std::unexpected(done.error());
  }
  if (auto again = look_at(incident.account, {Whose::us, {}}); !again) {
    return std::unexpected(again.error());
  }
  // The rest of it is done; scripts are looked at when Dovecot answers.
  if (!seen.has_sieve && parts_.hands.doveadm() != nullptr) {
    if (auto there = parts_.hands.doveadm()->sieve_list(incident.account);
        !there && there.error().kind == ErrorKind::operating) {
      return std::unexpected(there.error());
    }
  }
  if (names.empty()) {
    return Text{"外部への新しい転送はありませんでした", "no new forwards to other servers"};
  }
  return Text{"止めた転送: " + joined(names_ja), "paused: " + joined(names)};
}

// ---------------------------------------------------------------- writing

Result<void> WaysService::change_alias(const std::string& account, const std::string& key,
                                       bool put_in, const std::vector<WayChange>& changes) {
  auto list = parts_.accounts.alias_of(account);
  if (!list) return std::unexpected(list.error());
  const std::string wanted = decide::alias_with(account, *list, key, put_in, lists_of(changes));
  if (wanted == *list) return {};
  return parts_.accounts.set_alias(account, wanted);
}

Result<void> WaysService::put_sieve(const std::string& account, WayKind kind,
                                    const std::string& key,
                                    const std::optional<std::string>& content) {
  act::Doveadm* const doveadm = parts_.hands.doveadm();
  if (doveadm == nullptr) return operating_failure("dovecot.doveadm_url is not set");
  if (kind == WayKind::sieve_active) return doveadm->sieve_activate(account, content.value_or(""));
  if (!content) return doveadm->sieve_remove(account, key);
  return doveadm->sieve_put(account, key, *content);
}

Result<void> WaysService::put_back(const WayChange& whole, const std::vector<WayChange>& changes,
                                   bool keep) {
  const std::string& account = whole.account;
  const auto& wanted = keep ? whole.after : whole.before;
  switch (whole.kind) {
    case WayKind::forward: return change_alias(account, whole.key, wanted.has_value(), changes);
    case WayKind::local_copy:
      return change_alias(account, decide::way_key(account), !wanted.has_value(), changes);
    case WayKind::sieve_script:
    case WayKind::sieve_active: return put_sieve(account, whole.kind, whole.key, wanted);
    case WayKind::app_password: {
      if (keep && whole.after) {
        const Standing standing = parts_.standing(account);
        if (standing != Standing::normal && standing != Standing::probation) {
          return bad_input(
              "app passwords stay suspended while the account is contained; keep it once the "
              "account is restored");
        }
        auto done = parts_.accounts.suspend_app_passwords(account, {whole.key}, false);
        if (!done) return std::unexpected(done.error());
      } else if (is_old_app_password(whole)) {
        return bad_input(
            "this app password is older than the incident: keep it, or leave it suspended");
      } else if (auto done = parts_.accounts.put_way(account, whole.kind, whole.key, wanted);
                 !done) {
        return done;
      }
      return parts_.hands.flush_auth_cache(account);
    }
    default: return parts_.accounts.put_way(account, whole.kind, whole.key, wanted);
  }
}

// ---------------------------------------------------------------- people

WayView WaysService::view_of(const WayChange& change, const std::vector<Way>& ways) {
  WayView view;
  view.before = decide::shown(change.kind, change.before);
  view.after = decide::shown(change.kind, change.after);
  view.targets = targets_of(change.kind, change.after, ways, change.account, *parts_.directory());
  view.change = change;
  return view;
}

Result<std::vector<WaysService::Asked>> WaysService::asked(const std::string& account,
                                                           Instant onset) {
  const std::lock_guard working(work_);
  auto changes = parts_.store.changes(account, onset);
  if (!changes) return std::unexpected(changes.error());
  auto known = parts_.store.known_of(account);
  if (!known) return std::unexpected(known.error());
  std::vector<Asked> out;
  for (const WayChange& change : decide::summary(*changes)) {
    const bool is_open = change.state == WayState::open || change.state == WayState::paused;
    if (!is_open || !change.is_external) continue;
    const bool is_script = decide::is_sieve(change.kind);
    const std::string& script =
        change.kind == WayKind::sieve_active ? change.after.value_or("") : change.key;
    for (std::string& target :
         targets_of(change.kind, change.after, *known, account, *parts_.directory())) {
      out.push_back({change.id, is_script ? "sieve:" + script : account, std::move(target)});
    }
  }
  return out;
}

Result<std::vector<WayView>> WaysService::of_incident(std::uint64_t id) {
  const std::lock_guard working(work_);
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  if (!incident->domain.empty()) return views_within(*incident);
  // What changed a moment ago belongs to it; where somebody is away, what is remembered is shown.
  const bool is_over = incident->closed.is_set();
  if (!is_over) (void)look_at(incident->account, {});
  auto changes = parts_.store.changes(incident->account, incident->onset);
  if (!changes) return std::unexpected(changes.error());
  if (is_over) {
    std::erase_if(*changes, [&](const WayChange& c) { return c.seen > incident->closed; });
  }
  auto known = parts_.store.known_of(incident->account);
  if (!known) return std::unexpected(known.error());
  std::vector<WayView> views;
  for (const WayChange& change : decide::summary(*changes)) {
    views.push_back(view_of(change, *known));
  }
  return views;
}

Result<std::vector<WayView>> WaysService::views_within(const Incident& incident) {
  auto changes = parts_.store.changes_within(incident.domain, incident.onset, k_shown_within_max);
  if (!changes) return std::unexpected(changes.error());
  if (incident.closed.is_set()) {
    std::erase_if(*changes, [&](const WayChange& c) { return c.seen > incident.closed; });
  }
  std::vector<WayView> views;
  for (auto from = changes->begin(); from != changes->end();) {
    const auto to = std::find_if(from, changes->end(),
                                 [&](const WayChange& c) { return c.account != from->account; });
    auto known = parts_.store.known_of(from->account);
    if (!known) return std::unexpected(known.error());
    for (const WayChange& change : decide::summary({from, to})) {
      views.push_back(view_of(change, *known));
    }
    from = to;
  }
  return views;
}

Result<WayView> WaysService::answer(std::uint64_t id, std::uint64_t number, bool keep,
                                    const std::string& reason, const std::string& by) {
  const std::lock_guard working(work_);
  auto incident = incident_of(id);
  if (!incident) return std::unexpected(incident.error());
  if (!incident->domain.empty()) {
    // Which account's it is says the number.
    auto all = parts_.store.changes_within(incident->domain, incident->onset, k_shown_within_max);
    if (!all) return std::unexpected(all.error());
    const auto one = std::ranges::find(*all, number, &WayChange::id);
    if (one == all->end()) {
      return not_found(fmt::format("incident {} has no change {}", id, number));
    }
    incident->account = one->account;
  }
  if (auto looked = look_at(incident->account, {}); !looked) {
    return std::unexpected(looked.error());
  }
  auto changes = parts_.store.changes(incident->account, incident->onset);
  if (!changes) return std::unexpected(changes.error());
  const auto wholes = decide::summary(*changes);
  const auto found = std::ranges::find(wholes, number, &WayChange::id);
  if (found == wholes.end()) {
    return not_found(fmt::format("incident {} has no change {}", id, number));
  }
  WayChange whole = *found;
  // What is open stands already: keeping it changes nothing.
  if (!keep || whole.state != WayState::open) {
    auto done = put_back(whole, *changes, keep);
    if (!done) {
      if (done.error().kind == ErrorKind::not_found) return bad_input(done.error().text);
      return std::unexpected(done.error());
    }
  }
  std::vector<WayChange> marks;
  for (WayChange change : *changes) {
    if (change.kind != whole.kind || change.key != whole.key) continue;
    change.state = keep ? WayState::kept : WayState::reverted;
    change.by = by;
    change.reason = reason;
    change.changed = parts_.now();
    change.incident = id;
    marks.push_back(std::move(change));
  }
  if (auto done = parts_.store.put(marks); !done) return std::unexpected(done.error());
  if (auto again = look_at(incident->account, {Whose::us, {}}); !again) {
    return std::unexpected(again.error());
  }
  whole.state = marks.front().state;
  whole.by = by;
  whole.reason = reason;
  whole.changed = marks.front().changed;
  whole.incident = id;
  auto known = parts_.store.known_of(incident->account);
  if (!known) return std::unexpected(known.error());
  return view_of(whole, *known);
}

Result<decide::AccountWays> WaysService::in_force(const std::string& account) {
  const std::lock_guard working(work_);
  decide::AccountWays out;
  out.account = account;
  std::vector<Way> ways;
  std::vector<std::string> suspended;
  auto seen = look_at(account, {});
  if (seen && *seen) {
    ways = std::move((*seen)->ways);
    suspended = std::move((*seen)->suspended);
    out.is_live = (*seen)->has_sieve || parts_.hands.doveadm() == nullptr;
  }
  if (!out.is_live) {
    auto known = parts_.store.known_of(account);
    if (!known) return std::unexpected(known.error());
    for (Way& way : *known) {
      if (ways.empty() || decide::is_sieve(way.kind)) ways.push_back(std::move(way));
    }
    std::ranges::sort(ways);
  }
  const bool is_past = !rows_.after.empty() && account <= rows_.after;
  out.looked = is_past ? rows_.begun : rows_.before;
  const auto directory = parts_.directory();
  for (const Way& way : ways) {
    if (way.kind == WayKind::alias) continue;
    decide::WayInForce one;
    one.kind = way.kind;
    one.key = way.key;
    one.content = decide::shown(way.kind, way.content);
    one.targets = targets_of(way.kind, way.content, ways, account, *directory);
    one.is_external = !one.targets.empty();
    one.is_suspended = way.kind == WayKind::app_password &&
                       std::ranges::find(suspended, way.key) != suspended.end();
    out.ways.push_back(std::move(one));
  }
  return out;
}

}  // namespace sekimori::app
