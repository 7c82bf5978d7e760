"""What Sekimori hears: Postfix's questions, Dovecot's, the mail log; and that all of it is counted
once, under the account it belongs to."""

import http.client
import json
import os
import pathlib
import secrets
import smtplib
import socket
import subprocess
import time
import urllib.parse

import pytest

from apikit import Policy, Transaction
from labkit import message, wait_for


def instance():
    """As Postfix makes it: unique per transaction."""
    return f"{secrets.token_hex(3)}.{secrets.token_hex(4)}.{secrets.token_hex(3)}.0"


def counted(lab, address):
    counts = lab.api.counts(address)
    return {"recipients": counts["recipients_hour"], "messages": counts["messages_hour"],
            "bytes": counts["bytes_day"]}


def logged(lab, queue_id, size, recipients, login):
    """What Postfix writes of a message that it took; a message never confirmed is not counted."""
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
    with open(lab.endpoints["maillog"], "a") as log:
        log.write(f"{stamp} mx postfix/qmgr[99]: {queue_id}: from=<{login}>, size={size}, "
                  f"nrcpt={recipients} (queue active)\n")


# Postfix's policy protocol


def test_two_stanzas_and_retries_count_once(lab, people):
    person = people[0]
    with Policy(lab.endpoints["policy"]) as policy:
        before = lab.api.metrics()["sekimori_policy_repeated_total"]
        one = Transaction(policy, person, ["a@far.example", "b@far.example"], instance(),
                          size=5 * 1024, stanzas=2)
        assert one.run() == "DUNNO"
        # Postfix asks again on a new connection when it lost the first.
        with Policy(lab.endpoints["policy"]) as second:
            one.policy = second
            assert one.end() == "DUNNO"
        logged(lab, one.queue_id, 5 * 1024, 2, person)
        assert counted(lab, person) == {"recipients": 2, "messages": 1, "bytes": 5 * 1024}
        assert lab.api.metrics()["sekimori_policy_repeated_total"] > before
        # Another message, its client naming one recipient twice and one that Postfix refused.
        two = Transaction(policy, person, ["a@far.example", "c@far.example"], instance(),
                          size=700)
        for number, recipient in enumerate(["a@far.example", "a@far.example", "c@far.example"]):
            assert two.rcpt(recipient, number) == "DUNNO"
        assert two.data() == "DUNNO" and two.end() == "DUNNO"
        logged(lab, two.queue_id, 700, 2, person)
        assert counted(lab, person) == {"recipients": 4, "messages": 2, "bytes": 6 * 1024}


def test_the_same_instance_on_another_host_is_another_message(lab, people):
    with Policy(lab.endpoints["policy"]) as policy:
        same = instance()
        for host in ("mx1", "mx2"):
            transaction = Transaction(policy, people[0], ["a@far.example"], same,
                                      queue_id=f"3Z{secrets.token_hex(5)}{host}",
                                      policy_context=host)
            assert transaction.run() == "DUNNO"
            logged(lab, transaction.queue_id, 1000, 1, people[0])
    assert counted(lab, people[0])["messages"] == 2


def test_a_bare_postmaster_is_judged_at_data(lab, people):
    """It meets no RCPT check: only the count at DATA tells of it."""
    with Policy(lab.endpoints["policy"]) as policy:
        transaction = Transaction(policy, people[0], ["postmaster"], instance())
        assert transaction.data() == "DUNNO" and transaction.end() == "DUNNO"
        logged(lab, transaction.queue_id, 1000, 1, people[0])
        assert counted(lab, people[0])["recipients"] == 1
        lab.api.change("restrict", "account", people[0])
        transaction = Transaction(policy, people[0], ["postmaster"], instance())
        assert transaction.data().startswith("525 5.7.13 ")


def test_one_refused_recipient_refuses_the_message(lab, people):
    with Policy(lab.endpoints["policy"]) as policy:
        transaction = Transaction(policy, people[0], ["a@far.example"], instance())
        assert transaction.rcpt("a@far.example") == "DUNNO"
        lab.api.change("restrict", "account", people[0])
        assert transaction.rcpt("b@far.example", 1).startswith("525 5.7.13 ")
        lab.api.change("restore", "account", people[0])
        assert transaction.data().startswith("525 5.7.13 ")
    assert counted(lab, people[0])["messages"] == 0


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_bytes_come_in_any_pieces(lab, people, piece):
    text = b"".join(Policy.text(protocol_state=state, recipient="a@far.example", sender=people[0],
                                sasl_username=people[0], recipient_count="1", size="10",
                                queue_id="", instance="1f.2.3.4")
                    for state in ("CONNECT", "EHLO", "MAIL", "RCPT", "VRFY", "ETRN"))
    with Policy(lab.endpoints["policy"]) as policy:
        for start in range(0, len(text), piece):
            policy.socket.sendall(text[start:start + piece])
        assert [policy.answer() for _ in range(6)] == ["DUNNO"] * 6


def test_a_request_of_64_kib_is_answered_and_a_longer_one_ends_it(lab, people):
    def request(size):
        head = Policy.text(protocol_state="RCPT", recipient="a@far.example", instance=instance(),
                           sasl_username=people[0])[:-1]
        padding = size - len(head) - len(b"\n")
        # Unknown attributes, as a newer Postfix brings.
        return head + b"x_new=" + b"y" * (padding - len(b"x_new=\n")) + b"\n\n"

    with Policy(lab.endpoints["policy"]) as policy:
        policy.socket.sendall(request(64 * 1024))
        assert policy.answer() == "DUNNO"
        assert policy.ask(protocol_state="RCPT", recipient="a@far.example") == "DUNNO"
    before = lab.api.metrics()["sekimori_policy_bad_requests_total"]
    with Policy(lab.endpoints["policy"]) as policy:
        with pytest.raises((OSError, AssertionError)):
            for _ in range(100):
                policy.socket.sendall(b"x_new=" + b"y" * 64 * 1024)
            assert policy.answer() is not None
    assert lab.api.metrics()["sekimori_policy_bad_requests_total"] > before


@pytest.mark.parametrize("garbage", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\n", b"=\n\n", b"\xff\xfe=\x00\n\n", b"request=x\n\n",
    b"request=smtpd_access_policy\nprotocol_state=NEW\nsasl_username=\xff\xff\n\n",
    b"request=smtpd_access_policy\nprotocol_state=RCPT\nsize=-1\nrecipient_count=99999999999\n\n"],
                         ids=["http", "nothing", "no name", "bytes", "request", "state", "numbers"])
def test_garbage_harms_nobody(lab, garbage):
    with Policy(lab.endpoints["policy"]) as policy:
        policy.socket.sendall(garbage)
        policy.socket.shutdown(socket.SHUT_WR)
        while policy.answer() is not None:
            pass
    with Policy(lab.endpoints["policy"]) as policy:
        assert policy.ask(protocol_state="RCPT", recipient="a@far.example") == "DUNNO"


def test_a_thousand_connections_each_get_their_answer(lab, people):
    """One that says half a sentence and waits does not keep the others waiting."""
    policies = []
    try:
        for _ in range(1000):
            policies.append(Policy(lab.endpoints["policy"]))
        policies[0].socket.sendall(b"request=smtpd_access_policy\nprotocol_st")
        started = time.monotonic()
        for policy in policies[1:]:
            policy.socket.sendall(Policy.text(protocol_state="RCPT", recipient="a@far.example",
                                              sasl_username=people[0], instance=instance()))
        assert {policy.answer() for policy in policies[1:]} == {"DUNNO"}
        assert time.monotonic() - started < 10
        policies[0].socket.sendall(b"ate=RCPT\n\n")
        assert policies[0].answer() == "DUNNO"
        assert lab.api.metrics()["sekimori_policy_connections"] >= 1000
    finally:
        for policy in policies:
            policy.close()


# Through the real Postfix


def test_every_spelling_of_a_login_is_one_account(lab, people):
    """Dovecot takes other case; a +extension or an alias domain comes from other set-ups, so those
    are asked over the protocol itself."""
    person = people[0]
    local, _, domain = person.partition("@")
    for login in (person, person.upper(), f"{local.title()}@{domain}"):
        subject = lab.send(login, "a@far.example", client="192.0.2.10")
        lab.sink.wait_for(subject=subject)
    assert counted(lab, person)["messages"] == 3
    with Policy(lab.endpoints["policy"]) as policy:
        for login in (f"{local}+shop@{domain}", f"{local.upper()}+x@{domain.upper()}"):
            transaction = Transaction(policy, login, ["a@far.example"], instance())
            assert transaction.run() == "DUNNO"
            logged(lab, transaction.queue_id, 1000, 1, login)
        assert counted(lab, person)["messages"] == 5
        old = lab.api.counts("taro@lab-ja.example")["messages_hour"]
        transaction = Transaction(policy, "Taro+a@lab-ja-old.example", ["a@far.example"],
                                  instance())
        assert transaction.run() == "DUNNO"
        logged(lab, transaction.queue_id, 1000, 1, "taro")
        assert lab.api.counts("taro@lab-ja.example")["messages_hour"] == old + 1
    # Asked for under another spelling, it is the same account.
    assert lab.api.account(f"{local}+x@{domain.upper()}")["address"] == person


def test_recipients_messages_and_bytes_are_three_things(lab, people):
    person = people[0]
    sizes = []
    for number, recipients in enumerate((1, 3, 2)):
        to = [f"r{number}{index}@far.example" for index in range(recipients)]
        subject = lab.send(person, to, client="192.0.2.10",
                           body=("x" * 60 + "\n") * 20 * number + "x\n")
        lab.sink.wait_for(subject=subject)
        queue_id, size = lab.wait_in_maillog(
            rf"qmgr\[\d+\]: (\w+): from=<{person}>, size=(\d+), nrcpt={recipients} ").groups()
        sizes.append(int(size))
    counts = counted(lab, person)
    assert counts["recipients"] == 6 and counts["messages"] == 3
    # Each message in whole KiB, rounded up.
    assert counts["bytes"] == sum(-(-size // 1024) * 1024 for size in sizes)
    limits = {limit["name"]: limit for limit in lab.api.account(person)["limits"]}
    assert limits["recipients_per_hour"]["used"] == 6
    assert limits["messages_per_hour"]["used"] == 3
    assert limits["bytes_per_day"]["used"] == counts["bytes"]
    assert all(limit["resets_at"] for limit in limits.values() if limit["used"])


def test_what_postfix_refuses_afterwards_does_not_stay_counted(lab, people):
    """cleanup looks at the headers after the last policy question."""
    person = people[0]
    config = lab.inside["postfix"]
    checks = pathlib.Path(config) / "header_checks"
    checks.write_text("/^X-Refuse-Me:/ REJECT 5.7.1 not this\n")
    subprocess.run(["/usr/sbin/postconf", "-c", config, "-e", f"header_checks=regexp:{checks}"],
                   check=True)
    subprocess.run(["/usr/sbin/postfix", "-c", config, "reload"], check=True, capture_output=True)
    try:
        def refused():
            with lab.submission(person, "192.0.2.10") as smtp:
                try:
                    smtp.send_message(message(person, "a@far.example", X_Refuse_Me="now"), person,
                                      ["a@far.example", "b@far.example"])
                except smtplib.SMTPDataError as error:
                    return b"not this" in error.smtp_error
                return False

        wait_for(refused, 20, "header_checks in force")
        before = lab.api.metrics()["sekimori_withdrawn_messages_total"]
        assert refused()
        # Other mail goes on meanwhile and is counted.
        kept = lab.send(person, "c@far.example", client="192.0.2.10")
        lab.sink.wait_for(subject=kept)
        wait_for(lambda: lab.api.metrics()["sekimori_withdrawn_messages_total"] > before, 90,
                 "the refused message taken back")
        delivered = len(lab.sink.mails(to="c@far.example"))
        wait_for(lambda: counted(lab, person)["recipients"] <= 1 + 2 * (delivered - 1), 90,
                 "only what was delivered counted")
    finally:
        subprocess.run(["/usr/sbin/postconf", "-c", config, "-X", "header_checks"], check=True)
        subprocess.run(["/usr/sbin/postfix", "-c", config, "reload"], check=True,
                       capture_output=True)


def test_a_client_that_hangs_up_after_data_leaves_nothing_counted(lab, people):
    person = people[0]
    smtp = lab.submission(person, "192.0.2.10")
    smtp.mail(person)
    for number in range(5):
        assert smtp.rcpt(f"r{number}@far.example")[0] == 250
    assert smtp.docmd("DATA")[0] == 354
    smtp.send(b"Subject: half a message\r\n\r\nhalf")
    smtp.close()
    lab.wait_in_maillog(r"lost connection after DATA \(\d+ bytes\) from unknown\[192\.0\.2\.10\]")
    assert counted(lab, person) == {"recipients": 0, "messages": 0, "bytes": 0}
    subject = lab.send(person, "a@far.example", client="192.0.2.10")
    lab.sink.wait_for(subject=subject)
    assert counted(lab, person)["recipients"] == 1


def test_too_large_a_message_is_not_counted(lab, people):
    person = people[0]
    limit = "message_size_limit=60000"
    config = lab.inside["postfix"]
    subprocess.run(["/usr/sbin/postconf", "-c", config, "-e", limit], check=True)
    subprocess.run(["/usr/sbin/postfix", "-c", config, "reload"], check=True, capture_output=True)
    try:
        def refused():
            with lab.submission(person, "192.0.2.10") as smtp:
                # Without SIZE=, so that Postfix learns it only from the bytes.
                smtp.mail(person)
                smtp.rcpt("a@far.example")
                return smtp.data(b"Subject: long\r\n\r\n" + b"x" * 70 + b"\r\n" +
                                 (b"y" * 70 + b"\r\n") * 1000)[0] == 552

        wait_for(refused, 20, "message_size_limit in force")
        assert refused()
    finally:
        subprocess.run(["/usr/sbin/postconf", "-c", config, "-e", "message_size_limit=52428800"],
                       check=True)
        subprocess.run(["/usr/sbin/postfix", "-c", config, "reload"], check=True,
                       capture_output=True)
    counts = counted(lab, person)
    assert counts["recipients"] <= 1 and counts["messages"] <= 1, counts


# The mail log


def test_rotation_and_a_restart_of_the_daemon_lose_and_double_nothing(lab, people):
    """Bounces are known from the log alone, so they show whether a line was read once."""
    person = people[0]
    log = pathlib.Path(lab.endpoints["maillog"])
    rotated = log.with_name("mail.log.1")

    def rotate():
        log.rename(rotated)
        log.touch()
        os.chown(log, rotated.stat().st_uid, rotated.stat().st_gid)
        os.chmod(log, 0o640)
        subprocess.run(["/usr/sbin/postfix", "-c", lab.inside["postfix"], "reload"], check=True,
                       capture_output=True)
        lab.doveadm("reload")

    def lines():
        return lab.api.metrics()["sekimori_log_lines_total"]

    def send():
        subject = lab.send(person, "a@far.example", client="192.0.2.10")
        lab.sink.wait_for(subject=subject)

    send()
    rotations = lab.api.metrics()["sekimori_log_rotations_total"]
    before = lines()
    rotate()
    send()
    wait_for(lambda: lab.api.metrics()["sekimori_log_rotations_total"] == rotations + 1, 20,
             "the rotation noticed")
    wait_for(lambda: lines() > before, 20, "lines of the new log read")
    # Down while two more messages go, one before and one after a rotation.
    lab.stop_daemon()
    send()
    rotated.unlink()
    rotate()
    send()
    lab.start_daemon()
    send()
    # Those of the dead time were never asked about; the other three count, each once.
    wait_for(lambda: counted(lab, person)["messages"] == 3, 20, "three messages counted")
    accepted = lab.api.metrics()["sekimori_withdrawn_messages_total"]
    assert accepted == 0


# Dovecot's auth policy


class Dovecot:
    """One HTTP connection, as Dovecot keeps it."""

    headers = {"Content-Type": "application/json"}

    def __init__(self, lab):
        url = urllib.parse.urlsplit(lab.endpoints["auth_policy_url"])
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)

    def post(self, path, body, **options):
        self.connection.request("POST", path, body, self.headers, **options)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text.startswith(b"{") else text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


FORMS = ("/?command={}", "/command/{}")


def asked(login, **more):
    return json.dumps({"login": login, "remote": "192.0.2.10", "protocol": "imap",
                       "pwhash": "025a", "device_id": "", "session_id": "s1", "tls": False} | more)


@pytest.mark.parametrize("form", FORMS)
def test_both_forms_keep_alive_and_chunked(lab, people, form):
    with Dovecot(lab) as dovecot:
        for _ in range(3):
            status, answer = dovecot.post(form.format("allow"), asked(people[0]))
            assert status == 200 and answer["status"] == 0 and answer["msg"] == ""
        text = asked(people[0], success=True, policy_reject=False)
        assert dovecot.post(form.format("report"), text)[0] == 200
        pieces = [text[start:start + 9].encode() for start in range(0, len(text), 9)]
        status, answer = dovecot.post(form.format("allow"), iter(pieces), encode_chunked=True)
        assert status == 200 and answer["status"] == 0
        started = time.monotonic()
        for _ in range(200):
            assert dovecot.post(form.format("allow"), asked(people[0]))[1]["status"] == 0
        assert (time.monotonic() - started) / 200 < 0.02


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("body", [
    "{}", '{"login":"nobody@nowhere.example"}', '{"remote":"192.0.2.1"}', '{"login":null}',
    '{"login":"x@y","remote":"not an address","tls":"maybe","success":1}',
    '{"login":"x@y","remote":"::ffff:192.0.2.1","protocol":17}', '{"login":"\\ud83d\\ude00@y"}',
    '{"login":"","remote":""}'])
def test_every_key_is_optional(lab, form, body):
    with Dovecot(lab) as dovecot:
        for command in ("allow", "report"):
            status, answer = dovecot.post(form.format(command), body)
            assert status == 200, (command, answer)
            if command == "allow":
                assert answer["status"] == 0


@pytest.mark.parametrize("body", ["", "no json", "[]", "[" * 100000, '{"login":', "\0\0\0",
                                  '{"login":"' + "x" * 200000 + '"}'],
                         ids=["empty", "words", "array", "deep", "half", "zeros", "long"])
def test_garbage_never_locks_anybody_out(lab, people, body):
    """Whatever is answered, Dovecot lets in on anything but a negative status."""
    with Dovecot(lab) as dovecot:
        status, answer = dovecot.post("/?command=allow", body)
        assert status != 200 or answer["status"] == 0
    with Dovecot(lab) as dovecot:
        assert dovecot.post("/?command=allow", asked(people[0]))[1]["status"] == 0


def test_the_standing_refuses_with_words(lab, people):
    lab.api.change("suspend", "account", people[0])
    with Dovecot(lab) as dovecot:
        for login in (people[0], people[0].upper()):
            status, answer = dovecot.post("/?command=allow", asked(login))
            assert status == 200 and answer["status"] == -1 and answer["msg"]
        assert dovecot.post("/?command=allow", asked(people[1]))[1]["status"] == 0


def test_address_rules_decide_sign_ins(lab, people):
    lab.api.call("POST", "/ip-rules", {"network": "198.51.100.64/27", "action": "deny",
                                       "reason": "a test"})
    try:
        with Dovecot(lab) as dovecot:
            allow = "/?command=allow"
            denied = asked(people[0], remote="198.51.100.70")
            assert dovecot.post(allow, denied)[1]["status"] == -1
            assert dovecot.post(allow, asked(people[0]))[1]["status"] == 0
            lab.api.call("POST", "/ip-rules", {"address": "198.51.100.70", "action": "allow",
                                               "reason": "a test"})
            assert dovecot.post(allow, denied)[1]["status"] == 0
            with pytest.raises(smtplib.SMTPAuthenticationError):
                lab.submission(people[0], client="198.51.100.71")
            lab.submission(people[0], client="198.51.100.70").quit()
    finally:
        for rule in lab.api.get("/ip-rules")["items"]:
            lab.api.call("DELETE", f"/ip-rules?id={rule['id']}")


def test_events_of_dovecot_are_taken_and_garbage_is_no_harm(lab, people):
    url = urllib.parse.urlsplit(lab.endpoints["events_url"])
    for body in ('{"event":"imap_command_finished","hostname":"x","start_time":'
                 '"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:00:01Z","categories":[],'
                 f'"fields":{{"user":"{people[0]}"}}}}', "{}", "nonsense", "[1]"):
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        connection.request("POST", url.path, body, {"Content-Type": "application/json"})
        assert connection.getresponse().status in (200, 204, 400), body
        connection.close()
    with Dovecot(lab) as dovecot:
        assert dovecot.post("/?command=allow", asked(people[0]))[1]["status"] == 0
