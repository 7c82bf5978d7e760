// Dovecot's administration over HTTP (doveadm's API v1): ends sessions and empties the auth cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::act {

struct DoveadmSettings {
  std::string url;                // "http://127.0.0.1:8080/doveadm/v1"
  Secret key;                     // doveadm_api_key
  Duration timeout = seconds(5);  // of one request, connecting included
};

// A Sieve script of a mailbox.
struct DoveadmScript {
  std::string name;
  bool is_active = false;
};

// One running session, as doveadm's `who` tells it.
struct DoveadmSession {
  std::string username;
  std::string service;
  std::string ip;
};

// Threads: any; requests take turns on one kept connection. Errors: operating (not reached, late,
// wrong key, refused by Dovecot), bad_input (a user name with '*' or '?', which doveadm takes for a
// pattern and would kick everybody). No error holds the key.
class Doveadm {
 public:
  explicit Doveadm(DoveadmSettings settings);
  ~Doveadm();
  Doveadm(const Doveadm&) = delete;
  Doveadm& operator=(const Doveadm&) = delete;

  // Ends all sessions of this user name, or of a domain given as "*@domain"; returns how many
  // entries Dovecot named. Nobody logged in (exit code 68) is 0, not an error.
  [[nodiscard]] Result<std::uint32_t> kick(std::string_view username);
  // Forgets the cached password look-ups of this user name, or all of them where it is empty.
  [[nodiscard]] Result<void> auth_cache_flush(std::string_view username);
  struct Quota {
    std::uint64_t used_bytes = 0;
    std::uint64_t limit_bytes = 0;  // 0: unlimited
  };
  // What the mailbox holds. Errors: as above; not_found where Dovecot has no quota for it.
  [[nodiscard]] Result<Quota> quota(std::string_view username);
  // Running sessions; of everybody where `username` is empty.
  [[nodiscard]] Result<std::vector<DoveadmSession>> who(std::string_view username);

  // Does a message saved within the last hour, whose subject has this word (letters, digits and
  // hyphens), stand in the mailbox, in any folder? Errors: also bad_input for another word.
  [[nodiscard]] Result<bool> holds_subject(std::string_view username, std::string_view word);

  // ---- Sieve scripts (Pigeonhole), whatever they are stored in ----
  // Each also bad_input where Dovecot knows no Sieve, not_found where the user or script is none.
  [[nodiscard]] Result<std::vector<DoveadmScript>> sieve_list(std::string_view username);
  [[nodiscard]] Result<std::string> sieve_get(std::string_view username, std::string_view script);
  // Stored byte for byte, as a whole or not at all; Pigeonhole refuses what does not compile.
  [[nodiscard]] Result<void> sieve_put(std::string_view username, std::string_view script,
                                       std::string_view content);
  // An empty name: none is active any more.
  [[nodiscard]] Result<void> sieve_activate(std::string_view username, std::string_view script);
  // Of the active script too. One that is not there is removed.
  [[nodiscard]] Result<void> sieve_remove(std::string_view username, std::string_view script);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::act
