"""The whole way back of a mailbox that was taken over: by command line, and by its owner alone."""

import json
import smtplib
import urllib.parse

import pytest

from clikit import done, sekimori
from labkit import wait_for
from test_attack import ABROAD, send_as_hijacker, strangers
from test_cli import signs_in

NEW_PASSWORD = "Hatsuyuki-no-asa-41"


@pytest.fixture
def hijacked(lab):
    """A mailbox that the machine contained a moment ago."""
    [login] = lab.hire(1)
    mark = login.partition("@")[2].partition(".")[0]
    for turn in range(60):
        client = ABROAD[turn % len(ABROAD)]
        send_as_hijacker(lab, login, client, strangers(mark, 50, 50 * turn))
        if lab.api.account(login)["standing"] in ("restricted", "suspended"):
            break
    assert lab.api.account(login)["standing"] in ("restricted", "suspended")
    wait_for(lambda: where(lab, login, "/recovery").status == 200, 20, "a way back that waits")
    yield login
    for hold in lab.api.holds(login):
        lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {})
    if lab.api.account(login)["standing"] != "normal":
        lab.api.change("restore", "account", login, reason="a test's end")


def where(lab, login, path, method="GET", body=None):
    return lab.api.ask(method, f"/accounts/{urllib.parse.quote(login)}{path}", body)


def gates(recovery):
    return {gate["kind"]: gate["state"] for gate in recovery["gates"]}


def sends(lab, login, password):
    try:
        with lab.submission(login, password=password) as smtp:
            smtp.mail(login)
            return smtp.rcpt("a@far.example")[0] == 250
    except smtplib.SMTPException:
        return False


class Owner:
    """The owner, with nothing but their own words: no token of the provider's."""

    def __init__(self, lab):
        self.lab, self.token = lab, None

    def ask(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        return self.lab.api.raw(method, f"/api/v1/owner{path}", body, headers)

    def prove(self, login, value, proof="code"):
        answer = self.ask("POST", "/session", {"address": login, "proof": proof, "value": value})
        if answer.status == 201:
            self.token = answer.json["token"]
        return answer


def test_led_back_by_command_line(lab, hijacked):
    refused = sekimori(lab, "account", "restore", hijacked, "--lang", "ja")
    assert refused.code == 1 and "--reason" in refused.err and "未完了" in refused.err, refused.err
    refused = sekimori(lab, "account", "restore", hijacked, "--json")
    assert "password_changed" in [gate["kind"] for gate in refused.json["error"]["open_gates"]]

    sheet = done(lab, "account", "call-sheet", hijacked, "--with-code")
    assert sheet["account"] == hijacked and sheet["code"] and sheet["what_to_say"]["ja"]
    spoken = sekimori(lab, "account", "call-sheet", hijacked, "--lang", "ja")
    assert spoken.code == 0 and "お話しすること" in spoken.out

    weak = sekimori(lab, "account", "password", hijacked, "--password-stdin", "--lang", "ja",
                    stdin="abc\n")
    assert weak.code == 1 and "文字" in weak.err and "abc" not in weak.err.split("\n  ")[0]
    made = done(lab, "account", "password", hijacked, "--generate")
    assert made["reading"]["ja"] and made["recovery"]["standing"] in ("recovering", "probation")
    assert gates(made["recovery"])["password_changed"] == "proved"
    assert signs_in(lab, hijacked, password=made["password"])
    assert not signs_in(lab, hijacked)

    def through():
        """Everything that is asked is answered until it is over."""
        view = done(lab, "account", "recovery", hijacked)
        if gates(view)["forwards_answered"] == "open":
            done(lab, "account", "recovery", hijacked, "--remove-forwards")
        # Refused once it is over, which may be before we ask.
        sekimori(lab, "account", "recovery", hijacked, "--check")
        return view["complete"]

    wait_for(through, 60, "every gate proved")
    wait_for(lambda: lab.api.account(hijacked)["standing"] == "probation", 20, "probation")
    wait_for(lambda: sends(lab, hijacked, made["password"]), 20, "the owner sending again")
    shown = sekimori(lab, "account", "recovery", hijacked, "--lang", "en")
    assert shown.code == 0 and "verified" in shown.out and "to do" not in shown.out, shown.out


def test_back_by_the_owner_alone(lab, hijacked):
    owner = Owner(lab)
    nobody = f"nobody@{hijacked.partition('@')[2]}"
    wrong = owner.prove(hijacked, "AAAA-BBBB-CCCC")
    unknown = owner.prove(nobody, "AAAA-BBBB-CCCC")
    assert wrong.status == unknown.status == 401 and wrong.body == unknown.body
    # The stolen password opens nothing, here neither.
    assert owner.prove(hijacked, lab.passwords.get(hijacked, "x")).status == 401
    codes = [owner.ask("POST", "/contact-code", {"address": address, "language": "ja"})
             for address in (hijacked, nobody)]
    assert [code.status for code in codes] == [202, 202] and codes[0].body == codes[1].body

    code = done(lab, "account", "recovery-code", hijacked)["code"]
    begun = owner.prove(hijacked, code)
    assert begun.status == 201, begun.body
    assert Owner(lab).prove(hijacked, code).status == 401, "good once"
    for path in ("/accounts", f"/accounts/{hijacked}", "/incidents"):
        answer = lab.api.raw("GET", f"/api/v1{path}", None,
                             {"Authorization": f"Bearer {owner.token}"})
        assert answer.status in (401, 429), path

    check = owner.ask("POST", "/password/check", {"password": "abc"})
    assert check.status == 200 and not check.json["good"] and check.json["problems"]
    refused = owner.ask("POST", "/password", {"password": "abc"})
    assert refused.status == 422 and refused.json["error"]["problems"][0]["message_ja"]
    taken = owner.ask("POST", "/password", {"password": NEW_PASSWORD})
    assert taken.status == 200 and NEW_PASSWORD not in taken.body, taken.body

    def through():
        view = owner.ask("GET", "/recovery").json
        if gates(view)["forwards_answered"] == "open":
            owner.ask("POST", "/forwards", {"answer": "remove"})
        return view if view["complete"] else None

    # Signing in is the owner's own part; the rest the machine proves.
    view = wait_for(through, 60, "every gate proved")
    assert not {"incident", "begun_by", "ended_by"} & set(view)
    wait_for(lambda: sends(lab, hijacked, NEW_PASSWORD), 20, "the owner sending again")
    assert "owner:code" in {entry["who"] for entry in lab.api.audit(hijacked)}
    assert NEW_PASSWORD not in lab.daemon_log() and code not in lab.daemon_log()


def test_an_override_has_a_name_and_a_reason(lab, hijacked):
    restored = done(lab, "account", "restore", hijacked, "--reason", "社長から電話で依頼")
    assert restored["standing"] == "normal"
    view = done(lab, "account", "recovery", hijacked)
    assert "overridden" in gates(view).values() and view["ended_by"].startswith("cli:")


def test_notices_are_listed_and_acknowledged(lab, hijacked):
    rows = wait_for(lambda: done(lab, "notice", "list", "--account", hijacked)["items"], 30,
                    "somebody told")
    known = done(lab, "notice", "acknowledge", rows[0]["id"])
    assert known["state"] == "acknowledged"
    assert sekimori(lab, "notice", "acknowledge", "999999999").code == 1
    listed = sekimori(lab, "notice", "list", "--state", "acknowledged", "--lang", "ja")
    assert listed.code == 0 and "確認済み" in listed.out
