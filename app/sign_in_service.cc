#include "app/sign_in_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"
#include "wire/wforce.h"

namespace sekimori::app {
namespace {

// So long a counter that was counted may be known to memory alone.
constexpr auto k_keep_pace = std::chrono::milliseconds(100);
constexpr Duration k_sweep_pace = seconds(30);
// Of one transaction: other writers wait meanwhile.
constexpr std::size_t k_batch = 5000;
// Programs that do not wait for their answer; beyond it they are told so.
constexpr std::size_t k_waiting_max = 100'000;
// Keys that one audit line names.
constexpr std::size_t k_audit_keys = 20;

bool within(const std::vector<IpNetwork>& networks, const IpAddress& ip) {
  return std::ranges::any_of(networks, [&](const IpNetwork& n) { return n.contains(ip); });
}

}  // namespace

SignInService::SignInService(SignInParts parts)
    : parts_(std::move(parts)),
      book_(parts_.entries_max),
      counters_({parts_.windows, parts_.counters_max, parts_.key}),
      file_(parts_.counter_file,
            {.head = decide::SignInCounters::head(),
             .load = [this](std::string_view bytes) { return counters_.load(bytes); },
             .changes = [this](std::string& out) { counters_.take_changes(out); },
             .dump = [this](const auto& each) { return counters_.dump(each); }}) {}

Result<std::unique_ptr<SignInService>> SignInService::open(SignInParts parts) {
  std::unique_ptr<SignInService> service(new SignInService(std::move(parts)));
  if (auto done = service->read(); !done) return std::unexpected(done.error());
  return service;
}

Result<void> SignInService::read() {
  auto entries = parts_.store.all(parts_.now());
  if (!entries) return std::unexpected(entries.error());
  for (decide::SignInEntry& entry : *entries) {
    if (!book_.put(std::move(entry))) {
      parts_.log("sign-in entries: weakforced.entries_max is less than what is kept");
      break;
    }
  }
  if (!counters_.counts_anything()) return {};
  auto opened = file_.open([this](std::string_view trouble) {
    parts_.log(fmt::format("sign-in counters: {}", trouble));
  });
  parts_.log(
      fmt::format("sign-ins: {} entries, {} counters known", book_.size(), counters_.rows()));
  return opened;
}

bool SignInService::is_ours(const IpAddress& ip) const {
  return ip.is_loopback() || within(parts_.own, ip) || within(parts_.webmail, ip);
}

decide::SignInFact SignInService::fact_of(const serve::SignIn& sign_in) const {
  const bool counts = sign_in.ip.is_set() && !is_ours(sign_in.ip);
  return {sign_in.account, counts ? sign_in.ip : IpAddress(), sign_in.pwhash};
}

serve::SignInGate::Word SignInService::listed(const serve::SignIn& sign_in,
                                              serve::SignInVerdict& verdict) {
  if (book_.size() == 0) return Word::none;
  const auto tell = [&](const decide::SignInEntry& entry, const char* mark) {
    verdict.attributes = {{"expiration", wire::wforce_time(entry.expires)},
                          {"key", std::string(to_string(entry.kind()))},
                          {"reason", entry.reason},
                          {mark, "1"}};
  };
  if (const auto entry =
          book_.find(decide::SignInList::allow, sign_in.ip, sign_in.account, sign_in.now)) {
    tell(*entry, "whitelisted");
    return Word::allowed;
  }
  const IpAddress ip = sign_in.ip.is_set() && is_ours(sign_in.ip) ? IpAddress() : sign_in.ip;
  const auto entry = book_.find(decide::SignInList::block, ip, sign_in.account, sign_in.now);
  if (!entry) return Word::none;
  tell(*entry, "blacklisted");
  verdict.answer.status = -1;
  verdict.answer.rule = "blocked";
  // weakforced's words, which its sites know.
  switch (entry->kind()) {
    case decide::SignInEntryKind::ip:
      verdict.answer.message = {"この接続元からのサインインは、しばらくの間、止めています。",
                                "Temporarily blacklisted IP Address - try again later"};
      break;
    case decide::SignInEntryKind::login:
      verdict.answer.message = {"このアカウントのサインインは、しばらくの間、止めています。",
                                "Temporarily blacklisted Login Name - try again later"};
      break;
    case decide::SignInEntryKind::ip_login:
      verdict.answer.message = {
          "この接続元からのこのアカウントへのサインインは、しばらくの間、止めています。",
          "Temporarily blacklisted IP/Login Tuple - try again later"};
      break;
  }
  return Word::blocked;
}

void SignInService::counted(const serve::SignIn& sign_in, serve::SignInVerdict& verdict) {
  if (!counters_.counts_anything() || verdict.answer.status < 0) return;
  const auto over = counters_.over(fact_of(sign_in), sign_in.now);
  if (!over) return;
  verdict.answer.rule = "window";
  verdict.attributes = {{"window", over->window->to_string()},
                        {"count", fmt::format("{}", over->count)}};
  if (!over->window->refuse) {
    verdict.answer.status = static_cast<int>(over->window->delay);
    return;
  }
  verdict.answer.status = -1;
  verdict.answer.message = {
      "サインインの失敗が続いたため、しばらくお待ちいただいています。時間をおいてお試しください。",
      "Too many sign-ins failed; please wait a while and try again."};
}

void SignInService::ended(const serve::SignIn& sign_in, LoginResult result) {
  if (!counters_.counts_anything() || result == LoginResult::refused) return;
  counters_.note(fact_of(sign_in), result == LoginResult::ok, sign_in.now);
}

void SignInService::change(decide::SignInEntry entry, bool removed,
                           std::function<void(Result<void>)> done) {
  const bool is_ip = entry.kind() == decide::SignInEntryKind::ip;
  if (!removed && entry.list == decide::SignInList::block && is_ip &&
      (entry.network.bits() == (entry.network.address().is_v4() ? 32 : 128)) &&
      is_ours(entry.network.address())) {
    return done(bad_input("one of our own addresses ([networks]) is never blocked"));
  }
  {
    const std::lock_guard lock(waiting_mutex_);
    if (waiting_.size() >= k_waiting_max) {
      return done(operating_failure("too many changes wait for the database"));
    }
    if (removed) {
      // What is not there needs no writing; what waits to be written still does.
      if (!book_.remove(entry.list, entry.key()) && waiting_.empty()) return done({});
    } else if (!book_.put(entry)) {
      return done(bad_input(fmt::format("there are {} entries already (weakforced.entries_max)",
                                        parts_.entries_max)));
    }
    waiting_.push_back({{std::move(entry), removed}, std::move(done)});
  }
  thread_.wake();
}

std::optional<decide::SignInEntry> SignInService::entry(decide::SignInList list,
                                                        const IpAddress& ip,
                                                        const std::string& login,
                                                        Instant now) const {
  if (ip.is_set() && !login.empty()) {
    return book_.get(list, fmt::format("{}:{}", ip.to_string(), login), now);
  }
  return book_.find(list, ip, login, now);
}

std::vector<decide::SignInEntry> SignInService::all(decide::SignInList list, Instant now) const {
  return book_.all(list, now);
}

std::vector<decide::SignInCounters::Figure> SignInService::figures(const decide::SignInFact& fact,
                                                                   Instant now) const {
  return counters_.figures(fact, now);
}

void SignInService::reset(const decide::SignInFact& fact) { counters_.reset(fact); }

void SignInService::later(std::function<void()> work) {
  {
    const std::lock_guard lock(waiting_mutex_);
    works_.push_back(std::move(work));
  }
  thread_.wake();
}

void SignInService::set_trouble(std::string text) {
  const std::lock_guard lock(trouble_mutex_);
  if (trouble_.empty() && !text.empty()) parts_.log(fmt::format("sign-ins: {}", text));
  trouble_ = std::move(text);
}

std::string SignInService::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

void SignInService::keep_entries() {
  while (true) {
    std::vector<Waiting> batch;
    {
      const std::lock_guard lock(waiting_mutex_);
      if (waiting_.empty()) return;
      const std::size_t n = std::min(waiting_.size(), k_batch);
      batch.assign(std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.begin() + static_cast<std::ptrdiff_t>(n)));
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
    }
    std::vector<store::SignInChange> changes;
    changes.reserve(batch.size());
    std::size_t added = 0;
    std::string names;
    for (const Waiting& one : batch) {
      changes.push_back(one.change);
      added += one.change.removed ? 0 : 1;
      if (changes.size() > k_audit_keys) continue;
      names += fmt::format("{}{}{} {}", names.empty() ? "" : ", ", one.change.removed ? "-" : "+",
                           to_string(one.change.entry.list), one.change.entry.key());
    }
    const auto done = parts_.store.write(changes);
    set_trouble(done ? "" : done.error().text);
    if (done && parts_.audit) {
      decide::AuditEntry entry;
      entry.t = parts_.now();
      entry.who = "weakforced";
      entry.action = "sign_in_entries";
      entry.subject = {decide::SubjectKind::server, ""};
      entry.why = batch.front().change.entry.reason;
      entry.detail = fmt::format("{} added, {} removed: {}{}", added, batch.size() - added, names,
                                 batch.size() > k_audit_keys ? ", …" : "");
      parts_.audit(std::move(entry));
    }
    // An entry that could not be kept stays in force as long as we live, and its program is told:
    // it may say it again.
    for (Waiting& one : batch) one.done(done);
  }
}

void SignInService::keep_counters() {
  if (!counters_.counts_anything()) return;
  if (auto kept = file_.keep(parts_.now()); !kept) set_trouble(kept.error().text);
}

void SignInService::work() {
  keep_entries();
  keep_counters();
  std::vector<std::function<void()>> works;
  {
    const std::lock_guard lock(waiting_mutex_);
    works.swap(works_);
  }
  for (const auto& one : works) one();
  const Instant now = parts_.now();
  if (now < next_sweep_) return;
  next_sweep_ = now + k_sweep_pace;
  if (book_.take_over(now).empty()) return;
  if (auto done = parts_.store.prune(now); !done) set_trouble(done.error().text);
}

void SignInService::start() {
  thread_.start("sign-ins", [this](bool) -> std::optional<act::WorkerThread::Clock::time_point> {
    work();
    return act::WorkerThread::Clock::now() + k_keep_pace;
  });
}

void SignInService::stop() {
  thread_.stop();
  work();
}

}  // namespace sekimori::app
