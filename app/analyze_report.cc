#include "app/analyze_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/analyze_view.h"
#include "app/cli_commands.h"
#include "app/cli_text.h"
#include "detect/words.h"

namespace sekimori::app {
namespace {

using detect::grouped;

constexpr std::size_t k_named_max = 8;  // of each list; --json has all of them
constexpr std::size_t k_width = 96;

std::string size_words(std::uint64_t bytes) {
  const char* const units[] = {"B", "KB", "MB", "GB", "TB"};
  double n = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (n >= 1000 && unit + 1 < std::size(units)) {
    n /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", n, units[unit]);
}

class Report {
 public:
  Report(const Invocation& given, const Analysis& analysis, bool colour)
      : given_(given), a_(analysis), s_(analysis.survey), colour_(colour) {}

  std::string text() {
    head();
    if (s_.totals().lines == 0) return std::move(out_);
    accounts();
    guessing();
    mail();
    causes();
    outgoing();
    top();
    foot();
    return std::move(out_);
  }

 private:
  [[nodiscard]] const char* t(const char* ja, const char* en) const { return say(given_, ja, en); }
  [[nodiscard]] std::string paint(const char* sgr, std::string_view text) const {
    return colour_ ? fmt::format("\033[{}m{}\033[0m", sgr, text) : std::string(text);
  }
  template <class... Args>
  [[nodiscard]] std::string f(const char* ja, const char* en, Args&&... args) const {
    return fmt::format(fmt::runtime(t(ja, en)), std::forward<Args>(args)...);
  }
  void section(const char* ja, const char* en) { out_ += "\n" + paint("1", t(ja, en)) + "\n"; }
  [[nodiscard]] std::string when(Instant i) const {
    return i.is_set() ? local_time(format_instant(i)).substr(0, 19) : "";
  }
  [[nodiscard]] std::string minute(Instant i) const { return when(i).substr(0, 16); }
  void rows(std::vector<std::vector<std::string>> rows) {
    for (auto& row : rows) row.front() = "  " + row.front();
    out_ += table(rows);
  }
  void more(std::size_t all, std::size_t shown) {
    if (all > shown) {
      out_ += paint("2", f("  ほか {} 件(--json ですべて表示します)",
                           "  and {} more (--json has all of them)", grouped(all - shown))) +
              "\n";
    }
  }

  void head() {
    const auto usable = static_cast<std::uint64_t>(
        std::ranges::count_if(a_.files, [](const auto& file) { return !file.unusable; }));
    out_ +=
        paint("1", f("{} 行({} ファイル)", "{} lines of {}", grouped(s_.totals().lines),
                     given_.language == Language::ja ? grouped(usable)
                                                     : detect::counted(usable, "file", "files")));
    if (s_.first().is_set())
      out_ += fmt::format("  {} … {}", minute(s_.first()), minute(s_.last()));
    const std::size_t hosts = s_.hosts().rows().size();
    if (hosts > 1) out_ += f("  ホスト {} 台", "  {} hosts", hosts);
    out_ += '\n';
    const double seconds = std::max(a_.seconds, 1e-3);
    out_ += paint("2", f("{:.1f} 秒で読みました(毎秒 {} 行)",
                         "read in {:.1f} s ({} lines a second)", a_.seconds,
                         grouped(static_cast<std::uint64_t>(static_cast<double>(s_.totals().lines) /
                                                            seconds)))) +
            "\n";
  }

  void hijacked(const AccountRow& row) {
    const auto& v = *row.verdict;
    const auto& traffic = *row.traffic;
    const bool certain = v.verdict == Verdict::hijacked;
    out_ += fmt::format(
        "  {}  {}\n",
        paint(certain ? "1;31" : "1;33",
              fmt::format("{} {}", certain ? "✖" : "△", verdict_words(v).in(given_.language))),
        paint("1", harmless(traffic.address)));
    out_ += fmt::format("      {}\n", traffic_words(traffic).in(given_.language));
    if (certain) {
      out_ +=
          f("      始まり {}。稼働していれば {} に止まり、宛先 {} 件は送られませんでした"
            "(それまでに {} 件)\n",
            "      began {}; would have been stopped at {}: {} recipients spared, {} reached "
            "before\n",
            when(v.onset), when(v.stopped), grouped(v.prevented), grouped(v.got_out));
    } else {
      out_ += f("      最初は {}。稼働していれば宛先 {} 件が保留になりました\n",
                "      first at {}; mail to {} recipients would have been held\n",
                when(v.first_held), grouped(v.prevented));
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(v.reasons.size(), certain ? 4 : 2); ++i) {
      std::string reason = wrapped(harmless(v.reasons[i].in(given_.language)), k_width, "        ");
      if (!reason.ends_with('\n')) reason += '\n';
      out_ += "      · " + reason.substr(std::min<std::size_t>(8, reason.size()));
    }
    out_ +=
        paint("2", fmt::format("      {}", sureness_words(v.sureness).in(given_.language))) + "\n";
  }

  void accounts() {
    section("アカウント", "Accounts");
    const auto all = accounts_in_order(a_);
    const auto odd = static_cast<std::size_t>(std::ranges::count_if(
        all, [](const AccountRow& row) { return row.verdict->verdict != Verdict::normal; }));
    for (std::size_t i = 0; i < std::min(odd, k_named_max); ++i) hijacked(all[i]);
    more(odd, k_named_max);
    if (odd == 0) {
      out_ += "  " +
              (all.empty()
                   ? std::string(t("ログインした送信や受信の記録はありません。",
                                   "nobody signed in to send or to read."))
                   : paint("32", f("✓ {} アカウントに、乗っ取りを疑う様子はありません。",
                                   "✓ none of {} accounts looks hijacked.", grouped(all.size())))) +
              "\n";
    } else if (all.size() > odd) {
      out_ += f("  ほかの {} アカウントに疑わしい様子はありません。\n",
                "  the other {} accounts look as usual.\n", grouped(all.size() - odd));
    }
    std::vector<std::vector<std::string>> busy{{t("アドレス", "address"), t("送信", "messages"),
                                                t("宛先", "recipients"), t("接続元", "addresses"),
                                                t("ログイン", "logins"), t("不達", "bounced")}};
    std::vector<AccountRow> by_mail = all;
    std::ranges::stable_sort(by_mail, std::ranges::greater{},
                             [](const AccountRow& row) { return row.traffic->recipients; });
    for (const auto& row : by_mail) {
      if (busy.size() > k_named_max) break;
      const auto& traffic = *row.traffic;
      busy.push_back({harmless(traffic.address), grouped(traffic.submissions),
                      grouped(traffic.recipients), grouped(traffic.addresses),
                      grouped(traffic.logins), grouped(traffic.bounced)});
    }
    if (busy.size() > 1) {
      out_ += '\n';
      rows(std::move(busy));
      more(by_mail.size(), k_named_max);
    }
  }

  void guessing() {
    const auto& tries = s_.tries();
    if (tries.failures() == 0 && s_.totals().plaintext_logins == 0) return;
    section("ログインの失敗と推測", "Wrong passwords");
    const auto guessers = tries.guessers();
    const auto guessing = static_cast<std::size_t>(
        std::ranges::count_if(guessers, [](const auto& g) { return g.kind != GuessKind::few; }));
    out_ += f("  失敗 {} 回、接続元 {} か所、うち推測とみられるもの {} か所\n",
              "  {} wrong tries from {} addresses, {} of them guessing\n",
              grouped(tries.failures()), grouped(guessers.size()), grouped(guessing));
    for (std::size_t i = 0; i < std::min(tries.successes().size(), k_named_max); ++i) {
      const auto& one = tries.successes()[i];
      out_ +=
          "  " +
          paint("1;31", f("✖ {} 回の失敗の後に成功: {}({} から {})",
                          "✖ in after {} wrong tries: {} (from {} at {})", grouped(one.failures),
                          harmless(one.account), one.ip.to_string(), when(one.t))) +
          "\n";
    }
    more(tries.successes().size(), k_named_max);
    std::vector<std::vector<std::string>> named{{t("接続元", "address"), t("失敗", "failures"),
                                                 t("アカウント", "accounts"), t("種類", "kind"),
                                                 t("期間", "when")}};
    for (const auto& g : guessers) {
      if (named.size() > k_named_max) break;
      if (g.kind == GuessKind::few) continue;
      named.push_back({g.ip.to_string(), grouped(g.failures), grouped(g.accounts),
                       guess_words(g.kind).in(given_.language),
                       fmt::format("{} … {}", minute(g.first), minute(g.last))});
    }
    if (named.size() > 1) rows(std::move(named));
    more(guessing, k_named_max);
    for (const auto& target : tries.targets()) {
      if (target.addresses < AuthTries::k_distributed_min) continue;
      out_ += f("  分散した推測: {} に {} か所から {} 回\n",
                "  distributed: {} was tried from {} addresses, {} times\n", harmless(target.name),
                grouped(target.addresses), grouped(target.failures));
      if (++distributed_ == 3) break;
    }
    if (s_.totals().plaintext_logins > 0) {
      std::uint64_t accounts = 0;
      for (const auto& account : s_.accounts()) accounts += account.plaintext_logins > 0;
      out_ += f("  暗号化されていないログイン: {} 回({} アカウント)\n",
                "  logins without encryption: {} by {} accounts\n",
                grouped(s_.totals().plaintext_logins), grouped(accounts));
    }
  }

  void mail() {
    section("メール", "Mail");
    const auto& n = s_.totals();
    rows({{t("受け付け", "accepted"), f("{} 通", "{}", grouped(n.messages)), size_words(n.bytes)},
          {t("ログインした送信", "by login"), f("{} 通", "{}", grouped(n.submissions)),
           f("宛先 {} 件", "{} recipients", grouped(n.recipients))},
          {t("配送済み", "sent"), grouped(n.sent), ""},
          {t("延期", "deferred"), grouped(n.deferred),
           f("{} 通", "{} messages", grouped(n.deferred_messages))},
          {t("不達", "bounced"), grouped(n.bounced), ""},
          {t("受信拒否", "refused"), grouped(n.rejected), ""},
          {t("接続", "connections"), grouped(n.connects),
           n.postscreen_connects == 0
               ? ""
               : fmt::format("postscreen {}", grouped(n.postscreen_connects))}});
  }

  void causes_of(const char* ja, const char* en, const LogSurvey::CauseCounts& counts) {
    const auto all = causes_in_order(counts);
    if (all.empty()) return;
    std::string line = fmt::format("  {} ", padded(t(ja, en), 10));
    for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 5); ++i) {
      line += fmt::format("{}{} {}", i == 0 ? "" : " · ", words(all[i].cause).in(given_.language),
                          grouped(all[i].n));
    }
    out_ += line + "\n";
  }

  void causes() {
    const auto any = [](const LogSurvey::CauseCounts& counts) {
      return std::ranges::any_of(counts, [](std::uint64_t n) { return n > 0; });
    };
    if (!any(s_.bounces()) && !any(s_.deferrals()) && !any(s_.refusals())) return;
    section("理由", "Why");
    causes_of("不達", "bounced", s_.bounces());
    causes_of("延期", "deferred", s_.deferrals());
    causes_of("受信拒否", "refused", s_.refusals());
  }

  void outgoing() {
    const auto lists = s_.lists_met().top(3);
    if (!lists.empty()) {
      section("ブロックリスト", "Block lists");
      for (const auto* row : lists) {
        out_ += "  " +
                paint("33", f("{} を理由に断られた、このサーバーからのメール: {} 回",
                              "mail from here refused because of {}: {}", harmless(row->name),
                              grouped(row->value.n))) +
                "\n";
      }
    }
    if (s_.users().empty()) return;
    section("このサーバー上のプログラムからの送信(sendmail)",
            "Mail by programs of this machine (sendmail)");
    std::vector<std::pair<std::uint32_t, UserTraffic>> users(s_.users().begin(), s_.users().end());
    std::ranges::stable_sort(users, std::ranges::greater{},
                             [](const auto& user) { return user.second.recipients; });
    for (std::size_t i = 0; i < std::min<std::size_t>(users.size(), 3); ++i) {
      out_ +=
          f("  uid {}: {} 通、宛先 {} 件\n", "  uid {}: {} messages to {} recipients\n",
            users[i].first, grouped(users[i].second.messages), grouped(users[i].second.recipients));
    }
  }

  void top() {
    const auto domains = s_.recipient_domains().top(5);
    if (domains.empty()) return;
    section("宛先のドメイン", "Recipients' domains");
    std::vector<std::vector<std::string>> named{{t("ドメイン", "domain"), t("配送済み", "sent"),
                                                 t("延期", "deferred"), t("不達", "bounced")}};
    for (const auto* row : domains) {
      named.push_back({harmless(row->name), grouped(row->value.sent), grouped(row->value.deferred),
                       grouped(row->value.bounced)});
    }
    rows(std::move(named));
  }

  void foot() {
    const auto& n = s_.totals();
    out_ += '\n';
    if (n.unknown_lines > 0) {
      out_ += paint("2", f("読み取れなかった行 {}", "lines of unknown form: {}",
                           grouped(n.unknown_lines))) +
              "\n";
      for (const auto* row : s_.unknown_forms().top(3)) {
        out_ += paint("2", fmt::format("  {} × {}", grouped(row->value.n),
                                       fitting(harmless(row->name), k_width - 12))) +
                "\n";
      }
    }
    for (const auto& file : a_.files) {
      if (file.trouble.empty()) continue;
      out_ += paint("33", file.unusable ? f("{}: 読めませんでした", "{}: could not be read",
                                            harmless(file.name))
                                        : f("{}: 途中で壊れています({} 行まで読みました)",
                                            "{}: broken before its end ({} lines read)",
                                            harmless(file.name), grouped(file.lines))) +
              "\n";
    }
  }

  const Invocation& given_;
  const Analysis& a_;
  const LogSurvey& s_;
  bool colour_;
  int distributed_ = 0;
  std::string out_;
};

}  // namespace

std::string analysis_text(const Invocation& given, const Analysis& analysis, bool colour) {
  return Report(given, analysis, colour).text();
}

}  // namespace sekimori::app
