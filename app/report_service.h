// Mail that came back and complaints: read from the report mailbox, told apart, remembered, and
// told to whom it concerns.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "act/report_mailbox.h"
#include "act/worker_thread.h"
#include "base/text.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "decide/returned.h"
#include "report/mail_report.h"
#include "report/origin.h"
#include "report/stamp.h"
#include "serve/sent_index.h"
#include "serve/server_metrics.h"
#include "store/returned_store.h"

namespace sekimori::app {

struct ReportSettings {
  std::string mailbox;  // "": nothing is read, copied or stamped
  bool stamp = true;
  std::vector<std::string> unstamped;   // domains and accounts, lower case
  std::vector<std::string> host_names;  // lower case
  std::string host;                     // of events
  Duration poll_interval = seconds(30);
  std::uint64_t forged_notice = 20;
  Duration notice_interval = days(7);
  Instant stamping_since;  // since when all mail that wants a stamp has one; unset: not
};

struct ReportParts {
  store::ReturnedStore& store;
  serve::SentIndex& sent;
  decide::Engine& engine;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  // Every account, for a stamp whose mail names none.
  std::function<Result<std::vector<std::string>>()> accounts;
  std::function<void(const decide::Applied&)> remember;
  // A notice of this kind, once for each occasion.
  std::function<Result<void>(std::string_view kind, const std::string& account, const Text& words,
                             const std::string& occasion)>
      tell;
  std::function<void(std::string_view)> log;
  // A complaint about mail of ours, once: for the record of an incident.
  std::function<void(const decide::ReturnedMail&)> complained = {};
};

class ReportService {
 public:
  ReportService(ReportParts parts, ReportSettings settings, const HashKey& key,
                act::ReportMailboxSettings mailbox);
  ~ReportService();  // stops the thread

  // ---- from the decision path: no lock, no wait ----
  // The header line that mail of the account gets, "" for none. Any thread.
  [[nodiscard]] std::string stamp_for(std::string_view account, Instant now) const;
  // Where a copy of a bounce to the account goes, "" for nowhere. Any thread.
  [[nodiscard]] std::string copy_of_bounce_to(std::string_view account) const;

  // Reads the mailbox from time to time, on a thread of its own. Nothing where none is configured.
  void start();
  void stop();

  // One mail of the mailbox: true when it is dealt with and may go. One thread at a time.
  [[nodiscard]] bool take(const std::string& mail);
  // What is wrong with reading, "" when nothing is. Any thread.
  [[nodiscard]] std::string trouble() const;

  serve::Counter read;        // mails of the mailbox
  serve::Counter unassigned;  // that are about no account of this server
  serve::Counter forged;      // recipients in bounces of mail that we did not send
  serve::Counter ours;        // recipients in bounces of mail that we did send
  serve::Counter feedback;    // complaints about mail of ours

 private:
  struct Owner {
    std::string account;
    bool stamped = false;  // our stamp says so
  };
  [[nodiscard]] Result<Owner> owner_of(const report::MailReport& report, Instant now) const;
  [[nodiscard]] bool wants_stamp(std::string_view account) const;
  [[nodiscard]] bool was_sent(const report::MailReport& report, const std::string& account) const;
  void act_on(const decide::ReturnedMail& mail, const report::MailReport& report);
  [[nodiscard]] Result<void> tell_of_forgery(const std::string& account, Instant now);
  void poll();
  void set_trouble(std::string text);

  ReportParts parts_;
  ReportSettings settings_;
  HashKey key_;
  report::Stamper stamper_;
  bool reads_ = false;
  act::ReportMailbox mailbox_;
  mutable std::mutex mutex_;
  std::string trouble_;
  act::WorkerThread thread_;
};

class World;
// Errors: operating (the password or the database cannot be read).
[[nodiscard]] Result<void> make_reports(World& world);

}  // namespace sekimori::app
