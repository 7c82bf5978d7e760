"""The daemon killed, ended, replaced and on a wrong clock, while others' mail flows."""

import contextlib
import os
import pathlib
import shutil
import signal
import sqlite3
import time

import pytest

from faultkit import SLOW, KillPoint
from labkit import wait_for
from test_standing import cannot_sign_in


# Killed


class Victim:
    """An account that is suspended and restored again and again, with a message of its own in the
    queue that its containment holds."""

    def __init__(self, site):
        self.site, self.lab = site, site.lab
        self.address = self.lab.hire(1)[0]
        self.lab.send(self.address, "defer-x@far.example", client="192.0.2.10")
        wait_for(lambda: self.lab.queued(self.address), 20, "a message in the queue")
        self.waiting = []

    def suspended(self):
        """Everything that a suspension asks for is done, once."""
        lab, address = self.lab, self.address
        account = lab.api.account(address)
        assert account["standing"] == "suspended", account
        self._each_step_once(account)
        assert lab.guard_rows("account", address) == [(1, 1, 1)]
        entries = lab.queued(address)
        assert [entry["queue_name"] for entry in entries] == ["hold"], entries
        held = lab.api.holds(address)
        assert [hold["queue_id"] for hold in held] == [entries[0]["queue_id"]], held
        return True

    def restored(self):
        lab, address = self.lab, self.address
        account = lab.api.account(address)
        assert account["standing"] == "normal", account
        self._each_step_once(account)
        assert lab.guard_rows("account", address) in ([], [(0, 0, 0)])
        lab.imap(address, "192.0.2.10").logout()
        return True

    def _each_step_once(self, account):
        incidents = self.lab.api.get(f"/incidents?account={self.address}")["items"]
        steps = [step for incident in incidents for step in self.site.steps(incident["id"])
                 if step["epoch"] == account["epoch"]]
        kinds = [step["kind"] for step in steps]
        assert steps and len(set(kinds)) == len(kinds), kinds
        assert {step["state"] for step in steps} == {"done"}, steps

    def let_go(self):
        """Its held message goes back into the queue, for the next round."""
        for hold in self.lab.api.holds(self.address):
            self.lab.api.call("POST", f"/holds/{hold['queue_id']}/release", {})
        wait_for(lambda: not self.lab.queued(self.address, queue="hold"), 20, "it let go")

    def mail_to_it(self):
        """From a colleague by its list, so that it waits in our queue while it is suspended."""
        self.waiting.append(self.lab.deliver("friend@far.example",
                                             f"one@{self.address.partition('@')[2]}"))


def sweep(site, run, victim, thread, call, numbers):
    """Kills the daemon at each of the thread's calls during a suspension and during a restore,
    until they come to their end unharmed. Returns how often it was killed."""
    kills = 0
    for number in numbers:
        struck = []
        for what, is_done in (("suspend", victim.suspended), ("restore", victim.restored)):
            point = KillPoint(site, site.thread(thread), call, number)
            site.change(what, victim.address)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: point.struck() or is_done(), 30, "the end or a kill")
            if point.end():
                struck.append(what)
                site.start()
            run.healed(is_done, 60, f"{what} after a kill at {call} {number}")
            if what == "suspend":
                victim.mail_to_it()
        kills += len(struck)
        victim.let_go()
        if not struck:
            break
    return kills


def test_killed_at_every_step(site, request):
    """fdatasync: before each transaction is durable. connect: before each talk with Dovecot, the
    helper, the local Postfix. The long run adds every write."""
    victim = Victim(site)
    with site.scenario(request, "kill -9 at every transaction and every talk with Dovecot, Postfix "
                       "and the helper, in containing and in restoring") as run:
        kills = {}
        calls = ["fdatasync", "connect"] + (["pwrite64", "sendto"] if SLOW else [])
        for name in ("state-writer", "executor"):
            for call in calls:
                if (name, call) != ("state-writer", "connect"):
                    kills[f"{name} {call}"] = sweep(site, run, victim, name, call, range(1, 200))
        for subject in victim.waiting:
            site.lab.wait_in_mailbox(victim.address, subject, deadline=60)
        found = site.lab.subjects(victim.address)
        assert all(found.count(subject) == 1 for subject in victim.waiting), found
        run.note("killed: " + ", ".join(f"{n} × {name}" for name, n in kills.items()))
        assert kills["state-writer fdatasync"] >= 2 and kills["executor fdatasync"] >= 8, kills
        assert kills["executor connect"] >= 4, kills
    for entry in site.lab.queued(victim.address):
        site.lab.postsuper("-d", entry["queue_id"])


# Ended and replaced


def test_clean_stop_and_start(site, request):
    with site.scenario(request, "SIGTERM and a start, three times") as run:
        for _ in range(3):
            site.stop()
            run.traffic.flows(2)
            run.healed_s = max(run.healed_s, site.start())
            run.traffic.flows(2)


def test_sighup(site, request):
    with site.scenario(request, "SIGHUP ten times") as run:
        for _ in range(10):
            told = site.lab.daemon_log().count("setting ")
            os.kill(site.lab.endpoints["pid"], signal.SIGHUP)
            run.traffic.flows(1)
            assert site.lab.daemon_runs()
            assert site.lab.daemon_log().count("setting ") == told


def test_a_reload_takes_over_what_it_can_and_says_what_waits(site):
    """Also of a file of an earlier version; one with a fault changes nothing."""
    before = site.config.read_text()

    def reloaded(text, *told):
        since = len(site.lab.daemon_log())
        site.config.write_text(text)
        os.kill(site.lab.endpoints["pid"], signal.SIGHUP)
        wait_for(lambda: all(words in site.lab.daemon_log()[since:] for words in told), 20,
                 f"{told} in the daemon's log")

    def health():
        return {item["name"]: item for item in site.lab.api.get("/health")["items"]}

    assert "settings" not in health()
    changed = before.replace("[web]\n", '[web]\nsession_lifetime = "3h"\n', 1) + \
        "\n[snapshoot]\n"
    try:
        reloaded(changed, "snapshoot", "settings not reloaded")
        assert "settings" not in health()
        changed = changed.replace("\n[snapshoot]\n", "\n[limits]\nmessages_per_hour = 7777\n")
        assert changed.count("[limits]") == 1
        reloaded(changed, "web.session_length", "setting limits.messages_per_hour taken over",
                 "setting web.session_length changed: in force after a restart")
        waits = health()["settings"]
        assert waits["level"] == "warning"
        assert waits["verdict"]["en"].endswith(": web.session_length"), waits
    finally:
        reloaded(before)
    wait_for(lambda: "settings" not in health(), 20, "the earlier settings in force")


def test_upgrade_with_mail_in_flight(site, request):
    """Another binary (the same with some bytes behind it) runs, and scripts/up brings the build's."""
    program = site.home / "bin/sekimori"
    with site.scenario(request, "the binary replaced, helper and daemon restarted") as run:
        before = program.with_suffix(".old")
        shutil.copy(program, before)
        with open(before, "ab") as file:
            file.write(b"\0" * 512)
        site.stop()
        before.rename(program)
        site.start()
        run.traffic.flows(2)
        old = site.lab.endpoints["pid"], site.helper_pid()
        began = time.monotonic()
        site.up()
        run.healed_s = time.monotonic() - began
        assert site.lab.endpoints["pid"] != old[0] and site.helper_pid() != old[1]
        assert not site.unwell()


# The clock

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SECONDS = {"+0": 0, "+2h": 7200, "-2h": -7200, "+2d": 172800, "-2d": -172800}
JUMPS = ("-2h", "-2d", "+0", "+2h", "+2d", "+0")


def hold_for_a_time(site):
    """Ends the daemon and leaves it a message that is held for 20 s (account, queue id)."""
    lab = site.lab
    person = lab.hire(1)[0]
    lab.send(person, "defer-x@far.example", client="192.0.2.10")
    [entry] = wait_for(lambda: lab.queued(person, queue="deferred"), 20, "a message in the queue")
    site.stop()
    lab.postsuper("-h", entry["queue_id"])
    now_us = int(time.time() * 1_000_000)
    with contextlib.closing(sqlite3.connect(site.home / "state/sekimori.db")) as state, state:
        state.execute("INSERT INTO hold(queue_id, account, held_us, release_us, recipients, bytes, "
                      "kind, state, incident, log_r, reason_ja, reason_en, ended_by) VALUES(?, ?, "
                      "?, ?, 1, 500, 'timed', 'held', 0, 0, '', '', '')",
                      (entry["queue_id"], person, now_us, now_us + 20_000_000))
    return person, entry["queue_id"]


def test_clock_jumps(site, request):
    """The daemon alone lives in the other time (libfaketime); Postfix and Dovecot in ours."""
    if not FAKETIME.exists():
        pytest.skip(f"no {FAKETIME} (Debian package faketime)")
    offset = site.home / "clock"

    def turn(to):
        offset.with_suffix(".new").write_text(to + "\n")
        offset.with_suffix(".new").rename(offset)
        wait_for(lambda: abs(site.told_time() - time.time() - SECONDS[to]) < 60, 20,
                 f"the daemon's clock at {to}")

    offset.write_text("+0\n")
    holder, held = hold_for_a_time(site)
    site.start(LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=offset, FAKETIME_CACHE_DURATION=1,
               FAKETIME_DONT_FAKE_MONOTONIC=1)
    try:
        with site.scenario(request, "the daemon's clock back and forward by 2 h and by 2 days; an "
                           "account closed and let go at each time, a message held for 20 s "
                           "through all of it") as run:
            for to in JUMPS:
                turn(to)
                # Someone new to the server, closed and let go at this time.
                person = site.lab.hire(1)[0]
                site.lab.api.change("suspend", "account", person)
                wait_for(lambda: cannot_sign_in(site.lab, person), 20, "no login")
                run.traffic.flows(3)
                site.lab.api.change("restore", "account", person, reason="a test")
                site.settled()
                subject = site.lab.send(person, "friend@far.example", client="192.0.2.10")
                site.lab.sink.wait_for(subject=subject)
            wait_for(lambda: [hold["queue_id"] for hold in site.lab.api.holds(holder, "released")]
                     == [held], 60, "the held message let go")
            assert not site.lab.queued(holder, queue="hold")
            run.note(", ".join(JUMPS))
    finally:
        if site.lab.daemon_runs():
            site.stop()
        site.start()
