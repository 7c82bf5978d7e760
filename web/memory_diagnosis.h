// A diagnosis from little, for the tests of the API.
#pragma once

#include "web/control_diagnosis.h"

namespace sekimori::web {

// Whoever comes from anywhere is denied; nothing was ever read.
inline DiagnosisView diagnosis_in_memory(const DiagnosisQuestion& question) {
  decide::DiagnosisFacts facts;
  facts.now = Instant{1'800'000'000'000'000};
  facts.ip_denied = question.from.is_set();
  facts.computer = question.computer;
  return {"D20270115-7K2M", facts.now, decide::diagnose(facts)};
}

}  // namespace sekimori::web
