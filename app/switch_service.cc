#include "app/switch_service.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

namespace sekimori::app {
namespace json = boost::json;

using decide::AccountSwitch;
using decide::SwitchedOff;
using decide::SwitchLetter;
using store::SwitchRow;

namespace {
// What is taken back so soon is told to nobody.
constexpr Duration k_settle = minutes(1);
}  // namespace

SwitchService::SwitchService(SwitchParts parts)
    : parts_(std::move(parts)), table_(std::make_shared<const decide::SwitchTable>()) {}

std::shared_ptr<const decide::SwitchTable> SwitchService::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

Result<void> SwitchService::begin() {
  auto rows = parts_.store.rows();
  if (!rows) return std::unexpected(rows.error());
  for (const SwitchRow& row : *rows) take_over(row);
  std::vector<decide::GuardRow> choices;
  for (const auto& [account, switches] : *table()) {
    choices.push_back(decide::guard_row(account, switches, parts_.portal_url));
  }
  parts_.guard.load_choices(choices);
  return {};
}

decide::Switches SwitchService::of(std::string_view account) const {
  const auto now = table();
  const auto found = now->find(account);
  return found == now->end() ? decide::Switches() : found->second;
}

bool SwitchService::receives_nothing(std::string_view account) const {
  const auto now = table();
  if (now->empty()) return false;
  const auto found = now->find(account);
  return found != now->end() && found->second.receive.has_value();
}

Text SwitchService::refusal(std::string_view account) const {
  const auto now = table();
  if (now->empty()) return {};
  const auto found = now->find(account);
  if (found == now->end() || !found->second.login) return {};
  return decide::login_refusal(parts_.portal_url);
}

bool SwitchService::is_done(const std::string& account, AccountSwitch what) const {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find({account, what});
  return found == pending_.end() || found->second.is_done;
}

SwitchLetter SwitchService::letter_of(const std::string& account, AccountSwitch what) const {
  const std::lock_guard lock(mutex_);
  const auto found = letters_.find({account, what});
  return found == letters_.end() ? SwitchLetter::none : found->second;
}

Result<void> SwitchService::set(const web::SwitchOrder& order, const std::string& by) {
  const std::lock_guard lock(changing_);
  const auto stood = of(order.account).at(order.what);
  const SwitchLetter known = letter_of(order.account, order.what);
  SwitchRow row{.off = {}, .is_off = !order.on, .is_done = false, .changed = parts_.now()};
  if (order.on) {
    if (!stood) return {};
    row.off = *stood;
    row.off.by = by;
    row.off.reason = order.reason;
    // Nobody has read yet that it was off.
    if (order.tell && known != SwitchLetter::due) row.letter = SwitchLetter::due;
    return change(std::move(row), by, order.reason, {});
  }
  const SwitchedOff off{.account = order.account,
                        .what = order.what,
                        .since = stood ? stood->since : parts_.now(),
                        .until = order.until,
                        .by = by,
                        .reason = order.reason};
  if (stood == off) return {};
  row.off = off;
  if (order.tell) {
    row.letter = SwitchLetter::due;
  } else if (known == SwitchLetter::sent) {
    row.letter = known;  // of what the owner knows, the end is told, too
  }
  return change(std::move(row), by, order.reason, {});
}

Result<void> SwitchService::change(SwitchRow row, const std::string& who, const std::string& why,
                                   const Text& words) {
  if (auto done = parts_.store.put(row); !done) return done;
  take_over(row);
  json::object detail;
  if (row.is_off && row.off.until.is_set()) detail["until"] = format_instant(row.off.until);
  if (!words.en.empty()) detail["words"] = json::object{{"ja", words.ja}, {"en", words.en}};
  parts_.writer.put(decide::AuditEntry{
      .t = parts_.now(),
      .who = who,
      .action = fmt::format("{}_{}", to_string(row.off.what), row.is_off ? "off" : "on"),
      .subject = {decide::SubjectKind::account, row.off.account},
      .incident = 0,
      .why = why,
      .detail = detail.empty() ? std::string() : json::serialize(detail)});
  if (parts_.log) {
    parts_.log(fmt::format("{} of {} switched {} by {}", to_string(row.off.what), row.off.account,
                           row.is_off ? "off" : "on", who));
  }
  const std::string account = row.off.account;
  const auto written = write_guard(account);
  if (written) carry_out(std::move(row));
  if (parts_.changed) parts_.changed(account);
  if (!written) {
    return uncertain_write(fmt::format(
        "it is kept, but the mail servers do not know of it yet ({}); it is tried again by itself",
        written.error().text));
  }
  return {};
}

void SwitchService::take_over(const SwitchRow& row) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<decide::SwitchTable>(*table_);
  auto& switches = (*next)[row.off.account];
  switches.at(row.off.what) = row.is_off ? std::optional(row.off) : std::nullopt;
  if (!switches.any()) next->erase(row.off.account);
  table_ = std::move(next);
  const Key key{row.off.account, row.off.what};
  if (row.is_done && row.letter != SwitchLetter::due) {
    pending_.erase(key);
  } else {
    pending_[key] = row;
  }
  if (row.is_off) {
    letters_[key] = row.letter;
  } else {
    letters_.erase(key);
  }
}

Result<void> SwitchService::write_guard(const std::string& account) {
  return parts_.guard.put_choice(decide::guard_row(account, of(account), parts_.portal_url));
}

Result<void> SwitchService::work_of(const SwitchRow& row) {
  const std::string& account = row.off.account;
  if (auto written = write_guard(account); !written) return written;
  if (row.off.what == AccountSwitch::receive) {
    // What came to lie in our own queue meanwhile is tried again.
    return row.is_off ? Result<void>() : parts_.guard.note_waited(account);
  }
  // Flushed first: a client that is kicked signs in again at once.
  if (auto flushed = parts_.hands.flush_auth_cache(account); !flushed) return flushed;
  if (!row.is_off) return {};
  if (auto kicked = parts_.hands.kick(account); !kicked) return std::unexpected(kicked.error());
  return {};
}

bool SwitchService::write_letter(SwitchRow& row) {
  if (row.letter != SwitchLetter::due || !parts_.tell) return false;
  const Instant now = parts_.now();
  // A clock set back must not keep it for hours.
  if (now < row.changed + k_settle && row.changed - now <= k_settle) return false;
  const auto told = parts_.tell(row);
  if (!told) {
    if (parts_.log) parts_.log(fmt::format("{}: {}", row.off.account, told.error().text));
    return false;
  }
  row.letter = *told ? SwitchLetter::sent : SwitchLetter::none;
  return true;
}

void SwitchService::carry_out(SwitchRow row) {
  Result<void> done;
  bool moved = false;
  if (!row.is_done) {
    done = work_of(row);
    row.is_done = moved = done.has_value();
  }
  moved = write_letter(row) || moved;
  if (moved) {
    const bool is_over = !row.is_off && row.is_done && row.letter != SwitchLetter::due;
    auto kept =
        is_over ? parts_.store.remove(row.off.account, row.off.what) : parts_.store.put(row);
    if (kept) take_over(row);
    if (done && !kept) done = std::move(kept);
  }
  if (!done && parts_.log) {
    parts_.log(
        fmt::format("{} of {}: {}", to_string(row.off.what), row.off.account, done.error().text));
  }
}

void SwitchService::look() {
  const std::lock_guard lock(changing_);
  const Instant now = parts_.now();
  const auto stood = table();
  for (const auto& [account, switches] : *stood) {
    for (const auto what : {AccountSwitch::receive, AccountSwitch::login}) {
      const auto& off = switches.at(what);
      if (!off || !off->until.is_set() || now < off->until) continue;
      const Text words{"決めておいた時刻になったため、元に戻しました。",
                       "The time that was set for it is over."};
      SwitchRow row{.off = *off, .is_off = false, .is_done = false, .changed = now};
      row.off.by = decide::k_by_time;
      row.off.reason.clear();
      // Whoever read that it is off reads that it is on.
      if (letter_of(account, what) == SwitchLetter::sent) row.letter = SwitchLetter::due;
      auto done = change(std::move(row), std::string(decide::k_by_time), "until", words);
      if (!done && parts_.log) parts_.log(fmt::format("{}: {}", account, done.error().text));
    }
  }
  std::vector<SwitchRow> left;
  {
    const std::lock_guard held(mutex_);
    for (const auto& [key, row] : pending_) left.push_back(row);
  }
  for (SwitchRow& row : left) carry_out(std::move(row));
}

}  // namespace sekimori::app
