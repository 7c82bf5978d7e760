// What an owner can look at and do about their own account beyond the way back itself. Part of
// Control, in a header of its own; threads and errors as there. Every change is audited. Nothing
// here names operators or shows figures of the judge.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "decide/own_traffic.h"
#include "decide/ways.h"
#include "web/caller.h"

namespace sekimori::web {

// Whoever the owner may ask.
struct HelpDesk {
  std::string provider;
  std::string phone;
  std::string hours;
  std::string url;
};

// One of receiving, sending, signing in.
enum class OwnUse : std::uint8_t { works, watched, waits, stopped };
[[nodiscard]] std::string_view to_string(OwnUse);

// The one card of the portal.
struct OwnStatus {
  std::string account;
  Standing standing = Standing::normal;
  Instant since;    // unset: always so
  Text since_text;  // by the server's own clock, for the page without scripts; "" where unset
  OwnUse receive = OwnUse::works;
  OwnUse send = OwnUse::works;
  OwnUse sign_in = OwnUse::works;
  Text what;                  // what works and what does not, in one or two sentences
  Text why;                   // empty: nothing happened
  Text next;                  // what to do now; empty: nothing
  std::uint64_t held = 0;     // own messages that wait for a check
  std::uint64_t waiting = 0;  // messages to the mailbox that wait at their senders, as far as known
  bool is_recovering = false;  // a way back is under way: proofs by code, contact, authenticator
  bool has_totp = false;
  HelpDesk help;
  Instant now;
};

// A sign-in group and what the owner said of it.
struct OwnSignInView {
  decide::OwnSignIn group;
  std::optional<bool> mine;  // as answered for the network; unset: not yet
  bool is_here = false;      // the network that the owner asks from
};
struct OwnHistoryView {
  std::vector<OwnSignInView> sign_ins;
  decide::OwnHistory history;  // days and comparison
  Instant now;
};
struct OwnAnswer {
  std::string network;  // as own_network() writes it
  bool mine = false;
};

struct OwnDevice {  // an app password
  std::string key;
  Text content;
  bool is_suspended = false;
};
struct OwnSession {
  std::string service;  // "imap", "pop3", …, as Dovecot names it
  IpAddress ip;
  bool is_here = false;
};
struct OwnDevices {
  std::vector<OwnDevice> app_passwords;
  std::vector<OwnSession> sessions;
  bool sessions_known = true;  // Dovecot was reached
};

struct OwnWays {
  std::vector<decide::WayView> changes;  // of the incident under way; oldest first
  decide::AccountWays ways;
};

// A service that writes to this mailbox: an account there may be the thief's next.
struct OwnService {
  std::string domain;
  std::string category;  // decide/service_senders.h
  std::string ja;
  std::string en;
  std::uint64_t messages = 0;
  bool during = false;  // it wrote while the thief could read
};

// What was really seen since the test began; unset: not yet.
struct LiveSignIn {
  Instant t;
  Service service = Service::imap;
  IpAddress ip;
  bool is_here = false;  // from the owner's own network
  bool is_encrypted = false;
  bool is_encryption_known = true;  // SMTP: not told
};
struct LiveTest {
  Instant started;
  std::string mark;  // in the test mail's subject
  Instant sent;
  Instant received;                   // it stands in the mailbox
  std::string trouble;                // why it could not be sent, for support; "" = none
  std::optional<LiveSignIn> reading;  // IMAP or POP3
  std::optional<LiveSignIn> sending;  // SMTP
  std::uint64_t wrong = 0;            // sign-ins with a wrong password from here, meanwhile
  Instant wrong_last;
  Instant now;
};

struct OwnContact {
  std::string email;    // masked: h****o@e*****e.jp; "" none
  std::string phone;    // masked; "" none
  std::string pending;  // an address that a code was sent to; masked
  bool has_totp = false;
};
struct OwnTotp {
  Secret key;  // base32
  Secret uri;  // for a QR code
};

// One line of the monthly check-up.
struct CheckUpItem {
  std::string code;  // "forwards", "plain", "app_passwords", "password_age", "contact", "totp"
  bool good = true;
  Text what;
  Text next;  // "" where good
};
struct CheckUp {
  std::vector<CheckUpItem> items;
  Instant at;
};

// ---- settings for mail programs: open to anybody, they hold nothing of an account ----
enum class ProfileForm : std::uint8_t { autoconfig, autodiscover, mobileconfig };
struct ProfileFile {
  std::string type;  // of its content
  std::string body;
};
struct ProfileServer {
  std::string protocol;  // "imap", "pop3", "smtp"
  std::string host;
  unsigned port = 0;
  std::string security;  // "tls" or "starttls"
};
struct ProfileView {
  std::string provider;
  std::vector<ProfileServer> servers;  // none: the provider has set none
  std::vector<std::string> srv;        // lines of a zone file
  bool is_signed = false;              // Apple's profile
};

class OwnerDesk {
 public:
  virtual ~OwnerDesk() = default;

  // Does the mailbox's password fit? For reading the status card alone. False also where there is
  // no such account, and then it takes as long.
  [[nodiscard]] virtual Result<bool> knows_password(std::string_view address,
                                                    const Secret& password) = 0;
  // May the owner's token, opened with the password alone, do more than look? Not while the account
  // is contained: the thief has that password, too.
  [[nodiscard]] virtual Result<bool> password_suffices(std::string_view address) = 0;
  [[nodiscard]] virtual Result<void> end_session(const Secret& token) = 0;

  [[nodiscard]] virtual Result<OwnStatus> status(std::string_view address) = 0;
  // Reads weeks of the journal: may take seconds.
  [[nodiscard]] virtual Result<OwnHistoryView> history(std::string_view address,
                                                       const IpAddress& from) = 0;
  // bad_input: no sign-in from that network was seen.
  [[nodiscard]] virtual Result<void> answer_sign_in(std::string_view address,
                                                    const OwnAnswer& answer, const Caller& by) = 0;

  // The owner says that the computer's own sign-in password is a new one since now: noted with the
  // incident, as the traffic is compared from there on. Returns the time.
  [[nodiscard]] virtual Result<Instant> note_computer(std::string_view address,
                                                      const Caller& by) = 0;

  [[nodiscard]] virtual Result<OwnDevices> devices(std::string_view address,
                                                   const IpAddress& from) = 0;
  // "" takes all of them back.
  [[nodiscard]] virtual Result<void> revoke(std::string_view address, std::string_view key,
                                            const Caller& by) = 0;
  // Ends all mail sessions and what the server remembers of sign-ins; returns how many ended.
  [[nodiscard]] virtual Result<std::uint32_t> sign_out(std::string_view address,
                                                       const Caller& by) = 0;

  [[nodiscard]] virtual Result<OwnWays> ways(std::string_view address) = 0;
  // not_found: no such change of this account's incident. Else as Control::answer_way.
  [[nodiscard]] virtual Result<decide::WayView> answer_way(std::string_view address,
                                                           std::uint64_t change, bool keep,
                                                           const Caller& by) = 0;
  [[nodiscard]] virtual Result<std::vector<OwnService>> services(std::string_view address) = 0;

  // Sends the test mail. One test an account; a new one ends the one before.
  [[nodiscard]] virtual Result<LiveTest> begin_test(std::string_view address, Language language,
                                                    const Caller& by) = 0;
  // not_found: none was begun.
  [[nodiscard]] virtual Result<LiveTest> test(std::string_view address, const IpAddress& from) = 0;

  [[nodiscard]] virtual Result<OwnContact> contact(std::string_view address) = 0;
  // Sends a code to the new address; nothing changes until it is given back.
  [[nodiscard]] virtual Result<void> propose_contact(std::string_view address,
                                                     const std::string& email, Language language,
                                                     const Caller& by) = 0;
  // bad_input: the code is wrong or over. The earlier contact is told.
  [[nodiscard]] virtual Result<OwnContact> confirm_contact(std::string_view address,
                                                           const Secret& code,
                                                           const Caller& by) = 0;
  // A new key; it counts once a code of it was given.
  [[nodiscard]] virtual Result<OwnTotp> propose_totp(std::string_view address,
                                                     const Caller& by) = 0;
  // bad_input: the code is wrong, or no key was proposed.
  [[nodiscard]] virtual Result<OwnContact> confirm_totp(std::string_view address,
                                                        const Secret& code, const Caller& by) = 0;
  // bad_input: the code is wrong.
  [[nodiscard]] virtual Result<OwnContact> remove_totp(std::string_view address, const Secret& code,
                                                       const Caller& by) = 0;
  [[nodiscard]] virtual Result<CheckUp> check_up(std::string_view address) = 0;

  // `address` may be a domain, or "". not_found: the provider has set no servers.
  [[nodiscard]] virtual Result<ProfileView> profile(std::string_view address) = 0;
  // bad_input: no address.
  [[nodiscard]] virtual Result<ProfileFile> profile_file(ProfileForm form,
                                                         std::string_view address) = 0;
  // What Outlook posts, and the answer to it; never an error.
  [[nodiscard]] virtual ProfileFile autodiscover(std::string_view request) = 0;
};

}  // namespace sekimori::web
