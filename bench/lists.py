#!/usr/bin/env python3
"""How long the server takes for pages, filters and sorts of long lists: a daemon of its own over a
PostfixAdmin database of a million accounts and a state database with years of incidents, bans and
audit entries, asked over HTTP as the panel asks. One JSON line a question.

usage: bench/lists.py SEKIMORI FOLDER     (what it made in FOLDER is used again)
"""

import contextlib
import http.client
import json
import os
import pathlib
import pwd
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ACCOUNTS = int(os.environ.get("SEKIMORI_BENCH_ACCOUNTS", "1000000"))
INCIDENTS = int(os.environ.get("SEKIMORI_BENCH_INCIDENTS", "100000"))
BANS = int(os.environ.get("SEKIMORI_BENCH_BANS", "100000"))
AUDIT = int(os.environ.get("SEKIMORI_BENCH_AUDIT", "1000000"))
SWITCHED_OFF = min(1000, ACCOUNTS)
DOMAINS = 1000
PORT = 28800
TOKEN = "a token for the lists only 0123456789"
ROUNDS = 7
USER = "nobody"
NOW_US = 1_795_000_000_000_000  # 2026-11: what is older than its retention would be pruned

# Each as the panel asks it. The first question of a group may read what the next ones find ready.
QUESTIONS = (
    "/domains?limit=50", "/domains?limit=50&sort=-accounts", "/domains?limit=50&search=domain77",
    "/accounts?limit=50&search=user77", "/accounts?limit=50&domain=domain7.example",
    "/accounts?limit=50&off=any&sort=since", "/accounts?limit=50&off=receive&search=user7",
    "/accounts?limit=50&off=login&domain=domain7.example",
    "/incidents?limit=50", "/incidents?limit=50&offset=90000", "/incidents?limit=50&state=open",
    "/incidents?limit=50&state=closed", "/incidents?limit=50&state=closed&offset=90000",
    "/incidents?limit=50&within=domain7.example",
    "/incidents?limit=50&state=closed&within=domain7.example",
    "/incidents?limit=50&account=user7@domain7.example", "/incidents?limit=1000",
    "/bans?limit=50", "/bans?limit=50&sort=hits", "/bans?limit=50&sort=until",
    "/bans?limit=50&sort=network", "/bans?limit=50&sort=-hits&offset=45000",
    "/bans?limit=50&country=BR", "/bans?limit=50&search=203.0.113", "/bans?limit=50&ended=true",
    "/bans?limit=50&ended=true&sort=hits",
    "/audit?limit=50", f"/audit?limit=50&offset={AUDIT * 9 // 10}",
    "/audit?limit=50&account=user7@domain7.example", "/audit?limit=50&within=domain7.example",
    "/audit?limit=50&within=domain7.example&search=user7", "/audit?limit=50&who=operator3",
    "/audit?limit=50&who=machine&offset=500000", "/audit?limit=50&who=nobody-at-all",
    "/audit?limit=50&action=ban_end", "/audit?limit=50&search=user777@",
    "/audit?limit=50&search=ticket", "/audit?limit=50&search=not-there-at-all",
)


def settings(folder):
    return f"""
[server]
name = "mx.bench.example"
state_dir = "{folder}/state"
user = "{USER}"
[policy]
listen = ["127.0.0.1:{PORT}"]
[auth_policy]
listen = ["127.0.0.1:{PORT + 1}"]
[events]
listen = ["127.0.0.1:{PORT + 1}"]
[maillog]
path = "{folder}/mail.log"
[helper]
socket = "{folder}/helper.sock"
[accounts]
database = "sqlite://{folder}/accounts.db"
[guard]
database = "{folder}/guard/guard.db"
[store]
database = "sqlite://{folder}/state/sekimori.db"
[journal]
directory = "{folder}/state/journal"
[snapshot]
directory = "{folder}/state/snapshots"
[web]
listen = ["127.0.0.1:{PORT + 2}"]
api_token_file = "{folder}/token"
control_socket = "{folder}/control.sock"
requests_per_minute = 60000
"""


def say(line):
    print(json.dumps({"bench": "lists"} | line), flush=True)


def fill_accounts(folder):
    with contextlib.closing(sqlite3.connect(folder / "accounts.db")) as db:
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        db.executescript((ROOT / "lab/postfixadmin-sqlite.sql").read_text())
        db.executemany("INSERT INTO domain (domain, description, transport) VALUES (?, ?, 'virtual')",
                       ((f"domain{i}.example", f"Customer {i}") for i in range(DOMAINS)))
        db.executemany(
            "INSERT INTO mailbox (username, password, name, maildir, local_part, domain) "
            "VALUES (?, '{PLAIN}x', ?, '', '', ?)",
            ((f"user{i}@domain{i % DOMAINS}.example", f"User {i}", f"domain{i % DOMAINS}.example")
             for i in range(ACCOUNTS)))
        db.commit()


def put(db, table, rows):
    """Rows as dictionaries; columns that nobody named stand at nothing."""
    columns = [(name, kind) for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})")]
    empty = {name: 0 if "INT" in kind or "DOUBLE" in kind else "" for name, kind in columns}
    names = [name for name, _ in columns]
    db.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        ([row.get(name, empty[name]) for name in names] for row in rows))


def someone(dice):
    number = dice.randrange(ACCOUNTS)
    return f"user{number}@domain{number % DOMAINS}.example", f"domain{number % DOMAINS}.example"


def incidents(dice):
    for id in range(1, INCIDENTS + 1):
        subject, domain = someone(dice)
        ended = id <= INCIDENTS - 200
        opened = NOW_US - (INCIDENTS - id) * 60_000_000
        yield {"id": id, "kind": "account", "subject": subject, "domain": domain,
               "state": "closed" if ended else dice.choice(("open", "contained", "recovering")),
               "opened_us": opened, "onset_us": opened - 3600, "closed_us": opened if ended else 0,
               "mode": "enforce", "standing": "restricted", "log_r": 12.5, "family": "bulk",
               "summary_ja": "初めての相手47人に1時間で送信しました。",
               "summary_en": "It sent to 47 new recipients within an hour.",
               "opened_by": "machine"}


def audit(dice):
    actions = ("restrict", "suspend", "restore", "release", "set_policy", "ban", "approve")
    for id in range(1, AUDIT + 1):
        subject, domain = someone(dice)
        machine = dice.random() < 0.7
        said = machine and dice.random() < 0.2
        yield {"id": id, "t_us": NOW_US - (AUDIT - id) * 10_000_000,
               "who": "machine" if machine else f"operator{dice.randrange(30)}",
               "action": "ban_end" if id % 1000 == 0 else dice.choice(actions), "kind": "account",
               "subject": subject, "domain": domain, "incident": id % INCIDENTS,
               "why": "ln R 12.50, bulk" if said else
                      "" if machine else f"電話でご本人に確認しました。ticket {id}",
               "detail": json.dumps({"words": {
                   "ja": "初めての相手47人に1時間で送信しました。",
                   "en": "It sent to 47 new recipients within an hour."}}, ensure_ascii=False)
               if said else '{"queue_id":"4Vw3hP0Yzxz1Q2b"}'}


def bans(dice):
    for id in range(1, BANS + 1):
        a, b, c = 1 + id // 65536, id // 256 % 256, id % 256
        over = id % 2 == 0
        since = NOW_US - (BANS - id) * 30_000_000
        yield {"id": id, "network": f"{20 + a}.{b}.{c}.0/24",
               "sort_key": f"00000000000000000000ffff{20 + a:02x}{b:02x}{c:02x}00120",
               "kind": "person", "reach": "sign_ins", "since_us": since, "until_us": 0,
               "failures": 40, "accounts": 5, "parts": 1, "times": 1,
               "hits": dice.randrange(1000) if id % 10 == 0 else 0,
               "country": dice.choice(("BR", "VN", "US", "")), "set_by": "operator3",
               "last_account": someone(dice)[0], "reason": "guessing", "is_over": int(over),
               "ended_us": since + 1 if over else 0, "ended_by": "operator3" if over else ""}


def switches(dice):
    for number in dice.sample(range(ACCOUNTS), SWITCHED_OFF):
        yield {"account": f"user{number}@domain{number % DOMAINS}.example",
               "what": dice.choice(("receive", "login")), "is_off": 1, "is_done": 1,
               "since_us": NOW_US - dice.randrange(10**12), "set_by": "operator3",
               "reason": "引っ越し"}


def fill_state(folder):
    dice = random.Random(7)
    with contextlib.closing(sqlite3.connect(folder / "state/sekimori.db")) as db:
        db.execute("PRAGMA synchronous = OFF")
        put(db, "incident", incidents(dice))
        put(db, "evidence", ({"incident": id, "line": line, "channel": "velocity", "nats": 2.5,
                              "text_ja": "1時間の宛先数がふだんの40倍です。",
                              "text_en": "Forty times its usual recipients in an hour."}
                             for id in range(1, INCIDENTS + 1) for line in range(3)))
        put(db, "audit", audit(dice))
        put(db, "ban", bans(dice))
        put(db, "account_switch", switches(dice))
        for name, value in (("incident", INCIDENTS), ("audit", AUDIT)):
            db.execute("DELETE FROM counter WHERE name = ?", (name,))
            db.execute("INSERT INTO counter (name, value) VALUES (?, ?)", (name, value))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def give(path):
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        for one in [path, *path.rglob("*")]:
            os.chown(one, user.pw_uid, user.pw_gid)


class Daemon:
    def __init__(self, binary, folder):
        give(folder)
        with open(folder / "daemon.log", "ab") as log:
            self.process = subprocess.Popen([binary, "serve", "--config", folder / "sekimori.toml"],
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 300
        while True:
            with contextlib.suppress(OSError):
                if self.get("/livez")[0] == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the daemon does not serve: see {folder}/daemon.log")
            time.sleep(0.1)  # why: the step of a poll with a deadline

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", PORT + 2, timeout=120)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def cpu_ms(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        self.process.wait(120)


def measure(daemon):
    for question in QUESTIONS:
        took = []
        for number in range(ROUNDS):
            if number == 1:
                before = daemon.cpu_ms()  # the first may read what the others find ready
            begun = time.perf_counter()
            status, body = daemon.get("/api/v1" + question)
            took.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                raise SystemExit(f"{question}: {status} {body[:300]!r}")
        page = json.loads(body)
        say({"question": question, "rows": len(page["items"]), "total": page["total"],
             "ms_first": round(took[0], 1), "ms_median": round(statistics.median(took[1:]), 1),
             "ms_best": round(min(took), 1),
             "cpu_ms_mean": round((daemon.cpu_ms() - before) / (ROUNDS - 1), 1)})


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    binary, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "state").mkdir(parents=True)
        (folder / "guard").mkdir()
        (folder / "mail.log").touch()
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        (folder / "sekimori.toml").write_text(settings(folder))
        fill_accounts(folder)
        Daemon(binary, folder).stop()  # it makes its tables
        fill_state(folder)
        (folder / "made").touch()
    daemon = Daemon(binary, folder)
    try:
        measure(daemon)
    finally:
        daemon.stop()


if __name__ == "__main__":
    main()
