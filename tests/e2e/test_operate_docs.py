"""The pages for operators: each command in them is run, here against the lab, or by the test that
is named for it."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from clikit import ENVIRONMENT, sekimori
from labkit import ROOT, wait_for

PAGES = ("install", "tune", "night-duty", "recover", "backup", "upgrade", "remove")
# Of these a lab can say no, and its words are what matters: it is no system's own mail server.
MAY_END = {"doctor": (0, 1, 3), "attach --dry-run": (0, 1)}
# What a lab cannot be asked, and who runs it.
ELSEWHERE = {
    "apt-get install ./sekimori_*.deb": "test_package",
    "apt-get purge sekimori": "test_package",
    "sekimori attach --undo": "test_attach",
    "systemctl stop sekimori": "test_a_backup_brings_back_what_was",
    "systemctl start sekimori": "test_a_backup_brings_back_what_was",
    "systemctl reload sekimori": "test_reliability_daemon",
}
# Commands that have no further ones below them.
ALONE = ("analyze", "attach", "bypass", "doctor", "drill", "health", "learn", "release-all", "replay",
         "version")


def text_of(page, language):
    suffix = ".ja.md" if language == "ja" else ".md"
    return (ROOT / "docs/operate" / (page + suffix)).read_text(encoding="utf-8")


def commands(text):
    """Of the fences marked sh, in their order, without their comments."""
    found = []
    for fence in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        found += [shlex.split(line, comments=True) for line in fence.splitlines() if line.strip()]
    return found


def indented(text):
    return re.findall(r"^    (\S.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_say_the_same_commands(page):
    def bare(text):  # without reasons, which people write in their own language
        return [[word for at, word in enumerate(words) if words[at - 1] != "--reason"]
                for words in commands(text)]

    japanese, english = text_of(page, "ja"), text_of(page, "en")
    assert bare(japanese) == bare(english)
    assert indented(japanese) == indented(english)
    assert set(indented(english)) <= set(ELSEWHERE), "run by nobody"


def test_every_command_that_is_named_exists():
    """Also of the pages about one subject, whose commands their own tests run."""
    program = ROOT / "build/sekimori"
    seen = set()
    for path in sorted((ROOT / "docs/operate").glob("*.md")):
        for line in re.findall(r"^(?:    )?(sekimori .*)$", path.read_text(encoding="utf-8"), re.M):
            words = line.split("  ")[0].split("#")[0].split()[1:]
            group = next((at for at, word in enumerate(words) if not re.fullmatch("[a-z-]+", word)),
                         len(words))
            words = [word for word in words[:group] if not word.startswith("-")][:2]
            seen.add(tuple(words[:1] if words and words[0] in ALONE else words))
    assert len(seen) > 30, seen
    for words in sorted(seen):
        told = subprocess.run([program, *words, "--help"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=ENVIRONMENT, timeout=60)
        assert told.returncode == 0 and "Usage" in told.stdout, (words, told.stdout, told.stderr)


@pytest.fixture
def case(lab, people):
    """An account with an incident and mail that is still queued."""
    person = people[0]
    lab.send(person, "defer-docs@stuck.example", client="192.0.2.10")
    wait_for(lambda: lab.queued(person, queue="deferred"), 30, "mail in the queue")
    lab.api.change("restrict", "account", person, reason="a test")
    [incident] = lab.api.get(f"/incidents?account={person}")["items"]
    yield person, incident["id"]
    lab.api.change("restore", "account", person, reason="a test's end")
    for entry in lab.queued(person):
        lab.postsuper("-d", entry["queue_id"])


@pytest.mark.parametrize("page", [page for page in PAGES if page != "backup"])
def test_each_command_runs(lab, case, page):
    person, incident = case
    home = pathlib.Path(lab.endpoints["config"]).parent
    shutil.copy(lab.endpoints["config"], home / "new.toml")
    try:
        for words in commands(text_of(page, "en")):
            assert words[0] == "sekimori", words
            given = [word.replace("taro@example.jp", person).replace("/etc/sekimori", str(home))
                     .replace("/var/log/mail.log", lab.endpoints["maillog"]) for word in words[1:]]
            given = [str(incident) if word == "12" else word for word in given]
            ended = sekimori(lab, *given)
            key = " ".join(word for word in words[1:3] if word in "doctor attach --dry-run")
            assert ended.code in MAY_END.get(key, (0,)), (given, ended.code, ended.out, ended.err)
            assert ended.out.strip() or ended.err.strip() or ended.code == 0
    finally:
        (home / "new.toml").unlink()


def test_a_backup_brings_back_what_was(site, tmp_path):
    """Copied while it runs, lost altogether, put back: the same people are stopped, for the same
    reasons, and mail flowed all the time."""
    lab = site.lab
    person, other, _ = lab.hire(3)
    state = (site.home / "state").resolve()
    home = pathlib.Path(lab.endpoints["config"]).parent
    backup = tmp_path / "backup"
    backup.mkdir()

    def run(words):
        if words[0] == "sekimori":
            assert sekimori(lab, *words[1:]).code in MAY_END.get(words[1], (0,))
            return
        line = shlex.join(words).replace("/var/lib/sekimori", str(state))
        line = line.replace("/etc/sekimori", str(home)).replace("/srv/backup", str(backup))
        ended = subprocess.run(line, shell=True, timeout=60, env=dict(os.environ))
        # The journal may grow while tar reads it.
        assert ended.returncode == 0 or (words[0] == "tar" and ended.returncode == 1), line

    def stands():
        account = lab.api.account(person)
        return {key: account[key] for key in ("standing", "epoch", "since", "by")}

    steps = commands(text_of("backup", "en"))
    at = next(i for i, words in enumerate(steps) if "-xpf" in words)
    end = next(i for i, words in enumerate(steps) if words[0] == "sekimori")
    lab.api.change("suspend", "account", person, reason="a test")
    before = stands()
    for words in steps[:at]:
        run(words)
    lab.api.change("restrict", "account", other, reason="after the copy")
    site.stop()
    for path in state.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    for path in state.glob("sekimori.db*"):
        path.unlink()
    (state / "hash.key").unlink()
    try:
        for words in steps[at:end]:
            run(words)
    finally:
        site.start()
    for words in steps[end:]:
        run(words)
    assert stands() == before
    assert [row for row in lab.api.audit(person) if row["why"] == "a test"]
    lab.api.change("restore", "account", person, reason="a test's end")
    lab.sink.wait_for(subject=lab.send(other, "someone@far.example", client="192.0.2.10"))
