// "I cannot get my mail": the answer from facts, as the owner and support read it.
#pragma once

#include <string>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/diagnosis.h"

namespace sekimori::web {

struct DiagnosisQuestion {
  IpAddress from;                    // of whoever cannot get mail; unset: not known
  decide::ComputerAnswers computer;  // what they said about their computer
};

struct DiagnosisView {
  std::string number;  // to name it by on the telephone; it stands in the audit
  Instant at;
  std::vector<decide::Finding> findings;  // never empty
};

}  // namespace sekimori::web
