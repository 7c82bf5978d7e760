// The commands attach and doctor, with their options.
#pragma once

#include "app/cli_command_tree.h"

namespace sekimori::app {

class AttachTree : protected CommandTree {
 protected:
  using CommandTree::CommandTree;

  void mail_server_options(CLI::App* of) {
    AttachWords& words = out_.attach;
    of->add_option("--root", words.root,
                   text("メールサーバーがこのフォルダーの下(chroot など)にある場合に指定します",
                        "the mail server lives below this folder (a chroot)"))
        ->type_name("DIR");
    of->add_option("--postfix", words.postfix,
                   text("Postfix の設定フォルダー(既定は設定 postfix.config_directory)",
                        "Postfix's folder (default: postfix.config_directory)"))
        ->type_name("DIR");
    auto* file = of->add_option("--dovecot", words.dovecot,
                                text("Dovecot の設定ファイル(既定は /etc/dovecot/dovecot.conf)",
                                     "Dovecot's file (default: /etc/dovecot/dovecot.conf)"))
                     ->type_name("FILE");
    of->add_flag("--no-dovecot", words.no_dovecot,
                 text("Dovecot は別のサーバーにあります", "there is no Dovecot here"))
        ->excludes(file);
    of->add_option("--backup", words.backup,
                   text("変更前のファイルの保存先(既定は /var/lib/sekimori-attach)",
                        "where earlier files are kept (default: /var/lib/sekimori-attach)"))
        ->type_name("DIR");
    of->add_option("--submission", out_.submission,
                   text("サブミッションの HOST:PORT", "HOST:PORT of submission"));
    of->add_option("--mx", out_.mx, text("MX の HOST:PORT", "HOST:PORT of the MX"));
  }

  void attach_commands() {
    AttachWords& words = out_.attach;
    auto* attach = command(&root_, "attach", "動いている Postfix と Dovecot に組み込みます",
                           "put the guard in front of a running Postfix and Dovecot");
    mail_server_options(attach);
    attach
        ->add_option("--webmail", words.webmail,
                     text("Web メールのサーバーのアドレス(接続元を引き継ぎます)",
                          "address of a webmail host that tells for whom it speaks"))
        ->type_name("ADDRESS");
    attach
        ->add_option("--trial-account", out_.account,
                     text("動作を試すためのテスト用アカウント",
                          "a test account of yours to try every lever with"))
        ->type_name("ADDRESS");
    attach->add_flag(
        "--password-stdin", out_.password_stdin,
        text("そのパスワードを標準入力から読みます", "read its password from standard input"));
    auto* yes =
        attach->add_flag("--yes", words.yes, text("確認せずに変更します", "change without asking"));
    attach->add_flag("--learn", words.learn,
                     text("続けて、これまでのメールログから学びます",
                          "then learn from the mail logs there are"));
    auto* dry = attach->add_flag("--dry-run", words.dry_run,
                                 text("変更せず、差分だけを表示します", "only show the changes"));
    dry->excludes(yes);
    auto* undo = attach->add_flag("--undo", words.undo,
                                  text("組み込む前の状態に戻します", "put everything back"));
    undo->excludes(dry);
    attach
        ->add_flag("--force", words.force,
                   text("あとから編集されたファイルも戻します(FILE.sekimori-edited に残します)",
                        "also what was edited since, kept as FILE.sekimori-edited"))
        ->needs(undo);
    auto* doctor = command(&root_, "doctor", "組み込みと動作に必要なものをすべて調べます",
                           "check every lever and dependency, and say what mends it");
    mail_server_options(doctor);
  }
};

}  // namespace sekimori::app
