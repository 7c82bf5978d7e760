"""Mail that another real mail server has for a suspended mailbox waits there, and all of it arrives
after the restore: none bounced, none twice; and the clock of waiting mail counted it all."""

import json
import re
import smtplib
import urllib.parse

from labkit import HOST, message, wait_for
from secondpostfix import second_postfix

MESSAGES = 30


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
        found = [subject for subject in lab.subjects(person) if subject.startswith("test ")]
        assert sorted(found) == sorted(subjects), "each exactly once"
        assert lab.subjects(other) == [to_both["Subject"]]
        log = second.text()
        assert "status=bounced" not in log and "dsn=5." not in log
        assert len(re.findall(rf"to=<{person}>.*status=sent", log)) == MESSAGES + 1
