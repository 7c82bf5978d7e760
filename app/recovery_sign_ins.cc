// What the owner's, and the thief's, sign-ins mean for the way back.
#include <algorithm>

#include "app/recovery_service.h"
#include "base/ip_place.h"

namespace sekimori::app {
namespace {

using decide::GateKind;

// A sign-in that Dovecot's memory let in while it was being emptied is no second takeover; its
// session is ended.
constexpr Duration k_flush_grace = seconds(2);
constexpr std::size_t k_owners_max = 10'000;

decide::Subject subject_of(const std::string& account) {
  return {decide::SubjectKind::account, account};
}

}  // namespace

void RecoveryService::signed_in(const Event& event) {
  const auto* login = std::get_if<Login>(&event.body);
  if (login == nullptr || login->result != LoginResult::ok) return;
  {
    const std::lock_guard lock(mutex_);
    if (const auto trial = trials_.find(event.account);
        trial != trials_.end() && trial->second.service == login->service &&
        (!login->ip.is_set() || login->ip.is_loopback())) {
      // Our own: what the password is worth our caller hears from the server itself.
      trial->second.is_seen = true;
      trial->second.pwhash = login->pwhash;
    } else {
      if (sign_ins_.size() >= k_sign_ins_max) {
        sign_ins_.pop_front();
        ++counters_.sign_ins_dropped;
      }
      sign_ins_.push_back(
          {event.account,
           {.service = login->service, .ip = login->ip, .pwhash = login->pwhash, .t = event.t}});
    }
  }
  changed_.notify_all();
  thread_.wake();
}

void RecoveryService::drain_sign_ins() {
  while (true) {
    SignedIn next;
    {
      const std::lock_guard lock(mutex_);
      if (sign_ins_.empty()) return;
      next = std::move(sign_ins_.front());
      sign_ins_.pop_front();
    }
    const std::lock_guard lock(lock_of(next.account));
    if (auto done = take_sign_in(next); !done) note(done);
  }
}

Result<void> RecoveryService::take_sign_in(const SignedIn& given) {
  auto converged = converge(given.account);
  if (!converged) return std::unexpected(converged.error());
  std::optional<Row> found = std::move(*converged);
  if (!found) {
    auto last = parts_.store.latest(given.account);
    if (!last) return std::unexpected(last.error());
    if (!*last || (*last)->recovery.ended_by != "verified" ||
        parts_.engine.standing_of(subject_of(given.account)).standing != Standing::probation) {
      return {};
    }
    found = std::move(*last);
  }
  Row& row = *found;
  decide::Recovery& r = row.recovery;
  const bool is_under_way = !r.ended.is_set();
  // Has another panel changed the password meanwhile? Then this is not the earlier one.
  auto stored = stored_of(given.account);
  if (!stored) return std::unexpected(stored.error());
  bool is_changed = is_under_way && *stored && take_in(row, **stored, "panel");
  const decide::Gate& password = r.gate(GateKind::password_changed);
  if (password.state != decide::GateState::open && given.in.t < password.when) {
    // From before we knew of the change: with which password nobody can say.
    return is_changed ? parts_.store.put(row) : Result<void>();
  }
  decide::SignIn in = given.in;
  const std::string network = in.ip.is_set() ? place_network(in.ip) : std::string();
  in.is_strange =
      !network.empty() && std::ranges::find(row.networks, network) != row.networks.end();
  const decide::Recovery before = r;
  const auto means = decide::note_sign_in(r, in);
  if (means == decide::SignInMeans::earlier_password) {
    const decide::Gate& cache = r.gate(GateKind::cache_flushed);
    if (is_under_way &&
        (cache.state == decide::GateState::open || in.t < cache.when + k_flush_grace)) {
      decide::reopen(r, GateKind::sessions_ended,
                     {"以前からの接続を、もう一度切っています。",
                      "Connections from before are being ended once more."});
      if (auto done = parts_.store.put(row); !done) return done;
      wake();
      return {};
    }
    return contain_again(row, {"以前のパスワードでのログインが成功したため、停止しました。",
                               "Suspended: a sign-in with the earlier password succeeded."});
  }
  if (means == decide::SignInMeans::proof ||
      (!in.is_strange && !in.pwhash.empty() && in.pwhash == r.pwhash)) {
    const std::lock_guard lock(mutex_);
    if (owners_.size() >= k_owners_max) owners_.clear();
    owners_[given.account] = in.t;
  }
  if (is_changed || before != r) {
    if (auto done = parts_.store.put(row); !done) return done;
  }
  if (is_under_way && (is_changed || means == decide::SignInMeans::proof)) wake();
  return {};
}

}  // namespace sekimori::app
