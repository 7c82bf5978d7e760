"""Old logs make an owner known on the first day: by the daemon's socket and without a daemon."""

import datetime
import gzip
import json
import os
import smtplib
import subprocess

import pytest

from labkit import wait_for

HOME = "192.0.2.50"  # in Japan, as the lab's GeoIP files say
ABROAD = [f"198.51.100.{first}" for first in (65, 97, 129, 161, 193)]
FRIENDS = 30
WEEKS = 8


def contact(mark, number):
    return f"{mark}.friend{number % FRIENDS}@partner.example"


def old_log(person, mark, until, count=160):
    """Lines as Postfix and Dovecot wrote them: every eight hours a sign-in and a message."""
    lines = []
    for number in range(count):
        t = until - datetime.timedelta(hours=8 * (count - 1 - number), minutes=number % 50)
        stamp = t.strftime("%b ") + f"{t.day:2d}" + t.strftime(" %H:%M:%S")
        queue_id = f"4A{number:04X}{hash_of(mark):04X}"
        to = contact(mark, number)
        lines += [
            f"{stamp} mx1 dovecot: imap-login: Login: user=<{person}>, method=PLAIN, rip={HOME}, "
            f"lip=192.0.2.1, mpid={1000 + number}, TLS, session=<s{number}{mark}>",
            f"{stamp} mx1 postfix/submission/smtpd[11]: {queue_id}: client=pc[{HOME}], "
            f"sasl_method=PLAIN, sasl_username={person}",
            f"{stamp} mx1 postfix/cleanup[12]: {queue_id}: message-id=<{number}.{mark}@pc>",
            f"{stamp} mx1 postfix/qmgr[13]: {queue_id}: from=<{person}>, "
            f"size={2000 + number * 37 % 9000}, nrcpt=1 (queue active)",
            f"{stamp} mx1 postfix/smtp[14]: {queue_id}: to=<{to}>, relay=mx.partner.example"
            f"[203.0.113.25]:25, delay=1, delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 ok)",
            f"{stamp} mx1 postfix/qmgr[13]: {queue_id}: removed",
        ]
    return lines


def hash_of(mark):
    return sum(map(ord, mark)) % 0xFFFF


@pytest.fixture
def logs(tmp_path):
    """Two files of a rotated set, the older one packed."""
    os.chmod(tmp_path, 0o755)

    def write(lines, name="mail.log"):
        half = len(lines) // 12 * 6
        older, newer = tmp_path / f"{name}.1.gz", tmp_path / name
        older.write_bytes(gzip.compress(("\n".join(lines[:half]) + "\n").encode()))
        newer.write_text("\n".join(lines[half:]) + "\n")
        return [newer, older]
    return write


def learn(lab, *words):
    done = lab.sekimori("--json", "learn", *map(str, words), deadline=120)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def invite(lab, person, mark, friends=25):
    """One message to many friends at once."""
    return lab.send(person, [contact(mark, number) for number in range(friends)], client=HOME)


def test_an_owner_with_a_past_is_no_stranger(lab, logs):
    known, unknown, other = lab.hire(3)
    mark = known.partition("@")[2].partition(".")[0]
    until = datetime.datetime.now() - datetime.timedelta(days=2)
    files = logs(old_log(known, mark, until))

    told = learn(lab, *files)
    assert told["lines"] == 160 * 6
    assert told["unknown_lines"] == 0
    assert told["learnt"] == told["events"] > 320
    assert told["report"]["contacts"] == FRIENDS
    assert told["report"]["messages"] == 160
    assert told["report"]["accounts"] == 1
    assert told["report"]["places_median"] == 1
    assert told["report"]["left_out"]["accounts"] == 0
    assert [file["packed"] for file in told["files"]] == ["gzip", "none"]

    # The same log teaches nothing twice.
    before = lab.live_state_hash()
    again = learn(lab, *reversed(files))
    assert again["already"] == told["events"] and again["learnt"] == 0
    assert lab.live_state_hash() == before

    # What friends get at once is a blast to strangers for an account without a past.
    subject = invite(lab, known, mark)
    assert len(lab.sink.wait_for(subject=subject, count=1)) >= 1
    assert lab.api.holds(known) == []
    invite(lab, unknown, mark)
    wait_for(lambda: lab.api.holds(unknown), 20, "the stranger's message being held")

    # A past protects nobody from being stopped when the mailbox is stolen.
    with pytest.raises(smtplib.SMTPException):
        for turn in range(60):
            to = [f"victim{turn}.{k}@{mark}d{k}.example" for k in range(10)]
            lab.send(known, to, client=ABROAD[turn % len(ABROAD)])
    standing = lab.api.account(known)["standing"]
    assert standing in ("restricted", "suspended"), standing

    # kill -9: the same state comes back, history included.
    live = lab.quiet_state_hash()
    lab.kill_daemon()
    lab.start_daemon()
    assert lab.recovered_state_hash() == live
    lab.api.change("restore", "account", known, reason="a test's end")


def test_it_works_without_a_daemon(lab, logs):
    person, *_ = lab.hire(1)
    mark = person.partition("@")[2].partition(".")[0]
    files = logs(old_log(person, mark, datetime.datetime.now() - datetime.timedelta(days=3)))
    lab.stop_daemon()
    try:
        told = learn(lab, *files)
        assert told["report"]["contacts"] == FRIENDS
    finally:
        lab.start_daemon()
    again = learn(lab, *files)
    assert again["learnt"] == 0 and again["already"] == told["events"]
    subject = invite(lab, person, mark)
    assert lab.sink.wait_for(subject=subject, count=1)
    assert lab.api.holds(person) == []


def test_what_cannot_be_read_is_named(lab, logs, tmp_path):
    person, *_ = lab.hire(1)
    until = datetime.datetime.now() - datetime.timedelta(days=3)
    lines = old_log(person, "broken", until, 900)
    [newer, older] = logs(lines)
    packed = older.read_bytes()
    older.write_bytes(packed[:len(packed) // 2])
    notes = tmp_path / "notes.txt"
    notes.write_text("this is no log\n")
    done = lab.sekimori("--lang", "en", "learn", str(newer), str(older), str(notes), deadline=120)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "broken before its end" in done.stdout and older.name in done.stdout
    assert "could not be read" in done.stdout and notes.name in done.stdout
    missing = lab.sekimori("learn", "/nowhere/mail.log")
    assert missing.returncode == 1 and "/nowhere/mail.log" in missing.stderr


def test_standard_input_and_japanese(lab):
    person, *_ = lab.hire(1)
    lines = old_log(person, "pipe", datetime.datetime.now() - datetime.timedelta(days=3), 40)
    home = lab.inside["home"]
    done = subprocess.run([f"{home}/bin/sekimori", "--config", lab.endpoints["config"], "--lang",
                           "ja", "learn", "-"],
                          input=gzip.compress("\n".join(lines).encode() + b"\n"),
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "覚えた宛先" in done.stdout.decode()
