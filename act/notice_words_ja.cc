// The notices in Japanese. For owners and domain admins plain words and no blame; for operators
// exact ones. Nothing here is secret: the owner's texts also go into the mailbox itself.
#include <array>

#include "act/notice_templates.h"

namespace sekimori::act {
namespace {

using enum decide::NoticeAudience;

constexpr std::string_view k_steps_ja =
    "1. お使いのパソコンやスマートフォンで、ウイルスチェックをしてください。何か見つかったときは、取り除いて"
    "から次へお進みください(残ったままパスワードを変えると、新しいパスワードも知られてしまいます)。\n"
    "2. 新しいパスワードに変えてください。前のものと似ていないもの、ほかのサービスで使っていないものに"
    "してください。\n"
    "   手続きのページ: {portal_url}\n"
    "3. メールソフト(Outlook、Thunderbird、スマートフォンのメールなど)に登録したパスワードも、新しいものに"
    "変えてください。コピーして貼り付けるときは、前後に空白が入らないようにご注意ください。\n"
    "4. 転送や自動振り分けの設定に、覚えのない宛先がないかご確認ください。\n"
    "5. 確認がすべて済むと、元どおり使えるようになります。そのときに、あらためてお知らせします。\n";

constexpr std::string_view k_contact_ja =
    "{provider}\n"
    "  Web: {help_url}\n"
    "  電話: {help_phone}\n"
    "  受付時間: {help_hours}\n"
    "{help_default}\n"
    "お問い合わせの際は、受付番号 {incident} をお知らせください。\n"
    "パスワードをメールや電話でお尋ねすることはありません。\n";

#define OWNER_JA                                                                         \
  "\n■ していただきたいこと\n{steps}\n"                                                  \
  "ご自身で送られたもの(一斉送信など)でしたら、お手数ですが下記までお知らせください。\n" \
  "\n■ お問い合わせ先\n{contact}"

#define OPERATORS_JA                                                                      \
  "\n対象: {subject}\n状態: {standing}({since} から)\n事案: {incident}\n理由: {reason}\n" \
  "サーバー: {server}\n"                                                                  \
  "\n{call_note}\n"                                                                       \
  "詳細: sekimori incident show {incident}\n管理画面: {panel_url}\n"

#define ADMINS_JA                                                                    \
  "\n■ 理由\n{reason}\n"                                                             \
  "\n■ ご本人にしていただくこと\n{steps}\n"                                          \
  "ご本人にこのアドレス以外の連絡手段がない場合は、恐れ入りますがお伝えください。\n" \
  "\n■ お問い合わせ先\n{contact}"

constexpr std::array k_ja = std::to_array<NoticeWords>({
    // ---- the owner ----
    {"restricted", owner,
     "Subject: 【重要】{address} からの送信を一時的に止めています\n\n"
     "{greeting}\n\n"
     "あなたのメールアドレス {address} から、ふだんと異なるメールの送信がありました。第三者に"
     "パスワードを知られたおそれがあります。被害が広がらないよう、このアドレスからの送信を一時的に"
     "止めています。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n" OWNER_JA},
    {"suspended", owner,
     "Subject: 【重要】{address} の利用を一時的に止めています\n\n"
     "{greeting}\n\n"
     "あなたのメールアドレス {address} が、第三者に使われているおそれがあります。被害が広がらないよう、"
     "このアドレスの利用を一時的に止めています。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n" OWNER_JA},
    {"again", owner,
     "Subject: 【重要】{address} を再び止めています\n\n"
     "{greeting}\n\n"
     "先日いったん元に戻したメールアドレス {address} で、再びふだんと異なる利用がありました。新しい"
     "パスワードも第三者に知られたおそれがあるため、あらためて止めています。\n"
     "お使いの機器にウイルスが残っていると、パスワードを変えても同じことが続きます。お使いのすべての"
     "パソコンとスマートフォンをご確認ください。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n" OWNER_JA},
    {"still_contained", owner,
     "Subject: 【ご確認ください】{address} は止まったままです\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} は、{since} から止まったままです。次の手続きが済むと、元どおりお使い"
     "いただけます。行き違いでお手続きがお済みの場合は、ご容赦ください。\n"
     "\n■ いまの状態\n{effect}\n" OWNER_JA},
    {"mail_waiting", owner,
     "Subject: 【お急ぎください】{address} 宛てのメールが届かなくなるおそれがあります\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} は止まっています。その間に届くはずだったメールは、送信元のサーバーで"
     "待っています。多くのサーバーは 5 日ほどで配達をあきらめ、送った方へ差し戻します。\n"
     "\n■ 待っているメール\n"
     "少なくとも {waiting} 人の差出人から、{waiting_since} より待っています。\n"
     "{lost_at} ごろまでに手続きが済めば、届く見込みです。\n" OWNER_JA},
    {"mail_waiting_off", owner,
     "Subject: 【ご確認ください】{address} 宛てのメールが届かなくなるおそれがあります\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} では、{since} から、{by}が受信を止めています。その間に届くはずだったメールは、"
     "送信元のサーバーで待っています。多くのサーバーは 5 日ほどで配達をあきらめ、送った方へ差し戻します。\n"
     "\n■ 待っているメール\n"
     "少なくとも {waiting} 人の差出人から、{waiting_since} より待っています。\n"
     "{lost_at} ごろまでに受信を再開すれば、届く見込みです。\n"
     "\n■ 受信を止めている理由\n{reason}\n"
     "\n■ していただきたいこと\n"
     "受信の再開をご希望のときは、お早めに下記までお知らせください。\n"
     "このまま止めておく場合は、お急ぎのやりとりがある方へ、電話などほかの方法でお伝えください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"receive_off", owner,
     "Subject: {address} の受信を止めています\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} では、{since} から、{by}がメールの受信を止めています。\n"
     "{until} に自動で再開します。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ していただきたいこと\n"
     "お手続きは必要ありません。お急ぎのやりとりがある方には、電話などほかの方法でお伝えください。\n"
     "再開をご希望のときや、お心当たりがないときは、下記までお知らせください。\n"
     "いまの状態は、こちらでいつでもご確認いただけます: {portal_url}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"receive_on", owner,
     "Subject: {address} の受信を再開しました\n\n"
     "{greeting}\n\n"
     "{when} に、メールアドレス {address} の受信を再開しました。\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お確かめください\n"
     "待っていたメールは、送信元のサーバーが送り直したものから順に届きます。数時間かかることがあります。\n"
     "届くはずのメールが 1 日たっても届かないときは、お手数ですが、送った方に再送をお願いしてください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"login_off", owner,
     "Subject: {address} へのサインインを止めています\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} では、{since} から、{by}がサインイン(ログイン)を止めています。\n"
     "{until} に自動で再開します。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ していただきたいこと\n"
     "お手続きは必要ありません。メールソフトにエラーやパスワードの確認が出ても、設定やパスワードはそのままに"
     "しておいてください。再開すると、そのまま使えます。\n"
     "再開をご希望のときや、お心当たりがないときは、下記までお知らせください。\n"
     "いまの状態は、こちらでいつでもご確認いただけます: {portal_url}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"login_on", owner,
     "Subject: {address} へのサインインを再開しました\n\n"
     "{greeting}\n\n"
     "{when} に、メールアドレス {address} へのサインイン(ログイン)を再開しました。\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お確かめください\n"
     "パスワードは変わっていません。メールソフトにパスワードの確認が出たときは、いまのパスワードを入れ直して"
     "ください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"recovering", owner,
     "Subject: {address} の復旧手続きが始まりました\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} の復旧手続きが始まりました。ログインと受信ができます。送信は、確認が"
     "すべて済むとできるようになります。\n"
     "お心当たりがない場合は、すぐに下記までご連絡ください。\n"
     "\n■ 残りの手順\n{steps}\n"
     "■ お問い合わせ先\n{contact}"},
    {"verified", owner,
     "Subject: {address} の確認がすべて済みました\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} の復旧に必要な確認が、すべて済みました。まもなく送信もできるように"
     "なります。できるようになりましたら、あらためてお知らせします。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"needs_review", owner,
     "Subject: {address} は担当者の確認を待っています\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} では短い間に同じことが続いたため、元に戻す前に担当者が確認しています。"
     "お急ぎの場合は下記までご連絡ください。\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"restored", owner,
     "Subject: {address} は元どおりお使いいただけます\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} は、元どおりお使いいただけるようになりました。お待たせしました。ご協力"
     "ありがとうございます。待っていたメールは順に届きます。\n"
     "\n■ お確かめください\n"
     "1. ご自分やお知り合いに 1 通送って、届くことをお確かめください。\n"
     "2. ご自分宛てに 1 通送ってもらい、受け取れることをお確かめください。\n"
     "3. うまくいかないときは、メールソフトに登録したパスワードが新しいものかをご確認ください。\n"
     "\n■ お願い\n"
     "しばらくの間、送れる数を控えめにして見守っています。再びふだんと異なる送信があったときは、あらた"
     "めて止めることがあります。このメールアドレスを登録しているほかのサービス(通販、銀行など)に同じ"
     "パスワードをお使いでしたら、そちらも変えてください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"held_asked", owner,
     "Subject: {address} から送られたメールを確認のため保留しています\n\n"
     "{greeting}\n\n"
     "あなたのメールアドレス {address} から送られたメールを、確認のために保留しています。ご自身で送ら"
     "れたものでしたら、お手数ですが下記までお知らせください。お心当たりがない場合は、パスワードを変えて"
     "ください。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"spoofed", owner,
     "Subject: {address} が差出人として勝手に使われています(乗っ取りではありません)\n\n"
     "{greeting}\n\n"
     "見知らぬ人が、あなたのメールアドレス {address} を差出人として書いたメールを送っているようです。届かな"
     "かったという通知が、あなたのもとへ戻ってきています。\n"
     "あなたのアカウントが乗っ取られたわけではありません。パスワードを変える必要もありません。\n"
     "\n■ わかっていること\n{reason}\n"
     "\n■ していただきたいこと\n"
     "特にありません。戻ってきた通知は削除していただいて構いません。通知に書かれたリンクや添付ファイルは開か"
     "ないでください。しばらくすると収まります。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"digest", owner,
     "Subject: {provider} からのお知らせ {notices} 件\n\n"
     "お知らせが {notices} 件ありますので、まとめてお送りします。\n\n{digest_items}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"other", owner,
     "Subject: {address} についてのお知らせ\n\n"
     "{greeting}\n\n"
     "メールアドレス {address} についてのお知らせです。\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},

    // ---- the domain's admins ----
    {"spoofed", domain_admin,
     "Subject: {subject} が差出人として勝手に使われています(乗っ取りではありません)\n\n"
     "{domain} のご担当者様\n\n"
     "見知らぬ人が {subject} を差出人として書いたメールを送り、その不達通知が戻ってきています。アカウントが"
     "乗っ取られたわけではありません。\n"
     "\n■ わかっていること\n{reason}\n"
     "\n■ できること\n"
     "{domain} の DNS に SPF、DKIM、DMARC(p=quarantine または p=reject)を設定すると、偽のメールは受信側で"
     "拒否されやすくなり、不達通知も減ります。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"restricted", domain_admin,
     "Subject: 【重要】{subject} からの送信を一時的に止めています\n\n"
     "{domain} のご担当者様\n\n"
     "管理されている {subject} から、ふだんと異なるメールの送信がありました。被害が広がらないよう、"
     "送信を一時的に止めています。{effect}\n" ADMINS_JA},
    {"suspended", domain_admin,
     "Subject: 【重要】{subject} の利用を一時的に止めています\n\n"
     "{domain} のご担当者様\n\n"
     "管理されている {subject} が、第三者に使われているおそれがあります。被害が広がらないよう、利用を"
     "一時的に止めています。{effect}\n" ADMINS_JA},
    {"again", domain_admin,
     "Subject: 【重要】{subject} を再び止めています\n\n"
     "{domain} のご担当者様\n\n"
     "いったん元に戻した {subject} で、再びふだんと異なる利用がありました。機器にウイルスが残っている"
     "おそれがあります。{effect}\n" ADMINS_JA},
    {"still_contained", domain_admin,
     "Subject: {subject} は止まったままです\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} は、{since} から止まったままです。ご本人の手続きがまだ済んでいません。{effect}\n" ADMINS_JA},
    {"mail_waiting", domain_admin,
     "Subject: 【お急ぎください】{subject} 宛てのメールが届かなくなるおそれがあります\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} が止まっている間のメールが、送信元のサーバーで待っています(少なくとも {waiting} 人の差出人、"
     "{waiting_since} から)。{lost_at} ごろまでに復旧しないと、送った方へ差し戻される見込みです。\n" ADMINS_JA},
    {"mail_waiting_off", domain_admin,
     "Subject: 【ご確認ください】{subject} 宛てのメールが届かなくなるおそれがあります\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} では、{since} から、{by}が受信を止めています。その間のメールが、送信元のサーバーで待っています"
     "(少なくとも {waiting} 人の差出人、{waiting_since} から)。{lost_at} ごろまでに受信を再開しないと、送った方へ"
     "差し戻される見込みです。\n"
     "\n■ 受信を止めている理由\n{reason}\n"
     "\n■ していただきたいこと\n"
     "受信を再開してよいときは、管理画面で再開するか、下記までお知らせください。\n"
     "管理画面: {panel_url}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"receive_off", domain_admin,
     "Subject: {subject} の受信を止めています\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} では、{since} から、{by}がメールの受信を止めています。\n"
     "{until} に自動で再開します。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お願い\n"
     "ご本人にこのアドレス以外の連絡手段がない場合は、恐れ入りますがお伝えください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"receive_on", domain_admin,
     "Subject: {subject} の受信を再開しました\n\n"
     "{domain} のご担当者様\n\n"
     "{when} に、{subject} の受信を再開しました。\n{reason}\n"
     "待っていたメールは、送信元のサーバーが送り直したものから順に届きます。数時間かかることがあります。\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"login_off", domain_admin,
     "Subject: {subject} へのサインインを止めています\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} では、{since} から、{by}がサインイン(ログイン)を止めています。\n"
     "{until} に自動で再開します。\n"
     "\n■ 理由\n{reason}\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お願い\n"
     "ご本人にこのアドレス以外の連絡手段がない場合は、恐れ入りますがお伝えください。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"login_on", domain_admin,
     "Subject: {subject} へのサインインを再開しました\n\n"
     "{domain} のご担当者様\n\n"
     "{when} に、{subject} へのサインイン(ログイン)を再開しました。\n{reason}\n"
     "パスワードは変わっていません。\n"
     "\n■ いまの状態\n{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"needs_review", domain_admin,
     "Subject: {subject} は担当者の確認を待っています\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} では短い間に同じことが続いたため、元に戻す前に {provider} の担当者が確認しています。{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"restored", domain_admin,
     "Subject: {subject} は元どおり使えるようになりました\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} は、元どおり使えるようになりました。待っていたメールは順に届きます。ご本人に、送信と受信を"
     "お試しいただくようお伝えください。しばらくは見守りを続けます。\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"digest", domain_admin,
     "Subject: {provider} からのお知らせ {notices} 件\n\n"
     "お知らせが {notices} 件ありますので、まとめてお送りします。\n\n{digest_items}\n"
     "\n■ お問い合わせ先\n{contact}"},
    {"other", domain_admin,
     "Subject: {subject} についてのお知らせ\n\n"
     "{domain} のご担当者様\n\n"
     "{subject} についてのお知らせです。\n{reason}\n{effect}\n"
     "\n■ お問い合わせ先\n{contact}"},

    // ---- the provider's operators ----
    {"restricted", operators,
     "Subject: {subject} の送信を止めました\n\n"
     "送信を止めました。受信と閲覧は続きます。\n" OPERATORS_JA},
    {"suspended", operators,
     "Subject: {subject} を停止しました\n\n"
     "送信とログインを止めました。届くメールは 450 で応答し、送信元で待ちます。\n" OPERATORS_JA},
    {"again", operators,
     "Subject: {subject} が再び止まりました\n\n"
     "いったん復旧したアカウントで、再び乗っ取りの疑いがあります。{effect}\n" OPERATORS_JA},
    {"still_contained", operators,
     "Subject: {subject} は止まったままです\n\n"
     "止めてから時間がたちましたが、復旧手続きが済んでいません。{effect}\n" OPERATORS_JA},
    {"mail_waiting", operators,
     "Subject: {subject} 宛てのメールがまもなく失われます\n\n"
     "450 で応答したメールが送信元で待っています。差出人: {waiting} 人以上、最も古いもの: {waiting_since}、"
     "最初の 1 通が失われる見込み: {lost_at}。\n"
     "1 通ずつの一覧: sekimori account waiting {address}\n" OPERATORS_JA},
    {"mail_waiting_off", operators,
     "Subject: {subject} 宛てのメールがまもなく失われます(受信を止めたままです)\n\n"
     "受信のスイッチが切られているため、450 で応答したメールが送信元で待っています。差出人: {waiting} 人以上、"
     "最も古いもの: {waiting_since}、最初の 1 通が失われる見込み: {lost_at}。\n"
     "\n対象: {subject}\n受信を止めた人: {by}({since} から)\n自動で再開する時刻: {until}\n理由: {reason}\n"
     "サーバー: {server}\n"
     "\n受信を再開する: sekimori account switch {address} receive on\n"
     "1 通ずつの一覧: sekimori account waiting {address}\n"
     "管理画面: {panel_url}\n"},
    {"recovering", operators,
     "Subject: {subject} の復旧手続きが始まりました\n\n"
     "本人の手続きが始まりました。送信はまだできません。\n" OPERATORS_JA},
    {"verified", operators,
     "Subject: {subject} の復旧の確認が済みました\n\n"
     "復旧に必要な確認がすべて済みました。\n" OPERATORS_JA},
    {"needs_review", operators,
     "Subject: {subject} は確認が必要です\n\n"
     "期間内に 2 回以上止まったため、担当者の確認がないと復旧しません。\n"
     "確認が済んだら: sekimori account recovery {address} --review 理由\n" OPERATORS_JA},
    {"restored", operators,
     "Subject: {subject} を元に戻しました\n\n"
     "制限を解除しました。待っていたメールを再送しています。\n" OPERATORS_JA},
    {"held_asked", operators,
     "Subject: {subject} のメールを保留しています\n\n"
     "送信前のメールを保留しています。送信するか削除するかを選んでください。\n" OPERATORS_JA},
    {"held_while_dead", operators,
     "Subject: 【至急】番人が停止し、メールが保留のままです\n\n"
     "{reason}\n\nサーバー: {server}\n"},
    {"spoofed", operators,
     "Subject: {subject} が差出人を偽ったメールに使われています\n\n"
     "{reason}\n\n詳細: sekimori account bounces {subject}\nサーバー: {server}\n"},
    {"complained", operators,
     "Subject: {subject} から送ったメールに苦情が届いています\n\n"
     "{reason}\n\n詳細: sekimori account bounces {subject}\nサーバー: {server}\n"},
    {"breaker_open", operators,
     "Subject: 【至急】自動の停止を取りやめました。確認をお願いします\n\n"
     "{reason}\n\nサーバー: {server}\n管理画面: {panel_url}\n"},
    {"breaker_closed", operators,
     "Subject: 自動の停止を再開しました\n\n"
     "{reason}\n\nサーバー: {server}\n管理画面: {panel_url}\n"},
    {"notice_failed", operators,
     "Subject: {subject} へのお知らせを届けられませんでした\n\n"
     "届けられなかったお知らせがあります。別の方法でご連絡ください。\n" OPERATORS_JA},
    {"digest", operators,
     "Subject: お知らせ {notices} 件\n\n"
     "短い間に多くのお知らせがあったため、{notices} 件をまとめてお送りします。\n\n{digest_items}\n"
     "\nサーバー: {server}\n管理画面: {panel_url}\n"},
    {"other", operators,
     "Subject: {subject} についてのお知らせ\n\n"
     "種類: {kind}\n" OPERATORS_JA},
});

}  // namespace

std::span<const NoticeWords> notice_words_ja() { return k_ja; }
std::string_view notice_block_ja(std::string_view name) {
  if (name == "steps") return k_steps_ja;
  if (name == "contact") return k_contact_ja;
  return {};
}

}  // namespace sekimori::act
