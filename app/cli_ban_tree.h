// The commands about bans, with their options.
#pragma once

#include "app/cli_encryption_tree.h"

namespace sekimori::app {

class BanTree : protected EncryptionTree {
 protected:
  using EncryptionTree::EncryptionTree;

  void ban_commands(CLI::App* ip) {
    const auto until = [&](CLI::App* made) {
      made->add_option("--expires", out_.expires,
                       text("期限(30m、24h、7d、または RFC 3339 の時刻。既定は 24h)",
                            "until when (30m, 24h, 7d, or an RFC 3339 time; default 24h)"));
    };
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(ip, name, ja, en);
      subject(made, "NETWORK", "アドレス、範囲、または遮断の番号",
              "address, range, or a ban's number");
      return made;
    };
    auto* list = command(ip, "bans", "遮断中のアドレスを表示します", "list who is banned");
    list->add_option("--search", out_.search,
                     text("アドレス、アカウント、理由の一部",
                          "part of the address, the account tried or the reason"));
    list->add_option("--state", out_.state,
                     text("in_force(既定)または ended", "in_force (default) or ended"))
        ->check(CLI::IsMember({"in_force", "ended"}));
    limit(list);
    one("show", "遮断の理由、期限、場所を表示します", "why an address is banned, and until when");
    auto* ban = one("ban", "アドレスを遮断します", "ban an address or a range");
    reason(ban);
    until(ban);
    ban->add_flag("--anyway", out_.all,
                  text("ここを使っているアカウントがあっても遮断します",
                       "though accounts signed in from there of late"));
    reason(one("unban", "遮断を解除します", "end a ban"));
    auto* import =
        command(ip, "import-bans", "遮断する範囲の一覧を取り込みます(Spamhaus DROP の形式も可)",
                "ban what a list names (plain, or Spamhaus DROP)");
    import->add_option("FILE", out_.text_file, text("一覧のファイル", "the list's file"))
        ->required();
    import->add_option("--name", out_.name, text("一覧の名前", "the list's name"));
    reason(import);
    until(import);
    command(ip, "export-bans", "遮断中の範囲を一覧にして出力します",
            "print all bans as a list for others")
        ->add_option("--format", out_.state,
                     text("plain(既定)、json、rbldnsd、rbldnsd6",
                          "plain (default), json, rbldnsd or rbldnsd6"))
        ->check(CLI::IsMember({"plain", "json", "rbldnsd", "rbldnsd6"}));
  }
};

}  // namespace sekimori::app
