"""A message to many strangers waits in Postfix's hold queue until somebody decides."""

import re

import pytest

from labkit import wait_for

STRANGERS = 25


def known(lab, person, contacts):
    """The owner writes to his contacts, as on any day."""
    for contact in contacts:
        lab.sink.wait_for(subject=lab.send(person, contact, client="192.0.2.10"))


def blast(lab, person, name):
    """One message to strangers; returns (subject, recipients)."""
    recipients = [f"{name}{number}@strangers{number % 5}.example" for number in range(STRANGERS)]
    return lab.send(person, recipients, client="192.0.2.10"), recipients


def one_hold(lab, person):
    """The held message, both as Postfix and as Sekimori have it."""
    [entry] = wait_for(lambda: lab.queued(person, queue="hold"), 20, "it in the hold queue")
    # The database hears of it a moment after Postfix.
    holds = wait_for(lambda: lab.api.holds(person), 20, "it in the list of holds")
    assert [hold["queue_id"] for hold in holds] == [entry["queue_id"]]
    assert len(entry["recipients"]) == holds[0]["recipients"] == STRANGERS
    assert holds[0]["size"] > 0 and holds[0]["state"] == "held"
    assert "初めての相手" in holds[0]["reason"]["ja"]
    assert re.search(r"\b2\d recipients", holds[0]["reason"]["en"])
    assert "shape " in holds[0]["evidence"]
    return holds[0]


@pytest.fixture
def sender(lab, people):
    known(lab, people[0], ["one@contacts.example", "two@contacts.example"])
    yield people[0]
    if not lab.daemon_runs():
        lab.start_daemon()
    lab.api.call("POST", "/release-all", {"reason": "a test's end"})
    assert not lab.queued(people[0], queue="hold")


def test_a_blast_is_held_and_released_once(lab, sender):
    subject, recipients = blast(lab, sender, "r")
    hold = one_hold(lab, sender)
    assert lab.api.account(sender)["standing"] == "normal"
    # The owner's mail to contacts passes, and so does everybody else's.
    known(lab, sender, ["one@contacts.example"])
    assert not lab.sink.mails(subject=subject)
    done = lab.api.call("POST", f"/holds/{hold['queue_id']}/release", {"reason": "asked: his"})
    assert done["state"] == "released" and done["ended_by"]
    mails = lab.sink.wait_for(subject=subject)
    wait_for(lambda: not lab.queued(sender), 20, "it gone from the queue")
    mails = lab.sink.mails(subject=subject)
    arrived = [recipient for mail in mails for recipient in mail.recipients]
    assert sorted(arrived) == sorted(recipients)
    assert not lab.api.holds(sender)
    assert [h["queue_id"] for h in lab.api.holds(sender, "released")] == [hold["queue_id"]]
    assert any(entry["action"] == "release" and entry["why"] == "asked: his"
               for entry in lab.api.audit(sender))
    again = lab.api.ask("POST", f"/holds/{hold['queue_id']}/release", {})
    assert again.status == 409, again.body


def test_the_operators_are_told_why_it_waits(lab, sender):
    blast(lab, sender, "n")
    hold = one_hold(lab, sender)
    [incident] = [one for one in lab.api.get("/incidents?account=" + sender)["items"]
                  if one["id"] == hold["incident"]]
    assert incident["summary"] == hold["reason"]

    def notice():
        if not any(sender in subject for subject in lab.subjects("postmaster@lab-en.example")):
            return None
        text = lab.newest("postmaster@lab-en.example").get_content()
        return text if sender in text else None

    text = "".join(wait_for(notice, 30, "a notice of it").split())
    assert "".join(hold["reason"]["ja"].split()) in text
    shown = lab.sekimori("incident", "show", str(incident["id"]), "--lang", "en")
    assert hold["reason"]["en"] in shown.stdout and " nats  shape" in shown.stdout, shown.stdout


def test_a_deleted_hold_never_arrives(lab, sender):
    subject, _ = blast(lab, sender, "d")
    hold = one_hold(lab, sender)
    assert lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})["state"] == "deleted"
    wait_for(lambda: not lab.queued(sender), 20, "it gone from the queue")
    known(lab, sender, ["two@contacts.example"])
    assert not lab.sink.mails(subject=subject)
    assert lab.api.ask("POST", f"/holds/{hold['queue_id']}/release", {}).status == 409


def test_holds_outlive_the_daemon(lab, sender):
    subject, _ = blast(lab, sender, "k")
    hold = one_hold(lab, sender)
    lab.kill_daemon()
    lab.start_daemon()
    assert one_hold(lab, sender)["queue_id"] == hold["queue_id"]
    lab.api.call("POST", f"/holds/{hold['queue_id']}/release", {})
    lab.sink.wait_for(subject=subject)


def test_release_all_works_with_the_daemon_dead(lab, sender):
    subject, recipients = blast(lab, sender, "p")
    one_hold(lab, sender)
    lab.kill_daemon()
    done = lab.sekimori("release-all")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.sink.wait_for(subject=subject)
    wait_for(lambda: not lab.queued(sender), 20, "it gone from the queue")
    arrived = [recipient for mail in lab.sink.mails(subject=subject)
               for recipient in mail.recipients]
    assert sorted(arrived) == sorted(recipients)
    lab.start_daemon()
    wait_for(lambda: not lab.api.holds(sender), 20, "the successor knowing that it went")


def test_release_all_over_the_api(lab, sender):
    first, _ = blast(lab, sender, "a")
    one_hold(lab, sender)
    report = lab.api.call("POST", "/release-all", {"reason": "all fine"})
    assert report["released"] >= 1 and report["complete"]
    lab.sink.wait_for(subject=first)


def test_a_watchdog_tells_of_mail_held_while_the_daemon_is_dead(lab, sender):
    """The lab waits seconds where a site waits minutes."""
    blast(lab, sender, "w")
    one_hold(lab, sender)
    before = len(lab.subjects("postmaster@lab-en.example"))
    lab.kill_daemon()
    wait_for(lambda: len(lab.subjects("postmaster@lab-en.example")) > before, 60,
             "a word to the operators")
    assert "held" in lab.newest("postmaster@lab-en.example").get_content()
