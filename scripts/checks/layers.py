#!/usr/bin/python3
"""Holds includes and CMake libraries to the layer table in ARCHITECTURE.md, pure folders to purity.

The table stands between <!-- layers --> and <!-- /layers -->: a folder, and what it may include:
folders, single headers, or "everything". A folder may always include itself.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cpp_text import code_only, line_of
from tree_files import CPP, is_test, list_files, read_text, report

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", re.M)
# Pure: no threads, clock, input, output. A mutex is none of these: it lets others' threads in one
# by one (decide's shards).
PURE = ("base", "wire", "detect", "decide")
IMPURE_HEADERS = re.compile(
    r"thread|condition_variable|future|fstream|filesystem|sys/socket\.h|unistd\.h"
    r"|boost/(asio|beast)/.*|sqlite3\.h|soci/.*|curl/.*|spdlog/.*"
)
IMPURE_CALLS = re.compile(
    r"_clock\s*::\s*now|\brandom_device\b|\brandombytes_\w+|\bgettimeofday\b|\bclock_gettime\b"
    r"|\bgetenv\b|\bstd\s*::\s*time\s*\(|\bstd\s*::\s*(cout|cin)\b|\bfopen\b"
)


def read_table(text: str) -> dict[str, list[str]] | None:
    """Folder -> what it may include; None where there is no table."""
    match = re.search(r"<!-- layers -->(.*?)<!-- /layers -->", text, re.S)
    if match is None:
        return None
    table = {}
    for line in match.group(1).splitlines():
        cells = [cell.strip(" `/") for cell in line.strip().strip("|").split("|")]
        if len(cells) != 2 or cells[0] in ("", "folder") or set(cells[0]) <= set("-: "):
            continue
        allowed = [word.strip(" `") for word in cells[1].split(",")]
        table[cells[0]] = [word.rstrip("/") for word in allowed if word]
    return table


def includes(path: Path, text: str, allowed: list[str], folders: set[str]) -> list[str]:
    problems = []
    for match in INCLUDE.finditer(text):
        target = match.group(1)
        where = f"{path}:{line_of(text, match.start(1))}"
        folder = target.split("/")[0]
        if "/" not in target or ".." in target:
            problems.append(f'{where}: "{target}" must be written from the project\'s root')
        elif folder != path.parts[0] and folder in folders:
            if not {"everything", folder, target} & set(allowed):
                problems.append(f'{where}: {path.parts[0]} may not include "{target}"')
    return problems


def purity(path: Path, text: str) -> list[str]:
    code = code_only(text)
    problems = []
    for match in SYSTEM_INCLUDE.finditer(text):
        if IMPURE_HEADERS.fullmatch(match.group(1)):
            line = line_of(text, match.start(1))
            problems.append(f"{path}:{line}: {path.parts[0]} is pure, without <{match.group(1)}>")
    for match in IMPURE_CALLS.finditer(code):
        line = line_of(code, match.start())
        problems.append(f"{path}:{line}: {path.parts[0]} is pure, without {match.group().strip()}")
    return problems


def libraries(path: Path, text: str, allowed: list[str]) -> list[str]:
    """The DEPS of sekimori_library(), which decide what links."""
    problems = []
    folders = {word.split("/")[0] for word in allowed}
    for match in re.finditer(r"sekimori_library\(\s*\w+([^)]*)\)", text):
        deps = re.search(r"\bDEPS\b(.*?)(\bLINKS\b|$)", match.group(1), re.S)
        for dep in deps.group(1).split() if deps else []:
            if dep not in folders and "everything" not in folders:
                line = line_of(text, match.start())
                problems.append(f"{path}:{line}: {path.parts[0]} may not link {dep}")
    return problems


def check(root: Path) -> list[str]:
    document = root / "ARCHITECTURE.md"
    table = read_table(document.read_text()) if document.is_file() else None
    if not table:
        return ["ARCHITECTURE.md: no layer table between <!-- layers --> and <!-- /layers -->"]
    problems = []
    for folder, allowed in table.items():
        for word in allowed:
            if word != "everything" and word.split("/")[0] not in table:
                problems.append(f"ARCHITECTURE.md: {folder} may include {word}, which has no row")
    for path in list_files(root):
        if len(path.parts) < 2:
            continue
        folder = path.parts[0]
        if path.name == "CMakeLists.txt" and folder in table:
            problems += libraries(path, (root / path).read_text(), table[folder])
        if path.suffix not in CPP:
            continue
        if folder not in table:
            problems.append(f"{path}: the folder {folder} has no row in the layer table")
            continue
        text = read_text(root / path) or ""
        problems += includes(path, text, table[folder], set(table))
        if folder in PURE and not is_test(path):
            problems += purity(path, text)
    return problems


if __name__ == "__main__":
    sys.exit(report(check(Path(__file__).resolve().parents[2]), "layers"))
