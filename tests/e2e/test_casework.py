"""What people do beside the machine: an enquiry comes in by the public form or by telephone, is held
against what is registered, taken, called back and answered; an incident gets people's word on it and
an investigation that nobody starts unasked."""

import json
import urllib.parse

import pytest

from labkit import wait_for
from test_recovery import as_owner, owner_token


@pytest.fixture(scope="module")
def customer(lab):
    """An account whose contract is known."""
    account = lab.hire(1)[0]
    kept = lab.api.call("POST", f"/accounts/{urllib.parse.quote(account)}/customer",
                        {"number": "AB-1234", "name": "関守 太郎", "telephone": "+81 3 0000 0000",
                         "hours": "平日 10-12時", "terms": "2026-04",
                         "terms_accepted": "2026-04-01T00:00:00Z", "reason": "契約書"})
    assert kept["changed_by"] == "api"
    return account


def send(lab, account, **fields):
    """The public form, as anybody sends it."""
    body = {"address": account, "customer_number": "ab1234", "name": "関守太郎",
            "topic": "cannot_receive", "text": "メールが届きません。", "call_back": True} | fields
    return lab.api.raw("POST", f"{lab.api.prefix}/owner/enquiries", json.dumps(body),
                       {"Content-Type": "application/json"})


def read(lab, sent, key=None):
    return lab.api.raw("POST", f"{lab.api.prefix}/owner/enquiries/read",
                       json.dumps({"reference": sent["reference"], "key": key or sent["key"]}),
                       {"Content-Type": "application/json"})


def test_an_enquiry_is_checked_taken_called_back_and_answered(lab, customer):
    # Also while the account is suspended.
    lab.api.change("suspend", "account", customer, reason="a test")
    with lab.api.stream() as stream:
        answer = send(lab, customer)
        assert answer.status == 201, answer.body
        wait_for(lambda: [one for one in stream.events() if one["event"] == "enquiry"], 10,
                 "news of it")
    sent = answer.json
    waiting = lab.api.get(f"/enquiries?state=waiting&account={urllib.parse.quote(customer)}")
    assert waiting["total"] == 1
    enquiry = waiting["items"][0]
    assert (enquiry["reference"], enquiry["match"], enquiry["via"]) == (sent["reference"],
                                                                         "matches", "web")
    here = f"/enquiries/{enquiry['id']}"
    details = lab.api.get(here)
    assert details["call"] == {"telephone": "+81 3 0000 0000", "hours": "平日 10-12時",
                               "registered_before": True}
    assert lab.api.call("POST", f"{here}/take", {})["enquiry"]["taken_by"] == "api"
    lab.api.call("POST", f"{here}/call", {"reached": False, "text": "留守"})
    assert lab.api.ask("POST", f"{here}/answer", {"text": ""}).status == 400
    lab.api.call("POST", f"{here}/answer", {"text": "再開の手順をお送りしました。"})

    seen = read(lab, sent)
    assert (seen.status, seen.json["answer"]) == (200, "再開の手順をお送りしました。")
    assert "api" not in seen.body.replace("/api/", ""), "no names of operators"
    assert read(lab, sent, "x" * len(sent["key"])).status == 404
    token = owner_token(lab, customer)
    own = as_owner(lab, token, "GET", "enquiries")
    assert [one["reference"] for one in own.json["items"]] == [sent["reference"]]

    lab.api.call("POST", f"{here}/close", {})
    assert lab.api.ask("POST", f"{here}/take", {}).status == 409
    acts = [entry["act"] for entry in lab.api.get(here)["entries"]]
    assert acts == ["opened", "taken", "not_reached", "answered", "closed"]
    audited = [entry["action"] for entry in lab.api.audit(customer)]
    assert {"change_customer", "open_enquiry", "enquiry_answered"} <= set(audited)
    lab.api.change("restore", "account", customer, reason="a test")


def test_notes_are_kept_and_their_words_stay_out_of_the_audit(lab, customer):
    path = f"/accounts/{urllib.parse.quote(customer)}/notes"
    for words in ("電話しました。\n折り返し待ち。", "called back"):
        made = lab.api.ask("POST", path, {"text": words})
        assert made.status == 201 and made.json["who"] == "api", made.body
    assert [one["text"] for one in lab.api.get(path)["items"]] == [
        "called back", "電話しました。\n折り返し待ち。"]
    assert lab.api.ask("POST", path, {"text": ""}).status == 400
    assert lab.api.ask("GET", "/accounts/no@where.example/notes").status == 404
    assert lab.api.ask("POST", "/accounts/no@where.example/notes", {"text": "x"}).status == 404
    told = wait_for(lambda: [one for one in lab.api.audit(customer)
                             if one["action"] == "account_note"][:2], 20, "the notes audited")
    assert "call" not in json.dumps(told)


def test_who_is_not_the_customer_is_told_nothing(lab, customer):
    known = send(lab, customer, name="somebody else")
    unknown = send(lab, f"nobody@{customer.partition('@')[2]}")
    assert known.status == unknown.status == 201
    assert known.json["message"] == unknown.json["message"]
    assert set(known.json) == set(unknown.json)
    items = lab.api.get("/enquiries?state=open")["items"]
    found = {one["reference"]: one for one in items}
    assert found[known.json["reference"]]["match"] == "differs"
    assert found[unknown.json["reference"]]["account"] is None
    own = as_owner(lab, owner_token(lab, customer), "GET", "enquiries").json["items"]
    assert known.json["reference"] not in [one["reference"] for one in own]
    # Whoever writes without end is told to wait.
    answers = [send(lab, "flood@nowhere.example").status for _ in range(6)]
    assert answers[0] == 201
    assert answers[-1] == 429
    assert send(lab, customer, text="", call_back=False).status == 400


def test_an_incident_gets_a_word_and_an_investigation_in_its_order(lab, customer):
    lab.api.change("suspend", "account", customer, reason="a test")
    incident = lab.api.account(customer)["incident"]["id"]
    here = f"/incidents/{incident}"
    lab.api.call("POST", f"{here}/feedback", {"verdict": "unsure"})
    lab.api.call("POST", f"{here}/feedback", {"verdict": "wrong", "text": "社内の連絡でした"})
    words = lab.api.get(f"{here}/feedback")["items"]
    assert [(one["who"], one["verdict"]) for one in words] == [("api", "wrong")]
    assert lab.api.get("/feedback")["items"][0]["incident"] == incident
    assert lab.api.ask("POST", f"{here}/feedback", {"verdict": "maybe"}).status == 400
    assert lab.api.account(customer)["standing"] == "suspended", "a word changes nothing"

    def go(to, **fields):
        return lab.api.ask("POST", f"{here}/investigation", {"to": to} | fields)
    assert lab.api.get(f"{here}/investigation")["state"] == "none"
    assert go("started").status == 409
    assert go("estimated", amount_yen=33000, scope="送信記録の調査").status == 200
    assert go("started").status == 409, "nobody accepted"
    assert go("accepted", accepted_by="関守 太郎").status == 200
    begun = go("started").json
    assert (begun["state"], begun["amount_yen"], begun["started"]["by"]) == ("started", 33000, "api")
    assert go("estimated", amount_yen=1, scope="x").status == 409
    audited = [entry["action"] for entry in lab.api.audit(customer)]
    assert {"investigation_estimated", "investigation_accepted",
            "investigation_started"} <= set(audited)
    lab.api.change("restore", "account", customer, reason="a test")
