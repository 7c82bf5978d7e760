// The reports of MemoryControl, for the tests of this folder.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/serialize.hpp>

#include "web/aftermath.h"
#include "web/json_aftermath.h"
#include "web/memory_bans.h"
#include "web/memory_casework.h"
#include "web/memory_figures.h"
#include "web/memory_owner_desk.h"
#include "web/memory_rules.h"
#include "web/memory_server_desk.h"

namespace sekimori::web {

class MemoryAftermath : public Aftermath {
 public:
  MemoryAftermath() : book_({}) {
    decide::WaitingTry attempt;
    attempt.account = "taro@example.jp";
    attempt.sender = "friend@example.org";
    attempt.client_name = "mx1.example.org";
    attempt.client_address = "192.0.2.7";
    attempt.size = 4711;
    attempt.t = Instant{1'790'000'000'000'000};
    book_.put_off(attempt);
    book_.delivery({"taro@example.jp", "4bXyZ55555", "hanako@example.jp", 900,
                    DeliveryStatus::deferred, attempt.t});
  }
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<decide::WaitingView> waiting(std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return book_.view(address);
  }
  Result<std::vector<decide::WaitingView>> all_waiting() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return book_.all();
  }
  // A hijack as small as can be; incident 1 only.
  Result<std::string> damage(std::uint64_t incident) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    auto body = json_of(report(), now_ + hours(2));
    body["utc_offset_seconds"] = 32'400;
    return boost::json::serialize(body);
  }
  Result<std::vector<decide::DamageRecipient>> damage_recipients(std::uint64_t incident,
                                                                 const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    return report().people;
  }
  Result<NoteOutcome> draft_note(std::uint64_t incident) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (incident != 1) return not_found("no such incident");
    NoteOutcome out;
    out.note = {"お知らせ / A note", "本文\nText"};
    out.addressees = 1;
    out.sent = sent_.size();
    return out;
  }
  Result<NoteOutcome> send_note(std::uint64_t, const RecipientNote& note, const std::string&,
                                const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    sent_.push_back(note);
    NoteOutcome out;
    out.note = note;
    out.addressees = out.sent = 1;
    return out;
  }
  std::vector<RecipientNote> sent_notes() {
    const std::scoped_lock lock(mutex_);
    return sent_;
  }

  [[nodiscard]] static decide::DamageReport report() {
    decide::DamageQuestion question;
    question.incident.id = 1;
    question.account = "taro@example.jp";
    question.onset = now_;
    question.until = now_ + hours(1);
    question.history_from = now_ - days(3);
    decide::DamageFold fold(std::move(question));
    const auto add = [&fold](Instant t, EventBody body) {
      Event event;
      event.t = t;
      event.account = "taro@example.jp";
      event.body = std::move(body);
      fold.add(event);
    };
    Login login;
    login.ip = IpAddress::parse("192.0.2.10").value();
    add(now_ - days(1), login);
    login.ip = IpAddress::parse("203.0.113.77").value();
    login.place.country[0] = 'B';
    login.place.country[1] = 'R';
    login.service = Service::smtp;
    add(now_ + seconds(1), login);
    Submission mail;
    mail.ip = login.ip;
    mail.place = login.place;
    mail.from = "taro@example.jp";
    mail.to = {"=cmd|x!a@far.example", "b@far.example"};
    mail.size = 1234;
    mail.queue_id = "4bQ1";
    add(now_ + minutes(1), mail);
    Delivery delivery;
    delivery.queue_id = "4bQ1";
    delivery.to = "=cmd|x!a@far.example";
    add(now_ + minutes(2), delivery);
    Session session;
    session.ip = login.ip;
    session.fetched = 12;
    add(now_ + minutes(3), session);
    add(now_ + minutes(3), SettingsChange{SettingKind::forward, "<script>alert(1)</script>"});
    add(now_ + minutes(4), Received{"no-reply@accounts.google.com"});
    add(now_ + minutes(5), StandingSet{Standing::restricted, "machine", "", 1});
    return fold.finish();
  }

 private:
  static constexpr Instant now_{1'790'000'000'000'000};
  std::vector<RecipientNote> sent_;
  std::mutex mutex_;
  std::optional<Error> failure_;
  decide::WaitingBook book_;
};

// The part of Control that leads to them.
class AftermathControl : public MemoryOwn, public HasBans {
 public:
  AftermathControl() {
    casework_.audit = [this](const AuditQuery& query) { return audit(query); };
  }
  Aftermath& aftermath() override { return aftermath_; }
  Casework& casework() override { return casework_; }
  FigureDesk& figures() override { return figures_; }
  BanDesk& bans() override { return bans_; }
  ServerDesk& server_desk() override { return server_desk_; }
  RuleDesk& rules() override { return memory_rules_; }
  MemoryAftermath& memory_aftermath() { return aftermath_; }

 protected:
  void fail_parts(const std::optional<Error>& error) {
    aftermath_.fail_with(error);
    casework_.fail_with(error);
    figures_.fail_with(error);
    bans_.fail_with(error);
    server_desk_.fail_with(error);
    memory_rules_.fail_with(error);
  }
  MemoryAftermath aftermath_;
  MemoryCasework casework_;
  MemoryFigures figures_;
  MemoryBans bans_;
  MemoryServerDesk server_desk_;
  MemoryRules memory_rules_;
};

}  // namespace sekimori::web
