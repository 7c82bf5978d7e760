"""Every standing, over every way mail and people take, with the daemon alive, killed and ended."""

import contextlib
import imaplib
import os
import pathlib
import poplib
import re
import signal
import smtplib
import threading
import time

import pytest

from labkit import wait_for

REFUSED = "525 5.7.13"


@contextlib.contextmanager
def standing(lab, what, kind, id=""):
    """restrict or suspend until the block ends; waits until guard.db carries it."""
    lab.api.change(what, kind, id, reason="a test")
    try:
        settled(lab)
        yield
    finally:
        if not lab.daemon_runs():
            lab.start_daemon()
        lab.api.change("restore", kind, id, reason="a test's end")
        settled(lab)


def settled(lab):
    """The hands have done what the changes asked for."""
    def done():
        incidents = lab.api.get("/incidents?limit=3")["items"]
        steps = [step for incident in incidents
                 for step in lab.api.get(f"/incidents/{incident['id']}")["steps"]]
        return all(step["state"] in ("done", "failed") for step in steps)

    wait_for(done, 20, "all steps carried out")


def reply(code_and_text):
    code, text = code_and_text
    return f"{code} {text.decode()}"


def refused_in(smtp, person):
    """Mail and a bare postmaster are refused in this session."""
    smtp.rset()
    smtp.mail(person)
    answer = reply(smtp.rcpt("a@far.example"))
    assert answer.startswith(REFUSED), answer
    assert re.search(r"incident \d+", answer) and "/portal" in answer and answer.isascii()
    assert reply(smtp.docmd("DATA"))[0] in "45"
    smtp.rset()
    smtp.mail(person)
    assert smtp.rcpt("postmaster")[0] == 250
    assert reply(smtp.docmd("DATA")).startswith(REFUSED)
    smtp.rset()
    return True


def cannot_sign_in(lab, person):
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        lab.submission(person, "192.0.2.10")
    assert refusal.value.smtp_code == 535
    for words, attempt in ((imaplib.IMAP4.error, lab.imap), (poplib.error_proto, lab.pop3)):
        with pytest.raises(words, match="suspended") as refusal:
            attempt(person, "192.0.2.10")
        assert "incident" in str(refusal.value)
    sieve, answer = lab.sieve(person, "192.0.2.10")
    sieve.close()
    assert answer.startswith("NO") and "suspended" in answer, answer
    return True


def flows(lab, sender, receiver):
    """Other people's mail, at once; returns the seconds it took until it was taken."""
    started = time.monotonic()
    out = lab.send(sender, "friend@far.example", client="192.0.2.20")
    inside = lab.deliver("friend@far.example", receiver, client="203.0.113.9")
    taken = time.monotonic() - started
    lab.sink.wait_for(subject=out)
    lab.wait_in_mailbox(receiver, inside)
    return taken


# Restricted


def test_restricted_stops_sending_and_nothing_else(lab, people):
    person, other, _ = people
    imap = lab.imap(person, "192.0.2.10")
    with lab.submission(person.upper(), "192.0.2.10") as running:
        with standing(lab, "restrict", "account", person):
            assert refused_in(running, person)
            with lab.submission(person, "192.0.2.10") as fresh:
                assert refused_in(fresh, person)
            # Somebody else's address in MAIL FROM changes nothing: the login counts.
            running.mail(other)
            assert reply(running.rcpt("a@far.example")).startswith(REFUSED)
            running.rset()
            # And the restricted one's address used by another login is not refused for it.
            with lab.submission(other, "192.0.2.20") as smtp:
                smtp.mail(person)
                assert smtp.rcpt("a@far.example")[0] == 250
            # Receiving and reading go on, in the running session too.
            subject = lab.deliver("friend@far.example", person, client="203.0.113.9")
            listed = lab.deliver("friend@far.example", f"all@{person.partition('@')[2]}")
            lab.wait_in_mailbox(person, subject)
            lab.wait_in_mailbox(person, listed)
            assert imap.noop()[0] == "OK"
            lab.pop3(person, "192.0.2.10").quit()
            flows(lab, other, person)
        running.mail(person)
        assert running.rcpt("a@far.example")[0] == 250
    imap.logout()
    assert not lab.sink.mails(to="a@far.example", sender=person)
    flows(lab, person, person)


def test_mail_already_queued_is_held(lab, people):
    """What a contained account has in the queue does not leave; a person decides about it."""
    person, other, _ = people
    lab.send(person, "defer-x@far.example", client="192.0.2.10")
    theirs = lab.send(other, "defer-y@far.example", client="192.0.2.20")
    wait_for(lambda: lab.queued(person, queue="deferred"), 20, "mail in the queue")
    with standing(lab, "restrict", "account", person):
        wait_for(lambda: lab.queued(person, queue="hold"), 20, "it held")
        [hold] = lab.api.holds(person)
        assert hold["recipients"] == 1 and hold["incident"]
        wait_for(lambda: lab.queued(other), 20, "the other's mail in the queue")
        assert not lab.queued(other, queue="hold"), theirs
        assert lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})["state"] == "deleted"
        wait_for(lambda: not lab.queued(person), 20, "it gone")
    for entry in lab.queued(other):
        lab.postsuper("-d", entry["queue_id"])


# Suspended


def test_suspended_cannot_sign_in_and_sessions_end(lab, people):
    person, other, _ = people
    imap, pop3 = lab.imap(person, "192.0.2.10"), lab.pop3(person, "192.0.2.10")
    theirs = lab.imap(other, "192.0.2.20")
    with lab.submission(person, "192.0.2.10") as running:
        with standing(lab, "suspend", "account", person):
            assert refused_in(running, person)
            assert cannot_sign_in(lab, person)
            assert cannot_sign_in(lab, person.upper())

            def ended():
                with contextlib.suppress(OSError, imaplib.IMAP4.error):
                    imap.noop()
                    return False
                return True

            wait_for(ended, 20, "the IMAP session ended")
            with pytest.raises((OSError, EOFError, poplib.error_proto)):
                for _ in range(3):
                    pop3.stat()
            with pytest.raises(imaplib.IMAP4.error):
                lab.imap(person, "192.0.2.10", password="wrong")
            assert theirs.noop()[0] == "OK"
            flows(lab, other, other)
    lab.imap(person, "192.0.2.10").logout()
    theirs.logout()


def test_mail_to_the_suspended_waits_and_all_of_it_arrives_once(lab, people):
    person, other, third = people
    domain = person.partition("@")[2]
    subjects = []
    with standing(lab, "suspend", "account", person):
        # From outside, by its own name: at the sender, in the middle of others' mail.
        with lab.mx("203.0.113.9") as smtp:
            smtp.mail("friend@far.example")
            for address in (person, person.replace("@", "+x@"), person.upper()):
                answer = reply(smtp.rcpt(address))
                assert answer.startswith("450 4.2.1"), answer
            assert smtp.rcpt(other)[0] == 250
        # By alias, by list, from a colleague, from a web form: in our own queue.
        subjects.append(lab.deliver("friend@far.example", f"one@{domain}", "203.0.113.9"))
        to_list = lab.deliver("friend@far.example", f"all@{domain}", "203.0.113.9")
        from_colleague = lab.send(other, [person, third], client="192.0.2.20")
        subjects += [to_list, from_colleague, lab.sendmail(f"web@{domain}", person)]
        for member in (other, third):
            lab.wait_in_mailbox(member, to_list)
        lab.wait_in_mailbox(third, from_colleague)
        wait_for(lambda: len(lab.queued(to=person, queue="deferred")) == len(subjects), 30,
                 "all of it waiting")
        flows(lab, other, third)
    restored = time.monotonic()
    wait_for(lambda: set(subjects) <= set(lab.subjects(person)), 20, "all of it there")
    assert time.monotonic() - restored < 15
    wait_for(lambda: not lab.queued(to=person), 20, "nothing left in the queue")
    for member in people:
        found = lab.subjects(member)
        assert len(found) == len(set(found)), found


def test_restoring_brings_the_waiting_mail_at_once(lab, people):
    """Not by the next queue run: the entry is far from due when the standing is lifted."""
    person, other, _ = people
    with standing(lab, "suspend", "account", person):
        subject = lab.send(other, person, client="192.0.2.20")
        wait_for(lambda: lab.queued(to=person, queue="deferred"), 20, "it waiting")
        lifted = time.monotonic()
    lab.wait_in_mailbox(person, subject, deadline=10)
    assert time.monotonic() - lifted < 10


# A domain, the server


@pytest.mark.parametrize("what", ["restrict", "suspend"])
def test_a_whole_domain(lab, people, what):
    stranger = lab.hire(1)[0]
    domain = people[0].partition("@")[2]
    with lab.submission(people[0], "192.0.2.10") as running:
        with standing(lab, what, "domain", domain):
            assert refused_in(running, people[0])
            if what == "suspend":
                assert cannot_sign_in(lab, people[1])
                with lab.mx("203.0.113.9") as smtp:
                    smtp.mail("friend@far.example")
                    assert reply(smtp.rcpt(people[2])).startswith("450 4.2.1")
                waiting = lab.sendmail("web@lab-en.example", people[2])
            else:
                lab.imap(people[1], "192.0.2.10").logout()
                waiting = lab.deliver("friend@far.example", people[2], "203.0.113.9")
            flows(lab, stranger, stranger)
            assert lab.api.get(f"/domains/{domain}")["standing"] in ("restricted", "suspended")
        assert running.rset()[0] == 250
        running.mail(people[0])
        assert running.rcpt("a@far.example")[0] == 250
    lab.wait_in_mailbox(people[2], waiting)


def test_the_whole_servers_sending(lab, people):
    person, other, _ = people
    with lab.submission(person, "192.0.2.10") as running:
        with standing(lab, "restrict", "server"):
            assert refused_in(running, person)
            # A web form's mail is taken and waits; mail from outside comes in.
            out = lab.sendmail("web@lab-en.example", "a@stopped.example")
            inside = lab.deliver("friend@far.example", other, "203.0.113.9")
            lab.wait_in_mailbox(other, inside)
            wait_for(lambda: lab.queued(to="a@stopped.example", queue="deferred"), 20,
                     "the web form's mail waiting")
            assert not lab.sink.mails(subject=out)
            lab.imap(person, "192.0.2.10").logout()
    assert len(lab.sink.wait_for(subject=out, deadline=20)) == 1
    flows(lab, person, other)


# Without the daemon


@pytest.mark.parametrize("end", ["kill_daemon", "stop_daemon"])
def test_standings_outlive_the_daemon(lab, end):
    limited, closed, other = lab.hire()
    domain_person = lab.hire(1)[0]
    domain = domain_person.partition("@")[2]
    with contextlib.ExitStack() as stack:
        stack.enter_context(standing(lab, "restrict", "account", limited))
        stack.enter_context(standing(lab, "suspend", "account", closed))
        stack.enter_context(standing(lab, "suspend", "domain", domain))
        with_daemon = flows(lab, other, other)
        getattr(lab, end)()
        with lab.submission(limited, "192.0.2.10") as smtp:
            assert refused_in(smtp, limited)
        lab.imap(limited, "192.0.2.10").logout()
        assert cannot_sign_in(lab, closed) and cannot_sign_in(lab, domain_person)
        with lab.mx("203.0.113.9") as smtp:
            smtp.mail("friend@far.example")
            for address in (closed, domain_person):
                assert reply(smtp.rcpt(address)).startswith("450 4.2.1")
            assert smtp.rcpt(limited)[0] == 250
        waiting = lab.send(other, [closed, limited], client="192.0.2.20")
        lab.wait_in_mailbox(limited, waiting)
        # All other mail without noticeable delay: a login asks the dead policy server twice.
        without = flows(lab, other, other)
        assert without < with_daemon + 2, (with_daemon, without)
        lab.start_daemon()
        assert lab.api.account(limited)["standing"] == "restricted"
        assert lab.api.account(closed)["standing"] == "suspended"
        assert lab.api.get(f"/domains/{domain}")["standing"] == "suspended"
        assert cannot_sign_in(lab, closed)
        with lab.submission(limited, "192.0.2.10") as smtp:
            assert refused_in(smtp, limited)
    lab.wait_in_mailbox(closed, waiting)
    assert lab.subjects(closed).count(waiting) == 1
    flows(lab, limited, closed)


def test_a_crowd_signs_in_at_once_with_the_daemon_dead(lab):
    people = lab.hire(4)
    closed = lab.hire(1)[0]
    waits, troubles = [], []

    def sign_in_again_and_again(person):
        for _ in range(15):
            started = time.monotonic()
            try:
                lab.imap(person, "192.0.2.10").logout()
            except (OSError, imaplib.IMAP4.error) as trouble:
                troubles.append(trouble)
            waits.append(time.monotonic() - started)

    with standing(lab, "suspend", "account", closed):
        lab.kill_daemon()
        crowd = [threading.Thread(target=sign_in_again_and_again, args=(person,))
                 for person in people]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert not troubles, troubles
        # Dovecot's own patience is 0.6 s; without the stand-in some waited for 10 to 60 s.
        assert max(waits) < 5, sorted(waits)[-5:]
        assert sorted(waits)[len(waits) // 2] < 0.5, sorted(waits)
        assert cannot_sign_in(lab, closed)
        lab.start_daemon()
        assert lab.api.account(closed)["standing"] == "suspended"
        # Its own answers again: the daemon, not the stand-in, has the port.
        before = lab.api.metrics()["sekimori_auth_allow_total"]
        lab.imap(people[0], "192.0.2.10").logout()
        assert lab.api.metrics()["sekimori_auth_allow_total"] > before


def stand_ins(lab):
    """The processes that answer Dovecot for a dead daemon of this lab."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "sekimori-stand\n" \
                    and str(lab.directory) in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def test_a_stand_in_that_dies_is_missed_and_comes_back(lab, people):
    def of_health():
        return next(item["level"] for item in lab.api.get("/health")["items"]
                    if item["name"] == "stand_in")

    wait_for(lambda: of_health() == "ok", 10, "the stand-in's sign of life")
    first = stand_ins(lab)
    assert len(first) == 1, first
    status = pathlib.Path(f"/proc/{first[0]}/status").read_text()
    keeper = int(re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)[1])
    os.kill(keeper, signal.SIGSTOP)
    os.kill(first[0], signal.SIGKILL)
    wait_for(lambda: of_health() == "warning", 10, "health to miss it")
    os.kill(keeper, signal.SIGCONT)
    wait_for(lambda: of_health() == "ok", 10, "it to come back")
    assert len(stand_ins(lab)) == 1 and stand_ins(lab) != first
    lab.kill_daemon()
    started = time.monotonic()
    lab.imap(people[0], "192.0.2.10").logout()
    assert time.monotonic() - started < 5
    lab.start_daemon()


def test_a_stopped_server_outlives_the_daemon(lab, people):
    with standing(lab, "restrict", "server"):
        lab.kill_daemon()
        with lab.submission(people[0], "192.0.2.10") as smtp:
            assert refused_in(smtp, people[0])
        out = lab.sendmail("web@lab-en.example", "b@stopped.example")
        # pickup looks by itself once a minute where it misses the call.
        wait_for(lambda: lab.queued(to="b@stopped.example", queue="deferred"), 80, "it waiting")
        lab.wait_in_mailbox(people[1], lab.deliver("friend@far.example", people[1]))
        lab.start_daemon()
        assert lab.api.get("/server")["standing"] == "restricted"
        assert not lab.sink.mails(subject=out)
    lab.sink.wait_for(subject=out, deadline=20)


def test_the_same_state_stands_again_after_kill_9(lab, people):
    """By hash: what the live daemon says of itself and what its successor recovered."""
    for number, person in enumerate(people):
        for _ in range(3):
            lab.sink.wait_for(subject=lab.send(person, [f"a{number}@far.example",
                                                        "b@far.example"], client="192.0.2.10"))
        with contextlib.suppress(imaplib.IMAP4.error):
            lab.imap(person, "198.51.100.70", password="wrong")
    lab.api.change("restrict", "account", people[0])
    lab.api.change("suspend", "account", people[1])
    settled(lab)
    before = {person: lab.api.account(person) for person in people}
    live = lab.quiet_state_hash()
    lab.kill_daemon()
    lab.start_daemon()
    assert lab.recovered_state_hash() == live
    for person, then in before.items():
        now = lab.api.account(person)
        for key in ("standing", "epoch", "since", "counts", "by"):
            assert now[key] == then[key], (person, key)
    # A clean end writes a snapshot: again the same.
    live = lab.quiet_state_hash()
    lab.stop_daemon()
    lab.start_daemon()
    assert lab.recovered_state_hash() == live
    for person in people[:2]:
        lab.api.change("restore", "account", person)
    settled(lab)


# The panic handles


def test_bypass_lets_everything_through_with_the_daemon_dead_too(lab, people):
    person, other, _ = people
    with standing(lab, "suspend", "account", person):
        lab.kill_daemon()
        assert cannot_sign_in(lab, person)
        on = lab.sekimori("bypass", "on")
        assert on.returncode == 0, on.stdout + on.stderr

        def let_in():
            with contextlib.suppress(smtplib.SMTPAuthenticationError, imaplib.IMAP4.error):
                lab.imap(person, "192.0.2.10").logout()
                return lab.send(person, "a@far.example", client="192.0.2.10")
            return None

        subject = wait_for(let_in, 20, "let in")
        lab.sink.wait_for(subject=subject)
        lab.wait_in_mailbox(person, lab.deliver("friend@far.example", person))
        lab.start_daemon()
        assert lab.api.get("/health")["bypass"]
        lab.imap(person, "192.0.2.10").logout()
        assert lab.sekimori("bypass", "off").returncode == 0
        wait_for(lambda: cannot_sign_in(lab, person), 20, "closed again")
    flows(lab, person, other)
