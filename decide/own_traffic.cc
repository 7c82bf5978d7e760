#include "decide/own_traffic.h"

#include <algorithm>
#include <utility>

namespace sekimori::decide {
namespace {

// Less than this says nothing: a program that polls each hour has hardly asked.
constexpr Duration k_enough = hours(1);
// What is sent or read after a recovery may be so many times the usual (people catch up) before it
// looks like the incident again, and so much in any case.
constexpr double k_times_usual = 3;
constexpr double k_recipients_a_day = 50;
constexpr double k_bytes_a_day = 200e6;

double a_day(std::uint64_t n, double hours) {
  return hours <= 0 ? 0 : static_cast<double>(n) * 24 / std::max(hours, 1.0);
}

double hours_between(Instant a, Instant b) {
  return b <= a ? 0 : static_cast<double>((b - a).us) / 3.6e9;
}

}  // namespace

std::string own_network(const IpAddress& ip) {
  return ip.is_set() ? ip.network(24, 64).to_string() : std::string();
}

std::string_view to_string(TrafficVerdict verdict) {
  switch (verdict) {
    case TrafficVerdict::not_yet: return "not_yet";
    case TrafficVerdict::stopped: return "stopped";
    case TrafficVerdict::going_on: return "going_on";
  }
  return "not_yet";
}

void OwnVolume::operator+=(const OwnVolume& other) {
  messages += other.messages;
  recipients += other.recipients;
  stopped += other.stopped;
  received += other.received;
  sign_ins += other.sign_ins;
  sessions += other.sessions;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
}

Instant OwnTrafficFold::from() const {
  const Instant shown = now_ - sekimori::days(static_cast<std::int64_t>(k_own_days));
  if (!incident_.contained.is_set()) return shown;
  const Instant onset = incident_.onset.is_set() ? incident_.onset : incident_.contained;
  return std::min(shown, onset - k_usual);
}

bool OwnTrafficFold::is_of_incident(const IpAddress& ip) const {
  if (!ip.is_set()) return false;
  const auto network = own_network(ip);
  return std::ranges::any_of(incident_.networks, [&](const std::string& text) {
    const auto slash = text.substr(0, text.find('/'));
    const auto known = IpAddress::parse(slash);
    return known && own_network(*known) == network;
  });
}

// The part of the comparison that a moment is in; nullptr: none.
OwnVolume* OwnTrafficFold::share_of(Instant t) {
  if (!incident_.contained.is_set()) return nullptr;
  const Instant onset = incident_.onset.is_set() ? incident_.onset : incident_.contained;
  if (t < onset - k_usual) return nullptr;
  if (t < onset) return &usual_;
  // A mailbox that was stopped has no traffic worth comparing until its owner is back.
  if (t <= incident_.contained) return &during_;
  if (!incident_.changed.is_set() || t < incident_.changed) return nullptr;
  return t < incident_.changed + k_compared ? &after_ : nullptr;
}

void OwnTrafficFold::add_service(const std::string& sender, Instant t) {
  auto found = service_of(sender);
  if (!found) return;
  auto at = services_.find(found->domain);
  if (at == services_.end()) {
    if (services_.size() == k_own_services_max) return;
    at = services_.emplace(found->domain, OwnServiceSeen{}).first;
    at->second.service = std::move(*found);
  }
  ++at->second.messages;
  const Instant onset = incident_.onset.is_set() ? incident_.onset : incident_.contained;
  const bool is_over = incident_.changed.is_set() && t >= incident_.changed;
  if (onset.is_set() && t >= onset && !is_over) ++at->second.during;
}

void OwnTrafficFold::add(const Event& event) {
  if (event.history || event.t > now_) return;
  OwnVolume one;
  if (const auto* login = std::get_if<Login>(&event.body)) {
    const bool good = login->result == LoginResult::ok;
    one.sign_ins = good ? 1 : 0;
    const bool is_after = share_of(event.t) == &after_;
    if (is_after && good && is_of_incident(login->ip)) ++intruders_;
    if (is_after && !good) ++tries_;
    const std::string network = own_network(login->ip);
    const std::string key = network + ' ' + std::string(to_string(login->service)) + ' ' +
                            (good ? login->client : std::string());
    const bool is_shown = now_ - event.t <= sekimori::days(static_cast<std::int64_t>(k_own_days)) &&
                          !network.empty() &&
                          (sign_ins_.contains(key) || sign_ins_.size() < k_own_sign_ins_max);
    if (is_shown) {
      OwnSignIn& group = sign_ins_[key];
      group.network = network;
      group.service = login->service;
      if (good) group.client = login->client;
      switch (login->result) {
        case LoginResult::ok: ++group.good; break;
        case LoginResult::bad_password: ++group.wrong; break;
        case LoginResult::refused: ++group.refused; break;
      }
      // Dovecot does not learn from Postfix whether there was TLS.
      if (good && !login->tls && login->service != Service::smtp) ++group.plain;
      if (!group.first.is_set() || event.t < group.first) group.first = event.t;
      if (event.t >= group.last) {
        group.last = event.t;
        group.last_ip = login->ip;
        group.place = login->place;
      }
      if (good) group.last_good = std::max(group.last_good, event.t);
    }
  } else if (const auto* sent = std::get_if<Submission>(&event.body)) {
    if (sent->fate.value_or(Fate::accepted) == Fate::accepted) {
      one.messages = 1;
      one.recipients = sent->to.size();
    } else {
      one.stopped = 1;
    }
  } else if (const auto* session = std::get_if<Session>(&event.body)) {
    one.sessions = 1;
    one.bytes_in = session->bytes_in;
    one.bytes_out = session->bytes_out;
  } else if (const auto* received = std::get_if<Received>(&event.body)) {
    one.received = 1;
    add_service(received->from, event.t);
  } else {
    return;
  }
  const auto ago = static_cast<std::size_t>((now_ - event.t).us / sekimori::days(1).us);
  if (ago < days_.size()) days_[ago] += one;
  if (auto* share = share_of(event.t)) *share += one;
}

OwnHistory OwnTrafficFold::history() const {
  OwnHistory out;
  for (const auto& [key, group] : sign_ins_) out.sign_ins.push_back(group);
  std::ranges::stable_sort(out.sign_ins, std::ranges::greater(), &OwnSignIn::last);
  for (const auto& [domain, seen] : services_) out.services.push_back(seen);
  std::ranges::stable_sort(out.services, [](const auto& a, const auto& b) {
    return std::pair(a.during, a.messages) > std::pair(b.during, b.messages);
  });
  out.days = days_;
  if (!incident_.contained.is_set()) return out;
  const Instant onset = incident_.onset.is_set() ? incident_.onset : incident_.contained;
  TrafficComparison c;
  c.usual = {k_usual.seconds() / 3600, usual_};
  c.incident = {hours_between(onset, incident_.contained), during_};
  if (incident_.changed.is_set()) {
    c.until = incident_.changed + k_compared;
    c.after = {hours_between(incident_.changed, std::min(now_, c.until)), after_};
  }
  c.tries = tries_;
  c.intruders = intruders_;
  const bool is_enough = incident_.changed.is_set() && now_ - incident_.changed >= k_enough;
  const auto is_much = [&](std::uint64_t OwnVolume::* part, double least) {
    const double usual = a_day(usual_.*part, c.usual.hours);
    return a_day(after_.*part, c.after.hours) > std::max(least, usual * k_times_usual);
  };
  if (intruders_ > 0 || (is_enough && (is_much(&OwnVolume::recipients, k_recipients_a_day) ||
                                       is_much(&OwnVolume::bytes_out, k_bytes_a_day)))) {
    c.verdict = TrafficVerdict::going_on;
  } else if (is_enough) {
    c.verdict = TrafficVerdict::stopped;
  }
  out.comparison.push_back(std::move(c));
  return out;
}

}  // namespace sekimori::decide
