// The judge's reasons in words: sentences with the account's own numbers, Japanese and English.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr double k_worth_telling = 0.3;  // nats

std::string span_ja(Duration d) {
  const double s = d.seconds();
  if (s < 90) return fmt::format("{}秒間", std::max(1L, std::lround(s)));
  if (s < 90 * 60) return fmt::format("{}分間", std::lround(s / 60));
  if (s < 36 * 3600) return fmt::format("{}時間", std::lround(s / 3600));
  return fmt::format("{}日間", std::lround(s / 86400));
}
std::string counted(long n, const char* one, const char* many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}
std::string span_en(Duration d) {
  const double s = d.seconds();
  if (s < 90) return counted(std::max(1L, std::lround(s)), "second", "seconds");
  if (s < 90 * 60) return counted(std::lround(s / 60), "minute", "minutes");
  if (s < 36 * 3600) return counted(std::lround(s / 3600), "hour", "hours");
  return counted(std::lround(s / 86400), "day", "days");
}

// The model's units of reading: 16 KiB or a message each.
std::uint32_t units_of_level(std::uint8_t level) {
  return static_cast<std::uint32_t>(std::lround(std::exp2(level / 16.0)));
}
std::string reading_ja(std::uint32_t units) {
  return fmt::format("{}MBまたは{}通分", std::max(1U, units / 64), units);
}
std::string reading_en(std::uint32_t units) {
  return fmt::format("{} MB or {} messages", std::max(1U, units / 64), units);
}

struct Told {
  std::uint32_t recipients;
  std::uint32_t fresh;
  Duration span;
};

// The narrowest window that holds the run of evidence: the message alone, the hour, the day.
Told what_happened(const AccountModel& m, Instant now, const Verdict& v) {
  const Duration since{v.onset.is_set() ? std::max<std::int64_t>(now.us - v.onset.us, 0) : 0};
  if (since <= seconds(0) || v.counts.messages_hour <= 1) {
    return {v.recipients, v.new_recipients, seconds(0)};
  }
  if (since <= hours(1)) return {v.counts.recipients_hour, v.counts.new_hour, since};
  (void)m;
  return {v.counts.recipients_day, v.counts.new_day, std::min(since, hours(24))};
}

Text headline(const AccountModel& m, const Told& told) {
  Text text;
  const long usual = std::lround(std::max(m.recipients_per_day, 1.0F));
  const bool known = m.learnt >= 5 && m.recipients_per_day > 0;
  const bool one = told.span <= seconds(0);
  text.ja = one ? fmt::format("1通のメールを{}宛先へ送信しました。", told.recipients)
                : fmt::format("{}に{}宛先へ送信しました。", span_ja(told.span), told.recipients);
  text.en =
      one ? fmt::format("One message to {}", counted(told.recipients, "recipient", "recipients"))
          : fmt::format("{} in {}", counted(told.recipients, "recipient", "recipients"),
                        span_en(told.span));
  if (known) {
    text.ja += fmt::format("ふだんは1日{}宛先ほどです。", usual);
    text.en += fmt::format("; this account usually writes to {} a day", usual);
  } else {
    text.ja += "まだ利用の記録が少ないアカウントです。";
    text.en += "; this account has little history";
  }
  if (told.fresh > 0) {
    text.ja += fmt::format("{}宛先は初めての相手です。", told.fresh);
    text.en += fmt::format("; {} never written to before", told.fresh);
  }
  text.en += ".";
  return text;
}

Text words(Channel channel, const AccountModel& m, const Told& told, const Verdict& v) {
  switch (channel) {
    case Channel::shape:
      if (v.new_recipients > 0) {
        return {
            fmt::format("このメールの宛先{}件のうち{}件が初めての相手です。", v.recipients,
                        v.new_recipients),
            fmt::format("{} of this message's {} never been written to before.", v.new_recipients,
                        v.recipients == 1 ? "1 recipient has"
                                          : fmt::format("{} recipients have", v.recipients))};
      }
      return {fmt::format("一度に{}宛先へ送る使い方は、このアカウントではまれです。", v.recipients),
              fmt::format("Writing to {} at once is unusual for this account.",
                          counted(v.recipients, "recipient", "recipients"))};
    case Channel::inter_arrival:
      return {fmt::format("送信の間隔がふだんより短くなっています(直近1時間に{}通)。",
                          v.counts.messages_hour),
              fmt::format("Messages follow each other faster than usual ({} within the hour).",
                          v.counts.messages_hour)};
    case Channel::stranger:
      return {"宛先は、本人も同じドメインの利用者もやり取りしたことのない相手です。",
              "Neither this account nor its colleagues have ever dealt with these recipients."};
    case Channel::velocity:
      return {fmt::format("直近1時間の宛先が{}件、うち初めての相手が{}件に達しました。",
                          v.counts.recipients_hour, v.counts.new_hour),
              fmt::format("{} within the hour, {} of them new.",
                          counted(v.counts.recipients_hour, "recipient", "recipients"),
                          v.counts.new_hour)};
    case Channel::size_pattern:
      return {
          "大きさと宛先数がほぼ同じメールが繰り返されているか、ふだんと違う大きさのメールです。",
          "Messages of nearly the same size and number of recipients repeat, or their size is "
          "unusual for this account."};
    case Channel::login_place:
      return {"これまで使われたことのないネットワークからの利用です。",
              "It is used from a network it was never used from before."};
    case Channel::places_24h: {
      std::uint32_t networks = m.networks_24h;
      return {fmt::format("1日のうちに{}か所の新しいネットワークや複数の国から使われています。",
                          std::max(networks, 2U)),
              fmt::format("Used from several countries or {} new networks within a day.",
                          std::max(networks, 2U))};
    }
    case Channel::bounce:
      return {fmt::format("存在しない宛先として{}件が戻ってきています。", m.bounces_in_hour),
              fmt::format("{} came back: no such recipient.",
                          counted(m.bounces_in_hour, "message", "messages"))};
    case Channel::settings:
      return {
          "直前に転送・フィルター・アプリパスワード・再設定用連絡先のいずれかが変更されました。",
          "A forward, filter, app password or recovery contact was changed shortly before."};
    case Channel::envelope:
      return {"差出人アドレスがログインしたアカウントと異なります。",
              "The envelope sender is not the account that signed in."};
    case Channel::first_smtp:
      return {"これまで受信だけに使われていたアカウントからの初めての送信です。",
              "The first message ever sent by an account that only read mail until now."};
    case Channel::message_id:
      return {"Message-IDのないメールです。このアカウントではまれです。",
              "The message has no Message-ID, which is rare for this account."};
    case Channel::reading:
      return {
          fmt::format(
              "1時間に約{}、ふだんの忙しい時間(約{})を大きく超えるメールが読み出されています。",
              reading_ja(m.read_units), reading_ja(units_of_level(m.read_habit))),
          fmt::format("About {} were fetched within an hour; a busy hour of this account is {}.",
                      reading_en(m.read_units), reading_en(units_of_level(m.read_habit)))};
    case Channel::concurrent: {
      const unsigned changes = m.switch_marks & 15U;
      return {fmt::format(
                  "離れた場所から、15分以内に入れ替わりながら同時に使われています(1日に{}回以上)。",
                  changes),
              fmt::format("Used from distant places by turns, within minutes of each other ({} "
                          "times or more in a day).",
                          changes)};
    }
    case Channel::fleet:
      return {
          "ほかにも不審な動きのある複数のアカウントから、よく似たメールや同じ送信元の利用があります。",
          "Several other suspicious accounts send the same or are used from the same place."};
    case Channel::count_: break;
  }
  (void)told;
  return {};
}

}  // namespace

Detector::Explanation Detector::explain(AccountIndex index, Instant now, const Verdict& v) const {
  const AccountModel& m = impl_->models[index];
  const Told told = what_happened(m, now, v);
  Explanation out;
  out.headline = headline(m, told);
  for (std::size_t c = 0; c < k_channels; ++c) {
    const auto channel = static_cast<Channel>(c);
    if (v.nats_since_onset[c] < k_worth_telling) continue;
    out.evidence.push_back({channel, v.nats_since_onset[c], words(channel, m, told, v)});
  }
  std::ranges::stable_sort(out.evidence, std::greater<>{}, &Evidence::nats);
  return out;
}

}  // namespace sekimori::detect
