"""Sign-ins without encryption: found, told to their owners, counted, and ended by date per domain,
over the real Dovecot and the policy questions that Postfix asks."""

import datetime
import imaplib
import os
import pathlib
import poplib
import signal
import socket
import urllib.parse

import pytest

from clikit import done, sekimori
from labkit import wait_for

AWAY = "203.0.113.60"


def day(offset=0):
    return (datetime.datetime.now(datetime.timezone.utc)
            + datetime.timedelta(days=offset)).strftime("%Y-%m-%d")


def listed(lab, person, **filters):
    query = urllib.parse.urlencode({"search": person, **filters})
    return lab.api.get(f"/encryption/accounts?{query}")["items"]


@pytest.fixture
def domain(lab, people):
    name = people[0].split("@")[1]
    yield name
    sekimori(lab, "encryption", "lift", name, "--reason", "over")


def policy(lab, login, client, protocol=""):
    """What Postfix asks at RCPT for a client that signed in."""
    host, port = lab.endpoints["policy"].split(":")
    question = (f"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
                f"instance=e.{login}.{client}.{protocol}\nclient_address={client}\n"
                f"sender={login}\nrecipient=friend@far.example\nsasl_username={login}\n"
                f"encryption_protocol={protocol}\n\n")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(question.encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += connection.recv(4096)
    return answer.decode().strip()


@pytest.fixture
def telling(lab):
    """The daemon tells owners while the test runs."""
    config = pathlib.Path(lab.endpoints["config"])
    before = config.read_text()
    assert "tell_owners = false" in before
    for text in (before.replace("tell_owners = false", "tell_owners = true"), before):
        config.write_text(text)
        told = lab.daemon_log().count("setting encryption.tell_owners taken over")
        os.kill(lab.endpoints["pid"], signal.SIGHUP)
        if text == before:
            break
        wait_for(lambda: lab.daemon_log().count("setting encryption.tell_owners taken over") > told,
                 10, "the settings taken over")
        yield


def test_found_told_and_counted(lab, people, telling):
    person = people[0]
    lab.imap(person).logout()  # loopback: nothing crosses a network
    lab.imap(person, client="198.18.0.7").logout()  # the office
    lab.imap(person, client="198.18.1.25").logout()  # webmail
    lab.submission(person, client=AWAY).quit()  # STARTTLS, which Dovecot cannot see behind Postfix
    lab.imap(person, client=AWAY).logout()
    lab.pop3(person, client=AWAY).quit()
    [one] = wait_for(lambda: [row for row in listed(lab, person)
                              if row["services"] == ["imap", "pop3"]], 15, "both found")
    assert one["sign_ins"] == 2 and one["ip"] == AWAY and one["exception"] is None
    assert sum(day["sign_ins"] for day in one["days"]) == 2
    # The owner is told once, in words, with where and how.
    wait_for(lambda: listed(lab, person)[0]["told"], 10, "told")
    wait_for(lambda: any("暗号化" in subject for subject in lab.subjects(person)), 20, "the letter")
    text = lab.newest(person).get_content()
    assert AWAY in text and "imap.lab-ja.example" in text and "without encryption" in text
    told = listed(lab, person)[0]["told"]
    lab.imap(person, client=AWAY).logout()
    wait_for(lambda: listed(lab, person)[0]["sign_ins"] == 3, 10, "a third one")
    assert listed(lab, person)[0]["told"] == told

    shown = lab.api.get(f"/encryption?domain={person.split('@')[1]}&days=7")
    assert shown["accounts"] == 1 and shown["sign_ins"] == 3 and len(shown["trend"]) == 7
    assert sum(day["sign_ins"] for day in shown["trend"]) == 3 and shown["domains"][0]["rule"] is None
    assert lab.api.metrics()["sekimori_unencrypted_sign_ins_total"] >= 3
    assert person in sekimori(lab, "encryption", "list", "--search", person).out


def test_ended_by_date_with_exceptions(lab, people, domain):
    person, excepted, _ = people
    for one in (person, excepted):
        lab.imap(one, client=AWAY).logout()
        wait_for(lambda: listed(lab, one), 10, "it found")
    # Only said: whom it would hit.
    said = done(lab, "encryption", "enforce", domain, "--from", day(), "--dry-run")
    assert said["dry_run"] and {row["account"] for row in said["hit"]["items"]} >= {person, excepted}
    lab.imap(person, client=AWAY).logout()
    done(lab, "encryption", "except", excepted, "--until", "30d", "--reason", "an old scanner")
    # A day to come changes nothing yet.
    done(lab, "encryption", "enforce", domain, "--from", day(30), "--reason", "spring")
    lab.imap(person, client=AWAY).logout()
    assert listed(lab, person)[0]["enforced_from"].startswith(day(30))
    outcome = done(lab, "encryption", "enforce", domain, "--from", day(), "--reason", "now")
    assert person in [row["account"] for row in outcome["hit"]["items"]]
    assert excepted not in [row["account"] for row in outcome["hit"]["items"]]
    lab.flush_auth_cache()

    with pytest.raises(imaplib.IMAP4.error, match="SSL/TLS"):
        lab.imap(person, client=AWAY)
    with pytest.raises(poplib.error_proto, match="SSL/TLS"):
        lab.pop3(person, client=AWAY)
    lab.imap(person).logout()
    lab.imap(person, client="198.18.0.7").logout()
    lab.imap(excepted, client=AWAY).logout()
    # Sending: with STARTTLS through the real Postfix, and without, as Postfix would ask.
    lab.send(person, "friend@far.example", client=AWAY)
    assert policy(lab, person, AWAY).startswith("action=523 5.7.10 Encryption needed")
    assert policy(lab, person, AWAY, "TLSv1.3") == "action=DUNNO"
    assert policy(lab, excepted, AWAY) == "action=DUNNO"
    # What stands is kept.
    lab.kill_daemon()
    lab.start_daemon()
    assert policy(lab, person, AWAY).startswith("action=523 5.7.10")

    done(lab, "encryption", "unexcept", excepted)
    assert policy(lab, excepted, AWAY).startswith("action=523")
    done(lab, "encryption", "lift", domain, "--reason", "over")
    lab.flush_auth_cache()
    lab.imap(person, client=AWAY).logout()
    wanted = {"encryption_rule", "encryption_exception", "encryption_exception_removed",
              "encryption_rule_removed"}
    wait_for(lambda: wanted <= {line["action"] for line in
                                lab.api.get("/audit?limit=100")["items"]}, 10, "the audit of it")
    assert sekimori(lab, "encryption", "enforce", "nowhere.example", "--from", day(),
                    "--reason", "x").code == 1
