#include "app/analyze_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "app/analyze_view.h"
#include "app/cli_text.h"
#include "base/markup.h"
#include "detect/words.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace {

using detect::grouped;

constexpr std::size_t k_rows_max = 20;      // of each table; --json has all
constexpr std::size_t k_suspects_max = 50;  // accounts told about at length
constexpr std::size_t k_bars_max = 96;      // of the chart: hours, or several of them together

constexpr const char* k_style = R"(
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5f6b7a;--line:#d9dfe6;--paper:#fff;
--soft:#f5f7f9;--red:#b3261e;--amber:#8a5a00;--green:#1d6b3f;--blue:#2f6fab;--orange:#d98324;
--violet:#7a4fa3}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaef;--dim:#9aa6b4;--line:#343c47;
--paper:#14181d;--soft:#1c2228;--red:#ff8a80;--amber:#f0c060;--green:#7fd1a0;--blue:#6fb0e8;
--orange:#f0a860;--violet:#c0a0e0}}
@media print{:root{--ink:#000;--dim:#444;--line:#bbb;--paper:#fff;--soft:#f4f4f4;--red:#b3261e;
--amber:#8a5a00;--green:#1d6b3f;--blue:#2f6fab;--orange:#d98324;--violet:#7a4fa3}
.who,svg,tr{break-inside:avoid}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.6 system-ui,"Hiragino Sans",
"Noto Sans JP","Noto Sans CJK JP",sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2.2rem 0 .7rem}
p{margin:.2rem 0}
.dim{color:var(--dim)}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:.6rem;margin:1.2rem 0}
@media(max-width:40rem){.tiles{grid-template-columns:repeat(2,1fr)}}
.tile{background:var(--soft);border-radius:.5rem;padding:.6rem .8rem}
.tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums;line-height:1.3}
.tile span{color:var(--dim);font-size:.85rem}
.who{border-left:.3rem solid var(--amber);background:var(--soft);padding:.7rem 1rem;
margin:.7rem 0;border-radius:0 .5rem .5rem 0}
.who.hijacked{border-color:var(--red)}
.who h3{margin:0;font-size:1rem;overflow-wrap:anywhere}
.who ul{margin:.3rem 0;padding-left:1.2rem}
.hijacked em,.bad{color:var(--red)}
.suspicious em{color:var(--amber)}
em{font-style:normal;font-weight:700}
.ok{color:var(--green);font-weight:700}
.scroll{overflow-x:auto;margin-bottom:1rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top;white-space:nowrap}
td:first-child{overflow-wrap:anywhere;min-width:9rem;white-space:normal}
th{color:var(--dim);font-weight:600}
@media(max-width:40rem){table{font-size:.85rem}
th:first-child,td:first-child{position:sticky;left:0;background:var(--paper)}
td:first-child{min-width:7.5rem}}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
svg{width:100%;height:13rem;display:block}
.ends{display:flex;justify-content:space-between;font-size:.85rem}
.bars{display:grid;grid-template-columns:minmax(6rem,16rem) 1fr;gap:.3rem .7rem;
align-items:center;font-size:.92rem;margin-bottom:.8rem}
.bars span{text-align:right;line-height:1.3}
.bars div{display:flex;align-items:center;gap:.5rem;font-variant-numeric:tabular-nums}
.bars i{height:1rem;min-width:2px;background:var(--blue);border-radius:.1rem}
.whole{white-space:nowrap}
.key{display:inline-block;width:.8em;height:.8em;border-radius:.15em;margin:0 .3em 0 .6em}
.sent{fill:var(--blue);background:var(--blue)}
.deferred{fill:var(--orange);background:var(--orange)}
.bounced{fill:var(--red);background:var(--red)}
.failures{fill:var(--violet);background:var(--violet)}
code{font-size:.85em;overflow-wrap:anywhere}
)";

class Page {
 public:
  Page(const Analysis& analysis, Language language)
      : a_(analysis), s_(analysis.survey), language_(language) {}

  std::string text() {
    head();
    suspects();
    hours();
    guessing();
    causes();
    accounts();
    lists();
    foot();
    return std::move(out_);
  }

 private:
  using Cells = std::vector<std::string>;
  [[nodiscard]] const char* t(const char* ja, const char* en) const {
    return language_ == Language::ja ? ja : en;
  }
  template <class... Args>
  [[nodiscard]] std::string f(const char* ja, const char* en, Args&&... args) const {
    return fmt::format(fmt::runtime(t(ja, en)), std::forward<Args>(args)...);
  }
  [[nodiscard]] static std::string when(Instant i) {
    return i.is_set() ? local_time(format_instant(i)).substr(0, 19) : "";
  }
  [[nodiscard]] static std::string minute(Instant i) { return when(i).substr(0, 16); }
  void section(const char* ja, const char* en) {
    out_ += fmt::format("</section><section><h2>{}</h2>\n", t(ja, en));
  }
  // The cells are HTML; all but the first `words` columns are figures.
  void table_of(const Cells& names, const std::vector<Cells>& rows, std::size_t words = 1) {
    out_ += "<div class=scroll><table><tr>";
    const auto cell = [&](const char* tag, std::size_t column, const std::string& value) {
      out_ += fmt::format("<{}{}>{}</{}>", tag, column >= words ? " class=n" : "", value, tag);
    };
    for (std::size_t i = 0; i < names.size(); ++i) cell("th", i, names[i]);
    out_ += "</tr>\n";
    for (const auto& row : rows) {
      out_ += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i) cell("td", i, row[i]);
      out_ += "</tr>\n";
    }
    out_ += "</table></div>\n";
  }
  void more(std::size_t all, std::size_t shown) {
    if (all <= shown) return;
    out_ += "<p class=dim>" +
            f("ほか {} 件(--json ですべて出力します)", "and {} more (--json has all of them)",
              grouped(all - shown)) +
            "</p>\n";
  }

  void head() {
    out_ = fmt::format(
        "<!doctype html>\n<html lang={}><head><meta charset=utf-8>"
        "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';"
        "style-src 'unsafe-inline';img-src data:\"><link rel=icon href=\"data:,\">"
        "<title>{}</title><style>{}</style></head><body><main><section>\n",
        language_ == Language::ja ? "ja" : "en", t("メールログの分析", "Mail log analysis"),
        k_style);
    const auto& n = s_.totals();
    out_ += fmt::format("<h1>{}</h1><p class=dim>{} … {}</p>\n",
                        t("メールログの分析", "Mail log analysis"), minute(s_.first()),
                        minute(s_.last()));
    out_ += "<div class=tiles>";
    const auto tile = [&](const char* ja, const char* en, std::uint64_t value) {
      out_ +=
          fmt::format("<div class=tile><b>{}</b><span>{}</span></div>", grouped(value), t(ja, en));
    };
    tile("行", "lines", n.lines);
    tile("ログインした送信", "messages by login", n.submissions);
    tile("配送済み", "sent", n.sent);
    tile("延期", "deferred", n.deferred);
    tile("不達", "bounced", n.bounced);
    tile("受信拒否", "refused", n.rejected);
    tile("ログイン", "logins", n.logins);
    tile("ログインの失敗", "wrong passwords", s_.tries().failures());
    out_ += "</div>\n";
  }

  void suspect(const AccountRow& row) {
    const auto& v = *row.verdict;
    const bool certain = v.verdict == Verdict::hijacked;
    out_ += fmt::format("<div class=\"who {}\"><h3><em>{}</em> {}</h3>", to_string(v.verdict),
                        html_text(verdict_words(v).in(language_)), html_text(row.traffic->address));
    out_ += fmt::format("<p>{}</p><p>", html_text(traffic_words(*row.traffic).in(language_)));
    if (certain) {
      out_ +=
          f("始まり {}。稼働していれば {} に止まり、宛先 {} 件は送られませんでした"
            "(それまでに {} 件)",
            "began {}; would have been stopped at {}: {} recipients spared, {} reached before",
            when(v.onset), when(v.stopped), grouped(v.prevented), grouped(v.got_out));
    } else {
      out_ += f("最初は {}。稼働していれば宛先 {} 件が保留になりました",
                "first at {}; mail to {} recipients would have been held", when(v.first_held),
                grouped(v.prevented));
    }
    out_ += "</p><ul>";
    for (const auto& reason : v.reasons) {
      out_ += fmt::format("<li>{}</li>", html_text(reason.in(language_)));
    }
    out_ += fmt::format("</ul><p class=dim>{}</p></div>\n",
                        html_text(sureness_words(v.sureness).in(language_)));
  }

  void suspects() {
    section("乗っ取りの疑い", "Accounts that look hijacked");
    const auto all = accounts_in_order(a_);
    const auto odd = static_cast<std::size_t>(std::ranges::count_if(
        all, [](const AccountRow& row) { return row.verdict->verdict != Verdict::normal; }));
    if (odd == 0) {
      out_ += "<p class=ok>" +
              f("{} アカウントに、乗っ取りを疑う様子はありません。",
                "None of {} accounts looks hijacked.", grouped(all.size())) +
              "</p>\n";
    }
    for (std::size_t i = 0; i < std::min(odd, k_suspects_max); ++i) suspect(all[i]);
    more(odd, k_suspects_max);
    if (odd > 0 && odd < all.size()) {
      out_ += "<p>" +
              f("ほかの {} アカウントに疑わしい様子はありません。",
                "The other {} accounts look as usual.", grouped(all.size() - odd)) +
              "</p>\n";
    }
  }

  void accounts() {
    const auto all = accounts_in_order(a_);
    if (all.empty()) return;
    section("アカウントごとの送信とログイン", "Accounts");
    std::vector<Cells> rows;
    for (std::size_t i = 0; i < std::min(all.size(), k_rows_max); ++i) {
      const auto& a = *all[i].traffic;
      rows.push_back({html_text(a.address), grouped(a.submissions), grouped(a.recipients),
                      grouped(a.sent), grouped(a.deferred), grouped(a.bounced),
                      grouped(a.addresses), grouped(a.logins), grouped(a.plaintext_logins)});
    }
    table_of({t("アドレス", "address"), t("送信", "messages"), t("宛先", "recipients"),
              t("配送済み", "sent"), t("延期", "deferred"), t("不達", "bounced"),
              t("接続元", "addresses"), t("ログイン", "logins"), t("暗号化なし", "unencrypted")},
             rows);
    more(all.size(), k_rows_max);
  }

  void guessing() {
    const auto guessers = s_.tries().guessers();
    if (guessers.empty()) return;
    section("ログインの失敗と推測", "Wrong passwords");
    for (const auto& one : s_.tries().successes()) {
      out_ +=
          "<p class=bad>" +
          f("{} 回の失敗の後に成功: {}({} から {})", "In after {} wrong tries: {} (from {} at {})",
            grouped(one.failures), html_text(one.account), one.ip.to_string(), when(one.t)) +
          "</p>\n";
      if (&one - s_.tries().successes().data() + 1 == k_rows_max) break;
    }
    std::vector<Cells> rows;
    for (const auto& g : guessers) {
      if (rows.size() == k_rows_max) break;
      rows.push_back({g.ip.to_string(), html_text(guess_words(g.kind).in(language_)),
                      grouped(g.failures), grouped(g.accounts), minute(g.first), minute(g.last)});
    }
    table_of({t("接続元", "address"), t("種類", "kind"), t("失敗", "failures"),
              t("アカウント", "accounts"), t("最初", "first"), t("最後", "last")},
             rows, 2);
    more(guessers.size(), k_rows_max);
    rows.clear();
    for (const auto& target : s_.tries().targets()) {
      if (rows.size() == 10) break;
      rows.push_back({html_text(target.name), grouped(target.failures), grouped(target.addresses)});
    }
    if (rows.empty()) return;
    table_of(
        {t("狙われたアカウント", "account tried"), t("失敗", "failures"), t("接続元", "addresses")},
        rows);
  }

  // Deliveries by hour, stacked, and wrong passwords below them.
  void hours() {
    const auto& by_hour = s_.hours();
    if (by_hour.empty()) return;
    const std::int64_t first = by_hour.begin()->first;
    const std::int64_t count = by_hour.rbegin()->first - first + 1;
    const std::int64_t step =
        (count + static_cast<std::int64_t>(k_bars_max) - 1) / static_cast<std::int64_t>(k_bars_max);
    const auto bars = static_cast<std::size_t>((count + step - 1) / step);
    std::vector<std::array<std::uint64_t, 4>> sums(bars);
    std::uint64_t mail_max = 1;
    std::uint64_t failures_max = 1;
    for (const auto& [hour, n] : by_hour) {
      auto& sum = sums[static_cast<std::size_t>((hour - first) / step)];
      sum[0] += n.sent;
      sum[1] += n.deferred;
      sum[2] += n.bounced;
      sum[3] += n.failures;
      mail_max = std::max(mail_max, sum[0] + sum[1] + sum[2]);
      failures_max = std::max(failures_max, sum[3]);
    }
    section("時間の流れ", "Over time");
    constexpr const char* k_classes[] = {"sent", "deferred", "bounced", "failures"};
    const char* const names[] = {t("配送済み", "sent"), t("延期", "deferred"), t("不達", "bounced"),
                                 t("ログインの失敗", "wrong passwords")};
    out_ += "<p class=dim>" + (step == 1 ? std::string(t("1 時間ごと", "by the hour"))
                                         : f("{} 時間ごと", "{} hours a bar", step));
    for (std::size_t i = 0; i < 4; ++i) {
      out_ += fmt::format(" <span class=whole><span class=\"key {}\"></span>{}</span>",
                          k_classes[i], names[i]);
    }
    // Only the bars are stretched to the width of the page; words would be, too.
    out_ += "</p>\n<svg viewBox=\"0 0 900 200\" preserveAspectRatio=none role=img>";
    const double width = 900.0 / static_cast<double>(bars);
    for (std::size_t i = 0; i < bars; ++i) {
      const double x = width * static_cast<double>(i);
      double y = 135;
      const std::string title =
          minute(Instant{(first + static_cast<std::int64_t>(i) * step) * hours_us()});
      for (std::size_t kind = 0; kind < 4; ++kind) {
        if (sums[i][kind] == 0) continue;
        const bool failures = kind == 3;
        const double height = static_cast<double>(sums[i][kind]) * (failures ? 55.0 : 135.0) /
                              static_cast<double>(failures ? failures_max : mail_max);
        const double top = failures ? 200 - height : y - height;
        if (!failures) y = top;
        fmt::format_to(std::back_inserter(out_),
                       "<rect class={} x={:.1f} y={:.1f} width={:.1f} height={:.1f}><title>{} {} "
                       "{}</title></rect>",
                       k_classes[kind], x, top, std::max(width - 1, 0.8), std::max(height, 0.7),
                       title, names[kind], grouped(sums[i][kind]));
      }
    }
    out_ += fmt::format("</svg>\n<p class=\"dim ends\"><span>{}</span><span>{}</span></p>\n",
                        minute(s_.first()), minute(s_.last()));
    out_ += "<p class=dim>" +
            f("最も多いときで、配送の試み {} 回、ログインの失敗 {} 回",
              "at most {} delivery attempts and {} wrong passwords a bar", grouped(mail_max),
              grouped(failures_max)) +
            "</p>\n";
  }
  [[nodiscard]] static constexpr std::int64_t hours_us() { return sekimori::hours(1).us; }

  void bars_of(const char* ja, const char* en, const LogSurvey::CauseCounts& counts) {
    auto all = causes_in_order(counts);
    if (all.empty()) return;
    if (all.size() > 10) all.resize(10);
    out_ += fmt::format("<p class=dim>{}</p><div class=bars>", t(ja, en));
    for (const auto& row : all) {
      const double share = static_cast<double>(row.n) / static_cast<double>(all[0].n);
      fmt::format_to(std::back_inserter(out_),
                     "<span>{}</span><div><i style=\"width:{:.1f}%\"></i>{}</div>",
                     html_text(words(row.cause).in(language_)), share * 80, grouped(row.n));
    }
    out_ += "</div>\n";
  }

  void causes() {
    section("理由", "Why");
    bars_of("不達", "bounced", s_.bounces());
    bars_of("延期", "deferred", s_.deferrals());
    bars_of("受信拒否", "refused", s_.refusals());
    for (const auto* row : s_.lists_met().top(10)) {
      out_ += "<p class=bad>" +
              f("{} を理由に断られた、このサーバーからのメール: {} 回",
                "Mail from here refused because of {}: {}", html_text(row->name),
                grouped(row->value.n)) +
              "</p>\n";
    }
  }

  void outcomes(const char* ja, const char* en, const NameTable<Outcomes>& table) {
    std::vector<Cells> rows;
    for (const auto* row : table.top(15)) {
      rows.push_back({html_text(row->name), grouped(row->value.sent), grouped(row->value.deferred),
                      grouped(row->value.bounced)});
    }
    if (rows.empty()) return;
    table_of({t(ja, en), t("配送済み", "sent"), t("延期", "deferred"), t("不達", "bounced")}, rows);
  }

  void lists() {
    section("上位", "Top lists");
    std::vector<Cells> rows;
    for (const auto* row : s_.senders().top(15)) {
      rows.push_back({html_text(row->name), grouped(row->value.messages),
                      grouped(row->value.recipients), grouped(row->value.bytes / 1000)});
    }
    if (!rows.empty()) {
      table_of({t("差出人", "sender"), t("通", "messages"), t("宛先", "recipients"), "KB"}, rows);
    }
    outcomes("宛先のドメイン", "recipients' domain", s_.recipient_domains());
    outcomes("配送先のサーバー", "relay", s_.relays());
    rows.clear();
    for (const auto& [uid, user] : s_.users()) {
      if (rows.size() == k_rows_max) break;
      rows.push_back(
          {fmt::format("uid {}", uid), grouped(user.messages), grouped(user.recipients)});
    }
    if (rows.empty()) return;
    table_of({t("このサーバー上のプログラム(sendmail)", "programs of this machine (sendmail)"),
              t("通", "messages"), t("宛先", "recipients")},
             rows);
  }

  void foot() {
    section("読み取り", "Reading");
    const auto& n = s_.totals();
    out_ += "<p>" +
            f("読み取れなかった行 {}、対象外のプログラムの行 {}、警告 {}",
              "lines of unknown form {}, of other programs {}, warnings {}",
              grouped(n.unknown_lines), grouped(n.foreign_lines), grouped(n.warnings)) +
            "</p>\n";
    std::vector<Cells> rows;
    for (const auto* row : s_.unknown_forms().top(10)) {
      rows.push_back({"<code>" + html_text(row->name) + "</code>", grouped(row->value.n)});
    }
    for (const auto* row : s_.warning_forms().top(10)) {
      rows.push_back({"<code>" + html_text(row->name) + "</code>", grouped(row->value.n)});
    }
    if (!rows.empty()) table_of({t("行の形", "form"), t("行", "lines")}, rows);
    rows.clear();
    for (const auto& file : a_.files) {
      rows.push_back({html_text(file.name), html_text(file.trouble), grouped(file.lines)});
    }
    table_of({t("ファイル", "file"), t("問題", "trouble"), t("行", "lines")}, rows, 2);
    out_ += "</section></main></body></html>\n";
  }

  const Analysis& a_;
  const LogSurvey& s_;
  Language language_;
  std::string out_;
};

}  // namespace

std::string html_text(std::string_view text) { return markup_text(wire::valid_utf8(text)); }

std::string analysis_html(const Analysis& analysis, Language language) {
  return Page(analysis, language).text();
}

}  // namespace sekimori::app
