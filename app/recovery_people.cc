// What people do on the way back: passwords, forwards, reviews, restores.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/machine_words.h"
#include "app/recovery_service.h"
#include "password/generator.h"
#include "store/password_hash.h"

namespace sekimori::app {
namespace {

using decide::GateKind;
using decide::GateState;

bool is_open(const decide::Recovery& r, GateKind kind) {
  return r.gate(kind).state == GateState::open;
}

web::PasswordVerdict words_of(const password::Verdict& verdict) {
  web::PasswordVerdict out;
  out.good = verdict.accepted();
  out.strength = verdict.score;
  out.strength_text = verdict.strength;
  for (const auto& finding : verdict.findings) {
    out.problems.push_back({std::string(password::to_string(finding.problem)), finding.words});
  }
  return out;
}

}  // namespace

// ---------------------------------------------------------------- passwords

password::PersonWords RecoveryService::person_of(const decide::AccountRow& row) const {
  return {row.address, row.domain, row.name, settings_.company};
}

Result<web::PasswordVerdict> RecoveryService::judge(const std::string& account,
                                                    const Secret& password) {
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("'{}' is no account of this server", account));
  auto hash = parts_.accounts.password_hash(account);
  if (!hash) return std::unexpected(hash.error());
  password::JudgeOptions options;
  options.fits_stored = [&](const Secret& candidate) {
    return store::verify_password(*hash, candidate);
  };
  return words_of(password::judge(password, settings_.rules, person_of(**row), options));
}

Result<web::PasswordOutcome> RecoveryService::set_password(const std::string& account,
                                                           web::PasswordOrder order,
                                                           const std::string& by) {
  const std::lock_guard lock(lock_of(account));
  auto person = parts_.accounts.account(account);
  if (!person) return std::unexpected(person.error());
  if (!*person) return not_found(fmt::format("'{}' is no account of this server", account));
  std::string earlier;
  {
    auto hash = parts_.accounts.password_hash(account);
    if (!hash) return std::unexpected(hash.error());
    earlier = std::move(*hash);
  }
  const password::PersonWords words = person_of(**person);
  web::PasswordOutcome out;
  const bool is_generated = !order.password.is_set();
  if (is_generated) {
    auto made = password::generate(settings_.rules, words);
    if (!made) return std::unexpected(made.error());
    order.password = std::move(*made);
  }
  {
    password::JudgeOptions options;
    if (order.old.is_set()) options.old_password = &order.old;
    if (!is_generated) {
      options.fits_stored = [&](const Secret& candidate) {
        return store::verify_password(earlier, candidate);
      };
    }
    out.verdict = words_of(password::judge(order.password, settings_.rules, words, options));
  }
  if (!out.verdict.good) return out;
  auto hash = store::hash_password(order.password, store::form_like(earlier));
  if (!hash) return std::unexpected(hash.error());

  // Before the write: what is stored now is the password of the incident.
  std::optional<Row> row;
  {
    auto found = converge(account);
    if (!found) return std::unexpected(found.error());
    row = std::move(*found);
  }
  if (auto done = parts_.accounts.set_password(account, *hash); !done) {
    return std::unexpected(done.error());
  }
  out.changed = true;
  if (is_generated) {
    out.reading = password::reading(order.password);
    out.generated = Secret(std::string(order.password.reveal()));
  }
  parts_.writer.put(decide::AuditEntry{
      .t = parts_.now(),
      .who = by,
      .action = "set_password",
      .subject = {decide::SubjectKind::account, account},
      .incident = row ? row->recovery.incident : 0,
      .why = {},
      .detail = is_generated
                    ? words_detail({"自動で作ったパスワードです。", "Made by the program."})
                    : std::string()});
  out.cache_flushed =
      parts_.hands.doveadm() != nullptr && parts_.hands.flush_auth_cache(account).has_value();
  out.app_passwords_removed = end_app_passwords(account, by).value_or(0);
  if (!row) {
    out.sessions_ended = parts_.hands.kick(account).value_or(0);
    return out;
  }
  decide::Recovery& r = row->recovery;
  (void)decide::password_stored(r, fingerprint(*hash), by, parts_.now());
  if (!r.begun.is_set()) {
    r.begun = parts_.now();
    r.begun_by = by;
  }
  if (out.app_passwords_removed > 0) {
    decide::prove(r, GateKind::app_passwords,
                  {fmt::format("アプリ用パスワード {} 件を止めました。必要なものは作り直して"
                               "ください。",
                               out.app_passwords_removed),
                   fmt::format("{} app passwords were suspended; make those you need anew.",
                               out.app_passwords_removed)},
                  parts_.now());
  }
  if (auto done = parts_.store.put(*row); !done) return std::unexpected(done.error());
  if (auto done = begin_standing(*row); !done && done.error().kind != ErrorKind::uncertain) {
    return std::unexpected(done.error());
  }
  out.sessions_ended = parts_.hands.kick(account).value_or(0);
  Typed typed{.fresh = order.password};
  typed.is_other = !store::verify_password(earlier, order.password).value_or(true);
  if (order.old.is_set() && store::verify_password(earlier, order.old).value_or(false)) {
    typed.old = &order.old;
  }
  // The password is set: what cannot be proved or kept now is tried again by the timer.
  note(prove_all(*row, &typed));
  out.recovery = r;
  return out;
}

// ---------------------------------------------------------------- people

web::RecoveryView RecoveryService::view_of(const Row& row) {
  web::RecoveryView out;
  out.recovery = row.recovery;
  out.standing =
      parts_.engine.standing_of({decide::SubjectKind::account, row.recovery.account}).standing;
  bool is_known = false;
  for (std::string& target : forwards_of(row.recovery.account, is_known)) {
    out.forwards.push_back({row.recovery.account, std::move(target)});
  }
  // What a containment paused, and scripts, are asked about as well.
  for (WaysService::Asked& way : ways_of(row, is_known)) {
    web::ForwardEntry entry{std::move(way.source), std::move(way.target)};
    if (std::ranges::find(out.forwards, entry) == out.forwards.end()) {
      out.forwards.push_back(std::move(entry));
    }
  }
  out.next_step = decide::next_step(row.recovery);
  return out;
}

Result<web::RecoveryView> RecoveryService::view(const std::string& account) {
  const std::lock_guard lock(lock_of(account));
  if (auto found = converge(account); !found) return std::unexpected(found.error());
  auto row = parts_.store.latest(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return not_found(fmt::format("'{}' was never contained", account));
  return view_of(**row);
}

Result<web::RecoveryView> RecoveryService::check(const std::string& account) {
  {
    const std::lock_guard lock(lock_of(account));
    auto found = converge(account);
    if (!found) return std::unexpected(found.error());
    if (*found) {
      Row& row = **found;
      auto stored = stored_of(account);
      if (!stored) return std::unexpected(stored.error());
      if (*stored) take_in(row, **stored, "panel");
      // Proved again: what a machine finds out without the password.
      for (const GateKind gate : {GateKind::cache_flushed, GateKind::sessions_ended}) {
        if (row.recovery.gate(gate).state == GateState::proved) {
          decide::reopen(row.recovery, gate, {"確認し直しています。", "Being verified again."});
        }
      }
      if (parts_.accounts.app_passwords(account).value_or(0) > 0) {
        decide::reopen(
            row.recovery, GateKind::app_passwords,
            {"新しいアプリ用パスワードを止めています。", "App passwords are being withdrawn."});
      }
      auto done = row.recovery.begun.is_set() ? prove_all(row, nullptr) : parts_.store.put(row);
      if (!done) return std::unexpected(done.error());
    }
  }
  return view(account);
}

Result<web::RecoveryView> RecoveryService::answer_forwards(const std::string& account,
                                                           web::ForwardsAnswer answer,
                                                           const std::vector<std::string>& targets,
                                                           const std::string& by) {
  {
    const std::lock_guard lock(lock_of(account));
    auto found = converge(account);
    if (!found) return std::unexpected(found.error());
    if (!*found) return bad_input(fmt::format("'{}' is not contained: nothing is asked", account));
    Row& row = **found;
    bool is_known = false;
    const bool is_kept = answer == web::ForwardsAnswer::keep;
    const auto is_meant = [&](const std::string& target) {
      return targets.empty() || std::ranges::find(targets, target) != targets.end();
    };
    std::vector<std::string> meant;
    // Those that are remembered stand, or stood before, to the letter.
    const auto ways = ways_of(row, is_known);
    if (!is_known) return operating_failure("the remembered forwards are not reached");
    std::set<std::uint64_t> answered;
    for (const WaysService::Asked& way : ways) {
      if (!is_meant(way.target)) continue;
      if (answered.insert(way.change).second) {
        auto done = parts_.ways.answer(row.recovery.incident, way.change, is_kept, "", by);
        if (!done) return std::unexpected(done.error());
      }
      if (std::ranges::find(meant, way.target) == meant.end()) meant.push_back(way.target);
    }
    for (const std::string& target : forwards_of(account, is_known)) {
      if (is_meant(target) && std::ranges::find(meant, target) == meant.end()) {
        meant.push_back(target);
      }
    }
    if (!is_known) return operating_failure("the account store is not reached");
    if (meant.empty() && !targets.empty()) {
      return not_found(fmt::format("no forward of '{}' goes there", account));
    }
    if (!is_kept) {
      auto done = parts_.ways.quietly(account, by, [&]() -> Result<void> {
        auto removed = parts_.accounts.remove_forwards(account, meant);
        if (!removed) return std::unexpected(removed.error());
        return {};
      });
      if (!done) return std::unexpected(done.error());
      std::erase_if(row.kept, [&](const std::string& kept) {
        return std::ranges::find(meant, kept) != meant.end();
      });
    } else {
      for (const std::string& target : meant) {
        if (row.kept.size() < store::k_kept_max &&
            std::ranges::find(row.kept, target) == row.kept.end()) {
          row.kept.push_back(target);
        }
      }
    }
    audit(row, by, answer == web::ForwardsAnswer::remove ? "remove_forwards" : "keep_forwards",
          fmt::to_string(fmt::join(meant, ", ")));
    bool is_answered = true;
    for (const std::string& target : forwards_of(account, is_known)) {
      is_answered = is_answered && std::ranges::find(row.kept, target) != row.kept.end();
    }
    is_answered = ways_of(row, is_known).empty() && is_known && is_answered;
    if (is_answered && is_open(row.recovery, GateKind::forwards_answered)) {
      decide::prove(row.recovery, GateKind::forwards_answered,
                    {fmt::format("転送先は {} が確認しました。", by),
                     fmt::format("The forwards were answered for by {}.", by)},
                    parts_.now());
    }
    auto done = parts_.store.put(row);
    if (done && row.recovery.begun.is_set()) done = prove_all(row, nullptr);
    if (!done) return std::unexpected(done.error());
  }
  return view(account);
}

Result<web::RecoveryView> RecoveryService::review(const std::string& account,
                                                  const std::string& reason,
                                                  const std::string& by) {
  {
    const std::lock_guard lock(lock_of(account));
    auto found = converge(account);
    if (!found) return std::unexpected(found.error());
    if (!*found) return bad_input(fmt::format("'{}' is not contained: nothing to review", account));
    Row& row = **found;
    decide::prove(row.recovery, GateKind::reviewed,
                  {fmt::format("{} が確認しました。{}", by, reason),
                   fmt::format("Looked at by {}. {}", by, reason)},
                  parts_.now());
    audit(row, by, "recovery_reviewed", reason);
    auto done = parts_.store.put(row);
    if (done && row.recovery.begun.is_set()) done = prove_all(row, nullptr);
    if (!done) return std::unexpected(done.error());
  }
  return view(account);
}

Result<void> RecoveryService::may_restore(const std::string& account, const std::string& reason) {
  if (!reason.empty()) return {};
  const std::lock_guard lock(lock_of(account));
  auto found = converge(account);
  // A store that is down does not keep a person from restoring; it wants a reason then.
  if (!found) {
    return bad_input("the state of the recovery is not known now (" + found.error().text +
                     "); give a reason to restore all the same");
  }
  if (!*found || !(*found)->recovery.by_machine) return {};
  const auto open = decide::open_gates((*found)->recovery);
  if (open.empty()) return {};
  std::string names;
  for (const GateKind gate : open) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", decide::title(gate).en);
  }
  return bad_input(fmt::format(
      "not everything is verified yet ({}); give a reason to restore all the same", names));
}

Result<void> RecoveryService::note_stranger(const std::string& account,
                                            const std::string& network) {
  const std::lock_guard lock(lock_of(account));
  auto row = parts_.store.latest(account);
  if (!row) return std::unexpected(row.error());
  if (!*row || (*row)->recovery.ended.is_set()) return {};
  auto& networks = (*row)->networks;
  const bool is_known = std::ranges::find(networks, network) != networks.end();
  if (is_known || networks.size() >= store::k_incident_networks_max) return {};
  networks.push_back(network);
  return parts_.store.put(**row);
}

}  // namespace sekimori::app
