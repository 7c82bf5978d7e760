"""Clients for a running lab: everything a test needs to act as a person, a stranger or the world.

    lab = Lab(directory)                         # endpoints.json of a started lab
    with lab.submission("taro@lab-ja.example", client="192.0.2.10") as smtp:
        smtp.send_message(message(...))
    mail = lab.sink.wait_for(subject="…")

A `client` address is what the mail servers then take for the peer's: the lab believes XCLIENT (and
IMAP's ID) from 127.0.0.1. Waiting is always by wait_for() with a deadline, never by sleeping.
"""

import base64
import contextlib
import email
import email.message
import email.policy
import imaplib
import ipaddress
import json
import os
import pathlib
import poplib
import random
import re
import secrets
import shutil
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.request
import uuid

from apikit import Api

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PORTS_PER_LAB = 20


class Late(AssertionError):
    """Something did not happen within its deadline."""


def wait_for(fn, deadline=20.0, what=None):
    """Calls fn() until it returns something true, and returns that. fn may raise AssertionError or
    OSError meanwhile; the last one is told when the deadline (seconds) passes."""
    end = time.monotonic() + deadline
    problem = None
    pause = 0.02
    while True:
        try:
            problem = None
            found = fn()
            if found:
                return found
        except (AssertionError, OSError) as error:
            problem = error
        if time.monotonic() > end:
            raise Late(f"{what or 'condition'}: not within {deadline} s ({problem})") from problem
        time.sleep(pause)  # why: the poll itself, up to the deadline
        pause = min(pause * 1.5, 0.25)


def free_port_base():
    """A port base whose ports are all free now. Below the range the kernel itself hands out."""
    while True:
        base = random.randrange(20100, 32000, PORTS_PER_LAB)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + PORTS_PER_LAB):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((HOST, port))
            except OSError:
                continue
            return base


def run_script(name, *arguments, deadline=900):
    """scripts/NAME to its end; returns the finished process with its output as text."""
    return subprocess.run([ROOT / "scripts" / name, *map(str, arguments)], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=deadline)


def start_lab(directory, port_base=None):
    """scripts/up --detach in `directory`; returns the Lab."""
    port_base = port_base or free_port_base()
    done = run_script("up", "--detach", "--dir", directory, "--port-base", port_base)
    assert done.returncode == 0, done.stdout
    return Lab(directory)


def stop_lab(directory):
    done = run_script("down", "--dir", directory)
    assert done.returncode == 0, done.stdout


def discard_lab(directory):
    """Ends the lab and removes all of it, also what lies outside a directory that is closed."""
    stop_lab(directory)
    home = pathlib.Path(directory) / "home"
    if home.is_symlink():
        shutil.rmtree(home.resolve())
    shutil.rmtree(directory)


def message(sender, to, subject=None, body="hello\n", **headers):
    """A plain message with a subject of its own (unless given), to find it by."""
    made = email.message.EmailMessage()
    made["From"] = sender
    made["To"] = to if isinstance(to, str) else ", ".join(to)
    made["Subject"] = subject or f"test {uuid.uuid4().hex}"
    made["Message-ID"] = f"<{uuid.uuid4().hex}@test.example>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(body)
    return made


def _unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _smtp_address(client):
    return f"IPV6:{client}" if ipaddress.ip_address(client).version == 6 else client


class Mail:
    """One message that left: its envelope and its parsed content."""

    def __init__(self, path):
        self.path = path
        self.content = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        self.sender = self.content["X-Envelope-From"]
        self.recipients = [to.strip() for to in self.content["X-Envelope-To"].split(",")]
        self.subject = self.content["Subject"]


class Sink:
    """The outside world: every message that left the lab."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._read = {}

    def mails(self, subject=None, to=None, sender=None):
        """In the order of arrival; with `subject`, `to` or `sender` only those that have it."""
        for path in self.directory.glob("*.eml"):
            if path.name not in self._read:
                self._read[path.name] = Mail(path)
        found = [self._read[name] for name in sorted(self._read)]
        return [mail for mail in found
                if (subject is None or mail.subject == subject)
                and (to is None or to in mail.recipients)
                and (sender is None or sender == mail.sender)]

    def wait_for(self, subject=None, to=None, count=1, deadline=20.0):
        """The mails once at least `count` are there."""
        def enough():
            found = self.mails(subject, to)
            return found if len(found) >= count else None

        return wait_for(enough, deadline, f"{count} mails in the sink (subject {subject}, to {to})")


class Sieve:
    """As much of ManageSieve (RFC 5804) as signing in and storing a script takes."""

    def __init__(self, port, client=None):
        self._socket = socket.create_connection((HOST, port), timeout=30)
        self._lines = self._socket.makefile("rb")
        self.greeting = self._answer()
        if client:
            self.command(f"XCLIENT ADDR={client} PORT=50000")

    def _answer(self):
        lines = []
        while True:
            line = self._lines.readline().decode().rstrip("\r\n")
            lines.append(line)
            if not line or re.match(r"(OK|NO|BYE)\b", line):
                return lines

    def command(self, line):
        """The answer's lines, the last of which begins with OK, NO or BYE."""
        self._socket.sendall(line.encode() + b"\r\n")
        return self._answer()

    def login(self, user, password):
        token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f'AUTHENTICATE "PLAIN" "{token}"')[-1]

    def put_active(self, name, script):
        text = script.encode()
        self._socket.sendall(f'PUTSCRIPT "{name}" {{{len(text)}+}}\r\n'.encode() + text + b"\r\n")
        answer = self._answer()[-1]
        assert answer.startswith("OK"), answer
        answer = self.command(f'SETACTIVE "{name}"')[-1]
        assert answer.startswith("OK"), answer

    def close(self):
        self._lines.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Lab:
    """A running lab, by its endpoints.json."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.reload()
        self.sink = Sink(self.endpoints["sink_dir"])
        self.passwords = {entry["address"]: entry["password"]
                          for entry in self.endpoints["accounts"]}

    def reload(self):
        """Reads endpoints.json again (after another scripts/up)."""
        self.endpoints = json.loads((self.directory / "endpoints.json").read_text())
        self.inside = self.endpoints["lab"]
        self.api = Api(self.endpoints)

    # People

    def hire(self, count=3):
        """A fresh domain with `count` mailboxes and the list `all@` of them: a test's own, so that
        nothing another test did (a domain stays on alert after a takeover) changes what it sees.
        Returns their addresses, once Sekimori knows them."""
        domain = f"t{uuid.uuid4().hex[:10]}.example"
        people = [f"person{number}@{domain}" for number in range(count)]
        secret = secrets.token_urlsafe(12)
        hashed = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=secret, text=True,
                                capture_output=True, check=True).stdout.strip()
        with contextlib.closing(sqlite3.connect(self.endpoints["database"], timeout=10)) as store:
            with store:
                store.execute("INSERT INTO domain(domain, description, transport, created, "
                              "modified) VALUES(?, '', 'virtual', datetime(), datetime())",
                              (domain,))
                for person in people:
                    local = person.partition("@")[0]
                    store.execute(
                        "INSERT INTO mailbox(username, password, name, maildir, quota, local_part, "
                        "domain, created, modified) VALUES(?, ?, ?, ?, 0, ?, ?, datetime(), "
                        "datetime())", (person, hashed, local, f"{domain}/{local}/", local, domain))
                for address, targets in [(person, person) for person in people] + [
                        (f"all@{domain}", ",".join(people)), (f"one@{domain}", people[0])]:
                    store.execute("INSERT INTO alias(address, goto, domain, created, modified) "
                                  "VALUES(?, ?, ?, datetime(), datetime())",
                                  (address, targets, domain))
                [known] = store.execute("SELECT count(*) FROM mailbox WHERE active = 1").fetchone()
        self.passwords |= {person: secret for person in people}
        wait_for(lambda: self.api.metrics()["sekimori_directory_accounts"] >= known, 20,
                 "Sekimori knowing the new accounts")
        return people

    def store_rows(self, query, *values):
        """Runs one statement on the provider's store, as another panel does; returns its rows."""
        with contextlib.closing(sqlite3.connect(self.endpoints["database"], timeout=10)) as store:
            with store:
                return store.execute(query, values).fetchall()

    def smtp(self, port_name="submission_port", client=None):
        """A greeted connection, speaking for the address `client` where given."""
        smtp = smtplib.SMTP(HOST, self.endpoints[port_name], local_hostname="client.example",
                            timeout=60)
        if client:
            smtp.ehlo()
            code, text = smtp.docmd("XCLIENT", f"ADDR={_smtp_address(client)} NAME=[UNAVAILABLE]")
            assert code == 220, (code, text)
            smtp.ehlo_resp = smtp.helo_resp = None
        smtp.ehlo()
        return smtp

    def mx(self, client=None):
        """As another mail server delivers here."""
        return self.smtp("smtp_port", client)

    def submission(self, login, client=None, password=None):
        """STARTTLS and AUTH. Raises smtplib.SMTPAuthenticationError when refused."""
        smtp = self.smtp("submission_port", client)
        try:
            smtp.starttls(context=_unverified())
            smtp.ehlo()
            smtp.login(login, self._password(login, password))
        except BaseException:
            smtp.close()
            raise
        return smtp

    def send(self, login, to, client=None, **options):
        """One message through submission; returns its subject."""
        recipients = [to] if isinstance(to, str) else list(to)
        made = message(login, recipients, **options)
        with self.submission(login, client) as smtp:
            smtp.send_message(made, login, recipients)
        return made["Subject"]

    def deliver(self, sender, to, client=None, **options):
        """One message from outside through the MX; returns its subject."""
        recipients = [to] if isinstance(to, str) else list(to)
        made = message(sender, recipients, **options)
        with self.mx(client) as smtp:
            smtp.send_message(made, sender, recipients)
        return made["Subject"]

    def sendmail(self, sender, to, **options):
        """One message by sendmail(1), as a web form does; returns its subject."""
        made = message(sender, to, **options)
        subprocess.run(["/usr/sbin/sendmail", "-C", self.inside["postfix"], "-f", sender, to],
                       input=made.as_bytes(), check=True, timeout=30)
        return made["Subject"]

    def imap(self, login, client=None, password=None):
        """Signed in. Raises imaplib.IMAP4.error, with the server's words, when refused."""
        imap = imaplib.IMAP4(HOST, self.endpoints["imap_port"], timeout=30)
        try:
            if client:
                imap.xatom("ID", f'("x-originating-ip" "{client}" "x-originating-port" "50000")')
            imap.login(login, self._password(login, password))
        except BaseException:
            imap.shutdown()
            raise
        return imap

    def pop3(self, login, client=None, password=None):
        """Signed in. Raises poplib.error_proto when refused."""
        pop3 = poplib.POP3(HOST, self.endpoints["pop3_port"], timeout=30)
        try:
            if client:
                pop3._shortcmd(f"XCLIENT ADDR={client} PORT=50000")
            pop3.user(login)
            pop3.pass_(self._password(login, password))
        except BaseException:
            pop3.close()
            raise
        return pop3

    def sieve(self, login, client=None, password=None):
        """(connection, last line of the answer to the login)."""
        sieve = Sieve(self.endpoints["sieve_port"], client)
        return sieve, sieve.login(login, self._password(login, password))

    def _password(self, login, password):
        return self.passwords[login.lower()] if password is None else password

    def subjects(self, login, client=None):
        """Subjects of everything in the account's INBOX."""
        imap = self.imap(login, client)
        try:
            [count] = imap.select("INBOX", readonly=True)[1]
            if int(count) == 0:
                return []
            found = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        finally:
            imap.logout()
        texts = [email.message_from_bytes(part[1], policy=email.policy.default)
                 for part in found if isinstance(part, tuple)]
        return [text["Subject"] for text in texts]

    def newest(self, login):
        """The last message of the account's INBOX, parsed."""
        imap = self.imap(login)
        try:
            imap.select("INBOX", readonly=True)
            [_, raw], _ = imap.fetch("*", "(BODY.PEEK[])")[1]
        finally:
            imap.logout()
        return email.message_from_bytes(raw, policy=email.policy.default)

    def wait_in_mailbox(self, login, subject, deadline=20.0):
        """A sign-in that fails meanwhile is asked again: Dovecot remembers for a moment who was
        no user (auth_cache_negative_ttl)."""
        def is_there():
            try:
                return subject in self.subjects(login)
            except imaplib.IMAP4.error:  # abort is one, too
                return False
        wait_for(is_there, deadline, f"{subject!r} in the mailbox of {login}")

    # The machine room

    def queue(self):
        """postqueue -j as a list."""
        done = subprocess.run(["/usr/sbin/postqueue", "-c", self.inside["postfix"], "-j"],
                              text=True, capture_output=True, check=True, timeout=300)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def queued(self, sender=None, to=None, queue=None):
        """Entries from `sender`, with the recipient `to`, in the queue of that name."""
        return [entry for entry in self.queue()
                if (sender is None or entry["sender"] == sender)
                and (queue is None or entry["queue_name"] == queue)
                and (to is None or to in [r["address"] for r in entry["recipients"]])]

    def postsuper(self, *arguments):
        subprocess.run(["/usr/sbin/postsuper", "-c", self.inside["postfix"], *arguments],
                       check=True, capture_output=True, timeout=300)

    def flush_queue(self):
        subprocess.run(["/usr/sbin/postqueue", "-c", self.inside["postfix"], "-f"], check=True,
                       timeout=30)

    def maillog(self):
        return pathlib.Path(self.endpoints["maillog"]).read_text(errors="replace")

    def wait_in_maillog(self, pattern, deadline=20.0):
        """The match of the regular expression."""
        return wait_for(lambda: re.search(pattern, self.maillog()), deadline,
                        f"{pattern!r} in the mail log")

    def doveadm(self, command, **parameters):
        """One command through Dovecot's HTTP API: its response, or {"error": …}."""
        config = pathlib.Path(self.inside["dovecot"]).read_text()
        key = re.search(r"^doveadm_api_key = (\S+)", config, re.M)[1]
        request = urllib.request.Request(
            self.inside["doveadm_url"], json.dumps([[command, parameters, "t"]]).encode(),
            {"Content-Type": "application/json",
             "Authorization": "X-Dovecot-API " + base64.b64encode(key.encode()).decode()})
        with urllib.request.urlopen(request, timeout=30) as answer:
            kind, response, _ = json.load(answer)[0]
        return response if kind == "doveadmResponse" else {"error": response}

    def flush_auth_cache(self):
        """All of it, which is what an empty list of users means to Dovecot."""
        answer = self.doveadm("authCacheFlush", user=[])
        assert "error" not in answer, answer

    def kill_daemon(self):
        """kill -9, as if it had crashed; waits until it is gone."""
        pid = self.endpoints["pid"]
        if pid is None or not pathlib.Path(f"/proc/{pid}").exists():
            return
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not _runs(pid), 10, "the daemon's end")

    def stop_daemon(self):
        """A clean end, as systemd asks for it."""
        pid = self.endpoints["pid"]
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not _runs(pid), 30, "the daemon's end")

    def start_daemon(self):
        """scripts/up again, which repairs what is missing and leaves the rest alone."""
        done = run_script("up", "--detach", "--dir", self.directory, "--port-base",
                          self.endpoints["smtp_port"])
        assert done.returncode == 0, done.stdout
        self.reload()

    def daemon_log(self):
        return (pathlib.Path(self.inside["home"]) / "log/sekimori.log").read_text()

    def live_state_hash(self):
        """SIGUSR1 has the daemon log the hash of its state."""
        told = self.daemon_log().count("state hash ")
        os.kill(self.endpoints["pid"], signal.SIGUSR1)
        wait_for(lambda: self.daemon_log().count("state hash ") > told, 10, "the state's hash")
        return re.findall(r"state hash (\w{16})", self.daemon_log())[-1]

    def quiet_state_hash(self):
        """The same once nothing more comes in: notices and log lines follow what a test did."""
        journal = pathlib.Path(self.inside["home"]) / "state/journal"

        def still():
            def look():
                return (self.live_state_hash(),
                        sum(part.stat().st_size for part in journal.glob("*.ndjson")))

            first = look()
            time.sleep(1.0)  # why: nothing happening has no event to wait for
            return first[0] if look() == first else None

        return wait_for(still, 60, "a state at rest")

    def recovered_state_hash(self):
        """What the last start found."""
        return re.findall(r"state recovered: .*hash (\w{16})", self.daemon_log())[-1]

    def daemon_runs(self):
        return self.endpoints["pid"] is not None and _runs(self.endpoints["pid"])

    def sekimori(self, *arguments, deadline=60):
        """The command line; the finished process with its output as text."""
        home = pathlib.Path(self.inside["home"])
        return subprocess.run([home / "bin/sekimori", "--config", self.endpoints["config"],
                               *arguments], text=True, capture_output=True, timeout=deadline)

    def put_standing(self, kind, id, no_send=0, no_login=0, no_receive=0, reply="", reason=""):
        """Writes guard.db as the daemon does, and flushes Dovecot's cache."""
        with self._guard() as guard:
            guard.execute("INSERT OR REPLACE INTO standing(kind, id, no_send, no_login, no_receive,"
                          " reply, reason) VALUES(?, ?, ?, ?, ?, ?, ?)",
                          (kind, id, no_send, no_login, no_receive, reply, reason))
        self.flush_auth_cache()

    def guard_rows(self, kind, id):
        """(no_send, no_login, no_receive) as Postfix and Dovecot enforce them."""
        with self._guard() as guard:
            return guard.execute("SELECT no_send, no_login, no_receive FROM standing "
                                 "WHERE kind = ? AND id = ?", (kind, id)).fetchall()

    def drop_standing(self, kind, id):
        with self._guard() as guard:
            guard.execute("DELETE FROM standing WHERE kind = ? AND id = ?", (kind, id))
        self.flush_auth_cache()

    def put_bypass(self, on):
        with self._guard() as guard:
            guard.execute("UPDATE bypass SET on_off = ?", (int(on),))
        self.flush_auth_cache()

    @contextlib.contextmanager
    def _guard(self):
        with contextlib.closing(sqlite3.connect(self.inside["guard"], timeout=10)) as guard:
            with guard:
                yield guard


def _runs(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    # A killed process whose first thread is gone still has its sockets until the last one is.
    threads = int(stat.rpartition(")")[2].split()[17])
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X") or threads > 1
