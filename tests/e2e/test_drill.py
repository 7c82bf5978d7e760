"""`sekimori drill` on a real lab: all of it holds, twice over, and it leaves no trace."""

import json

from clikit import done, sekimori
from labkit import wait_for

DRILL = "drill@lab-ja.example"
# Each of these is an expectation of its own; a drill that skips one would still say "passed".
EXPECTED = {"normal", "held", "restricted", "525", "leaked", "reading", "receiving", "others",
            "suspended", "imap", "pop3", "smtp", "session", "450", "queued", "restored", "retried",
            "login", "arrived", "again", "clean"}


def play(lab, *words):
    finished = sekimori(lab, "drill", "--json", *words, deadline=180)
    lines = [json.loads(line) for line in finished.out.splitlines()]
    return finished, lines


def test_all_of_it_holds_and_a_second_time(lab):
    for round_number in range(2):
        finished, lines = play(lab)
        verdict = lines[-1]
        assert finished.code == 0, (round_number, finished.out, finished.err)
        assert verdict["verdict"] == "passed" and verdict["seconds"] < 60, verdict
        steps = {line["step"]: line for line in lines[:-1]}
        assert {step for step, line in steps.items() if line.get("ok")} >= EXPECTED
        assert steps["leaked"]["leaked"] < steps["leaked"]["offered"]
        assert steps["525"]["reply"].startswith("525 5.7.13")
        assert steps["450"]["reply"].startswith("450 4.2.1")
        assert all(line["text"]["ja"] and line["text"]["en"] for line in lines[:-1])
        times = [line["t"] for line in lines[:-1]]
        assert times == sorted(times)

        # What it says of the outside world is so.
        token = steps["begin"]["token"]
        reached = [to for mail in lab.sink.mails() for to in mail.recipients if f"-{token}." in to]
        assert len(reached) == steps["leaked"]["leaked"]
        # No trace: standing, held mail, incident, mailbox, queue.
        assert done(lab, "account", "show", DRILL)["standing"] == "normal"
        assert done(lab, "hold", "list", "--account", DRILL)["items"] == []
        assert done(lab, "incident", "show", steps["restricted"]["incident"])["state"] == "closed"
        assert not [subject for subject in lab.subjects(DRILL) if subject and token in subject]
        wait_for(lambda: not [entry for entry in lab.queue() if entry["sender"] == DRILL], 20,
                 "no mail of the drill in the queue")


def test_it_is_told_to_people_in_their_language(lab):
    japanese = sekimori(lab, "drill", LANG="ja_JP.UTF-8", deadline=180)
    assert japanese.code == 0, japanese.out
    assert "訓練は成功です" in japanese.out and "✓" in japanese.out and "✗" not in japanese.out


def test_what_cannot_be_played_fails(lab, tmp_path):
    """A failed expectation is named, and the exit status tells."""
    endpoints = json.loads((lab.directory / "endpoints.json").read_text())
    # The wrong password: nothing of it can be played.
    for entry in endpoints["accounts"]:
        if entry["address"] == DRILL:
            entry["password"] = "wrong"
    broken = tmp_path / "endpoints.json"
    broken.write_text(json.dumps(endpoints))
    finished, lines = play(lab, "--endpoints", broken)
    assert finished.code == 1
    assert lines[-1]["verdict"] == "failed" and lines[-1]["failed"]
    missing = sekimori(lab, "drill", "--endpoints", tmp_path / "none.json")
    assert missing.code == 1
