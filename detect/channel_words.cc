#include "detect/channel_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"
#include "detect/near_duplicates.h"
#include "detect/words.h"

namespace sekimori::detect {
namespace {

constexpr float k_worth_a_clause = 0.3F;  // nats
// Days with mail that an account must have behind it before its habit is a number worth telling.
constexpr std::uint32_t k_habit_messages_min = 5;

float since_onset(const Facts& f, Channel c) {
  return f.verdict.nats_since_onset[static_cast<std::size_t>(c)];
}

std::string country_of(const PlaceRecord& p) {
  const std::uint32_t bits = p.operator_ & 1023U;
  if (bits == 0) return {};
  return {static_cast<char>('A' - 1 + (bits >> 5)), static_cast<char>('A' - 1 + (bits & 31U))};
}

void add_once(std::vector<std::string>& names, std::string name) {
  if (!name.empty() && std::ranges::find(names, name) == names.end()) {
    names.push_back(std::move(name));
  }
}

PlaceFacts places_of(const AccountModel& m, Instant now, Instant onset) {
  const std::uint16_t hour = hour16(now);
  const std::int64_t run_us = onset.is_set() ? std::max<std::int64_t>(now.us - onset.us, 0) : 0;
  // Trials begin at whole hours, so the hour of the onset counts.
  const auto run_hours = static_cast<std::uint32_t>(Duration{run_us}.seconds() / 3600) + 1;
  std::vector<std::pair<std::uint32_t, const PlaceRecord*>> fresh;
  PlaceFacts out;
  for (const PlaceRecord& p : m.places) {
    if (p.network == 0) continue;
    if (p.learnt()) {
      add_once(out.usual, country_of(p));
    } else if (p.trial_hours(hour) <= run_hours) {
      fresh.emplace_back(p.trial_hours(hour), &p);
    }
  }
  std::ranges::stable_sort(fresh, {}, [](const auto& entry) { return entry.first; });
  for (const auto& [age, place] : fresh) add_once(out.countries, country_of(*place));
  out.networks = static_cast<std::uint32_t>(fresh.size());
  // The eight places remembered may be fewer than there were.
  if (m.place_day == day16(now))
    out.networks = std::max<std::uint32_t>(out.networks, m.networks_24h);
  const std::uint32_t age = fresh.empty() ? 0 : fresh.back().first - fresh.front().first;
  out.span = hours(age + 1);
  return out;
}

// "(Brazil and Vietnam; usually Japan)", "" where no country is known.
Text in_brackets(const PlaceFacts& places) {
  if (places.countries.empty()) return {};
  const Text where = country_list(places.countries);
  if (!places.abroad()) return {"(" + where.ja + ")", " (" + where.en + ")"};
  const Text usual = country_list(places.usual);
  return {fmt::format("({}。ふだんは{})", where.ja, usual.ja),
          fmt::format(" ({}; usually {})", where.en, usual.en)};
}

// 2か所の新しいネットワーク(ブラジル、ベトナム); "two new networks within an hour (Brazil …)".
Text new_networks(const PlaceFacts& places) {
  const Text where = in_brackets(places);
  if (places.networks <= 1) {
    return {"新しいネットワーク" + where.ja, "a new network" + where.en};
  }
  const Text within = within_words(places.span);
  return {
      fmt::format("{}{}か所の新しいネットワーク{}", within.ja, grouped(places.networks), where.ja),
      fmt::format("{} new networks {}{}", spelled(places.networks), within.en, where.en)};
}

// Whole hours since the last change of a setting; 0: within the last hour.
std::uint32_t hours_since_setting(const Facts& f) {
  return static_cast<std::uint16_t>(hour16(f.now) - f.model.settings_hour);
}
// 2時間前に; "two hours earlier".
Text setting_when(const Facts& f) {
  const std::uint32_t age = hours_since_setting(f);
  if (f.model.settings_seen == 0 || age == 0 || age > 48) {
    return {"直前に", "shortly before"};
  }
  return {fmt::format("{}時間前に", age),
          fmt::format("{} {} earlier", spelled(age), age == 1 ? "hour" : "hours")};
}

// Bounces of the running hour; 0 when that hour is over.
std::uint32_t bounces(const Facts& f) {
  return f.model.bounce_hour == hour16(f.now) ? f.model.bounces_in_hour : 0;
}

// ---------------------------------------------------------------- the channels

Text shape_words(const Facts& f) {
  const Verdict& v = f.verdict;
  if (v.new_recipients > 0) {
    if (v.recipients == 1) {
      return {"このメールの宛先は初めての相手です。",
              "This message's recipient has never been written to before."};
    }
    if (v.new_recipients == v.recipients) {
      return {
          fmt::format("このメールの宛先{}件は、すべて初めての相手です。", grouped(v.recipients)),
          fmt::format("None of this message's {} recipients has been written to before.",
                      grouped(v.recipients))};
    }
    return {fmt::format("このメールの宛先{}件のうち{}件が初めての相手です。", grouped(v.recipients),
                        grouped(v.new_recipients)),
            fmt::format("{} of this message's {} {} never been written to before.",
                        grouped(v.new_recipients), counted(v.recipients, "recipient", "recipients"),
                        v.new_recipients == 1 ? "has" : "have")};
  }
  return {fmt::format("一度に{}件の宛先へ送ることは、このアカウントではまれです。",
                      grouped(v.recipients)),
          fmt::format("Writing to {} at once is unusual for this account.",
                      counted(v.recipients, "recipient", "recipients"))};
}

Text inter_arrival_words(const Facts& f) {
  const std::uint32_t n = std::max(f.verdict.counts.messages_hour, 1U);
  return {fmt::format("ふだんより短い間隔で送信されています(直近1時間に{}通)。", grouped(n)),
          fmt::format("Messages follow each other faster than usual ({} within the hour).",
                      grouped(n))};
}

Text stranger_words(const Facts& f) {
  if (f.verdict.new_recipients == 1) {
    return {"同じドメインの利用者も、やり取りしたことのない相手です。",
            "Nobody at this domain has ever dealt with this recipient."};
  }
  return {"宛先のほとんどは、同じドメインの利用者もやり取りしたことのない相手です。",
          "Nobody at this domain has ever dealt with most of these recipients."};
}

Text velocity_words(const Facts& f) {
  const auto& c = f.verdict.counts;
  return {fmt::format("直近1時間の宛先が{}件になりました(うち初めての相手が{}件)。",
                      grouped(c.recipients_hour), grouped(c.new_hour)),
          fmt::format("{} within the hour, {} of them new.",
                      counted(c.recipients_hour, "recipient", "recipients"), grouped(c.new_hour))};
}

Text size_pattern_words(const Facts& f) {
  std::uint32_t same = 0;
  if (f.mail != nullptr) {
    if (const auto likeness = likeness_of(*f.mail, f.verdict.recipients); likeness != 0) {
      same = like_it_today(f.model, f.now, *f.mail, likeness);
    }
  }
  if (same >= 2) {
    return {
        fmt::format("大きさと宛先の数がほぼ同じメールが、今日{}通送られています。", grouped(same)),
        fmt::format("{} messages of nearly the same size and number of recipients were sent "
                    "today.",
                    grouped(same))};
  }
  return {"メールの大きさが、このアカウントのふだんのものと異なります。",
          "The size of the message is unusual for this account."};
}

Text login_place_words(const Facts& f) {
  Text out;
  if (f.model.guessed != 0) {
    const unsigned tries = 1U << (f.model.guessed - 1U);
    out = {
        fmt::format(
            "{}回以上の誤ったパスワードのあとに、使われたことのない場所から正しいパスワードで"
            "サインインされました。",
            tries),
        fmt::format("After {} wrong passwords or more, somebody signed in with the right one from "
                    "a place it was never used from before.",
                    tries)};
  } else if (f.places.networks == 0) {
    out = {"これまで使われたことのないネットワークからのログインがありました。",
           "It was signed in to from a network it was never used from before."};
  } else {
    const Text networks = new_networks(f.places);
    out = {networks.ja + "からログインがありました。",
           fmt::format("It was signed in to from {}.", networks.en)};
  }
  if (f.mail == nullptr || !f.mail->ip.is_set() || f.mail->ip.is_loopback()) return out;
  // For experts: where this very message came from.
  Text where{f.mail->ip.to_string(), f.mail->ip.to_string()};
  Text known;
  const auto add = [&known](std::string_view ja, std::string_view en) {
    known.ja += (known.ja.empty() ? "" : "、") + std::string(ja);
    known.en += (known.en.empty() ? "" : ", ") + std::string(en);
  };
  if (f.mail->place.has_country()) {
    const Text country = country_list({f.mail->place.country_text()});
    add(country.ja, country.en);
  }
  if (f.mail->place.asn != 0) {
    const std::string asn = fmt::format("AS{}", f.mail->place.asn);
    add(asn, asn);
  }
  if (f.mail->place.hosting) {
    add("データセンターまたはVPN", "a data centre or VPN");
  }
  if (!known.ja.empty()) {
    where.ja += "(" + known.ja + ")";
    where.en += " (" + known.en + ")";
  }
  out.ja += fmt::format("このメールの接続元は{}です。", where.ja);
  out.en += fmt::format(" This message came from {}.", where.en);
  return out;
}

Text places_24h_words(const Facts& f) {
  if (f.places.countries.size() >= 2) {
    const Text where = country_list(f.places.countries, 5);
    return {fmt::format("1日のうちに{}から使われています。", where.ja),
            fmt::format("Within a day it was used from {}.", where.en)};
  }
  const std::uint32_t networks = std::max(f.places.networks, 2U);
  return {
      fmt::format("1日のうちに{}か所の新しいネットワークから使われています。", grouped(networks)),
      fmt::format("Within a day it was used from {} new networks.", spelled(networks))};
}

Text dead_address_words(const Facts& f) {
  const std::uint32_t n = bounces(f);
  if (n == 0) {
    return {"存在しない宛先として戻ってきたメールが目立ちます。",
            "Several messages came back: no such recipient."};
  }
  return {fmt::format("存在しない宛先として、1時間に{}件が戻ってきました。", grouped(n)),
          fmt::format("{} came back within the hour: no such recipient.",
                      counted(n, "message", "messages"))};
}

// Mail that recipients reported as spam; nothing when nobody did.
Text complaint_words(const Facts& f) {
  const std::uint32_t n = f.model.complaints;
  if (n == 0) return {};
  return {fmt::format("受け取った人から、迷惑メールだという報告が{}件届いています。", n),
          n == 1 ? std::string("A recipient reported a message as spam.")
                 : fmt::format("{} recipients reported messages as spam.", n)};
}

Text bounce_words(const Facts& f) {
  const std::uint32_t n = bounces(f);
  const Text complaints = complaint_words(f);
  if (n == 0 && !complaints.en.empty()) return complaints;
  if (!complaints.en.empty()) {
    const Text dead = dead_address_words(f);
    return {dead.ja + complaints.ja, dead.en + " " + complaints.en};
  }
  return dead_address_words(f);
}

Text settings_words(const Facts& f) {
  const Text when = setting_when(f);
  return {
      fmt::format(
          "{}、転送・フィルター・アプリパスワード・再設定用連絡先のいずれかが変更されました。",
          when.ja),
      fmt::format("A forward, filter, app password or recovery contact was changed {}.", when.en)};
}

Text envelope_words(const Facts&) {
  return {"差出人アドレスがログインしたアカウントと異なります。このアカウントではまれです。",
          "The envelope sender is not the account that signed in, which is rare for it."};
}

Text first_smtp_words(const Facts& f) {
  const bool more = f.model.logins == UINT8_MAX;  // the counter ends there
  return {
      fmt::format("{}回{}のログインで受信だけに使われてきたアカウントからの、初めての送信です。",
                  grouped(f.model.logins), more ? "以上" : ""),
      fmt::format("The first message ever sent by an account that only read mail in {}{}.",
                  more ? "more than " : "", counted(f.model.logins, "sign-in", "sign-ins"))};
}

// A unit of reading is a message or 16 KiB, whichever there are more of.
Text reading_words(const Facts& f) {
  const AccountModel& m = f.model;
  const double habit = std::exp2(m.read_habit / 16.0);
  if (m.read_hour != hour16(f.now) || m.read_units < 2 * habit) {
    return {"ふだんの忙しい時間をはるかに超える量のメールが読み出されています。",
            "Far more mail was fetched than in a busy hour of this account."};
  }
  const auto times = static_cast<std::uint64_t>(std::llround(m.read_units / habit));
  const Text amount =
      m.read_units < 128
          ? Text{grouped(m.read_units) + "通", counted(m.read_units, "message", "messages")}
          : Text{fmt::format("{}通または{}MB", grouped(m.read_units), grouped(m.read_units / 64U)),
                 fmt::format("{} messages or {} MB", grouped(m.read_units),
                             grouped(m.read_units / 64U))};
  return {fmt::format("1時間に約{}のメールが読み出されています。ふだんの忙しい時間の約{}倍です。",
                      amount.ja, grouped(times)),
          fmt::format("About {} were fetched within an hour, {} times as much as in a busy hour of "
                      "this account.",
                      amount.en, grouped(times))};
}

Text concurrent_words(const Facts& f) {
  constexpr unsigned k_most = 15;  // the counter ends there
  const unsigned changes = std::max(f.model.switch_marks & k_most, 1U);
  return {
      fmt::format("離れた場所から、数分のうちに入れ替わりながら使われています(1日に{}回{})。",
                  changes, changes == k_most ? "以上" : ""),
      fmt::format("It is used from distant places by turns, within minutes ({}{} within a day).",
                  changes == k_most ? "at least " : "", counted(changes, "time", "times"))};
}

Text fleet_words(const Facts&) {
  return {
      "ほかにも不審な動きのある複数のアカウントから、よく似たメールや同じ送信元の利用があります。",
      "Several other suspicious accounts send the same or are used from the same place."};
}

Text message_id_words(const Facts&) {
  return {"Message-IDのないメールです。このアカウントではまれです。",
          "The message has no Message-ID, which is rare for this account."};
}

// In the order of Channel.
struct Words {
  Channel channel;
  Text (*of)(const Facts&);
};
constexpr auto k_words = std::to_array<Words>({
    {Channel::shape, shape_words},
    {Channel::inter_arrival, inter_arrival_words},
    {Channel::stranger, stranger_words},
    {Channel::velocity, velocity_words},
    {Channel::size_pattern, size_pattern_words},
    {Channel::login_place, login_place_words},
    {Channel::places_24h, places_24h_words},
    {Channel::bounce, bounce_words},
    {Channel::settings, settings_words},
    {Channel::envelope, envelope_words},
    {Channel::first_smtp, first_smtp_words},
    {Channel::message_id, message_id_words},
    {Channel::reading, reading_words},
    {Channel::concurrent, concurrent_words},
    {Channel::fleet, fleet_words},
});
static_assert(k_words.size() == k_channels, "every channel has its words");
static_assert([] {
  for (std::size_t i = 0; i < k_words.size(); ++i) {
    if (static_cast<std::size_t>(k_words[i].channel) != i) return false;
  }
  return true;
}());

}  // namespace

bool PlaceFacts::abroad() const {
  return !usual.empty() && std::ranges::any_of(countries, [this](const std::string& country) {
    return std::ranges::find(usual, country) == usual.end();
  });
}

Facts facts_of(const AccountModel& m, Instant now, const Verdict& v, const Submission* mail) {
  Facts f{.model = m, .verdict = v, .mail = mail, .now = now};
  const Duration run{v.onset.is_set() ? std::max<std::int64_t>(now.us - v.onset.us, 0) : 0};
  if (run <= seconds(0) || v.counts.messages_hour <= 1) {
    f.recipients = v.recipients;
    f.strangers = v.new_recipients;
  } else if (run <= hours(1)) {
    f.recipients = v.counts.recipients_hour;
    f.strangers = v.counts.new_hour;
    // Without evidence each message begins a run anew: what was counted took the hour.
    f.span = v.log_r > 0 ? run : hours(1);
  } else {
    f.recipients = v.counts.recipients_day;
    f.strangers = v.counts.new_day;
    f.span = std::min(run, hours(24));
  }
  f.strangers = std::min(f.strangers, f.recipients);
  f.places = places_of(m, now, v.onset);
  return f;
}

Text headline(const Facts& f) {
  Text text;
  const bool one_message = f.span <= seconds(0);
  const std::string sent = grouped(f.recipients);
  if (one_message) {
    text.ja = fmt::format("1通のメールを{}件の宛先へ送信しました", sent);
    text.en = "One message to " + counted(f.recipients, "recipient", "recipients");
  } else {
    const Text span = span_words(f.span);
    text.ja = fmt::format("{}に{}件の宛先へ送信しました", span.ja, sent);
    text.en = fmt::format("{} in {}", counted(f.recipients, "recipient", "recipients"), span.en);
  }
  if (f.model.learnt >= k_habit_messages_min && f.model.recipients_per_day > 0) {
    const auto usual = grouped(
        static_cast<std::uint64_t>(std::llround(std::max(f.model.recipients_per_day, 1.0F))));
    text.ja += fmt::format("(ふだんは1日{}件ほど)。", usual);
    text.en += fmt::format("; this account usually writes to about {} a day", usual);
  } else {
    text.ja += "。まだ利用の記録が少ないアカウントです。";
    text.en += "; this account has little history";
  }
  if (f.strangers > 0 && f.strangers == f.recipients) {
    text.ja += f.recipients == 1 ? "初めての相手です。" : "すべて初めての相手です。";
    text.en += f.recipients == 1 ? "; never written to before" : "; none written to before";
  } else if (f.strangers > 0) {
    text.ja += fmt::format("うち{}件は初めての相手です。", grouped(f.strangers));
    text.en += fmt::format("; {} never written to before", grouped(f.strangers));
  }
  if (f.places.networks > 0 &&
      since_onset(f, Channel::login_place) + since_onset(f, Channel::places_24h) >=
          k_worth_a_clause) {
    const Text networks = new_networks(f.places);
    text.ja += networks.ja + "からログインがありました。";
    text.en += "; signed in from " + networks.en;
  }
  if (since_onset(f, Channel::settings) >= k_worth_a_clause) {
    const Text when = setting_when(f);
    text.ja += when.ja + "転送などの設定が変更されました。";
    text.en += "; a forward or another setting was changed " + when.en;
  }
  if (since_onset(f, Channel::bounce) >= k_worth_a_clause && bounces(f) > 0) {
    text.ja += fmt::format("{}件が宛先不明で戻ってきました。", grouped(bounces(f)));
    text.en += fmt::format("; {} came back as unknown", grouped(bounces(f)));
  }
  if (since_onset(f, Channel::bounce) >= k_worth_a_clause && f.model.complaints > 0) {
    const unsigned n = f.model.complaints;
    text.ja += fmt::format("迷惑メールの報告が{}件届いています。", n);
    text.en += fmt::format("; {} reported as spam by recipients", n);
  }
  const auto clause = [&](Channel c, const char* ja, const char* en) {
    if (since_onset(f, c) < k_worth_a_clause) return;
    text.ja += ja;
    text.en += en;
  };
  if (f.model.guessed != 0) {
    clause(Channel::login_place, "誤ったパスワードが続いたあとのサインインです。",
           "; signed in to behind wrong passwords");
  }
  clause(Channel::reading, "ふだんよりはるかに多くのメールが読み出されています。",
         "; far more mail than usual was read");
  clause(Channel::concurrent, "離れた場所から同時に使われています。",
         "; used from distant places at once");
  clause(Channel::fleet, "ほかの不審なアカウントからも、よく似た送信があります。",
         "; other suspicious accounts do the same");
  text.en += '.';
  return text;
}

Text channel_words(Channel channel, const Facts& facts) {
  return k_words[static_cast<std::size_t>(channel)].of(facts);
}

}  // namespace sekimori::detect
