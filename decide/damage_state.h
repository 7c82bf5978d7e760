// What the fold of a damage report remembers. Internal to decide/damage*.cc.
#pragma once

#include "base/ip_network.h"
#include "decide/damage.h"
#include "decide/service_senders.h"

namespace sekimori::decide {

// Delays in powers of two of a second: enough to tell "as usual" from "an hour late".
class DelayHistogram {
 public:
  void add(double seconds);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Nine of ten took less than this.
  [[nodiscard]] double usual() const;
  void merge(const DelayHistogram& other);

 private:
  static constexpr std::size_t k_buckets = 24;  // up to 2^22 s, 48 days
  std::array<std::uint32_t, k_buckets> buckets_{};
  std::uint64_t count_ = 0;
};

struct DamageFold::State {
  struct Message {
    DamageMessage facts;
    std::unordered_map<std::uint32_t, RecipientFate> fates;  // by recipient
    std::uint64_t unnamed = 0;                               // recipients beyond the bound
  };
  struct Neighbour {
    std::string account;
    DelayHistogram norm;
    std::vector<float> delays;  // in the incident's time; at most k_delays_max, the longest kept
    std::uint64_t deliveries = 0;
    std::uint64_t unfinished = 0;
    bool sent = false;  // in the incident's time
  };
  struct Pending {  // another's message on its way
    std::uint32_t neighbour = 0;
    Instant t;
    std::uint32_t left = 0;  // recipients
    bool in_time = false;    // handed in during the incident
    bool deferred = false;
  };
  struct Standing_ {
    Instant t;
    Standing to = Standing::normal;
    std::string by;
  };

  State(DamageQuestion q, DamageBounds b) : question(std::move(q)), bounds(b) {}

  void own(const Event& event);
  void others(const Event& event);
  void sent(const Event& event, const Submission& body);
  void delivered(const Event& event, const Delivery& body);
  void hold_ended(const HoldEnded& body);
  void session(const Event& event, const Session& body);
  void complained(const Event& event, const Delivery& body);
  void received(const Event& event, const Received& body);
  // What the holds say of recipients that no event gave an end.
  void settle_held();
  DamagePlace* place_of(const IpAddress& ip, const Place& place, Instant t);
  [[nodiscard]] bool is_strange(const IpAddress& ip) const {
    return ip.is_set() && !known.contains(damage_network(ip));
  }
  // Until when the stranger's doings count against the neighbours.
  [[nodiscard]] Instant busy_until() const {
    return contained.is_set() ? contained : question.until;
  }
  // The containment as asked, or as an event told.
  Instant contained;

  DamageQuestion question;
  DamageBounds bounds;
  std::set<std::string, std::less<>> known;  // networks from before the onset
  bool history = false;

  std::vector<std::string> addresses;  // recipients by number
  std::unordered_map<std::string, std::uint32_t> numbers;
  std::vector<Message> messages;
  std::uint64_t messages_more = 0;
  std::uint64_t recipients_more = 0;
  std::unordered_map<std::string, std::size_t> by_queue_id;

  std::map<IpAddress, DamagePlace> places;
  DamageReading reading;
  struct MassSession {
    Instant t;
    IpAddress ip;
    std::uint64_t fetched = 0;
    std::uint64_t deleted = 0;
    std::uint64_t sent = 0;  // of the deleted ones, from the mailbox of sent mail
    bool sent_deleted = false;
  };
  std::vector<MassSession> mass_sessions;
  std::vector<DamageComplaint> complaints;
  std::uint64_t complaints_more = 0;
  std::vector<DamageSetting> settings;
  std::map<std::string, DamageService> services;
  std::vector<Standing_> standings;
  std::uint64_t stranger_sessions = 0;
  double stranger_queue_seconds = 0;

  std::vector<Neighbour> neighbours;
  std::unordered_map<std::string, std::uint32_t> neighbour_numbers;
  std::unordered_map<std::string, Pending> pending;
  DamageShare others_share;
};

}  // namespace sekimori::decide
