#!/usr/bin/env python3
"""Debian's fail2ban on a mail log of failed sign-ins, as JSON lines.

    walls_fail2ban.py DIRECTORY [LINES]

In DIRECTORY it makes its own configuration, log and socket (nothing of the system's is touched) and
measures: from the first of ten bad lines (100 ms apart) to the ban, and the processor time a line
of a burst from as many addresses. Leaves the burst in DIRECTORY/burst.log for others to read.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

FAILURES = 10
PACE = 0.1


def line(address, user):
    return (time.strftime("%b %d %H:%M:%S") + f" mail postfix/smtpd[4711]: warning: "
            f"unknown[{address}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, "
            f"sasl_username={user}\n")


def configure(base):
    for part in ("filter.d", "action.d", "jail.d"):
        (base / part).mkdir(parents=True, exist_ok=True)
    for name in ("filter.d/common.conf", "filter.d/postfix.conf"):
        (base / name).write_bytes(pathlib.Path("/etc/fail2ban", name).read_bytes())
    (base / "fail2ban.conf").write_text(
        f"[Definition]\nloglevel = INFO\nlogtarget = {base}/fail2ban.log\nsyslogsocket = auto\n"
        f"socket = {base}/sock\npidfile = {base}/pid\ndbfile = None\ndbpurgeage = 1d\n"
        "dbmaxmatches = 10\n")
    (base / "action.d/note.conf").write_text(
        f"[Definition]\nactionban = echo <ip> >> {base}/banned\nactionunban =\nactionstart =\n"
        "actionstop =\nactioncheck =\n")
    (base / "jail.conf").write_text(
        "[DEFAULT]\nignoreip =\nbackend = auto\nusedns = no\nlogencoding = utf-8\n"
        f"[mail]\nenabled = true\nfilter = postfix[mode=auth]\nlogpath = {base}/mail.log\n"
        f"maxretry = {FAILURES}\nfindtime = 1800\nbantime = 900\naction = note\n")


def processor_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(holds, limit):
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def main():
    base = pathlib.Path(sys.argv[1]).resolve()
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    configure(base)
    log, banned = base / "mail.log", base / "banned"
    log.write_text("")
    banned.unlink(missing_ok=True)
    burst = base / "burst.log"
    with burst.open("w") as out:
        for n in range(count):
            address = f"{20 + n // 65536}.{n // 256 % 256}.{n % 256}.7"
            out.write(line(address, f"a{n % 1000}@example.jp"))
    server = subprocess.Popen(
        ["fail2ban-server", "-c", str(base), "-s", str(base / "sock"), "-p", str(base / "pid"),
         "-f", "-x", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready = lambda: "Jail 'mail' started" in (base / "fail2ban.log").read_text()
        if not wait_for(lambda: (base / "fail2ban.log").exists() and ready(), 30):
            sys.exit("fail2ban did not start: see " + str(base / "fail2ban.log"))
        begun = time.monotonic()
        for n in range(FAILURES):
            with log.open("a") as out:
                out.write(line("203.0.113.9", "taro@example.jp"))
            last = time.monotonic()
            time.sleep(PACE)
        was_banned = wait_for(lambda: banned.exists() and banned.read_text().strip(), 60)
        now = time.monotonic()
        print(json.dumps({"bench": "walls", "what": "first bad line to ban", "server": "fail2ban",
                          "banned": bool(was_banned), "failures": FAILURES,
                          "seconds": round(now - begun, 3),
                          "seconds_behind_the_last_failure": round(now - last, 3)}), flush=True)
        before = processor_seconds(server.pid)
        idle = before
        with log.open("ab") as out:
            out.write(burst.read_bytes())
        # It is through when it has used no processor time for a second.
        quiet = time.monotonic()
        while time.monotonic() - quiet < 1.0:
            time.sleep(0.1)
            spent = processor_seconds(server.pid)
            if spent - idle > 0.02:
                idle, quiet = spent, time.monotonic()
        print(json.dumps({"bench": "walls", "what": "cpu a line", "server": "fail2ban",
                          "lines": count,
                          "microseconds": round((idle - before) * 1e6 / count, 1)}), flush=True)
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
