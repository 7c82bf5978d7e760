// Approvals in force: which message one covers, what of it is used, and what suspends it.
//
// An approval is a person's word given beforehand, so it must not become a thief's: it covers mail
// of one size pattern, from networks that were the account's when the word was given, in its
// window, up to its budget. Whatever makes the account another one (a changed setting, a sign-in
// from a new place, a containment) suspends it until a person looks again.
//
// Pure; part of a shard's state (hash, snapshot), changed only by journaled events.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time_zone.h"
#include "decide/records.h"
#include "detect/detector.h"

namespace sekimori::decide {

// When the window that is open at `t` opened; nullopt: none is.
[[nodiscard]] std::optional<Instant> open_since(const ApprovalTerms&, const ZoneRule&, Instant t);
// When it opens next, at or after `t`; nullopt: never again.
[[nodiscard]] std::optional<Instant> opens_next(const ApprovalTerms&, const ZoneRule&, Instant t);

// Why an approval did not cover a message.
enum class Uncovered : std::uint8_t {
  covered,
  closed,     // ended, or its window is not open
  suspended,  // all else fits
  budget,     // more than is left, or than one message may have
  size,
  network,
};

// So many messages of the open window are known by their queue id, for what is given back when one
// of them never becomes mail. 16 bytes each.
inline constexpr std::size_t k_approval_uses_max = 4096;
// Approvals an account may have, ended ones that are still remembered included.
inline constexpr std::size_t k_approvals_per_account = 32;

// One with what of it is used.
class ApprovalInForce {
 public:
  ApprovalInForce() = default;
  explicit ApprovalInForce(Approval approval);

  [[nodiscard]] const Approval& record() const { return approval_; }
  struct Message {
    Instant t;
    std::uint32_t recipients = 0;
    std::uint64_t size = 0;
    IpAddress ip;
    detect::KnownPlace place;
  };
  [[nodiscard]] Uncovered covers(const Message&) const;
  // Takes the message from the budget. `queue_key` 0: it cannot be given back.
  void use(const Message&, std::uint64_t queue_key);
  // True where it was one of these.
  bool give_back(std::uint64_t queue_key);
  [[nodiscard]] bool used_for(std::uint64_t queue_key) const;

  // A change that was journaled; false where what is known is as new.
  bool set(Instant t, const ApprovalSet&, std::uint64_t epoch);
  bool suspend(Instant t, ApprovalCause);
  // The networks that were the account's when a person looked.
  void bind(const detect::Networks& networks) { networks_ = networks; }
  // Does a sign-in or a message from there mean that somebody new is at work?
  [[nodiscard]] bool is_foreign(const detect::KnownPlace&) const;

  struct Use {
    Instant opened;                // the window these figures are of; unset: not used yet
    std::uint32_t recipients = 0;  // used of it
    std::uint32_t messages = 0;
    std::uint64_t size = 0;  // of the first message it ever covered
    Instant last;            // message
    std::uint64_t runs = 0;  // windows in which it was used
    bool operator==(const Use&) const = default;
  };
  [[nodiscard]] const Use& used() const { return used_; }
  // The same, as of the window that is open at `t`.
  [[nodiscard]] Use used_at(Instant t) const;

  [[nodiscard]] std::uint64_t hash() const;
  void save(std::string& out) const;
  // Takes what save() wrote from the front of `bytes`.
  [[nodiscard]] static Result<ApprovalInForce> load(std::string_view& bytes);

 private:
  void read_zone();

  Approval approval_;
  ZoneRule zone_;
  Use used_;
  detect::Networks networks_;
  struct Taken {
    std::uint64_t key = 0;
    std::uint64_t recipients = 0;
  };
  std::vector<Taken> uses_;  // a ring from the 4096th on
  std::uint64_t next_use_ = 0;
};

}  // namespace sekimori::decide
