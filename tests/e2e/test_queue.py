"""An account's mail in Postfix's queue: seen, held, let go, deleted, and nobody else's touched."""

import pytest

from clikit import done, sekimori
from labkit import wait_for


@pytest.fixture
def stuck(lab, people):
    """Mail that cannot leave for now: three messages of one account and one of a neighbour, to
    whom the world answers "later"."""
    person, neighbour = people[:2]
    for number in range(3):
        lab.send(person, [f"defer-to{number}@stuck.example", f"defer-cc{number}@stuck.example"],
                 client="192.0.2.10", subject=f"請求書 {number}")
    lab.send(neighbour, "defer-to@stuck.example", client="192.0.2.11")
    wait_for(lambda: len(lab.queued(person, queue="deferred")) == 3
             and lab.queued(neighbour, queue="deferred"), 30, "mail in the queue")
    yield person, neighbour
    for entry in lab.queued(person) + lab.queued(neighbour):
        lab.postsuper("-d", entry["queue_id"])


def parts(answer):
    return {part["part"]: part["messages"] for part in answer["parts"] if part["messages"]}


def test_it_is_listed_held_released_and_deleted_by_whose_login_it_is(lab, stuck):
    person, neighbour = stuck
    seen = done(lab, "queue", "list", person)
    assert parts(seen) == {"deferred": 3} and seen["total"] == 3
    assert sum(part["recipients"] for part in seen["parts"]) == 6
    assert sum(part["bytes"] for part in seen["parts"]) > 900
    assert all(item["first_recipient"].startswith("defer-") for item in seen["items"])
    assert all(item["subject"] is None and item["arrival"] for item in seen["items"])
    first, second, third = [item["queue_id"] for item in seen["items"]]
    # Content of communication, and not allowed in this lab.
    assert sekimori(lab, "queue", "list", person, "--subjects").code == 1

    # The neighbour's message is not the account's, whoever asks for it.
    [other] = lab.queued(neighbour)
    refused = sekimori(lab, "queue", "delete", person, other["queue_id"], "--reason", "x")
    assert refused.code == 1, refused.out
    assert sekimori(lab, "queue", "delete", person, "--all").code == 2  # no reason
    assert sekimori(lab, "queue", "hold", person).code == 2             # no messages named

    held = done(lab, "queue", "hold", person, first, "--reason", "調べています")
    assert (held["done"], held["recipients"], held["gone"]) == (1, 2, 0)
    assert parts(done(lab, "queue", "list", person)) == {"deferred": 2, "hold": 1}
    [listed] = done(lab, "queue", "list", person, "--part", "hold")["items"]
    assert listed["queue_id"] == first and listed["held_by_us"]
    assert listed["reason"]["ja"] == "調べています"
    # As any held message: on the list of holds, and in the engine.
    assert [hold["queue_id"] for hold in lab.api.holds(person)] == [first]
    assert [hold["queue_id"] for hold in lab.api.account(person)["holds"]] == [first]
    again = sekimori(lab, "queue", "hold", person, first)
    assert again.code == 1, again.out  # it is held already

    done(lab, "queue", "hold", person, "--all", "--reason", "すべて")
    assert parts(done(lab, "queue", "list", person)) == {"hold": 3}
    assert [entry["queue_name"] for entry in lab.queued(neighbour)] == ["deferred"]

    removed = done(lab, "queue", "delete", person, second, third, "--reason", "迷惑メールです")
    assert (removed["done"], removed["recipients"]) == (2, 4)
    assert [entry["queue_id"] for entry in lab.queued(person)] == [first]
    assert {hold["queue_id"] for hold in lab.api.holds(person, "deleted")} == {second, third}
    assert any(entry["action"] == "delete_queued" and entry["why"] == "迷惑メールです"
               for entry in lab.api.audit(person))

    released = done(lab, "queue", "release", person, "--all")
    assert (released["done"], released["recipients"]) == (1, 2)
    wait_for(lambda: [entry["queue_name"] for entry in lab.queued(person)] == ["deferred"], 20,
             "it tried again")
    assert not lab.api.holds(person)
    assert [hold["queue_id"] for hold in lab.api.holds(person, "released")] == [first]


def test_a_step_says_what_it_did(lab, stuck):
    person, neighbour = stuck
    session = lab.imap(person)
    lab.api.call("POST", f"/accounts/{person}/suspend", {"reason": "a test"})
    try:
        [incident] = lab.api.get(f"/incidents?account={person}")["items"]

        def steps():
            found = {step["kind"]: step
                     for step in lab.api.get(f"/incidents/{incident['id']}")["steps"]}
            return found if all(s["state"] == "done" for s in found.values()) else None

        found = wait_for(steps, 30, "all steps done")
        assert found["hold_queued"]["done"] == {
            "ja": "3 通(6 宛先)を保留しました", "en": "3 messages to 6 recipients are held"}
        assert found["kick_sessions"]["done"]["en"] == "1 sessions were ended"
        assert [entry["queue_name"] for entry in lab.queued(neighbour)] == ["deferred"]
    finally:
        session.shutdown()
        lab.api.call("POST", f"/accounts/{person}/restore", {"reason": "a test's end"})


def test_a_domains_mail_is_held_and_let_go_with_it(lab, people):
    """But for the mail of whoever is contained alone; another domain's goes on waiting."""
    person, thief, _ = people
    domain = person.partition("@")[2]
    [outsider] = lab.hire(1)
    for sender in (person, thief, outsider):
        lab.send(sender, f"defer-{sender.partition('@')[0]}@stuck.example", client="192.0.2.12")
    wait_for(lambda: all(lab.queued(sender, queue="deferred")
                         for sender in (person, thief, outsider)), 30, "mail in the queue")

    def places():
        return [lab.queued(sender)[0]["queue_name"] for sender in (person, thief, outsider)]

    try:
        lab.api.change("restrict", "domain", domain, reason="a test")
        wait_for(lambda: places() == ["hold", "hold", "deferred"], 30, "the domain's mail is held")
        [hold] = lab.api.holds(person)
        assert hold["evidence"] == f"held with the domain {domain}"
        lab.api.change("restrict", "account", thief, reason="a test")
        lab.api.change("restore", "domain", domain, reason="a test's end")
        wait_for(lambda: places() == ["deferred", "hold", "deferred"], 30, "the domain's mail goes")
        wait_for(lambda: not lab.api.holds(person), 10, "it is written down")
        [hold] = lab.api.holds(person, "released")
        assert hold["ended_by"] not in ("", "machine", "time")
        assert len(lab.api.holds(thief)) == 1
    finally:
        lab.api.change("restore", "domain", domain, reason="a test's end")
        lab.api.change("restore", "account", thief, reason="a test's end")
        for sender in (person, thief, outsider):
            for entry in lab.queued(sender):
                lab.postsuper("-d", entry["queue_id"])
