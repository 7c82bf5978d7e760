// Damage reports in the state database: the report itself as it was last made, its recipients, and
// the letters to them. The journal forgets; this does not (until the incident's own retention).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/damage.h"
#include "store/state_store.h"

namespace sekimori::store {

struct KeptReport {
  std::uint64_t incident = 0;
  Instant made;
  bool final = false;  // of a closed incident: not made again
  std::string json;    // all but the recipients
};

enum class LetterState : std::uint8_t {
  waiting,
  sending,  // handed to Postfix, or about to be: after a crash nobody knows, and it is not repeated
  sent,
  failed,
};
[[nodiscard]] std::string_view to_string(LetterState);

struct LetterText {
  std::string subject;
  std::string body;
  std::string reason;
  std::string by;
  Instant created;
};
struct Letter {
  std::uint64_t incident = 0;
  std::string to;
  std::uint32_t tries = 0;
};
struct LetterCounts {
  std::uint64_t waiting = 0;
  std::uint64_t sending = 0;
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
};

// Any thread; calls are served one at a time. Never throws. Errors: operating, uncertain.
class DamageStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<DamageStore>> open(
      const StateStoreSettings& settings);
  ~DamageStore();

  // Replaces the incident's report and recipients, all or none; a final one stays as it is.
  [[nodiscard]] Result<void> put(const KeptReport& report,
                                 std::span<const decide::DamageRecipient> recipients);
  [[nodiscard]] Result<std::optional<KeptReport>> report(std::uint64_t incident);
  // By the time of the first message, at most `limit` from `offset` on.
  [[nodiscard]] Result<std::vector<decide::DamageRecipient>> recipients(std::uint64_t incident,
                                                                        std::size_t offset,
                                                                        std::size_t limit);
  [[nodiscard]] Result<std::uint64_t> count_delivered(std::uint64_t incident);

  // One letter for each recipient to whom something was delivered and who has none of this incident
  // yet. Returns how many are new.
  [[nodiscard]] Result<std::uint64_t> write_letters(std::uint64_t incident, const LetterText& text);
  [[nodiscard]] Result<std::optional<LetterText>> letter_text(std::uint64_t incident);
  // The oldest that waits and is due, marked as being sent, durably: it is given out once.
  [[nodiscard]] Result<std::optional<Letter>> take_letter(Instant now);
  // `again` set: it is tried once more then.
  [[nodiscard]] Result<void> settle_letter(const Letter& letter, LetterState state, Instant again,
                                           std::string_view detail);
  [[nodiscard]] Result<LetterCounts> letter_counts(std::uint64_t incident);

  // Removes what is of incidents that the state store forgot.
  [[nodiscard]] Result<void> prune();

 private:
  struct Impl;
  explicit DamageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
