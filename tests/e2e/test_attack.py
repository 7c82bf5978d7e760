"""A hijack among ordinary people: it is contained, and nobody else notices anything."""

import itertools
import smtplib
import threading
import time

import pytest

from labkit import message, wait_for

# The lab's ranges abroad (lab/make_geoip.pl): Brazil, Vietnam, Russia, Nigeria, India.
ABROAD = [f"198.51.100.{first + host}" for host in range(1, 5)
          for first in (64, 96, 128, 160, 192)]
NORMAL_PEOPLE = 6


class Everyday:
    """People who write to the same few others again and again, one message at a time each, until
    stopped. Every answer that is not a success is kept."""

    def __init__(self, lab, people):
        self.lab, self.people = lab, people
        self.sent, self.problems = [], []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(number, person), daemon=True)
                         for number, person in enumerate(people)]

    def _live(self, number, person):
        domain = person.partition("@")[2]
        colleagues = [other for other in self.people
                      if other != person and other.endswith(domain)]
        contacts = [f"contact{number}.{k}@friends{number}.example" for k in range(3)] + colleagues
        for turn in itertools.count():
            if self._ended.is_set():
                return
            to = contacts[turn % len(contacts)]
            try:
                subject = self.lab.send(person, to, client=f"192.0.2.{100 + number}",
                                        body="How is the garden?\n" * (turn % 7 + 1))
                self.sent.append((person, to, subject))
                self.lab.imap(person, f"192.0.2.{100 + number}").logout()
            except Exception as problem:  # whatever a person would see as an error
                self.problems.append((person, to, repr(problem)))
            self._ended.wait(0.3)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(60)


def send_as_hijacker(lab, person, client, recipients):
    """(accepted recipients, last reply)."""
    made = message(person, "undisclosed-recipients:;", body="Your parcel waits: http://x.example\n")
    try:
        smtp = lab.submission(person, client)
    except smtplib.SMTPAuthenticationError as refusal:
        return 0, f"{refusal.smtp_code} {refusal.smtp_error.decode()}"
    with smtp:
        try:
            refused = smtp.send_message(made, person, recipients)
        except smtplib.SMTPRecipientsRefused as refusal:
            code, text = next(iter(refusal.recipients.values()))
            return 0, f"{code} {text.decode()}"
        except smtplib.SMTPDataError as refusal:
            return 0, f"{refusal.smtp_code} {refusal.smtp_error.decode()}"
        return len(recipients) - len(refused), "250"


def strangers(mark, count, offset):
    return [f"{mark}.{offset + number}@target{number % 9}-{mark}.example"
            for number in range(count)]


def leaked(lab, mark):
    return {recipient for mail in lab.sink.mails() for recipient in mail.recipients
            if recipient.startswith(f"{mark}.")}


# What may reach strangers before it is contained. A message with 20 unknown recipients is held;
# in smaller portions, from an account of which nothing is known, it takes some more to be sure.
@pytest.mark.parametrize("per_message, leak_max", [(1, 40), (10, 40), (50, 25)])
def test_a_hijack_is_contained_and_nobody_else_is_disturbed(lab, per_message, leak_max):
    owners = lab.hire(4)
    normal = owners[1:] + lab.hire(NORMAL_PEOPLE - 3)
    hijacked = owners[0]
    mark = hijacked.partition("@")[2].partition(".")[0]
    operators_before = len(lab.subjects("postmaster@lab-en.example"))
    before = lab.api.metrics()
    with lab.api.stream() as stream, Everyday(lab, normal) as everyday:
        # The owner's own day first.
        for number in range(4):
            lab.send(hijacked, f"{mark}friend{number % 2}@friends.example", client="192.0.2.50")
        offered = accepted = 0
        last = ""
        started = time.monotonic()
        for client in itertools.cycle(ABROAD):
            taken, last = send_as_hijacker(lab, hijacked, client,
                                           strangers(mark, per_message, offered))
            offered += per_message
            accepted += taken
            if lab.api.account(hijacked)["standing"] in ("restricted", "suspended"):
                break
            assert time.monotonic() - started < 60, f"not contained after {offered}: {last}"
        account = lab.api.account(hijacked)
        # Further tries, from everywhere, meet a closed door.
        for client in ABROAD[:6]:
            taken, last = send_as_hijacker(lab, hijacked, client, strangers(mark, 5, offered))
            offered += 5
            assert taken == 0 and last.startswith(("525 5.7.13", "535")), last
        enough = len(everyday.sent) + 2 * len(normal)
        wait_for(lambda: len(everyday.sent) + len(everyday.problems) >= enough, 60,
                 "ordinary mail after the hijack")
        standings = [event["data"] for event in wait_for(
            lambda: [event for event in stream.events() if event["event"] == "standing"
                     and event["data"]["subject"]["id"] == hijacked], 20, "the news on /stream")]

    # Nobody else was refused, held or contained, and all of theirs arrived.
    assert not everyday.problems, everyday.problems[:5]
    for person in normal:
        view = lab.api.account(person)
        assert view["standing"] == "normal" and not view["holds"], view
        assert not lab.api.holds(person, "all"), person
    outside = [(to, subject) for _, to, subject in everyday.sent if to not in normal]
    for to, subject in outside:
        assert lab.sink.wait_for(subject=subject, to=to)
    for person in normal:
        mine = {subject for _, to, subject in everyday.sent if to == person}
        wait_for(lambda: mine <= set(lab.subjects(person)), 30, f"all mail of {person}")

    # Contained, with little leaked.
    wait_for(lambda: not [entry for entry in lab.queued(hijacked)
                          if entry["queue_name"] not in ("hold",)], 30, "a settled queue")
    escaped = leaked(lab, mark)
    assert len(escaped) <= leak_max, (len(escaped), offered, accepted)

    # The incident tells why, in both languages, and the audit who.
    incident = lab.api.get(f"/incidents/{account['incident']['id']}")
    assert incident["state"] == "contained" and incident["by"] == "machine"
    assert incident["evidence"] and incident["family"] and incident["log_r"] > 9
    for text in [incident["summary"]] + [line["text"] for line in incident["evidence"]]:
        assert text["ja"] and text["en"] and text["ja"] != text["en"]
        assert not text["ja"].isascii() and text["en"].isascii()
    assert incident["onset"] <= incident["opened"]
    entries = lab.api.audit(hijacked)
    stops = [entry for entry in entries
             if entry["who"] == "machine" and entry["action"] in ("restrict", "suspend")
             and entry["incident"] == incident["id"]]
    assert stops, entries
    # In words for people; the figure is the experts'.
    assert all(not stop["words"]["ja"].isascii() and stop["words"]["en"].isascii()
               and stop["why"].startswith("ln R ") for stop in stops), stops
    assert standings[0]["standing"] in ("restricted", "suspended")
    after = lab.api.metrics()
    contained = sum(after[name] - before[name] for name in ("sekimori_restrictions_total",
                                                            "sekimori_suspensions_total"))
    assert 1 <= contained <= 2, contained

    # People were told.
    wait_for(lambda: len(lab.subjects("postmaster@lab-en.example")) > operators_before, 30,
             "a notice to the operators")
    wait_for(lambda: any(hijacked in subject for subject in lab.subjects(
        "postmaster@lab-en.example")[operators_before:]), 30, "a notice about this account")
    notice = lab.newest("postmaster@lab-en.example").get_content()
    assert str(incident["id"]) in notice and not notice.isascii()

    # The way back: restored, the owner works as before.
    for hold in lab.api.holds(hijacked):
        lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})
    lab.api.change("restore", "account", hijacked, reason="the owner is back")
    wait_for(lambda: lab.api.account(hijacked)["standing"] == "normal", 20)

    def owner_sends():
        try:
            return lab.send(hijacked, f"{mark}friend0@friends.example", client="192.0.2.50")
        except smtplib.SMTPException:
            return None

    lab.sink.wait_for(subject=wait_for(owner_sends, 20, "the owner sending again"))
    assert len(leaked(lab, mark)) <= leak_max


def test_fat_messages_leak_nothing_and_call_a_person(lab, people):
    """A thousand recipients in messages of 200: all of it is held or refused."""
    hijacked = people[0]
    mark = hijacked.partition("@")[2].partition(".")[0]
    for number, client in enumerate(ABROAD[:5]):
        send_as_hijacker(lab, hijacked, client, strangers(mark, 200, 200 * number))
    assert not leaked(lab, mark)
    account = lab.api.account(hijacked)
    incidents = lab.api.get(f"/incidents?account={hijacked}")["items"]
    assert incidents and incidents[0]["state"] in ("open", "contained"), account
    assert len(lab.api.holds(hijacked)) >= 1
    for hold in lab.api.holds(hijacked):
        lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})
    wait_for(lambda: not lab.queued(hijacked), 20, "an empty queue")
    assert not leaked(lab, mark)
    lab.api.change("restore", "account", hijacked, reason="the owner is back")
