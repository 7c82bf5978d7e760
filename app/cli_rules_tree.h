// The commands for rules on client addresses, with their options.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/cli_ban_tree.h"

namespace sekimori::app {

class RulesTree : protected BanTree {
 protected:
  using BanTree::BanTree;

  void ip_commands() {
    RuleWords& words = out_.rule;
    auto* ip = group("ip", "接続元の規則を扱います", "work with rules on client addresses");
    const auto one_of = [&](CLI::App* of, const char* name, std::string& to, const char* ja,
                            const char* en, std::vector<std::string> values) {
      of->add_option(name, to, text(ja, en))->check(CLI::IsMember(std::move(values)));
    };
    const auto use = [&](CLI::App* of, bool both) {
      std::vector<std::string> values = {"receive", "login"};
      if (both) values.emplace_back("both");
      one_of(of, "--use", words.use, "用途(receive 受信、login サインイン、both 両方)",
             "what for: receive, login or both", values);
    };
    const auto whose = [&](CLI::App* of) {
      of->add_option("--account", out_.account,
                     text("このアカウントだけの規則", "of this account only"));
      of->add_option("--domain", out_.domain,
                     text("このドメインだけの規則", "of this domain only"));
    };
    const auto terms = [&](CLI::App* of) {
      use(of, true);
      whose(of);
      reason(of);
      of->add_option("--expires", out_.expires,
                     text("期限(30m、24h、7d、または RFC 3339 の時刻)",
                          "until when (30m, 24h, 7d, or an RFC 3339 time)"));
    };
    const auto target = [&](CLI::App* of) {
      subject(of, "NETWORK", "アドレス、範囲(192.0.2.0/24)、AS64500 または country:KP",
              "address, range (192.0.2.0/24), AS64500 or country:KP");
    };
    auto* list = command(ip, "list", "規則の一覧を表示します", "list the rules");
    list->add_option("--search", out_.search,
                     text("対象、理由、設定者の一部", "part of target, reason or who made it"));
    one_of(list, "--action", words.action, "allow または deny", "allow or deny", {"allow", "deny"});
    one_of(list, "--kind", words.kind, "network、asn、country", "network, asn or country",
           {"network", "asn", "country"});
    one_of(list, "--sort", words.sort, "並べ方(- を付けると逆順)",
           "what to sort by; with -: the other way round",
           {"network", "-network", "created", "-created", "expires", "-expires", "hits", "-hits"});
    use(list, true);
    whose(list);
    limit(list);
    const auto one = [&](const char* name, const char* ja, const char* en) {
      auto* made = command(ip, name, ja, en);
      target(made);
      terms(made);
    };
    one("allow", "ここからの接続を常に許可します", "always let in from there");
    one("deny", "ここからの接続を常に断ります", "always refuse from there");
    subject(command(ip, "unblock", "規則を取り除きます", "remove the rule"), "NETWORK",
            "対象、または規則の番号", "its target, or the rule's number");
    auto* import = command(ip, "import", "規則をまとめて登録します(1 行に 1 つ)",
                           "take many rules, one target a line");
    subject(import, "FILE", "ファイル(- は標準入力)", "the file; - is standard input");
    one_of(import, "--action", words.action, "allow または deny(既定)", "allow, or deny (default)",
           {"allow", "deny"});
    terms(import);
    import->add_flag("--partial", words.partial,
                     text("規則でない行があっても、ほかの行を登録します",
                          "take the good lines even if others are no rules"));
    import->add_flag("--dry-run", words.dry_run, text("確かめるだけです", "change nothing"));
    auto* check = command(ip, "check", "アドレスがどう扱われるかを表示します",
                          "say what becomes of an address, and why");
    subject(check, "ADDRESS", "アドレス", "the address");
    use(check, false);
    whose(check);
    ban_commands(ip);
  }
};

}  // namespace sekimori::app
