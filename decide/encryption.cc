#include "decide/encryption.h"

#include <fmt/format.h>

#include "base/wall_text.h"

namespace sekimori::decide {
namespace {

constexpr std::int64_t k_day_us = 86'400'000'000;

std::string_view name_of(Service service) {
  switch (service) {
    case Service::smtp: return "SMTP";
    case Service::imap: return "IMAP";
    case Service::pop3: return "POP3";
    case Service::sieve: return "ManageSieve";
    case Service::portal: return "portal";
    case Service::other: break;
  }
  return "mail";
}

const std::string& way_of(Service service, const EncryptedWays& ways) {
  switch (service) {
    case Service::smtp: return ways.smtp;
    case Service::pop3: return ways.pop3;
    default: return ways.imap;
  }
}

}  // namespace

DayNumber day_of(Instant t, Duration utc_offset) {
  const std::int64_t us = t.us + utc_offset.us;
  return us >= 0 ? us / k_day_us : (us - k_day_us + 1) / k_day_us;
}

std::string day_text(DayNumber day) {
  return format_instant(Instant{day * k_day_us + 1'000'000}).substr(0, 10);
}

Text plain_refusal(Service service, const EncryptedWays& ways) {
  const std::string& way = way_of(service, ways);
  if (service == Service::smtp) {
    std::string line =
        "523 5.7.10 Encryption needed: this connection sends your password in the clear; turn on "
        "SSL/TLS or STARTTLS for outgoing mail in your mail program";
    if (!way.empty()) line += fmt::format(" ({})", way);
    if (!ways.portal.empty()) line += fmt::format(" {}", ways.portal);
    return {line, line};
  }
  const std::string where = way.empty() ? std::string() : fmt::format("({})", way);
  const std::string more = ways.portal.empty() ? std::string() : " " + ways.portal;
  return {fmt::format(
              "暗号化されていない接続ではサインインできません。メールソフトの受信サーバーの設定で "
              "SSL/TLS をオンにしてください{}。{}",
              where, more),
          fmt::format("Encryption needed: turn on SSL/TLS for incoming mail in your mail "
                      "program{}{}.{}",
                      where.empty() ? "" : " ", where, more)};
}

Letter plain_letter(const PlainDay& seen, std::string_view place, const EncryptedWays& ways,
                    Instant enforced_from, std::string_view provider, Language language,
                    const ZoneRule& zone) {
  const bool ja = language == Language::ja;
  Letter out;
  std::string body;
  const auto line = [&body](std::string_view text) {
    body += text;
    body += '\n';
  };
  const std::string when = wall_time(seen.last, zone).in(language);
  const std::string day = wall_day(enforced_from, zone).in(language);
  if (ja) {
    out.subject = "メールソフトの接続が暗号化されていません(設定の直し方)";
    line(fmt::format("{} をお使いの方へ", seen.account));
    line("");
    line("お使いのメールソフトのうち、暗号化なしで接続しているものがあります。");
    line(
        "このままでは、公衆 Wi-Fi などの途中の通信を見られる人に、パスワードを読み取られるおそれがあります。");
    line("");
    line(fmt::format(
        "  使い方: {}{}", seen.service == Service::smtp ? "送信(SMTP)" : "受信(",
        seen.service == Service::smtp ? "" : fmt::format("{})", name_of(seen.service))));
    if (!seen.client.empty()) line(fmt::format("  ソフト: {}", seen.client));
    line(fmt::format("  接続元: {}{}", seen.ip, place.empty() ? "" : fmt::format("({})", place)));
    line(fmt::format("  最後の接続: {}", when));
    line("");
    line("次のように設定を変えてください。パスワードを変える必要はありません。");
    line("  1. メールソフトの「アカウントの設定」を開きます。");
    line("  2. サーバーの「接続の保護」(SSL/TLS、暗号化)をオンにします。");
    if (!ways.imap.empty()) line(fmt::format("     受信(IMAP) {}", ways.imap));
    if (!ways.pop3.empty()) line(fmt::format("     受信(POP3) {}", ways.pop3));
    if (!ways.smtp.empty()) line(fmt::format("     送信(SMTP) {}", ways.smtp));
    line("  3. 一度送受信して、できることを確かめます。");
    if (!ways.portal.empty()) line(fmt::format("くわしい手順: {}", ways.portal));
    if (!day.empty()) {
      line("");
      line(fmt::format("{} からは、暗号化なしの接続ではメールを使えなくなります。", day));
    }
    line("");
    line("どの機器か心当たりがないときも、ご連絡ください。");
    if (!provider.empty()) line(provider);
  } else {
    out.subject = "Your mail program connects without encryption (how to change that)";
    line(fmt::format("To whoever uses {}:", seen.account));
    line("");
    line("One of your mail programs connects without encryption. Whoever can watch the network on");
    line("the way, on a public Wi-Fi for instance, can read your password.");
    line("");
    line(fmt::format("  Used for: {} ({})", seen.service == Service::smtp ? "sending" : "receiving",
                     name_of(seen.service)));
    if (!seen.client.empty()) line(fmt::format("  Program: {}", seen.client));
    line(fmt::format("  From: {}{}", seen.ip, place.empty() ? "" : fmt::format(" ({})", place)));
    line(fmt::format("  Last seen: {}", when));
    line("");
    line("Please change the settings like this; your password stays as it is.");
    line("  1. Open the account settings of the mail program.");
    line("  2. Turn on the connection's security (SSL/TLS) for the server.");
    if (!ways.imap.empty()) line(fmt::format("     incoming (IMAP) {}", ways.imap));
    if (!ways.pop3.empty()) line(fmt::format("     incoming (POP3) {}", ways.pop3));
    if (!ways.smtp.empty()) line(fmt::format("     outgoing (SMTP) {}", ways.smtp));
    line("  3. Send and receive once, to see that it works.");
    if (!ways.portal.empty()) line(fmt::format("Step by step: {}", ways.portal));
    if (!day.empty()) {
      line("");
      line(fmt::format("From {} on, mail cannot be used without encryption.", day));
    }
    line("");
    line("If you do not know which device this is, please tell us.");
    if (!provider.empty()) line(provider);
  }
  out.body = std::move(body);
  return out;
}

}  // namespace sekimori::decide
