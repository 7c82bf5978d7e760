// sekimori manual: the manual page (man(7)) and bash's completion, made from the tree of commands,
// so that they cannot say anything else than the program does.
#include <fmt/format.h>

#include <algorithm>

#include "app/cli_command_tree.h"
#include "app/cli_commands.h"
#include "app/version.h"

namespace sekimori::app {
namespace {

// roff takes '.' and ''' at a line's begin and '\' anywhere for its own; '-' would become a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  bool first = true;
  for (const char c : text) {
    if (first && (c == '.' || c == '\'')) out += "\\&";
    first = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string name_of(const CLI::Option& option) {
  std::string out;
  if (option.get_positional()) return option.get_name(true);
  for (const auto& s : option.get_snames()) out += (out.empty() ? "-" : ", -") + s;
  for (const auto& l : option.get_lnames()) out += (out.empty() ? "--" : ", --") + l;
  if (option.get_expected_max() > 0) out += " " + option.get_type_name();
  return out;
}

bool is_help(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return std::ranges::find(names, "help") != names.end();
}

void print_options(const CLI::App& app) {
  for (const auto* option : app.get_options()) {
    if (is_help(*option)) continue;
    fmt::print(".TP\n\\fB{}\\fR\n{}\n", roff(name_of(*option)), roff(option->get_description()));
  }
}

void print_commands(const CLI::App& app, const std::string& words) {
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  if (below.empty()) {
    fmt::print(".SS \"{}\"\n{}\n", roff(words), roff(app.get_description()));
    print_options(app);
  }
  for (const auto* each : below) print_commands(*each, words + " " + each->get_name());
}

void print_page(const Invocation& given, const CLI::App& root) {
  fmt::print(".TH SEKIMORI 1 \"\" \"sekimori {}\"\n", k_version);
  fmt::print(".SH {}\nsekimori \\- {}\n", say(given, "名前", "NAME"), roff(root.get_description()));
  fmt::print(".SH {}\n.B sekimori\n[\\-\\-config FILE] [\\-\\-json] [\\-\\-lang ja|en]\n.I {}\n",
             say(given, "書式", "SYNOPSIS"), say(given, "コマンド ...", "command ..."));
  fmt::print(".SH {}\n", say(given, "共通のオプション", "OPTIONS OF EVERY COMMAND"));
  print_options(root);
  fmt::print(".SH {}\n", say(given, "コマンド", "COMMANDS"));
  print_commands(root, "sekimori");
  fmt::print(".SH {}\n{}\n", say(given, "終了コード", "EXIT STATUS"),
             say(given,
                 "0 完了、1 断られた・見つからない・いまはできない、2 使い方の誤り、3 一部だけ完了"
                 "(どの部分かを表示します)",
                 "0 done; 1 refused, not found or not possible now; 2 wrong usage; 3 done in part "
                 "(the output says which part)"));
  fmt::print(".SH {}\n.TP\n.I /etc/sekimori/sekimori.toml\n{}\n.TP\n.I /var/lib/sekimori\n{}\n",
             say(given, "ファイル", "FILES"),
             say(given, "設定(sekimori config reference)", "settings (sekimori config reference)"),
             say(given, "状態。バックアップの対象です", "the state; back it up"));
}

void print_cases(const CLI::App& app, const std::string& words) {
  std::string choices;
  const auto below = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* each : below) choices += (choices.empty() ? "" : " ") + each->get_name();
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      choices += (choices.empty() ? "--" : " --") + name;
    }
  }
  fmt::print("    '{}') choices='{}' ;;\n", words, choices);
  for (const auto* each : below) {
    print_cases(*each, words.empty() ? each->get_name() : words + " " + each->get_name());
  }
}

void print_completion(const CLI::App& root) {
  fmt::print(
      "# Completion for bash; made by: sekimori manual bash\n_sekimori() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} words= word choices=\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in\n      -* | */* | *@* | *.*) ;;\n"
      "      *) words=\"${{words:+$words }}$word\" ;;\n    esac\n  done\n"
      "  case $words in\n");
  print_cases(root, "");
  fmt::print(
      "  esac\n  if [[ -n $choices ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$current\")\n  fi\n"
      "  [[ ${{#COMPREPLY[@]}} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "
      "\"$current\")\n}}\ncomplete -F _sekimori sekimori\n");
}

}  // namespace

Exit run_manual_command(const Invocation& given) {
  with_command_tree(given.language, [&given](const CLI::App& root) {
    if (given.subject == "bash") {
      print_completion(root);
    } else {
      print_page(given, root);
    }
  });
  return Exit::done;
}

}  // namespace sekimori::app
