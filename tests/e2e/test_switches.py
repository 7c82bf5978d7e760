"""Receiving and signing in, each switched off alone for one account: by real Postfix and Dovecot,
with the daemon dead as well, and beside whatever the account's standing becomes."""

import contextlib
import datetime
import imaplib
import poplib
import smtplib
import urllib.parse

import pytest

from clikit import done, sekimori
from labkit import wait_for
from test_portal import begin, card
from test_recovery import (HOME, as_owner, gates, hijack, new_password, own_day, owner_token, path,
                           recovery, wait_standing)
from test_standing import reply
from test_telling import Person


def where(person):
    return f"/accounts/{urllib.parse.quote(person)}/switches"


def turn(lab, person, what, on, reason="a test's reason", **more):
    return lab.api.call("POST", where(person), {"what": what, "on": on, "reason": reason, **more})


def answer_to(lab, person):
    with lab.mx("203.0.113.9") as smtp:
        smtp.mail("friend@far.example")
        return reply(smtp.rcpt(person))


def cannot_sign_in(lab, person):
    with pytest.raises(smtplib.SMTPAuthenticationError) as refusal:
        lab.submission(person, "192.0.2.10")
    assert refusal.value.smtp_code == 535
    for words, attempt in ((imaplib.IMAP4.error, lab.imap), (poplib.error_proto, lab.pop3)):
        with pytest.raises(words, match="stopped by its administrator"):
            attempt(person, "192.0.2.10")
    sieve, said = lab.sieve(person, "192.0.2.10")
    sieve.close()
    assert said.startswith("NO") and "stopped by its administrator" in said, said


def signs_in_and_sends(lab, person):
    lab.imap(person, "192.0.2.10").logout()
    lab.sink.wait_for(subject=lab.send(person, "friend@far.example", client="192.0.2.10"))


def is_over(imap):
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        imap.noop()
        return False
    return True


def guard(lab, person):
    """(no_send, no_login, no_receive)."""
    rows = lab.guard_rows("account", person)
    return rows[0] if rows else (0, 0, 0)


def test_receiving_alone(lab, people):
    person, other, _ = people
    imap = lab.imap(person, "192.0.2.10")
    view = turn(lab, person, "receive", False, reason="引っ越しのため")
    assert view["receive"]["works"] is False and view["receive"]["standing_allows"] is True
    assert view["receive"]["off"]["by"] == "api" and view["receive"]["off"]["until"] is None
    assert view["login"] == {"works": True, "standing_allows": True, "off": None, "done": True,
                             "letter": "none"}
    assert guard(lab, person) == (0, 0, 1)
    # Outside it waits at the sender, whatever the spelling; inside it waits in our queue.
    for spelling in (person, person.replace("@", "+x@"), person.upper()):
        assert answer_to(lab, spelling).startswith("450 4.2.1")
    assert answer_to(lab, other).startswith("250")
    waiting = lab.send(other, person, client="192.0.2.20")
    wait_for(lambda: lab.queued(to=person, queue="deferred"), 20, "it waiting")
    # Everything else goes on, the open session included.
    assert imap.noop()[0] == "OK"
    imap.logout()
    signs_in_and_sends(lab, person)
    assert lab.api.account(person)["standing"] == "normal"

    # What the owner reads, with and without scripts, and what a diagnosis says.
    token = begin(lab, person, lab.passwords[person]).json["token"]
    status = as_owner(lab, token, "GET", "status").json
    assert (status["receive"], status["send"], status["sign_in"]) == ("waits", "works", "works")
    assert "受信を止めています" in status["what"]["ja"] and "失われません" in status["what"]["ja"]
    assert f"{datetime.date.today().year}年" in status["what"]["ja"]
    assert status["why"]["ja"] == "引っ越しのため" and "窓口" in status["next"]["ja"]
    page = card(lab, person, lab.passwords[person]).body
    assert "届くメールは待機中" in page and "引っ越しのため" in page
    found = done(lab, "account", "diagnose", person)["findings"]
    assert found[0]["code"] == "receive_off" and "引っ越しのため" in found[0]["what"]["ja"]
    assert "nothing_here" not in [one["code"] for one in found]

    # A standing that comes and goes leaves it as it is.
    lab.api.change("suspend", "account", person, reason="a test")
    assert guard(lab, person) == (1, 1, 1)
    lab.api.change("restore", "account", person, reason="a test")
    wait_for(lambda: guard(lab, person) == (0, 0, 1), 20, "the person's word alone")
    assert answer_to(lab, person).startswith("450 4.2.1")

    turn(lab, person, "receive", True, reason="")
    assert answer_to(lab, person).startswith("250")
    lab.wait_in_mailbox(person, waiting, 60)
    assert lab.subjects(person).count(waiting) == 1
    actions = [(one["action"], one["who"], one["why"]) for one in lab.api.audit(person)]
    assert ("receive_off", "api", "引っ越しのため") in actions and ("receive_on", "api", "") in actions


def test_signing_in_alone(lab, people):
    person, other, _ = people
    imap = lab.imap(person, "192.0.2.10")
    theirs = lab.imap(other, "192.0.2.20")
    with lab.submission(person, "192.0.2.10") as running:
        turn(lab, person, "login", False, reason="退職")
        cannot_sign_in(lab, person)
        cannot_sign_in(lab, person.upper())
        wait_for(lambda: is_over(imap), 20, "the IMAP session ended")
        # Whoever signed in before hands in nothing more.
        running.mail(person)
        said = reply(running.rcpt("a@far.example"))
        assert said.startswith("525 5.7.13") and "administrator" in said and said.isascii(), said
    assert theirs.noop()[0] == "OK"
    theirs.logout()
    with pytest.raises(imaplib.IMAP4.error):
        lab.imap(person, "192.0.2.10", password="wrong")
    # Mail goes on arriving: from outside and from inside.
    subjects = [lab.deliver("friend@far.example", person, client="203.0.113.9"),
                lab.send(other, person, client="192.0.2.20")]
    wait_for(lambda: not lab.queued(to=person), 20, "it delivered")

    # The mailbox's password opens the card, and nothing else.
    token = begin(lab, person, lab.passwords[person]).json["token"]
    status = as_owner(lab, token, "GET", "status").json
    assert (status["receive"], status["send"], status["sign_in"]) == ("works", "stopped", "stopped")
    assert "サインインを止めています" in status["what"]["ja"] and status["why"]["en"] == "退職"
    assert as_owner(lab, token, "GET", "devices").status == 403
    assert done(lab, "account", "diagnose", person)["findings"][0]["code"] == "login_off"

    turn(lab, person, "login", True)
    signs_in_and_sends(lab, person)
    assert set(subjects) <= set(lab.subjects(person))


def test_it_outlives_the_daemon(lab, people):
    person, other, _ = people
    turn(lab, person, "receive", False)
    turn(lab, other, "login", False)
    lab.kill_daemon()
    assert answer_to(lab, person).startswith("450 4.2.1")
    signs_in_and_sends(lab, person)
    cannot_sign_in(lab, other)
    assert answer_to(lab, other).startswith("250")
    # guard.db is made anew from the state database, both words in it.
    lab.drop_standing("account", person)
    lab.start_daemon()
    assert guard(lab, person) == (0, 0, 1) and guard(lab, other) == (1, 1, 0)
    assert answer_to(lab, person).startswith("450 4.2.1")
    cannot_sign_in(lab, other)
    assert lab.api.get(where(other))["login"]["off"]["reason"] == "a test's reason"
    # With no daemon the command line does it by itself.
    lab.stop_daemon()
    said = done(lab, "account", "switch", other, "login", "on")
    assert said["login"]["works"] is True
    lab.imap(other, "192.0.2.10").logout()
    lab.start_daemon()
    assert guard(lab, other) == (0, 0, 0)
    turn(lab, person, "receive", True)


def test_the_command_line(lab, people):
    person = people[0]
    assert sekimori(lab, "account", "switch", person, "receive", "off").code == 2  # no reason
    view = done(lab, "account", "switch", person, "receive", "off", "--reason", "moving house",
                "--until", "24h")
    end = datetime.datetime.fromisoformat(view["receive"]["off"]["until"])
    left = end - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23.9) < left <= datetime.timedelta(hours=24)
    shown = sekimori(lab, "account", "switches", person, "--lang", "ja")
    assert shown.code == 0 and "moving house" in shown.out and "止めています" in shown.out
    account = done(lab, "account", "show", person)
    assert account["address"] == person
    assert account["switches"]["receive"]["off"]["reason"] == "moving house"
    assert "moving house" in sekimori(lab, "account", "show", person).out
    assert done(lab, "account", "switch", person, "receive", "on")["receive"]["works"] is True
    assert sekimori(lab, "account", "switches", "no@where.example").code == 1
    assert sekimori(lab, "account", "show", "no@where.example").code == 1
    for body in ({"what": "send", "on": False, "reason": "x"}, {"what": "login", "reason": "x"},
                 {"what": "login", "on": False}, {"what": "login", "on": True, "until":
                                                  "2030-01-01T00:00:00Z"}):
        assert lab.api.ask("POST", where(person), body).status == 400, body
    past = {"what": "login", "on": False, "reason": "x", "until": "2020-01-01T00:00:00Z"}
    assert lab.api.ask("POST", where(person), past).status == 409


def test_the_list_of_what_is_off(lab):
    """Found without looking at each: counted, the oldest first, of one's own domain."""
    first, second, third = lab.hire(3)
    domain = first.partition("@")[2]

    def listed(**query):
        page = lab.api.get("/accounts?" + urllib.parse.urlencode({"domain": domain, **query}))
        return [one["address"] for one in page["items"]], page["total"], page["off"]

    assert listed(off="any") == ([], 0, {"any": 0, "receive": 0, "login": 0})
    # Not in the order of their addresses.
    turn(lab, third, "receive", False, reason="引っ越し")
    turn(lab, first, "login", False)
    turn(lab, first, "receive", False)
    counts = {"any": 2, "receive": 2, "login": 1}
    assert listed(off="any", sort="since") == ([third, first], 2, counts)
    assert listed(off="receive", sort="since") == ([third, first], 2, counts)
    assert listed(off="receive", sort="-since") == ([first, third], 2, counts)
    assert listed(off="receive") == ([first, third], 2, counts)
    assert listed(off="login") == ([first], 1, counts)
    assert listed(off="receive", limit=1, offset=1, sort="since") == ([first], 2, counts)
    assert listed(off="receive", search=third.partition("@")[0]) == ([third], 1, counts)
    assert listed(off="receive", standing="suspended") == ([], 0, counts)
    assert listed() == ([first, second, third], 3, counts)
    page = lab.api.get(f"/accounts?domain={domain}&off=receive&sort=since")["items"]
    assert page[0]["receive_off"]["reason"] == "引っ越し" and page[0]["login_off"] is None
    assert page[1]["login_off"]["by"] == "api"
    assert lab.api.ask("GET", "/accounts?off=send").status == 400

    shown = sekimori(lab, "account", "list", "--off", "receive", "--domain", domain, "--lang", "ja")
    assert shown.code == 0 and shown.out.index(third) < shown.out.index(first)
    assert "引っ越し" in shown.out and second not in shown.out and "ログイン" not in shown.out
    everyone = sekimori(lab, "account", "list", "--domain", domain, "--lang", "ja").out
    assert "受信・ログインを停止" in everyone and "止めているもの: 2 件" in everyone
    assert sekimori(lab, "account", "list", "--off", "send").code == 2
    # What was switched on again, or exists no more, is on no list.
    turn(lab, third, "receive", True)
    assert listed(off="any")[0] == [first]
    for what in ("receive", "login"):
        turn(lab, first, what, True)
    assert listed(off="any") == ([], 0, {"any": 0, "receive": 0, "login": 0})


def test_the_owner_is_written_to(lab):
    """Outside, since the mailbox takes no letter; the domain's admin, too; once for each, and not of
    what is taken back within a minute."""
    person, quiet = Person(lab), Person(lab)
    turn(lab, person.address, "receive", False, reason="引っ越しのため")
    turn(lab, quiet.address, "login", False, reason="黙って", tell_owner=False)
    for _ in range(3):
        turn(lab, person.address, "login", False, reason="うっかり")
        turn(lab, person.address, "login", True, reason="")
    view = lab.api.get(where(person.address))
    assert view["receive"]["letter"] == "due" and view["login"]["letter"] == "none"
    assert "まもなく" in sekimori(lab, "account", "switches", person.address, "--lang", "ja").out
    # Killed meanwhile, it is written all the same, and once.
    lab.kill_daemon()
    lab.start_daemon()
    [letter] = lab.sink.wait_for(to=person.elsewhere, deadline=100)
    person.all_delivered()
    assert "受信を止めています" in letter.subject and "is stopped" in letter.subject
    text = letter.content.get_content()
    for said in ("山田 太郎 様", "管理者がメールの受信を止めています", "引っ越しのため", "失われません",
                 "サインイン、送信、届いているメールの閲覧は、これまでどおり", "お手続きは必要ありません",
                 "the administrator switched it off"):
        assert said in text, (said, text)
    assert "ウイルス" not in text and "api" not in text
    assert wait_for(lambda: len(person.told(person.admin)) == 1, 20)
    assert {row[:3] for row in person.rows() if row[1] == "mail"} == {
        ("receive_off", "mail", "owner"), ("receive_off", "mail", "domain_admin")}
    assert lab.api.get(where(person.address))["receive"]["letter"] == "sent"
    assert person.told(person.address) == []

    # On again: in the mailbox, too.
    turn(lab, person.address, "receive", True, reason="済みました")
    assert len(lab.sink.wait_for(to=person.elsewhere, count=2, deadline=100)) == 2
    text = person.outside()[-1].content.get_content()
    assert "受信を再開しました" in text and "理由: 済みました" in text and "順に届きます" in text
    assert wait_for(lambda: len(person.told(person.address)) == 1, 30)
    # The other one was left out, and so nobody there knows.
    assert quiet.rows() == [] and quiet.outside() == []
    assert lab.api.get(where(quiet.address))["login"]["letter"] == "none"
    assert done(lab, "account", "switch", quiet.address, "login", "on", "--no-letter")[
        "login"]["works"]
    assert lab.api.ask("POST", where(quiet.address), {"what": "login", "on": True,
                                                      "tell_owner": "no"}).status == 400


def test_it_ends_by_itself(lab, people):
    person = people[0]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
    turn(lab, person, "login", False, until=end.isoformat())
    with pytest.raises(imaplib.IMAP4.error):
        lab.imap(person, "192.0.2.10")
    wait_for(lambda: lab.api.get(where(person))["login"]["works"], 40, "it on again")
    lab.imap(person, "192.0.2.10").logout()
    [entry] = [one for one in lab.api.audit(person) if one["action"] == "login_on"]
    assert entry["who"] == "machine" and "時刻" in entry["words"]["ja"]


def test_the_way_back_waits_and_is_not_broken(lab):
    """A gate that needs a sign-in says why it waits; nothing is taken for proved meanwhile, and the
    containment's end leaves the person's word standing."""
    account, _ = lab.hire(2)
    own_day(lab, account)
    hijack(lab, account)
    turn(lab, account, "login", False, reason="本人に確認中")
    old, fresh = lab.passwords[account], new_password()
    token = owner_token(lab, account)
    answer = as_owner(lab, token, "POST", "password", {"password": fresh, "old_password": old})
    assert answer.status == 200, answer.body
    lab.passwords[account] = fresh
    wait_standing(lab, account, "recovering")
    view = wait_for(lambda: (seen := recovery(lab, account)) and any(
        "administrator has stopped signing in" in gate["evidence"]["en"]
        for gate in seen["gates"]) and seen, 20, "a gate that says why it waits")
    assert gates(view)["works_imap"] == gates(view)["works_smtp"] == "open"
    assert "tried" not in next(gate for gate in view["gates"]
                               if gate["kind"] == "old_refused")["evidence"]["en"].lower()
    status = as_owner(lab, token, "GET", "status").json
    assert status["sign_in"] == "stopped" and "本人に確認中" in status["why"]["ja"]
    cannot_sign_in(lab, account)
    assert lab.api.get(where(account))["login"]["standing_allows"] is True

    turn(lab, account, "login", True)
    wait_for(lambda: all("administrator has stopped" not in gate["evidence"]["en"]
                         for gate in recovery(lab, account)["gates"]), 20, "the gates' own words")
    # The owner's own sign-ins prove what is left.
    lab.imap(account, HOME).logout()
    lab.submission(account, HOME).quit()
    wait_standing(lab, account, "probation")
    turn(lab, account, "login", False, reason="once more")
    lab.api.change("restore", "account", account, reason="a test's end")
    assert lab.api.get(where(account))["login"]["works"] is False
    turn(lab, account, "login", True)
    assert lab.api.ask("GET", path(account, "recovery")).status == 200
