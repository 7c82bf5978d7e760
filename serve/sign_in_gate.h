// What is said of a sign-in beside the account's standing: lists of logins and addresses, and
// counted sign-ins. Dovecot's auth policy, weakforced's commands and web sign-ins ask the same one.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/engine.h"

namespace sekimori::serve {

struct SignIn {
  std::string_view account;  // normalised
  Service service = Service::other;
  IpAddress ip;  // may be unset
  std::string_view pwhash;
  std::string_view client;  // the program's name for itself; "" where it says none
  bool tls = false;
  bool tls_told = false;  // false: nobody said whether it was encrypted
  Instant now;
};

struct SignInVerdict {
  decide::LoginAnswer answer;
  // More about it for a caller that can read it (weakforced's r_attrs).
  std::vector<std::pair<std::string, std::string>> attributes;
};

// All calls: any thread, microseconds, no input or output.
class SignInGate {
 public:
  enum class Word { none, allowed, blocked };
  virtual ~SignInGate() = default;
  // What the lists say; with blocked, the verdict says why.
  [[nodiscard]] virtual Word listed(const SignIn&, SignInVerdict&) = 0;
  // Refuses or delays where too many were counted.
  virtual void counted(const SignIn&, SignInVerdict&) = 0;
  // How a sign-in ended: counts it.
  virtual void ended(const SignIn&, LoginResult) = 0;
};

// Sign-ins whose password crosses the network in the clear. Any thread, microseconds.
class PlainGate {
 public:
  virtual ~PlainGate() = default;
  // A sign-in that is known not to be encrypted: the words of the refusal, or an empty Text.
  [[nodiscard]] virtual Text refused(const SignIn&) = 0;
  // One with the right password was let in.
  virtual void seen(const SignIn&) = 0;
};

}  // namespace sekimori::serve
