// Casework in the state database: enquiries and what was done about them, customers, what people
// thought of incidents, paid investigations (decide/casework.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "decide/casework.h"
#include "decide/records.h"
#include "store/state_store.h"

namespace sekimori::store {

// Enquiries that wait at once: a form that anybody may send must not fill the disk. A desk that is
// 5000 behind has another problem.
inline constexpr std::size_t k_enquiries_waiting_max = 5000;

// Any thread; calls are served one at a time. Never throws.
class CaseStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<CaseStore>> open(const StateStoreSettings& settings);
  ~CaseStore();

  // Gives the number, writes the first entry, and keeps a hash of `key`. bad_input: too many wait.
  [[nodiscard]] Result<decide::Enquiry> open_enquiry(decide::Enquiry enquiry, const Secret& key,
                                                     const std::string& who);
  // Newest first; what waits: oldest first.
  [[nodiscard]] Result<std::vector<decide::Enquiry>> enquiries(const decide::EnquiryFilter&);
  [[nodiscard]] Result<std::uint64_t> count_enquiries(const decide::EnquiryFilter&);
  [[nodiscard]] Result<std::optional<decide::Enquiry>> enquiry(std::uint64_t id);
  [[nodiscard]] Result<std::vector<decide::EnquiryEntry>> entries(std::uint64_t id);
  // decide::step() in one transaction with its entry. not_found; bad_input as step().
  [[nodiscard]] Result<decide::Enquiry> act(const decide::EnquiryEntry& entry);
  // nullopt: there is none, or this is not its key.
  [[nodiscard]] Result<std::optional<decide::Enquiry>> enquiry_by_key(std::uint64_t id,
                                                                      const Secret& key);

  [[nodiscard]] Result<std::optional<decide::Customer>> customer(std::string_view account);
  [[nodiscard]] Result<void> put_customer(const decide::Customer&);

  // Newest first; notes only grow. bad_input: there are k_account_notes_max of the account.
  [[nodiscard]] Result<std::vector<decide::AccountNote>> notes(std::string_view account);
  [[nodiscard]] Result<void> add_note(std::string_view account, const decide::AccountNote&);

  // Newest first. A later word of the same person takes the place of the earlier.
  [[nodiscard]] Result<std::vector<decide::Feedback>> feedback(std::uint64_t incident);
  [[nodiscard]] Result<std::vector<decide::Feedback>> all_feedback(std::size_t offset,
                                                                   std::size_t limit);
  [[nodiscard]] Result<std::uint64_t> count_feedback();
  [[nodiscard]] Result<void> put_feedback(const decide::Feedback&);

  [[nodiscard]] Result<std::optional<decide::Investigation>> investigation(std::uint64_t incident);
  // Reads, applies `change` and writes in one transaction.
  using Change = std::function<Result<decide::Investigation>(
      const std::optional<decide::Investigation>& before)>;
  [[nodiscard]] Result<decide::Investigation> change_investigation(std::uint64_t incident,
                                                                   const Change& change);

  // Newest first.
  struct AuditPage {
    std::vector<decide::AuditEntry> rows;
    std::uint64_t total = 0;  // of all pages
  };
  [[nodiscard]] Result<AuditPage> audit(const decide::AuditFilter&);

  // Closed and answered enquiries not changed since.
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit CaseStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
