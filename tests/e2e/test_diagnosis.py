""""I cannot get my mail": the answer comes from what the server saw."""

import contextlib
import imaplib
import poplib
import ssl

import pytest

from clikit import done
from labkit import HOST, wait_for


def codes(lab, person, *more):
    return [finding["code"] for finding in done(lab, "account", "diagnose", person, *more)["findings"]]


def test_it_is_answered_from_facts(lab, people):
    person = people[0]
    assert codes(lab, person) == ["never_reads"]
    lab.imap(person, "192.0.2.10").logout()
    wait_for(lambda: codes(lab, person) == ["plain", "nothing_here"]
             or codes(lab, person) == ["nothing_here"], 20, "the sign-in known")
    # A telephone that still has the old password.
    for _ in range(4):
        with contextlib.suppress(imaplib.IMAP4.error):
            lab.imap(person, "192.0.2.10", password="the old one")
    wait_for(lambda: codes(lab, person, "--ip", "192.0.2.77")[0] == "old_password_stored", 20,
             "the wrong passwords known")
    answer = done(lab, "account", "diagnose", person, "--ip", "192.0.2.77")
    assert "4" in answer["findings"][0]["what"]["ja"] and answer["number"].startswith("D20")
    # Seen from elsewhere they are somebody else's tries.
    assert "guessed_at" in codes(lab, person, "--ip", "198.51.100.1")
    entries = [entry for entry in lab.api.audit(person) if entry["action"] == "diagnose"]
    assert answer["number"] in [entry["detail"]["number"] for entry in entries], entries

    lab.api.call("POST", f"/accounts/{person}/suspend", {"reason": "a test"})
    try:
        with contextlib.suppress(poplib.error_proto):
            lab.pop3(person, "192.0.2.10")
        assert codes(lab, person)[0] == "suspended"
    finally:
        lab.api.call("POST", f"/accounts/{person}/restore", {"reason": "a test's end"})
    lab.api.call("POST", "/ip-rules", {"network": "203.0.113.200/32", "action": "deny",
                                       "reason": "a test"})
    try:
        assert codes(lab, person, "--ip", "203.0.113.200")[0] == "address_banned"
    finally:
        lab.api.ask("DELETE", "/ip-rules?network=203.0.113.200/32")


def test_a_full_mailbox_is_seen(lab, people):
    person = people[1]
    lab.imap(person, "192.0.2.20").logout()
    assert "mailbox_full" not in codes(lab, person)
    limit = 30_000
    lab.store_rows("UPDATE mailbox SET quota = ? WHERE username = ?", limit, person)
    lab.deliver("friend@far.example", person, body="x" * 28_000)
    wait_for(lambda: {"mailbox_full", "mailbox_nearly_full"} & set(codes(lab, person)), 30,
             "the mailbox nearly full")
    # What operators see of it: this Dovecot counts and has no limit of its own, the store has one.
    use = lab.api.get(f"/accounts/{person}/mailbox")
    assert (use["source"], use["limit_bytes"]) == ("store", limit), use
    assert 28_000 < use["used_bytes"] < 40_000, use
    assert lab.api.ask("GET", "/accounts/no@where.example/mailbox").status == 404


def test_a_program_that_wanted_another_name_is_shown_the_right_one(lab, people):
    """It breaks off before anybody signs in: the mail log knows from where, and why."""
    person, client = people[2], "198.51.100.77"
    imap = imaplib.IMAP4(HOST, lab.endpoints["imap_port"], timeout=30)
    try:
        imap.xatom("ID", f'("x-originating-ip" "{client}" "x-originating-port" "50000")')
        with pytest.raises(ssl.SSLError):
            imap.starttls(ssl.create_default_context())
    finally:
        with contextlib.suppress(OSError):  # closed already, by whom it did not believe
            imap.shutdown()
    wait_for(lambda: "wrong_server_name" in codes(lab, person, "--ip", client), 20,
             "what the log says")
    [found] = [finding for finding in
               done(lab, "account", "diagnose", person, "--ip", client)["findings"]
               if finding["code"] == "wrong_server_name"]
    # The names of the lab's settings for mail programs, to compare with.
    for words in (found["next"]["ja"], found["next"]["en"]):
        assert "imap.lab-ja.example" in words and "993" in words and "587" in words
    assert "wrong_server_name" not in codes(lab, person, "--ip", "192.0.2.250")
    assert "wrong_server_name" not in codes(lab, person)
