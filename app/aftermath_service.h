// web::Aftermath over the clock of waiting mail, the journal and the stores; and a thread that
// keeps the reports of closed incidents before the journal forgets, and sends the notes to
// recipients.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "act/worker_thread.h"
#include "app/state_writer.h"
#include "app/waiting_clock.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "decide/ports.h"
#include "store/damage_store.h"
#include "store/state_store.h"
#include "web/aftermath.h"

namespace sekimori::app {

struct AftermathParts {
  decide::Engine& engine;
  decide::AccountStore& accounts;
  decide::Hands& hands;
  WaitingClock& waiting;
  StateWriter& writer;
  store::SqlStateStore& state;  // for reading
  store::DamageStore& damage;
  std::string journal_directory;
  Duration journal_retention;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  // Has a person switched receiving off for the account?
  std::function<bool(std::string_view account)> receives_nothing;
  // Hands a letter to the local Postfix. bad_input: refused for good.
  std::function<Result<void>(const std::string& to, std::string_view subject,
                             std::string_view body)>
      send_letter;
  bool can_send = false;  // a sender address is set
  std::string provider;   // its name; "" unknown
  std::string contact;    // where recipients may ask; "" unknown
  std::uint32_t notes_per_minute = 60;
  std::function<void(std::string_view)> log;
};

// Any thread; start() and stop() from one.
class AftermathService : public web::Aftermath {
 public:
  explicit AftermathService(AftermathParts parts) : parts_(std::move(parts)) {}
  ~AftermathService() override { stop(); }

  Result<decide::WaitingView> waiting(std::string_view address) override;
  Result<std::vector<decide::WaitingView>> all_waiting() override;
  Result<std::string> damage(std::uint64_t incident) override;
  Result<std::vector<decide::DamageRecipient>> damage_recipients(std::uint64_t incident,
                                                                 const web::Caller&) override;
  Result<web::NoteOutcome> draft_note(std::uint64_t incident) override;
  Result<web::NoteOutcome> send_note(std::uint64_t incident, const web::RecipientNote&,
                                     const std::string& reason, const web::Caller&) override;

  void start();
  void stop();

 private:
  // The report as kept, made anew where it may have changed.
  Result<store::KeptReport> kept(std::uint64_t incident);
  Result<decide::Incident> incident_of(std::uint64_t id);
  Result<web::NoteOutcome> outcome(std::uint64_t incident, web::RecipientNote note);
  [[nodiscard]] web::RecipientNote draft(const decide::Incident& incident,
                                         const store::KeptReport& report) const;
  void audited(const web::Caller& by, std::string action, const decide::Incident& incident,
               std::string why, std::string detail);
  void keep_reports();
  // Sends at most `most` letters; false: none waits.
  bool send_letters(std::size_t most);
  act::WorkerThread::Clock::time_point work();  // until when to sleep

  AftermathParts parts_;
  std::mutex making_;  // one report at a time: each reads the journal
  std::atomic<bool> letters_wait_{true};
  Instant next_look_, next_letters_;  // the thread's own
  act::WorkerThread thread_;          // last: it uses all of the above
};

}  // namespace sekimori::app
