#include "decide/forgotten.h"

#include <fmt/format.h>

#include "base/wall_text.h"

namespace sekimori::decide {
namespace {

// As mail programs call it.
std::string_view program_of(Service service, bool ja) {
  switch (service) {
    case Service::imap: return ja ? "受信(IMAP)" : "receiving (IMAP)";
    case Service::pop3: return ja ? "受信(POP3)" : "receiving (POP3)";
    case Service::smtp: return ja ? "送信(SMTP)" : "sending (SMTP)";
    case Service::sieve: return ja ? "振り分けの設定(ManageSieve)" : "filters (ManageSieve)";
    default: return ja ? "メール" : "mail";
  }
}

}  // namespace

std::string device_of(const ForgottenSetting& setting) {
  const std::string from = setting.place.asn != 0 ? fmt::format("AS{}", setting.place.asn)
                                                  : setting.ip.network(24, 64).to_string();
  return fmt::format("{}/{:03x}", from, setting.pwhash & 0xfffU);
}

Text forgotten_words(const ForgottenSetting& f) {
  const std::string program(to_string(f.service));
  const std::string where = f.ip.to_string();
  if (f.known) {
    return {
        fmt::format(
            "いつもの場所({})にある端末が、古いパスワードのまま {} で接続を試み続けています。"
            "その端末のメール設定のパスワードを新しくしてください。攻撃ではありません。",
            where, program),
        fmt::format("One of your devices, at a place you usually use ({}), keeps trying {} with "
                    "an old password. Please enter the new one in its mail settings. This is "
                    "no attack.",
                    where, program)};
  }
  return {fmt::format(
              "{} から {} で、同じ誤ったパスワードが繰り返し使われています。お使いの端末であれば、"
              "メール設定のパスワードを新しくしてください。",
              where, program),
          fmt::format("The same wrong password comes again and again from {} over {}. If this is a "
                      "device of yours, please enter the new password in its mail settings.",
                      where, program)};
}

ForgottenLetter forgotten_letter(const ForgottenDevice& device, std::string_view where,
                                 std::string_view portal, std::string_view provider,
                                 Language language, const ZoneRule& zone) {
  const ForgottenSetting& setting = device.setting;
  const bool ja = language == Language::ja;
  ForgottenLetter out;
  const auto line = [&out](std::string_view text) {
    out.body += text;
    out.body += '\n';
  };
  const std::string when = wall_time(device.last, zone).in(language);
  std::string from = setting.ip.to_string();
  if (!where.empty()) from += ja ? fmt::format("({})", where) : fmt::format(" ({})", where);
  if (ja) {
    out.subject = "古いパスワードのままの端末があります";
    line(fmt::format("{} をお使いの方へ", setting.account));
    line("");
    line("お使いの端末のうち、古いパスワードのまま接続を試み続けているものがあります。");
    line("攻撃ではなく、アカウントは安全です。その端末では、メールの送受信ができていません。");
    line("");
    line(fmt::format("  使い方: {}", program_of(setting.service, true)));
    line(fmt::format("  接続元: {}(これまで使われている場所です)", from));
    line(fmt::format("  同じ誤りの回数: {} 回以上", setting.repeats));
    line(fmt::format("  気づいた日時: {}", when));
    line("");
    line("次のようにしてください。");
    line(
        "  1. パソコン、スマートフォン、タブレット、コピー機などのうち、メールが届かなくなった端末を探します。");
    line("  2. その端末のメールの設定で、パスワードを新しいものに変えます(受信と送信の両方)。");
    line("  3. もう使わない端末なら、メールの設定を消します。");
    if (!portal.empty()) line(fmt::format("利用状況の確認: {}", portal));
    line("");
    line("心当たりがないときは、ご連絡ください。");
  } else {
    out.subject = "One of your devices still has an old password";
    line(fmt::format("To whoever uses {}", setting.account));
    line("");
    line("One of your devices keeps trying to connect with an old password. This is no attack");
    line("and your account is safe, but that device neither gets nor sends mail.");
    line("");
    line(fmt::format("  Used for: {}", program_of(setting.service, false)));
    line(fmt::format("  From: {}, a place you usually use", from));
    line(fmt::format("  The same wrong password: {} times or more", setting.repeats));
    line(fmt::format("  Noticed: {}", when));
    line("");
    line("What to do:");
    line("  1. Find the device that gets no mail any more: a computer, phone, tablet or copier.");
    line("  2. Enter the new password in its mail settings, for receiving and for sending.");
    line("  3. If you do not use it any more, remove the account from it.");
    if (!portal.empty()) line(fmt::format("Your account: {}", portal));
    line("");
    line("If you know of no such device, please tell us.");
  }
  if (!provider.empty()) line(provider);
  return out;
}

}  // namespace sekimori::decide
