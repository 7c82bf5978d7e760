"""Other people's mail, counted, and somebody who tries the whole time to get into closed accounts."""

import contextlib
import imaplib
import itertools
import re
import smtplib
import threading
import time

from labkit import message, wait_for

CLIENT = "192.0.2.{}"
OUTSIDE = "203.0.113.9"
# Between two messages of one sender: few enough for two processors, enough for a pause to show.
PACE_S = 0.3
# One sign-in at a time: while its policy server is away, Dovecot 2.3 may make sign-ins that come
# together wait out its HTTP client's back-off (docs/reliability.md).
SIGN_IN = threading.Lock()


class Traffic:
    """Honest people's mail, out and in, and their signing in, until stopped. Every message carries
    a number of its own and is sent once: `accepted` arrives once, `unsure` (the connection ended
    between the last dot and the answer) at most once, the rest never left."""

    def __init__(self, lab, people):
        self.lab, self.people = lab, people
        self.mark = people[0].partition("@")[2].partition(".")[0]
        self.accepted, self.unsure = {}, {}  # number → (recipient, when)
        self.stopped = []                    # what an honest person was refused for good
        self.delayed = []                    # what could not be had just then
        self.arrivals = 0
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._times = {"out": [], "in": []}
        self._longest = 0.0
        self._threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True)
                         for work in (self._out, self._in, self._read)]

    def __enter__(self):
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a sender hangs"
        self.ended = time.monotonic()

    def __exit__(self, *_):
        if not self._ended.is_set():
            self.stop()

    def _repeat(self, work):
        for turn in itertools.count():
            if self._ended.is_set():
                return
            work(turn)
            self._ended.wait(PACE_S)

    def _out(self, turn):
        index = turn % len(self.people)
        person = self.people[index]
        to = f"contact{turn // len(self.people) % 2}@friends-{self.mark}-{index}.example"
        try:
            with SIGN_IN:
                smtp = self.lab.submission(person, CLIENT.format(100 + index))
        except smtplib.SMTPAuthenticationError as refusal:
            self._refused(person, refusal.smtp_code, refusal.smtp_error)
            return
        except (OSError, EOFError, smtplib.SMTPException, AssertionError) as problem:
            self.delayed.append(("out", repr(problem)))
            return
        self._transfer("out", smtp, person, to)

    def _in(self, turn):
        to = self.people[turn % len(self.people)]
        try:
            smtp = self.lab.mx(OUTSIDE)
        except (OSError, EOFError, smtplib.SMTPException, AssertionError) as problem:
            self.delayed.append(("in", repr(problem)))
            return
        self._transfer("in", smtp, "friend@far.example", to)

    def _transfer(self, way, smtp, sender, to):
        with self._lock:
            number = next(self._numbers)
        text = message(sender, to, subject=f"{self.mark} {way} {number}").as_bytes()
        is_sent = False
        began = time.monotonic()
        try:
            with contextlib.closing(smtp):
                for code, words in (smtp.mail(sender), smtp.rcpt(to)):
                    if code != 250:
                        self._refused(sender, code, words)
                        return
                is_sent = True
                code, words = smtp.data(text)
                if code != 250:
                    self._refused(sender, code, words)
                    return
                now = time.monotonic()
                self._longest = max(self._longest, now - began)
                self.accepted[number] = (way, to, now)
                self._times[way].append(now)
                smtp.docmd("QUIT")
        except (OSError, EOFError, smtplib.SMTPException) as problem:
            self.delayed.append((way, repr(problem)))
            if is_sent and number not in self.accepted:
                self.unsure[number] = (way, to, time.monotonic())

    def _refused(self, person, code, words):
        (self.stopped if 500 <= code < 600 else self.delayed).append((person, code, words))

    def _read(self, turn):
        person = self.people[turn % len(self.people)]
        try:
            with SIGN_IN:
                self.lab.imap(person, CLIENT.format(100 + turn % len(self.people))).logout()
        except imaplib.IMAP4.abort as problem:
            self.delayed.append(("imap", repr(problem)))
        except imaplib.IMAP4.error as refusal:
            # Dovecot says so of itself when it cannot check a password just then.
            late = re.search(r"UNAVAILABLE|Temporary|Internal|shutting down|Disconnected",
                             str(refusal))
            (self.delayed if late else self.stopped).append((person, "imap", str(refusal)))
        except (OSError, EOFError) as problem:
            self.delayed.append(("imap", repr(problem)))

    def count(self):
        return len(self.accepted)

    def flows(self, more=4, deadline=120):
        """Waits until `more` messages each way were accepted from now on."""
        before = {way: len(times) for way, times in self._times.items()}
        wait_for(lambda: all(len(times) >= before[way] + more
                             for way, times in self._times.items()), deadline, "others' mail")

    def slowest(self):
        """Seconds from MAIL FROM to the answer behind the last dot, at most."""
        return self._longest

    def longest_pause(self):
        """Seconds between two accepted messages of one direction, at most."""
        longest = 0.0
        for times in self._times.values():
            marks = [self.began, *times, self.ended]
            longest = max([longest, *(b - a for a, b in itertools.pairwise(marks))])
        return longest

    def arrived(self):
        """number → how often it arrived."""
        found = {}
        texts = [mail.subject for mail in self.lab.sink.mails()]
        for person in self.people:
            texts += self.lab.subjects(person)
        for text in texts:
            given = re.fullmatch(rf"{self.mark} (?:out|in) (\d+)", text or "")
            if given:
                found[int(given[1])] = found.get(int(given[1]), 0) + 1
        return found


class Watch:
    """Tries to be a suspended and a restricted account, by every way, until stopped."""

    def __init__(self, lab, suspended, restricted):
        self.lab, self.suspended, self.restricted = lab, suspended, restricted
        self.got_in, self.tries = [], 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(120)

    def _run(self):
        ways = (self._signs_in_to_send, self._reads, self._receives, self._sends)
        for turn in itertools.count():
            if self._ended.is_set():
                return
            way = ways[turn % len(ways)]
            # A part that is down lets nobody in either.
            with contextlib.suppress(OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error,
                                     AssertionError):
                if way():
                    self.got_in.append((way.__name__, time.strftime("%H:%M:%S")))
            self.tries += 1
            self._ended.wait(PACE_S)

    def _signs_in_to_send(self):
        with SIGN_IN:
            self.lab.submission(self.suspended, "192.0.2.10").close()
        return True

    def _reads(self):
        with SIGN_IN:
            self.lab.imap(self.suspended, "192.0.2.10").logout()
        return True

    def _receives(self):
        with self.lab.mx(OUTSIDE) as smtp:
            smtp.mail("friend@far.example")
            return smtp.rcpt(self.suspended)[0] == 250

    def _sends(self):
        with SIGN_IN:
            smtp = self.lab.submission(self.restricted, "192.0.2.10")
        with smtp:
            smtp.mail(self.restricted)
            return smtp.rcpt("a@far.example")[0] == 250
