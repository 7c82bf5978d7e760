"""docs/reliability.md: a row for each scenario, written by the run that played it."""

import os
import pathlib
import re
import subprocess
import time

from labkit import ROOT
from mailflow import PACE_S

DOCUMENT = ROOT / "docs/reliability.md"
REGENERATE = os.environ.get("SEKIMORI_REGENERATE", "") not in ("", "0")
HEAD = """# Nothing breaks it

何が壊れても、ほかの人のメールが止まらず、なくならず、二重に届かないことの記録です。

Each row is a test of `tests/e2e/test_reliability_*.py`, played against a real Postfix and Dovecot
while other people's numbered mail goes out and in and they sign in, and while somebody with the
right password tries the whole time to get into a suspended and to send from a restricted account.
A row stands here only when its test held: every accepted message arrived exactly once (but for
one whose delivery was cut before its answer, where Postfix logs that it must repeat it), nobody
closed got in at any moment (SMTP AUTH, IMAP, sending; incoming mail 450), no honest person was
refused for good, and the state that a successor recovers has the hash of the state that was.
`pause` is the longest time between two accepted messages of one direction ({pace} s lie between
two anyway); `healed` is how long after the fault's end everything was in order again.

While the daemon is dead, the helper's stand-in answers Dovecot. Without it sign-ins that come at the
same moment waited 19 s and 60 s: Dovecot 2.3's HTTP client doubles its pause between two tries to
connect, and does not always end what waits after `auth_policy_server_timeout_msecs`
(`test_standing.py` has the crowd that signs in; the senders here sign in one at a time).

Made by `SEKIMORI_REGENERATE=1` with the tests (`SEKIMORI_SLOW=1` for the long variants, which
`scripts/test deep` plays); a test holds this list to the list of the tests.

"""
COLUMNS = ("scenario", "what was done", "accepted", "arrived", "lost", "doubled", "pause", "healed",
           "state hash", "figures", "date, versions")


def versions():
    def said(*words):
        return subprocess.run(words, text=True, capture_output=True, check=True).stdout.strip()

    commit = said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    postfix = said("/usr/sbin/postconf", "-d", "-h", "mail_version")
    dovecot = said("/usr/sbin/dovecot", "--version").split()[0]
    return f"Sekimori {commit}, Postfix {postfix}, Dovecot {dovecot}"


def scenario_names():
    """The names of the tests that are scenarios, in their order."""
    names = []
    for file in sorted(pathlib.Path(__file__).parent.glob("test_reliability_*.py")):
        names += re.findall(r"^def test_(\w+)\(site, request\b", file.read_text(), re.M)
    return names


def documented():
    """name → row of docs/reliability.md."""
    rows = {}
    if DOCUMENT.exists():
        for line in DOCUMENT.read_text().splitlines():
            if name := re.match(r"\| `(\w+)` \|", line):
                rows[name[1]] = line
    return rows


def report(request, what, run):
    traffic = run.traffic
    name = request.node.name.removeprefix("test_")
    cells = (f"`{name}`", what, str(traffic.count()), str(traffic.arrivals), "0", "0",
             f"{traffic.longest_pause():.1f} s", f"{run.healed_s:.1f} s", run.hash_ok,
             "; ".join(run.notes) or "–", f"{time.strftime('%Y-%m-%d')}, {versions()}")
    row = "| " + " | ".join(cells) + " |"
    print(row)
    if not REGENERATE:
        return
    rows = documented() | {name: row}
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    lines += [rows[known] for known in scenario_names() if known in rows]
    DOCUMENT.write_text(HEAD.format(pace=PACE_S) + "\n".join(lines) + "\n")
