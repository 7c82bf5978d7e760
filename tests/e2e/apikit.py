"""Clients for Sekimori itself: REST, the event stream, metrics, and Postfix's policy protocol."""

import contextlib
import http.client
import json
import queue
import re
import socket
import threading
import urllib.parse


class Answer:
    """One HTTP answer: status, headers (lower case), body as text, json when it is JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read().decode()
        is_json = self.headers.get("content-type", "").startswith("application/json")
        self.json = json.loads(self.body) if is_json else None


class Api:
    """Sekimori's REST API under /api/v1, and the plain pages beside it."""

    def __init__(self, endpoints):
        url = urllib.parse.urlsplit(endpoints["api_url"])
        self.host, self.port, self.prefix = url.hostname, url.port, url.path
        self.token = endpoints["api_token"]

    def raw(self, method, path, body=None, headers=None, timeout=30):
        """Any request, without a token unless `headers` brings one."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port,
                                                           timeout=timeout)) as connection:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())

    def ask(self, method, path, body=None, timeout=30):
        """With the token, `path` below /api/v1; the Answer whatever its status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        return self.raw(method, self.prefix + path, body, headers, timeout)

    def call(self, method, path, body=None):
        """The JSON of an answer that must be a success."""
        answer = self.ask(method, path, body)
        assert answer.status in (200, 201), (method, path, answer.status, answer.body)
        return answer.json

    def get(self, path):
        return self.call("GET", path)

    def account(self, address):
        return self.get(f"/accounts/{urllib.parse.quote(address)}")

    def counts(self, address):
        return self.account(address)["counts"]

    def change(self, what, kind, id="", **body):
        """restrict, suspend or restore of kind account, domain or server."""
        where = "/server" if kind == "server" else f"/{kind}s/{urllib.parse.quote(id)}"
        return self.call("POST", f"{where}/{what}", body)

    def holds(self, account=None, state="held"):
        query = {"state": state} | ({"account": account} if account else {})
        return self.get(f"/holds?{urllib.parse.urlencode(query)}")["items"]

    def audit(self, account):
        return self.get(f"/audit?{urllib.parse.urlencode({'account': account})}")["items"]

    def metrics(self):
        """name{labels} → value."""
        answer = self.raw("GET", "/metrics")
        assert answer.status == 200, answer.body
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in answer.body.splitlines() if line and not line.startswith("#")}

    def stream(self, last_id=None):
        return Stream(self, last_id)


class Stream:
    """/api/v1/stream (server-sent events), read by a thread until closed. Each event is
    {"id", "event", "data" (its JSON)}."""

    def __init__(self, api, last_id=None):
        self._connection = http.client.HTTPConnection(api.host, api.port, timeout=30)
        headers = {"Authorization": f"Bearer {api.token}", "Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        self._connection.request("GET", f"{api.prefix}/stream", headers=headers)
        # The answer closes its connection object's socket at the end; ours ends it before.
        self._socket = self._connection.sock
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        self.content_type = self._response.getheader("Content-Type")
        self._arrived = queue.Queue()
        self.seen = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        fields = {}
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            while True:
                line = self._response.readline()
                if not line:
                    return
                line = line.decode().rstrip("\r\n")
                if line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                if "event" in fields:
                    fields["data"] = json.loads(fields["data"])
                    self._arrived.put(fields)
                fields = {}

    def events(self):
        """All that arrived so far."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.seen.append(self._arrived.get_nowait())
        return self.seen

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Policy:
    """One connection of Postfix's policy protocol (SMTPD_POLICY_README), as an smtpd holds it."""

    def __init__(self, address, timeout=20):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self.socket.makefile("rb")

    @staticmethod
    def text(**attributes):
        request = {"request": "smtpd_access_policy", "protocol_name": "ESMTP"} | attributes
        return "".join(f"{name}={value}\n" for name, value in request.items()).encode() + b"\n"

    def answer(self):
        """The action of the next answer; None when the server closed."""
        action = None
        while True:
            line = self._lines.readline()
            if not line:
                return None
            if line == b"\n":
                return action
            action = re.fullmatch(rb"action=(.*)\n", line)[1].decode()

    def ask(self, **attributes):
        self.socket.sendall(self.text(**attributes))
        return self.answer()

    def close(self):
        self._lines.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Transaction:
    """One message as Postfix asks about it: RCPT for each recipient, DATA, END-OF-MESSAGE."""

    def __init__(self, policy, login, recipients, instance, sender=None, queue_id=None, size=1000,
                 stanzas=1, **more):
        self.policy, self.recipients, self.stanzas, self.size = policy, recipients, stanzas, size
        self.queue_id = queue_id or f"3Z{instance.replace('.', '')}"
        self.base = {"instance": instance, "sasl_username": login, "sasl_method": "PLAIN",
                     "sender": login if sender is None else sender, "helo_name": "client.example",
                     "client_address": "192.0.2.10", "client_name": "unknown"} | more

    def _ask(self, **attributes):
        answers = [self.policy.ask(**self.base, **attributes) for _ in range(self.stanzas)]
        # The stamp of outgoing mail: Postfix puts it on and goes on, as with DUNNO. Once a message.
        answers = ["DUNNO" if answer.startswith("PREPEND X-Sekimori-Account: ") else answer
                   for answer in answers]
        assert len(set(answers)) == 1, answers
        return answers[0]

    def rcpt(self, recipient, count=0):
        return self._ask(protocol_state="RCPT", recipient=recipient, recipient_count=0, size=0,
                         queue_id="" if count == 0 else self.queue_id)

    def data(self):
        return self._ask(protocol_state="DATA", recipient_count=len(self.recipients), size=0,
                         queue_id=self.queue_id,
                         recipient=self.recipients[0] if len(self.recipients) == 1 else "")

    def end(self):
        return self._ask(protocol_state="END-OF-MESSAGE", recipient_count=len(self.recipients),
                         size=self.size, queue_id=self.queue_id,
                         recipient=self.recipients[0] if len(self.recipients) == 1 else "")

    def run(self):
        """All of it; the last answer."""
        for number, recipient in enumerate(self.recipients):
            answer = self.rcpt(recipient, number)
            assert answer == "DUNNO", answer
        answer = self.data()
        assert answer == "DUNNO", answer
        return self.end()
