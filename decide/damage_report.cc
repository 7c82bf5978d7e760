// The end of the fold: what the events add up to, and its words.
#include <algorithm>
#include <cmath>

#include "base/country.h"
#include "decide/damage_state.h"
#include "decide/standing.h"

namespace sekimori::decide {
namespace {

constexpr std::size_t k_delayed_shown = 100;
// Fewer deliveries than this are no norm of one's own.
constexpr std::uint64_t k_norm_least = 5;
// Usual times as often as this are late.
constexpr double k_late_factor = 3.0;

std::size_t at(RecipientFate fate) { return static_cast<std::size_t>(fate); }

// What a recipient of several messages should know: that one of them arrived goes before all else.
int weight(RecipientFate fate) {
  switch (fate) {
    case RecipientFate::delivered: return 6;
    case RecipientFate::accepted: return 5;
    case RecipientFate::deferred: return 4;
    case RecipientFate::held: return 3;
    case RecipientFate::bounced: return 2;
    case RecipientFate::deleted: return 1;
    case RecipientFate::refused: break;
  }
  return 0;
}

// 12345 → "12,345".
std::string grouped(std::uint64_t n) {
  std::string out = std::to_string(n);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(out.size()) - 3; i > 0; i -= 3) {
    out.insert(static_cast<std::size_t>(i), ",");
  }
  return out;
}

std::string plural(std::uint64_t n, const char* one, const char* many) {
  return grouped(n) + " " + (n == 1 ? one : many);
}

Text standing_words(Standing to) {
  switch (to) {
    case Standing::restricted: return {"送信を止めました", "sending was stopped"};
    case Standing::suspended:
      return {"送信とログインを止めました", "sending and sign-in were stopped"};
    case Standing::recovering: return {"復旧の手続きが始まりました", "the way back began"};
    case Standing::probation: return {"見守り付きで元に戻しました", "restored, closely watched"};
    case Standing::normal: break;
  }
  return {"元に戻しました", "restored"};
}

Text setting_words(SettingKind what) {
  switch (what) {
    case SettingKind::forward: return {"転送", "forwarding"};
    case SettingKind::filter: return {"フィルター(Sieve)", "a filter (Sieve)"};
    case SettingKind::password: return {"パスワード", "the password"};
    case SettingKind::app_password: return {"アプリパスワード", "an app password"};
    case SettingKind::recovery: return {"復旧用の連絡先", "the recovery contact"};
    case SettingKind::vacation: return {"不在通知", "the vacation reply"};
  }
  return {"設定", "a setting"};
}

template <class MassSession>
Text session_words(const MassSession& mass) {
  const std::string ip = mass.ip.to_string();
  Text out{ip + " からの受信セッション: " + grouped(mass.fetched) + " 通を取り出し、" +
               grouped(mass.deleted) + " 通を削除",
           "a session from " + ip + " fetched " + plural(mass.fetched, "message", "messages") +
               " and deleted " + grouped(mass.deleted)};
  if (mass.sent > 0) {
    out.ja += "(うち送信済みメール " + grouped(mass.sent) + " 通)";
    out.en += ", " + grouped(mass.sent) + " of them sent mail";
  }
  if (mass.sent_deleted) {
    out.ja += "。送信済みのフォルダーごと削除";
    out.en += "; it deleted the folder of sent mail";
  }
  return out;
}

Text summary_of(const DamageReport& r) {
  Text out;
  if (r.messages == 0) {
    out = {"この間に、不審なメールの送信は見つかりませんでした。",
           "No suspicious mail was sent in this time."};
  } else {
    const auto n = [&](RecipientFate fate) { return r.fates[at(fate)]; };
    out.ja = r.account + " から、不審なメールが " + grouped(r.messages) + " 通(宛先のべ " +
             grouped(r.recipients) + " 件)送られようとしました。";
    out.en = plural(r.messages, "suspicious message", "suspicious messages") + " to " +
             plural(r.recipients, "recipient", "recipients") + " came from " + r.account + ". ";
    const auto stopped =
        n(RecipientFate::held) + n(RecipientFate::refused) + n(RecipientFate::deleted);
    const auto open = n(RecipientFate::deferred) + n(RecipientFate::accepted);
    out.ja += "届いたのは " + grouped(n(RecipientFate::delivered)) + " 件、止めたのは " +
              grouped(stopped) + " 件、差し戻しは " + grouped(n(RecipientFate::bounced)) + " 件";
    out.en += grouped(n(RecipientFate::delivered)) + " were delivered, " + grouped(stopped) +
              " stopped, " + grouped(n(RecipientFate::bounced)) + " bounced";
    if (open > 0) {
      out.ja += "、配達中または結果不明が " + grouped(open) + " 件";
      out.en += ", " + grouped(open) + " are under way or unknown";
    }
    out.ja += "です。";
    out.en += ".";
  }
  std::uint64_t sign_ins = 0;
  for (const DamagePlace& place : r.places) sign_ins += place.sign_ins;
  if (sign_ins > 0) {
    out.ja += "ふだんと異なる場所からのログインは " + grouped(sign_ins) + " 回でした。";
    out.en +=
        " " + plural(sign_ins, "sign-in", "sign-ins") + " came from places new to the account.";
  }
  if (r.reading.sent_expunged > 0 || r.reading.sent_deleted) {
    out.ja += r.reading.sent_expunged > 0
                  ? "送信済みメールが " + grouped(r.reading.sent_expunged) + " 通消されています。"
                  : "送信済みのフォルダーが消されています。";
    out.en += r.reading.sent_expunged > 0
                  ? " " +
                        plural(r.reading.sent_expunged, "sent message was", "sent messages were") +
                        " wiped."
                  : " The folder of sent mail was deleted.";
  }
  if (!r.complaints.empty()) {
    const std::uint64_t all = r.complaints.size() + r.complaints_more;
    out.ja += "受信者からの苦情が " + grouped(all) + " 件届いています。";
    out.en += " " + plural(all, "recipient complained.", "recipients complained.");
  }
  if (!r.told_apart) {
    out.ja += "記録だけではご本人の送信と区別できないため、この間の送信をすべて数えています。";
    out.en +=
        " The records cannot tell the owner's own mail apart, so all of this time's is counted.";
  }
  return out;
}

}  // namespace

DamageReport DamageFold::finish() {
  State& s = *state_;
  s.settle_held();
  const DamageQuestion& q = s.question;
  DamageReport r;
  r.incident = q.incident.id;
  r.account = q.account;
  r.mode = q.incident.mode;
  r.state = q.incident.state;
  r.onset = q.onset;
  r.onset_known = q.onset_known;
  r.contained = s.contained;
  r.until = q.until;
  r.has_history = s.history;
  r.records_from = q.history_from;
  r.steps = q.steps;

  const bool any_strange = std::ranges::any_of(
      s.messages, [](const State::Message& m) { return m.facts.strange || m.facts.evidence; });
  // Nothing is known from before: every place is strange, the owner's with them.
  r.told_apart = s.messages.empty() || (s.history && any_strange);
  const auto is_suspicious = [&](const DamageMessage& m) {
    if (m.withdrawn) return false;
    if (m.strange || m.evidence) return true;
    return !any_strange && m.t <= s.busy_until();
  };

  std::map<std::uint32_t, DamageRecipient> people;
  for (State::Message& message : s.messages) {
    DamageMessage& m = message.facts;
    if (m.withdrawn) continue;
    if (!is_suspicious(m)) {
      ++r.own_messages;
      r.own_recipients += m.recipients;
      continue;
    }
    ++r.messages;
    r.recipients += m.recipients;
    r.bytes += m.size;
    for (std::size_t i = 0; i < k_recipient_fates; ++i) r.fates[i] += m.fates[i];
    if (!r.first_message.is_set()) r.first_message = m.t;
    r.last_message = std::max(r.last_message, m.t);
    const auto stopped = m.fates[at(RecipientFate::held)] + m.fates[at(RecipientFate::refused)] +
                         m.fates[at(RecipientFate::deleted)];
    if (m.t <= s.busy_until()) {
      r.until_contained += m.recipients - stopped;
      ++r.stranger.messages;
      r.stranger.recipients += m.recipients;
      r.stranger.bytes += m.size;
    }
    for (const auto& [number, fate] : message.fates) {
      const auto [found, added] = people.try_emplace(number);
      DamageRecipient& one = found->second;
      if (added) {
        one.address = s.addresses[number];
        one.first = m.t;
        one.fate = fate;
      } else if (weight(fate) > weight(one.fate)) {
        one.fate = fate;
      }
      one.last = m.t;
      ++one.messages;
    }
    r.people_more += message.unnamed;
    r.mails.push_back(m);
  }
  r.mails_more = s.messages_more;
  r.messages += s.messages_more;
  r.recipients += s.recipients_more;
  r.fates[at(RecipientFate::accepted)] += s.recipients_more;
  r.people_more += s.recipients_more;
  for (auto& [number, one] : people) r.people.push_back(std::move(one));
  std::ranges::stable_sort(r.people, [](const DamageRecipient& a, const DamageRecipient& b) {
    return a.first != b.first ? a.first < b.first : a.address < b.address;
  });

  for (auto& [ip, place] : s.places) r.places.push_back(place);
  std::ranges::stable_sort(r.places, [](const DamagePlace& a, const DamagePlace& b) {
    const bool a_in = a.sign_ins + a.messages > 0;
    const bool b_in = b.sign_ins + b.messages > 0;
    return a_in != b_in ? a_in : a.first < b.first;
  });
  r.reading = s.reading;
  std::ranges::stable_sort(r.reading.expunges, std::ranges::greater{}, &MailboxExpunge::messages);
  r.complaints = std::move(s.complaints);
  r.complaints_more = s.complaints_more;
  for (DamageComplaint& one : r.complaints) {
    const auto about = s.by_queue_id.find(one.queue_id);
    one.suspicious = about != s.by_queue_id.end() && is_suspicious(s.messages[about->second].facts);
  }
  r.settings = s.settings;
  for (auto& [key, service] : s.services) r.services.push_back(service);
  std::ranges::stable_sort(r.services, [](const DamageService& a, const DamageService& b) {
    if (a.known != b.known) return a.known;
    if (a.category != b.category) return a.category < b.category;
    return a.name_en < b.name_en;
  });

  r.stranger.sessions = s.stranger_sessions;
  r.stranger.queue_seconds = s.stranger_queue_seconds;
  r.others = s.others_share;
  DelayHistogram everybody;
  for (const State::Neighbour& one : s.neighbours) everybody.merge(one.norm);
  for (const auto& [id, pending] : s.pending) {
    if (pending.in_time && pending.deferred) {
      s.neighbours[pending.neighbour].unfinished += pending.left;
    }
  }
  for (const State::Neighbour& one : s.neighbours) {
    if (one.sent) ++r.neighbours;
    DamageNeighbour out;
    out.usual_is_own = one.norm.count() >= k_norm_least;
    out.usual_s = out.usual_is_own ? one.norm.usual() : everybody.usual();
    const double late = std::max(k_damage_delay_least.seconds(), k_late_factor * out.usual_s);
    for (const float took : one.delays) {
      if (static_cast<double>(took) > late) ++out.delayed;
      out.longest_s = std::max(out.longest_s, static_cast<double>(took));
    }
    out.unfinished = one.unfinished;
    if (out.delayed == 0 && out.unfinished == 0) continue;
    out.account = one.account;
    out.deliveries = one.deliveries;
    ++r.delayed_accounts;
    r.delayed.push_back(std::move(out));
  }
  std::ranges::stable_sort(r.delayed, [](const DamageNeighbour& a, const DamageNeighbour& b) {
    return a.longest_s != b.longest_s ? a.longest_s > b.longest_s : a.account < b.account;
  });
  if (r.delayed.size() > k_delayed_shown) r.delayed.resize(k_delayed_shown);

  const auto moment = [&](Instant t, const char* kind, Text text) {
    if (t.is_set()) r.timeline.push_back({t, kind, std::move(text)});
  };
  moment(r.onset, "onset",
         r.onset_known ? Text{"不審な動きの始まり", "where the evidence begins"}
                       : Text{"調べた期間の始まり", "the beginning of the time looked at"});
  for (const DamagePlace& place : r.places) {
    if (place.sign_ins == 0) continue;
    Text where{place.ip.to_string(), place.ip.to_string()};
    if (place.place.has_country()) {
      const Text country = country_name(place.place.country_text());
      where.ja += "(" + country.ja + ")";
      where.en += " (" + country.en + ")";
    }
    moment(place.first, "sign_in",
           {"初めての場所 " + where.ja + " からログイン", "the first sign-in from " + where.en});
  }
  moment(r.first_message, "message", {"最初の不審なメール", "the first suspicious message"});
  if (r.last_message != r.first_message) {
    moment(r.last_message, "message", {"最後の不審なメール", "the last suspicious message"});
  }
  for (const auto& mass : s.mass_sessions) moment(mass.t, "session", session_words(mass));
  for (const DamageComplaint& one : r.complaints) {
    moment(one.t, "complaint",
           {"受信者から苦情(" + one.type + ")が届きました",
            "a recipient complained (" + one.type + ")"});
  }
  for (const DamageSetting& setting : r.settings) {
    const Text what = setting_words(setting.what);
    moment(setting.t, "setting", {what.ja + "が変わりました", what.en + " was changed"});
  }
  for (const auto& standing : s.standings) {
    Text words = standing_words(standing.to);
    if (standing.by == "machine") {
      words.ja = "自動で" + words.ja;
      words.en += ", by the guard itself";
    }
    moment(standing.t, "standing", std::move(words));
  }
  for (const Step& step : r.steps) {
    if (step.state != StepState::done) continue;
    const std::string name(to_string(step.kind));
    static const std::map<std::string, Text, std::less<>> k_steps = {
        {"write_guard",
         {"Postfix と Dovecot に制限を書き込みました",
          "the limits were written for Postfix and Dovecot"}},
        {"flush_auth_cache", {"認証のキャッシュを消しました", "cached sign-ins were flushed"}},
        {"kick_sessions", {"接続中のセッションを終わらせました", "open sessions were ended"}},
        {"hold_queued", {"キューのメールを保留にしました", "mail in the queue was held"}},
        {"requeue_waiting", {"待っていたメールを配達に戻しました", "waiting mail was tried again"}},
    };
    const auto words = k_steps.find(name);
    if (words != k_steps.end()) moment(step.changed, "step", words->second);
  }
  std::ranges::stable_sort(r.timeline, {}, &DamageMoment::t);
  r.summary = summary_of(r);
  return r;
}

}  // namespace sekimori::decide
