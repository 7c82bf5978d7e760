"""Shows that each house check fails on a bad sample and lets a good one pass."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import co_await_lint  # noqa: E402
import layers  # noqa: E402
import tree  # noqa: E402
from cpp_text import code_only  # noqa: E402

TABLE = """<!-- layers -->
| folder | may include |
| --- | --- |
| base | |
| wire | base |
| decide | base |
| store | base, decide/ports.h |
| app | everything |
<!-- /layers -->
"""


class Sample(unittest.TestCase):
    """A small tree of its own for each test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("ARCHITECTURE.md", TABLE)
        for name in ("README.md", "README.ja.md", "LICENSE"):
            self.write(name, "text\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def assert_finds(self, check, *words: str) -> None:
        problems = check(self.root)
        self.assertEqual(len(problems), len(words), problems)
        for problem, word in zip(problems, words):
            self.assertIn(word, problem)


class Layers(Sample):
    def test_allowed_includes_pass(self) -> None:
        self.write("wire/a.cc", '#include "base/x.h"\n#include "wire/a.h"\n#include <vector>\n')
        self.write("store/a.cc", '#include "decide/ports.h"\n')
        self.write("app/main.cc", '#include "store/a.h"\n#include <thread>\n')
        self.write("wire/CMakeLists.txt", "sekimori_library(wire DEPS base LINKS fmt::fmt)\n")
        self.assert_finds(layers.check)

    def test_an_include_upwards_is_found(self) -> None:
        self.write("base/a.cc", '\n#include "wire/a.h"\n')
        self.assert_finds(layers.check, "base/a.cc:2: base may not include")

    def test_only_the_named_header_is_allowed(self) -> None:
        self.write("store/a.cc", '#include "decide/step.h"\n')
        self.assert_finds(layers.check, "store may not include")

    def test_a_relative_include_is_found(self) -> None:
        self.write("wire/a.cc", '#include "a.h"\n#include "../base/x.h"\n')
        self.assert_finds(layers.check, "root", "root")

    def test_a_library_that_links_upwards_is_found(self) -> None:
        self.write("base/CMakeLists.txt", "sekimori_library(base DEPS wire LINKS fmt::fmt)\n")
        self.assert_finds(layers.check, "may not link wire")

    def test_a_clock_in_a_pure_folder_is_found(self) -> None:
        self.write("decide/a.cc", "auto t = std::chrono::system_clock::now();\n")
        self.write("wire/a.h", "#include <thread>\n// steady_clock::now() in a comment\n")
        self.write("wire/a_test.cc", "#include <fstream>\n")
        self.assert_finds(layers.check, "clock::now", "<thread>")

    def test_a_folder_without_a_row_is_found(self) -> None:
        self.write("extra/a.cc", "\n")
        self.assert_finds(layers.check, "no row")

    def test_a_missing_table_is_found(self) -> None:
        self.write("ARCHITECTURE.md", "no table\n")
        self.assert_finds(layers.check, "no layer table")


class CoAwait(Sample):
    def lines(self, text: str) -> list[int]:
        return co_await_lint.bad_operands(text)

    def test_braces_in_the_operand_are_found(self) -> None:
        self.assertEqual(self.lines("co_await f({.name = x});"), [1])
        self.assertEqual(self.lines("\nauto a = co_await f(Agg{x, 1});"), [2])
        self.assertEqual(self.lines("co_await f(\n    1,\n    [x] { return x; });"), [1])
        self.assertEqual(self.lines("co_await g(co_await f(1), T{2});"), [1])
        self.assertEqual(self.lines("co_await T{};"), [1])
        self.write("serve/a.cc", "co_await T{};")
        self.assert_finds(co_await_lint.check, "serve/a.cc:1")

    def test_braces_behind_the_operand_pass(self) -> None:
        for text in (
            "if (co_await f(1)) { g(); }",
            "while (auto x = co_await f()) { }",
            "for (auto& x : co_await f(a[1])) { }",
            "auto t = T{1}; co_await f(std::move(t)); { }",
            "h(co_await f(1), T{2});",
            "// co_await T{}\n",
            '/* co_await T{} */ auto s = "co_await T{}";',
            'co_await f("{");',
            "co_await f('{', 1'000);",
            'auto s = R"x(co_await T{})x";',
            "co_return co_await f(); }",
        ):
            self.assertEqual(self.lines(text), [], text)

    def test_code_only_keeps_lines(self) -> None:
        text = "a /* b\nc */ d // e\nf \"g\\\"h\" 'i' 1'000 j\n"
        blank = code_only(text)
        self.assertEqual(len(blank), len(text))
        self.assertEqual(blank.split(), ["a", "d", "f", "1'000", "j"])


class Tree(Sample):
    def test_a_good_tree_passes(self) -> None:
        self.write("base/a.h", "#pragma once\n" + "あ" * 100 + "\n")
        self.write("tests/e2e/test_a.py", "time.sleep(0.05)  # why: the poll's own interval\n")
        self.write("docs/a.md", "x" * 300 + "\n")
        self.write("wire/a_test.cc", 'auto s = R"(' + "x" * 200 + ')";\n')
        self.assert_finds(tree.check)

    def test_long_lines_and_files_are_found(self) -> None:
        self.write("base/a.cc", "x" * 101 + "\n")
        self.write("base/b.py", "x\n" * 601)
        self.write("scripts/up", "#!/bin/sh\n" + "y" * 101 + "\n")
        self.assert_finds(tree.check, "101 columns", "601 lines", "101 columns")

    def test_leftovers_are_found_everywhere(self) -> None:
        self.write("docs/a.md", "FIX" + "ME later\n")
        self.write("base/a.cc", "// X" + "XX\n// HA" + "CKED is a word\n")
        self.assert_finds(tree.check, "base/a.cc:1", "docs/a.md:1")

    def test_machine_paths_are_found(self) -> None:
        self.write("docs/a.md", "see /wo" + "rk/main\n")
        self.write("app/a.cc", 'auto p = "/t' + 'mp/x";\n')
        self.write("app/a_test.cc", 'auto p = "/t' + 'mp/x";\n')
        self.assert_finds(tree.check, "app/a.cc:1", "docs/a.md:1")

    def test_download_addresses_are_found(self) -> None:
        entry = '{"resol' + 'ved": "https://registry.example/a.tgz"}\n'
        self.write("panel/package-lock.json", entry)
        self.assert_finds(tree.check, "download address")

    def test_sleeps_in_tests_are_found(self) -> None:
        self.write("tests/e2e/test_a.py", "time.sl" + "eep(2)\n")
        self.write("serve/a_test.cc", "std::this_thread::sl" + "eep_for(1s);\n")
        self.write("tests/e2e/run.sh", "  sl" + "eep 5\n")
        self.write("serve/a.cc", "std::this_thread::sl" + "eep_for(1s);\n")
        self.assert_finds(tree.check, "a_test.cc:1", "run.sh:1", "test_a.py:1")

    def test_missing_papers_are_found(self) -> None:
        (self.root / "README.ja.md").unlink()
        self.assert_finds(tree.check, "README.ja.md: missing")

    def test_a_header_without_its_guard_is_found(self) -> None:
        self.write("base/a.h", "int x; \n")
        self.assert_finds(tree.check, "blanks at the end", "pragma once")


if __name__ == "__main__":
    unittest.main()
