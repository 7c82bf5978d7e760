"""The lab itself: mail flows, standings hold with no daemon, and up repairs what broke."""

import contextlib
import imaplib
import os
import pathlib
import poplib
import signal
import smtplib
import socket
import sqlite3
import subprocess

import pytest

import labkit
from labkit import message, wait_for

TARO, HANAKO, JIRO, SAKURA = (f"{name}@lab-ja.example"
                              for name in ("taro", "hanako", "jiro", "sakura"))
ALICE, BOB, CAROL, DAVE = (f"{name}@lab-en.example" for name in ("alice", "bob", "carol", "dave"))
REPLY = "525 5.7.13 sending is suspended, see http://127.0.0.1/ (incident 7)"
REASON = "This account is suspended. Please open the portal."


# Mail flows


def test_submission_reaches_the_world(lab_without_daemon):
    lab = lab_without_daemon
    subject = lab.send(TARO, ["a@far.example", "b@far.example"], client="192.0.2.10")
    [mail] = lab.sink.wait_for(subject=subject)
    assert mail.sender == TARO
    assert sorted(mail.recipients) == ["a@far.example", "b@far.example"]
    lab.wait_in_maillog(r"client=unknown\[192\.0\.2\.10\], sasl_method=\w+, sasl_username=" + TARO)


def test_submission_speaks_for_ipv6_addresses(lab_without_daemon):
    lab = lab_without_daemon
    subject = lab.send(TARO, "a@far.example", client="2001:db8:1::5")
    lab.sink.wait_for(subject=subject)
    lab.wait_in_maillog(r"client=unknown\[2001:db8:1::5\], sasl_method")


def test_the_world_refuses_what_it_should(lab_without_daemon):
    lab = lab_without_daemon
    subject = lab.send(ALICE, ["x@bounce.example", "defer-y@far.example", "z@far.example"])
    [mail] = lab.sink.wait_for(subject=subject)
    assert mail.recipients == ["z@far.example"]
    lab.wait_in_maillog(r"to=<x@bounce\.example>.*dsn=5\.1\.1, status=bounced")
    lab.wait_in_maillog(r"to=<defer-y@far\.example>.*status=deferred")
    wait_for(lambda: any("Undelivered" in text for text in lab.subjects(ALICE)), 20)
    for entry in lab.queue():
        if entry["sender"] == ALICE:
            subprocess.run(["/usr/sbin/postsuper", "-c", lab.inside["postfix"], "-d",
                            entry["queue_id"]], check=True, capture_output=True)


@pytest.mark.parametrize("address, owners", [
    (TARO, [TARO]),
    ("taro+shop@lab-ja.example", [TARO]),
    ("TARO@LAB-JA.EXAMPLE", [TARO]),
    ("taro@lab-ja-old.example", [TARO]),
    ("sales@lab-ja.example", [HANAKO]),
    ("all@lab-ja-old.example", [TARO, HANAKO, JIRO, SAKURA]),
    ("all@lab-en.example", [ALICE, BOB, CAROL]),
])
def test_mail_from_outside_arrives(lab_without_daemon, address, owners):
    subject = lab_without_daemon.deliver("friend@far.example", address, client="203.0.113.9")
    for owner in owners:
        lab_without_daemon.wait_in_mailbox(owner, subject)


def test_a_bare_postmaster_is_reachable(lab_without_daemon):
    subject = lab_without_daemon.deliver("friend@far.example", "postmaster")
    lab_without_daemon.wait_in_mailbox("postmaster@lab-en.example", subject)


def test_no_open_relay_and_no_unknown_user(lab_without_daemon):
    with lab_without_daemon.mx() as smtp:
        smtp.mail("a@far.example")
        assert smtp.rcpt("b@far.example")[0] == 554
        assert smtp.rcpt("nobody@lab-ja.example")[0] == 550
    with lab_without_daemon.smtp() as smtp:
        assert "auth" not in smtp.esmtp_features, "AUTH before STARTTLS"
        smtp.mail("a@far.example")
        assert smtp.rcpt(TARO)[0] == 554


def test_claimed_addresses_of_readers_are_believed(lab_without_daemon):
    lab = lab_without_daemon
    lab.imap(TARO, client="198.51.100.7").logout()
    lab.pop3(TARO, client="198.51.100.8").quit()
    sieve, answer = lab.sieve(TARO, client="198.51.100.9")
    sieve.close()
    assert answer.startswith("OK")
    lab.wait_in_maillog(rf"imap-login: .*Login: user=<{TARO}>.*rip=198\.51\.100\.7,")
    lab.wait_in_maillog(rf"pop3-login: .*Login: user=<{TARO}>.*rip=198\.51\.100\.8,")
    lab.wait_in_maillog(rf"managesieve-login: .*Login: user=<{TARO}>.*rip=198\.51\.100\.9,")


def test_wrong_passwords_and_crafted_names_are_refused(lab_without_daemon):
    lab = lab_without_daemon
    for login in (TARO, "' OR 1=1 --@lab-ja.example", "x' UNION SELECT 'a','b' --"):
        with pytest.raises(imaplib.IMAP4.error):
            lab.imap(login, password="wrong")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            lab.submission(login, password="wrong")


def test_sieve_redirect_leaves_by_the_labs_own_postfix(lab_without_daemon):
    lab = lab_without_daemon
    sieve, answer = lab.sieve(DAVE)
    with sieve:
        assert answer.startswith("OK")
        sieve.put_active("forward", 'redirect "dave@elsewhere.example";\n')
        subject = lab.deliver("friend@far.example", DAVE)
        lab.sink.wait_for(subject=subject, to="dave@elsewhere.example")
        assert sieve.command('SETACTIVE ""')[-1].startswith("OK")


def test_dovecot_answers_over_http(lab_without_daemon):
    lab = lab_without_daemon
    imap = lab.imap(BOB)
    wait_for(lambda: any(entry["username"] == BOB for entry in lab.doveadm("who", mask=[BOB])))
    assert lab.doveadm("kick", mask=[BOB]) == [{"result": BOB}]

    def ended():
        try:
            imap.noop()
        except (imaplib.IMAP4.error, OSError):
            return True
        return False

    wait_for(ended, 20, "the session's end")
    assert "error" in lab.doveadm("kick", mask=[BOB])


# Standings, by Postfix and Dovecot alone


@contextlib.contextmanager
def standing(lab, kind, id, **flags):
    lab.put_standing(kind, id, **flags)
    try:
        yield
    finally:
        lab.drop_standing(kind, id)
        lab.flush_queue()


def suspended(lab, kind, id):
    return standing(lab, kind, id, no_send=1, no_login=1, no_receive=1, reply=REPLY, reason=REASON)


@pytest.mark.parametrize("kind, id", [("account", TARO), ("domain", "lab-ja.example"),
                                      ("server", "mx")])
def test_suspended_cannot_sign_in_and_learns_why(lab_without_daemon, kind, id):
    lab = lab_without_daemon
    # Both caches are warm: a login before, refused logins after, a login again.
    lab.imap(TARO).logout()
    with suspended(lab, kind, id):
        for login in (TARO, TARO.upper()):
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                lab.submission(login)
            assert refused.value.smtp_code == 535
            with pytest.raises(imaplib.IMAP4.error, match=REASON):
                lab.imap(login)
            with pytest.raises(poplib.error_proto, match=REASON):
                lab.pop3(login)
            sieve, answer = lab.sieve(login)
            sieve.close()
            assert answer.startswith("NO") and REASON in answer
        # Whoever does not know the password learns nothing of the standing.
        with pytest.raises(imaplib.IMAP4.error) as refused:
            lab.imap(TARO, password="wrong")
        assert REASON not in str(refused.value)
        if kind != "server":
            lab.imap(ALICE).logout()
            lab.submission(ALICE).quit()
    lab.imap(TARO).logout()
    lab.pop3(TARO).quit()
    lab.submission(TARO).quit()


@pytest.mark.parametrize("kind, id", [("account", TARO), ("domain", "lab-ja.example"),
                                      ("server", "mx")])
def test_restricted_cannot_send_in_a_running_session(lab_without_daemon, kind, id):
    lab = lab_without_daemon
    # A login in capitals keys the same standing.
    with lab.submission(TARO.upper()) as smtp:
        with standing(lab, kind, id, no_send=1, reply=REPLY):
            smtp.mail(TARO)
            code, text = smtp.rcpt("a@far.example")
            assert f"{code} {text.decode()}".startswith("525 5.7.13")
            assert "incident 7" in text.decode()
            # A bare postmaster meets no RCPT check; DATA refuses it.
            smtp.rset()
            smtp.mail(TARO)
            assert smtp.rcpt("postmaster")[0] == 250
            assert smtp.docmd("DATA")[0] == 525
            smtp.rset()
            # Reading goes on.
            lab.imap(TARO).logout()
        smtp.mail(TARO)
        assert smtp.rcpt("a@far.example")[0] == 250


def test_a_standing_between_two_recipients_stops_the_message(lab_without_daemon):
    lab = lab_without_daemon
    with lab.submission(JIRO) as smtp:
        smtp.mail(JIRO)
        assert smtp.rcpt("first@far.example")[0] == 250
        with standing(lab, "account", JIRO, no_send=1, reply=REPLY):
            assert smtp.rcpt("second@far.example")[0] == 525
            assert smtp.docmd("DATA")[0] == 525
    assert not lab.sink.mails(to="first@far.example")


def test_mail_to_a_suspended_mailbox_waits_and_arrives(lab_without_daemon):
    lab = lab_without_daemon
    subjects = []
    with suspended(lab, "account", HANAKO):
        # At the sender: from outside, under the mailbox's own name.
        with lab.mx() as smtp:
            smtp.mail("friend@far.example")
            for address in (HANAKO, "hanako+x@lab-ja.example", HANAKO.upper()):
                code, text = smtp.rcpt(address)
                assert code == 450 and text.startswith(b"4.2.1"), (address, code, text)
            assert smtp.rcpt(TARO)[0] == 250
        # In our queue: by alias, list, alias domain, an authenticated sender, sendmail(1).
        for address in ("sales@lab-ja.example", "all@lab-ja.example", "hanako@lab-ja-old.example"):
            subjects.append(lab.deliver("friend@far.example", address))
        in_list = subjects[1]
        subjects.append(lab.send(ALICE, [HANAKO, BOB]))
        with_bob = subjects[-1]
        subjects.append(lab.sendmail("web@lab-en.example", HANAKO))
        for member in (TARO, JIRO, SAKURA):
            lab.wait_in_mailbox(member, in_list)
        lab.wait_in_mailbox(BOB, with_bob)

        def waiting():
            return [entry for entry in lab.queue() if entry["queue_name"] == "deferred" and
                    [r["address"] for r in entry["recipients"]] == [HANAKO]]

        wait_for(lambda: len(waiting()) == len(subjects), 30, "all of it waiting in the queue")
        reasons = {r["delay_reason"] for entry in waiting() for r in entry["recipients"]}
        assert all("4.2.1" in reason or "suspended" in reason for reason in reasons), reasons
        lab.wait_in_maillog(rf"to=<{HANAKO}>, .*relay=none, .*dsn=4\.2\.1, status=deferred")
    for subject in subjects:
        lab.wait_in_mailbox(HANAKO, subject, deadline=40)
    wait_for(lambda: not lab.queue(), 30, "an empty queue")
    found = lab.subjects(HANAKO)
    assert all(found.count(subject) == 1 for subject in subjects)


def test_a_stopped_server_keeps_sendmail_too(lab_without_daemon):
    lab = lab_without_daemon
    with standing(lab, "server", "mx", no_send=1, reply=REPLY):
        subject = lab.sendmail("web@lab-en.example", "a@stopped.example")
        lab.wait_in_maillog(r"to=<a@stopped\.example>, .*dsn=4\.7\.1, status=deferred")
        inside = lab.deliver("friend@far.example", TARO)
        lab.wait_in_mailbox(TARO, inside)
        assert not lab.sink.mails(subject=subject)
    lab.sink.wait_for(subject=subject, deadline=40)


def test_bypass_lifts_everything(lab_without_daemon):
    lab = lab_without_daemon
    with suspended(lab, "account", CAROL):
        lab.put_bypass(True)
        try:
            subject = lab.send(CAROL, "a@far.example")
            lab.sink.wait_for(subject=subject)
            lab.imap(CAROL).logout()
            lab.wait_in_mailbox(CAROL, lab.deliver("friend@far.example", CAROL))
        finally:
            lab.put_bypass(False)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            lab.submission(CAROL)


def test_maps_answer_while_nobody_has_the_databases_open(lab_without_daemon):
    """The last writer's clean close removes -wal and -shm; Postfix must be able to make them."""
    lab = lab_without_daemon
    for path in (lab.inside["guard"], lab.endpoints["database"]):
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    subprocess.run(["/usr/sbin/postfix", "-c", lab.inside["postfix"], "stop"], check=True,
                   capture_output=True)
    assert labkit.run_script("up", "--detach", "--dir", lab.directory, "--port-base",
                             lab.endpoints["smtp_port"]).returncode == 0
    lab.reload()
    lab.kill_daemon()
    lab.wait_in_mailbox(TARO, lab.deliver("friend@far.example", TARO))
    lab.sink.wait_for(subject=lab.send(TARO, "a@far.example"))
    with suspended(lab, "account", TARO), lab.mx() as smtp:
        smtp.mail("friend@far.example")
        assert smtp.rcpt(TARO)[0] == 450


def test_the_sink_keeps_up_with_a_burst(lab_without_daemon):
    """500 messages, ten at a time, each a connection's next transaction, all kept."""
    lab = lab_without_daemon
    port = int(lab.endpoints["smtp_port"]) + 8
    made = message("burst@far.example", "all@burst.example")
    connections = [smtplib.SMTP("127.0.0.1", port) for _ in range(10)]
    for number in range(500):
        connections[number % 10].send_message(made, "burst@far.example",
                                              [f"r{number}@burst.example"])
    for smtp in connections:
        smtp.quit()
    mails = lab.sink.mails(subject=made["Subject"])
    assert len({mail.recipients[0] for mail in mails}) == len(mails) == 500


# Starting, repairing, ending


def up(directory, port_base):
    return labkit.run_script("up", "--detach", "--dir", directory, "--port-base", port_base)


def flows(lab):
    lab.wait_in_mailbox(TARO, lab.deliver("friend@far.example", TARO))
    lab.sink.wait_for(subject=lab.send(TARO, "a@far.example"))


def one_pid(path):
    return int(pathlib.Path(path).read_text().split()[0])


def test_two_labs_up_twice_half_dead_and_down(tmp_path):
    # pytest's own directory is closed to others (0700), as a clone under /root would be, and this
    # one is deeper than a socket's path may be.
    deep = tmp_path / "/".join(["a-rather-deep-directory"] * 5) / "lab"
    first = labkit.start_lab(deep)
    second = labkit.start_lab(tmp_path / "second")
    try:
        assert first.passwords != second.passwords
        flows(first)
        flows(second)
        subject = first.deliver("friend@far.example", JIRO)
        first.wait_in_mailbox(JIRO, subject)

        base = first.endpoints["smtp_port"]
        before = (deep / "endpoints.json").read_text()
        again = up(deep, base)
        assert again.returncode == 0 and "nothing to do" in again.stdout, again.stdout
        assert (deep / "endpoints.json").read_text() == before

        # Every kind of death, one after the other.
        run = pathlib.Path(first.inside["run"])
        home = pathlib.Path(first.inside["home"])
        pid_files = {"sink": run / "sink.pid", "dovecot": run / "dovecot/master.pid",
                     "postfix": home / "spool/postfix/pid/master.pid",
                     "sekimori": run / "sekimori.pid", "helper": run / "helper.pid"}
        for victims in (["sink"], ["dovecot"], ["postfix"], ["sekimori"], ["helper"],
                        list(pid_files)):
            for pid in [one_pid(pid_files[victim]) for victim in victims]:
                os.kill(pid, signal.SIGKILL)
            repaired = up(deep, base)
            assert repaired.returncode == 0, repaired.stdout
            first.reload()
            flows(first)
            health = {item["name"]: item["level"] for item in first.api.get("/health")["items"]}
            assert health["queue_helper"] == health["doveadm"] == "ok", health
        # A stop of all sending, as the helper writes it, outlives a new start.
        postconf = ["/usr/sbin/postconf", "-c", first.inside["postfix"]]
        subprocess.run([*postconf, "-e", "defer_transports=smtp"], check=True)
        assert up(deep, base).returncode == 0
        kept = subprocess.run([*postconf, "-h", "defer_transports"], text=True, check=True,
                              capture_output=True).stdout
        assert kept == "smtp\n"
        subprocess.run([*postconf, "-X", "defer_transports"], check=True)

        # A stale pid file naming somebody else's process.
        (run / "sekimori.pid").write_text("1 12345\n")
        assert up(deep, base).returncode == 0
        assert subject in first.subjects(JIRO), "the data stays"

        # Down leaves nothing running and the data in place.
        labkit.stop_lab(deep)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", base))
        flows(second)
        assert up(deep, base).returncode == 0
        assert subject in first.subjects(JIRO)
    finally:
        labkit.discard_lab(deep)
        labkit.discard_lab(tmp_path / "second")


def test_a_taken_port_is_named_with_its_holder(tmp_path):
    base = labkit.free_port_base()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", base + 2))
        holder.listen()
        refused = up(tmp_path / "lab", base)
    try:
        assert refused.returncode == 1
        assert f"port {base + 2} (IMAP) is taken by process {os.getpid()}" in refused.stdout
        assert "--port-base" in refused.stdout
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", base + 8))
    finally:
        labkit.discard_lab(tmp_path / "lab")


def test_foreground_ends_all_it_started(tmp_path):
    base = labkit.free_port_base()
    log = tmp_path / "output"
    with open(log, "wb") as output:
        process = subprocess.Popen([labkit.ROOT / "scripts/up", "--dir", tmp_path / "lab",
                                    "--port-base", str(base)], stdout=output, stderr=output,
                                   stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: "Ctrl-C" in log.read_text(), 120, "the lab in the foreground")
        lab = labkit.Lab(tmp_path / "lab")
        flows(lab)
        lab.kill_daemon()
        wait_for(lambda: "Sekimori has died" in log.read_text(), 20, "word of the daemon's death")
        assert process.poll() is None
        flows(lab)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        for offset in range(11):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", base + offset))
    finally:
        process.kill()
        labkit.discard_lab(tmp_path / "lab")
