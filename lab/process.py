"""Processes, pid files and ports: who runs, who listens, and how to end it.

A pid file holds `PID START`, START being the process's start time in clock ticks since boot
(proc(5), stat field 22), so that a recycled pid is never taken for ours.
"""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time


class LabError(Exception):
    """Something the person at the keyboard can put right; the text says what to do."""


# A start or a stop that takes longer hangs.
COMMAND_S_MAX = 60


def attempt(command):
    """Runs to the end; returns (status, what it said). Its output goes through a file, since a
    server that a command leaves behind would hold a pipe open for ever."""
    with tempfile.TemporaryFile("w+") as output:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                    timeout=COMMAND_S_MAX).returncode
        except subprocess.TimeoutExpired:
            status = "none: it hung"
        output.seek(0)
        return status, output.read().strip()


def run(command):
    """attempt() that raises LabError with the command's own words when it fails."""
    status, words = attempt(command)
    if status != 0:
        raise LabError(f"{' '.join(map(str, command))}\nfailed with status {status}: {words}")


def wait_until(what, condition, deadline_s):
    """Polls condition() until it is true; raises LabError naming `what` after deadline_s."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not after {deadline_s} s")
        time.sleep(0.02)  # why: the poll itself, up to the deadline


def start_time(pid):
    """Clock ticks since boot at which pid started, or None when there is none (or a zombie)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


class PidFile:
    def __init__(self, path):
        self.path = path

    def write(self, pid):
        text = f"{pid} {start_time(pid)}\n"
        temporary = self.path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(self.path)

    def pid(self):
        """The pid of the process that was noted, if that very process still runs."""
        try:
            pid, started = map(int, self.path.read_text().split())
        except (OSError, ValueError):
            return None
        return pid if start_time(pid) == started else None

    def clear(self):
        self.path.unlink(missing_ok=True)


def end(pid, patience_s=10):
    """SIGTERM, then SIGKILL after patience_s. Returns when the process is gone."""
    started = start_time(pid)
    if started is None:
        return
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        limit = time.monotonic() + wait_s
        while time.monotonic() < limit:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if start_time(pid) != started:
                return
            time.sleep(0.02)  # why: the poll itself, up to the limit
    raise LabError(f"process {pid} does not end, not even by SIGKILL")


def spawn(command, log, pid_file, user=None):
    """Starts a background process in a session of its own, output appended to `log`.

    With `user` it runs as that user with all its groups.
    """
    options = {}
    if user:
        entry = pwd.getpwnam(user)
        options = {"user": entry.pw_uid, "group": entry.pw_gid,
                   "extra_groups": os.getgrouplist(user, entry.pw_gid)}
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                   cwd="/", start_new_session=True, umask=0o027, **options)
    pid_file.write(process.pid)
    return process


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def strays(marks, programs):
    """Pids of running `programs` (prefixes of the executable's path) that carry one of `marks`
    (paths) in their command line or environment.

    Finds what a killed master left behind, such as a login process that still holds a port. Both
    conditions must hold, so that somebody's shell standing in the lab's directory is not ended.
    """
    found = []
    wanted = [os.fsencode(mark) for mark in marks]
    for pid in all_pids():
        if pid == os.getpid():
            continue
        try:
            program = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if not program.startswith(tuple(programs)):
            continue
        told = _read(f"/proc/{pid}/cmdline") + b"\0" + _read(f"/proc/{pid}/environ")
        words = told.replace(b"=", b"\0").split(b"\0")
        if any(word == mark or word.startswith(mark + b"/") for word in words for mark in wanted):
            found.append(pid)
    return found


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def holder(port):
    """`PID (command line)` of the process that listens on the port, or words of not knowing."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for pid in all_pids():
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{name}") in inodes:
                        words = _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(
                            errors="replace").strip()
                        return f"process {pid} ({words[:120]})"
    return "a process that /proc does not show"


def need_port(port, purpose):
    if not is_free(port):
        raise LabError(
            f"port {port} ({purpose}) is taken by {holder(port)}.\n"
            f"End it, or choose other ports: scripts/up --port-base N")


def command_line(pid):
    """The words of a process's command line; none when it is gone."""
    return [os.fsdecode(word) for word in _read(f"/proc/{pid}/cmdline").split(b"\0")[:-1]]
