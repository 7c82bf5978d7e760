// What people do beside the machine: enquiries and call-backs, customers, what was thought of an
// incident, investigations. Part of Control, in a header of its own; threads and errors as there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "decide/casework.h"
#include "web/control.h"

namespace sekimori::web {

inline constexpr std::size_t k_enquiry_text_max = 4000;
inline constexpr std::size_t k_enquiry_field_max = 200;
inline constexpr std::size_t k_account_note_max = 4000;

// As somebody told it.
struct EnquiryOrder {
  decide::EnquiryVia via = decide::EnquiryVia::web;
  decide::EnquiryTopic topic = decide::EnquiryTopic::other;
  std::string address;  // normalised
  std::string customer_number;
  std::string name;
  std::string text;
  std::string diagnosis;
  bool call_back = false;
  std::string hours;
  std::string language = "ja";
};
// `key` reads the answer later together with the number; shown once, kept as a hash.
struct EnquiryMade {
  decide::Enquiry enquiry;
  Secret key;
};
// Where a call-back goes: the registered number and no other.
struct CallTarget {
  std::string telephone;  // "" none is registered
  std::string hours;
  bool is_old = true;  // it stood there before the incident
};
struct EnquiryDetails {
  decide::Enquiry enquiry;
  std::vector<decide::EnquiryEntry> entries;  // oldest first
  CallTarget call;
};
class Casework {
 public:
  virtual ~Casework() = default;

  [[nodiscard]] virtual Result<Page<decide::AuditEntry>> audit_page(const decide::AuditFilter&) = 0;

  // Newest first; what waits (`waiting`): oldest first.
  [[nodiscard]] virtual Result<Page<decide::Enquiry>> enquiries(const decide::EnquiryFilter&) = 0;
  [[nodiscard]] virtual Result<EnquiryDetails> enquiry(std::uint64_t id) = 0;
  // Checked against what is registered; durable when it returns. bad_input: too many wait.
  [[nodiscard]] virtual Result<EnquiryMade> open_enquiry(const EnquiryOrder&, const Caller& by) = 0;
  // decide::step(). Audited, without what was said.
  [[nodiscard]] virtual Result<EnquiryDetails> act_on_enquiry(std::uint64_t id, decide::EnquiryAct,
                                                              const std::string& text,
                                                              const Caller& by) = 0;
  // By whoever has number and key. not_found: whichever of the two is wrong.
  [[nodiscard]] virtual Result<decide::Enquiry> read_enquiry(std::uint64_t id,
                                                             const Secret& key) = 0;

  // Empty fields where nothing is kept. not_found: no account of this server.
  [[nodiscard]] virtual Result<decide::Customer> customer(std::string_view address) = 0;
  [[nodiscard]] virtual Result<decide::Customer> put_customer(const decide::Customer&,
                                                              const std::string& reason,
                                                              const Caller& by) = 0;

  // Newest first. not_found: no account of this server.
  [[nodiscard]] virtual Result<std::vector<decide::AccountNote>> notes(
      std::string_view address) = 0;
  // Audited, without its words. bad_input: there are too many.
  [[nodiscard]] virtual Result<decide::AccountNote> add_note(std::string_view address,
                                                             const std::string& text,
                                                             const Caller& by) = 0;

  // One a person, newest first.
  [[nodiscard]] virtual Result<std::vector<decide::Feedback>> feedback(std::uint64_t incident) = 0;
  [[nodiscard]] virtual Result<Page<decide::Feedback>> all_feedback(std::size_t offset,
                                                                    std::size_t limit) = 0;
  [[nodiscard]] virtual Result<decide::Feedback> put_feedback(std::uint64_t incident,
                                                              decide::FeedbackVerdict,
                                                              const std::string& text,
                                                              const Caller& by) = 0;

  // nullopt: none was offered.
  [[nodiscard]] virtual Result<std::optional<decide::Investigation>> investigation(
      std::uint64_t incident) = 0;
  [[nodiscard]] virtual Result<decide::Investigation> change_investigation(
      std::uint64_t incident, const decide::InvestigationOrder&, const std::string& reason,
      const Caller& by) = 0;
};

}  // namespace sekimori::web
