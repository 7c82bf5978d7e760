// What people read about an incident and about waiting mail. Part of Control, in a header of its
// own; threads and errors as there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/damage.h"
#include "decide/waiting_mail.h"
#include "web/control.h"

namespace sekimori::web {

// A note to people who received mail from a hijacked account: one a recipient and incident.
struct RecipientNote {
  std::string subject;
  std::string body;  // plain text
  bool operator==(const RecipientNote&) const = default;
};
struct NoteOutcome {
  RecipientNote note;            // as drafted, or as sent
  std::uint64_t addressees = 0;  // distinct people to whom something was delivered
  std::uint64_t waiting = 0;
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  std::uint64_t uncertain = 0;  // handed over when the daemon ended: perhaps sent, not repeated
};

// Recipients in one answer: beyond it the export is cut, and says so.
inline constexpr std::size_t k_export_rows_max = 200'000;
inline constexpr std::size_t k_note_subject_max = 200;
inline constexpr std::size_t k_note_body_max = 8000;

class Aftermath {
 public:
  virtual ~Aftermath() = default;

  // not_found: no account of this server. Asks Postfix's queue as well.
  [[nodiscard]] virtual Result<decide::WaitingView> waiting(std::string_view address) = 0;
  // Every account for which something waits or waited lately, first to be given up first.
  [[nodiscard]] virtual Result<std::vector<decide::WaitingView>> all_waiting() = 0;

  // The damage report as JSON (json_aftermath.h): as kept where the incident is closed, else made
  // now. May read the journal for seconds. not_found; bad_input: the incident is not an account's.
  [[nodiscard]] virtual Result<std::string> damage(std::uint64_t incident) = 0;
  // All recipients of suspicious mail, by the time of the first message; audited.
  [[nodiscard]] virtual Result<std::vector<decide::DamageRecipient>> damage_recipients(
      std::uint64_t incident, const Caller& by) = 0;
  // What would be said, and to how many; nothing is sent.
  [[nodiscard]] virtual Result<NoteOutcome> draft_note(std::uint64_t incident) = 0;
  // To everybody who received something and was not told yet; durable when it returns, sent by and
  // by. bad_input: nobody to tell, no sender address is set, the mail is still under way.
  [[nodiscard]] virtual Result<NoteOutcome> send_note(std::uint64_t incident,
                                                      const RecipientNote& note,
                                                      const std::string& reason,
                                                      const Caller& by) = 0;
};

}  // namespace sekimori::web
