"""What Sekimori stands on breaks (its database, its disk, guard.db, Dovecot, Postfix, the helper)
while others' mail flows and an account is contained."""

import contextlib
import os
import sqlite3
import subprocess

from faultkit import immutable, no_room, small_disk
from labkit import wait_for
from test_standing import cannot_sign_in


class Late:
    """An account that is suspended while the fault lasts; it has a message in the queue."""

    def __init__(self, site, run):
        self.site, self.lab, self.run = site, site.lab, run
        self.address = self.lab.hire(1)[0]
        self.lab.send(self.address, "defer-x@far.example", client="192.0.2.10")
        wait_for(lambda: self.lab.queued(self.address, queue="deferred"), 20, "mail in the queue")

    def suspend(self):
        return self.site.change("suspend", self.address)

    def refuses(self, smtp):
        """In a session that was open before: the daemon refuses by memory."""
        smtp.rset()
        smtp.mail(self.address)
        return smtp.rcpt("a@far.example")[0] == 525

    def contained(self):
        lab = self.lab
        assert lab.api.account(self.address)["standing"] == "suspended"
        assert lab.guard_rows("account", self.address) == [(1, 1, 1)]
        incident = lab.api.account(self.address)["incident"]
        assert incident, "no incident yet"
        steps = self.site.steps(incident["id"])
        assert steps and {step["state"] for step in steps} == {"done"}, steps
        assert [entry["queue_name"] for entry in lab.queued(self.address)] == ["hold"]
        return True

    def heals(self, deadline=90):
        self.run.healed(lambda: self.contained() and not self.site.unwell(), deadline,
                        "containment and health after the fault")
        assert cannot_sign_in(self.lab, self.address)

    def release(self):
        """The way back works too."""
        answer = self.site.change("restore", self.address)
        assert answer is not None and answer.status == 200, answer and answer.body
        self.site.settled()
        with self.lab.submission(self.address, "192.0.2.10") as smtp:
            smtp.mail(self.address)
            assert smtp.rcpt("a@far.example")[0] == 250
        for hold in self.lab.api.holds(self.address):
            self.lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})
        wait_for(lambda: not self.lab.queued(self.address), 20, "its queue empty")


@contextlib.contextmanager
def late_containment(site, run):
    """Suspends an account inside the block's fault; after it all heals by itself."""
    late = Late(site, run)
    with late.lab.submission(late.address, "192.0.2.10") as smtp:
        yield late, smtp
    late.heals()
    late.release()


# The state database and its disk


def test_database_locked(site, request):
    with site.scenario(request, "BEGIN EXCLUSIVE held on the state database; a suspension "
                       "meanwhile") as run, late_containment(site, run) as (late, smtp):
        database = sqlite3.connect(site.home / "state/sekimori.db", isolation_level=None)
        with contextlib.closing(database):
            database.execute("BEGIN EXCLUSIVE")
            answer = late.suspend()
            assert answer is not None and answer.status >= 500, "it cannot be durable yet"
            assert late.refuses(smtp), "in force all the same"
            run.healed(lambda: "state_db" in site.unwell(), 20, "health telling of it")
            run.traffic.flows(4)
            database.execute("ROLLBACK")
        run.healed_s = 0


def test_database_read_only(site, request):
    with site.scenario(request, "the state database's files made immutable; a suspension "
                       "meanwhile") as run, late_containment(site, run) as (late, smtp):
        state = site.home / "state"
        with immutable(*state.glob("sekimori.db*")):
            # Pages that are clean now: SQLite's next note in them is a SIGBUS.
            os.sync()
            late.suspend()
            assert late.refuses(smtp)
            wait_for(lambda: "state_db" in site.unwell(), 20, "health telling of it")
            run.traffic.flows(4)


def test_start_on_a_read_only_database(site, request):
    """The daemon starts, closes what was closed, and says what is wrong before anybody presses
    anything."""
    state = site.home / "state"
    with site.scenario(request, "the daemon started while the state database's files are "
                       "immutable") as run:
        site.stop()
        with immutable(*state.glob("sekimori.db*")):
            site.start()
            wait_for(lambda: "state_db" in site.unwell(), 20, "health telling of it")
            run.traffic.flows(4)
        run.healed(lambda: not site.unwell(), 60, "health after the fault")


def test_disk_full(site, request):
    with small_disk(site) as state:
        with site.scenario(request, "the state's disk (a small tmpfs) full; a suspension "
                           "meanwhile", state="stop") as run:
            with late_containment(site, run) as (late, smtp):
                with no_room(state):
                    late.suspend()
                    assert late.refuses(smtp)
                    wait_for(lambda: "state_db" in site.unwell(), 20, "health telling of it")
                    run.traffic.flows(4)
            failures = site.lab.api.metrics()["sekimori_journal_failures_total"]
            run.note(f"{failures:.0f} events not journaled")
            assert failures > 0


def test_guard_db_deleted(site, request):
    """Postfix keeps the deleted file open until it is reloaded."""
    with site.scenario(request, "guard.db deleted; a suspension before Postfix is "
                       "reloaded") as run, late_containment(site, run) as (late, smtp):
        guard = site.home / "guard/guard.db"
        for path in guard.parent.glob("guard.db*"):
            path.unlink()
        # Whoever opens it before the daemon makes an empty one, which may be root's.
        guard.touch()
        run.healed(lambda: guard.stat().st_size > 0, 20, "guard.db made again")

        def rows(account):
            try:
                return site.lab.guard_rows("account", account)
            except sqlite3.OperationalError:
                return []  # the file is there before its tables

        run.healed(lambda: rows(site.suspended) == [(1, 1, 1)]
                   and rows(site.restricted) == [(1, 0, 0)], 20, "its rows")
        late.suspend()
        assert late.refuses(smtp)
        wait_for(lambda: cannot_sign_in(site.lab, late.address), 20, "no login")
        site.postfix("reload")
        run.traffic.flows(4)


# The neighbours


def test_dovecot_restarted(site, request):
    with site.scenario(request, "Dovecot down (a suspension meanwhile), up, reloaded"
                       ) as run, late_containment(site, run) as (late, smtp):
        site.dovecot("stop")
        late.suspend()
        assert late.refuses(smtp)
        wait_for(lambda: site.lab.guard_rows("account", late.address) == [(1, 1, 1)], 20,
                 "the row without Dovecot")
        site.up()
        run.traffic.flows(2)
        site.dovecot("reload")


def test_postfix_restarted(site, request):
    with site.scenario(request, "Postfix reloaded five times, stopped and started; a suspension "
                       "while it is down") as run:
        late = Late(site, run)
        for _ in range(5):
            site.postfix("reload")
            run.traffic.flows(1)
        site.postfix("stop")
        late.suspend()
        site.up()
        late.heals()
        late.release()


def test_helper_killed(site, request):
    with site.scenario(request, "the helper killed; a suspension before it is back"
                       ) as run, late_containment(site, run) as (late, smtp):
        pid = site.helper_pid()
        subprocess.run(["/usr/bin/kill", "-9", str(pid)], check=True)
        late.suspend()
        assert late.refuses(smtp)
        assert cannot_sign_in(site.lab, late.address)
        assert "queue_helper" in site.unwell()
        run.traffic.flows(4)
        assert [e["queue_name"] for e in site.lab.queued(late.address)] != ["hold"]
        site.up()
