"""What the reliability tests stand on: other people's mail that flows and is counted while something
breaks, two closed accounts somebody tries to open all the while, and the daemon's own process in a
test's hands (started with another environment, killed at a system call).

    with site.scenario(request, "what is done") as run:
        …break something…
        run.healed(lambda: …, 60, "what must be so again")
    # here: every message accepted has arrived once, nobody closed got in, the state is as before
"""

import contextlib
import datetime
import http.client
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from faultreport import report
from labkit import ROOT, run_script, wait_for
from mailflow import OUTSIDE, Traffic, Watch

sys.path.insert(0, str(ROOT))

from lab import process  # noqa: E402

SLOW = os.environ.get("SEKIMORI_SLOW", "") not in ("", "0")


class Run:
    """One scenario while it plays."""

    def __init__(self, traffic):
        self.traffic = traffic
        self.notes = []
        self.healed_s = 0.0
        self.hash_ok = "–"

    def note(self, text):
        """A figure of this scenario, for the table."""
        self.notes.append(text)

    def healed(self, condition, deadline, what):
        """Waits for `condition`; the time counts as healing. Returns what it returned."""
        began = time.monotonic()
        found = wait_for(condition, deadline, what)
        self.healed_s = max(self.healed_s, time.monotonic() - began)
        return found


class Site:
    """A lab whose parts may be broken, with one suspended and one restricted account in it."""

    def __init__(self, lab):
        self.lab = lab
        self.home = pathlib.Path(lab.inside["home"])
        self.run = pathlib.Path(lab.inside["run"])
        self.config = pathlib.Path(lab.endpoints["config"])
        # A test before us may have started it anew.
        lab.endpoints["pid"] = process.PidFile(self.run / "sekimori.pid").pid()
        self.suspended, self.restricted = lab.hire(2)
        lab.api.change("suspend", "account", self.suspended, reason="stays closed")
        lab.api.change("restrict", "account", self.restricted, reason="stays closed")
        self.settled()

    # What the API tells

    def steps(self, incident):
        return self.lab.api.get(f"/incidents/{incident}")["steps"]

    def settled(self, deadline=60):
        """The hands have done what the last changes asked for."""
        def done():
            incidents = self.lab.api.get("/incidents?limit=5")["items"]
            return all(step["state"] in ("done", "failed")
                       for incident in incidents for step in self.steps(incident["id"]))

        wait_for(done, deadline, "all steps carried out")

    def unwell(self):
        """Names of what the daemon's own health report complains of."""
        return [item["name"] for item in self.lab.api.get("/health")["items"]
                if item["level"] == "failing"]

    def told_time(self):
        """What the daemon takes for now, in seconds since 1970."""
        now = self.lab.api.get("/health")["now"]
        return datetime.datetime.fromisoformat(now.replace("Z", "+00:00")).timestamp()

    def change(self, what, account):
        """As the API's, but however it ends: the daemon may die meanwhile."""
        with contextlib.suppress(OSError, EOFError, AssertionError, ValueError,
                                 http.client.HTTPException):
            return self.lab.api.ask("POST", f"/accounts/{account}/{what}", {"reason": "a fault"})
        return None

    # The daemon's process

    def start(self, config=None, **environment):
        """Starts the daemon as the lab does, with more in its environment where given; returns
        the seconds until it answered."""
        began = time.monotonic()
        pid_file = process.PidFile(self.run / "sekimori.pid")
        settings = config or self.config
        words = [self.home / "bin/sekimori", "serve", "--config", settings]
        if environment:
            words = ["/usr/bin/env", *(f"{name}={value}" for name, value in environment.items()),
                     *words]
        child = process.spawn(words, self.home / "log/sekimori.log", pid_file, user="sekimori")
        base = self.lab.endpoints["smtp_port"]

        def answers():
            assert child.poll() is None, "the daemon ended at once:\n" + "\n".join(
                self.lab.daemon_log().splitlines()[-5:])
            return all(process.answers(base + offset) for offset in (5, 6, 7))

        try:
            wait_for(answers, 60, "the daemon answering")
        except BaseException:
            child.kill()
            raise
        self.lab.endpoints["pid"] = child.pid
        self._reap(child)
        return time.monotonic() - began

    @staticmethod
    def _reap(child):
        threading.Thread(target=child.wait, daemon=True).start()

    def kill(self):
        self.lab.kill_daemon()

    def stop(self):
        self.lab.stop_daemon()

    def thread(self, name):
        """The id of the daemon's thread of this name."""
        tasks = pathlib.Path(f"/proc/{self.lab.endpoints['pid']}/task")
        [found] = [int(task.name) for task in tasks.iterdir()
                   if (task / "comm").read_text().strip() == name]
        return found

    def memory_mb(self, pid=None):
        """The most the process has ever had in memory."""
        status = pathlib.Path(f"/proc/{pid or self.lab.endpoints['pid']}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def helper_pid(self):
        return int((self.run / "helper.pid").read_text().split()[0])

    def up(self):
        """scripts/up again: whatever is down comes back."""
        done = run_script("up", "--detach", "--dir", self.lab.directory, "--port-base",
                          self.lab.endpoints["smtp_port"])
        assert done.returncode == 0, done.stdout
        self.lab.reload()

    def mend(self):
        """Whole again, whatever a test left."""
        if not self.lab.daemon_runs() or self.unwell():
            self.up()
            self.settled(120)
        if self.lab.api.get("/health")["bypass"]:
            self.lab.api.call("POST", "/bypass", {"on": False})

    def postfix(self, command):
        subprocess.run(["/usr/sbin/postfix", "-c", self.lab.inside["postfix"], command],
                       check=True, capture_output=True, timeout=60)

    def dovecot(self, command):
        subprocess.run(["/usr/bin/doveadm", "-c", self.lab.inside["dovecot"], command],
                       check=True, capture_output=True, timeout=60)

    # State

    def quiet_hash(self):
        """The state's hash once nothing more comes in."""
        return self.lab.quiet_state_hash()

    def same_state_after(self, end):
        """Ends the daemon (`kill` or `stop`), starts it, and compares the hashes."""
        live = self.quiet_hash()
        end()
        self.start()
        assert self.lab.recovered_state_hash() == live

    # Scenarios

    @contextlib.contextmanager
    def scenario(self, request, what, people=3, state="kill"):
        """Plays a fault with others' mail flowing; afterwards counts and compares all of it, and
        keeps a row for the table. `state` says how the daemon is ended for the last comparison:
        kill, or stop where the disk was too full for the journal (a snapshot closes the gap)."""
        honest = self.lab.hire(people)
        unheard = self._ends_unheard()
        with Watch(self.lab, self.suspended, self.restricted) as watch, \
                Traffic(self.lab, honest) as traffic:
            run = Run(traffic)
            traffic.flows(2)
            yield run
            traffic.flows(3)
            traffic.stop()
        self._all_arrived_once(traffic, unheard)
        assert not watch.got_in, watch.got_in
        assert watch.tries > 3
        self._still_closed()
        assert not traffic.stopped, traffic.stopped[:5]
        for person in honest:
            view = self.lab.api.account(person)
            assert view["standing"] == "normal" and not view["holds"], view
        self.same_state_after(self.kill if state == "kill" else self.stop)
        run.hash_ok = "ok"
        self._still_closed()
        report(request, what, run)

    def _ends_unheard(self):
        """How often a delivery was cut between the last line and its answer: Postfix must deliver
        such a message again, whoever was down (RFC 1047), and says so."""
        return self.lab.maillog().count("message may be sent more than once")

    def _all_arrived_once(self, traffic, unheard_before):
        wanted = set(traffic.accepted)

        def there():
            self.lost = wanted - set(traffic.arrived())
            return not self.lost

        try:
            wait_for(there, 90, "every accepted message")
        except AssertionError as late:
            raise AssertionError(f"lost: {sorted(self.lost)[:10]} of {len(wanted)}") from late
        wait_for(lambda: not [entry for entry in self.lab.queue()
                              if traffic.mark in entry["sender"]], 30, "their mail out of the queue")
        found = traffic.arrived()
        traffic.arrivals = len(found)
        twice = {n: times for n, times in found.items() if times != 1}
        assert len(twice) <= self._ends_unheard() - unheard_before, twice
        assert set(found) <= wanted | set(traffic.unsure), "mail nobody sent"

    def _still_closed(self):
        from test_standing import cannot_sign_in, refused_in
        assert cannot_sign_in(self.lab, self.suspended)
        with self.lab.mx(OUTSIDE) as smtp:
            smtp.mail("friend@far.example")
            assert smtp.rcpt(self.suspended)[0] == 450
        with self.lab.submission(self.restricted, "192.0.2.10") as smtp:
            assert refused_in(smtp, self.restricted)


class KillPoint:
    """Kills the daemon when one of its threads enters a system call for the n-th time: strace with
    fault injection (strace(1), inject=…:signal=KILL:when=N), attached to that thread alone."""

    def __init__(self, site, thread, call, number):
        self.site = site
        self.strace = subprocess.Popen(
            ["/usr/bin/strace", "-p", str(thread), "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:signal=KILL:when={number}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        status = pathlib.Path(f"/proc/{thread}/status")
        wait_for(lambda: f"TracerPid:\t{self.strace.pid}\n" in status.read_text(), 20,
                 "strace attached")

    def struck(self):
        return not self.site.lab.daemon_runs()

    def end(self):
        """Lets go of the thread; returns whether the daemon was killed."""
        struck = self.struck()
        if self.strace.poll() is None:
            self.strace.send_signal(signal.SIGINT)
        self.strace.wait(20)
        return struck


# Disks


@contextlib.contextmanager
def immutable(*paths):
    """Files nobody can write to, not even through what is open already (chattr +i on ext4)."""
    done = subprocess.run(["/usr/bin/chattr", "+i", *map(str, paths)], capture_output=True)
    if done.returncode != 0:
        subprocess.run(["/usr/bin/chattr", "-i", *map(str, paths)], capture_output=True)
        pytest.skip("this file system has no immutable files")
    try:
        yield
    finally:
        subprocess.run(["/usr/bin/chattr", "-i", *map(str, paths)], check=True)


@contextlib.contextmanager
def small_disk(site, spare_mb=12):
    """The daemon's state on a tmpfs of its own with little room; yields the directory."""
    state = (site.home / "state").resolve()
    kept = state.with_name("state.kept")
    site.stop()
    used = sum(path.stat().st_blocks * 512 for path in state.rglob("*"))
    size = used * 2 + spare_mb * 1024 * 1024
    state.rename(kept)
    subprocess.run(["/usr/bin/cp", "-a", kept, state], check=True)
    try:
        mounted = subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=0750",
                                  "sekimori-test", state], capture_output=True, text=True)
        if mounted.returncode != 0:
            pytest.skip(f"no mount here: {mounted.stderr.strip()}")
        try:
            shutil.copystat(kept, state)
            shutil.chown(state, "sekimori", "sekimori")
            subprocess.run(["/usr/bin/cp", "-a", f"{kept}/.", state], check=True)
            site.start()
            yield state
            site.stop()
            shutil.rmtree(kept)
            subprocess.run(["/usr/bin/cp", "-a", state, kept], check=True)
        finally:
            if site.lab.daemon_runs():
                site.stop()
            subprocess.run(["/usr/bin/umount", state], check=True)
    finally:
        shutil.rmtree(state)
        kept.rename(state)
        site.start()


@contextlib.contextmanager
def no_room(directory):
    """Not a byte is free there."""
    filler = directory / "filler"
    try:
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(b"\0" * 65536):
                pass
        yield
    finally:
        filler.unlink()
