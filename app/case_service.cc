#include "app/case_service.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

namespace sekimori::app {
namespace {

// 256 bits as text for a form's hidden field.
Secret new_key() {
  std::array<unsigned char, 32> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::string text(
      sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();  // the terminator
  sodium_memzero(bytes.data(), bytes.size());
  return Secret(std::move(text));
}

decide::Subject subject_of(const decide::Enquiry& enquiry) {
  if (enquiry.account.empty()) return {decide::SubjectKind::server, ""};
  return {decide::SubjectKind::account, enquiry.account};
}

}  // namespace

void CaseService::audited(const web::Caller& by, std::string action, decide::Subject subject,
                          std::uint64_t incident, std::string why, std::string detail) {
  decide::AuditEntry entry;
  entry.t = parts_.now();
  entry.who = by.who;
  entry.action = std::move(action);
  entry.subject = std::move(subject);
  entry.incident = incident;
  entry.why = std::move(why);
  entry.detail = std::move(detail);
  parts_.writer.put(entry);
}

Result<std::optional<std::string>> CaseService::account_of(std::string_view address) {
  const auto directory = parts_.directory();
  std::string account = directory->account_of(address);
  if (directory->is_account(account)) return std::optional(std::move(account));
  auto row = parts_.accounts.account(account);
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<std::string>();
  return std::optional(std::move(account));
}

Result<decide::Incident> CaseService::incident_of(std::uint64_t id) {
  auto incident = parts_.reader.incident(id);
  if (!incident) return std::unexpected(incident.error());
  if (!*incident) return not_found(fmt::format("there is no incident {}", id));
  return std::move(**incident);
}

Result<web::Page<decide::AuditEntry>> CaseService::audit_page(const decide::AuditFilter& filter) {
  parts_.writer.catch_up(k_audit_wait_ms);
  auto page = parts_.store.audit(filter);
  if (!page) return std::unexpected(page.error());
  return web::Page<decide::AuditEntry>{std::move(page->rows), page->total};
}

// ---------------------------------------------------------------- enquiries

Result<web::Page<decide::Enquiry>> CaseService::enquiries(const decide::EnquiryFilter& query) {
  auto filter = query;
  if (!filter.account.empty()) filter.account = parts_.directory()->account_of(filter.account);
  auto rows = parts_.store.enquiries(filter);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.store.count_enquiries(filter);
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::Enquiry>{std::move(*rows), *total};
}

Result<web::EnquiryDetails> CaseService::enquiry(std::uint64_t id) {
  auto found = parts_.store.enquiry(id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return not_found(fmt::format("there is no enquiry {}", id));
  auto entries = parts_.store.entries(id);
  if (!entries) return std::unexpected(entries.error());
  web::EnquiryDetails out;
  out.enquiry = std::move(**found);
  out.entries = std::move(*entries);
  if (out.enquiry.account.empty()) return out;
  // Where the sheet cannot be read there is no number to call, and the matter is shown all the
  // same.
  if (auto sheet = parts_.call_sheet(out.enquiry.account)) {
    out.call.telephone = std::move(sheet->phone);
    out.call.is_old = sheet->phone_is_old;
  }
  if (auto customer = parts_.store.customer(out.enquiry.account); customer && *customer) {
    out.call.hours = std::move((*customer)->hours);
  }
  return out;
}

Result<web::EnquiryMade> CaseService::open_enquiry(const web::EnquiryOrder& order,
                                                   const web::Caller& by) {
  auto account = account_of(order.address);
  if (!account) return std::unexpected(account.error());
  decide::Enquiry enquiry;
  enquiry.opened = enquiry.changed = parts_.now();
  enquiry.via = order.via;
  enquiry.topic = order.topic;
  enquiry.address = order.address;
  enquiry.account = account->value_or("");
  enquiry.customer_number = order.customer_number;
  enquiry.name = order.name;
  enquiry.text = order.text;
  enquiry.diagnosis = order.diagnosis;
  enquiry.call_back = order.call_back;
  enquiry.hours = order.hours;
  enquiry.language = order.language;
  if (!enquiry.account.empty()) {
    auto sheet = parts_.call_sheet(enquiry.account);
    if (sheet) {
      enquiry.match = decide::match_contract(sheet->customer_number, sheet->name,
                                             enquiry.customer_number, enquiry.name);
    }
  }
  web::EnquiryMade made;
  made.key = new_key();
  auto kept = parts_.store.open_enquiry(std::move(enquiry), made.key, by.who);
  if (!kept) return std::unexpected(kept.error());
  made.enquiry = std::move(*kept);
  audited(by, "open_enquiry", subject_of(made.enquiry), 0, "",
          fmt::format(R"({{"enquiry":{},"match":"{}"}})", made.enquiry.id,
                      to_string(made.enquiry.match)));
  parts_.changed(made.enquiry);
  return made;
}

Result<web::EnquiryDetails> CaseService::act_on_enquiry(std::uint64_t id, decide::EnquiryAct act,
                                                        const std::string& text,
                                                        const web::Caller& by) {
  auto after = parts_.store.act({id, parts_.now(), by.who, act, text});
  if (!after) return std::unexpected(after.error());
  audited(by, "enquiry_" + std::string(to_string(act)), subject_of(*after), 0, "",
          fmt::format(R"({{"enquiry":{}}})", id));
  parts_.changed(*after);
  return enquiry(id);
}

Result<decide::Enquiry> CaseService::read_enquiry(std::uint64_t id, const Secret& key) {
  auto found = parts_.store.enquiry_by_key(id, key);
  if (!found) return std::unexpected(found.error());
  if (!*found) return not_found("there is no enquiry of this number and key");
  return std::move(**found);
}

// ---------------------------------------------------------------- customers

Result<decide::Customer> CaseService::customer(std::string_view address) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  if (!*account) return not_found(fmt::format("'{}' is no account of this server", address));
  auto kept = parts_.store.customer(**account);
  if (!kept) return std::unexpected(kept.error());
  if (*kept) return std::move(**kept);
  decide::Customer none;
  none.account = std::move(**account);
  return none;
}

Result<decide::Customer> CaseService::put_customer(const decide::Customer& customer,
                                                   const std::string& reason,
                                                   const web::Caller& by) {
  auto before = this->customer(customer.account);
  if (!before) return before;
  decide::Customer kept = customer;
  kept.account = before->account;
  kept.changed = parts_.now();
  kept.changed_by = by.who;
  if (auto done = parts_.store.put_customer(kept); !done) return std::unexpected(done.error());
  audited(by, "change_customer", {decide::SubjectKind::account, kept.account}, 0, reason,
          fmt::format(R"({{"telephone_changed":{}}})", kept.telephone != before->telephone));
  return kept;
}

// ---------------------------------------------------------------- notes

Result<std::vector<decide::AccountNote>> CaseService::notes(std::string_view address) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  if (!*account) return not_found(fmt::format("'{}' is no account of this server", address));
  return parts_.store.notes(**account);
}

Result<decide::AccountNote> CaseService::add_note(std::string_view address, const std::string& text,
                                                  const web::Caller& by) {
  auto account = account_of(address);
  if (!account) return std::unexpected(account.error());
  if (!*account) return not_found(fmt::format("'{}' is no account of this server", address));
  decide::AccountNote note{parts_.now(), by.who, text};
  if (auto done = parts_.store.add_note(**account, note); !done) {
    return std::unexpected(done.error());
  }
  audited(by, "account_note", {decide::SubjectKind::account, **account}, 0, "", "");
  return note;
}

// ---------------------------------------------------------------- of an incident

Result<std::vector<decide::Feedback>> CaseService::feedback(std::uint64_t incident) {
  auto known = incident_of(incident);
  if (!known) return std::unexpected(known.error());
  return parts_.store.feedback(incident);
}

Result<web::Page<decide::Feedback>> CaseService::all_feedback(std::size_t offset,
                                                              std::size_t limit) {
  auto rows = parts_.store.all_feedback(offset, limit);
  if (!rows) return std::unexpected(rows.error());
  auto total = parts_.store.count_feedback();
  if (!total) return std::unexpected(total.error());
  return web::Page<decide::Feedback>{std::move(*rows), *total};
}

Result<decide::Feedback> CaseService::put_feedback(std::uint64_t incident,
                                                   decide::FeedbackVerdict verdict,
                                                   const std::string& text, const web::Caller& by) {
  auto known = incident_of(incident);
  if (!known) return std::unexpected(known.error());
  decide::Feedback word{incident, by.who, verdict, text, parts_.now()};
  if (auto done = parts_.store.put_feedback(word); !done) return std::unexpected(done.error());
  audited(by, "feedback", known->subject, incident, text,
          fmt::format(R"({{"verdict":"{}"}})", to_string(verdict)));
  return word;
}

Result<std::optional<decide::Investigation>> CaseService::investigation(std::uint64_t incident) {
  auto known = incident_of(incident);
  if (!known) return std::unexpected(known.error());
  return parts_.store.investigation(incident);
}

Result<decide::Investigation> CaseService::change_investigation(
    std::uint64_t incident, const decide::InvestigationOrder& order, const std::string& reason,
    const web::Caller& by) {
  auto known = incident_of(incident);
  if (!known) return std::unexpected(known.error());
  const Instant now = parts_.now();
  auto after = parts_.store.change_investigation(incident, [&](const auto& before) {
    return decide::step(before, incident, order, by.who, now);
  });
  if (!after) return after;
  audited(by, "investigation_" + std::string(to_string(after->state)), known->subject, incident,
          reason, fmt::format(R"({{"amount_yen":{}}})", after->amount_yen));
  return after;
}

}  // namespace sekimori::app
