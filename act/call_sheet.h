// What to say to an owner on the telephone. Pure.
#pragma once

#include <string>

#include "base/text.h"
#include "decide/notice.h"

namespace sekimori::act {

struct CallFacts {
  decide::CallSheet known;    // all but the words
  Text reason;                // of the standing
  std::string provider_name;  // "" = general words
  std::string portal_url;     // "" = not mentioned
  std::string help_phone;     // ""
};

// Fills in what_happened and what_to_say: plain words, step by step, no blame. The one-time code is
// made during the call and never written down here.
[[nodiscard]] decide::CallSheet write_call_sheet(const CallFacts& facts);

}  // namespace sekimori::act
