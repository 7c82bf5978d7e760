// The casework of MemoryControl, for the tests of this folder: decide's own machines over maps.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "web/casework.h"

namespace sekimori::web {

class MemoryCasework : public Casework {
 public:
  static constexpr std::string_view k_key = "the-key-of-this-enquiry";

  // Enquiry 1 is there from the beginning.
  MemoryCasework() {
    EnquiryOrder order;
    order.address = "taro@example.jp";
    order.name = "太郎";
    order.text = "メールが届きません。";
    (void)open(order, "web");
  }
  // Where its owner keeps the audit; set before anything is asked.
  std::function<Result<std::vector<decide::AuditEntry>>(const AuditQuery&)> audit;

  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<Page<decide::AuditEntry>> audit_page(const decide::AuditFilter& query) override {
    AuditQuery all;
    all.subject = query.subject;
    all.limit = k_page_max;
    auto entries = audit(all);
    if (!entries) return std::unexpected(entries.error());
    Page<decide::AuditEntry> page;
    for (auto& entry : *entries) {
      const bool fits = (query.who.empty() || query.who == entry.who) &&
                        (query.action.empty() || query.action == entry.action);
      if (fits && page.total++ >= query.offset && page.items.size() < query.limit) {
        page.items.push_back(std::move(entry));
      }
    }
    return page;
  }

  Result<Page<decide::Enquiry>> enquiries(const decide::EnquiryFilter& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<decide::Enquiry> page;
    for (const auto& [id, details] : enquiries_) {
      const auto& e = details.enquiry;
      const bool waits =
          e.state == decide::EnquiryState::open || e.state == decide::EnquiryState::taken;
      if (query.waiting && !waits) continue;
      if (query.state && *query.state != e.state) continue;
      if (!query.account.empty() && query.account != e.account) continue;
      if (!query.taken_by.empty() && query.taken_by != e.taken_by) continue;
      page.items.push_back(e);
    }
    page.total = page.items.size();
    return page;
  }
  Result<EnquiryDetails> enquiry(std::uint64_t id) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return find(id);
  }
  Result<EnquiryMade> open_enquiry(const EnquiryOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    EnquiryMade made;
    made.enquiry = open(order, by.who);
    made.key = Secret(std::string(k_key));
    return made;
  }
  Result<EnquiryDetails> act_on_enquiry(std::uint64_t id, decide::EnquiryAct act,
                                        const std::string& text, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto found = find(id);
    if (!found) return found;
    auto next = decide::step(found->enquiry, act, by.who, text, now_);
    if (!next) return std::unexpected(next.error());
    auto& kept = enquiries_[id];
    kept.enquiry = *next;
    kept.entries.push_back({id, now_, by.who, act, text});
    return kept;
  }
  Result<decide::Enquiry> read_enquiry(std::uint64_t id, const Secret& key) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto found = find(id);
    if (!found || key.reveal() != k_key) return not_found("no such enquiry");
    return found->enquiry;
  }

  Result<std::vector<decide::AccountNote>> notes(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = notes_.find(std::string(address));
    return at == notes_.end() ? std::vector<decide::AccountNote>() : at->second;
  }
  Result<decide::AccountNote> add_note(std::string_view address, const std::string& text,
                                       const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto& kept = notes_[std::string(address)];
    kept.insert(kept.begin(), {now_, by.who, text});
    return kept.front();
  }
  Result<decide::Customer> customer(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = customers_.find(std::string(address));
    if (at != customers_.end()) return at->second;
    decide::Customer none;
    none.account = std::string(address);
    return none;
  }
  Result<decide::Customer> put_customer(const decide::Customer& customer, const std::string&,
                                        const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    auto& kept = customers_[customer.account] = customer;
    kept.changed = now_;
    kept.changed_by = by.who;
    return kept;
  }

  Result<std::vector<decide::Feedback>> feedback(std::uint64_t incident) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    std::vector<decide::Feedback> out;
    for (const auto& one : feedback_) {
      if (one.incident == incident) out.push_back(one);
    }
    return out;
  }
  Result<Page<decide::Feedback>> all_feedback(std::size_t, std::size_t) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return Page<decide::Feedback>{feedback_, feedback_.size()};
  }
  Result<decide::Feedback> put_feedback(std::uint64_t incident, decide::FeedbackVerdict verdict,
                                        const std::string& text, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    feedback_.push_back({incident, by.who, verdict, text, now_});
    return feedback_.back();
  }

  Result<std::optional<decide::Investigation>> investigation(std::uint64_t incident) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    return investigation_;
  }
  Result<decide::Investigation> change_investigation(std::uint64_t incident,
                                                     const decide::InvestigationOrder& order,
                                                     const std::string&,
                                                     const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    auto next = decide::step(investigation_, incident, order, by.who, now_);
    if (next) investigation_ = *next;
    return next;
  }

 private:
  [[nodiscard]] Result<EnquiryDetails> find(std::uint64_t id) const {
    const auto at = enquiries_.find(id);
    if (at == enquiries_.end()) return not_found("no such enquiry");
    return at->second;
  }
  decide::Enquiry open(const EnquiryOrder& order, const std::string& who) {
    EnquiryDetails details;
    auto& e = details.enquiry;
    e.id = enquiries_.size() + 1;
    e.opened = e.changed = now_;
    e.via = order.via;
    e.topic = order.topic;
    e.address = order.address;
    if (e.address.ends_with("@example.jp")) e.account = e.address;
    e.customer_number = order.customer_number;
    e.name = order.name;
    e.text = order.text;
    e.call_back = order.call_back;
    e.hours = order.hours;
    e.language = order.language;
    details.entries.push_back({e.id, now_, who, decide::EnquiryAct::opened, ""});
    details.call.telephone = "+81 3 0000 0000";
    enquiries_[e.id] = details;
    return e;
  }

  static constexpr Instant now_{1'790'000'000'000'000};
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::map<std::uint64_t, EnquiryDetails> enquiries_;
  std::map<std::string, std::vector<decide::AccountNote>> notes_;
  std::map<std::string, decide::Customer> customers_;
  std::vector<decide::Feedback> feedback_;
  std::optional<decide::Investigation> investigation_;
};

}  // namespace sekimori::web
