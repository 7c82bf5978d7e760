#include "tests/sim/mail_world.h"

#include "base/mail_address.h"

namespace sekimori::sim {

using namespace decide;

Result<void> MailWorld::flush_auth_cache(std::string_view account) {
  return faults_.call("flush_auth_cache", [&]() -> Result<void> {
    if (account.empty()) {
      login_cache.clear();
    } else {
      login_cache.erase(std::string(account));
    }
    return {};
  });
}

Result<std::uint32_t> MailWorld::kick(std::string_view account) {
  return faults_.call("kick", [&]() -> Result<std::uint32_t> {
    std::uint32_t ended = 0;
    for (auto& [who, count] : sessions) {
      const bool meant =
          account.starts_with("*@") ? domain_of(who) == account.substr(2) : who == account;
      if (!meant) continue;
      ended += static_cast<std::uint32_t>(count);
      count = 0;
    }
    return ended;
  });
}

Result<void> MailWorld::hold(std::span<const std::string> ids) {
  return faults_.call("hold", [&]() -> Result<void> {
    for (const auto& id : ids) {
      const auto it = queue.find(id);
      if (it == queue.end()) continue;
      if (on_hold && it->second.part != "hold") on_hold(it->second);
      it->second.part = "hold";
    }
    return {};
  });
}

Result<void> MailWorld::release(std::span<const std::string> ids) {
  return faults_.call("release", [&]() -> Result<void> {
    for (const auto& id : ids) {
      const auto it = queue.find(id);
      if (it == queue.end() || it->second.part != "hold") continue;
      if (on_release) on_release(it->second);
      it->second.part = "active";
    }
    return {};
  });
}

Result<std::uint64_t> MailWorld::remove(std::span<const decide::QueueTarget> messages) {
  return faults_.call("remove", [&]() -> Result<std::uint64_t> {
    for (const auto& [id, sender, arrival, not_after] : messages) {
      removed[id] += static_cast<int>(queue.erase(id));
    }
    return 0U;
  });
}

Result<void> MailWorld::requeue(std::span<const std::string> ids) {
  return faults_.call("requeue", [&]() -> Result<void> {
    for (const auto& id : ids) {
      const auto it = queue.find(id);
      if (it != queue.end() && it->second.part == "deferred") it->second.part = "active";
    }
    return {};
  });
}

Result<void> MailWorld::list_queue(const std::function<bool(const QueueEntry&)>& each) {
  return faults_.call("list_queue", [&]() -> Result<void> {
    for (const auto& [id, mail] : queue) {
      QueueEntry entry;
      entry.queue_name = mail.part;
      entry.queue_id = id;
      entry.arrival = mail.arrival;
      entry.sender = mail.login;
      entry.recipients = {mail.recipient};
      if (!each(entry)) break;
    }
    return {};
  });
}

Result<std::string> MailWorld::sasl_login_of(std::string_view id) {
  return faults_.call("sasl_login_of", [&]() -> Result<std::string> {
    const auto it = queue.find(std::string(id));
    if (it == queue.end()) return not_found("no such message");
    return it->second.login;
  });
}

Result<void> MailWorld::stop_server_sending(bool stop) {
  return faults_.call("stop_server_sending", [&]() -> Result<void> {
    stopped = stop;
    return {};
  });
}

Result<void> MailWorld::tell(const Notice&) {
  return faults_.call("tell", [&]() -> Result<void> {
    ++notices;
    return {};
  });
}

bool MailWorld::forbids(std::string_view address, bool GuardRow::* what) const {
  const auto row_forbids = [&](const Subject& subject) {
    const auto it = guard_.table().find(subject);
    return it != guard_.table().end() && it->second.*what;
  };
  return row_forbids({SubjectKind::account, std::string(address)}) ||
         row_forbids({SubjectKind::domain, std::string(domain_of(address))}) ||
         (what == &GuardRow::no_send && row_forbids({SubjectKind::server, ""}));
}

void MailWorld::submit(Mail mail) {
  submitted.insert(mail.id);
  const std::string id = mail.id;
  queue[id] = std::move(mail);
}

bool MailWorld::login(const std::string& account) {
  const auto cached = login_cache.find(account);
  const bool in =
      cached != login_cache.end() ? cached->second : !forbids(account, &GuardRow::no_login);
  login_cache[account] = in;
  if (in) ++sessions[account];
  return in;
}

void MailWorld::deliver(double luck) {
  for (auto it = queue.begin(); it != queue.end();) {
    Mail& mail = it->second;
    if (mail.part == "deferred" && random_.chance(0.4)) mail.part = "active";
    if (mail.part != "active") {
      ++it;
      continue;
    }
    if (stopped || forbids(mail.recipient, &GuardRow::no_receive) || !random_.chance(luck)) {
      mail.part = "deferred";
      ++it;
      continue;
    }
    ++delivered[mail.id];
    it = queue.erase(it);
  }
}

}  // namespace sekimori::sim
