// Makes the damage report of an incident from the journal and the state database.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "decide/damage.h"
#include "store/state_store.h"

namespace sekimori::app {

// Which lines of the journal a damage report has a use for, told from their bytes; what is not sure
// is wanted. `others_from`: neighbours count from then on.
class DamageLines {
 public:
  DamageLines(std::string_view account, Instant others_from);
  [[nodiscard]] bool wanted(std::string_view line) const;

 private:
  std::string account_;      // as a member of the line; "" where it cannot be told from bytes
  std::string others_from_;  // to the second
};

// Reads the journal from 30 days before the onset on (a second for two million events) on the
// caller's thread. Errors: operating; bad_input (the incident is about no single account).
[[nodiscard]] Result<decide::DamageReport> make_damage_report(const std::string& journal_directory,
                                                              store::SqlStateStore& state,
                                                              const decide::Incident& incident,
                                                              Instant now);

}  // namespace sekimori::app
