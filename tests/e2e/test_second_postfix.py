"""Another real mail server: mail that it has for a suspended mailbox waits there, and all of it arrives
after the restore: none bounced, none twice; and the clock of waiting mail counted it all. Its own
bounces are told apart: of mail that this server sent, and of mail that a stranger wrote there."""

import contextlib
import datetime
import email.utils
import json
import pathlib
import re
import smtplib
import sqlite3
import urllib.parse

from labkit import HOST, message, wait_for
from secondpostfix import second_postfix
from test_portal import begin
from test_recovery import as_owner
from test_telling import OPERATORS, Person

MESSAGES = 21  # and two more


def waiting_of(lab, person):
    return lab.api.get(f"/accounts/{urllib.parse.quote(person)}/waiting")


def test_all_of_it_arrives_after_the_restore(lab, people):
    person, other, _ = people
    with second_postfix(lab.endpoints["smtp_port"]) as second:
        lab.api.change("suspend", "account", person, reason="a test")
        wait_for(lambda: any(row == (1, 1, 1) for row in lab.guard_rows("account", person)), 20,
                 "guard.db")
        made = [message("friend@outside.example", person) for _ in range(MESSAGES)]
        to_both = message("friend@outside.example", [person, other])
        with smtplib.SMTP(HOST, second.port, "friend.example", timeout=60) as smtp:
            for one in made:
                smtp.send_message(one, "friend@outside.example", [person])
            smtp.send_message(to_both, "friend@outside.example", [person, other])
        subjects = [one["Subject"] for one in made] + [to_both["Subject"]]

        # The other recipient of one message has it at once; the rest is refused for now, and kept.
        lab.wait_in_mailbox(other, to_both["Subject"])

        def deferred():
            return set(re.findall(rf"(\w+): to=<{person}>.* dsn=4\.2\.1, status=deferred",
                                  second.text()))

        wait_for(lambda: len(deferred()) == MESSAGES + 1, 60, "all of them deferred at the sender")
        assert len(second.queue()) == MESSAGES + 1
        # A colleague's waits in our own queue.
        colleagues = lab.send(other, person)
        clock = wait_for(lambda: (lambda seen: seen if seen["waiting"] == MESSAGES + 2 else None)(
            waiting_of(lab, person)), 20, "all of them on the clock")
        at_sender = [one for one in clock["messages"] if one["place"] == "sender"]
        [here] = [one for one in clock["messages"] if one["place"] == "here"]
        assert len(at_sender) == MESSAGES + 1 and here["sender"] == other and here["queue_id"]
        assert {one["sender"] for one in at_sender} == {"friend@outside.example"}
        assert all(one["size"] > 0 and one["gives_up"] > one["first"] for one in at_sender)
        assert clock["gives_up"] in [one["gives_up"] for one in clock["messages"]]
        told = lab.sekimori("--lang", "ja", "account", "waiting", person).stdout
        assert f"{MESSAGES + 2} 通が待っています" in told and "このサーバーのキュー" in told
        # The daemon's end changes nothing: tried again, they are refused again.
        lab.kill_daemon()
        tries = second.text().count("dsn=4.2.1")
        wait_for(lambda: second.text().count("dsn=4.2.1") > tries + 5, 30, "further tries")
        lab.start_daemon()
        assert len(second.queue()) == MESSAGES + 1
        again = waiting_of(lab, person)
        assert again["waiting"] == MESSAGES + 2, again
        [row] = [one for one in lab.api.get("/waiting")["items"] if one["account"] == person]
        assert row["waiting"] == MESSAGES + 2

        lab.api.change("restore", "account", person, reason="a test's end")
        wait_for(lambda: not second.queue(), 60, "an empty queue at the sender")
        subjects.append(colleagues)
        wait_for(lambda: set(subjects) <= set(lab.subjects(person)), 30, "all of it there")
        def ticked_off():
            clock = waiting_of(lab, person)
            left = [one for one in clock["messages"] if one["state"] != "arrived"]
            assert not left, (clock["summary"], left[:2])
            return clock

        clock = wait_for(ticked_off, 20, "each ticked off")
        assert clock["total"] == MESSAGES + 2
        assert clock["summary"]["en"] == f"{MESSAGES + 2} of {MESSAGES + 2} arrived."
        assert json.loads(lab.sekimori("--json", "account", "waiting", person).stdout)["arrived"]
        said = lab.sekimori("--lang", "en", "account", "waiting", person).stdout
        assert "23 of 23 arrived." in said, said
        found = [subject for subject in lab.subjects(person) if subject.startswith("test ")]
        assert sorted(found) == sorted(subjects), "each exactly once"
        assert lab.subjects(other) == [to_both["Subject"]]
        log = second.text()
        assert "status=bounced" not in log and "dsn=5." not in log
        assert len(re.findall(rf"to=<{person}>.*status=sent", log)) == MESSAGES + 1


def test_all_of_it_arrives_when_receiving_is_on_again(lab):
    """A person's switch in place of the standing: the same clock, the same warning, the same end."""
    person = Person(lab)
    account = person.address
    where = f"/accounts/{urllib.parse.quote(account)}/switches"
    with second_postfix(lab.endpoints["smtp_port"]) as second:
        lab.api.call("POST", where, {"what": "receive", "on": False, "reason": "引っ越しのため"})
        made = [message("friend@outside.example", account) for _ in range(MESSAGES + 1)]
        with smtplib.SMTP(HOST, second.port, "friend.example", timeout=60) as smtp:
            for one in made:
                smtp.send_message(one, "friend@outside.example", [account])
        colleagues = lab.send(person.admin, account)
        subjects = [one["Subject"] for one in made] + [colleagues]
        all_of_it = len(subjects)
        wait_for(lambda: waiting_of(lab, account)["waiting"] == all_of_it, 60, "all on the clock")
        clock = waiting_of(lab, account)
        assert [one["place"] for one in clock["messages"]].count("here") == 1
        assert f"{all_of_it} 通が待っています" in lab.sekimori("--lang", "ja", "account", "waiting",
                                                              account).stdout
        token = begin(lab, account, lab.passwords[account]).json["token"]
        assert as_owner(lab, token, "GET", "status").json["waiting"] == all_of_it
        assert person.rows() == [], "nobody is told yet"

        # Three days later: whoever can switch it on, or wants it on, is told that it is soon lost.
        lab.stop_daemon()
        database = pathlib.Path(lab.inside["home"]) / "state/sekimori.db"
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as store, store:
            store.execute("UPDATE waiting_message SET first_us = first_us - ? WHERE account = ?",
                          (int(73 * 3600e6), account))
        lab.start_daemon()
        [letter] = lab.sink.wait_for(to=person.elsewhere, deadline=60)
        person.all_delivered()
        assert {row[0] for row in person.rows()} == {"mail_waiting_off"}
        assert "mailbox" not in [row[2] for row in person.rows()]
        text = letter.content.get_content()
        for said in ("山田 太郎 様", "管理者が受信を止めています", "引っ越しのため", "少なくとも 2 人",
                     "the administrator"):
            assert said in text, (said, text)
        assert "ウイルス" not in text and "パスワードに変え" not in text
        assert wait_for(lambda: len(person.told(person.admin)) == 1, 20)
        assert wait_for(lambda: len(person.told(OPERATORS)) == 1, 20)
        assert waiting_of(lab, account)["waiting"] == all_of_it

        lab.api.call("POST", where, {"what": "receive", "on": True, "reason": ""})
        wait_for(lambda: not second.queue(), 60, "an empty queue at the sender")
        wait_for(lambda: waiting_of(lab, account)["arrived"] == all_of_it, 60, "each ticked off")
        assert waiting_of(lab, account)["summary"]["en"] == f"{all_of_it} of {all_of_it} arrived."
        assert f"{all_of_it} of {all_of_it} arrived." in lab.sekimori(
            "--lang", "en", "account", "waiting", account).stdout
        found = [subject for subject in lab.subjects(account) if subject.startswith("test ")]
        assert sorted(found) == sorted(subjects), "each exactly once"
        log = second.text()
        assert "status=bounced" not in log and "dsn=5." not in log
        # Nothing of it is told again.
        lab.kill_daemon()
        lab.start_daemon()
        assert {row[0] for row in person.rows()} == {"mail_waiting_off"}
        assert len(person.outside()) == 1


def test_its_bounces_are_told_apart(lab, people):
    person, other = people[0], people[1]
    alias = f"one@{person.partition('@')[2]}"  # the person's
    nobody = f"nobody@{person.partition('@')[2]}"  # whom our MX refuses: so that it bounces there

    def counts(account):
        return lab.api.get(f"/accounts/{urllib.parse.quote(account)}/bounces")["counts"]

    now = email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc))
    [mail] = lab.sink.wait_for(subject=lab.send(person, "reader@far.example", Date=now))
    ours = mail.path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    head = b"\n".join(line for line in ours[0].split(b"\n") if not line.startswith(b"X-Envelope-"))
    with second_postfix(lab.endpoints["smtp_port"]) as second:
        with smtplib.SMTP(HOST, second.port, "evil.example", timeout=60) as smtp:
            # What this server sent, as the next one got it; and what a stranger wrote, in the
            # account's name and in that of its alias.
            smtp.sendmail(person, nobody,
                          (head + b"\n\n" + ours[2]).replace(b"\n", b"\r\n"))
            for sender in (person, alias, other):
                smtp.send_message(message(sender, nobody, Date=now), sender,
                                  [nobody])
        wait_for(lambda: not second.queue(), 30, "all of them returned")
        assert len(re.findall(rf"to=<{nobody}>.*dsn=5\.\d\.\d, status=bounced",
                              second.text())) == 4

    def told_apart():
        assert counts(person) == {"ours": 1, "forged": 2, "unknown": 0, "feedback": 0}, \
            counts(person)
        return counts(other) == {"ours": 0, "forged": 1, "unknown": 0, "feedback": 0}

    wait_for(told_apart, 30, "each charged to whom it belongs")
    # The account got them itself, those to its alias, too.
    wait_for(lambda: lab.subjects(person).count("Undelivered Mail Returned to Sender") == 3, 20,
             "the bounces in the mailbox")
