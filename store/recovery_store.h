// What the way back remembers: recoveries with their gates, what is known of owners' contacts and
// since when, the codes and sessions by which owners prove who they are. In the same database as
// the state store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"
#include "decide/recovery.h"
#include "store/state_store.h"

namespace sekimori::store {

// So many networks of an incident are remembered: a botnet of more proves nothing with any of them,
// as only networks known before count then.
inline constexpr std::size_t k_incident_networks_max = 256;

// More forwards than this want another way to be answered for.
inline constexpr std::size_t k_kept_max = 1000;

struct RecoveryRow {
  std::uint64_t id = 0;  // given by the store
  decide::Recovery recovery;
  std::uint64_t epoch = 0;  // of the standing that contained it
  bool was_active = true;   // mailbox.active at the last look
  Instant told;             // when people were told that all is verified; unset: not yet
  Instant ready;            // networks were looked up; unset: not yet
  // Of the incident: where it was signed in or sent from since it began, and not before.
  std::vector<std::string> networks;  // ≤ k_incident_networks_max
  std::vector<std::string> kept;      // forwards that a person answered for; ≤ k_kept_max
  bool operator==(const RecoveryRow&) const = default;
};

enum class ContactKind : std::uint8_t { email_other, phone, totp };
[[nodiscard]] std::string_view to_string(ContactKind);

// What stands in the provider's store for an account now; the authenticator as a fingerprint.
struct ContactsRow {
  std::string account;
  std::string email_other;
  std::string phone;
  std::string totp;
};
struct Contact {
  std::string value;
  Instant since;           // when it was first seen
  bool unchanged = false;  // it still is the present one
};

// Values of one contact that are remembered. Once there are so many, the newest is replaced and not
// the oldest: a thief who changes it again and again must not push out what was before.
inline constexpr std::size_t k_contact_values_max = 8;
// Wrong codes after which a contact code is void, and wrong authenticator codes in
// k_totp_window after which none is looked at.
inline constexpr int k_contact_tries_max = 5;
inline constexpr int k_totp_tries_max = 5;
inline constexpr Duration k_totp_window = minutes(15);
// Codes sent to one contact in an hour: nobody's telephone is to be flooded through us.
inline constexpr int k_contact_codes_per_hour = 3;
// Sessions of one account at once; the oldest ends.
inline constexpr std::size_t k_owner_sessions_max = 5;
// An owner's word on networks: more than anybody signs in from in the time that is shown.
inline constexpr std::size_t k_network_answers_max = 500;

// Any thread; calls are served one at a time. Every write is idempotent by its key. Never throws.
class RecoveryStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<RecoveryStore>> open(
      const StateStoreSettings& settings);
  ~RecoveryStore();

  // ---- recoveries ----
  // Opens one; where the account has one under way, that one is returned and nothing changes.
  [[nodiscard]] Result<RecoveryRow> begin(const RecoveryRow& row);
  // Replaces it with all its gates, by id, in one transaction. Errors: not_found.
  [[nodiscard]] Result<void> put(const RecoveryRow& row);
  // The one under way, else the last one.
  [[nodiscard]] Result<std::optional<RecoveryRow>> latest(std::string_view account);
  // Those under way, oldest first.
  [[nodiscard]] Result<std::vector<RecoveryRow>> under_way(std::size_t max);
  // Containments of the account by the machine that began at `since` or later.
  [[nodiscard]] Result<std::uint32_t> by_machine_since(std::string_view account, Instant since);

  // ---- contacts ----
  // One page of the provider's store: all accounts after `after` up to the last of `page` (all that
  // follow, where the page is empty or `is_last`), by address. What is new is noted with `now`,
  // accounts that are gone are forgotten.
  [[nodiscard]] Result<void> observe_contacts(std::string_view after,
                                              std::span<const ContactsRow> page, bool is_last,
                                              Instant now);
  // What it was at `t`; nullopt where it was not known or empty.
  [[nodiscard]] Result<std::optional<Contact>> contact_at(std::string_view account,
                                                          ContactKind kind, Instant t);

  // ---- how owners prove who they are ----
  // A new code of eight digits ends the one before it; only its hash is kept. nullopt: too many
  // within the hour.
  [[nodiscard]] Result<std::optional<Secret>> new_contact_code(std::string_view account,
                                                               Instant now, Instant expires);
  // True once, when it is the account's and not over. A wrong one counts.
  [[nodiscard]] Result<bool> take_contact_code(std::string_view account, const Secret& code,
                                               Instant now);
  // The step used last, for verify_totp; nullopt as an error bad_input where too many wrong codes
  // were tried.
  [[nodiscard]] Result<std::optional<std::int64_t>> totp_step(std::string_view account,
                                                              Instant now);
  // Marks a step as used. False: it, or a later one, was used already.
  [[nodiscard]] Result<bool> use_totp_step(std::string_view account, std::int64_t step);
  [[nodiscard]] Result<void> count_wrong_totp(std::string_view account, Instant now);

  struct Session {
    std::string account;
    std::string proof;  // how it was earned
  };
  // A token of 256 bits; only its hash is kept.
  [[nodiscard]] Result<Secret> open_session(const Session& session, Instant expires);
  [[nodiscard]] Result<std::optional<Session>> session(const Secret& token, Instant now);

  // Nobody's token: nothing happens.
  [[nodiscard]] Result<void> close_session(const Secret& token);

  // ---- what owners keep here themselves ----
  struct OwnTotp {
    Secret key;  // base32
    Instant since;
  };
  // An authenticator enrolled at the portal; the provider's own stands in its database.
  [[nodiscard]] Result<std::optional<OwnTotp>> own_totp(std::string_view account);
  // Replaces the one before; not set: none.
  [[nodiscard]] Result<void> set_own_totp(std::string_view account, const Secret& key, Instant now);
  struct NetworkAnswer {
    std::string network;
    bool mine = false;
    Instant at;
  };
  // At most k_network_answers_max of an account: the oldest goes.
  [[nodiscard]] Result<void> put_network_answer(std::string_view account,
                                                const NetworkAnswer& answer);
  [[nodiscard]] Result<std::vector<NetworkAnswer>> network_answers(std::string_view account);

  // Removes recoveries ended before `before`, contacts replaced before it, and what expired.
  [[nodiscard]] Result<void> prune(Instant now, Instant before);
  // Recoveries under way, for the metrics.
  [[nodiscard]] Result<std::uint64_t> count_under_way();

 private:
  struct Impl;
  explicit RecoveryStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
