// The words of the notices.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "act/mail_notifier.h"
#include "base/hash.h"
#include "base/mail_address.h"

namespace sekimori::act {
namespace {

struct Words {
  std::string_view kind;
  Text subject;  // {} = the account or domain
  Text operators;
  Text owner;
};

// {0} = whom it is about.
const std::array<Words, 6> k_words{{
    {"restricted",
     {"{0} からの送信を止めました", "Sending from {0} was stopped"},
     {"{0} からのメール送信を止めました。受信と閲覧は、いつもどおり使えます。",
      "Mail can no longer be sent from {0}. Receiving and reading go on as usual."},
     {"あなたのアカウント {0} から、ふだんと違うメール送信がありました。念のため、このアカウントからの"
      "送信を止めています。メールの受信と閲覧は、これまでどおりお使いいただけます。",
      "Mail was sent from your account {0} in a way that is unlike you. To be safe, sending from "
      "it is stopped for now. You can receive and read mail as before."}},
    {"suspended",
     {"{0} を一時停止しました", "{0} was suspended"},
     {"{0} の送信とログインを止めました。届くメールは失われず、復旧するまで送信元で待ちます。",
      "Sending from and signing in to {0} are stopped. Incoming mail is not lost: it waits at its "
      "senders until the account is restored."},
     {"", ""}},
    {"recovering",
     {"{0} の復旧手続きが始まりました", "The recovery of {0} has begun"},
     {"{0} の復旧手続きが始まりました。ログインと受信はできますが、送信はまだできません。",
      "The recovery of {0} has begun. Signing in and receiving work; sending does not yet."},
     {"あなたのアカウント {0} の復旧手続きが始まりました。ログインと受信ができます。送信は、手続きが終わると"
      "できるようになります。お心当たりがない場合は、すぐに管理者へご連絡ください。",
      "The recovery of your account {0} has begun. You can sign in and receive mail; sending "
      "follows when it is complete. If this was not you, please tell your administrator at once."}},
    {"restored",
     {"{0} が元どおり使えるようになりました", "{0} was restored"},
     {"{0} の制限を解除しました。待っていたメールは配送されます。",
      "The restrictions on {0} were lifted. Mail that was waiting is being delivered."},
     {"あなたのアカウント {0} は、元どおり使えるようになりました。待っていたメールは順に届きます。",
      "Your account {0} works as before. Mail that was waiting is on its way to you."}},
    {"held_asked",
     {"{0} のメールを保留しています", "Mail from {0} is being held"},
     {"{0} からのメールを、送信する前に保留しています。内容を確かめて、送信するか削除するかを選んでください。",
      "Mail from {0} is held before it leaves. Please look at it and let it go or delete it."},
     {"あなたのアカウント {0} から送られたメールを、確認のために保留しています。ご本人が送ったものであれば、"
      "お手数ですがお知らせください。",
      "Mail sent from your account {0} is held for a check. If it was you who sent it, please let "
      "us know."}},
    {"",  // any other
     {"{0} についてのお知らせ", "About {0}"},
     {"{0} についてのお知らせです。", "This is about {0}."},
     {"", ""}},
}};

const Words& words_for(std::string_view kind) {
  for (const Words& words : k_words) {
    if (words.kind == kind) return words;
  }
  return k_words.back();
}

std::string with_name(std::string_view pattern, std::string_view name) {
  std::string out(pattern);
  for (std::size_t at; (at = out.find("{0}")) != std::string::npos;) out.replace(at, 3, name);
  return out;
}

// What came from elsewhere must not begin a header or a new line.
std::string one_line(std::string_view text, std::size_t max) {
  std::string out;
  for (const char c : text.substr(0, max)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

std::string base64_lines(std::string_view text) {
  const std::string all = base64(text);
  std::string out;
  for (std::size_t at = 0; at < all.size(); at += 76) out.append(all, at, 76).append("\r\n");
  return out;
}

// RFC 5322 §3.3, in UTC.
std::string mail_date(Instant t) {
  static constexpr std::array k_days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t whole = static_cast<std::time_t>(t.us / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000",
                     k_days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                     k_months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string body_in(Language language, const decide::Notice& notice, const NoticeMail& mail,
                    std::string_view name) {
  const bool ja = language == Language::ja;
  const Words& words = words_for(notice.kind);
  const Text& said = mail.for_owner && !words.owner.en.empty() ? words.owner : words.operators;
  std::string body = with_name(said.in(language), name) + "\n\n";
  const std::string& summary = notice.summary.in(language);
  if (!summary.empty()) {
    body += fmt::format("{}: {}\n", ja ? "理由" : "Why", one_line(summary, 2000));
  }
  if (notice.incident != 0) {
    body += fmt::format("{}: {}\n", ja ? "事案番号" : "Incident", notice.incident);
  }
  const bool open = notice.kind != "restored";
  if (mail.for_owner && open) {
    body += ja ? "\n心当たりがない場合は、パスワードが他人に知られているおそれがあります。"
                 "管理者へご連絡ください。\n"
               : "\nIf you did not do this, somebody else may know your password. Please get in "
                 "touch with your administrator.\n";
    if (!mail.portal_url.empty()) {
      body += fmt::format("{}: {}\n", ja ? "ご本人の手続き" : "The way back", mail.portal_url);
    }
  }
  if (!mail.for_owner && !mail.panel_url.empty()) {
    body += fmt::format("{}: {}\n", ja ? "管理画面" : "Panel", mail.panel_url);
  }
  return body;
}

}  // namespace

std::string encoded_header(std::string_view utf8) {
  constexpr std::size_t k_piece = 39;  // 52 of base64; with "Subject: =?UTF-8?B?" and "?=" 73
  std::string out;
  while (!utf8.empty()) {
    std::size_t size = std::min(k_piece, utf8.size());
    while (size < utf8.size() && size > k_piece - 4 &&
           (static_cast<unsigned char>(utf8[size]) & 0xC0) == 0x80) {
      --size;
    }
    if (!out.empty()) out += "\r\n ";
    out += fmt::format("=?UTF-8?B?{}?=", base64(utf8.substr(0, size)));
    utf8.remove_prefix(size);
  }
  return out;
}

std::string notice_message(const decide::Notice& notice, const NoticeMail& mail) {
  const Words& words = words_for(notice.kind);
  const bool server = notice.subject.kind == decide::SubjectKind::server;
  const std::string id = one_line(notice.subject.id, 320);
  const std::string ja_name = server ? "サーバー全体" : id;
  const std::string en_name = server ? "the whole server" : id;
  std::string to;
  for (const std::string& address : mail.to) {
    if (!to.empty()) to += ",\r\n ";
    to += fmt::format("<{}>", address);
  }
  const std::string tag = mail.server_name.empty()
                              ? std::string("[Sekimori]")
                              : fmt::format("[Sekimori {}]", one_line(mail.server_name, 100));
  const std::string subject = fmt::format("{} {} / {}", tag, with_name(words.subject.ja, ja_name),
                                          with_name(words.subject.en, en_name));
  // The same notice of the same hour has the same id, so that one that came twice shows as one.
  const std::uint64_t hash =
      keyed_hash(HashKey{}, fmt::format("{}\n{}\n{}\n{}\n{}\n{}", notice.incident, notice.kind,
                                        to_string(notice.subject.kind), notice.subject.id,
                                        mail.for_owner, mail.now.us / 3'600'000'000));
  const std::string_view domain = domain_of(mail.from);
  std::string text = body_in(Language::ja, notice, mail, ja_name);
  text += "\n----------------------------------------\n\n";
  text += body_in(Language::en, notice, mail, en_name);
  return fmt::format(
      "From: Sekimori <{}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\n"
      "Message-ID: <sekimori.{}.{:016x}@{}>\r\nAuto-Submitted: auto-generated\r\n"
      "X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
      mail.from, to, encoded_header(subject), mail_date(mail.now), notice.incident, hash, domain,
      base64_lines(text));
}

}  // namespace sekimori::act
