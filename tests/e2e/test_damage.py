"""A hijack among ordinary mail, and afterwards the report of it: its counts are what the outside
world and the mail log say, the owner's own mail is not among them, and those who received something
can be told, once."""

import csv
import io
import itertools
import json
import re
import time
import urllib.parse

import pytest

from labkit import wait_for
from test_attack import ABROAD, Everyday, leaked, send_as_hijacker, strangers

HOME = "192.0.2.50"
WIPED = 3


def wipe_sent_mail(lab, person):
    """A stranger looks through the mailbox of sent mail and leaves it empty."""
    imap = lab.imap(person, ABROAD[0])
    try:
        imap.create("Sent")
        for number in range(WIPED):
            imap.append("Sent", None, None, f"Subject: {number}\r\n\r\nhello\r\n".encode())
        imap.select("Sent")
        imap.fetch("1:*", "(BODY.PEEK[])")
        imap.store("1:*", "+FLAGS", "\\Deleted")
        imap.expunge()
    finally:
        imap.logout()


@pytest.fixture(scope="module")
def hijack(lab):
    """(account, mark, incident) after a hijack with three others writing meanwhile."""
    owners = lab.hire(4)
    person, others = owners[0], owners[1:]
    mark = person.partition("@")[2].partition(".")[0]
    for number in range(4):
        lab.send(person, f"{mark}friend{number % 2}@friends.example", client=HOME)
    wait_for(lambda: len(lab.sink.mails(sender=person)) == 4, 20, "the owner's day before")
    with Everyday(lab, others) as everyday:
        offered = 0
        started = time.monotonic()
        for turn, client in enumerate(itertools.cycle(ABROAD)):
            # At first one is unknown there and one must wait; later bigger ones.
            to = ([f"bounce-{mark}@gone.example"], [f"defer-{mark}@later.example"])[turn:turn + 1]
            to = to[0] if to else strangers(mark, 1 if turn < 5 else 5, offered)
            if turn == 0:
                lab.deliver("no-reply@accounts.google.com", person)
                lab.deliver("mother@family.example", person)
            send_as_hijacker(lab, person, client, to)
            if turn == 2:
                wipe_sent_mail(lab, person)
            offered += len(to)
            if lab.api.account(person)["standing"] in ("restricted", "suspended"):
                break
            assert time.monotonic() - started < 60, f"not contained after {offered}"
        wait_for(lambda: len(everyday.sent) > 6, 30, "ordinary mail")
    assert not everyday.problems
    wait_for(lambda: not [entry for entry in lab.queued(person)
                          if entry["queue_name"] in ("active", "incoming")], 30, "a settled queue")
    return person, mark, lab.api.account(person)["incident"]["id"]


def damage(lab, incident):
    return lab.api.get(f"/incidents/{incident}/damage")


def test_its_counts_are_what_the_sink_and_the_log_say(lab, hijack):
    person, mark, incident = hijack

    def settled():
        report = damage(lab, incident)
        assert report["mail"]["fates"]["accepted"] == 0, report["mail"]
        assert report["mail"]["fates"]["delivered"] == len(leaked(lab, mark)), report["mail"]
        return report

    report = wait_for(settled, 30, "the report telling the fate of all")
    mail, fates = report["mail"], report["mail"]["fates"]
    assert report["account"] == person and report["told_apart"] and not report["final"]
    assert sum(fates.values()) == mail["recipients"]
    assert fates["bounced"] == 1
    # What had to wait waits, or was held when the account was contained.
    assert fates["deferred"] + fates["held"] >= 1
    assert mail["recipients_until_contained"] >= fates["delivered"] > 0
    # What the log says was handed to the outside world for it.
    log = lab.maillog()
    ids = {one["queue_id"] for one in report["messages"]}
    sent = [line for line in re.findall(r"(\w+): to=<[^>]*>.*status=sent", log) if line in ids]
    assert len(sent) == fates["delivered"]
    # The owner's own mail is not among it, and nobody else's.
    assert all(not one["address"].endswith("friends.example") for one in report["recipients"])
    assert {one["from"] for one in report["messages"]} == {person}
    assert all(place["ip"] in ABROAD for place in report["places"])
    assert sum(place["sign_ins"] for place in report["places"]) >= 1
    assert report["contained"] > report["onset"]
    assert report["neighbours"]["others"]["messages"] > 0
    assert report["neighbours"]["stranger"]["recipients"] > 0
    # What was read and wiped, and where.
    wait_for(lambda: damage(lab, incident)["reading"]["sent_expunged"] == WIPED, 20, "the wipe")
    reading = damage(lab, incident)["reading"]
    assert reading["expunges"] == [{"mailbox": "Sent", "messages": WIPED, "sent_mail": True}]
    assert reading["fetched"] == WIPED and reading["deleted"] == WIPED
    # Its services, from senders alone.
    wait_for(lambda: [one["domain"] for one in damage(lab, incident)["services"]]
             == ["accounts.google.com"], 20, "the service that wrote meanwhile")
    # The hands may still be at work when the mail's fate is known.
    wait_for(lambda: {"onset", "message", "standing", "step"} <= {
        moment["kind"] for moment in damage(lab, incident)["timeline"]}, 20, "all on one axis")


def test_all_recipients_can_be_taken_out(lab, hijack, tmp_path):
    _, mark, incident = hijack
    answer = lab.api.ask("GET", f"/incidents/{incident}/recipients.csv?lang=en")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body)))
    delivered = {row["address"] for row in rows if row["fate"] == "delivered"}
    assert delivered == leaked(lab, mark)
    assert len({row["address"] for row in rows}) == len(rows)
    page = lab.api.ask("GET", f"/incidents/{incident}/damage.html?lang=ja")
    assert page.status == 200 and "被害報告書" in page.body and "<script" not in page.body
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    html, table = tmp_path / "report.html", tmp_path / "people.csv"
    done = lab.sekimori("--lang", "en", "incident", "report", str(incident), "--html", html,
                        "--csv", table)
    assert done.returncode == 0, done.stderr
    assert "Damage report" in html.read_text() and html.stat().st_mode & 0o077 == 0
    assert table.read_text().startswith("\ufeffaddress,")
    told = lab.sekimori("--lang", "ja", "incident", "report", str(incident)).stdout
    assert "不審なメール" in told and "Google" in told
    person = hijack[0]
    wait_for(lambda: "export_recipients" in [one["action"] for one in lab.api.audit(person)], 20,
             "the export in the audit")
    for path in ("damage", "damage.html", "recipients.csv"):
        assert lab.api.raw("GET", f"/api/v1/incidents/{incident}/{path}").status == 401
        assert lab.api.ask("GET", f"/incidents/999999/{path}").status == 404


def test_those_who_received_something_are_told_once(lab, hijack):
    person, mark, incident = hijack
    path = f"/incidents/{incident}/note-to-recipients"
    draft = lab.api.call("POST", path, {})
    assert person in draft["subject"] and "開かず" in draft["body"] and "unopened" in draft["body"]
    people = leaked(lab, mark)
    assert draft["addressees"] == len(people) and draft["sent"] == 0
    assert lab.api.ask("POST", path, {"send": True}).status == 400
    subject = f"About mail from {mark}"
    for _ in range(2):
        lab.api.call("POST", path, {"send": True, "subject": subject, "reason": "the owner asked"})
    lab.kill_daemon()
    lab.start_daemon()

    def all_told():
        found = lab.api.call("POST", path, {})
        assert found["waiting"] == 0, found
        return found

    found = wait_for(all_told, 60, "all of them told")
    assert found["failed"] == 0 and found["sent"] + found["uncertain"] == len(people)
    notes = lab.sink.wait_for(subject=subject, count=found["sent"])
    told = [recipient for note in notes for recipient in note.recipients]
    assert len(told) == len(set(told)) and set(told) <= people, "nobody twice"
    assert len(told) >= found["sent"] > 0
    assert all(note.content["Auto-Submitted"].startswith("auto-") for note in notes)
    assert "note_to_recipients" in [one["action"] for one in lab.api.audit(person)]


def test_a_closed_incidents_report_stays(lab, hijack):
    person, _, incident = hijack
    before = damage(lab, incident)["mail"]
    lab.api.change("restore", "account", person, reason="a test's end")
    lab.api.call("POST", f"/incidents/{incident}/close", {"reason": "over"})
    kept = damage(lab, incident)
    assert kept["final"] and kept["mail"]["recipients"] == before["recipients"]
    # What comes later is none of it.
    lab.send(person, "later@friends.example", client=ABROAD[0])
    lab.kill_daemon()
    lab.start_daemon()
    assert damage(lab, incident) == kept
    assert json.loads(lab.sekimori("--json", "incident", "report", str(incident)).stdout) == kept
    assert lab.api.get(f"/accounts/{urllib.parse.quote(person)}/waiting")["total"] == 0
