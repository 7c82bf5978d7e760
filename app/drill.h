// The drill: a hijack from beginning to end, played against a lab or a test account.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/drill_mailbox.h"
#include "app/drill_report.h"
#include "app/drill_sink.h"
#include "app/drill_target.h"
#include "app/smtp_dialogue.h"

namespace sekimori::app {

// Played once. One thread.
class Drill {
 public:
  Drill(DrillTarget& target, DrillReport& report);
  // Plays all of it and leaves the account as it was. What held and what did not is in the report.
  void play();

 private:
  struct Place {
    std::string ip;
    Text country;
  };
  struct Taker {  // a stranger who signed in
    Place place;
    SmtpDialogue smtp;
  };
  // The account as the API shows it.
  struct View {
    std::string standing;
    std::string mode;
    std::uint64_t incident = 0;
    Text summary;
    std::set<std::string> held;  // queue ids
  };

  // The acts, in order; false: the rest cannot be played.
  bool prepare();
  bool normal_mail();
  bool strangers_sign_in();
  bool mass_sending();
  void sending_is_refused();
  void what_leaked();
  bool loosen_to_restricted();
  void owner_still_receives();
  void others_undisturbed();
  bool suspend();
  void mail_waits();
  bool restore();
  void everything_arrived();
  void owner_sends_again();
  void clean_up();

  // What the acts are made of.
  Result<boost::json::value> api(std::string_view method, const std::string& target,
                                 const boost::json::object* body = nullptr);
  Result<View> view();
  Result<std::string> change(std::string_view action, const char* reason);
  Result<SmtpDialogue> sign_in(const DrillPerson& person, const std::string& ip,
                               std::optional<SmtpReply>* refused = nullptr);
  Result<SmtpSent> deliver_to_owner(const std::string& tag);
  Result<SmtpSent> send_as(const DrillPerson& person, const std::string& ip, const std::string& tag,
                           const std::string& to);
  Result<std::optional<ImapSession>> owner_mailbox(LoginOutcome& outcome);
  [[nodiscard]] SmtpMessage message(const std::string& from, std::vector<std::string> to,
                                    const std::string& tag) const;
  [[nodiscard]] std::string subject(const std::string& tag) const;
  bool broke(std::string_view step, const Error& error);
  [[nodiscard]] static bool wait(const std::function<bool()>& until,
                                 std::chrono::milliseconds most);

  DrillTarget& target_;
  DrillReport& report_;
  DrillSink sink_;
  std::string token_;
  std::string home_;      // the owner's address; "" where nobody can be spoken for
  std::string outsider_;  // of the mail server that writes to the owner
  std::vector<Taker> takers_;
  std::set<std::string> queue_ids_;  // of all that the takers handed in
  std::size_t offered_ = 0;
  std::size_t accepted_ = 0;
  std::set<std::uint64_t> incidents_;
  std::optional<ImapSession> reading_;    // the owner's, running
  std::vector<std::string> waiting_;      // tags of mail that must arrive, once each
  std::optional<SmtpMessage> kept_back_;  // refused with 450, to be tried again
};

}  // namespace sekimori::app
