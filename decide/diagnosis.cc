#include "decide/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ip_place.h"
#include "decide/standing.h"

namespace sekimori::decide {

namespace {

// A mail program that asks every minute is the most often that helps anybody.
constexpr std::uint64_t k_polls_an_hour = 90;
// A POP3 session is a download; an IMAP one may stay open all day.
constexpr double k_long_pop3_s = 600;
constexpr std::uint64_t k_much = 500'000'000;  // bytes a day: some ten times a busy mailbox
constexpr std::uint64_t k_wrong_enough = 3;    // typed wrongly once or twice is everybody's day
constexpr double k_nearly_full = 0.9;

constexpr std::array<std::string_view, k_computer_questions> k_questions{
    "mail_over_1_gb",    "crowded_desktop", "many_programs",      "videos_over_50_gb",
    "customer_software", "weak_sign_in",    "browser_as_it_came", "shared_without_users",
    "on_all_night",      "usb_devices"};

std::string service_name(Service service) {
  switch (service) {
    case Service::smtp: return "SMTP";
    case Service::imap: return "IMAP";
    case Service::pop3: return "POP3";
    case Service::sieve: return "ManageSieve";
    default: return "Web";
  }
}

std::string megabytes(std::uint64_t bytes) {
  return bytes >= 10'000'000'000 ? fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9)
                                 : fmt::format("{} MB", (bytes + 500'000) / 1'000'000);
}

// How long ago, in a reader's words: the clock on their wall is not known here.
Text ago(Duration passed) {
  const auto minutes = std::max<std::int64_t>(passed.us, 0) / 60'000'000;
  const auto said = [](std::int64_t n, std::string_view ja, std::string_view en) {
    return Text{fmt::format("約 {} {}前", n, ja),
                fmt::format("about {} {}{} ago", n, en, n == 1 ? "" : "s")};
  };
  if (minutes < 2) return {"たった今", "just now"};
  if (minutes < 120) return said(minutes, "分", "minute");
  if (minutes < 48 * 60) return said(minutes / 60, "時間", "hour");
  return said(minutes / (24 * 60), "日", "day");
}

class Findings {
 public:
  void add(std::string code, FindingWeight weight, Text what, Text next) {
    list_.push_back({std::move(code), weight, std::move(what), std::move(next)});
  }
  [[nodiscard]] bool is_anything_wrong() const {
    return std::ranges::any_of(list_, [](const Finding& f) {
      return f.weight == FindingWeight::broken || f.weight == FindingWeight::warning;
    });
  }
  std::vector<Finding> sorted() && {
    std::ranges::stable_sort(list_, {}, &Finding::weight);
    return std::move(list_);
  }

 private:
  std::vector<Finding> list_;
};

void look_at_standing(const DiagnosisFacts& facts, Findings& out) {
  if (forbids_login(facts.standing)) {
    out.add(
        "suspended", FindingWeight::broken,
        {"安全のため、このアカウントを一時的に停止しています。" + facts.reason.ja,
         "This account is stopped for its safety. " + facts.reason.en},
        {"「再開の手続き」から、ご本人の確認と新しいパスワードの設定に進んでください。その間に届く"
         "メールは、送信元で待っています。",
         "Please go on with \"Get my mail back\": prove who you are and choose a new password. Mail "
         "that "
         "comes meanwhile waits at its senders."});
  } else if (facts.standing == Standing::restricted) {
    out.add("restricted", FindingWeight::warning,
            {"安全のため、送信だけを止めています。受信は続いています。" + facts.reason.ja,
             "Sending is stopped for the account's safety; receiving goes on. " + facts.reason.en},
            {"「再開の手続き」から、新しいパスワードの設定に進んでください。",
             "Please go on with \"Get my mail back\" and choose a new password."});
  } else if (facts.standing == Standing::recovering) {
    out.add("recovering", FindingWeight::warning,
            {"復旧の確認がまだ残っているため、送信はできません。",
             "Some steps of the recovery are still open, so sending is not possible yet."},
            {"「再開の手続き」で、残っている確認を進めてください。",
             "Please look at \"Get my mail back\" for the steps that are left."});
  }
  if (!facts.active) {
    out.add("inactive", FindingWeight::broken,
            {"このアドレスは、管理画面で「アクティブ: いいえ」に設定されています。",
             "This address is set inactive in the provider's panel."},
            {"ご契約の窓口へお問い合わせください。",
             "Please ask your provider or your domain's administrator."});
  }
}

void look_at_mailbox(const DiagnosisFacts& facts, Findings& out) {
  if (!facts.used_bytes || facts.quota_bytes == 0) return;
  const double share =
      static_cast<double>(*facts.used_bytes) / static_cast<double>(facts.quota_bytes);
  if (share < k_nearly_full) return;
  const std::string used = megabytes(*facts.used_bytes);
  const std::string quota = megabytes(facts.quota_bytes);
  const bool full = share >= 1;
  out.add(
      full ? "mailbox_full" : "mailbox_nearly_full",
      full ? FindingWeight::broken : FindingWeight::warning,
      {fmt::format("メールボックスが{}です({} / {})。", full ? "いっぱい" : "まもなくいっぱい",
                   used, quota),
       fmt::format("The mailbox is {} ({} of {}).", full ? "full" : "nearly full", used, quota)},
      {"不要なメールを削除し、ごみ箱も空にしてください。POP3 をお使いの場合は「サーバーにメールを残す」"
       "の設定を見直してください。",
       "Please delete mail you no longer need and empty the trash. With POP3, look at the "
       "setting \"leave messages on the server\"."});
}

void look_at_passwords(const DiagnosisFacts& facts, Findings& out) {
  const std::string mine = facts.ip.is_set() ? place_network(facts.ip) : "";
  std::uint64_t elsewhere = 0;
  std::size_t networks = 0;
  for (const auto& [network, wrong] : facts.wrong) {
    if (network != mine || mine.empty()) {
      elsewhere += wrong.tries;
      ++networks;
      continue;
    }
    if (wrong.tries < k_wrong_enough) continue;
    const bool same = wrong.passwords == 1;
    const std::string service = service_name(wrong.service);
    out.add(
        same ? "old_password_stored" : "wrong_password", FindingWeight::broken,
        {fmt::format(
             "いまお使いの回線から、この24時間に{}回、違うパスワードで{}のサインインがありました。{}",
             wrong.tries, service,
             same ? "毎回同じパスワードなので、どれかの機器に古いパスワードが残っています。" : ""),
         fmt::format("From the connection you use now there were {} sign-ins to {} with a wrong "
                     "password within 24 hours.{}",
                     wrong.tries, service,
                     same ? " It was the same one each time: some device still has an old "
                            "password stored."
                          : "")},
        {"パソコン・スマートフォン・タブレットのメールの設定を開き、パスワードを入れ直してください。"
         "前後の空白や全角の文字が混じっていないかも確かめてください。",
         "Please open the mail settings of your computer, phone and tablet and enter the password "
         "anew. Mind blanks at its ends and full-width characters."});
  }
  if (elsewhere >= k_wrong_enough) {
    out.add(
        "guessed_at", FindingWeight::hint,
        {fmt::format(
             "ほかの{}か所から、この24時間に{}回、違うパスワードでのサインインがありました。"
             "すべてお断りしています。",
             networks, elsewhere),
         fmt::format("From {} other places there were {} sign-ins with wrong passwords within 24 "
                     "hours. All were refused.",
                     networks, elsewhere)},
        {"ほかで使っていない、長いパスワードなら心配ありません。短いパスワードや使い回しの場合は、"
         "変更してください。",
         "With a long password that is used nowhere else there is nothing to fear. If yours is "
         "short or used elsewhere, please change it."});
  }
}

void look_at_reading(const DiagnosisFacts& facts, Findings& out) {
  const Service kinds[] = {Service::imap, Service::pop3};
  bool any = false;
  for (const Service kind : kinds) {
    const auto found = facts.reading.find(kind);
    if (found == facts.reading.end() || !found->second.last.is_set()) continue;
    any = true;
    const ReadingFacts& reading = found->second;
    const std::string name = service_name(kind);
    if (reading.signed_in_hour > k_polls_an_hour) {
      out.add("polling_too_often", FindingWeight::warning,
              {fmt::format("メールソフトが{}で1時間に{}回つないでいます。", name,
                           reading.signed_in_hour),
               fmt::format("A mail program signs in to {} {} times an hour.", name,
                           reading.signed_in_hour)},
              {"受信の間隔を5分以上にし、使っていない機器のメールの設定を消してください。",
               "Set it to look for mail every five minutes or less often, and remove the account "
               "from devices you do not use."});
    }
    const bool is_much =
        reading.bytes_out > k_much && reading.bytes_out > 5 * reading.usual_bytes_out;
    if (is_much || (kind == Service::pop3 && reading.longest_s > k_long_pop3_s)) {
      out.add(
          "long_sessions", FindingWeight::warning,
          {fmt::format(
               "この24時間に{}で{}を受け取っています(ふだんは1日{})。最も長い接続は{:.0f}分です。",
               name, megabytes(reading.bytes_out), megabytes(reading.usual_bytes_out),
               reading.longest_s / 60),
           fmt::format("Within 24 hours {} was read over {} (usually {} a day); the longest "
                       "session took {:.0f} minutes.",
                       megabytes(reading.bytes_out), name, megabytes(reading.usual_bytes_out),
                       reading.longest_s / 60)},
          {"心当たりがない場合は、サインインの履歴を確かめ、パスワードを変更してください。"
           "心当たりがある場合は、添付の大きいメールを整理すると速くなります。",
           "If that was not you, look at the recent sign-ins and change the password. If it was, "
           "it becomes faster once large mail is cleared away."});
    }
    if (reading.plain > 0) {
      out.add(
          "plain", FindingWeight::hint,
          {fmt::format("この24時間に{}回、暗号化されていない{}の接続でパスワードが送られました。",
                       reading.plain, name),
           fmt::format("Within 24 hours the password was sent {} times over {} without "
                       "encryption.",
                       reading.plain, name)},
          {"メールソフトの設定で、接続の保護を SSL/TLS または STARTTLS にしてください。",
           "Set the connection security to SSL/TLS or STARTTLS in the mail program."});
    }
  }
  if (!any) {
    const bool nobody_tried = facts.wrong.empty() && facts.refused == 0;
    out.add(
        "never_reads", FindingWeight::warning,
        {nobody_tried
             ? "この7日間、IMAP・POP3 のサインインがありません。メールソフトがこのサーバーに"
               "つながっていません。"
             : "この7日間、成功した IMAP・POP3 のサインインがありません。",
         nobody_tried ? "There was no sign-in to IMAP or POP3 for seven days: the mail program "
                        "does not reach this server."
                      : "No sign-in to IMAP or POP3 succeeded for seven days."},
        // Which name was typed cannot be known: what went elsewhere never came here.
        {"メールソフトの受信サーバー名とポート番号を、設定のご案内と見比べてください。名前やポート番号が"
         "違うときの接続は、このサーバーには届かず、記録にも残りません。",
         "Please compare the incoming server's name and port in the mail program with the "
         "instructions. A connection to another name or port never reaches this server and "
         "leaves no trace here."});
  }
}

void look_at_the_computer(const DiagnosisFacts& facts, Findings& out) {
  bool a = false;
  bool b = false;
  for (std::size_t i = 0; i < k_computer_questions; ++i) {
    if (!facts.computer.test(i)) continue;
    (is_of_list_b(static_cast<ComputerQuestion>(i)) ? b : a) = true;
  }
  if (b) {
    out.add(
        "computer_from_within", FindingWeight::warning,
        {"お答えから、お使いのパソコンの中から何かがアカウントを使っている可能性があります。",
         "By your answers, something on your computer may be using the account."},
        {"まずウイルスの検査を行い、次にパソコンのサインインのパスワードを、大文字・小文字・数字・記号を"
         "混ぜた8文字以上に変更して、その時刻を控えてください。そのあとの通信の変化をこちらで比べます。",
         "First check it for viruses. Then change the computer's own sign-in password to eight "
         "or more characters of upper and lower case, digits and symbols, and note the time: the "
         "traffic before and after is compared here."});
  }
  if (a) {
    out.add("computer_itself", FindingWeight::hint,
            {"お答えから、パソコン自身の負担が原因の可能性があります。",
             "By your answers, the computer itself may be the cause."},
            {"使っていないソフトを閉じ、古いメールや動画を整理してください。改善しない場合は、"
             "購入先のサポートへご相談ください。",
             "Close programs you do not use and clear away old mail and videos. If that does not "
             "help, ask where you bought it."});
  }
}

}  // namespace

std::string_view to_string(ComputerQuestion question) {
  return k_questions[static_cast<std::size_t>(question)];
}

std::optional<ComputerQuestion> parse_computer_question(std::string_view text) {
  for (std::size_t i = 0; i < k_questions.size(); ++i) {
    if (k_questions[i] == text) return static_cast<ComputerQuestion>(i);
  }
  return std::nullopt;
}

bool is_of_list_b(ComputerQuestion question) { return question >= ComputerQuestion::weak_sign_in; }

Text words_of(ComputerQuestion question) {
  switch (question) {
    case ComputerQuestion::mail_over_1_gb:
      return {"受信したメールの合計が 1 GB を超えている", "Received mail is more than 1 GB in all"};
    case ComputerQuestion::crowded_desktop:
      return {"デスクトップにファイルを 10 個以上置いている",
              "Ten files or more lie on the desktop"};
    case ComputerQuestion::many_programs:
      return {"いくつものソフトを同時に開いている", "Several programs are open at the same time"};
    case ComputerQuestion::videos_over_50_gb:
      return {"動画などを 50 GB 以上保存している", "50 GB or more of videos are stored on it"};
    case ComputerQuestion::customer_software:
      return {"住所録や顧客リストのソフトを入れている",
              "Software for address books or customers is installed"};
    case ComputerQuestion::weak_sign_in:
      return {"パソコンのサインインのパスワードがない、または 4 文字以下である",
              "The computer's sign-in password is four characters or less, or there is none"};
    case ComputerQuestion::browser_as_it_came:
      return {"ブラウザーや動画のソフトの設定を変えたことがない",
              "The browser's and video player's settings were never changed"};
    case ComputerQuestion::shared_without_users:
      return {"二人以上で、ユーザーを分けずに使っている(分からない場合も)",
              "Two or more people use it without users of their own (or you do not know)"};
    case ComputerQuestion::on_all_night:
      return {"夜間も電源を入れ、LAN につないだままのことが多い",
              "It is often left on and connected through the night"};
    default:
      return {"スマートフォンや USB メモリーをつないで使っている",
              "Phones or USB sticks are plugged into it"};
  }
}

std::string_view to_string(FindingWeight weight) {
  switch (weight) {
    case FindingWeight::broken: return "broken";
    case FindingWeight::warning: return "warning";
    case FindingWeight::hint: return "hint";
    default: return "fine";
  }
}

void DiagnosisFold::add(const Event& event) {
  const Duration age = now_ - event.t;
  if (age.us < 0 || age > days(7)) return;
  const bool today = age < days(1);
  if (const auto* login = std::get_if<Login>(&event.body)) {
    if (login->result == LoginResult::ok) {
      Read& read = reading_[login->service];
      read.sum.last = std::max(read.sum.last, event.t);
      if (!today) return;
      ++read.sum.signed_in;
      if (!login->tls) ++read.sum.plain;
      ++read.by_hour[static_cast<std::size_t>(age.us / hours(1).us)];
    } else if (today && login->result == LoginResult::refused) {
      ++refused_;
    } else if (today) {
      std::string network = place_network(login->ip);
      if (!wrong_.contains(network) && wrong_.size() >= k_networks_max) network = "…";
      Tried& tried = wrong_[network];
      ++tried.sum.tries;
      if (event.t >= tried.sum.last) {
        tried.sum.last = event.t;
        tried.sum.service = login->service;
      }
      if (tried.hashes.size() < 16) ++tried.hashes[login->pwhash];
    }
  } else if (const auto* session = std::get_if<Session>(&event.body)) {
    Read& read = reading_[session->service];
    if (today) {
      ++read.sum.sessions;
      read.sum.longest_s = std::max(read.sum.longest_s, session->seconds);
      read.sum.bytes_out += session->bytes_out;
    } else {
      read.earlier_bytes_out += session->bytes_out;
    }
  }
}

void DiagnosisFold::put_into(DiagnosisFacts& facts) const {
  for (const auto& [service, read] : reading_) {
    if (service != Service::imap && service != Service::pop3) continue;
    ReadingFacts& out = facts.reading[service];
    out = read.sum;
    out.signed_in_hour = *std::ranges::max_element(read.by_hour);
    out.usual_bytes_out = read.earlier_bytes_out / 6;
  }
  for (const auto& [network, tried] : wrong_) {
    WrongPasswords& out = facts.wrong[network];
    out = tried.sum;
    // Without a hash nobody knows whether it was the same one.
    out.passwords = tried.hashes.contains("") ? std::max<std::uint64_t>(2, tried.hashes.size())
                                              : tried.hashes.size();
  }
  facts.refused = refused_;
}

std::vector<Finding> diagnose(const DiagnosisFacts& facts) {
  Findings out;
  if (!facts.down.empty()) {
    out.add("outage", FindingWeight::broken,
            {fmt::format("現在、サーバーの{}が応答していません。お客様の機器の問題ではありません。",
                         fmt::join(facts.down, "・")),
             fmt::format("The server's {} does not answer at present. It is not your device.",
                         fmt::join(facts.down, ", "))},
            {"復旧作業を行います。設定は変更せず、しばらくお待ちください。",
             "We are working on it. Please leave your settings as they are and wait a little."});
  }
  look_at_standing(facts, out);
  look_at_mailbox(facts, out);
  if (facts.ip_denied) {
    out.add("address_banned", FindingWeight::broken,
            {"いまお使いの回線のアドレスからの接続を、このサーバーがお断りしています。" +
                 facts.ip_reason,
             "This server refuses the address you are connecting from. " + facts.ip_reason},
            {"スマートフォンなど別の回線から試し、窓口へお知らせください。",
             "Please try another connection, such as a mobile one, and tell your provider."});
  }
  look_at_passwords(facts, out);
  if (!forbids_login(facts.standing) && facts.active) look_at_reading(facts, out);
  look_at_the_computer(facts, out);
  if (!out.is_anything_wrong()) {
    const auto last = [&]() -> Instant {
      Instant found;
      for (const auto& [service, reading] : facts.reading) found = std::max(found, reading.last);
      return found;
    }();
    const Text when = last.is_set() ? ago(facts.now - last) : Text();
    out.add(
        "nothing_here", FindingWeight::fine,
        {"サーバー側に異常は見つかりませんでした。" +
             (last.is_set() ? fmt::format("最後のサインインは{}です。", when.ja)
                            : std::string("最近のサインインの記録はありません。")),
         "Nothing is wrong on the server's side. " +
             (last.is_set() ? fmt::format("The last sign-in was {}.", when.en)
                            : std::string("No sign-in is known of late."))},
        {"機器を再起動し、ほかの回線や別の機器でも試してください。続く場合は、この結果の番号を窓口へ"
         "お知らせください。",
         "Please restart the device and try another connection or device. If it goes on, tell "
         "your provider the number of this result."});
  }
  return std::move(out).sorted();
}

}  // namespace sekimori::decide
