// Is a password good? Found out as a mail program finds out: by signing in over SMTP and IMAP at
// the servers themselves, because only that passes through everything that may still let an earlier
// password in (caches, second password tables, another server's copy).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/event.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::act {

struct ProverSettings {
  std::string smtp_url = {};  // "smtp://127.0.0.1:587", "smtps://…"; "" = not tried
  std::string imap_url = {};  // "imap://127.0.0.1:143", "imaps://…"; "" = not tried
  bool verify_tls = false;
  Duration timeout = seconds(15);  // of one trial; above Dovecot's delay for wrong passwords
};

enum class Trial : std::uint8_t {
  accepted,     // the server said so after AUTH or LOGIN
  refused,      // the server refused these credentials for good
  unreachable,  // no answer, a temporary one, or no sign-in offered: nothing is known
};
[[nodiscard]] std::string_view to_string(Trial);

struct TrialOutcome {
  Trial trial = Trial::unreachable;
  std::string words;  // the server's reply or the failure, for the log; never the password
};

// Threads: any; each trial has a connection of its own, which is closed afterwards. STARTTLS is
// used where it is offered.
class Prover {
 public:
  explicit Prover(ProverSettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] bool knows(Service service) const { return !url(service).empty(); }
  // Signs in and out again. `service`: smtp or imap.
  [[nodiscard]] TrialOutcome try_sign_in(Service service, std::string_view login,
                                         const Secret& password) const;
  // Does the server answer at all? Errors: operating.
  [[nodiscard]] Result<void> reach(Service service) const;

 private:
  [[nodiscard]] const std::string& url(Service service) const {
    static const std::string none;
    return service == Service::smtp   ? settings_.smtp_url
           : service == Service::imap ? settings_.imap_url
                                      : none;
  }
  ProverSettings settings_;
};

}  // namespace sekimori::act
