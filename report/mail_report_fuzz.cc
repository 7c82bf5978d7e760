// Any bytes: what is read stays within its bounds and is text.
#include <string_view>

#include "base/check.h"
#include "report/mail_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::report;
  const auto report = read_report({reinterpret_cast<const char*>(data), size});
  if (!report) return 0;
  SEKIMORI_CHECK(report->recipients.size() <= k_report_recipients_max);
  SEKIMORI_CHECK(report->original.received.size() <= k_received_max);
  for (const auto& r : report->recipients) {
    SEKIMORI_CHECK(r.diagnostic.size() <= k_diagnostic_max);
    SEKIMORI_CHECK(r.diagnostic.find_first_of("\r\n") == std::string::npos);
    SEKIMORI_CHECK(status_or_stand_in(r).size() >= 5);
  }
  return 0;
}
