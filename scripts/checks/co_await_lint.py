#!/usr/bin/python3
"""No '{' inside a co_await operand.

g++ 12 destroys some temporaries of such an operand twice (aggregates and capturing lambdas written
in place), and no warning flag sees it. Safe: a named variable, then std::move.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cpp_text import code_only, line_of
from tree_files import CPP, list_files, read_text, report


def bad_operands(text: str) -> list[int]:
    """The lines of the co_awaits whose operand holds a brace."""
    code = code_only(text)
    lines = []
    for match in re.finditer(r"\bco_await\b", code):
        depth = 0
        for c in code[match.end() :]:
            if c == "{":
                lines.append(line_of(code, match.start()))
                break
            if c in "([":
                depth += 1
            elif c in ")]":
                depth -= 1
            if depth < 0 or c == "}" or (depth == 0 and c in ";,"):
                break  # the operand's end
    return lines


def check(root: Path) -> list[str]:
    problems = []
    for path in list_files(root):
        text = read_text(root / path) if path.suffix in CPP else None
        for line in bad_operands(text or ""):
            problems.append(f"{path}:{line}: '{{' in a co_await operand; use a named variable")
    return problems


if __name__ == "__main__":
    sys.exit(report(check(Path(__file__).resolve().parents[2]), "co_await_lint"))
