// What people set and write down for one account on the command line: the commands with their
// options.
#pragma once

#include "app/cli_rules_tree.h"

namespace sekimori::app {

class AccountTree : protected RulesTree {
 protected:
  using RulesTree::RulesTree;

  void note_commands(CLI::App* account) {
    address(command(account, "notes", "担当者どうしのメモを表示します(本人には見えません)",
                    "what colleagues noted; the owner never sees it"));
    auto* note = command(account, "note", "メモを書き足します(消せません)",
                         "note something for colleagues; it stays");
    address(note);
    note->add_option("TEXT", out_.text, text("書き足す内容", "what to note"))->required();
  }

  void switch_commands(CLI::App* account) {
    address(command(account, "switches",
                    "受信とサインインが使えるか、だれが止めているかを表示します",
                    "whether receiving and signing in work, and who switched them off"));
    auto* turn = command(account, "switch", "受信またはサインインだけを止め、または再開します",
                         "switch receiving or signing in off or on, and nothing else");
    address(turn);
    turn->add_option("WHAT", out_.text,
                     text("receive(受信)または login(サインイン)", "receive or login"))
        ->required()
        ->check(CLI::IsMember({"receive", "login"}));
    turn->add_option("STATE", out_.state, text("on または off", "on or off"))
        ->required()
        ->check(CLI::IsMember({"on", "off"}));
    reason(turn);
    turn->add_option("--until", out_.until,
                     text("いつまで止めるか(30m、24h、7d、または RFC 3339 の時刻)。"
                          "過ぎると自動で再開します",
                          "off until when (30m, 24h, 7d, or an RFC 3339 time); then it is on again "
                          "by itself"))
        ->type_name("TIME");
    turn->add_flag("--no-letter", out_.no_letter,
                   text("本人とドメインの管理者にメールで知らせません",
                        "do not write to the owner and the domain's admins"));
  }
};

}  // namespace sekimori::app
