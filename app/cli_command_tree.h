// What commands of the command line are made of: groups, subjects, reasons, limits, with help in
// one language. cli_options.cc has the commands themselves.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "app/cli_options.h"
#include "base/text.h"

namespace sekimori::app {

class CommandTree {
 protected:
  CommandTree(Invocation& out, Language language)
      : out_(out),
        language_(language),
        root_(text("メールサーバーを乗っ取りから守ります。",
                   "Guards a mail server against hijacked mailboxes."),
              "sekimori") {}

  [[nodiscard]] std::string text(const char* ja, const char* en) const {
    return language_ == Language::ja ? ja : en;
  }

  CLI::App* command(CLI::App* parent, const char* name, const char* ja, const char* en) {
    CLI::App* made = parent->add_subcommand(name, text(ja, en));
    const std::string full = parent == &root_ ? std::string(name) : parent->get_name() + " " + name;
    made->callback([this, full, made] {
      if (made->get_subcommands().empty()) out_.command = full;
    });
    return made;
  }
  CLI::App* group(const char* name, const char* ja, const char* en) {
    CLI::App* made = root_.add_subcommand(name, text(ja, en));
    made->require_subcommand(1);
    return made;
  }
  void subject(CLI::App* of, const char* what, const char* ja, const char* en) {
    of->add_option(what, out_.subject, text(ja, en))->required();
  }
  void address(CLI::App* of) {
    subject(of, "ADDRESS", "アカウントのアドレス", "the account's address");
  }
  void reason(CLI::App* of) {
    of->add_option("--reason", out_.reason,
                   text("理由(記録と本人への案内に使います)",
                        "why; kept in the audit and shown to the owner"))
        ->type_name("TEXT");
  }
  void probation(CLI::App* of) {
    of->add_flag("--probation", out_.probation,
                 text("しばらく注意して見守ります", "watch more closely for a while"));
  }
  void limit(CLI::App* of) {
    of->add_option("--limit", out_.limit,
                   text("件数の上限(1〜1000)", "how many at most (1 to 1000)"))
        ->check(CLI::Range(1, 1000));
  }
  void password(CLI::App* of) {
    auto* piped = of->add_flag("--password-stdin", out_.password_stdin,
                               text("パスワードを標準入力の 1 行目から読みます",
                                    "read the password from the first line of standard input"));
    auto* made =
        of->add_flag("--generate", out_.generate,
                     text("強いパスワードを作って表示します", "make a strong one and show it"));
    piped->excludes(made);
  }

  Invocation& out_;
  Language language_;
  CLI::App root_;
};

// Shows the whole tree, with help in this language, to `look`.
void with_command_tree(Language language, const std::function<void(const CLI::App&)>& look);

}  // namespace sekimori::app
