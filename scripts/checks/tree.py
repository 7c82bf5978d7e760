#!/usr/bin/python3
"""What the whole tree must hold to: lengths, leftovers, machine paths, sleeps in tests.

A number here is a smell detector: split the file or the line rather than squeeze it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cpp_text import line_of
from tree_files import CPP, is_test, list_files, read_text, report

COLUMNS_MAX = 100
# A line that holds a text (SQL, a message, a command) may be this long: broken, it reads worse.
TEXT_COLUMNS_MAX = 120
LINES_MAX = 600
CODE = CPP | {".py", ".sh", ".cmake", ".js", ".ts", ".css", ".pl"}
# Written in two halves, so that this file does not find itself.
LEFTOVER = re.compile(r"\b(?:FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
MACHINE_PATH = "/wo" + "rk/"
TEMP_PATH = "/t" + "mp/"
SLEEP = re.compile(
    r"\bsleep_(?:for|until)\s*\(|\b(?:time|asyncio)\.sleep\s*\(|\b(?:u|nano)sleep\s*\("
    r"|\bwaitForTimeout\s*\(|^\s*sleep\s+[0-9.]"
)
WHY = re.compile(r"(?:#|//)\s*why:\s*\S")
DOWNLOAD = re.compile(r'"resolved"\s*:\s*"http')
NEEDED = ("README.md", "README.ja.md", "ARCHITECTURE.md", "LICENSE")
# Inputs and expected outputs of tests, as they came.
DATA = ("tests/corpus/", "tests/golden/")


def is_code(path: Path, text: str) -> bool:
    if path.suffix in CODE or path.name == "CMakeLists.txt":
        return True
    return path.suffix == "" and text.startswith("#!")


def raw_string_lines(text: str) -> set[int]:
    """The lines that raw strings touch: in a test, a log line or request as it came."""
    lines = set()
    for match in re.finditer(r'R"([^()\\\s]{0,16})\(.*?\)\1"', text, re.S):
        lines.update(range(line_of(text, match.start()), line_of(text, match.end()) + 1))
    return lines


def check_code(path: Path, text: str) -> list[str]:
    problems = []
    lines = text.splitlines()
    raw = raw_string_lines(text) if path.suffix in CPP else set()
    if len(lines) > LINES_MAX:
        problems.append(f"{path}: {len(lines)} lines, more than {LINES_MAX}: split it")
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        most = TEXT_COLUMNS_MAX if '"' in line or "'" in line else COLUMNS_MAX
        if len(line) > most and not (is_test(path) and number in raw):
            problems.append(f"{where}: {len(line)} columns, more than {most}")
        if line != line.rstrip():
            problems.append(f"{where}: blanks at the end")
        if is_test(path) and SLEEP.search(line) and not WHY.search(line):
            problems.append(f"{where}: a fixed sleep; poll with a deadline, or say '# why:'")
        if path.suffix in CPP and not is_test(path) and TEMP_PATH in line:
            problems.append(f"{where}: the path {TEMP_PATH} is fixed; take it from outside")
    if path.suffix == ".h" and "#pragma once" not in text:
        problems.append(f"{path}: no #pragma once")
    return problems


def check(root: Path) -> list[str]:
    problems = [f"{name}: missing" for name in NEEDED if not (root / name).is_file()]
    for path in list_files(root):
        text = read_text(root / path)
        if text is None or path.as_posix().startswith(DATA):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            where = f"{path}:{number}"
            if MACHINE_PATH in line:
                problems.append(f"{where}: names a path of one machine ({MACHINE_PATH})")
            if LEFTOVER.search(line):
                problems.append(f"{where}: a leftover note; do it or write an issue")
            if DOWNLOAD.search(line):
                problems.append(f"{where}: a lock file with a download address")
        if is_code(path, text):
            problems += check_code(path, text)
    return problems


if __name__ == "__main__":
    sys.exit(report(check(Path(__file__).resolve().parents[2]), "tree"))
