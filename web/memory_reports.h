// Mail that came back and requests to blacklists of MemoryControl, for the tests of this folder.
#pragma once

#include <string>
#include <string_view>

#include "web/memory_aftermath.h"

namespace sekimori::web {

class MemoryReports : public AftermathControl {
 public:
  Result<decide::ReturnedReport> returned_mail(std::string_view address,
                                               std::size_t last) override {
    const auto known = account(address);
    if (!known) return std::unexpected(known.error());
    decide::ReturnedMail mail;
    mail.t = k_report_time;
    mail.account = std::string(address);
    mail.origin = decide::MailOrigin::forged;
    mail.why = {"記録にありません。", "It is not in the records."};
    mail.reason = "userunknown";
    mail.status = "5.1.1";
    mail.reporter = "mx.far.example";
    decide::ReturnedReport report;
    report.account = mail.account;
    report.since = k_report_time - days(30);
    report.counts.forged = 1;
    report.days = {{"2026-11-18", report.counts}};
    if (last > 0) report.last = {mail};
    report.verdict = decide::verdict_on(report.counts);
    return report;
  }

  Result<decide::Delisting> delisting(std::uint64_t id, bool named) override {
    auto found = incident(id);
    if (!found) return std::unexpected(found.error());
    decide::Delisting out;
    out.incident = std::move(found->incident);
    out.server = "mx.example.jp";
    out.addresses = {"192.0.2.25"};
    const std::string& address = out.incident.subject.id;
    out.account = named ? address : decide::redacted(address);
    out.actions = {{k_report_time, "contained", 0}};
    out.text = decide::delisting_text(out);
    return out;
  }

 private:
  static constexpr Instant k_report_time{1'795'000'000'000'000};
};

}  // namespace sekimori::web
