#include "decide/mail_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/wall_text.h"

namespace sekimori::decide {
namespace {

std::string service_name(Service service) {
  switch (service) {
    case Service::smtp: return "SMTP";
    case Service::pop3: return "POP3";
    case Service::sieve: return "ManageSieve";
    default: return "IMAP";
  }
}

Text joined(Text a, const Text& b) {
  a.ja += b.ja;
  a.en += b.en;
  return a;
}

// The right names to hold against what stands in the mail program.
Text how_to_compare(const MailSettingsFacts& facts, bool incoming_only) {
  Text list;
  for (const ServerToUse& server : facts.servers) {
    const bool sends = server.service == Service::smtp;
    if (sends && incoming_only) continue;
    const char* const security = server.tls ? "SSL/TLS" : "STARTTLS";
    if (!list.ja.empty()) {
      list.ja += " / ";
      list.en += "; ";
    }
    list.ja += fmt::format("{}({}) {} ポート {} {}", sends ? "送信" : "受信",
                           service_name(server.service), server.host, server.port, security);
    list.en += fmt::format("{} ({}) {} port {} {}", sends ? "outgoing" : "incoming",
                           service_name(server.service), server.host, server.port, security);
  }
  if (list.ja.empty()) {
    return {"メールソフトのサーバー名とポート番号を、設定のご案内と1文字ずつ見比べてください。",
            "Please compare the server's name and port in the mail program with the instructions, "
            "letter by letter."};
  }
  return {"メールソフトのアカウント設定を開き、次のとおりか1文字ずつ見比べてください: " + list.ja +
              "。",
          "Please open the account's settings in the mail program and compare them letter by "
          "letter with: " +
              list.en + "."};
}

// Mail programs that came as far as this server, and no further: with another name, port or
// encryption than it has.
void add_handshakes(const MailSettingsFacts& facts, std::vector<Finding>& out) {
  for (const HandshakeFact& fact : facts.handshakes) {
    const std::string service = service_name(fact.service);
    switch (fact.trouble) {
      case HandshakeTrouble::certificate_refused:
        out.push_back(
            {"wrong_server_name",
             FindingWeight::warning,
             {fmt::format(
                  "いまお使いの回線から、この24時間に{}回、メールソフトがサーバーの証明書を受け"
                  "入れずに{}の接続を切りました。設定のサーバー名が、証明書の名前と違うときに"
                  "起こります。",
                  fact.tries, service),
              fmt::format("From the connection you use now a mail program broke off {} {} "
                          "connections within 24 hours because it did not accept the server's "
                          "certificate. That happens where the server name in its settings is not "
                          "the one on the certificate.",
                          fact.tries, service)},
             joined({"警告が出ても「許可」せず、先に名前を確かめてください。",
                     "Do not accept a warning before you have compared the name. "},
                    how_to_compare(facts, false))});
        break;
      case HandshakeTrouble::not_encrypted:
        out.push_back(
            {"wrong_port",
             FindingWeight::warning,
             {fmt::format("いまお使いの回線から、この24時間に{}回、暗号化専用の{}のポートに、暗号化"
                          "されていない接続がありました。ポート番号と「接続の保護」の組み合わせが"
                          "違っています。",
                          fact.tries, service),
              fmt::format("From the connection you use now there were {} unencrypted "
                          "connections within 24 hours to the {} port that wants encryption "
                          "from the beginning: port and connection security do not fit.",
                          fact.tries, service)},
             how_to_compare(facts, false)});
        break;
      case HandshakeTrouble::password_in_plain:
        out.push_back(
            {"encryption_needed",
             FindingWeight::warning,
             {fmt::format(
                  "いまお使いの回線から、この24時間に{}回、暗号化せずに{}のパスワードを送ろうと"
                  "した接続をお断りしました。",
                  fact.tries, service),
              fmt::format("From the connection you use now {} {} connections within 24 hours "
                          "were refused that would have sent the password unencrypted.",
                          fact.tries, service)},
             joined({"メールソフトの「接続の保護」を SSL/TLS または STARTTLS にしてください。",
                     "Set the connection security to SSL/TLS or STARTTLS in the mail program. "},
                    how_to_compare(facts, false))});
        break;
      case HandshakeTrouble::count_: break;
    }
  }
}

}  // namespace

void see_sending(MailSettingsFacts& facts, const Event& event, Instant now) {
  const auto* const login = std::get_if<Login>(&event.body);
  if (login == nullptr || login->service != Service::smtp || login->result != LoginResult::ok) {
    return;
  }
  const Duration age = now - event.t;
  if (age.us >= 0 && age <= days(7)) facts.last_sending = std::max(facts.last_sending, event.t);
}

void add_mail_settings(std::vector<Finding>& findings, const MailSettingsFacts& facts) {
  for (Finding& finding : findings) {
    if (finding.code != "never_reads") continue;
    if (facts.last_sending.is_set()) {
      // The same program sends: address and password are right there, the way in is not.
      const Text last = wall_time(facts.last_sending, facts.zone);
      finding.code = "wrong_incoming_server";
      finding.what = {
          fmt::format("送信のサインインは届いています(最後は{})が、この7日間、受信(IMAP・POP3)の"
                      "サインインがありません。受信サーバー名かポート番号の設定が違っている可能性が"
                      "高いです。",
                      last.ja),
          fmt::format("Sign-ins for sending arrive (the last at {}), but for seven days there was "
                      "none to IMAP or POP3: most likely the incoming server's name or port is "
                      "set wrongly.",
                      last.en)};
      finding.next = how_to_compare(facts, true);
    } else if (!facts.servers.empty()) {
      finding.next = joined(
          {"名前やポート番号が違うときの接続は、このサーバーには届かず、記録にも残りません。",
           "A connection to another name or port never reaches this server and leaves no trace "
           "here. "},
          how_to_compare(facts, false));
    }
  }
  if (!facts.handshakes.empty()) {
    std::erase_if(findings, [](const Finding& f) { return f.code == "nothing_here"; });
    add_handshakes(facts, findings);
    std::ranges::stable_sort(findings, {}, &Finding::weight);
  }
}

}  // namespace sekimori::decide
