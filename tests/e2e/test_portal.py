"""The owner's portal: settings for mail programs, the card without scripts, what an owner looks at
and keeps, and the live test of the way back."""

import json
import plistlib
import re
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ElementTree

from labkit import wait_for
from test_recovery import (ABROAD, HOME, as_owner, gates, hijack, new_password, own_day,
                           owner_token, path, recovery, totp, wait_standing)

JSON = {"Content-Type": "application/json"}


def test_mail_programs_find_their_settings(lab):
    for address in ("/.well-known/autoconfig/mail/config-v1.1.xml",
                    "/mail/config-v1.1.xml?emailaddress=taro%40lab-ja.example"):
        answer = lab.api.raw("GET", address, None, {})
        assert answer.status == 200 and answer.headers.get("content-type").startswith("text/xml")
        tree = ElementTree.fromstring(answer.body)
        incoming = tree.find("emailProvider/incomingServer")
        assert (incoming.get("type"), incoming.findtext("hostname"), incoming.findtext("port"),
                incoming.findtext("socketType")) == ("imap", "imap.lab-ja.example", "993", "SSL")
        assert tree.find("emailProvider/outgoingServer").findtext("socketType") == "STARTTLS"
    assert tree.findtext("emailProvider/domain") == "lab-ja.example"

    request = ("<?xml version='1.0'?><Autodiscover xmlns='http://schemas.microsoft.com/exchange/"
               "autodiscover/outlook/requestschema/2006'><Request><EMailAddress>taro@lab-ja.example"
               "</EMailAddress></Request></Autodiscover>")
    answer = lab.api.raw("POST", "/Autodiscover/Autodiscover.xml", request,
                         {"Content-Type": "text/xml"})
    a = ("{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}")
    found = {one.findtext(a + "Type"): (one.findtext(a + "Server"), one.findtext(a + "Port"),
                                        one.findtext(a + "LoginName"))
             for one in ElementTree.fromstring(answer.body).iter(a + "Protocol")}
    assert found == {"IMAP": ("imap.lab-ja.example", "993", "taro@lab-ja.example"),
                     "SMTP": ("smtp.lab-ja.example", "587", "taro@lab-ja.example")}
    answer = lab.api.raw("POST", "/autodiscover/autodiscover.xml", "<!DOCTYPE",
                         {"Content-Type": "text/xml"})
    assert answer.status == 200 and "<ErrorCode>600<" in answer.body
    ElementTree.fromstring(answer.body)

    answer = lab.api.raw("GET", "/portal/mail.mobileconfig?address=taro%40lab-ja.example", None, {})
    assert answer.headers.get("content-type") == "application/x-apple-aspen-config"
    [account] = plistlib.loads(answer.body.encode())["PayloadContent"]
    assert account["PayloadType"] == "com.apple.mail.managed"
    assert account["IncomingMailServerHostName"] == "imap.lab-ja.example"
    assert account["OutgoingMailServerPortNumber"] == 587
    assert lab.api.raw("GET", "/portal/mail.mobileconfig?address=nobody", None, {}).status == 400

    profile = lab.api.raw("GET", lab.api.prefix + "/mail-profile?address=lab-ja.example", None, {})
    assert "_imaps._tcp.lab-ja.example. 3600 IN SRV 0 1 993 imap.lab-ja.example." in profile.json["srv"]


def begin(lab, account, password, **more):
    return lab.api.raw("POST", lab.api.prefix + "/owner/session", json.dumps(
        {"address": account, "proof": "password", "value": password, **more}), JSON)


def card(lab, account, password, language="ja"):
    form = urllib.parse.urlencode({"address": account, "password": password, "language": language})
    return lab.api.raw("POST", "/portal/status", form,
                       {"Content-Type": "application/x-www-form-urlencoded"})


def test_an_owner_looks_and_keeps(lab):
    account, _ = lab.hire(2)
    own_day(lab, account)
    assert begin(lab, account, "not the password").status == 401
    token = begin(lab, account, lab.passwords[account]).json["token"]
    status = as_owner(lab, token, "GET", "status").json
    assert (status["receive"], status["send"], status["sign_in"]) == ("works",) * 3

    history = wait_for(lambda: (seen := as_owner(lab, token, "GET", "history").json)["sign_ins"]
                       and seen["days"][0]["recipients"] == 3 and seen, 20, "the day in the history")
    assert {(one["service"], one["ip"]) for one in history["sign_ins"]} == {("smtp", HOME),
                                                                           ("imap", HOME)}
    assert history["comparison"] is None
    network = history["sign_ins"][0]["network"]
    assert as_owner(lab, token, "POST", "sign-ins", {"network": network, "mine": True}).status == 200
    assert {one["mine"] for one in as_owner(lab, token, "GET", "history").json["sign_ins"]} == {True}

    # A contact counts once its code came back.
    mine = f"{uuid.uuid4().hex}@elsewhere.example"
    assert as_owner(lab, token, "POST", "contact", {"email": account}).status == 409
    assert as_owner(lab, token, "POST", "contact", {"email": mine, "language": "en"}).status == 200
    letter = wait_for(lambda: lab.sink.mails(to=mine), 20, "the code")[0]
    code = re.search(r"^ +([0-9]{8})\s*$", letter.content.get_content(), re.M)[1]
    assert as_owner(lab, token, "POST", "contact/confirm", {"code": "1"}).status == 409
    [[kept]] = lab.store_rows("SELECT email_other FROM mailbox WHERE username = ?", account)
    assert kept != mine
    done = as_owner(lab, token, "POST", "contact/confirm", {"code": code}).json
    assert done["email"].endswith(".example") and mine not in json.dumps(done)
    [[now]] = lab.store_rows("SELECT email_other FROM mailbox WHERE username = ?", account)
    assert now == mine

    # With an authenticator the password alone opens nothing any more.
    key = as_owner(lab, token, "POST", "totp", {}).json["key"]
    assert begin(lab, account, lab.passwords[account]).status == 201, "not before its first code"
    code = totp(key, int(time.time()) // 30)
    assert as_owner(lab, token, "POST", "totp/confirm", {"code": code}).json["totp"]
    asked = begin(lab, account, lab.passwords[account])
    assert asked.status == 401 and asked.json["error"]["code"] == "code_wanted"
    assert begin(lab, account, lab.passwords[account], code=code).status == 401, "a code counts once"
    later = totp(key, int(time.time()) // 30 + 1)
    assert begin(lab, account, lab.passwords[account], code=later).status == 201

    items = {one["code"]: one["good"] for one in as_owner(lab, token, "GET", "check-up").json["items"]}
    assert items["forwards"] and items["contact"] and items["totp"]
    session = lab.imap(account, HOME)
    wait_for(lambda: as_owner(lab, token, "GET", "devices").json["sessions"], 10, "the session")
    assert as_owner(lab, token, "POST", "sign-out", {}).json["ended"] >= 1
    wait_for(lambda: not as_owner(lab, token, "GET", "devices").json["sessions"], 10, "no session")
    session.shutdown()
    assert as_owner(lab, token, "DELETE", "session").status == 200
    assert as_owner(lab, token, "GET", "status").status == 401


def test_the_password_alone_looks_and_the_owner_comes_back_before_their_eyes(lab):
    account, other = lab.hire(2)
    own_day(lab, account)
    old = lab.passwords[account]
    hijack(lab, account)

    # The card works without scripts while the account is stopped; a wrong password shows nothing.
    page = card(lab, account, old)
    assert page.status == 200 and "止めています" in page.body and "待機中" in page.body
    assert "<script" not in page.body and "unsafe-inline" not in str(page.headers)
    assert "Stopped" in card(lab, account, old, "en").body
    assert account not in card(lab, account, "wrong").body
    looking = begin(lab, account, old).json["token"]
    assert as_owner(lab, looking, "GET", "status").json["sign_in"] == "stopped"
    assert as_owner(lab, looking, "POST", "diagnosis", {"yes": []}).status == 200
    for method, what, body in (("GET", "history", None), ("POST", "password", {}),
                               ("POST", "contact", {"email": "a@b.example"})):
        refused = as_owner(lab, looking, method, what, body)
        assert refused.status == 403 and refused.json["error"]["code"] == "proof_wanted", what

    token = owner_token(lab, account)
    assert as_owner(lab, token, "POST", "live-test", {}).status == 409, "the mailbox is shut"
    assert as_owner(lab, token, "POST", "computer-password", {}).json["noted"]
    fresh = new_password()
    done = as_owner(lab, token, "POST", "password", {"password": fresh, "old_password": old})
    assert done.status == 200, done.body
    lab.passwords[account] = fresh
    wait_standing(lab, account, "probation")

    begun = as_owner(lab, token, "POST", "live-test", {"language": "ja"}).json
    assert begun["sent"] and not begun["reading"] and not begun["sending"]
    lab.imap(account, HOME).logout()
    lab.submission(account, HOME).quit()
    test = wait_for(lambda: (seen := as_owner(lab, token, "GET", "live-test").json)["reading"]
                    and seen["sending"] and seen["received"] and seen, 30, "all ticks")
    assert test["reading"]["ip"] == test["sending"]["ip"] == HOME
    assert test["reading"]["encrypted"] in (True, False) and test["sending"]["encrypted"] is None
    lab.wait_in_mailbox(account, "受信テスト " + test["mark"], 30)

    history = as_owner(lab, token, "GET", "history").json
    assert history["comparison"]["verdict"] in ("not_yet", "stopped")
    assert history["comparison"]["incident"]["volume"]["recipients"] > 0
    thief = next(one for one in history["sign_ins"] if one["ip"] in ABROAD)
    as_owner(lab, token, "POST", "sign-ins", {"network": thief["network"], "mine": False})
    incident = lab.api.get(f"/incidents?account={account}&limit=1")["items"][0]["id"]
    notes = [note["why"] for note in lab.api.get(f"/incidents/{incident}")["notes"]]
    assert any(thief["network"] in note for note in notes)
    assert gates(recovery(lab, account))["password_changed"] == "proved"
    # Another's change is none of theirs.
    assert as_owner(lab, token, "POST", "ways/1/keep", {}).status in (404, 409)
    assert fresh not in lab.daemon_log() and old not in lab.daemon_log()
    assert lab.api.account(other)["standing"] == "normal" and path(other)
