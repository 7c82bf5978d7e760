"""Held mail never strands unseen: with the daemon dead, the helper's watchdog tells the operators."""

import pytest

from labkit import wait_for

OPERATOR = "postmaster@lab-en.example"


@pytest.fixture
def sender(lab, people):
    yield people[0]
    if not lab.daemon_runs():
        lab.start_daemon()
    lab.api.call("POST", "/release-all", {"reason": "a test's end"})


def test_a_person_is_told_when_the_daemon_is_dead_while_mail_is_held(lab, sender):
    lab.send(sender, [f"w{number}@watched.example" for number in range(25)], client="192.0.2.10")
    wait_for(lambda: lab.queued(sender, queue="hold"), 20, "it in the hold queue")
    before = len(lab.subjects(OPERATOR))
    lab.kill_daemon()
    # watchdog.held_alarm is 20 s in a lab; the mail goes through Postfix, which needs no daemon.
    wait_for(lambda: len(lab.subjects(OPERATOR)) > before, 60, "a notice to the operator")
    lab.start_daemon()
    assert lab.queued(sender, queue="hold"), "telling must not let the mail go"
