// Approvals given beforehand: what they cover, what suspends them, and people's words on them.
#include <algorithm>
#include <utility>

#include "decide/engine_shard.h"

namespace sekimori::decide {
namespace {

ApprovalInForce::Message message_of(const detect::Detector& detector, detect::AccountIndex index,
                                    const Event& event, const Submission& mail) {
  ApprovalInForce::Message out;
  out.t = event.t;
  out.recipients = static_cast<std::uint32_t>(mail.to.size());
  out.size = mail.size;
  out.ip = mail.ip;
  out.place = detector.place_of(index, event.t, mail.ip, mail.place);
  return out;
}

bool is_over(const Approval& a, Instant now) {
  return a.state == ApprovalState::ended || a.terms.until <= now;
}

// The account, first by name, whose approvals are all over: it makes room for another. By name, so
// that every memory of the same journal chooses the same.
template <class Approvals>
auto first_all_over(Approvals& approvals, Instant now) {
  auto out = approvals.end();
  for (auto it = approvals.begin(); it != approvals.end(); ++it) {
    const bool over = std::ranges::all_of(
        it->second, [&](const auto& one) { return is_over(one.record(), now); });
    if (over && (out == approvals.end() || it->first < out->first)) out = it;
  }
  return out;
}

ApprovalView view_of(const ApprovalInForce& one, Instant now) {
  ApprovalView out;
  out.approval = one.record();
  out.used = one.used_at(now);
  const auto& terms = out.approval.terms;
  const auto zone = ZoneRule::parse(terms.zone_rule).value_or(ZoneRule());
  if (out.approval.state == ApprovalState::ended) return out;
  out.open = open_since(terms, zone, now);
  out.next = opens_next(terms, zone, now);
  return out;
}

}  // namespace

ApprovalInForce* Engine::Impl::approval_for(Shard& shard, detect::AccountIndex index,
                                            const Event& event, const Submission& mail,
                                            detect::Verdict& v) const {
  if (shard.approvals.empty()) return nullptr;
  const auto it = shard.approvals.find(event.account);
  if (it == shard.approvals.end()) return nullptr;
  // An account that is past the line by what else it did is nobody's newsletter.
  if (v.log_r_before >= rules_of(event.account, shard.controls[index]).restrict_log_r)
    return nullptr;
  const auto message = message_of(shard.detector, index, event, mail);
  bool asks = false;
  for (auto& one : it->second) {
    const Uncovered why = one.covers(message);
    if (why == Uncovered::covered) {
      shard.detector.approve(index, event.t, v);
      return &one;
    }
    asks = asks || why == Uncovered::suspended;
  }
  if (asks && v.advice == detect::HoldAdvice::timed) v.advice = detect::HoldAdvice::asked;
  return nullptr;
}

void Engine::Impl::use_approval(Shard& shard, ApprovalInForce& approval, detect::AccountIndex index,
                                const Event& event, const Submission& mail, Fate fate) const {
  if (fate == Fate::refused) return;  // by a limit: nothing left, nothing is used up
  const auto message = message_of(shard.detector, index, event, mail);
  approval.use(message, queue_key(mail.queue_id));
  ++shard.totals.approved_messages;
  shard.totals.approved_recipients += message.recipients;
}

void Engine::Impl::recover_approval(Shard& shard, detect::AccountIndex index, const Event& event,
                                    const Submission& mail, detect::Verdict& v, Fate fate) const {
  if (mail.approval == 0) {
    // Held by a person's leave to ask: the same hold as then.
    detect::Verdict judged = v;
    if (approval_for(shard, index, event, mail, judged) == nullptr) v.advice = judged.advice;
    return;
  }
  shard.detector.approve(index, event.t, v);
  const auto it = shard.approvals.find(event.account);
  if (it == shard.approvals.end()) return;
  const auto one = std::ranges::find_if(
      it->second, [&](const auto& a) { return a.record().id == mail.approval; });
  if (one != it->second.end()) use_approval(shard, *one, index, event, mail, fate);
}

void Engine::Impl::fold_approval(Shard& shard, detect::AccountIndex index, const Event& event,
                                 const ApprovalSet& said) const {
  auto it = shard.approvals.find(event.account);
  if (it == shard.approvals.end()) {
    if (shard.approvals.size() >= k_approved_accounts_max) {
      const auto over = first_all_over(shard.approvals, event.t);
      if (over == shard.approvals.end()) return;
      shard.approvals.erase(over);
    }
    it = shard.approvals.try_emplace(event.account).first;
  }
  auto& list = it->second;
  auto one =
      std::ranges::find_if(list, [&](const auto& a) { return a.record().id == said.number; });
  if (one == list.end()) {
    if (list.size() >= k_approvals_per_account) {
      const auto over =
          std::ranges::find_if(list, [&](const auto& a) { return is_over(a.record(), event.t); });
      if (over == list.end()) return;
      list.erase(over);
    }
    Approval made;
    made.id = said.number;
    made.account = event.account;
    made.created = event.t;
    made.created_by = said.by;
    list.emplace_back(std::move(made));
    one = std::prev(list.end());
  }
  const std::uint64_t epoch = said.epoch == 0 ? one->record().epoch + 1 : said.epoch;
  if (!one->set(event.t, said, epoch)) return;
  if (said.state == ApprovalState::active) one->bind(shard.detector.networks_of(index));
}

void Engine::Impl::suspend_approvals(Shard& shard, std::string_view account, Instant t,
                                     ApprovalCause cause) const {
  if (shard.approvals.empty()) return;
  const auto it = shard.approvals.find(account);
  if (it == shard.approvals.end()) return;
  for (auto& one : it->second) {
    if (!one.suspend(t, cause)) continue;
    ++shard.totals.approvals_suspended;
    shard.suspended.push_back(one.record());
  }
}

void Engine::Impl::watch_place(Shard& shard, detect::AccountIndex index, const Event& event,
                               const IpAddress& ip, const Place& place) const {
  if (shard.approvals.empty()) return;
  const auto it = shard.approvals.find(event.account);
  if (it == shard.approvals.end()) return;
  const auto known = shard.detector.place_of(index, event.t, ip, place);
  for (auto& one : it->second) {
    // Bound to a network by name: what comes from elsewhere is not covered anyhow.
    if (one.record().terms.network || !one.is_foreign(known)) continue;
    if (!one.suspend(event.t, ApprovalCause::new_place)) continue;
    ++shard.totals.approvals_suspended;
    shard.suspended.push_back(one.record());
  }
}

bool Engine::Impl::is_approved_mail(const Shard& shard, std::string_view account,
                                    std::string_view queue_id) const {
  if (shard.approvals.empty()) return false;
  const auto it = shard.approvals.find(account);
  if (it == shard.approvals.end()) return false;
  const std::uint64_t key = queue_key(queue_id);
  return std::ranges::any_of(it->second, [key](const auto& one) { return one.used_for(key); });
}

void Engine::Impl::give_back(Shard& shard, std::string_view account,
                             std::string_view queue_id) const {
  if (shard.approvals.empty()) return;
  const auto it = shard.approvals.find(account);
  if (it == shard.approvals.end()) return;
  const std::uint64_t key = queue_key(queue_id);
  for (auto& one : it->second) {
    if (one.give_back(key)) return;
  }
}

// ---------------------------------------------------------------- people

Result<std::pair<Approval, bool>> Engine::approve(const ApprovalOrder& order) {
  Shard& shard = impl_->shard_of(order.account);
  const std::lock_guard lock(shard.mutex);
  auto it = shard.approvals.find(order.account);
  Event fact;
  fact.t = order.now;
  fact.account = order.account;
  ApprovalSet said;
  said.state = order.state;
  said.by = order.by;
  said.reason = order.reason;
  if (order.id == 0) {
    if (auto well = check_terms(order.terms); !well) return std::unexpected(well.error());
    if (order.terms.until <= order.now) return bad_input("until lies in the past");
    const bool full =
        it == shard.approvals.end()
            ? shard.approvals.size() >= k_approved_accounts_max &&
                  first_all_over(shard.approvals, order.now) == shard.approvals.end()
            : static_cast<std::size_t>(std::ranges::count_if(it->second, [&](const auto& one) {
                return !is_over(one.record(), order.now);
              })) >= k_approvals_per_account / 2;
    if (full) return bad_input("there are too many approvals; end some first");
    said.number = impl_->next_approval.fetch_add(1);
    said.epoch = 1;
    said.terms = order.terms;
  } else {
    if (it == shard.approvals.end()) return not_found("there is no such approval");
    const auto one =
        std::ranges::find_if(it->second, [&](const auto& a) { return a.record().id == order.id; });
    if (one == it->second.end()) return not_found("there is no such approval");
    const Approval& now = one->record();
    if (now.state == order.state) return std::pair(now, false);
    if (now.state == ApprovalState::ended) {
      return bad_input("this approval was ended; approve anew");
    }
    said.number = now.id;
    said.epoch = now.epoch + 1;
    said.terms = now.terms;
  }
  fact.body = std::move(said);
  impl_->write_journal(shard, fact);
  shard.detector.advance(fact.t);
  const auto index = impl_->intern(shard, fact.account);
  const auto& body = std::get<ApprovalSet>(fact.body);
  impl_->fold_approval(shard, index, fact, body);
  it = shard.approvals.find(order.account);
  for (const auto& one : it->second) {
    if (one.record().id == body.number) return std::pair(one.record(), true);
  }
  return bad_input("there are too many approvals; end some first");
}

void Engine::load_approval(const Approval& record) {
  Shard& shard = impl_->shard_of(record.account);
  const std::lock_guard lock(shard.mutex);
  const auto find = [&]() -> ApprovalInForce* {
    const auto it = shard.approvals.find(record.account);
    if (it == shard.approvals.end()) return nullptr;
    for (auto& one : it->second) {
      if (one.record().id == record.id) return &one;
    }
    return nullptr;
  };
  if (const auto* known = find(); known != nullptr && !is_newer(record, known->record())) return;
  // The journal lost it to a power cut: told to it again, as a standing is.
  Event fact;
  fact.t = record.changed;
  fact.account = record.account;
  fact.body = ApprovalSet{record.id,    record.epoch,      record.state, record.cause,
                          record.terms, record.changed_by, record.reason};
  impl_->write_journal(shard, fact);
  shard.detector.advance(fact.t);
  impl_->fold_approval(shard, impl_->intern(shard, record.account), fact,
                       std::get<ApprovalSet>(fact.body));
}

void Engine::set_next_approval(std::uint64_t id) { impl_->next_approval.store(id); }

std::vector<ApprovalView> Engine::approvals(std::string_view account, Instant now) const {
  std::vector<ApprovalView> out;
  const auto add = [&](const Shard& shard) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [name, list] : shard.approvals) {
      if (!account.empty() && name != account) continue;
      for (const auto& one : list) out.push_back(view_of(one, now));
    }
  };
  if (account.empty()) {
    for (const auto& shard : impl_->shards) add(*shard);
  } else {
    add(impl_->shard_of(account));
  }
  std::ranges::sort(out, std::ranges::greater{},
                    [](const ApprovalView& view) { return view.approval.id; });
  return out;
}

std::optional<ApprovalView> Engine::approval(std::uint64_t id, Instant now) const {
  for (auto& view : approvals("", now)) {
    if (view.approval.id == id) return std::move(view);
  }
  return std::nullopt;
}

}  // namespace sekimori::decide
