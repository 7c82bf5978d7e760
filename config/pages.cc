#include "config/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "config/definition.h"
#include "config/earlier.h"

namespace sekimori::config {
namespace {

constexpr std::string_view k_intro_en =
    "# Settings\n\n"
    "[日本語](settings.ja.md)\n\n"
    "This page is printed from `config/settings.def`; change it there and run the unit tests with "
    "`SEKIMORI_REGENERATE=1`.\n\n"
    "The file is TOML. Lengths of time are written `\"100ms\"`, `\"30s\"`, `\"10m\"`, `\"4h\"` or "
    "`\"7d\"`, sizes `\"64KiB\"`, `\"10MiB\"` or `\"2GiB\"`. Secrets are never written into it: a "
    "setting that ends in `_file` names the file that holds one.\n\n"
    "`sekimori config check` says what is wrong and where; `sekimori config show` prints every "
    "value and where it comes from. *Live* settings are taken over by a reload, the others by a "
    "restart.\n";

constexpr std::string_view k_intro_ja =
    "# 設定\n\n"
    "[English](settings.md)\n\n"
    "このページは `config/settings.def` から作られます。変更はそちらに行い、`SEKIMORI_REGENERATE=1` を"
    "付けて単体テストを実行してください。\n\n"
    "設定ファイルは TOML です。時間は `\"100ms\"`、`\"30s\"`、`\"10m\"`、`\"4h\"`、`\"7d\"`、大きさは "
    "`\"64KiB\"`、`\"10MiB\"`、`\"2GiB\"` のように書きます。秘密の値は書き込まず、`_file` で終わる設定で"
    "それを書いたファイルを指定します。\n\n"
    "`sekimori config check` は誤りとその場所を、`sekimori config show` はすべての値とその出どころを"
    "表示します。「再読み込みで反映」以外の設定は、再起動すると反映されます。\n";

std::string bounds_text(const Definition& d, Language language) {
  if (!d.bounds.limited) return {};
  const bool ja = language == Language::ja;
  std::string out = fmt::format("{}{}{}", print_bound(d, d.bounds.min), ja ? " 〜 " : " to ",
                                print_bound(d, d.bounds.max));
  if (d.unit != CountedIn::none) out += " " + unit_name(d.unit).in(language);
  return out;
}

std::string lifetime_text(Lifetime lifetime, Language language) {
  const bool live = lifetime == Lifetime::live;
  if (language == Language::ja) return live ? "再読み込みで反映" : "再起動で反映";
  return live ? "live" : "restart";
}

// English as comment lines of at most 98 columns, broken at blanks.
std::string comment_en(std::string_view text, std::string_view prefix) {
  constexpr std::size_t k_width = 98;
  std::string out;
  std::string line(prefix);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > k_width) {
      out.append(line).append("\n");
      line = prefix;
    }
    line.append(" ").append(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out.append(line).append("\n");
}

// Japanese has no blanks to break at: a line for each sentence.
std::string comment_ja(std::string_view text, std::string_view prefix) {
  constexpr std::string_view k_stop = "。";
  std::string out;
  while (!text.empty()) {
    const std::size_t stop = text.find(k_stop);
    const std::size_t end = stop == std::string_view::npos ? text.size() : stop + k_stop.size();
    out.append(prefix).append(" ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace

std::string print_reference(Language language) {
  const Settings defaults;
  const bool ja = language == Language::ja;
  std::string out(ja ? k_intro_ja : k_intro_en);
  for (const SectionDefinition& section : sections()) {
    out += fmt::format("\n## [{}]\n\n{}\n", section.name, ja ? section.ja : section.en);
    for (const Definition& d : definitions()) {
      if (d.section != section.name) continue;
      out += fmt::format("\n### `{}`\n\n{}\n\n", d.name, ja ? d.ja : d.en);
      out += fmt::format("- {}: {}\n", ja ? "種類" : "Type", type_name(d).in(language));
      out += fmt::format("- {}: `{}`\n", ja ? "既定値" : "Default", print_value(d, defaults));
      if (d.bounds.limited) {
        out += fmt::format("- {}: {}\n", ja ? "範囲" : "Bounds", bounds_text(d, language));
      }
      out += fmt::format("- {}: {}\n", ja ? "反映" : "Takes effect",
                         lifetime_text(d.lifetime, language));
      if (d.is_secret()) {
        out +=
            ja ? "- 秘密の値を書いたファイルの場所です\n" : "- Names a file that holds a secret\n";
      }
    }
  }
  out +=
      ja ? "\n## 以前の版の名前\n\n以前の版の設定ファイルはそのまま使えます。名前が変わった値は引き継がれ、"
           "`sekimori config check` が書き換えかたを案内します。\n\n| 以前 | 今 |\n| --- | --- |\n"
         : "\n## Names of earlier versions\n\nFiles of earlier versions go on working: what has "
           "another name now is taken over, and `sekimori config check` says how to write it."
           "\n\n| was | is |\n| --- | --- |\n";
  for (const EarlierSetting& one : earlier_settings()) {
    const std::string now =
        one.now.empty() ? std::string(ja ? one.ja : one.en) : fmt::format("`{}`", one.now);
    out += fmt::format("| `{}` | {} |\n", one.name, now);
  }
  return out;
}

std::string print_example() {
  const Settings defaults;
  std::string out =
      "# Sekimori の設定例です。すべて既定値のまま注釈にしてあります。変えたい行だけ # を外してください。\n"
      "# An example: every setting with its default, commented out. Uncomment what you change.\n"
      "# sekimori config check --config FILE\n";
  for (const SectionDefinition& section : sections()) {
    out.append("\n").append(comment_ja(section.ja, "##")).append(comment_en(section.en, "##"));
    out += fmt::format("[{}]\n", section.name);
    for (const Definition& d : definitions()) {
      if (d.section != section.name) continue;
      out.append("\n").append(comment_ja(d.ja, "#")).append(comment_en(d.en, "#"));
      std::string facts = lifetime_text(d.lifetime, Language::en);
      if (d.bounds.limited) facts = bounds_text(d, Language::en) + "; " + facts;
      out += fmt::format("# ({})\n#{} = {}\n", facts, d.field, print_value(d, defaults));
    }
  }
  return out;
}

}  // namespace sekimori::config
