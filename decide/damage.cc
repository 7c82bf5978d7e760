#include "decide/damage.h"

#include <algorithm>
#include <cmath>

#include "base/complaint.h"
#include "base/ip_place.h"
#include "base/mail_address.h"
#include "decide/damage_state.h"
#include "decide/returned.h"
#include "decide/standing.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, k_recipient_fates> k_fates = {
    "accepted", "delivered", "deferred", "bounced", "held", "refused", "deleted"};

// Of one neighbour's deliveries the longest delays are kept; which ones are "longer than usual" is
// known only at the end.
constexpr std::size_t k_delays_max = 64;

std::size_t at(RecipientFate fate) { return static_cast<std::size_t>(fate); }

// An end that a later word does not change.
bool is_final(RecipientFate fate) {
  return fate == RecipientFate::delivered || fate == RecipientFate::bounced ||
         fate == RecipientFate::refused || fate == RecipientFate::deleted;
}

}  // namespace

std::string_view to_string(RecipientFate fate) { return k_fates[at(fate)]; }
std::optional<RecipientFate> parse_recipient_fate(std::string_view text) {
  const auto found = std::ranges::find(k_fates, text);
  if (found == k_fates.end()) return std::nullopt;
  return static_cast<RecipientFate>(found - k_fates.begin());
}
Text in_words(RecipientFate fate) {
  switch (fate) {
    case RecipientFate::delivered: return {"届いた", "delivered"};
    case RecipientFate::deferred: return {"配達待ち", "deferred"};
    case RecipientFate::bounced: return {"差し戻し", "bounced"};
    case RecipientFate::held: return {"保留中", "held"};
    case RecipientFate::refused: return {"送信を拒否", "refused"};
    case RecipientFate::deleted: return {"保留のまま削除", "held and deleted"};
    case RecipientFate::accepted: break;
  }
  return {"受付済み(結果不明)", "taken (outcome unknown)"};
}

bool is_sent_mailbox(std::string_view name) {
  // Below a parent ("INBOX.Sent", "[Gmail]/Sent Mail") its own name counts.
  if (const auto at = name.find_last_of("./\\"); at != std::string_view::npos) {
    name.remove_prefix(at + 1);
  }
  const std::string plain = ascii_lower(name);
  static constexpr std::string_view k_names[] = {"sent",
                                                 "sent items",
                                                 "sent messages",
                                                 "sent mail",
                                                 "sent-mail",
                                                 "送信済み",
                                                 "送信済みトレイ",
                                                 "送信済みアイテム",
                                                 "送信済みメール",
                                                 "送信済みメッセージ",
                                                 "送信控え",
                                                 "送信箱",
                                                 "送信トレイ",
                                                 "gesendet",
                                                 "gesendete objekte",
                                                 "envoyés",
                                                 "messages envoyés",
                                                 "éléments envoyés",
                                                 "enviados",
                                                 "elementos enviados",
                                                 "posta inviata",
                                                 "verzonden"};
  return std::ranges::find(k_names, plain) != std::end(k_names);
}

std::string damage_network(const IpAddress& ip) {
  if (!ip.is_set()) return "";
  return place_network(ip) + (ip.is_v4() ? "/24" : "/64");
}

void DelayHistogram::add(double seconds) {
  const double least = std::max(seconds, 0.5);
  const auto bucket = static_cast<std::size_t>(std::clamp(std::log2(least) + 1.0, 0.0, 23.0));
  ++buckets_[bucket];
  ++count_;
}
double DelayHistogram::usual() const {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < k_buckets; ++i) {
    below += buckets_[i];
    if (count_ > 0 && below * 10 >= count_ * 9) return std::exp2(static_cast<double>(i));
  }
  return 0;
}
void DelayHistogram::merge(const DelayHistogram& other) {
  for (std::size_t i = 0; i < k_buckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
}

DamageFold::DamageFold(DamageQuestion question, DamageBounds bounds)
    : state_(std::make_unique<State>(std::move(question), bounds)) {
  state_->contained = state_->question.contained;
}
DamageFold::~DamageFold() = default;
DamageFold::DamageFold(DamageFold&&) noexcept = default;
DamageFold& DamageFold::operator=(DamageFold&&) noexcept = default;

Instant DamageFold::needs_others_from() const { return state_->question.onset - k_damage_norm; }

void DamageFold::add(const Event& event) {
  State& s = *state_;
  if (event.history || event.t > s.question.until) return;
  if (event.account == s.question.account) {
    s.own(event);
  } else if (!event.account.empty() && event.t >= needs_others_from()) {
    s.others(event);
  }
}

DamagePlace* DamageFold::State::place_of(const IpAddress& ip, const Place& place, Instant t) {
  auto found = places.find(ip);
  if (found == places.end()) {
    if (places.size() >= bounds.places_max) return nullptr;
    DamagePlace made;
    made.ip = ip;
    made.first = t;
    found = places.emplace(ip, std::move(made)).first;
  }
  DamagePlace& one = found->second;
  if (place.has_country()) one.place = place;
  one.first = std::min(one.first, t);
  one.last = std::max(one.last, t);
  return &one;
}

void DamageFold::State::own(const Event& event) {
  const bool before = event.t < question.onset;
  if (const auto* login = std::get_if<Login>(&event.body)) {
    if (before) {
      if (login->result != LoginResult::ok || !login->ip.is_set()) return;
      known.insert(damage_network(login->ip));
      history = true;
      return;
    }
    if (!is_strange(login->ip)) return;
    DamagePlace* one = place_of(login->ip, login->place, event.t);
    if (one == nullptr) return;
    if (login->result == LoginResult::ok) {
      ++one->sign_ins;
      one->services.insert(login->service);
    } else if (login->result == LoginResult::bad_password) {
      ++one->bad_passwords;
    } else {
      ++one->refused;
    }
  } else if (const auto* submission = std::get_if<Submission>(&event.body)) {
    if (before) {
      if (submission->ip.is_set()) known.insert(damage_network(submission->ip));
      history = true;
      return;
    }
    sent(event, *submission);
  } else if (event.t + seconds(1) <= question.onset) {
    // A mail log's stamps are cut to the second: what followed the onset within its own second may
    // seem to come before it.
    return;
  } else if (const auto* delivery = std::get_if<Delivery>(&event.body)) {
    if (delivery->reply.starts_with(k_complaint_reply)) {
      complained(event, *delivery);
    } else {
      delivered(event, *delivery);
    }
  } else if (const auto* ended = std::get_if<HoldEnded>(&event.body)) {
    hold_ended(*ended);
  } else if (const auto* gone = std::get_if<Withdrawn>(&event.body)) {
    const auto found = by_queue_id.find(gone->queue_id);
    if (found != by_queue_id.end()) messages[found->second].facts.withdrawn = true;
  } else if (const auto* session = std::get_if<Session>(&event.body)) {
    if (is_strange(session->ip)) this->session(event, *session);
  } else if (const auto* change = std::get_if<SettingsChange>(&event.body)) {
    if (settings.size() < bounds.settings_max) {
      settings.push_back({event.t, change->what, change->detail});
    }
  } else if (const auto* set = std::get_if<StandingSet>(&event.body)) {
    standings.push_back({event.t, set->to, set->by});
    if (!contained.is_set() && forbids_sending(set->to)) contained = event.t;
  } else if (const auto* mail = std::get_if<Received>(&event.body)) {
    received(event, *mail);
  }
}

void DamageFold::State::session(const Event& event, const Session& body) {
  ++reading.sessions;
  ++stranger_sessions;
  reading.seconds += body.seconds;
  reading.fetched += body.fetched;
  reading.deleted += body.deleted;
  reading.bytes_out += body.bytes_out;
  if (!reading.first.is_set()) reading.first = event.t;
  reading.last = std::max(reading.last, event.t);
  MassSession mass{event.t, body.ip, body.fetched, body.deleted};
  for (const MailboxExpunge& one : body.expunges) {
    if (is_sent_mailbox(one.mailbox)) {
      reading.sent_expunged += one.messages;
      reading.sent_deleted = reading.sent_deleted || one.messages == 0;
      mass.sent += one.messages;
      mass.sent_deleted = mass.sent_deleted || one.messages == 0;
    }
    auto same = std::ranges::find(reading.expunges, one.mailbox, &MailboxExpunge::mailbox);
    if (same != reading.expunges.end()) {
      same->messages += one.messages;
    } else if (reading.expunges.size() < bounds.mailboxes_max) {
      reading.expunges.push_back(one);
    }
  }
  const bool is_much = body.fetched >= k_mass_fetch || body.deleted >= k_mass_delete ||
                       mass.sent > 0 || mass.sent_deleted;
  if (is_much && mass_sessions.size() < bounds.sessions_max) mass_sessions.push_back(mass);
}

void DamageFold::State::complained(const Event& event, const Delivery& body) {
  if (complaints.size() >= bounds.complaints_max) {
    ++complaints_more;
    return;
  }
  complaints.push_back(
      {event.t, body.reply.substr(k_complaint_reply.size()), body.to, body.queue_id, false});
}

void DamageFold::State::sent(const Event& event, const Submission& body) {
  if (messages.size() >= bounds.messages_max) {
    ++messages_more;
    recipients_more += body.to.size();
    return;
  }
  Message message;
  DamageMessage& facts = message.facts;
  facts.t = event.t;
  facts.ip = body.ip;
  facts.place = body.place;
  facts.from = body.from;
  facts.queue_id = body.queue_id;
  facts.size = body.size;
  facts.recipients = body.to.size();
  facts.strange = is_strange(body.ip);
  facts.evidence = (body.fate && *body.fate != Fate::accepted) ||
                   (!body.queue_id.empty() && question.held.contains(body.queue_id));
  RecipientFate fate = RecipientFate::accepted;
  if (body.fate == Fate::held) fate = RecipientFate::held;
  if (body.fate == Fate::refused) fate = RecipientFate::refused;
  facts.fates[at(fate)] = body.to.size();
  for (const std::string& to : body.to) {
    std::string address = ascii_lower(to);
    auto found = numbers.find(address);
    if (found == numbers.end()) {
      if (addresses.size() >= bounds.recipients_max) {
        ++message.unnamed;
        continue;
      }
      found = numbers.emplace(address, static_cast<std::uint32_t>(addresses.size())).first;
      addresses.push_back(std::move(address));
    }
    // The same recipient twice in one message is one person.
    if (!message.fates.emplace(found->second, fate).second) {
      --facts.recipients;
      --facts.fates[at(fate)];
    }
  }
  if (facts.strange) {
    if (DamagePlace* one = place_of(body.ip, body.place, event.t)) ++one->messages;
  }
  if (!body.queue_id.empty()) by_queue_id.insert_or_assign(body.queue_id, messages.size());
  messages.push_back(std::move(message));
}

void DamageFold::State::delivered(const Event& event, const Delivery& body) {
  const auto found = by_queue_id.find(body.queue_id);
  if (found == by_queue_id.end()) return;
  Message& message = messages[found->second];
  const auto number = numbers.find(ascii_lower(body.to));
  // Expanded from an alias: the address that was written to stays "taken".
  if (number == numbers.end()) return;
  const auto fate = message.fates.find(number->second);
  if (fate == message.fates.end() || is_final(fate->second)) return;
  RecipientFate next = RecipientFate::deferred;
  if (body.status == DeliveryStatus::sent) next = RecipientFate::delivered;
  if (body.status == DeliveryStatus::bounced) next = RecipientFate::bounced;
  --message.facts.fates[at(fate->second)];
  ++message.facts.fates[at(next)];
  fate->second = next;
  if (is_final(next) && message.facts.t <= busy_until()) {
    stranger_queue_seconds += std::max(0.0, (event.t - message.facts.t).seconds());
  }
}

void DamageFold::State::hold_ended(const HoldEnded& body) {
  const auto found = by_queue_id.find(body.queue_id);
  if (found == by_queue_id.end()) return;
  Message& message = messages[found->second];
  const auto next = body.released ? RecipientFate::accepted : RecipientFate::deleted;
  for (auto& [number, fate] : message.fates) {
    if (fate != RecipientFate::held) continue;
    fate = next;
    --message.facts.fates[at(RecipientFate::held)];
    ++message.facts.fates[at(next)];
  }
  // Those beyond the bound share the fate.
  auto& held = message.facts.fates[at(RecipientFate::held)];
  message.facts.fates[at(next)] += held;
  held = 0;
}

void DamageFold::State::settle_held() {
  for (const auto& [queue_id, state] : question.held) {
    const auto found = by_queue_id.find(queue_id);
    if (found == by_queue_id.end() || state == HoldState::released) continue;
    const auto next = state == HoldState::deleted ? RecipientFate::deleted : RecipientFate::held;
    Message& message = messages[found->second];
    for (auto& [number, fate] : message.fates) {
      if (is_final(fate) || fate == next) continue;
      --message.facts.fates[at(fate)];
      ++message.facts.fates[at(next)];
      fate = next;
    }
  }
}

void DamageFold::State::received(const Event& event, const Received& body) {
  const auto service = service_of(body.from);
  if (!service) return;
  auto found = services.find(service->en);
  if (found == services.end()) {
    if (services.size() >= bounds.services_max) return;
    DamageService made;
    made.sender_domain = service->domain;
    made.name_ja = service->ja;
    made.name_en = service->en;
    made.category = service->category;
    made.known = service->known;
    made.first = event.t;
    found = services.emplace(service->en, std::move(made)).first;
  }
  ++found->second.mails;
  found->second.last = std::max(found->second.last, event.t);
}

void DamageFold::State::others(const Event& event) {
  const bool in_time = event.t >= question.onset && event.t <= busy_until();
  if (std::holds_alternative<Session>(event.body)) {
    if (in_time) ++others_share.sessions;
    return;
  }
  if (const auto* submission = std::get_if<Submission>(&event.body)) {
    if (submission->fate == Fate::refused) return;
    if (in_time) {
      ++others_share.messages;
      others_share.recipients += submission->to.size();
      others_share.bytes += submission->size;
    }
    auto number = neighbour_numbers.find(event.account);
    if (number == neighbour_numbers.end()) {
      // Of more accounts than this it is not told apart whose mail was late.
      if (neighbours.size() >= bounds.neighbours_max) return;
      number =
          neighbour_numbers.emplace(event.account, static_cast<std::uint32_t>(neighbours.size()))
              .first;
      neighbours.push_back({});
      neighbours.back().account = event.account;
    }
    if (in_time) neighbours[number->second].sent = true;
    // What is held waits for a reason of its own.
    if (submission->fate == Fate::held || submission->queue_id.empty()) return;
    if (pending.size() >= bounds.pending_max) return;
    Pending one;
    one.neighbour = number->second;
    one.t = event.t;
    one.left = static_cast<std::uint32_t>(submission->to.size());
    one.in_time = event.t >= question.onset && event.t <= busy_until() + k_damage_aftermath;
    pending.insert_or_assign(submission->queue_id, one);
    return;
  }
  const auto* delivery = std::get_if<Delivery>(&event.body);
  if (delivery == nullptr) return;
  const auto found = pending.find(delivery->queue_id);
  if (found == pending.end()) return;
  Pending& one = found->second;
  if (delivery->status == DeliveryStatus::deferred) {
    one.deferred = true;
    return;
  }
  const double took = std::max(0.0, (event.t - one.t).seconds());
  Neighbour& neighbour = neighbours[one.neighbour];
  if (one.in_time) {
    ++neighbour.deliveries;
    others_share.queue_seconds += took;
    auto& delays = neighbour.delays;
    if (delays.size() < k_delays_max) {
      delays.push_back(static_cast<float>(took));
    } else if (auto shortest = std::ranges::min_element(delays); *shortest < took) {
      *shortest = static_cast<float>(took);
    }
  } else {
    neighbour.norm.add(took);
  }
  if (one.left <= 1) {
    pending.erase(found);
  } else {
    --one.left;
  }
}

}  // namespace sekimori::decide
