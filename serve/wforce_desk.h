// weakforced's commands over the same decision as Dovecot's auth policy: a site that has weakforced
// changes one URL. GET and POST, "/?command=X" and "/command/X", Basic authentication with any user
// name.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "decide/sign_in_book.h"
#include "decide/sign_in_counters.h"
#include "serve/auth_policy_server.h"
#include "wire/wforce.h"

namespace sekimori::serve {

// What the commands change and look at. Any thread.
class SignInLists {
 public:
  virtual ~SignInLists() = default;
  // In force when it returns; `done` comes once, from any thread, when it is durable. Errors:
  // bad_input (no room; one of our own addresses), operating.
  virtual void change(decide::SignInEntry entry, bool removed,
                      std::function<void(Result<void>)> done) = 0;
  [[nodiscard]] virtual std::optional<decide::SignInEntry> entry(decide::SignInList list,
                                                                 const IpAddress& ip,
                                                                 const std::string& login,
                                                                 Instant now) const = 0;
  [[nodiscard]] virtual std::vector<decide::SignInEntry> all(decide::SignInList list,
                                                             Instant now) const = 0;
  [[nodiscard]] virtual std::vector<decide::SignInCounters::Figure> figures(
      const decide::SignInFact& fact, Instant now) const = 0;
  virtual void reset(const decide::SignInFact& fact) = 0;
  // Runs long work on another thread.
  virtual void later(std::function<void()> work) = 0;
};

struct WforceMetrics {
  std::array<Counter, wire::k_wforce_commands> commands;  // by wire::WforceCommand
  Counter unauthorized;
  Counter denied;
  Counter delayed;
};

// Any thread.
class WforceDesk {
 public:
  // References live as long as the desk.
  WforceDesk(AuthDesk& desk, SignInLists& lists, WforceMetrics& metrics, Secret password,
             Instant started);

  // The address whose blacklist entries the answer hangs on; nullopt: none.
  [[nodiscard]] std::optional<IpAddress> to_look_up(const HttpQuestion& question, Instant now,
                                                    const decide::Directory& directory);
  // Answers one request, now or later; `reply` is called once.
  void answer(const HttpQuestion& question, Instant now, const decide::Directory& directory,
              std::function<void(HttpReply)> reply);

 private:
  [[nodiscard]] bool knows_password(std::string_view authorization) const;
  HttpReply allow(const HttpQuestion& question, Instant now, const decide::Directory& directory);
  HttpReply report(std::string_view body, Instant now, const decide::Directory& directory);
  HttpReply figures(std::string_view body, Instant now, const decide::Directory& directory);
  [[nodiscard]] std::string stats(Instant now) const;
  void change(decide::SignInList list, bool adding, std::string_view body, Instant now,
              const decide::Directory& directory, std::function<void(HttpReply)> reply);
  void reset(std::string_view body, const decide::Directory& directory,
             std::function<void(HttpReply)> reply);
  void show(decide::SignInList list, Instant now, std::function<void(HttpReply)> reply);

  AuthDesk& desk_;
  SignInLists& lists_;
  WforceMetrics& metrics_;
  Secret password_;
  Instant started_;
};

}  // namespace sekimori::serve
