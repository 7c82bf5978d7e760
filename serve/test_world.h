// For the tests of serve/: a real engine with its desk, a directory, and questions as Postfix asks
// them.
#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/instant.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "serve/directory_cell.h"
#include "serve/policy_desk.h"
#include "wire/policy.h"

namespace sekimori::serve::testing {

inline constexpr Instant k_now{1'750'000'000'000'000};

class MemoryJournal : public decide::EventJournal {
 public:
  Result<std::uint64_t> append(const Event& event) override {
    const std::lock_guard lock(mutex);
    events.push_back(event);
    return events.size();
  }
  template <class Body>
  std::vector<Event> all() {
    const std::lock_guard lock(mutex);
    std::vector<Event> found;
    for (const Event& e : events) {
      if (std::holds_alternative<Body>(e.body)) found.push_back(e);
    }
    return found;
  }
  std::mutex mutex;
  std::vector<Event> events;
};

inline decide::Directory directory() {
  decide::DirectorySnapshot snapshot;
  snapshot.accounts = {"hanako@example.jp", "jiro@example.jp", "taro@example.jp"};
  snapshot.alias_domains = {{"old.example.jp", "example.jp"}};
  snapshot.domains = {"example.jp"};
  snapshot.aliases = {{"info@example.jp", "taro@example.jp"}};
  return {snapshot, "+", "example.jp"};
}

// What Postfix would send; the strings live as long as the question.
struct Question {
  std::string state, instance = "1.2.3.4", queue_id, client = "192.0.2.1", sender, recipient, login;
  std::string context = "mx1";
  std::uint32_t count = 0;
  std::uint64_t size = 0;

  [[nodiscard]] wire::PolicyRequest request() const {
    wire::PolicyRequest r;
    r.request = "smtpd_access_policy";
    r.protocol_state = state;
    r.state = state == "RCPT"             ? wire::PolicyState::rcpt
              : state == "DATA"           ? wire::PolicyState::data
              : state == "END-OF-MESSAGE" ? wire::PolicyState::end_of_message
              : state == "MAIL"           ? wire::PolicyState::mail
                                          : wire::PolicyState::other;
    r.instance = instance;
    r.queue_id = queue_id;
    r.client_address = client;
    r.sender = sender;
    r.recipient = recipient;
    r.sasl_username = login;
    r.policy_context = context;
    r.recipient_count = count;
    r.size = size;
    return r;
  }
};

struct World {
  explicit World(decide::EngineSettings settings = enforcing(), PolicyDeskOptions options = {})
      : engine(std::move(settings), &journal, nullptr) {
    options.host = "here";
    desk = std::make_unique<PolicyDesk>(engine, reservations, queue, metrics, std::move(options));
  }
  static decide::EngineSettings enforcing() {
    decide::EngineSettings s;
    s.mode = decide::Mode::enforce;
    return s;
  }
  static PolicyDeskOptions with_log() {
    PolicyDeskOptions o;
    o.log_followed = true;
    return o;
  }

  std::string ask(const Question& q) {
    std::string out;
    desk->answer(q.request(), now, names, out);
    return out;
  }
  std::string rcpt(const std::string& login, const std::string& to, const std::string& instance) {
    Question q;
    q.state = "RCPT", q.login = login, q.sender = login, q.recipient = to, q.instance = instance;
    return ask(q);
  }
  std::string data(const std::string& login, std::uint32_t n, const std::string& instance) {
    Question q;
    q.state = "DATA", q.login = login, q.sender = login, q.count = n, q.instance = instance;
    q.queue_id = "Q" + instance;
    return ask(q);
  }
  std::string end(const std::string& login, std::uint32_t n, const std::string& instance,
                  const std::string& to = "") {
    Question q;
    q.state = "END-OF-MESSAGE", q.login = login, q.sender = login, q.count = n, q.size = 5000;
    q.instance = instance, q.recipient = to;
    q.queue_id = "Q" + instance;
    return ask(q);
  }
  void stand(const std::string& account, decide::RequestKind kind) {
    decide::StandingRequest request;
    request.kind = kind;
    request.by_machine = false;
    request.by = "operator";
    request.now = now;
    auto news = engine.request({decide::SubjectKind::account, account}, request);
    must(news.has_value());
  }
  static void must(bool condition) {
    if (!condition) throw std::logic_error("the standing could not be set");
  }
  [[nodiscard]] std::uint32_t counted(const std::string& account) const {
    return engine.view(account, now).counts.recipients_hour;
  }

  MemoryJournal journal;
  decide::Engine engine;
  ReservationTable reservations;
  QueueIndex queue;
  ServerMetrics metrics;
  decide::Directory names = directory();
  Instant now = k_now;
  std::unique_ptr<PolicyDesk> desk;
};

inline const std::string k_dunno = "action=DUNNO\n\n";

}  // namespace sekimori::serve::testing
