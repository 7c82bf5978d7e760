// What people do beside the machine: enquiries and call-backs, what is known of a customer, what
// people thought of an incident, and investigations that are paid for. Pure: the words, what may
// follow what, and whether what somebody says of themselves is what is registered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/records.h"

namespace sekimori::decide {

// ---- enquiries ----

enum class EnquiryState : std::uint8_t { open, taken, answered, closed };
enum class EnquiryTopic : std::uint8_t {
  cannot_receive,
  slow,
  cannot_sign_in,
  cannot_send,
  suspended,
  suspicious,
  other
};
enum class EnquiryVia : std::uint8_t { web, telephone };
// What the person said of themselves against what is registered of the account.
enum class ContractMatch : std::uint8_t {
  not_known,  // nothing is registered, or it is no account of this server
  matches,    // number and name
  differs
};
[[nodiscard]] std::string_view to_string(EnquiryState);
[[nodiscard]] std::string_view to_string(EnquiryTopic);
[[nodiscard]] std::string_view to_string(EnquiryVia);
[[nodiscard]] std::string_view to_string(ContractMatch);
[[nodiscard]] std::optional<EnquiryState> parse_enquiry_state(std::string_view);
[[nodiscard]] std::optional<EnquiryTopic> parse_enquiry_topic(std::string_view);
[[nodiscard]] std::optional<EnquiryVia> parse_enquiry_via(std::string_view);
[[nodiscard]] std::optional<ContractMatch> parse_contract_match(std::string_view);

struct Enquiry {
  std::uint64_t id = 0;
  Instant opened;
  EnquiryVia via = EnquiryVia::web;
  EnquiryState state = EnquiryState::open;
  EnquiryTopic topic = EnquiryTopic::other;
  std::string address;  // as it was given, normalised
  std::string account;  // of this server, "" where the address is none of ours
  std::string customer_number;
  std::string name;
  std::string text;
  std::string diagnosis;   // the number of one made before; "" none
  bool call_back = false;  // to the registered number, whatever is written in `text`
  std::string hours;       // when a call suits
  std::string language;    // "ja" or "en"
  ContractMatch match = ContractMatch::not_known;
  std::string taken_by;
  Instant changed;
  std::string answer;  // the latest, as the person who asked sees it
  Instant answered;    // unset: not yet
  std::string answered_by;
  bool operator==(const Enquiry&) const = default;
};

// What was done about one, oldest first.
enum class EnquiryAct : std::uint8_t {
  opened,
  taken,
  returned,
  called,
  not_reached,
  answered,
  closed
};
[[nodiscard]] std::string_view to_string(EnquiryAct);
[[nodiscard]] std::optional<EnquiryAct> parse_enquiry_act(std::string_view);
struct EnquiryEntry {
  std::uint64_t enquiry = 0;
  Instant t;
  std::string who;
  EnquiryAct act = EnquiryAct::opened;
  std::string text;
  bool operator==(const EnquiryEntry&) const = default;
};
// More about one matter belongs into another.
inline constexpr std::size_t k_enquiry_entries_max = 200;

// The enquiry after `act` by `who`. bad_input: closed already; taken by somebody else (only `taken`
// takes it over); an answer without words.
[[nodiscard]] Result<Enquiry> step(const Enquiry& before, EnquiryAct act, const std::string& who,
                                   const std::string& text, Instant now);
// "E-000123", what is said on the telephone; and back.
[[nodiscard]] std::string enquiry_reference(std::uint64_t id);
[[nodiscard]] std::optional<std::uint64_t> parse_enquiry_reference(std::string_view);

// ---- customers ----

// What is kept of an account's customer beside the provider's database.
struct Customer {
  std::string account;
  std::string number;       // of the contract
  std::string name;         // as in the contract
  std::string telephone;    // call-backs go here and nowhere else
  std::string alternative;  // another mail address
  std::string hours;        // when a call suits
  std::string terms;        // which terms were accepted, e.g. "2026-04"
  Instant terms_accepted;   // unset: not known
  Instant changed;
  std::string changed_by;
  bool operator==(const Customer&) const = default;
};
// Whether number and name are the registered ones: full-width forms, blanks and hyphens do not
// count, nor does case.
[[nodiscard]] ContractMatch match_contract(std::string_view registered_number,
                                           std::string_view registered_name,
                                           std::string_view said_number,
                                           std::string_view said_name);

// ---- notes ----

// What people wrote down about an account for each other; its owner never sees it.
struct AccountNote {
  Instant t;
  std::string who;
  std::string text;
  bool operator==(const AccountNote&) const = default;
};
// More is a diary; an account's list is read whole.
inline constexpr std::size_t k_account_notes_max = 500;

// ---- what is asked for ----

struct EnquiryFilter {
  std::optional<EnquiryState> state;
  bool waiting = false;  // open and taken
  std::string account;   // "" = all
  std::string taken_by;  // "" = all
  std::size_t offset = 0;
  std::size_t limit = 100;
};

// Of the audit, newest first. Empty: all.
struct AuditFilter {
  std::optional<Subject> subject = {};
  std::string within = {};  // of this domain and its accounts
  std::string who = {};     // exactly
  std::string action = {};  // exactly
  std::string search = {};  // part of the subject or the reason
  std::size_t offset = 0;
  std::size_t limit = 100;
};

// ---- "was this wrong?" ----

enum class FeedbackVerdict : std::uint8_t { right, wrong, unsure };
[[nodiscard]] std::string_view to_string(FeedbackVerdict);
[[nodiscard]] std::optional<FeedbackVerdict> parse_feedback_verdict(std::string_view);
// One person's word on an incident. It is for the evaluation: no threshold reads it.
struct Feedback {
  std::uint64_t incident = 0;
  std::string who;
  FeedbackVerdict verdict = FeedbackVerdict::unsure;
  std::string text;
  Instant t;
  bool operator==(const Feedback&) const = default;
};

// ---- paid investigations ----

enum class InvestigationState : std::uint8_t { estimated, accepted, declined, started, finished };
[[nodiscard]] std::string_view to_string(InvestigationState);
[[nodiscard]] std::optional<InvestigationState> parse_investigation_state(std::string_view);
struct InvestigationMark {
  Instant t;  // unset: not yet
  std::string who;
  bool operator==(const InvestigationMark&) const = default;
};
struct Investigation {
  std::uint64_t incident = 0;
  InvestigationState state = InvestigationState::estimated;
  std::uint64_t amount_yen = 0;  // with tax
  std::string scope;             // what will be done, as the customer was told
  std::string accepted_by;       // who said yes or no, at the customer's
  InvestigationMark estimated;
  InvestigationMark answered;  // accepted or declined; who wrote it down
  InvestigationMark started;
  InvestigationMark finished;
  bool operator==(const Investigation&) const = default;
};
// More would not be believed by anybody who reads it.
inline constexpr std::uint64_t k_amount_max = 1'000'000'000;
struct InvestigationOrder {
  InvestigationState to = InvestigationState::estimated;
  std::uint64_t amount_yen = 0;  // of an estimate
  std::string scope = {};        // of an estimate
  std::string accepted_by = {};  // of an answer
};
// Nothing starts that nobody accepted; an estimate may be made anew until work has started.
// bad_input: it does not follow, an estimate without scope, an answer without a name.
[[nodiscard]] Result<Investigation> step(const std::optional<Investigation>& before,
                                         std::uint64_t incident, const InvestigationOrder& order,
                                         const std::string& who, Instant now);

}  // namespace sekimori::decide
