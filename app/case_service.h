// web::Casework over its store: who is checked against what is registered, what is audited, and
// what is told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/state_writer.h"
#include "decide/directory.h"
#include "decide/notice.h"
#include "decide/ports.h"
#include "store/case_store.h"
#include "store/state_store.h"
#include "web/casework.h"

namespace sekimori::app {

struct CaseParts {
  store::CaseStore& store;
  store::SqlStateStore& reader;
  decide::AccountStore& accounts;
  StateWriter& writer;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  // With the registered number as it stood before the incident.
  std::function<Result<decide::CallSheet>(const std::string& account)> call_sheet;
  // An enquiry came: whoever looks at the queue must know.
  std::function<void(const decide::Enquiry&)> changed;
};

// Any thread.
class CaseService : public web::Casework {
 public:
  explicit CaseService(CaseParts parts) : parts_(std::move(parts)) {}

  Result<web::Page<decide::AuditEntry>> audit_page(const decide::AuditFilter&) override;
  Result<web::Page<decide::Enquiry>> enquiries(const decide::EnquiryFilter&) override;
  Result<web::EnquiryDetails> enquiry(std::uint64_t id) override;
  Result<web::EnquiryMade> open_enquiry(const web::EnquiryOrder&, const web::Caller&) override;
  Result<web::EnquiryDetails> act_on_enquiry(std::uint64_t id, decide::EnquiryAct,
                                             const std::string& text, const web::Caller&) override;
  Result<decide::Enquiry> read_enquiry(std::uint64_t id, const Secret& key) override;
  Result<decide::Customer> customer(std::string_view address) override;
  Result<decide::Customer> put_customer(const decide::Customer&, const std::string& reason,
                                        const web::Caller&) override;
  Result<std::vector<decide::AccountNote>> notes(std::string_view address) override;
  Result<decide::AccountNote> add_note(std::string_view address, const std::string& text,
                                       const web::Caller&) override;
  Result<std::vector<decide::Feedback>> feedback(std::uint64_t incident) override;
  Result<web::Page<decide::Feedback>> all_feedback(std::size_t offset, std::size_t limit) override;
  Result<decide::Feedback> put_feedback(std::uint64_t incident, decide::FeedbackVerdict,
                                        const std::string& text, const web::Caller&) override;
  Result<std::optional<decide::Investigation>> investigation(std::uint64_t incident) override;
  Result<decide::Investigation> change_investigation(std::uint64_t incident,
                                                     const decide::InvestigationOrder&,
                                                     const std::string& reason,
                                                     const web::Caller&) override;

 private:
  // Of this server: nullopt where the address is none of ours.
  [[nodiscard]] Result<std::optional<std::string>> account_of(std::string_view address);
  Result<decide::Incident> incident_of(std::uint64_t id);
  void audited(const web::Caller& by, std::string action, decide::Subject subject,
               std::uint64_t incident, std::string why, std::string detail);

  CaseParts parts_;
};

}  // namespace sekimori::app
