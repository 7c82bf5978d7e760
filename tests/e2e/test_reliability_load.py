"""Clients that misbehave, ten thousand connections, and a hold queue nobody wants to see, while
others' mail flows."""

import contextlib
import imaplib
import os
import re
import resource
import secrets
import socket
import threading
import time

from apikit import Policy
from clikit import done
from faultkit import SLOW
from labkit import HOST, wait_for
from test_standing import cannot_sign_in

# Bad clients


def openers(site, policy_socket):
    """name → how to connect, for every listener of the daemon."""
    def tcp(offset):
        return lambda: socket.create_connection(
            (HOST, site.lab.endpoints["smtp_port"] + offset), timeout=10)

    def unix(path):
        def connect():
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(10)
            made.connect(str(path))
            return made
        return connect

    return {"policy": tcp(5), "policy socket": unix(policy_socket), "auth policy, events": tcp(6),
            "API": tcp(7), "command line's socket": unix(site.run / "daemon/control.sock")}


def quietly(work):
    # Being cut off is what a bad client may expect.
    with contextlib.suppress(OSError):
        work()


def drain(connection):
    while connection.recv(65536):
        pass


def garbage(connect, until):
    while time.monotonic() < until:
        def once():
            with connect() as connection:
                connection.sendall(secrets.token_bytes(3000) + b"\n\n" + secrets.token_bytes(3000))
                connection.shutdown(socket.SHUT_WR)
                drain(connection)
        quietly(once)


def slow(connect, until):
    """A byte a second of a request that would be good."""
    def once():
        with connect() as connection:
            for byte in b"request=smtpd_access_policy\nPOST /?command=allow HTTP/1.1\r\n":
                if time.monotonic() > until:
                    return
                connection.sendall(bytes([byte]))
                time.sleep(1)  # why: the slow client's own pace
    quietly(once)


def oversized(connect, until):
    """Bytes without an end, as many as it takes."""
    heads = (b"x=", b"POST /?command=allow HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n",
             b"GET /" + b"a" * 100000, b"GET / HTTP/1.1\r\nX: ")
    for head in heads:
        def once(head=head):
            with connect() as connection:
                connection.sendall(head)
                sent = 0
                while time.monotonic() < until and sent < 64 * 1024 * 1024:
                    sent += connection.send(b"y" * 65536)
        quietly(once)


def half_closed(connect, until):
    """Half a request, an end, and patience; then a connection that is only reset."""
    while time.monotonic() < until:
        def once():
            with connect() as connection:
                connection.sendall(b"POST /api/v1/bypass HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
                connection.shutdown(socket.SHUT_WR)
                drain(connection)
            with connect() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        quietly(once)
        time.sleep(0.05)  # why: without it this client alone would fill the processor


def test_bad_clients_on_every_port(site, request):
    seconds = 60 if SLOW else 8
    policy_socket = site.run / "daemon/policy.sock"
    config = site.home / "etc/faults.toml"
    config.write_text(re.sub(r'(?<=^\[policy\]\nlisten = \[)(.*)\]$',
                             rf'\1, "unix:{policy_socket}"]', site.config.read_text(), flags=re.M))
    config.chmod(0o644)
    site.stop()
    site.start(config)
    try:
        with site.scenario(request, "garbage, a byte a second, endless requests and half-closed "
                           "connections on every listener") as run:
            before = site.memory_mb()
            until = time.monotonic() + seconds
            ways = openers(site, policy_socket)
            clients = [threading.Thread(target=kind, args=(connect, until), daemon=True)
                       for connect in ways.values()
                       for kind in (garbage, slow, slow, oversized, half_closed)]
            for client in clients:
                client.start()
            run.traffic.flows(6)
            for client in clients:
                client.join(seconds + 60)
                assert not client.is_alive(), "a bad client is held for ever"
            for name, connect in ways.items():
                connect().close()
                assert site.lab.daemon_runs(), name
            assert not site.unwell()
            grown = site.memory_mb() - before
            run.note(f"{len(clients)} clients, {seconds} s; memory +{grown:.0f} MB")
            assert grown < 200, grown
    finally:
        if site.lab.daemon_runs():
            site.stop()
        site.start()


def test_ten_thousand_connections(site, request):
    wanted = 10_000
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    # The daemon has the same hard limit.
    allowed = wanted if limit[1] == resource.RLIM_INFINITY else min(wanted, limit[1] - 1000)
    base = site.lab.endpoints["smtp_port"]
    try:
        with site.scenario(request, "10,000 silent connections, seven of ten to the policy port, "
                           "the rest to Dovecot's") as run, contextlib.ExitStack() as stack:
            for number in range(allowed):
                port = base + (6 if number % 10 >= 7 else 5)
                connection = stack.enter_context(socket.socket())
                connection.settimeout(20)
                connection.connect((HOST, port))
            held = wait_for(lambda: (n := site.lab.api.metrics()["sekimori_policy_connections"])
                            >= allowed * 0.7 and n, 30, "them accepted")
            run.traffic.flows(6)
            with Policy(site.lab.endpoints["policy"]) as policy:
                began = time.monotonic()
                assert policy.ask(protocol_state="RCPT", recipient="a@far.example") == "DUNNO"
                answer_ms = (time.monotonic() - began) * 1000
            run.note(f"{allowed} connections (hard limit {limit[1]}), {held:.0f} of them policy; an "
                     f"answer in {answer_ms:.0f} ms; memory {site.memory_mb():.0f} MB")
            stack.close()
            run.healed(lambda: site.lab.api.metrics()["sekimori_policy_connections"] < 100, 30,
                       "them gone")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


# A long queue

# Postfix's long queue ids: seconds and microseconds in base 52, "z", the inode in base 51
# (global/mail_queue.h).
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def in_base(number, base, least):
    text = ""
    while number or len(text) < least:
        number, digit = divmod(number, base)
        text = DIGITS[digit] + text
    return text


class LongQueue:
    """`count` messages of one login in Postfix's deferred queue, made from one that was really sent;
    the subject and the recipient carry a number."""

    def __init__(self, site, count):
        self.site, self.lab, self.count = site, site.lab, count
        self.address = self.lab.hire(1)[0]
        self.mark = f"bulk{secrets.token_hex(3)}"
        self.lab.send(self.address, f"defer-{self.mark}@far.example", client="192.0.2.10",
                      subject=f"{self.mark} 00000000")
        [template] = wait_for(lambda: self.lab.queued(self.address, queue="deferred"), 20,
                              "the template in the queue")
        self.spool = site.home / "spool/postfix"
        [path] = self.spool.glob(f"deferred/*/{template['queue_id']}")
        self.ids = self._copy(path)
        self.lab.postsuper("-d", template["queue_id"])
        # Postfix's own line for each, so that Sekimori knows whose they are.
        before = self._lines_read()
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
        with open(self.lab.endpoints["maillog"], "a") as log:
            log.writelines(f"{stamp} mx postfix/submission/smtpd[99]: {id}: client=unknown"
                           f"[192.0.2.10], sasl_method=PLAIN, sasl_username={self.address}\n"
                           for id in self.ids)
        wait_for(lambda: self._lines_read() >= before + count, 120, "the mail log read")

    def _lines_read(self):
        return self.lab.api.metrics()["sekimori_log_lines_total"]

    def _copy(self, template):
        text = template.read_bytes()
        owner = template.stat()
        # Not due for some hours: the queue manager leaves it alone.
        due = time.time() + 6 * 3600
        begin = time.time_ns() // 1000
        ids = []
        for number in range(self.count):
            made = template.parent / f"new-{self.mark}"
            made.write_bytes(text.replace(b"defer-" + self.mark.encode(),
                                          b"later-" + self.mark.encode())
                             .replace(f"{self.mark} 00000000".encode(),
                                      f"{self.mark} {number:08d}".encode()))
            os.chown(made, owner.st_uid, owner.st_gid)
            os.chmod(made, owner.st_mode & 0o777)
            os.utime(made, (due, due))
            seconds, micros = divmod(begin - number * 7, 1_000_000)
            id = (in_base(seconds, 52, 6) + in_base(micros, 52, 4) + "z"
                  + in_base(made.stat().st_ino, 51, 1))
            # hash_queue_depth = 1: by the first hexadecimal digit of the microseconds.
            place = self.spool / "deferred" / f"{micros:05X}"[0]
            place.mkdir(mode=0o700, exist_ok=True)
            os.chown(place, owner.st_uid, owner.st_gid)
            made.rename(place / id)
            ids.append(id)
        return ids

    def in_queue(self, name):
        """How many are in that queue, by its directory."""
        known = set(self.ids)
        return sum(path.name in known for path in (self.spool / name).rglob("*"))

    def arrived(self):
        return sorted(mail.subject for mail in self.lab.sink.mails()
                      if (mail.subject or "").startswith(self.mark))


def ended(session):
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        session.noop()
        return False
    return True


def timed(work):
    began = time.monotonic()
    found = work()
    return time.monotonic() - began, found


def test_many_held_messages(site, request):
    count = 100_000 if SLOW else 5_000
    patience = 60 + count / 20
    with site.scenario(request, f"{count:,} queued messages of one account held, listed, twenty "
                       "released by hand, the rest by release-all; another account suspended "
                       "meanwhile") as run:
        bulk = LongQueue(site, count)
        beside = site.lab.hire(1)[0]
        reading = site.lab.imap(beside, "192.0.2.10")
        began = time.monotonic()
        site.lab.api.change("restrict", "account", bulk.address)
        # Beside it, another account is closed while the long queue is being held.
        seconds, _ = timed(lambda: site.lab.api.change("suspend", "account", beside))
        assert site.lab.guard_rows("account", beside) == [(1, 1, 1)]
        wait_for(lambda: cannot_sign_in(site.lab, beside), 60, "no login")
        kicked_s, _ = timed(lambda: wait_for(lambda: ended(reading), 60, "its session ended"))
        run.note(f"suspension beside it answered in {seconds:.1f} s, its session ended "
                 f"{kicked_s:.1f} s later")
        run.healed(lambda: bulk.in_queue("hold") == count, patience, "all of them held")
        held_s = time.monotonic() - began
        site.settled(patience)
        listed_s, page = timed(lambda: site.lab.api.get(
            f"/holds?state=held&account={bulk.address}&limit=100"))
        assert page["total"] == count and len(page["items"]) == 100
        run.note(f"held in {held_s:.0f} s, a page of the list in {listed_s:.2f} s")
        # A person picks some.
        for id in bulk.ids[:20]:
            site.lab.api.call("POST", f"/holds/{id}/release", {"reason": "his own"})
        wait_for(lambda: len(bulk.arrived()) == 20, 60, "the picked ones there")
        site.lab.api.change("restore", "account", bulk.address, reason="a test")
        site.lab.api.change("restore", "account", beside, reason="a test")
        release_s, outcome = timed(lambda: done(site.lab, "release-all", "--reason", "a test",
                                                deadline=patience))
        assert outcome["released"] == count - 20 and outcome["complete"], outcome
        wait_for(lambda: len(bulk.arrived()) >= count, patience, "all of them there")
        found = bulk.arrived()
        assert found == [f"{bulk.mark} {number:08d}" for number in range(count)]
        assert site.lab.api.get(f"/holds?state=held&account={bulk.address}")["total"] == 0
        run.note(f"release-all in {release_s:.0f} s; memory: daemon {site.memory_mb():.0f} MB, "
                 f"helper {site.memory_mb(site.helper_pid()):.0f} MB")
        assert site.memory_mb() < 1000 and site.memory_mb(site.helper_pid()) < 300
