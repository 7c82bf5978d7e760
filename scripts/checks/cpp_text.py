"""C++ source with its comments and literals blanked, so that only code is left to look at."""

from __future__ import annotations

import re

# In the order tried: comments, raw strings, strings, characters. A digit separator (1'000) is no
# character literal: a quote behind a letter or digit does not open one, except behind a prefix.
_LITERAL = re.compile(
    r"""//(?:[^\n\\]|\\.|\\\n)*
      | /\*.*?\*/
      | R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"
      | "(?:[^"\\\n]|\\.)*"
      | (?<![0-9A-Za-z_])(?:u8|u|U|L)?'(?:[^'\\\n]|\\.)+'
    """,
    re.S | re.X,
)


def code_only(text: str) -> str:
    """The same text, every character of a comment or literal replaced by a blank; lines stay."""
    return _LITERAL.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
