"""Allow and deny lists: for mail from outside, for sign-ins, and for who signed in before."""

import contextlib
import imaplib
import smtplib

import pytest
from clikit import done, sekimori
from labkit import wait_for

BRAZIL = "198.51.100.70"


@pytest.fixture
def rules(lab):
    """Makes rules that are gone afterwards."""
    made = []

    def put(network, action, **more):
        answer = lab.api.call("POST", "/ip-rules", {"network": network, "action": action,
                                                    "reason": "a test", **more})
        made.append(answer["id"])
        return answer["id"]

    yield put
    for number in made:
        lab.api.ask("DELETE", f"/ip-rules/{number}")


def rcpt(lab, client, *people):
    """What mail from there is answered, person by person."""
    with contextlib.closing(lab.mx(client)) as smtp:
        smtp.mail("friend@far.example")
        return [smtp.rcpt(person) for person in people]


def rule_of(lab, number):
    return next(rule for rule in lab.api.get("/ip-rules")["items"] if rule["id"] == number)


def test_mail_is_refused_by_rule_and_the_narrower_rule_and_allow_win(lab, people):
    taro, hanako = people[:2]
    domain = taro.partition("@")[2]
    made = []

    def put(network, action, **more):
        made.append(lab.api.call("POST", "/ip-rules", {
            "network": network, "action": action, "reason": "a test", "use": "receive",
            **more})["id"])
        return made[-1]

    try:
        number = put("203.0.113.0/24", "deny")
        [(code, text)] = rcpt(lab, "203.0.113.9", taro)
        assert code == 554 and f"rule {number}".encode() in text, (code, text)
        assert rcpt(lab, "203.0.114.9", taro)[0][0] == 250
        # One account's allow: the others' mail is refused in the same session.
        allowed = put("203.0.113.9", "allow", account=taro)
        assert [code for code, _ in rcpt(lab, "203.0.113.9", taro, hanako)] == [250, 554]
        assert rcpt(lab, "203.0.113.10", taro)[0][0] == 554
        # A country and a network's number, of one domain.
        put("country:BR", "deny", domain=domain)
        assert rcpt(lab, BRAZIL, taro)[0][0] == 554
        # A rule for receiving stops no sign-in.
        lab.imap(taro, "203.0.113.9").logout()
        wait_for(lambda: rule_of(lab, allowed)["hits"] >= 1 and rule_of(lab, number)["hits"] >= 2,
                 30, "the hits written down")
        check = done(lab, "ip", "check", "203.0.113.9", "--account", taro, "--use", "receive")
        assert check["decided_by"] == "allow" and check["rules"][0]["id"] == allowed
        assert [rule["id"] for rule in check["rules"]] == [allowed, number]
        check = done(lab, "ip", "check", BRAZIL, "--domain", domain, "--use", "receive")
        assert not check["let_in"] and check["country"] == "BR"
    finally:
        for number in made:
            lab.api.ask("DELETE", f"/ip-rules/{number}")
    assert rcpt(lab, "203.0.113.9", hanako)[0][0] == 250


def test_a_session_that_signed_in_before_the_rule_cannot_send(lab, people, rules):
    person = people[0]
    with contextlib.closing(lab.submission(person, client="198.51.100.80")) as smtp:
        smtp.mail(person)
        assert smtp.rcpt("friend@far.example")[0] == 250
        smtp.rset()
        rules("198.51.100.80", "deny", account=person)
        smtp.mail(person)
        code, text = smtp.rcpt("friend@far.example")
        assert code == 554 and b"rule" in text, (code, text)
    with pytest.raises(imaplib.IMAP4.error):
        lab.imap(person, "198.51.100.80")
    with pytest.raises(smtplib.SMTPAuthenticationError):
        lab.submission(person, client="198.51.100.80")
    # Another account's sign-in from there is nobody's business.
    lab.imap(people[1], "198.51.100.80").logout()


def test_a_pasted_list_is_taken_whole_or_explained(lab, tmp_path):
    names = tmp_path / "drop.txt"
    names.write_text("; Spamhaus DROP\n198.18.5.0/24 ; SBL1\n198.18.6.0/24\n198.18.5.1/24\n")
    common = ("ip", "import", names, "--action", "deny", "--use", "both", "--reason", "DROP")
    refused = sekimori(lab, *common)
    assert refused.code == 2 and "4" in refused.err and "198.18.5.0/24" in refused.err
    search = "/ip-rules?search=198.18."
    assert lab.api.get(search)["total"] == 0
    part = sekimori(lab, *common, "--partial", "--expires", "1h")
    assert part.code == 3, (part.out, part.err)
    try:
        listed = lab.api.get(search + "&sort=-network")["items"]
        assert [rule["network"] for rule in listed] == ["198.18.6.0/24", "198.18.5.0/24"]
        assert listed[1]["reason"] == "DROP (SBL1)" and listed[1]["expires"]
        wait_for(lambda: any(entry["detail"]["rules"] == 2 and entry["why"] == "DROP (SBL1)"
                             for entry in lab.api.get("/audit?action=ip_deny&limit=5")["items"]),
                 10, "the audit of it")
    finally:
        for network in ("198.18.5.0/24", "198.18.6.0/24"):
            done(lab, "ip", "unblock", network)
    assert lab.api.get(search)["total"] == 0
