"""Mail that another real mail server has for a suspended mailbox waits there, and all of it arrives
after the restore: none bounced, none twice."""

import re
import smtplib

from labkit import HOST, message, wait_for
from secondpostfix import second_postfix

MESSAGES = 30


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
        # The daemon's end changes nothing: tried again, they are refused again.
        lab.kill_daemon()
        tries = second.text().count("dsn=4.2.1")
        wait_for(lambda: second.text().count("dsn=4.2.1") > tries + 5, 30, "further tries")
        lab.start_daemon()
        assert len(second.queue()) == MESSAGES + 1

        lab.api.change("restore", "account", person, reason="a test's end")
        wait_for(lambda: not second.queue(), 60, "an empty queue at the sender")
        wait_for(lambda: set(subjects) <= set(lab.subjects(person)), 30, "all of it there")
        found = [subject for subject in lab.subjects(person) if subject.startswith("test ")]
        assert sorted(found) == sorted(subjects), "each exactly once"
        assert lab.subjects(other) == [to_both["Subject"]]
        log = second.text()
        assert "status=bounced" not in log and "dsn=5." not in log
        assert len(re.findall(rf"to=<{person}>.*status=sent", log)) == MESSAGES + 1
