#include "decide/waiting_mail.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/ip_address.h"
#include "base/mail_address.h"

namespace sekimori::decide {
namespace {

constexpr std::array<std::string_view, 2> k_places = {"sender", "here"};
constexpr std::array<std::string_view, 3> k_states = {"waiting", "arrived", "given_up"};

// Second levels under which a country's names are registered (co.jp, com.br, ac.uk, …).
constexpr std::array<std::string_view, 16> k_second_levels = {
    "ac",  "ad", "co", "com", "ed", "edu", "go", "gob",
    "gov", "gr", "lg", "mil", "ne", "net", "or", "org"};

// A SIZE that an added header changed.
constexpr std::uint64_t k_size_near = 256;

template <class Word, std::size_t n>
std::optional<Word> parse_word(const std::array<std::string_view, n>& words,
                               std::string_view text) {
  const auto at = std::ranges::find(words, text);
  if (at == words.end()) return std::nullopt;
  return static_cast<Word>(at - words.begin());
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

// How well a try fits a message that waits; 0: not at all, 3: without a doubt.
int fit(const WaitingMessage& m, const WaitingTry& t, const std::string& client, bool is_retry) {
  const bool same_sender = ascii_lower(m.sender) == ascii_lower(t.sender);
  const bool same_size = m.size == t.size;
  const bool same_client = m.client == client;
  if (same_sender && same_size && same_client) return 3;
  if (!is_retry) return 0;
  if (same_sender && same_client && m.size != 0 && t.size != 0 &&
      distance(m.size, t.size) <= k_size_near) {
    return 2;
  }
  if (m.size == 0 || !same_size) return 0;
  if (same_sender) return 1;
  return same_client && sender_skeleton(m.sender) == sender_skeleton(t.sender) ? 1 : 0;
}

// Postfix counts its own header lines, and bytes with bare line feeds; the sender declared CRLF.
bool is_plausible(std::uint64_t declared, std::uint64_t stored) {
  if (declared == 0 || stored == 0) return true;
  return distance(declared, stored) <= 4096 + declared / 16;
}

}  // namespace

std::string_view to_string(WaitingPlace place) { return k_places[static_cast<std::size_t>(place)]; }
std::optional<WaitingPlace> parse_waiting_place(std::string_view text) {
  return parse_word<WaitingPlace>(k_places, text);
}
std::string_view to_string(WaitingState state) { return k_states[static_cast<std::size_t>(state)]; }
std::optional<WaitingState> parse_waiting_state(std::string_view text) {
  return parse_word<WaitingState>(k_states, text);
}

Instant gives_up_at(const WaitingMessage& message, const WaitingRules& rules) {
  return message.first + rules.give_up;
}

std::string client_domain(std::string_view name, std::string_view address) {
  std::string host = ascii_lower(name);
  while (!host.empty() && host.back() == '.') host.pop_back();
  if (host.empty() || host == "unknown" || !host.contains('.')) {
    const auto ip = IpAddress::parse(address);
    if (!ip || !ip->is_set()) return std::string(address.substr(0, 64));
    return ip->network(24, 64).to_string() + (ip->is_v4() ? "/24" : "/64");
  }
  const auto last = host.rfind('.');
  auto cut = host.rfind('.', last - 1);
  if (cut == std::string::npos) return host;
  const std::string_view second = std::string_view(host).substr(cut + 1, last - cut - 1);
  if (host.size() - last - 1 == 2 &&
      std::ranges::find(k_second_levels, second) != k_second_levels.end() && cut > 0) {
    cut = host.rfind('.', cut - 1);
  }
  return cut == std::string::npos ? host : host.substr(cut + 1);
}

std::string sender_skeleton(std::string_view sender) {
  const std::string lower = ascii_lower(sender);
  const std::size_t at = lower.rfind('@');
  const std::string_view local = std::string_view(lower).substr(0, at);
  std::string out;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t i = 0; i < local.size();) {
    std::size_t end = i;
    bool digits = false;
    while (end < local.size() && is_word(local[end])) {
      digits = digits || std::isdigit(static_cast<unsigned char>(local[end])) != 0;
      ++end;
    }
    // A run with a digit in it counts messages; one without is a name.
    if (digits) {
      out += '#';
    } else {
      out += local.substr(i, end - i);
    }
    if (end < local.size()) out += local[end++];
    i = end;
  }
  if (at != std::string::npos) out += lower.substr(at);
  return out;
}

void WaitingBook::changed(const WaitingMessage& message) {
  written_.insert_or_assign(message.id, message);
}

WaitingBook::Entry* WaitingBook::add(Account& account, WaitingMessage message) {
  if (account.entries.size() >= rules_.account_max || size_ >= rules_.all_max) {
    ++account.uncounted_tries;
    return nullptr;
  }
  message.id = ++last_id_;
  ++size_;
  account.entries.push_back({std::move(message), {}, {}});
  changed(account.entries.back().message);
  return &account.entries.back();
}

void WaitingBook::forget_ended(Account& account, Instant before) {
  std::erase_if(account.entries, [&](const Entry& entry) {
    if (entry.message.state == WaitingState::waiting || entry.message.ended >= before) return false;
    written_.erase(entry.message.id);
    forgotten_.push_back(entry.message.id);
    --size_;
    return true;
  });
}

void WaitingBook::load(WaitingMessage message) {
  Account& account = accounts_[message.account];
  last_id_ = std::max(last_id_, message.id);
  ++size_;
  account.entries.push_back({std::move(message), {}, {}});
}

void WaitingBook::put_off(const WaitingTry& attempt) {
  Account& account = accounts_[attempt.account];
  const std::string client = client_domain(attempt.client_name, attempt.client_address);
  // Mail arrived and now it is put off again: the mailbox was closed anew, with a list of its own.
  const bool closed_anew = std::ranges::any_of(account.entries, [&](const Entry& entry) {
    return entry.message.state == WaitingState::arrived && entry.message.ended < attempt.t;
  });
  if (closed_anew) forget_ended(account, attempt.t);

  Entry* best = nullptr;
  int best_fit = 0;
  for (Entry& entry : account.entries) {
    WaitingMessage& m = entry.message;
    if (m.place != WaitingPlace::sender || m.state == WaitingState::arrived) continue;
    if (m.state == WaitingState::given_up && attempt.t - m.last > days(2)) continue;
    // The lists run again, a second stanza asks again: the same transaction, the same try.
    if (!attempt.transaction.empty() && entry.transaction == attempt.transaction) return;
    const bool is_retry = attempt.t - m.last >= rules_.retry_least;
    const bool other_mx = !attempt.server_address.empty() && !entry.server.empty() &&
                          entry.server != attempt.server_address &&
                          m.address == attempt.client_address;
    if (!is_retry && !other_mx) continue;
    const int how_well = fit(m, attempt, client, is_retry);
    const bool better = how_well > best_fit ||
                        (how_well == best_fit && best != nullptr && m.last < best->message.last);
    if (how_well == 0 || !better) continue;
    best = &entry;
    best_fit = how_well;
  }
  if (best == nullptr) {
    WaitingMessage made;
    made.account = attempt.account;
    made.sender = attempt.sender;
    made.client = client;
    made.size = attempt.size;
    made.first = attempt.t;
    best = add(account, std::move(made));
    if (best == nullptr) return;
  } else {
    best->message.estimated =
        best->message.estimated || best_fit < 3 || best->message.address != attempt.client_address;
  }
  WaitingMessage& m = best->message;
  // Given up too early by us: its sender is more patient.
  m.state = WaitingState::waiting;
  m.ended = {};
  m.last = std::max(m.last, attempt.t);
  m.address = attempt.client_address;
  ++m.tries;
  best->server = attempt.server_address;
  best->transaction = attempt.transaction;
  changed(m);
}

void WaitingBook::delivery(const MailboxDelivery& delivery) {
  const bool here = delivery.status == DeliveryStatus::deferred;
  auto found = accounts_.find(delivery.account);
  if (found == accounts_.end()) {
    if (!here) return;
    found = accounts_.try_emplace(delivery.account).first;
  }
  Account& account = found->second;
  Entry* entry = nullptr;
  for (Entry& one : account.entries) {
    if (one.message.place == WaitingPlace::here && one.message.queue_id == delivery.queue_id) {
      entry = &one;
    }
  }
  for (Entry& one : account.entries) {
    if (entry != nullptr) break;
    WaitingMessage& m = one.message;
    if (m.place != WaitingPlace::here || m.state != WaitingState::waiting || !m.queue_id.empty() ||
        m.sender != delivery.sender || distance(m.size, delivery.size) > 1024) {
      continue;
    }
    m.queue_id = delivery.queue_id;
    entry = &one;
  }
  if (here) {
    if (entry == nullptr) {
      const bool closed_anew = std::ranges::any_of(account.entries, [&](const Entry& one) {
        return one.message.state == WaitingState::arrived && one.message.ended < delivery.t;
      });
      if (closed_anew) forget_ended(account, delivery.t);
      WaitingMessage made;
      made.account = delivery.account;
      made.place = WaitingPlace::here;
      made.sender = delivery.sender;
      made.queue_id = delivery.queue_id;
      made.size = delivery.size;
      made.first = delivery.t;
      entry = add(account, std::move(made));
      if (entry == nullptr) return;
    }
    if (entry->message.state == WaitingState::arrived) return;
    entry->message.state = WaitingState::waiting;
    entry->message.ended = {};
    entry->message.last = std::max(entry->message.last, delivery.t);
    ++entry->message.tries;
    return changed(entry->message);
  }
  if (entry == nullptr && delivery.status == DeliveryStatus::sent) {
    // From outside, or requeued under another name: the waiting message of that sender which it
    // resembles most.
    std::uint64_t nearest = 0;
    for (Entry& one : account.entries) {
      const WaitingMessage& m = one.message;
      if (m.state == WaitingState::arrived || delivery.t < m.first ||
          !is_plausible(m.size, delivery.size) ||
          (ascii_lower(m.sender) != ascii_lower(delivery.sender) &&
           sender_skeleton(m.sender) != sender_skeleton(delivery.sender))) {
        continue;
      }
      const std::uint64_t off = distance(m.size, delivery.size);
      if (entry != nullptr && off >= nearest) continue;  // the older one, where they are alike
      entry = &one;
      nearest = off;
    }
  }
  if (entry == nullptr || entry->message.state == WaitingState::arrived) return;
  entry->message.state =
      delivery.status == DeliveryStatus::sent ? WaitingState::arrived : WaitingState::given_up;
  entry->message.ended = delivery.t;
  changed(entry->message);
}

void WaitingBook::requeued(std::string_view queue_id) {
  if (queue_id.empty()) return;
  for (auto& [name, account] : accounts_) {
    for (Entry& entry : account.entries) {
      WaitingMessage& m = entry.message;
      if (m.queue_id != queue_id || m.state != WaitingState::waiting) continue;
      m.queue_id.clear();
      changed(m);
    }
  }
}

void WaitingBook::queue_says(std::string_view name, const std::vector<MailboxDelivery>& lies_there,
                             Instant now) {
  const auto is_there = [&](const std::string& queue_id) {
    return std::ranges::any_of(lies_there,
                               [&](const auto& one) { return one.queue_id == queue_id; });
  };
  if (const auto found = accounts_.find(name); found != accounts_.end()) {
    std::erase_if(found->second.entries, [&](const Entry& entry) {
      const WaitingMessage& m = entry.message;
      // A minute for the log to tell of its delivery.
      if (m.place != WaitingPlace::here || m.state != WaitingState::waiting || m.queue_id.empty() ||
          is_there(m.queue_id) || now - m.last < minutes(1)) {
        return false;
      }
      written_.erase(m.id);
      forgotten_.push_back(m.id);
      --size_;
      return true;
    });
  }
  for (const MailboxDelivery& one : lies_there) {
    const auto found = accounts_.find(name);
    const bool known = found != accounts_.end() &&
                       std::ranges::any_of(found->second.entries, [&](const Entry& entry) {
                         return entry.message.place == WaitingPlace::here &&
                                entry.message.queue_id == one.queue_id;
                       });
    if (!known) delivery(one);
  }
}

void WaitingBook::sweep(Instant now) {
  for (auto& [name, account] : accounts_) {
    for (Entry& entry : account.entries) {
      WaitingMessage& m = entry.message;
      if (m.state != WaitingState::waiting) continue;
      const Duration silent = now - m.last;
      // Our own queue says itself when it gives up; days of grace for a log that was not read.
      const bool over = m.place == WaitingPlace::here
                            ? now > gives_up_at(m, rules_) + days(2) && silent > k_waiting_silence
                            : now > gives_up_at(m, rules_) && silent > k_waiting_silence;
      if (!over) continue;
      m.state = WaitingState::given_up;
      m.ended = now;
      changed(m);
    }
    forget_ended(account, now - k_waiting_kept);
    if (account.entries.empty()) account.uncounted_tries = 0;
  }
  std::erase_if(accounts_, [](const auto& one) { return one.second.entries.empty(); });
}

WaitingView WaitingBook::view(std::string_view name) const {
  WaitingView out;
  out.account = std::string(name);
  out.give_up = rules_.give_up;
  const auto found = accounts_.find(name);
  if (found != accounts_.end()) {
    out.uncounted_tries = found->second.uncounted_tries;
    for (const Entry& entry : found->second.entries) {
      const WaitingMessage& m = entry.message;
      out.messages.push_back(m);
      switch (m.state) {
        case WaitingState::waiting:
          ++out.waiting;
          if (!out.gives_up.is_set() || gives_up_at(m, rules_) < out.gives_up) {
            out.gives_up = gives_up_at(m, rules_);
          }
          break;
        case WaitingState::arrived: ++out.arrived; break;
        case WaitingState::given_up: ++out.given_up; break;
      }
    }
  }
  std::ranges::stable_sort(out.messages, [](const WaitingMessage& a, const WaitingMessage& b) {
    const bool a_waits = a.state == WaitingState::waiting;
    const bool b_waits = b.state == WaitingState::waiting;
    return a_waits != b_waits ? a_waits : a.first < b.first;
  });
  const std::string all = std::to_string(out.messages.size());
  const std::string arrived = std::to_string(out.arrived);
  if (out.messages.empty()) {
    out.summary = {"待っているメールはありません。", "No mail waits."};
  } else if (out.arrived == 0 && out.given_up == 0) {
    out.summary = {all + " 通が待っています。", all + " waiting."};
  } else {
    out.summary = {all + " 通中 " + arrived + " 通が届きました。",
                   arrived + " of " + all + " arrived."};
    if (out.given_up > 0) {
      const std::string lost = std::to_string(out.given_up);
      out.summary.ja += lost + " 通は届かず、差出人に戻った見込みです。";
      out.summary.en += " " + lost + " did not come and are likely back with their senders.";
    }
  }
  return out;
}

std::vector<WaitingView> WaitingBook::all() const {
  std::vector<WaitingView> out;
  for (const auto& [name, account] : accounts_) {
    if (!account.entries.empty()) out.push_back(view(name));
  }
  const auto never = Instant{INT64_MAX};
  std::ranges::stable_sort(
      out, {}, [&](const WaitingView& v) { return v.gives_up.is_set() ? v.gives_up : never; });
  return out;
}

WaitingBook::Changes WaitingBook::take_changes() {
  Changes out;
  for (auto& [id, message] : written_) out.written.push_back(std::move(message));
  written_.clear();
  out.forgotten = std::move(forgotten_);
  forgotten_.clear();
  return out;
}

void WaitingBook::put_back(Changes changes) {
  for (auto& message : changes.written) {
    const bool is_forgotten = std::ranges::find(forgotten_, message.id) != forgotten_.end();
    // What changed since is newer.
    if (!is_forgotten) written_.try_emplace(message.id, std::move(message));
  }
  forgotten_.insert(forgotten_.end(), changes.forgotten.begin(), changes.forgotten.end());
}

}  // namespace sekimori::decide
