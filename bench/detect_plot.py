#!/usr/bin/python3
"""Makes tables and plots of the figures that detect_report printed.

    detect_plot.py FIGURES.ndjson OUT_DIR [DOCUMENT.md]

Writes OUT_DIR/report.md and OUT_DIR/*.svg, and replaces what stands in DOCUMENT.md between
<!-- figures --> and <!-- /figures -->. Standard library only; the same figures give the same bytes.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

INK, MUTED, GRID = "#1d2733", "#66727f", "#e3e8ed"
JUDGE, RULE, THIRD = "#0b7a75", "#d1603d", "#7d5ba6"
COLOURS = ["#d1603d", "#7d5ba6", "#3d6fd1", "#b8860b", "#5b8c3a", "#a63d6f", "#607d8b", "#8d6e63",
           "#c2185b", "#00838f", "#455a64"]


class Figures:
    def __init__(self, path: Path):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        self.rows = [row for row in rows if row.get("bench") == "detect" and "figure" in row]

    def of(self, figure: str, **wanted: str) -> list[dict]:
        return [row for row in self.rows if row["figure"] == figure
                and all(row.get(key) == value for key, value in wanted.items())]


# ---- drawing ----


class Svg:
    def __init__(self, width: int, height: int, title: str, note: str = ""):
        self.width, self.height, self.parts = width, height, []
        self.text(20, 30, title, size=17, weight=600)
        if note:
            self.text(20, 50, note, size=12, fill=MUTED)

    def text(self, x: float, y: float, words: str, size: int = 12, fill: str = INK,
             anchor: str = "start", weight: int = 400, turn: int = 0) -> None:
        words = words.replace("&", "&amp;").replace("<", "&lt;")
        turned = f' transform="rotate({turn} {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" '
                          f'text-anchor="{anchor}" font-weight="{weight}"{turned}>{words}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = GRID,
             width: float = 1, dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{stroke}" stroke-width="{width}" stroke-linecap="round"{dashed}/>')

    def dot(self, x: float, y: float, fill: str, r: float = 4.5, hollow: bool = False) -> None:
        inside, edge = ("#ffffff", fill) if hollow else (fill, "#ffffff")
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{inside}" '
                          f'stroke="{edge}" stroke-width="1.5"/>')

    def path(self, points: list[tuple[float, float]], stroke: str, width: float = 2,
             dash: str = "") -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{joined}" fill="none" stroke="{stroke}" '
                          f'stroke-width="{width}" stroke-linejoin="round"{dashed}/>')

    def save(self, path: Path) -> None:
        body = "\n".join(self.parts)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family="system-ui, sans-serif">\n'
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>\n{body}\n</svg>\n',
            "utf-8")


class LogScale:
    """Logarithmic from 1 up; 0 has a place of its own below 1."""

    def __init__(self, start: float, end: float, top: float):
        self.start, self.end, self.top = start, end, math.log10(max(top, 10)) + 0.7

    def at(self, value: float) -> float:
        place = 0 if value < 0.7 else 0.7 + math.log10(value) if value >= 1 else 0.5
        return self.start + (self.end - self.start) * min(place / self.top, 1)

    def ticks(self) -> list[float]:
        return [0] + [10.0 ** k for k in range(0, int(self.top - 0.7 + 1e-9) + 1)]


def count(value: float) -> str:
    return f"{value:,.0f}"


def legend(svg: Svg, x: float, y: float, items: list[tuple[str, str]]) -> None:
    for name, colour in items:
        svg.line(x, y - 4, x + 18, y - 4, colour, 3)
        svg.text(x + 24, y, name, fill=MUTED)
        x += 44 + 6.6 * len(name)


def rule_leak(row: dict, name: str, target: str) -> dict | None:
    for rule in row["rules"]:
        if rule["name"] == name and rule["target"] == target:
            return rule["leak"]
    return None


def plot_families(figures: Figures, out: Path) -> None:
    rows = figures.of("leak", signals="all")
    height = 110 + 46 * len(rows)
    svg = Svg(860, height, "Recipients that spam reached before the account was stopped",
              "dot: half of the attacks reach fewer; end of the bar: 95 % reach fewer. "
              "Rules tuned to 0.3 false restrictions per 10,000 account-days.")
    top = max(max(row["judge"]["p95"], best["p95"]["value"], (new or {"p95": 0})["p95"])
              for row in rows for best in [row["best_rule_at_0.3"]]
              for new in [rule_leak(row, "new recipients/day", "0.3")])
    scale = LogScale(190, 830, top)
    for tick in scale.ticks():
        x = scale.at(tick)
        svg.line(x, 88, x, height - 22)
        svg.text(x, height - 6, count(tick), fill=MUTED, anchor="middle", size=11)
    legend(svg, 190, 76, [("the judge", JUDGE), ("new recipients/day", RULE),
                          ("best of the rules that see metadata, each figure by itself", THIRD)])
    for i, row in enumerate(rows):
        y = 108 + 46 * i
        svg.text(180, y + 13, row["family"], anchor="end", size=13)
        best = row["best_rule_at_0.3"]
        new = rule_leak(row, "new recipients/day", "0.3")
        spans = [(row["judge"]["p50"], row["judge"]["p95"], JUDGE),
                 (new["p50"], new["p95"], RULE) if new else None,
                 (best["p50"]["value"], best["p95"]["value"], THIRD)]
        for k, span in enumerate(s for s in spans if s):
            low, high, colour = span
            yy = y + 10 * k
            svg.line(scale.at(low), yy, scale.at(high), yy, colour, 4)
            svg.dot(scale.at(low), yy, colour)
    svg.save(out / "families.svg")


def judge_points(figures: Figures, family: str) -> list[tuple[float, float]]:
    """(false restrictions per 10,000, mean leaked) of each line the judge was run at."""
    points = []
    for row in figures.of("leak", family=family):
        if row["signals"] != "all" and not row["signals"].startswith("line "):
            continue
        alarms = figures.of("false_alarms", signals=row["signals"], world="all six",
                            accounts="without newsletters")
        points.append((alarms[0]["judge"]["per_10k"], row["judge"]["mean"]))
    return sorted(points)


def plot_curves(figures: Figures, out: Path) -> None:
    rows = [row for row in figures.of("leak", signals="all")]
    names = ["recipients/hour", "recipients/day", "new recipients/day", "leaky bucket, 20/h",
             "SPOT, simulated verdict", "z-score a day", "CUSUM per event"]
    columns, w, h = 4, 250, 190
    lines = (len(rows) + columns - 1) // columns
    svg = Svg(columns * w + 40, lines * h + 120, "Leaked recipients against false restrictions",
              "mean of an attack (upwards: worse, logarithmic) at 10, 1 and 0.3 false restrictions "
              "per 10,000 calendar account-days (to the right: fewer); limits tuned on the other half")
    colours = dict(zip(names, COLOURS))
    legend(svg, 20, 76, [("the judge", JUDGE)] + [(name, colours[name]) for name in names[:4]])
    legend(svg, 20, 94, [(name, colours[name]) for name in names[4:]])
    across = {"10": 0.0, "1": 0.66, "0.3": 1.0}
    for i, row in enumerate(rows):
        left, top = 20 + (i % columns) * w + 42, 112 + (i // columns) * h + 22
        width, height = w - 62, h - 66
        most = max(rule["leak"]["mean"] for rule in row["rules"] if rule["target"] in across)
        scale = LogScale(top + height, top, max(most, row["judge"]["mean"]))
        svg.text(left, top - 8, row["family"], size=13, weight=600)
        for tick in scale.ticks():
            svg.line(left, scale.at(tick), left + width, scale.at(tick))
            svg.text(left - 6, scale.at(tick) + 4, count(tick), size=10, fill=MUTED, anchor="end")
        for label, share in across.items():
            svg.text(left + share * width, top + height + 16, label, size=10, fill=MUTED,
                     anchor="middle")
        for name in names:
            points = [(left + across[target] * width, scale.at(leak["mean"]))
                      for target in across if (leak := rule_leak(row, name, target))]
            svg.path(points, colours[name], 1.6, "5 4" if name.startswith("SPOT") else "")
        points = []
        for rate, leaked in judge_points(figures, row["family"]):
            # Below 0.3 the axis ends: no rule was tuned further.
            place = (1 - math.log10(max(min(rate, 10), 0.3))) / (1 - math.log10(0.3))
            points.append((left + place * width, scale.at(leaked)))
        if len(points) > 1:
            svg.path(points, JUDGE, 2.6)
        for x, y in points:
            svg.dot(x, y, JUDGE)
    svg.save(out / "curves.svg")


def plot_signals(figures: Figures, out: Path) -> None:
    order = [name for name in ("all", "all but complaints", "send+login", "send+bounce", "send", "recipients and times")
             if figures.of("leak", signals=name)]
    colours = dict(zip(order, [JUDGE, "#3d6fd1", "#b8860b", "#d1603d", "#7d5ba6", "#4a8f6d"]))
    rows = figures.of("leak", signals="all")
    height = 110 + (16 + 9 * len(order)) * len(rows)
    svg = Svg(860, height, "What the judge leaks with fewer signals",
              "dot: median; end of the bar: 95 %. Sign-ins, bounces and sizes are simulated; "
              "recipients and times are real mail.")
    top = max(row["judge"]["p95"] for name in order for row in figures.of("leak", signals=name))
    scale = LogScale(190, 830, top)
    for tick in scale.ticks():
        svg.line(scale.at(tick), 88, scale.at(tick), height - 22)
        svg.text(scale.at(tick), height - 6, count(tick), fill=MUTED, anchor="middle", size=11)
    legend(svg, 190, 76, [(name, colours[name]) for name in order])
    y = 100.0
    for row in rows:
        svg.text(180, y + 9 * len(order) / 2, row["family"], anchor="end", size=13)
        for name in order:
            judge = figures.of("leak", signals=name, family=row["family"])[0]["judge"]
            svg.line(scale.at(judge["p50"]), y, scale.at(judge["p95"]), y, colours[name], 3)
            svg.dot(scale.at(judge["p50"]), y, colours[name], 3.5)
            y += 9
        y += 16
    svg.save(out / "signals.svg")


def plot_stealth(figures: Figures, out: Path) -> None:
    rows = figures.of("stealth")
    svg = Svg(640, 330, "Stealth capacity",
              "a thief on the owner's provider, among known contacts, ten days long")
    left, right, top, bottom = 60, 610, 84, 280
    most = rows[-1]["strangers_a_day"]
    for share in (0, 25, 50, 75, 100):
        y = bottom - (bottom - top) * share / 100
        svg.line(left, y, right, y)
        svg.text(left - 8, y + 4, f"{share} %", fill=MUTED, anchor="end", size=11)
    for row in rows:
        x = left + (right - left) * row["strangers_a_day"] / most
        svg.text(x, bottom + 18, str(row["strangers_a_day"]), fill=MUTED, anchor="middle", size=11)
    svg.text((left + right) / 2, bottom + 38, "strangers written to a day", fill=MUTED,
             anchor="middle")
    legend(svg, left, 74, [("restricted within 7 days", JUDGE), ("or a person asked", THIRD),
                           ("new recipients/day", RULE)])
    for key, colour, who in (("found_7d", JUDGE, "judge"), ("seen_7d", THIRD, "judge"),
                             ("found_7d", RULE, "baseline")):
        points = []
        for row in rows:
            leak = row["judge"] if who == "judge" else row["baseline"]["leak"]
            points.append((left + (right - left) * row["strangers_a_day"] / most,
                           bottom - (bottom - top) * leak[key]))
        svg.path(points, colour)
        for x, y in points:
            svg.dot(x, y, colour, 3.5)
    svg.save(out / "stealth.svg")


# ---- tables ----


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def leak_words(leak: dict) -> str:
    return f"{count(leak['p50'])} / {count(leak['p95'])} / {leak['mean']:.1f}"


def main_table(figures: Figures) -> str:
    real = "recipients and times" if figures.of("leak", signals="recipients and times") else "send"
    rows = []
    for row in figures.of("leak", signals="all"):
        judge, best = row["judge"], row["best_rule_at_0.3"]
        new = rule_leak(row, "new recipients/day", "0.3")
        rows.append([
            row["family"], leak_words(judge), percent(judge["found_24h"]),
            percent(judge["found_7d"]), percent(judge["seen_7d"]),
            f"{judge['contain_minutes_p50']:.0f}",
            leak_words(figures.of("leak", signals=real, family=row["family"])[0]["judge"]),
            leak_words(new),
            " / ".join(f"{best[key]['value']:,.{digits}f} ({best[key]['name']})"
                       for key, digits in (("p50", 0), ("p95", 0), ("mean", 1))),
            leak_words(rule_leak(row, "SPOT, simulated verdict", "0.3"))])
    return table(["family", "judge: leaked p50 / p95 / mean", "restricted in 24 h", "in 7 d",
                  "or asked in 7 d", "minutes to contain, p50 of these", f"judge, {real} alone",
                  "new recipients/day at 0.3",
                  "best rule on metadata at 0.3, each figure by itself",
                  "SPOT with a simulated verdict on content"], rows)


def unforeseen_table(figures: Figures) -> str:
    rows = []
    for row in figures.of("unforeseen", signals="all"):
        judge, best = row["judge"], row["best_rule_at_0.3"]
        rows.append([row["family"], leak_words(judge), percent(judge["found_7d"]),
                     percent(judge["seen_7d"]),
                     leak_words(rule_leak(row, "new recipients/day", "0.3")),
                     " / ".join(f"{best[key]['value']:,.{digits}f} ({best[key]['name']})"
                                for key, digits in (("p50", 0), ("p95", 0), ("mean", 1)))])
    return table(["attack", "judge: leaked p50 / p95 / mean", "restricted in 7 d", "or asked in 7 d",
                  "new recipients/day at 0.3",
                  "best rule on metadata at 0.3, each figure by itself"], rows)


def alarm_row(name: str, row: dict) -> list[str]:
    judge = row["judge"]
    return [name, f"{judge['restricted']} in {count(judge['days'])}",
            f"{judge['per_10k']:.2f} ({judge['low']:.2f}–{judge['high']:.2f}; "
            f"≤ {judge['poisson_high']:.2f})", f"{judge['per_10k_active']:.2f}",
            f"{judge['held_per_1000']:.2f}", f"{judge['asked_per_1000']:.2f}",
            f"{judge['questions_per_1000']:.2f}", f"{judge['held_minutes_per_1000']:.1f}",
            f"{row['baseline']['per_10k']:.2f}"]


ALARM_HEAD = ["accounts", "restricted in calendar account-days",
              "per 10,000 (bootstrap 95 %; exact upper bound)", "per 10,000 active days",
              "held / 1,000 messages", "of these wait for a person", "questions / 1,000 messages",
              "minutes held / 1,000 messages",
              "new recipients/day at 0.3: per 10,000"]


# Else nobody ever answers.
ANSWERS = [("answered", "every question is answered within a day"),
           ("approved", "newsletters approved beforehand")]


def alarm_table(figures: Figures) -> str:
    rows = []
    for whom in ("without newsletters", "all"):
        for row in figures.of("false_alarms", signals="all", accounts=whom):
            rows.append(alarm_row(f"{row['world']}, {whom}", row))
        for signals, words in ANSWERS:
            for row in figures.of("false_alarms", signals=signals, accounts=whom):
                rows.append(alarm_row(f"{row['world']}, {whom}; {words}", row))
    return table(ALARM_HEAD, rows)


def signal_tables(figures: Figures) -> str:
    order = [name for name in ("all", "all but complaints", "send+login", "send+bounce", "send", "recipients and times")
             if figures.of("leak", signals=name)]
    rows = [[row["family"]]
            + [leak_words(figures.of("leak", signals=name, family=row["family"])[0]["judge"])
               for name in order] for row in figures.of("leak", signals="all")]
    alarms = [alarm_row(f"{name}, {whom}", figures.of("false_alarms", signals=name, accounts=whom,
                                                     world="all six")[0])
              for name in order for whom in ("without newsletters", "all")]
    return (table(["leaked p50 / p95 / mean"] + order, rows) + "\n" + table(ALARM_HEAD, alarms))


def without_table(figures: Figures) -> str:
    names = sorted({row["signals"] for row in figures.of("leak")
                    if row["signals"].startswith("without ")})
    if not names:
        return "Only in the full mode (`SEKIMORI_BENCH_FULL=1`).\n"
    rows = [[row["family"], leak_words(row["judge"])]
            + [leak_words(figures.of("leak", signals=name, family=row["family"])[0]["judge"])
               for name in names] for row in figures.of("leak", signals="all")]
    def alarms(signals: str) -> str:
        row = figures.of("false_alarms", signals=signals, accounts="without newsletters",
                         world="all six")[0]
        return f"{row['judge']['per_10k']:.2f}"
    rows.append(["false restrictions / 10,000", alarms("all")] + [alarms(name) for name in names])
    return table(["leaked p50 / p95 / mean", "all families' tables"] + names, rows)


def line_table(figures: Figures) -> str:
    names = ["all"] + sorted({row["signals"] for row in figures.of("leak")
                              if row["signals"].startswith("line ")})
    rows = []
    for name in names:
        row = figures.of("false_alarms", signals=name, accounts="without newsletters",
                         world="all six")[0]["judge"]
        every = figures.of("false_alarms", signals=name, accounts="all", world="all six")[0]["judge"]
        rows.append(["shipped line, 9.21" if name == "all" else name, f"{row['per_10k']:.2f}",
                     f"{every['per_10k']:.2f}", f"{row['held_per_1000']:.2f}"]
                    + [f"{leak['judge']['mean']:.1f}" for leak in figures.of("leak", signals=name)])
    families = [leak["family"] for leak in figures.of("leak", signals="all")]
    return table(["judge's line", "false / 10,000", "with newsletters", "held / 1,000"]
                 + [f"{family}, mean" for family in families], rows)


def rule_table(figures: Figures) -> str:
    rows = []
    for rule in figures.of("rule"):
        points = {point["target"]: point for point in rule["points"]}
        rows.append([rule["name"]] + [
            f"{points[t]['limit']:.6g} ({points[t]['test_per_10k']:.2f}; "
            f"{points[t]['test_per_10k_with_newsletters']:.2f})"
            for t in ("10", "1", "0.3", "matched", "usual")] + [rule["usual"]])
    return table(["rule", "limit at 10", "at 1", "at 0.3", "as many disturbed as by the judge",
                  "usual limit", "whose"], rows)


def rules_leaked(figures: Figures, target: str) -> str:
    leaks = figures.of("leak", signals="all")
    names = [rule["name"] for rule in figures.of("rule")]
    rows = [[name] + [leak_words(leak) if (leak := rule_leak(row, name, target)) else "–"
                      for row in leaks] for name in names]
    rows.insert(0, ["**the judge**"] + [leak_words(row["judge"]) for row in leaks])
    return table(["leaked p50 / p95 / mean"] + [row["family"] for row in leaks], rows)


def case_table(figures: Figures) -> str:
    rows = []
    for row in figures.of("case"):
        judge = row["judge"]
        rules = {rule["name"]: rule for rule in row["rules_at_0.3"]}
        rows.append([row["kind"], str(judge["cases"]), str(judge["restricted"]),
                     str(judge["cases_asked"]), str(judge["cases_held"]),
                     f"{judge['held_per_1000']:.1f}", f"{judge['asked_per_1000']:.1f}",
                     f"{judge['questions_per_1000']:.1f}",
                     f"{judge['held_minutes_per_1000']:.0f}"]
                    + [str(rules[name]["restricted"]) for name in
                       ("new recipients/day", "recipients/hour", "CUSUM per event",
                        "countries/day")])
    return table(["owners' doing", "cases", "restricted", "a person asked", "anything held",
                  "held / 1,000", "asked / 1,000", "questions / 1,000", "minutes / 1,000",
                  "restricted by new "
                  "recipients/day", "recipients/hour", "CUSUM", "countries/day"], rows)


def capacity_words(figures: Figures) -> str:
    """The most strangers a day at which fewer than half of such thieves are restricted in a week."""
    capacity = 0
    for row in figures.of("stealth"):
        if row["judge"]["found_7d"] >= 0.5:
            break
        capacity = row["strangers_a_day"]
    return (f"Up to **{capacity} strangers a day** among known contacts, from the owner's own provider, "
            "fewer than half of the thieves are restricted within a week.\n")


def stealth_table(figures: Figures) -> str:
    rows = [[str(row["strangers_a_day"]), leak_words(row["judge"]),
             percent(row["judge"]["found_7d"]), percent(row["judge"]["seen_7d"]),
             leak_words(row["baseline"]["leak"]), percent(row["baseline"]["leak"]["found_7d"])]
            for row in figures.of("stealth")]
    return table(["strangers a day", "judge: leaked p50 / p95 / mean", "restricted in 7 d",
                  "or asked", "new recipients/day at 0.3", "restricted in 7 d"], rows)


def attack_tables(figures: Figures) -> str:
    families = figures.of("attack_table")
    labels = {
        "shape": ["0 new of 1", "0 of 2–9", "0 of 10+", "wrote first", "1 new", "2–3", "4–9",
                  "10–24", "25–99", "100+"],
        "gap_known": ["<3 s", "<15 s", "<1 m", "<5 m", "<30 m", "<4 h", "<1 d", "longer"],
        "gap_novel": ["<3 s", "<15 s", "<1 m", "<5 m", "<30 m", "<4 h", "<1 d", "longer"],
        "stranger": ["colleague's contact", "domain known", "unknown"],
        "repeat": ["0", "1", "2–4", "5–19", "20+"],
        "place": ["known", "new network", "new operator", "new country"],
    }
    rows = []
    for channel, bins in labels.items():
        for i, label in enumerate(bins):
            rows.append([f"{channel}: {label}"] + [f"{row[channel][i]:.3f}" for row in families])
    for key in ("weight", "own_mail", "reach_new", "reach_all", "envelope", "message_id",
                "settings_nats"):
        rows.append([key] + [f"{row[key]:.2f}" for row in families])
    return table(["p1"] + [row["family"] for row in families], rows)


def setup_words(figures: Figures) -> str:
    setup = figures.of("setup")[0]
    return (f"Mode `{setup['mode']}`: tuned on half {setup['tune_half']} with seed "
            f"{setup['tune_seed']} ({count(setup['tune_days'])} account-days), tested on half "
            f"{setup['test_half']} with seed {setup['test_seed']} ({count(setup['test_days'])}), "
            f"{setup['victims_per_world']} attacks a family and {setup['cases_per_world']} cases a "
            f"kind in each of six worlds; the bootstrap draws accounts {setup['bootstrap_rounds']} "
            "times, seed 42.\n")


def report(figures: Figures) -> str:
    matched = figures.of("setup")[0]["matched_per_10k"]
    return "\n".join([
        "# The judge beside every limit in use: all figures\n",
        "Printed by `scripts/bench detect`; what the words mean: ../detection.md.\n",
        setup_words(figures), "## Leaked, all signals\n", main_table(figures),
        "![Leaked per family](families.svg)\n", "![Curves](curves.svg)\n",
        "## Attacks that no table was made for\n", unforeseen_table(figures),
        "## Owners disturbed\n", alarm_table(figures),
        "## Fewer signals\n", signal_tables(figures), "![Signals](signals.svg)\n",
        "## Rules: their limits\n",
        "In brackets: restricted per 10,000 on the test half, without and with newsletter accounts. "
        f"The judge restricts or asks about {matched:.1f} per 10,000 on the tuning half.\n",
        rule_table(figures),
        *(part for target, words in (("0.3", "tuned to 0.3 per 10,000"),
                                     ("1", "tuned to 1 per 10,000"),
                                     ("10", "tuned to 10 per 10,000"),
                                     ("matched", "tuned to disturb as many as the judge"),
                                     ("usual", "at their usual limits"))
          for part in (f"## Rules {words}\n", rules_leaked(figures, target))),
        "## The judge at other lines\n", line_table(figures),
        "## A family's tables left out\n", without_table(figures),
        "## Owners' doings that look like a theft\n", case_table(figures),
        "## Stealth capacity\n", capacity_words(figures), stealth_table(figures), "![Stealth](stealth.svg)\n",
        "## p1: the attack tables\n", attack_tables(figures)])


def short(figures: Figures) -> str:
    return "\n".join([setup_words(figures), main_table(figures),
                      "### Attacks that no table was made for\n", unforeseen_table(figures),
                      "### Owners disturbed\n", alarm_table(figures), "### Owners' doings that look like a theft\n",
                      case_table(figures), "### Stealth capacity\n", capacity_words(figures),
                      stealth_table(figures)])


def main(arguments: list[str]) -> int:
    figures = Figures(Path(arguments[0]))
    out = Path(arguments[1])
    out.mkdir(parents=True, exist_ok=True)
    plot_families(figures, out)
    plot_curves(figures, out)
    plot_signals(figures, out)
    plot_stealth(figures, out)
    (out / "report.md").write_text(report(figures), "utf-8")
    if len(arguments) > 2:
        document = Path(arguments[2])
        text = document.read_text("utf-8")
        new = re.sub(r"(<!-- figures -->\n).*?(<!-- /figures -->)",
                     lambda m: m.group(1) + short(figures) + m.group(2), text, flags=re.S)
        document.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
