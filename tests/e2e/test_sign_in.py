"""People of the panel: how they sign in, what their session opens, and what it does not."""

import json
import re

import pytest

from clikit import done
from labkit import wait_for

JSON = {"Content-Type": "application/json"}


class Session:
    """A signed-in browser: its cookie, and the token that its changes carry."""

    def __init__(self, lab, login, password):
        self.lab = lab
        body = json.dumps({"login": login, "password": password})
        answer = lab.api.raw("POST", "/api/v1/session", body, JSON)
        assert answer.status == 201, answer.body
        self.cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in self.cookie and "SameSite=Strict" in self.cookie
        self.me = answer.json
        self.headers = {"Cookie": self.cookie.partition(";")[0]}

    def get(self, path):
        return self.lab.api.raw("GET", "/api/v1" + path, None, self.headers)

    def change(self, method, path, body=None, forged=False):
        token = {} if forged else {"X-Sekimori-CSRF": self.me["csrf"]}
        return self.lab.api.raw(method, "/api/v1" + path, json.dumps(body or {}),
                                self.headers | JSON | token)


def test_an_operator_of_postfixadmin(lab):
    session = Session(lab, **lab.endpoints["operator"])
    assert session.me["role"] == "operator" and session.get("/health").status == 200
    where = "/accounts/carol%40lab-en.example"
    assert session.change("POST", f"{where}/restrict", forged=True).status == 403
    assert lab.api.account("carol@lab-en.example")["standing"] == "normal"
    assert session.change("POST", f"{where}/restrict", {"reason": "a test"}).status == 200
    wait_for(lambda: ("restrict", session.me["login"]) in [
        (entry["action"], entry["who"]) for entry in lab.api.audit("carol@lab-en.example")],
        10, "their name in the audit")
    assert session.change("POST", f"{where}/restore", {"reason": "over"}).status == 200

    other = Session(lab, **lab.endpoints["operator"])
    listed = session.get("/sessions").json["items"]
    assert {one["id"] for one in listed} >= {session.me["id"], other.me["id"]}
    assert session.change("DELETE", f"/sessions?id={other.me['id']}").json["ended"] == 1
    assert other.get("/session").status == 401
    assert session.change("DELETE", "/session").json["ended"] == 1
    assert session.get("/session").status == 401


def test_a_domain_admin_sees_their_domain(lab):
    known = json.loads(open(f"{lab.endpoints['lab']['home']}/etc/accounts.json").read())
    session = Session(lab, "kanri@lab-ja.example", known["kanri@lab-ja.example"])
    assert session.me["role"] == "domain_admin" and session.me["domains"] == ["lab-ja.example"]
    [*accounts] = session.get("/accounts?domain=lab-ja.example").json["items"]
    assert accounts and all(one["domain"] == "lab-ja.example" for one in accounts)
    for path, status in (("/accounts", 404), ("/accounts?domain=lab-en.example", 404),
                         ("/accounts/alice%40lab-en.example", 404), ("/incidents", 404),
                         ("/incidents?within=lab-ja.example", 200), ("/health", 403),
                         ("/operators", 403), ("/stream", 403)):
        assert session.get(path).status == status, path
    assert session.change("POST", "/accounts/alice%40lab-en.example/suspend").status == 404
    assert session.change("POST", "/bypass", {"on": True}).status == 403
    assert lab.api.account("alice@lab-en.example")["standing"] == "normal"


def test_a_user_of_our_own(lab):
    made = done(lab, "operator", "add", "shien", "--role", "support")
    session = Session(lab, "shien", made["generated"])
    assert session.get("/accounts?limit=1").status == 200
    assert session.change("POST", "/accounts/bob%40lab-en.example/suspend").status == 403
    # Their own password: the old one is asked for, and a poor one refused.
    body = {"old_password": "wrong", "password": "a sentence that is long enough"}
    assert session.change("POST", "/session/password", body).status == 409
    body = {"old_password": made["generated"], "password": "short"}
    assert session.change("POST", "/session/password", body).status == 409
    body["password"] = "Kumo no ue ni sora 42"
    assert session.change("POST", "/session/password", body).status == 200
    Session(lab, "shien", body["password"])

    # With an authenticator the password alone opens nothing.
    done(lab, "operator", "totp", "shien")
    answer = lab.api.raw("POST", "/api/v1/session", json.dumps(
        {"login": "shien", "password": body["password"]}), JSON)
    assert answer.status == 401 and answer.json["error"]["code"] == "code_wanted"
    answer = lab.api.raw("POST", "/api/v1/session", json.dumps(
        {"login": "shien", "password": body["password"], "code": "000000"}), JSON)
    assert answer.json["error"]["code"] == "sign_in_refused"
    done(lab, "operator", "totp", "shien", "--off")
    done(lab, "operator", "password", "shien")
    assert session.get("/session").status == 401
    listed = done(lab, "operator", "list")["items"]
    assert "shien" in [one["login"] for one in listed]
    done(lab, "operator", "remove", "shien")


def test_guessing_is_slowed(lab):
    statuses = [lab.api.raw("POST", "/api/v1/session", json.dumps(
        {"login": "nobody@lab-en.example", "password": f"guess {n}"}), JSON).status
        for n in range(10)]
    assert statuses[:8] == [401] * 8 and statuses[-1] == 429


def test_the_panel_is_served_with_its_policy(lab):
    page = lab.api.raw("GET", "/")
    names = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.body)
    if not names:
        pytest.skip("a build without panel/dist")
    assert "unsafe" not in page.headers["content-security-policy"]
    asset = lab.api.raw("GET", names[0])
    assert asset.status == 200 and "immutable" in asset.headers["cache-control"]
    again = lab.api.raw("GET", names[0], None, {"If-None-Match": asset.headers["etag"]})
    assert again.status == 304 and again.body == ""
