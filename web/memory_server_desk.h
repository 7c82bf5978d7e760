// The server's desk of MemoryControl, for the tests of this folder: values and texts in maps, one
// domain, one admin, dry runs that are done at once.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "web/server_desk.h"

namespace sekimori::web {

class MemoryServerDesk : public ServerDesk {
 public:
  static constexpr std::string_view k_text = "restricted.owner.ja";

  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<Page<DomainSummary>> domains(const DomainQuery& query) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<DomainSummary> page;
    for (const auto* name : {"example.com", "example.jp"}) {
      const bool theirs =
          !query.among || std::ranges::find(*query.among, name) != query.among->end();
      if (!theirs || !std::string_view(name).contains(query.search)) continue;
      DomainSummary domain;
      domain.domain = name;
      domain.description = "AB-1234 例示商事";
      domain.accounts = 2;
      domain.standing.subject = {decide::SubjectKind::domain, name};
      if (page.total++ >= query.offset && page.items.size() < query.limit) {
        page.items.push_back(domain);
      }
    }
    return page;
  }
  Result<Page<AdminSummary>> admins(const AdminQuery&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    Page<AdminSummary> page;
    page.items.push_back({"admin@example.jp", true, false, true, {"example.jp"}});
    page.total = 1;
    return page;
  }

  Result<PolicyView> policy(const decide::Subject& subject) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return view(subject);
  }
  Result<PolicyView> set_policy(const PolicyOrder& order, const Caller&) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    values_[order.subject] = order.values;
    return view(order.subject);
  }
  Result<SwitchesView> switches(std::string_view account) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (!account.starts_with("taro@")) return not_found("no such account");
    switches_.account = account;
    return switches_;
  }
  Result<SwitchesView> set_switch(const SwitchOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    switches_.account = order.account;
    auto& state =
        order.what == decide::AccountSwitch::receive ? switches_.receive : switches_.login;
    state.off.reset();
    if (!order.on) {
      state.off = decide::SwitchedOff{order.account, order.what, Instant{1'790'000'000'000'000},
                                      order.until,   by.who,     order.reason};
    }
    state.works = order.on;
    const bool writes = !order.on && order.tell;
    state.letter = writes ? decide::SwitchLetter::due : decide::SwitchLetter::none;
    return switches_;
  }
  Result<DryRun> begin_dry_run(const DryRunOrder& order, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    run_.id = 1;
    run_.order = order;
    run_.by = by.who;
    run_.state = DryRunState::done;
    run_.started = run_.first = run_.last = Instant{1'790'000'000'000'000};
    run_.differing = {{"taro@example.jp", {}, {}}};
    run_.differing_count = 1;
    return run_;
  }
  Result<DryRun> dry_run(std::uint64_t id) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (id != run_.id) return not_found("no such run");
    return run_;
  }

  Result<SettingsView> settings() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    SettingsView view;
    view.file = "sekimori.toml";
    view.items.push_back({"limits.recipients_per_hour",
                          "limits",
                          {"宛先数", "recipients"},
                          "500",
                          "400",
                          "sekimori.toml:3",
                          false});
    return view;
  }
  Result<SettingsView> reload(const Caller&) override { return settings(); }

  Result<std::vector<NoticeTextSummary>> notice_texts() override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    return std::vector{summary()};
  }
  Result<NoticeTextView> notice_text(std::string_view name) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (name != k_text) return not_found("there is no such text");
    return NoticeTextView{summary(), text_, "Subject: x\n\ny\n", {"address"}};
  }
  Result<NoticePreview> preview_notice_text(std::string_view name,
                                            const std::string& text) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (name != k_text) return not_found("there is no such text");
    NoticePreview preview{"x", text, {}};
    if (text.contains("{wrong}")) preview.faults.push_back({1, {"差し込み", "placeholder"}});
    return preview;
  }
  Result<NoticeTextView> put_notice_text(std::string_view name, const std::string& text,
                                         const Caller&) override {
    {
      const std::scoped_lock lock(mutex_);
      if (!failure_ && name == k_text) text_ = text;
    }
    return notice_text(name);
  }
  Result<NoticeTextView> reset_notice_text(std::string_view name, const Caller&) override {
    return notice_text(name);
  }

  Result<std::vector<HealthSpanView>> health_history(std::uint32_t) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const Instant t{1'790'000'000'000'000};
    return std::vector{HealthSpanView{"journal", HealthLevel::ok, t, t + minutes(5), {"良", "ok"}}};
  }

 private:
  [[nodiscard]] static NoticeTextSummary summary() {
    return {std::string(k_text), "x", TextSource::shipped, {}, ""};
  }
  [[nodiscard]] PolicyView view(const decide::Subject& subject) const {
    PolicyView out;
    out.subject = subject;
    const auto own = values_.find(subject);
    for (std::size_t i = 0; i < decide::k_policy_fields; ++i) {
      PolicyItem item;
      item.field = static_cast<decide::PolicyField>(i);
      item.inherited = item.value = 10;
      item.where = decide::info(item.field).setting;
      if (own != values_.end()) item.own = own->second[i];
      if (item.own) item.value = *item.own;
      out.items.push_back(item);
    }
    return out;
  }

  std::mutex mutex_;
  std::optional<Error> failure_;
  SwitchesView switches_;
  std::map<decide::Subject, decide::PolicyValues> values_;
  DryRun run_;
  std::string text_ = "Subject: x\n\ny\n";
};

}  // namespace sekimori::web
