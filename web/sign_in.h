// How people with an account of the panel come in, and their sessions: who is signed in, since when
// and from where, and how each session ends.
//
// Sessions live in memory: a restart of the daemon signs people out and nothing else, and no copy
// of the database lets anybody in. A session is known by the hash of its token alone.
//
// Threads: every function from any thread. People's functions may block on SQL and on slow hashes;
// find() never does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "base/secret.h"
#include "web/caller.h"

namespace sekimori::web {

inline constexpr std::size_t k_login_max = 320;  // a mail address
// At once: a hosting provider's whole staff, several browsers each. The longest unused ends first.
inline constexpr std::size_t k_sessions_max = 1000;
inline constexpr std::size_t k_sessions_of_one_max = 20;
inline constexpr std::string_view k_session_cookie = "sekimori_session";

struct Person {
  std::string login;
  Role role = Role::support;
  std::vector<std::string> domains;
  // PostfixAdmin's: its own pages change the password.
  bool is_foreign = false;
  bool has_totp = false;
};

struct OperatorTotp {
  Secret key;  // base32
  Secret uri;  // for a QR code
};

// Who may sign in; app/ has the real one. Each change is audited with `by`.
class People {
 public:
  virtual ~People() = default;
  struct Proof {
    std::string login;
    Secret password;
    Secret code;  // of an authenticator; not set: none was typed
  };
  struct Proved {
    Person person;
    bool code_wanted = false;  // the password is right, and a code is needed besides
  };
  // bad_input whatever was wrong with it, after the same time for known and unknown logins.
  [[nodiscard]] virtual Result<Proved> prove(const Proof& proof, const IpAddress& from) = 0;
  // As they are now. not_found: they may not sign in any more.
  [[nodiscard]] virtual Result<Person> person(std::string_view login) = 0;

  // Those kept here, by login.
  [[nodiscard]] virtual Result<std::vector<Person>> list() = 0;
  // `password` not set: one is made and returned. bad_input: taken, or the password is too weak.
  [[nodiscard]] virtual Result<Secret> add(const Person&, Secret password, const Caller& by) = 0;
  [[nodiscard]] virtual Result<Secret> set_password(std::string_view login, Secret password,
                                                    const Caller& by) = 0;
  [[nodiscard]] virtual Result<void> remove(std::string_view login, const Caller& by) = 0;
  // A key for their own authenticator, not needed before confirm_totp; forgotten after a while.
  // not_found: not kept here.
  [[nodiscard]] virtual Result<OperatorTotp> offer_totp(std::string_view login) = 0;
  // The authenticator shows the right code: from now on it is needed. bad_input: it does not, or
  // nothing was offered.
  [[nodiscard]] virtual Result<void> confirm_totp(std::string_view login, const Secret& code,
                                                  const Caller& by) = 0;
  // A new authenticator, from now on needed; `on` false: none any more (not set).
  [[nodiscard]] virtual Result<OperatorTotp> set_totp(std::string_view login, bool on,
                                                      const Caller& by) = 0;
};

struct SessionView {
  std::uint64_t id = 0;
  Person person;
  Instant created;
  Instant seen;
  Instant expires;
  IpAddress from;
  std::string agent;  // the browser, as it calls itself
  std::string forgery_token;
};

class SignIns {
 public:
  struct Options {
    Duration idle = minutes(30);
    Duration length = hours(12);
    // Where panel users may come from; empty: anywhere.
    std::vector<IpNetwork> networks;
    // How long somebody removed or demoted may go on at most.
    Duration confirmed_for = seconds(30);
    std::function<Instant()> now;
  };
  SignIns(People& people, Options options) : people_(people), options_(std::move(options)) {}

  struct Begun {
    Secret token;  // for the cookie
    SessionView view;
    bool code_wanted = false;  // then there is no session yet
  };
  // Errors as People::prove.
  [[nodiscard]] Result<Begun> begin(const People::Proof& proof, const IpAddress& from,
                                    std::string_view agent);
  // The session of this cookie, if it is good; counts as use. Quick: for the I/O thread.
  [[nodiscard]] std::optional<SessionView> find(std::string_view token, const IpAddress& from);
  // Looks now and then whether the person may still come in, and as what. False: the session has
  // ended.
  [[nodiscard]] bool confirm(Caller& caller);
  [[nodiscard]] std::optional<SessionView> view(std::uint64_t id) const;
  [[nodiscard]] std::vector<SessionView> sessions_of(std::string_view login) const;
  // Ends the login's session `id`, or (0) all of them but `except`. Returns how many ended.
  std::size_t end(std::string_view login, std::uint64_t id, std::uint64_t except = 0);
  [[nodiscard]] bool is_open(std::uint64_t id) const;
  [[nodiscard]] bool admits(const IpAddress& from) const;
  [[nodiscard]] Duration length() const { return options_.length; }
  [[nodiscard]] People& people() { return people_; }

 private:
  struct Session {
    SessionView view;
    Instant confirmed;
  };
  [[nodiscard]] bool is_over(const Session& session, Instant now) const;
  void make_room(std::string_view login, Instant now);

  People& people_;
  Options options_;
  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::string, Session> sessions_;  // by the token's hash
};

// The value of one cookie in a Cookie header (RFC 6265 §4.2.1); "" when it is not there.
[[nodiscard]] std::string_view cookie_of(std::string_view header, std::string_view name);

}  // namespace sekimori::web
