#include "app/damage_maker.h"

#include <fmt/format.h>

#include "store/journal.h"

namespace sekimori::app {
namespace {

// What an account's known places are read from.
constexpr Duration k_look_back = days(30);
// A person opened the incident, and no evidence says since when.
constexpr Duration k_onset_unknown = hours(24);
// As many held messages are told apart; a hundred thousand are some 15 MB.
constexpr std::size_t k_held_max = 100'000;
constexpr std::size_t k_second = 19;  // "2026-11-22T12:04:05"

}  // namespace

DamageLines::DamageLines(std::string_view account, Instant others_from)
    : others_from_(format_instant(others_from).substr(0, k_second)) {
  // An address with what JSON escapes is looked for in no line: all of them are read.
  if (account.find_first_of("\"\\") == std::string_view::npos) {
    account_ = fmt::format(R"("account":"{}")", account);
  }
}

bool DamageLines::wanted(std::string_view line) const {
  if (account_.empty() || line.find(account_) != std::string_view::npos) return true;
  static constexpr std::string_view k_time = R"({"t":")";
  if (line.starts_with(k_time) && line.size() > k_time.size() + k_second &&
      line.substr(k_time.size(), k_second) < others_from_) {
    return false;
  }
  static constexpr std::string_view k_kind = R"("kind":")";
  const auto at = line.find(k_kind);
  if (at == std::string_view::npos) return true;
  const std::string_view kind = line.substr(at + k_kind.size());
  return kind.starts_with("submission\"") || kind.starts_with("delivery\"") ||
         kind.starts_with("session\"");
}

Result<decide::DamageReport> make_damage_report(const std::string& journal_directory,
                                                store::SqlStateStore& state,
                                                const decide::Incident& incident, Instant now) {
  if (incident.subject.kind != decide::SubjectKind::account) {
    return bad_input(fmt::format("incident {} is about no single account", incident.id));
  }
  decide::DamageQuestion question;
  question.incident = incident;
  question.account = incident.subject.id;
  question.onset_known = incident.onset.is_set();
  question.onset = question.onset_known ? incident.onset : incident.opened - k_onset_unknown;
  question.until = incident.closed.is_set() ? incident.closed : now;

  decide::StateStore::HoldFilter holds;
  holds.account = question.account;
  holds.incident = incident.id;
  auto held = decide::each_hold(state, holds, [&](const decide::HeldMessage& hold) {
    if (question.held.size() < k_held_max) question.held[hold.queue_id] = hold.state;
  });
  if (!held) return std::unexpected(held.error());
  auto steps = state.steps_of(incident.id);
  if (!steps) return std::unexpected(steps.error());
  question.steps = std::move(*steps);

  auto place = store::journal_place(journal_directory, question.onset - k_look_back);
  if (!place) return std::unexpected(place.error());
  question.history_from = place->first;
  decide::DamageFold fold(std::move(question));
  const DamageLines lines(incident.subject.id, fold.needs_others_from());
  auto reading = store::read_journal(
      journal_directory, place->from,
      [&](std::uint64_t, const Event& event) {
        fold.add(event);
        return true;
      },
      [&](std::string_view line) { return lines.wanted(line); });
  if (!reading) return std::unexpected(reading.error());
  return fold.finish();
}

}  // namespace sekimori::app
