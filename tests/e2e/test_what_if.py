"""`sekimori replay --compare` over the journal of a lab whose daemon runs on: who would have been
held or stopped with other settings, and what would have leaked."""

import json
import pathlib
import re
import smtplib
import subprocess

import pytest

from clikit import ENVIRONMENT, done, sekimori
from labkit import wait_for

ABROAD = [f"198.51.100.{last}" for last in (65, 97, 129, 161, 193)]
LAX = """
[detect]
eta = 0.1
hold_line = 20.0
restrict_line = 30.0
suspend_line = 40.0
hold_new_recipients = 0

[limits]
recipients_per_hour = 0
recipients_per_day = 0
messages_per_hour = 0
new_recipients_per_day = 0
"""


def spray(lab, account, mark, portions, each):
    """Messages to strangers from abroad, until the account is stopped; returns recipients taken."""
    taken = 0
    for number in range(portions):
        to = [f"{mark}.{number}-{i}@far{i % 5}.example" for i in range(each)]
        try:
            lab.send(account, to, client=ABROAD[number % len(ABROAD)])
            taken += each
        except smtplib.SMTPException:
            # Put off while messages wait for a person, or stopped.
            if lab.api.account(account)["standing"] != "normal":
                break
    return taken


@pytest.fixture(scope="module")
def journal(lab):
    """A hijack, an asked hold, and ordinary mail; returns (hijacked, blaster, ordinary)."""
    hijacked, blaster, ordinary = lab.hire(3)
    for number in range(3):
        lab.send(ordinary, f"friend{number}@friends.example", client="192.0.2.50")
    mark = hijacked.partition("@")[2].partition(".")[0]
    assert spray(lab, hijacked, mark, 60, 10) < 300
    wait_for(lambda: lab.api.account(hijacked)["standing"] != "normal", 20, "it contained")
    lab.send(blaster, [f"{mark}b{i}@far.example" for i in range(30)], client="192.0.2.50")
    [hold] = wait_for(lambda: lab.api.holds(blaster), 20, "the blast held")
    lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {"reason": "nobody's"})
    for hold in lab.api.holds(hijacked):
        lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})
    yield hijacked, blaster, ordinary
    lab.api.change("restore", "account", hijacked, reason="the end of a test")


def settings_of(lab, tmp_path, more):
    path = tmp_path / "other.toml"
    text = pathlib.Path(lab.endpoints["config"]).read_text()
    for section in re.findall(r"^\[(\w+)\]", more, re.M):
        assert f"[{section}]" not in text
    path.write_text(text + more)
    return path


def test_the_labs_own_journal_under_laxer_settings(lab, journal, tmp_path):
    hijacked, blaster, ordinary = journal
    compared = done(lab, "replay", "--compare", settings_of(lab, tmp_path, LAX))
    assert compared["mode"] == "enforce" and compared["lines_skipped"] == 0
    differing = {row["account"]: row for row in compared["differing"]}
    thief = differing[hijacked]
    # A is what the daemon ran with: it decides again what was decided, to the microsecond.
    for key in ("reached", "held", "first_held", "restricted", "suspended"):
        assert thief["a"][key] == thief["recorded"][key], key
    assert thief["a"]["restricted"] or thief["a"]["suspended"]
    assert not thief["b"]["restricted"] and not thief["b"]["suspended"]
    assert thief["b"]["reached"] > thief["a"]["reached"]
    blast = differing[blaster]
    assert (blast["a"]["held"], blast["a"]["deleted"], blast["a"]["reached"]) == (1, 30, 0)
    assert (blast["b"]["held"], blast["b"]["deleted"], blast["b"]["reached"]) == (0, 0, 30)
    assert ordinary not in differing
    assert compared["a"]["accounts_stopped"] >= 1 and compared["b"]["accounts_stopped"] == 0
    names = {setting["name"] for setting in compared["settings"] if setting["judging"]}
    assert {"detect.hold_line", "detect.restrict_line", "limits.recipients_per_day"} <= names
    # Reading changed nothing: the daemon goes on, and counts on.
    assert lab.daemon_runs()
    lab.sink.wait_for(subject=lab.send(ordinary, "friend0@friends.example", client="192.0.2.50"))


def test_the_table_speaks_both_languages(lab, journal, tmp_path):
    hijacked = journal[0]
    other = settings_of(lab, tmp_path, LAX)
    ja = sekimori(lab, "replay", "--compare", other, "--lang", "ja")
    en = sekimori(lab, "replay", "--compare", other, "--lang", "en")
    assert ja.code == 0 and en.code == 0, (ja.err, en.err)
    assert "増えます" in ja.out and "相手に届いた宛先" in ja.out
    assert "more" in en.out and "recipients reached" in en.out
    # The table shows those that differ most, of all accounts of this lab.
    rows = done(lab, "replay", "--compare", other)["differing"]
    assert hijacked in {row["account"] for row in rows}
    for out in (ja.out, en.out):
        assert any(row["account"] in out for row in rows)
    assert "detect.restrict_line" in en.out


def test_observing_with_other_settings_writes_every_decision(lab, journal, tmp_path):
    hijacked = journal[0]
    other = settings_of(lab, tmp_path, LAX)
    home = pathlib.Path(lab.inside["home"])
    program = home / "bin/sekimori"
    run = subprocess.run([program, "replay", "--mode", "observe", "--config", other],
                         text=True, capture_output=True, timeout=120, env=ENVIRONMENT)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    answers = [line for line in lines if line["kind"] == "answer" and line["account"] == hijacked]
    assert answers and all(line["refused"] == line["held"] == 0 for line in answers)


def test_what_is_wrong_is_said(lab, journal, tmp_path):
    def said(*words):
        finished = sekimori(lab, "replay", *words, "--lang", "en")
        return finished.code, finished.err

    config = lab.endpoints["config"]
    assert said("--compare", tmp_path / "none.toml")[0] == 1
    code, text = said("--compare", config, tmp_path)
    assert code == 1 and "journal.directory" in text
    code, text = said("--compare", config, "--from", "soon")
    assert code == 1 and "2026-11-01" in text
    code, text = said("--compare", config, "--until", "3650d")
    assert code == 1 and "--from" in text
    broken = tmp_path / "broken.ndjson"
    broken.write_text('{"t":1700000000,"kind":"received","account":"a@b.example","from":"x@y.z"}\n'
                      "not an event\n")
    code, text = said("--compare", config, broken)
    assert code == 3 and "broken.ndjson:2: " in text
