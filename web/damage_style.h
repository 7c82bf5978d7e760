// How a damage report looks: one column, A4 and telephone alike; the printer gets black on white.
#pragma once

#include <string_view>

namespace sekimori::web {

inline constexpr std::string_view k_damage_style = R"(
:root{--ink:#1d2733;--soft:#5b6875;--line:#d9dfe5;--pale:#f4f6f8;--accent:#1f5f8b;--bad:#b3372b;
--good:#2c7a4b;--mid:#c28a16;--open:#8a97a3}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 24px 48px;max-width:860px;color:var(--ink);background:#fff;
font:15px/1.65 "Hiragino Sans","Noto Sans CJK JP","Noto Sans JP","Yu Gothic UI",Meiryo,"Segoe UI",
"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
header{border-bottom:3px solid var(--accent);padding-bottom:14px;margin-bottom:18px}
.brand{margin:0;color:var(--accent);font-weight:700;letter-spacing:.08em;font-size:12px}
h1{margin:2px 0 0;font-size:26px;line-height:1.3}
.who{margin:2px 0 12px;font-size:17px;color:var(--soft);overflow-wrap:anywhere}
.facts{display:flex;flex-wrap:wrap;gap:6px 26px;margin:0}
.facts dt{font-size:11.5px;color:var(--soft)}
.facts dd{margin:0;font-weight:600}
.summary{font-size:17px;line-height:1.7;margin:0 0 8px}
.note{background:#fdf6e3;border-left:4px solid var(--mid);padding:8px 12px;margin:10px 0}
.small{font-size:12.5px;color:var(--soft);margin:6px 0}
h2{font-size:17px;margin:30px 0 8px;padding-bottom:4px;border-bottom:1px solid var(--line)}
p{margin:8px 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:8px;margin:10px 0}
.card{background:var(--pale);border-radius:8px;padding:10px 12px}
.card b{display:block;font-size:23px;line-height:1.25}
.card span{display:block;font-size:12px;line-height:1.35;color:var(--soft)}
.card.bad b{color:var(--bad)}
.card.good b{color:var(--good)}
.bar{display:block;width:100%;height:12px;border-radius:6px;margin:10px 0;background:var(--pale)}
.b-bad{fill:var(--bad)}.b-open{fill:var(--open)}.b-mid{fill:var(--mid)}.b-good{fill:var(--good)}
.wide{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;width:100%;font-size:12.5px;line-height:1.45}
th{text-align:left;font-weight:600;color:var(--soft);white-space:nowrap;
border-bottom:1.5px solid var(--line);padding:4px 8px 4px 0}
td{border-bottom:1px solid var(--line);padding:4px 8px 4px 0;vertical-align:top;
overflow-wrap:anywhere;min-width:52px}
th.n,td.n{text-align:right;white-space:nowrap}
td.k{white-space:nowrap}
.line{list-style:none;margin:8px 0;padding:0 0 0 14px;border-left:2px solid var(--line)}
.line li{position:relative;padding:3px 0;display:flex;gap:14px}
.line li::before{content:"";position:absolute;left:-19px;top:11px;width:8px;height:8px;
border-radius:50%;background:var(--open)}
.line time{flex:none;width:146px;color:var(--soft);font-size:13px}
.line .message::before,.line .sign_in::before{background:var(--bad)}
.line .standing::before,.line .step::before{background:var(--good)}
.line .setting::before{background:var(--mid)}
.check{list-style:none;margin:8px 0;padding:0;columns:2;column-gap:28px}
.check li{break-inside:avoid;position:relative;padding:5px 0 5px 26px}
.check i{position:absolute;left:0;top:9px;width:15px;height:15px;border:1.5px solid var(--ink);
border-radius:3px}
.check b{font-weight:600}
.check span{display:block;font-size:12px;color:var(--soft);overflow-wrap:anywhere}
@media(max-width:560px){body{padding:18px 16px 40px}h1{font-size:22px}.summary{font-size:16px}
.cards{grid-template-columns:repeat(2,1fr)}.check{columns:1}
.line li{display:block}.line time{display:block;width:auto}
th,td{white-space:nowrap}}
@media print{@page{size:A4;margin:16mm 14mm}body{max-width:none;padding:0;font-size:10.5pt}
.wide{overflow:visible}table{font-size:8.5pt}h2{break-after:avoid}
tr,.card,.line li{break-inside:avoid}
thead{display:table-header-group}
.card{border:1px solid var(--line);background:#fff}
.b-bad,.b-open,.b-mid,.b-good,.line li::before{print-color-adjust:exact;
-webkit-print-color-adjust:exact}}
)";

}  // namespace sekimori::web
