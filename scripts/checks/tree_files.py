"""The files of the project, as the checks see them."""

from __future__ import annotations

import subprocess
from pathlib import Path

CPP = {".cc", ".h", ".def"}


def list_files(root: Path) -> list[Path]:
    """Every file git knows or would add, relative to root; outside git, every file below root."""
    done = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        names = [name for name in done.stdout.decode().split("\0") if name]
        return sorted(Path(name) for name in set(names) if (root / name).is_file())
    return sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())


def read_text(path: Path) -> str | None:
    """The file's text, or None where it is no UTF-8 (a corpus of raw mail, an image)."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_test(path: Path) -> bool:
    """Whether the file is only ever run as a test."""
    return (
        path.parts[0] == "tests"
        or path.stem.endswith(("_test", "_fuzz", "_bench"))
        or path.name.startswith(("test_", "conftest"))
        or path.name.endswith((".test.js", ".test.ts", ".spec.js", ".spec.ts"))
    )


def report(problems: list[str], what: str) -> int:
    """Prints the problems; the exit status."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{what}: {len(problems)} problem(s)")
    return 1 if problems else 0
