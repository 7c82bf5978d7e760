// Tells people: one port, behind it an outbox and the channels (mail, webhooks, the call list;
// voice, SMS and chat can join).
//
// tell() writes one row for each recipient and channel into the outbox, in one transaction, and
// returns; a thread of its own delivers them. So a notice that was asked for is never lost, and one
// whose delivery was cut off between the channel's "taken" and our note of it comes twice, with the
// same Message-ID or delivery id: at least once, never zero times.
//
// Who is told what:
//   owner         at the address outside, known from before the incident. A suspended owner without
//                 one becomes a row of the call list.
//   mailbox       the owner in the mailbox itself, only while it can be read there: not while it is
//                 suspended, nor while a person has switched receiving or signing in off.
//   domain_admin  PostfixAdmin's admins of the domain
//   operators     the provider's, and every webhook
//
// What fails is tried again after 1 s, 2 s, 4 s … 1 h, for `give_up`; then it is `failed`, and the
// operators are told. One recipient gets at most `digest_after` mails an hour one by one; what
// comes beyond that is gathered into a digest every `digest_interval`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/mail_sender.h"
#include "act/notice_mail.h"
#include "act/notice_templates.h"
#include "act/notice_timing.h"
#include "act/webhook.h"
#include "act/worker_thread.h"
#include "base/secret.h"
#include "decide/notice_outbox.h"
#include "decide/ports.h"
#include "decide/switches.h"

namespace sekimori::act {

// How to reach an owner outside of the mailbox.
struct OwnerContact {
  std::string name;
  std::string email;  // registered before the incident and unchanged since; "" = none
};

// What Notices asks of the rest of the program. May block on SQL; an error is tried again.
struct NoticeSources {
  std::function<Instant()> now;
  // Of the incident (0: as it is now).
  std::function<Result<OwnerContact>(const std::string& account, std::uint64_t incident)> contact;
  std::function<Result<std::vector<std::string>>(const std::string& domain)> admins;
  std::function<Result<decide::StandingRecord>(const decide::Subject&)> standing;
  std::function<Result<std::vector<decide::StandingRecord>>()> standings;
  // The account a local address means; "" when it is not one of this server's accounts.
  std::function<std::string(std::string_view address)> local_account;
  std::function<bool(std::string_view domain)> is_local_domain;
  // What people switched off; may be empty.
  std::function<std::shared_ptr<const decide::SwitchTable>()> switches = {};
  // What waits for closed mailboxes; may be empty.
  std::function<std::vector<decide::WaitingMail>()> waiting = {};
  // One line for the log. Never a secret.
  std::function<void(std::string_view)> log = {};
};

struct NoticeSettings {
  NoticeSender sender;
  std::vector<std::string> operators;
  bool owners = true;
  bool domain_admins = true;
  MailSenderSettings mail;
  std::vector<std::string> webhook_urls;
  Secret webhook_secret;
  Duration webhook_timeout = seconds(10);
  std::size_t digest_after = 10;
  Duration digest_interval = minutes(15);
  Duration give_up = days(3);
  Duration again_window = days(30);  // contained again within it is told as "again"
  NoticeTemplates templates;
};

// Threads: tell(), wake(), set_templates() and trouble() from any; run_once() and tick() from one
// (that of start()).
class Notices : public decide::Notifier {
 public:
  Notices(decide::NoticeOutbox& outbox, NoticeSettings settings, NoticeSources sources);
  ~Notices() override;  // stops the thread
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  [[nodiscard]] Result<void> tell(const decide::Notice&) override;
  // The same, once for each occasion, whatever else was told since. `when` it came about; unset:
  // now.
  [[nodiscard]] Result<void> tell_once(const decide::Notice&, const std::string& occasion,
                                       Instant when = {});

  // A letter that must not stand in the outbox (a one-time code): handed to Postfix now, or an
  // error. Errors: operating, bad_input (no sender is set, or the address is refused).
  [[nodiscard]] Result<void> send_now(const std::string& to, const Letter& letter);

  struct Report {
    std::size_t sent = 0;
    std::size_t failed = 0;  // to be tried again, or given up
    std::optional<Instant> next;
  };
  // Delivers what is due.
  Report run_once(Instant now);
  // Makes the notices that time brings: still contained, mail waiting.
  [[nodiscard]] Result<void> tick(Instant now);

  // The texts from the next letter on. Any thread.
  void set_templates(NoticeTemplates templates);

  void start();
  void wake();
  void stop();

  // The channel that fails now and since when; "" when none does.
  struct Trouble {
    std::string what;
    Instant since;
  };
  [[nodiscard]] Trouble trouble() const;

 private:
  struct Channel {  // one that was down when last tried
    Instant since;
    Instant until;
    std::uint32_t failures = 0;
    std::string detail;
  };
  // The addresses rows are made for, by audience.
  [[nodiscard]] Result<std::vector<decide::NoticeRow>> rows_for(decide::NoticeRow base,
                                                                Standing standing);
  [[nodiscard]] Result<std::string> owner_address(const decide::NoticeRow& base);
  [[nodiscard]] bool may_receive(const std::string& address, const decide::Subject& about);
  [[nodiscard]] Result<std::string> kind_of(const decide::Notice& notice);
  [[nodiscard]] Result<void> put_round(const TimedNotice& timed, Instant now);
  [[nodiscard]] std::shared_ptr<const decide::SwitchTable> switches() const;
  // Does a letter into the mailbox itself reach nobody?
  [[nodiscard]] bool is_out_of_reach(const std::string& account, Standing standing) const;
  [[nodiscard]] Result<void> end_calls(const decide::Notice& notice, Instant now);
  [[nodiscard]] Result<NoticeFacts> facts_of(const decide::NoticeRow& row);
  void deliver_mail(const std::string& to, std::vector<decide::NoticeRow> due, Instant now,
                    Report& report);
  void deliver_hook(decide::NoticeRow row, Instant now, Report& report);
  DeliveryResult mail_out(const std::vector<decide::NoticeRow>& rows);
  // Notes what became of them; false when the outbox is not reached.
  void settle(std::vector<decide::NoticeRow> rows, const DeliveryResult& result, Instant now,
              Report& report);
  [[nodiscard]] bool is_down(const std::string& channel, Instant now);
  void note_channel(const std::string& channel, const DeliveryResult& result, Instant now);
  void tell_failed(const std::vector<decide::NoticeRow>& rows, Instant now);
  void log(std::string_view line) const;
  WorkerThread::Clock::time_point work();  // until when to sleep

  decide::NoticeOutbox& outbox_;
  NoticeSettings settings_;
  mutable std::mutex templates_mutex_;
  std::shared_ptr<const NoticeTemplates> templates_;
  [[nodiscard]] std::shared_ptr<const NoticeTemplates> templates() const;
  NoticeSources sources_;
  MailSender mail_;
  WebhookSender hooks_;
  Instant next_tick_;

  mutable std::mutex mutex_;
  std::map<std::string, Channel> down_;  // one for each channel and webhook

  std::mutex now_mutex_;  // send_now() has a sender of its own
  MailSender direct_;
  WorkerThread thread_;  // last: it uses all of the above
};

// How long after its last failure a notice waits: 1 s doubling to 1 h.
[[nodiscard]] Duration notice_retry_delay(std::uint32_t tries);

}  // namespace sekimori::act
