// The state behind Detector and the steps of judging, shared by judge.cc, fold.cc, state.cc and
// explain.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/account_model.h"
#include "detect/attack_tables.h"
#include "detect/contact_filter.h"
#include "detect/fleet.h"
#include "detect/learning_queue.h"
#include "detect/name_table.h"
#include "detect/priors.h"

namespace sekimori::detect {

// A mail domain of this shard's accounts.
struct LocalDomain {
  std::uint64_t key = 0;
  const DomainPrior* prior = nullptr;  // in the installed epoch; nullptr: nothing known
  const BandedSums* sums = nullptr;    // of the prior's groups
};

// What it learnt since the last contribution. Apart: judging looks at the above only, and two of
// those fit on a cache line.
struct DomainLearning {
  PriorsBuilder::Impl::Delta delta;
  bool touched = false;
};

// Attack tables as logarithms.
struct LogTable {
  std::array<float, k_shapes> shape;
  std::array<float, 2 * k_gaps> gap;
  std::array<float, k_classes> stranger;
  std::array<float, k_repeats> repeat;
  std::array<float, 2> envelope, message_id;
  float own_mail, theirs, reach_new, reach_all;
};

// ln p1 of a place whose kind is known as far as [from][to].
using PlaceLogs = std::array<std::array<double, k_place_kinds>, k_place_kinds>;

using Nats = std::array<float, k_channels>;
using FamilyNats = std::array<Nats, k_families>;

// The present run of evidence, as a model keeps it.
struct Onset {
  explicit Onset(const AccountModel& m)
      : at_us(m.onset_us),
        cusum(m.cusum),
        evidence(m.evidence),
        strikes(m.strikes),
        complaints(m.complaints),
        guessed(m.guessed) {}
  void keep(AccountModel& m) const {
    m.onset_us = at_us;
    m.cusum = cusum;
    m.evidence = evidence;
    m.strikes = strikes & 15U;
    m.complaints = complaints & 15U;
    m.guessed = guessed & 15U;
  }
  std::int64_t at_us;
  float cusum;
  std::array<std::int16_t, k_channels> evidence;
  std::uint8_t strikes, complaints, guessed;
  void clear_marks() { strikes = complaints = guessed = 0; }
};

// What a network means for an account before it is noted.
struct PlaceView {
  std::uint32_t network = 0;
  std::uint32_t operator_ = 0;
  int slot = -1;  // in places, or -1
  std::uint8_t kind =
      k_unseen;  // PlaceKind; k_unseen: nothing to say (no address, first ever, on trial)
  bool first_ever = false;
  bool home = false;    // it vouches: learnt and sent from before, or the first one ever
  bool away = false;    // on trial, while another network is habit
  bool beside = false;  // mail came from another network on trial within the last days
  float place_nats[k_families] = {};
  float day_nats = 0;      // places_24h
  std::uint8_t level = 0;  // of places_24h with this place
};

struct Detector::Impl {
  Impl(const DetectSettings&, const HashKey&, std::shared_ptr<const Priors>);

  DetectSettings settings;
  HashKey key;
  std::shared_ptr<const Priors> priors;
  const std::array<LogTable, k_families>& tables;
  const std::array<PlaceLogs, k_families>& place_logs;

  AccountModels models;
  NameTable names;
  BigVector<LocalDomain> domains;
  BigVector<DomainLearning> domain_learning;  // of domains
  FlatMap domain_index{64};
  std::uint32_t clock_hand = 0;  // where the search for an idle account to forget goes on
  std::vector<AccountIndex> forgotten;
  ContactFilter contacts;  // pairs written to
  ContactFilter writers;   // pairs that wrote to the account
  LearningQueue queue;
  std::vector<std::uint64_t> new_contacts, new_mail_domains;  // for the next epoch
  RaisedPatterns raised;
  std::shared_ptr<const FleetSet> fleet;  // null where nothing is shared
  Instant newest;

  // Of a detector of the past (history.cc): what it hands over beside the models.
  bool of_past = false;
  std::vector<std::uint64_t> contact_pairs, writer_pairs;
  struct Doubt {
    std::int64_t first_us = 0, last_us = 0;
    std::uint32_t account = 0;
    std::uint32_t messages = 0;
  };
  std::vector<Doubt> doubts;  // what was left out, by account

  // Scratch of judge(), reused by the commit() that follows it; not state.
  std::vector<RecipientKey> keys;
  std::vector<std::uint64_t> fresh_scratch;
  FamilyNats last_nats{};
  Bins last_bins;
  std::optional<Onset> last_onset;  // with the message counted
  Instant last_time;
  std::uint64_t last_queue_key = 0;
  PlaceView last_place;
  MessagePatterns last_patterns;
  std::uint32_t last_wrote_first = 0, last_strangers = 0, last_colleagues = 0,
                last_domain_known = 0;
  std::uint64_t ticket = 0;     // counts judgements
  std::uint64_t prepared = 0;   // the ticket that `keys` and last_queue_key were prepared under
  std::uint64_t valid_for = 0;  // the ticket the scratch belongs to; 0 after any change
  AuditSums audit;              // since the last epoch

  // --- identity
  [[nodiscard]] static std::uint64_t salt_of(const AccountModel& m) { return mix64(m.name_hash); }
  [[nodiscard]] std::uint64_t domain_key(std::string_view mail_domain) const;
  AccountIndex intern(std::string_view account, std::uint64_t hash);
  AccountIndex slot_for_new();
  std::uint32_t intern_domain(std::string_view mail_domain);
  // Names the message for withdraw() and hold_released(); 0: it has no queue id.
  [[nodiscard]] std::uint64_t queue_key_of(std::uint64_t account_hash,
                                           std::string_view queue_id) const;
  [[nodiscard]] std::uint64_t queue_key_of(const AccountModel& m, std::string_view queue_id) const {
    return queue_key_of(m.name_hash, queue_id);
  }
  void link_domain(LocalDomain& d) const;
  void link_domains();  // after a new epoch was installed

  void prefetch_text(AccountIndex index) const {
    const AccountModel& m = models[index];
    names.prefetch_text(m);
    __builtin_prefetch(&domains[m.domain]);
  }

  // --- judging (judge.cc)
  // The place and the patterns of a message whose recipients were looked at.
  void look_at_origin(const AccountModel& m, Instant t, const Submission& s);
  [[nodiscard]] std::uint64_t prepare(std::uint64_t account_hash, const Submission& s);
  void look_at_recipients(const AccountModel& m, const Submission& s, std::uint64_t made_ready);
  [[nodiscard]] Bins bins_of(const AccountModel& m, Instant t, const Submission& s,
                             const Counts& before);
  void weigh(const AccountModel& m, const Bins& bins, FamilyNats& out) const;
  Verdict judge(AccountIndex index, Instant t, const Submission& s, std::uint64_t made_ready);
  void advise(const AccountModel& m, Instant t, Verdict& v) const;
  [[nodiscard]] double injection(const AccountModel& m, Instant t) const;
  // What is left of R at `t`: suspicion that nothing adds to fades.
  [[nodiscard]] double fading(const AccountModel& m, Instant t) const;
  // Of a family in R; they sum to 1.
  [[nodiscard]] double weight(std::size_t f) const {
    if (settings.without_family < 0) return k_attacks[f].weight;
    const auto out = static_cast<std::uint8_t>(settings.without_family);
    return f == out ? 0 : k_attacks[f].weight / (1 - k_attacks[out].weight);
  }
  [[nodiscard]] double log_r(const AccountModel& m, Instant t) const;
  // The channel's weight: η, lowered where the self-audit found it too loud.
  [[nodiscard]] float eta_of(Channel c) const {
    return static_cast<float>(settings.eta) * priors->damping().factor[static_cast<std::size_t>(c)];
  }
  // What a channel said since the onset, nats before tempering.
  [[nodiscard]] float spent_on(const AccountModel& m, Channel c) const {
    return static_cast<float>(m.evidence[static_cast<std::size_t>(c)]) / (1000 * eta_of(c));
  }
  // Many new recipients at once, or one by one within the hour.
  [[nodiscard]] bool fans_out(const Verdict& v) const;
  [[nodiscard]] PlaceView look_at_place(const AccountModel& m, Instant t, const IpAddress& ip,
                                        const Place& place, bool sending) const;

  // --- folding (fold.cc)
  void commit(AccountIndex index, Instant t, const Submission& s, const Verdict& v, Fate fate);
  void look_at_whereabouts(AccountModel& m, Instant t, const Place& place, bool calm);
  void look_at_guesses(AccountModel& m, Instant t, const GuessesBefore& guesses);
  // Is this network not yet habit, or has suspicion something to do with a new place?
  [[nodiscard]] bool from_new_place(const AccountModel& m, const IpAddress& ip) const;
  static void charge_place(AccountModel& m, Instant t, const PlaceView& view);
  void note_place(AccountModel& m, Instant t, const PlaceView& view, bool sending, bool calm);
  // Multiplies R_f by e^(η·nats_f) at `t` and keeps onset and sums.
  void add_evidence(AccountModel& m, Instant t, Channel channel,
                    const std::array<float, k_families>& nats);
  void note_complaint(AccountModel& m, Instant t, std::string_view queue_id);
  // `left` is fading() at that moment.
  static void fade_onset(Onset& onset, double left);
  static void raise_onset(Onset& onset, Instant t, double log_r_step, const Nats& nats);
  void learn(const LearningRecord& r);
  void learn_front();
  void leave_out(AccountIndex index, Instant t);
  void note_pair(std::vector<std::uint64_t>& pairs, const ContactFilter& known, std::uint64_t pair);
  // How many records are due at `now`, from the front on; no more than `most`.
  [[nodiscard]] std::uint64_t due(Instant now, std::uint64_t most) const;
  // No step waits for what the one before it asked for, if there is other work between them.
  void prefetch_due(Instant now, LearningStep step) const;
  void uncount(AccountModel& m, const LearningRecord& r, Instant now);

  [[nodiscard]] std::uint64_t hash() const;
};

// Windows of an account at `t` without and with rolling them.
[[nodiscard]] Counts counts_at(const AccountModel& m, Instant t);
void roll_windows(AccountModel& m, Instant t);
// Distinct recipients of the running hour's episode by linear counting (Whang et al. 1990).
[[nodiscard]] std::uint32_t distinct_in(const std::array<std::uint64_t, 2>& bitmap);
inline constexpr Duration k_episode = hours(1);
// Of so many due records the memory is fetched at once.
inline constexpr std::uint64_t k_learn_together = 4;
// ln R below which a place on trial may become a habit.
inline constexpr double k_place_learn_below = 2;

[[nodiscard]] inline std::uint16_t hour16(Instant t) {
  return static_cast<std::uint16_t>(t.seconds32() / 3600);
}
[[nodiscard]] inline std::uint16_t day16(Instant t) {
  return static_cast<std::uint16_t>(t.seconds32() / 86400);
}
// The network of an address as places know it; 0: none worth a name.
[[nodiscard]] inline std::uint32_t network_of(const IpAddress& ip) {
  const std::uint64_t network = ip.place_key();
  if (network == 0 || ip.is_loopback()) return 0;
  return static_cast<std::uint32_t>(mix64(network) >> 32) | 1U;
}
inline void note_first(AccountModel& m, Instant t) {
  if (m.first_day == 0) m.first_day = day16(t);
}

}  // namespace sekimori::detect
