#include "app/drill.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "app/cli_text.h"

namespace sekimori::app {
namespace {

using std::chrono::seconds;

// Until mail arrives, a session ends, a standing shows. Local steps take milliseconds; a busy
// machine gets ten seconds.
constexpr seconds k_soon{10};
// What a hijacker may get out before the guard acts. Messages are held from 25 unknown recipients
// on; one under that may precede, and two are under way while the first is judged.
constexpr std::size_t k_leak_max = 60;
// Recipients per message as the hijacker grows bold; the last goes on until somebody stops it. Few
// enough that several drills an hour stay below the account's own limits.
constexpr std::array<std::size_t, 4> k_recipients = {2, 5, 8, 10};
constexpr std::size_t k_messages_max = 20;

constexpr const char* k_contacts[] = {"tanaka@friends.example", "suzuki@partner.example",
                                      "sato@family.example"};

}  // namespace

Drill::Drill(DrillTarget& target, DrillReport& report)
    : target_(target),
      report_(report),
      sink_(target.sink),
      token_(fmt::format("{:08x}", ::randombytes_random())) {}

void Drill::play() {
  const auto acts = [this] {
    if (!prepare() || !normal_mail() || !strangers_sign_in() || !mass_sending()) return;
    sending_is_refused();
    what_leaked();
    if (loosen_to_restricted()) owner_still_receives();
    others_undisturbed();
    if (!suspend()) return;
    mail_waits();
    if (!restore()) return;
    everything_arrived();
    owner_sends_again();
  };
  acts();
  clean_up();
}

bool Drill::prepare() {
  auto now = view();
  if (!now) return broke("prepare", now.error());
  if (now->mode != "enforce") {
    return report_.expect(
        false, "prepare",
        {fmt::format("{} は observe(記録のみ)の設定です。訓練には enforce が必要です。",
                     target_.owner.address),
         fmt::format("{} is in observe mode; a drill needs enforce.", target_.owner.address)});
  }
  if (now->standing != "normal") {
    auto restored = change("restore", "before a drill");
    if (!restored) return broke("prepare", restored.error());
    report_.tell("prepare",
                 {fmt::format("{} を「通常」に戻してから始めます。", target_.owner.address),
                  fmt::format("{} is set back to normal first.", target_.owner.address)});
  }
  auto probe = SmtpDialogue::open(target_.submission, "192.0.2.1");
  if (!probe) return broke("prepare", probe.error());
  const bool others = probe->speaks_for_others();
  probe->quit();
  if (others) {
    // The lab's own ranges: a home line in Japan, a mail host in Amsterdam.
    home_ = fmt::format("192.0.2.{}", 10 + ::randombytes_uniform(4));
    outsider_ = "203.0.113.9";
  }
  report_.tell("begin",
               {fmt::format("訓練用のアカウント: {}(印 {})", target_.owner.address, token_),
                fmt::format("the account: {} (mark {})", target_.owner.address, token_)},
               {{"account", target_.owner.address}, {"token", token_}});
  if (!others) {
    report_.skip("strangers",
                 {"このサーバーは XCLIENT を受け付けないため、すべて同じ接続元から行います。",
                  "The server takes no XCLIENT: everything comes from one address."});
  }
  return true;
}

bool Drill::normal_mail() {
  std::size_t sent = 0;
  std::string refused;
  auto smtp = sign_in(target_.owner, home_);
  if (!smtp) return broke("normal", smtp.error());
  for (const char* contact : k_contacts) {
    const std::string to = sink_.known() ? std::string(contact) : target_.owner.address;
    auto done = smtp->send(message(target_.owner.address, {to}, fmt::format("usual{}", sent)));
    if (!done) return broke("normal", done.error());
    if (done->accepted == 1) ++sent;
    if (!done->refused.empty()) refused = " " + done->refused.front().whole();
    if (!done->queue_id.empty()) queue_ids_.insert(done->queue_id);
  }
  smtp->quit();
  const auto all = std::size(k_contacts);
  if (sent == all && sink_.known()) {
    static_cast<void>(wait([&] { return sink_.messages_with(subject("usual")) == all; }, k_soon));
    sent = sink_.messages_with(subject("usual"));
  }
  return report_.expect(
      sent == all, "normal",
      {fmt::format("持ち主がふだんのメールを {} 通送り、{} 通が届きました。{}", all, sent, refused),
       fmt::format("The owner sends {} ordinary messages; {} arrive.{}", all, sent, refused)},
      {{"sent", all}, {"arrived", sent}});
}

bool Drill::strangers_sign_in() {
  struct Range {
    int first;
    const char* ja;
    const char* en;
  };
  // The lab's ranges abroad (lab/make_geoip.pl).
  constexpr std::array k_ranges = {Range{64, "ブラジル", "Brazil"},
                                   Range{96, "ベトナム", "Vietnam"}, Range{128, "ロシア", "Russia"},
                                   Range{160, "ナイジェリア", "Nigeria"}};
  for (const Range& range : k_ranges) {
    Place place;
    if (!home_.empty()) {
      place.ip = fmt::format("198.51.100.{}",
                             range.first + 1 + static_cast<int>(::randombytes_uniform(30)));
      place.country = {range.ja, range.en};
    }
    std::optional<SmtpReply> refused;
    auto smtp = sign_in(target_.owner, place.ip, &refused);
    if (!smtp && !refused) return broke("strangers", smtp.error());
    LoginOutcome imap;
    auto mailbox = ImapSession::open(target_.imap, target_.owner.address, target_.owner.password,
                                     place.ip, imap);
    if (!mailbox) return broke("strangers", mailbox.error());
    if (*mailbox) (*mailbox)->logout();
    report_.tell(
        "stranger",
        {fmt::format("見知らぬ接続元 {} {} が正しいパスワードでログイン: SMTP {}、IMAP {}",
                     place.ip, place.country.ja, smtp ? "成功" : "拒否", imap.in ? "成功" : "拒否"),
         fmt::format("A stranger at {} ({}) has the right password: SMTP {}, IMAP {}", place.ip,
                     place.country.en, smtp ? "in" : "refused", imap.in ? "in" : "refused")},
        {{"ip", place.ip}, {"smtp", smtp.has_value()}, {"imap", imap.in}});
    if (smtp) takers_.push_back({place, std::move(*smtp)});
    if (home_.empty()) break;
  }
  if (!takers_.empty()) return true;
  // All turned away at the door. What if the thief sits at the owner's own computer?
  auto smtp = sign_in(target_.owner, home_);
  if (!smtp) return broke("strangers", smtp.error());
  report_.tell("stranger",
               {"すべて拒否されたため、持ち主のパソコンが乗っ取られた場合を続けます。",
                "All were refused; going on as if the owner's own computer were taken."});
  takers_.push_back({Place{home_, {"", ""}}, std::move(*smtp)});
  return true;
}

bool Drill::mass_sending() {
  const char* suffix = sink_.known() ? "example" : "invalid";
  const std::array<const char*, 5> words = {"shop", "mail", "post", "home", "work"};
  bool first_held = false;
  std::string standing = "normal";
  View seen;
  for (std::size_t i = 0; i < k_messages_max && standing == "normal"; ++i) {
    const std::size_t count = k_recipients[std::min(i, k_recipients.size() - 1)];
    std::vector<std::string> to;
    to.reserve(count);
    for (std::size_t k = 0; k < count; ++k) {
      to.push_back(
          fmt::format("user{}.{}@{}-{}.{}", i, k, words[k % words.size()], token_, suffix));
    }
    Taker& taker = takers_[i % takers_.size()];
    auto sent = taker.smtp.send(message(target_.owner.address, to, fmt::format("lure{}", i)));
    if (!sent) return broke("mass", sent.error());
    offered_ += count;
    accepted_ += sent->accepted;
    if (!sent->queue_id.empty()) queue_ids_.insert(sent->queue_id);
    if (i == 0) {
      report_.tell("mass", {"見知らぬ相手への大量送信が始まりました。",
                            "Mass sending to strangers begins."});
    }
    auto now = view();
    if (!now) return broke("mass", now.error());
    seen = std::move(*now);
    standing = seen.standing;
    if (!first_held && !sent->queue_id.empty() && seen.held.contains(sent->queue_id)) {
      first_held = true;
      report_.expect(
          true, "held",
          {fmt::format("{} 通目(宛先 {} 件)が保留されました。ここまでの宛先は {} 件です。", i + 1,
                       count, offered_),
           fmt::format("Message {} ({} recipients) is held, after {} recipients in all.", i + 1,
                       count, offered_)},
          {{"message", i + 1}, {"offered", offered_}, {"queue_id", sent->queue_id}});
    }
    if (!sent->refused.empty()) {
      const auto& reply = sent->refused.front();
      report_.tell("refused",
                   {fmt::format("{} 通目への応答: {}", i + 1, reply.whole()),
                    fmt::format("Message {} is answered: {}", i + 1, reply.whole())},
                   {{"reply", reply.whole()}});
    }
  }
  if (!first_held && standing == "normal") {
    report_.expect(false, "held", {"どのメールも保留されませんでした。", "No message was held."});
  }
  if (seen.incident != 0) incidents_.insert(seen.incident);
  const bool contained = standing == "restricted" || standing == "suspended";
  if (!contained && first_held && takers_.size() == 1) {
    // To the judge a run of a new account from one network is a first newsletter: it waits for a
    // person, who answers here.
    report_.tell("mass",
                 {"接続元が1か所のため、機械は止めずにメールを保留し、人の判断を待っています。"
                  "ここでは人が送信を制限します。",
                  "From one address the machine holds the mail and waits for a person, "
                  "who restricts the account now."});
    auto done = change("restrict", "drill: what waits is spam");
    if (!done) return broke("restricted", done.error());
    return report_.expect(*done == "restricted", "restricted",
                          {"状態: " + standing_word(*done, Language::ja), "Standing: " + *done});
  }
  if (!contained) {
    return report_.expect(false, "restricted",
                          {fmt::format("宛先 {} 件を送っても制限されませんでした。", offered_),
                           fmt::format("Not restricted after {} recipients.", offered_)},
                          {{"offered", offered_}});
  }
  return report_.expect(
      true, "restricted",
      {fmt::format("状態が「{}」になりました(事案 {}、宛先 {} 件の後): {}",
                   standing_word(standing, Language::ja), seen.incident, offered_, seen.summary.ja),
       fmt::format("The account is {} (incident {}, after {} recipients): {}", standing,
                   seen.incident, offered_, seen.summary.en)},
      {{"standing", standing}, {"incident", seen.incident}, {"offered", offered_}});
}

void Drill::sending_is_refused() {
  const std::string to =
      fmt::format("one-more@shop-{}.{}", token_, sink_.known() ? "example" : "invalid");
  auto sent = takers_.front().smtp.send(message(target_.owner.address, {to}, "more"));
  std::string words;
  bool refused = false;
  if (!sent) {
    words = sent.error().text;
  } else if (sent->refused.empty()) {
    words = "250";
    accepted_ += sent->accepted;
    queue_ids_.insert(sent->queue_id);
  } else {
    words = sent->refused.front().whole();
    refused = words.starts_with("525 5.7.13");
  }
  report_.expect(refused, "525",
                 {fmt::format("開いたままの接続からの送信への応答: {}", words),
                  fmt::format("Sending on in a running session is answered: {}", words)},
                 {{"reply", words}});
}

void Drill::what_leaked() {
  if (!sink_.known()) {
    report_.skip("leaked", {"外に届いた数は、このサーバーでは分かりません。",
                            "How much got out cannot be seen on this server."});
    return;
  }
  // Complete once it stays the same for a second.
  const std::string mark = fmt::format("-{}.", token_);
  std::size_t leaked = sink_.recipients_with(mark);
  auto still_since = std::chrono::steady_clock::now();
  static_cast<void>(wait(
      [&] {
        const auto now = sink_.recipients_with(mark);
        if (now != leaked) still_since = std::chrono::steady_clock::now();
        leaked = now;
        return std::chrono::steady_clock::now() - still_since >= seconds(1);
      },
      k_soon));
  report_.expect(leaked <= k_leak_max && leaked < offered_, "leaked",
                 {fmt::format("外の世界に届いた宛先: {} 件中 {} 件", offered_, leaked),
                  fmt::format("Reached the outside world: {} of {} recipients", leaked, offered_)},
                 {{"leaked", leaked}, {"offered", offered_}, {"accepted", accepted_}});
}

bool Drill::loosen_to_restricted() {
  auto now = view();
  if (!now) return broke("restricted", now.error());
  if (now->standing == "restricted") return true;
  report_.tell("loosen",
               {"機械が停止まで進めたため、受信を確かめられるよう、人が「送信制限」に緩めます。",
                "The machine went on to suspend; a person loosens it to restricted, so "
                "that receiving can be seen."});
  auto done = change("restrict", "drill: receiving goes on");
  if (!done) return broke("restricted", done.error());
  return report_.expect(*done == "restricted", "loosen",
                        {"状態: " + standing_word(*done, Language::ja), "Standing: " + *done});
}

void Drill::owner_still_receives() {
  if (target_.mx.set()) {
    auto sent = deliver_to_owner("while-restricted");
    if (!sent) {
      broke("receiving", sent.error());
      return;
    }
    if (sent->accepted == 1) waiting_.emplace_back("while-restricted");
  }
  LoginOutcome outcome;
  const bool in = wait(
      [&] {
        auto opened = owner_mailbox(outcome);
        if (opened && *opened) reading_ = std::move(*opened);
        return reading_.has_value();
      },
      k_soon);
  if (!report_.expect(in, "reading",
                      {"送信制限の間も、持ち主はメールを読めます。" + (in ? "" : outcome.words),
                       "Restricted, the owner still reads mail. " + (in ? "" : outcome.words)})) {
    return;
  }
  if (!target_.mx.set()) return;
  const bool there = wait(
      [&] { return reading_->count_subject(subject("while-restricted")).value_or(0) > 0; }, k_soon);
  report_.expect(there, "receiving",
                 there ? Text{"送信制限の間も、持ち主へのメールは届いています。",
                              "Restricted, the owner still gets mail."}
                       : Text{"送信制限の間に、持ち主へのメールが届きませんでした。",
                              "Mail to the restricted owner did not arrive."});
}

}  // namespace sekimori::app
