#include "app/cli_options.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "app/cli_account_tree.h"

namespace sekimori::app {
namespace {

constexpr const char* k_default_config = "/etc/sekimori/sekimori.toml";

// Builds the tree of commands over one Invocation, with help in one language.
class Tree : private AccountTree {
 public:
  Tree(Invocation& out, Language language) : AccountTree(out, language) {
    root_.fallthrough();
    root_.require_subcommand(1);
    root_.set_help_flag("-h,--help", text("使い方を表示します", "show this help"));
    config_ = root_.add_option("--config", out_.config,
                               text("設定ファイル(既定: $SEKIMORI_CONFIG、なければ "
                                    "/etc/sekimori/sekimori.toml)",
                                    "settings file (default: $SEKIMORI_CONFIG, else "
                                    "/etc/sekimori/sekimori.toml)"));
    config_->type_name("FILE");
    root_.add_flag("--json", out_.json, text("機械向けに JSON で出力します", "JSON for machines"));
    root_.add_option("--lang", lang_, text("言語(ja または en)", "language (ja or en)"))
        ->check(CLI::IsMember({"ja", "en"}));
    service_commands();
    account_commands();
    subject_commands();
    incident_commands();
    notice_commands();
    hold_commands();
    queue_commands();
    ip_commands();
    encryption_commands();
    operator_commands();
    server_wide_commands();
    drill_command();
    attach_commands();
  }

  CLI::App& root() { return root_; }
  [[nodiscard]] bool config_given() const { return config_->count() > 0; }
  [[nodiscard]] const std::string& lang() const { return lang_; }
  // After a failed parse: names a word that stands where a command should, else "".
  [[nodiscard]] std::string unknown_command() const {
    const CLI::App* innermost = &root_;
    while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().front();
    if (innermost->get_require_subcommand_min() == 0) return "";
    for (const auto& word : root_.remaining(true)) {
      if (!word.starts_with('-')) {
        return text("そのようなコマンドはありません: ", "there is no such command: ") + word;
      }
    }
    return text("コマンドを指定してください。", "a command is needed");
  }

 private:
  void service_commands() {
    command(&root_, "serve", "デーモンを動かします", "run the daemon");
    command(&root_, "helper", "root の権限が必要な操作を引き受ける補助プログラムを動かします",
            "run the helper that does the few things which need root");
    replay_command();
    auto* learn = command(&root_, "learn", "これまでのメールログから、ふだんの様子を学びます",
                          "learn from old mail logs what is usual");
    learn
        ->add_option("LOG", out_.logs,
                     text("メールログ(順不同。圧縮されたままで可。- は標準入力)",
                          "mail logs, in any order, packed or not (- is standard input)"))
        ->required();
    analyze_command();
    auto* config = group("config", "設定を調べます", "look into the settings");
    auto* check =
        command(config, "check", "設定ファイルの誤りを調べます", "say what is wrong in the file");
    check->add_option("FILE", out_.subject, text("調べるファイル", "the file to check"));
    command(config, "show", "有効な設定をすべて表示します", "show every setting in force");
    command(config, "example", "設定ファイルの例を表示します", "print an example file");
    command(config, "reference", "設定の説明を表示します", "print the reference of all settings");
    command(&root_, "manual", "マニュアルページ、または bash の補完を出力します",
            "print the manual page, or bash's completion")
        ->add_option("FORM", out_.subject, "man | bash")
        ->required()
        ->check(CLI::IsMember({"man", "bash"}));
    command(&root_, "version", "バージョンを表示します", "show the version");
  }

  void analyze_command() {
    auto* analyze =
        command(&root_, "analyze", "メールログを調べ、乗っ取りが疑われるアカウントを示します",
                "say what mail logs show, and which accounts look hijacked");
    analyze->add_option("LOG", out_.logs,
                        text("メールログ(順不同。圧縮されたままで可。- は標準入力)",
                             "mail logs, in any order, packed or not (- is standard input)"));
    analyze
        ->add_option("--html", out_.html,
                     text("図入りの HTML の書き出し先(1 ファイルで完結)",
                          "where to write a page with charts (one file, nothing to fetch)"))
        ->type_name("OUT");
    analyze
        ->add_option("--threads", out_.threads,
                     text("使うスレッドの数(既定はコアの数。結果は変わりません)",
                          "how many threads (default: the cores; the result is the same)"))
        ->check(CLI::Range(1, 64))
        ->type_name("N");
  }

  void replay_command() {
    auto* replay = command(&root_, "replay", "記録された出来事を判定し直します",
                           "judge recorded events again");
    replay->add_option(
        "EVENTS", out_.events,
        text(
            "出来事のファイル(NDJSON。- は標準入力)、またはジャーナルのフォルダー。省略すると、設定"
            "ファイルのジャーナルを読みます(デーモンが動いたままで構いません)",
            "files of events (NDJSON; - is standard input) or folders of journals; without any the "
            "journal of the settings file is read, while the daemon may go on"));
    auto* decisions = replay
                          ->add_option("--decisions", out_.decisions,
                                       text("判定の書き出し先(既定は標準出力)",
                                            "where decisions go (default: standard output)"))
                          ->type_name("OUT");
    replay
        ->add_option(
            "--mode", out_.mode,
            text("enforce または observe(既定は enforce)", "enforce or observe (default enforce)"))
        ->check(CLI::IsMember({"enforce", "observe"}));
    auto* hash = replay->add_flag(
        "--hash", out_.hash,
        text("最後に状態のハッシュを加えます", "add the state's hash to the summary"));
    replay
        ->add_option("--compare", out_.compare,
                     text("もう一つの設定ファイル。--config の設定と比べた結果だけを表示します",
                          "another settings file: show only how it differs from --config's"))
        ->type_name("FILE")
        ->excludes(decisions)
        ->excludes(hash);
    replay
        ->add_option("--from", out_.from,
                     text("この時刻から判定し直します(2026-11-01、24h、7d など)。それより前は、"
                          "起きたとおりに読み込みます",
                          "judge anew from this time on (2026-11-01, 24h, 7d …); what lies before "
                          "it is taken as it happened"))
        ->type_name("TIME");
    replay->add_option("--until", out_.until, text("この時刻の手前まで", "up to this time"))
        ->type_name("TIME");
  }

  void account_commands() {
    auto* account = group("account", "アカウントを扱います", "work with accounts");
    auto* list = command(account, "list", "アカウントの一覧を表示します", "list accounts");
    list->add_option("--search", out_.search,
                     text("アドレスや名前の一部", "part of address or name"));
    list->add_option("--domain", out_.domain, text("ドメイン", "domain"));
    list->add_option("--standing", out_.standing,
                     text("状態(normal、restricted、suspended、recovering、probation)",
                          "normal, restricted, suspended, recovering or probation"))
        ->check(CLI::IsMember({"normal", "restricted", "suspended", "recovering", "probation"}));
    list->add_option(
            "--off", out_.switched_off,
            text("担当者が止めたもの(receive: 受信、login: ログイン、any: どちらか)。古い順",
                 "switched off by a person: receive, login or any; the oldest first"))
        ->check(CLI::IsMember({"any", "receive", "login"}));
    limit(list);
    address(command(account, "show", "アカウントの状態を詳しく表示します", "show one account"));
    auto* add = command(account, "add", "アカウントを作ります", "make an account");
    address(add);
    add->add_option("--name", out_.name, text("名前", "the person's name"));
    password(add);
    auto* change = command(account, "password", "パスワードを変えます", "change the password");
    address(change);
    password(change);
    change->add_flag("--old-password-stdin", out_.old_password_stdin,
                     text("いままでのパスワードも標準入力から読み、似ていないかを確かめます"
                          "(--password-stdin と併用する場合は 2 行目)",
                          "also read the earlier password, to compare (the second line where "
                          "--password-stdin is given, too)"));
    const auto standing = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(account, name, ja, en);
      address(made);
      reason(made);
      return made;
    };
    standing("restrict", "送信を止めます(受信と閲覧は続きます)",
             "stop sending; receiving and reading go on");
    standing("suspend", "送信とログインを止めます(届くメールは待たせます)",
             "stop sending and login; incoming mail waits");
    probation(standing("restore", "元に戻します", "give everything back"));
    address(command(account, "recovery-code", "本人確認用の復旧コードを発行します",
                    "make a code with which the owner proves who they are"));
    switch_commands(account);
    note_commands(account);
    auto* diagnose = command(account, "diagnose", "「メールが取れない」の原因を調べます",
                             "why somebody cannot get mail, from facts");
    address(diagnose);
    diagnose
        ->add_option("--ip", out_.ip,
                     text("本人がいま使っている回線のアドレス", "the address the owner comes from"))
        ->type_name("ADDRESS");
    recovery_command(account);
    approval_commands(account);
    auto* bounces =
        command(account, "bounces", "戻ってきたメールと苦情を、本物と偽物に分けて表示します",
                "mail that came back and complaints: ours or forged");
    address(bounces);
    limit(bounces);
    command(account, "waiting",
            "停止中のアドレス宛てに待っているメールを表示します(アドレス省略時はすべて)",
            "show what waits for a suspended address; for all of them without one")
        ->add_option("ADDRESS", out_.subject, text("メールアドレス", "the mailbox address"));
    address(command(account, "guessing",
                    "パスワードが試されていないか、古い設定の端末がないかを表示します",
                    "whether its password is guessed, and programs with an old one"));
    address(command(account, "ways", "いま有効な転送・フィルターなどを表示します",
                    "forwards, filters and the like in force now"));
    auto* sheet = command(account, "call-sheet", "本人に電話するための台本を表示します",
                          "what to say when telephoning the owner");
    address(sheet);
    sheet->add_flag("--with-code", out_.with_code,
                    text("読み上げる復旧コードも発行します(前のコードは無効になります)",
                         "make a recovery code to read out, too; it ends the one before"));
  }

  void approval_commands(CLI::App* account) {
    ApprovalWords& words = out_.approval;
    auto* approve =
        command(account, "approve", "ニュースレターや請求書などの一斉送信を、前もって承認します",
                "approve a newsletter or an invoice run beforehand");
    address(approve);
    approve
        ->add_option("--recipients", words.recipients,
                     text("宛先の合計(繰り返す場合は 1 回ごと)",
                          "how many recipients in all (each time, where it repeats)"))
        ->required()
        ->type_name("N");
    const auto option = [&](const char* name, auto& value, const char* type, const char* ja,
                            const char* en) {
      return approve->add_option(name, value, text(ja, en))->type_name(type);
    };
    option("--per-message", words.per_message, "N", "1 通あたりの宛先(既定は合計と同じ)",
           "how many a message (default: as many)");
    option("--size", words.size, "MIN-MAX",
           "1 通の大きさ(例 10k-200k。既定は最初の 1 通の半分から倍まで)",
           "how large a message is, as 10k-200k (default: half to twice the first one)");
    option("--network", words.network, "NETWORK", "送信元(既定はこのアカウントがいつも使う場所)",
           "from where (default: where this account is known from)");
    option("--from", words.from, "TIME", "いつから(30m、24h、7d、または RFC 3339 の時刻)",
           "from when (30m, 24h, 7d, or an RFC 3339 time)");
    option("--until", words.until, "TIME", "いつまで(既定は 1 日後、繰り返す場合は 1 年後)",
           "until when (default: for a day, or a year where it repeats)");
    option("--repeat", words.repeat, "HOW", "daily(毎日)、weekly(毎週)、monthly(毎月)",
           "daily, weekly or monthly")
        ->check(CLI::IsMember({"once", "daily", "weekly", "monthly"}));
    option("--days", words.days, "DAYS", "曜日(mon,fri)または日(1,15,last)",
           "weekdays (mon,fri) or days of the month (1,15,last)");
    option("--start", words.start, "HH:MM", "始まりの時刻", "when it opens");
    option("--minutes", words.minutes, "N", "有効な時間(分)", "how long it stays open");
    option("--zone", words.zone, "ZONE", "時刻の地域(Asia/Tokyo、+09:00。既定はこのサーバーの地域)",
           "whose time (Asia/Tokyo, +09:00; default: this server's)");
    reason(approve);
    address(command(account, "approvals", "承認の一覧を表示します", "list the approvals"));
    address(command(account, "approval-suggestions", "繰り返しの送信から、承認の候補を表示します",
                    "what could be approved, from runs that came again"));
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(account, name, ja, en);
      subject(made, "ID", "承認の番号", "the approval's number");
      reason(made);
    };
    one("approval-end", "承認を終わりにします", "end an approval for good");
    one("approval-resume", "一時停止した承認を再開します", "take a suspended approval up again");
  }

  void recovery_command(CLI::App* account) {
    auto* recovery = command(account, "recovery", "復旧の進み具合を表示し、進めます",
                             "how far the way back is, and the next step of it");
    address(recovery);
    auto* check = recovery->add_flag("--check", out_.check,
                                     text("機械で確かめられることを、いますぐ確かめ直します",
                                          "prove again, now, all that a machine can prove"));
    // Any number of targets, none meaning all: CLI11 hands over one empty word for none.
    const auto forwards = [&](const char* name, bool* chosen, const char* ja, const char* en) {
      auto* option = recovery->add_option_function<std::vector<std::string>>(
          name,
          [this, chosen](const std::vector<std::string>& words) {
            *chosen = true;
            std::ranges::copy_if(words, std::back_inserter(out_.targets),
                                 [](const std::string& word) { return !word.empty(); });
          },
          text(ja, en));
      return option->type_name("TARGET")->expected(0, 100);
    };
    auto* keep = forwards("--keep-forwards", &out_.keep_forwards,
                          "転送先(省略時はすべて)は本人のものとして残します",
                          "these forwards (all when none is named) are the owner's: keep them");
    auto* remove =
        forwards("--remove-forwards", &out_.remove_forwards, "転送先(省略時はすべて)を取り除きます",
                 "remove these forwards (all when none)");
    auto* review = recovery->add_option("--review", out_.review,
                                        text("繰り返しの乗っ取りを人が確認した、その内容",
                                             "what a person's look at a repeated takeover found"));
    review->type_name("REASON");
    check->excludes(keep)->excludes(remove)->excludes(review);
    keep->excludes(remove)->excludes(review);
    remove->excludes(review);
  }

  void notice_commands() {
    auto* notice = group("notice", "人への知らせを扱います", "work with what people were told");
    auto* list = command(notice, "list", "知らせの一覧を表示します", "list notices");
    list->add_option(
            "--state", out_.state,
            text("waiting、sent、acknowledged、failed", "waiting, sent, acknowledged or failed"))
        ->check(CLI::IsMember({"waiting", "sent", "acknowledged", "failed"}));
    list->add_option("--account", out_.account,
                     text("アカウントのアドレス", "an account's address"));
    limit(list);
    subject(command(notice, "acknowledge", "知らせを確認済みにします", "say that you know of it"),
            "ID", "知らせの番号", "the notice's number");
  }

  void subject_commands() {
    auto* domain = group("domain", "ドメイン全体を扱います", "work with a whole domain");
    const auto of_domain = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(domain, name, ja, en);
      subject(made, "DOMAIN", "ドメイン", "the domain");
      reason(made);
      return made;
    };
    of_domain("restrict", "ドメイン全体の送信を止めます", "stop sending of the whole domain");
    of_domain("suspend", "ドメイン全体の送信とログインを止めます",
              "stop sending and login of the whole domain");
    probation(of_domain("restore", "ドメインを元に戻します", "give everything back"));
    auto* server =
        group("server", "サーバー全体の送信を扱います", "work with the whole server's sending");
    reason(command(server, "stop-sending", "サーバーからの送信をすべて止めます",
                   "stop everything that leaves this server"));
    reason(
        command(server, "resume-sending", "サーバーからの送信を再開します", "let it leave again"));
  }

  void incident_commands() {
    auto* incident = group("incident", "事案を扱います", "work with incidents");
    auto* list = command(incident, "list", "事案の一覧を表示します", "list incidents");
    list->add_option(
            "--state", out_.state,
            text("open、contained、recovering、closed", "open, contained, recovering or closed"))
        ->check(CLI::IsMember({"open", "contained", "recovering", "closed"}));
    limit(list);
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(incident, name, ja, en);
      subject(made, "ID", "事案の番号", "the incident's number");
      return made;
    };
    one("show", "事案を詳しく表示します", "show one incident");
    reason(one("close", "事案を終わりにします", "close an incident"));
    auto* delisting = one("delisting", "ブラックリストの掲載解除を依頼する文面を表示します",
                          "a request to a blacklist, ready to send");
    delisting->add_flag(
        "--named", out_.named,
        text("アカウントのアドレスを伏せません", "with the account's whole address"));
    one("note", "事案に書き込みを加えます", "add a note to an incident")
        ->add_option("TEXT", out_.text, text("書き込み", "the note"))
        ->required();
    auto* report = one("report", "被害報告書を表示します", "what was done with the account");
    report->add_option(
        "--html", out_.html,
        text("印刷できるページとしてこのファイルに書きます(- は標準出力)",
             "write it to this file as a page for the printer (- is standard output)"));
    report->add_option("--csv", out_.csv,
                       text("宛先の一覧をこのファイルに書きます(Excel でも開けます)",
                            "write all recipients to this file (Excel reads it, too)"));
    auto* warn = one("warn-recipients", "不審なメールが届いた方へのお知らせを準備し、送ります",
                     "draft a note to those who received suspicious mail, and send it");
    warn->add_flag("--send", out_.send,
                   text("表示された文面(または --text-file の文面)を送ります",
                        "send what was shown, or the text of --text-file"));
    warn->add_option("--subject", out_.title, text("件名", "another subject"));
    warn->add_option("--text-file", out_.text_file,
                     text("本文のファイル", "a file with another text"));
    reason(warn);
    way_commands(incident);
  }

  void way_commands(CLI::App* incident) {
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(incident, name, ja, en);
      subject(made, "ID", "事案の番号", "the incident's number");
      return made;
    };
    one("ways", "事案の開始後に変わった転送・フィルターなどを表示します",
        "forwards, filters and the like that changed since it began");
    const auto answer = [&](const char* name, const char* ja, const char* en) {
      auto* made = one(name, ja, en);
      made->add_option("CHANGE", out_.change, text("変更の番号", "the change's number"))
          ->required();
      reason(made);
    };
    answer("keep", "変更を残します(一時停止していれば元どおり有効にします)",
           "the change belongs there; what was paused stands again");
    answer("revert", "変更の前の状態に、そのまま戻します",
           "what stood before stands again, to the letter");
  }

  void hold_commands() {
    auto* hold = group("hold", "保留したメールを扱います", "work with held mail");
    auto* list = command(hold, "list", "保留したメールの一覧を表示します", "list held mail");
    list->add_option("--account", out_.account,
                     text("アカウントのアドレス", "an account's address"));
    list->add_option("--state", out_.state,
                     text("held(既定)、releasing、released、deleted、all",
                          "held (default), releasing, released, deleted, all"))
        ->check(CLI::IsMember({"held", "releasing", "released", "deleted", "all"}));
    limit(list);
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(hold, name, ja, en);
      subject(made, "QUEUE-ID", "Postfix のキュー ID", "Postfix's queue id");
      reason(made);
    };
    one("release", "保留を解いて送ります", "let it go to its recipients");
    one("delete", "保留したメールを消します", "delete it for good");
  }

  void queue_commands() {
    auto* queue = group("queue", "アカウントの送信待ちのメールを扱います",
                        "work with an account's mail in Postfix's queue");
    auto* list = command(queue, "list", "送信待ちのメールを表示します", "what is queued");
    address(list);
    list->add_option(
            "--part", out_.state,
            text("incoming、active、deferred、hold のどれか", "incoming, active, deferred or hold"))
        ->check(CLI::IsMember({"incoming", "active", "deferred", "hold"}));
    list->add_flag("--subjects", out_.subjects,
                   text("件名も表示します(設定 postfix.show_subjects が必要です)",
                        "show subjects, where postfix.show_subjects allows it"));
    limit(list);
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(queue, name, ja, en);
      address(made);
      made->add_option("QUEUE-ID", out_.targets,
                       text("Postfix のキュー ID", "Postfix's queue ids"));
      made->add_flag("--all", out_.all, text("すべて", "all of them"));
      reason(made);
    };
    one("hold", "送信待ちのメールを保留します", "hold what is queued");
    one("release", "保留を解いて送ります", "let held mail go");
    one("delete", "送信待ちのメールを消します(元に戻せません)", "delete queued mail for good");
  }

  void operator_commands() {
    auto* operators =
        group("operator", "管理画面の利用者を扱います", "work with the panel's users");
    command(operators, "list", "一覧を表示します", "list them");
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(operators, name, ja, en);
      subject(made, "LOGIN", "ログイン名", "the login");
      return made;
    };
    one("add", "利用者を作り、パスワードを発行します", "make one, and a password")
        ->add_option("--role", out_.role,
                     text("operator(すべて)または support(閲覧と復旧コード)",
                          "operator (everything) or support (looks, and gives recovery codes)"))
        ->check(CLI::IsMember({"operator", "support"}));
    one("password", "パスワードを発行し直します", "make a new password");
    one("totp", "認証アプリの鍵を発行します", "make an authenticator's key")
        ->add_flag("--off", out_.off,
                   text("認証アプリを使わないようにします", "use none any more"));
    one("remove", "利用者を消します", "remove one");
  }

  void server_wide_commands() {
    command(&root_, "health", "各部の状態を表示します", "say how every part is");
    auto* release =
        command(&root_, "release-all", "保留したメールをすべて送ります(デーモンなしでも動きます)",
                "release all held mail; works with the daemon dead");
    reason(release);
    release->add_flag("--every", out_.every,
                      text("Sekimori 以外が保留したメールも含めます",
                           "also what others put into Postfix's hold queue"));
    auto* bypass =
        command(&root_, "bypass", "すべての制限を一時的に外します(デーモンなしでも動きます)",
                "lift every restriction for now; works with the daemon dead");
    bypass->add_option("STATE", out_.subject, text("on または off", "on or off"))
        ->required()
        ->check(CLI::IsMember({"on", "off"}));
    reason(bypass);
  }

  void drill_command() {
    auto* drill =
        command(&root_, "drill", "乗っ取りの訓練をします", "play a hijack from beginning to end");
    drill->add_option("--endpoints", out_.endpoints,
                      text("ラボの endpoints.json(既定は設定ファイルの上のフォルダーから探します)",
                           "a lab's endpoints.json (default: looked for above the settings file)"));
    drill->add_option("--account", out_.account,
                      text("訓練用のアカウント(既定はラボの訓練用)",
                           "the test account (default: the lab's own)"));
    drill->add_flag(
        "--password-stdin", out_.password_stdin,
        text("そのパスワードを標準入力から読みます", "read its password from standard input"));
    drill->add_option("--submission", out_.submission,
                      text("サブミッションの HOST:PORT", "HOST:PORT of submission"));
    drill->add_option("--imap", out_.imap, text("IMAP の HOST:PORT", "HOST:PORT of IMAP"));
    drill->add_option("--mx", out_.mx, text("MX の HOST:PORT", "HOST:PORT of the MX"));
  }

  CLI::Option* config_ = nullptr;
  std::string lang_;
};

// --lang decides in which language the tree itself speaks, so it is looked for beforehand.
Language language_of(const std::vector<std::string>& words, Language otherwise) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view value;
    if (words[i] == "--lang" && i + 1 < words.size()) value = words[i + 1];
    if (words[i].starts_with("--lang=")) value = std::string_view(words[i]).substr(7);
    if (value == "ja") return Language::ja;
    if (value == "en") return Language::en;
  }
  return otherwise;
}

}  // namespace

void with_command_tree(Language language, const std::function<void(const CLI::App&)>& look) {
  Invocation unused;
  Tree tree(unused, language);
  look(tree.root());
}

Language language_of_locale(std::string_view locale) {
  return locale.starts_with("ja") ? Language::ja : Language::en;
}

std::expected<Invocation, UsageEnd> parse_command_line(const std::vector<std::string>& words,
                                                       const CliEnvironment& environment) {
  Invocation out;
  out.language = language_of(words, language_of_locale(environment.locale));
  Tree tree(out, out.language);
  // CLI11 takes the words last first.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    tree.root().parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    // The help of the innermost command named.
    const CLI::App* innermost = &tree.root();
    while (!innermost->get_subcommands().empty()) {
      innermost = innermost->get_subcommands().front();
    }
    return std::unexpected(UsageEnd{0, innermost->help(), false});
  } catch (const CLI::ParseError& error) {
    std::string said = tree.unknown_command();
    if (said.empty()) said = error.what();
    said += out.language == Language::ja
                ? "\n「sekimori --help」または「sekimori コマンド --help」で"
                  "使い方を表示します。\n"
                : "\n'sekimori --help' or 'sekimori COMMAND --help' shows "
                  "what there is.\n";
    return std::unexpected(UsageEnd{2, std::move(said), true});
  }
  out.config_given = tree.config_given() || !environment.config.empty();
  if (!tree.config_given()) {
    out.config = environment.config.empty() ? k_default_config : environment.config;
  }
  return out;
}

}  // namespace sekimori::app
