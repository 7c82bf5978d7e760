#include "act/call_sheet.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "decide/standing.h"

namespace sekimori::act {
namespace {

std::string numbered(const std::vector<std::string>& steps) {
  std::string out;
  int n = 0;
  for (const std::string& step : steps) {
    if (!step.empty()) out += fmt::format("{}. {}\n", ++n, step);
  }
  return out;
}

std::string japanese(const CallFacts& f) {
  const decide::CallSheet& s = f.known;
  const bool closed = decide::forbids_login(s.standing);
  const std::string name = s.name.empty() ? "ご契約者" : s.name;
  std::string head;
  if (!s.phone_is_old) {
    head =
        "ご注意: この電話番号は、事案より前からのものと確かめられていません。ご契約書の番号など、別の方法でご本人か"
        "どうかをお確かめください。\n";
  }
  return head +
         numbered({
             fmt::format("「{}の(担当者名)です。{}様でいらっしゃいますか。」\n"
                         "   ご本人でないときは、用件を話さず、かけ直す時間だけを伺います。",
                         f.provider_name.empty() ? "メールサーバーの管理者" : f.provider_name,
                         name),
             fmt::format(
                 "「メールアドレス {} のことでお電話しました。ふだんと違う使われ方がありましたので、念のため、"
                 "いったん止めております。お客様のせいではありませんので、ご安心ください。」",
                 s.account),
             closed
                 ? "「届くはずのメールは、なくなりません。送った方のところで 4〜5 日ほど待っていて、元に戻ると"
                   "届きます。」"
                 : "「メールを受け取ることと読むことは、これまでどおりできます。送ることだけができません。」",
             "「はじめに、お使いのパソコンとスマートフォンで、ウイルスチェックをお願いします。何か見つかりましたら、"
             "取り除いてから次へ進んでください。」",
             f.portal_url.empty()
                 ? std::string()
                 : fmt::format("「次に、手続きのページを開いてください。アドレスは {} です。」",
                               f.portal_url),
             fmt::format(
                 "「これから申し上げる確認コードを、そのページに入れてください。4 文字ずつ 3 組です。」\n"
                 "   コードはこの場で発行します: sekimori account recovery-code {}\n"
                 "   1 文字ずつゆっくり読み、復唱していただきます。1 回だけ使えます。紙やメールには残しません。",
                 s.account),
             "「新しいパスワードを決めてください。前のものと似ていないもの、ほかで使っていないものをお願いします。」\n"
             "   パスワードはお聞きしません。決めにくいときは、画面の「作る」をお勧めします。",
             "「メールソフトに登録してあるパスワードも、新しいものに変えてください。」",
             "「転送の設定に、覚えのない宛先がないかも、ご確認ください。」",
             "「終わりましたら、1 通送って、1 通受け取れることをお確かめください。」" +
                 (f.help_phone.empty()
                      ? std::string()
                      : fmt::format("\n   「お困りのときは {} へお電話ください。」", f.help_phone)),
         });
}

std::string english(const CallFacts& f) {
  const decide::CallSheet& s = f.known;
  const bool closed = decide::forbids_login(s.standing);
  const std::string name = s.name.empty() ? "the person who holds the contract" : s.name;
  std::string head;
  if (!s.phone_is_old) {
    head =
        "Mind: it is not proved that this telephone number is older than the incident. Make sure "
        "in another way, as by the number in the contract, that you speak to the owner.\n";
  }
  return head +
         numbered({
             fmt::format("\"This is (your name) of {}. Am I speaking to {}?\"\n"
                         "   If not, do not say what it is about; ask only when to call again.",
                         f.provider_name.empty() ? "your mail provider" : f.provider_name, name),
             fmt::format("\"I am calling about your mail address {}. It was used in a way that is "
                         "unlike you, so we stopped it for now, to be safe. This is not your "
                         "fault.\"",
                         s.account),
             closed ? "\"Your mail is not lost. It waits where it comes from, for four or five "
                      "days, and arrives when the address works again.\""
                    : "\"You can receive and read mail as before; only sending does not work.\"",
             "\"First, please check your computers and phones for viruses. If something is found, "
             "remove it before you go on.\"",
             f.portal_url.empty() ? std::string()
                                  : fmt::format("\"Then please open the page {}.\"", f.portal_url),
             fmt::format(
                 "\"Please type the code that I am going to read to you: three groups of four "
                 "characters.\"\n"
                 "   Make the code now: sekimori account recovery-code {}\n"
                 "   Read it slowly, one by one, and have it repeated. It works once. Do not write "
                 "it down or mail it.",
                 s.account),
             "\"Now please choose a new password, unlike the old one and used nowhere else.\"\n"
             "   Do not ask for it. If they find none, the page can make one.",
             "\"Please put the new password into your mail programs, too.\"",
             "\"Please also look whether your mail is forwarded to an address you do not know.\"",
             "\"When it is done, please send one message and receive one.\"" +
                 (f.help_phone.empty()
                      ? std::string()
                      : fmt::format("\n   \"If anything fails, please call {}.\"", f.help_phone)),
         });
}

}  // namespace

decide::CallSheet write_call_sheet(const CallFacts& facts) {
  const bool closed = decide::forbids_login(facts.known.standing);
  decide::CallSheet sheet = facts.known;
  sheet.what_happened = {
      closed ? "ふだんと違う使われ方があったため、メールの送信とログインを止めています。"
             : "ふだんと違う使われ方があったため、メールの送信を止めています。",
      closed ? "The address was used in a way that is unlike its owner, so sending and signing in "
               "are stopped."
             : "The address was used in a way that is unlike its owner, so sending is stopped."};
  if (!decide::forbids_sending(facts.known.standing)) {
    sheet.what_happened = {"いまは止まっていません。", "It is not stopped now."};
  }
  if (!facts.reason.ja.empty()) sheet.what_happened.ja += facts.reason.ja;
  if (!facts.reason.en.empty()) sheet.what_happened.en += " " + facts.reason.en;
  sheet.what_to_say = {japanese(facts), english(facts)};
  return sheet;
}

}  // namespace sekimori::act
