"""People of the panel: how they sign in, what their session opens, and what it does not."""

import json
import os
import re
import socket
import time

import pytest

from clikit import done
from labkit import wait_for

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", autouse=True)
def slow(lab):
    """Requests that never end, begun before all else here: request_timeout passes meanwhile."""
    begun = {}
    for name, text in (
            ("half a line", b"GET /livez HT"),
            ("half a head", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "),
            ("a stranger's half body", b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\n"
             b"Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{")):
        begun[name] = socket.create_connection((lab.api.host, lab.api.port), timeout=10)
        begun[name].sendall(text)
    yield begun, time.monotonic()
    for one in begun.values():
        one.close()


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
        self.token = self.headers["Cookie"].partition("=")[2]
        assert self.token and self.token not in answer.body

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
                         ("/operators", 403), ("/admins", 403), ("/settings", 403),
                         ("/domains/lab-en.example/policy", 404)):
        assert session.get(path).status == status, path
    # The stream of their own domain's news: tests of the panel, in a browser.
    assert [one["domain"] for one in session.get("/domains").json["items"]] == ["lab-ja.example"]
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


def test_a_change_comes_from_the_sessions_own_page(lab):
    session = Session(lab, **lab.endpoints["operator"])
    other = Session(lab, **lab.endpoints["operator"])
    assert other.me["csrf"] != session.me["csrf"] != session.token
    where = "/api/v1/accounts/carol%40lab-en.example/restrict"
    body = json.dumps({"reason": "forged"})
    good = session.headers | JSON | {"X-Sekimori-CSRF": session.me["csrf"]}
    here = f"{lab.api.host}:{lab.api.port}"
    for wrong in ({"X-Sekimori-CSRF": other.me["csrf"]}, {"X-Sekimori-CSRF": session.token},
                  {"X-Sekimori-CSRF": session.me["csrf"][:-1]},
                  {"Origin": "https://evil.example"}, {"Origin": f"http://{here}.evil.example"},
                  {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                  {"Sec-Fetch-Site": "same-site", "Origin": f"http://{here}"}):
        answer = lab.api.raw("POST", where, body, good | wrong)
        assert answer.status == 403, (wrong, answer.status)
    # Nor does another site sign anybody in, to an account that is not theirs.
    answer = lab.api.raw("POST", "/api/v1/session", json.dumps(lab.endpoints["operator"]),
                         JSON | {"Origin": "https://evil.example"})
    assert answer.status == 403 and "set-cookie" not in answer.headers
    assert lab.api.account("carol@lab-en.example")["standing"] == "normal"
    for ours in ({"Origin": f"http://{here}"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}):
        assert lab.api.raw("DELETE", f"/api/v1/sessions?id={other.me['id']}", None,
                           good | ours).status in (200, 404)
    assert other.get("/session").status == 401


def test_the_cookie_is_the_browsers_alone(lab):
    """Out of reach of scripts and other sites, over TLS alone where there is TLS, and nowhere
    else: in no address, no redirect, no log."""
    def begin(**headers):
        return lab.api.raw("POST", "/api/v1/session", json.dumps(lab.endpoints["operator"]),
                           JSON | headers)

    plain, secure = begin(), begin(**{"X-Forwarded-Proto": "https"})
    for answer, is_secure in ((plain, False), (secure, True)):
        name, *flags = answer.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(flags)
        assert ("Secure" in flags) == is_secure
        assert not any(flag.startswith("Domain") for flag in flags)
    session = Session(lab, **lab.endpoints["operator"])
    answers = [plain, secure, session.get("/session"), session.get("/accounts?limit=1"),
               lab.api.raw("GET", "/", None, session.headers),
               session.change("POST", "/accounts/carol%40lab-en.example/restrict", forged=True)]
    # Elsewhere than in the cookie it opens nothing.
    for query in ("sekimori_session", "token", "access_token", "session"):
        answer = lab.api.raw("GET", f"/api/v1/session?{query}={session.token}")
        assert answer.status == 401, query
        answers.append(answer)
    assert lab.api.raw("GET", "/api/v1/session", None,
                       {"Authorization": f"Bearer {session.token}"}).status == 401
    ended = session.change("DELETE", "/session")
    assert "Max-Age=0" in ended.headers["set-cookie"] and session.get("/session").status == 401
    secrets = {session.token, session.me["csrf"], plain.json["csrf"], secure.json["csrf"],
               lab.endpoints["operator"]["password"]}
    for answer in answers + [ended]:
        assert "location" not in answer.headers and "refresh" not in answer.headers
        assert session.token not in answer.body
    logs = [os.path.join(root, name) for root, _, names in os.walk(f"{lab.inside['home']}/log")
            for name in names]
    assert logs
    for path in logs:
        with open(path, "rb") as log:
            text = log.read()
        assert not [secret for secret in secrets if secret.encode() in text], path


def test_too_much_is_refused_at_the_open_doors(lab):
    """What nobody signed in may send is small: 413 before it is read, told before it is sent."""
    for path in ("/api/v1/session", "/api/v1/owner/session", "/portal/status"):
        answer = lab.api.raw("POST", path, "{" + " " * (64 << 10) + "}", JSON)
        assert answer.status == 413, path
        with socket.create_connection((lab.api.host, lab.api.port), timeout=10) as one:
            one.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        f"Transfer-Encoding: chunked\r\n\r\n".encode())
            chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
            for _ in range(8):
                one.sendall(chunk)
            assert one.makefile("rb").readline().startswith(b"HTTP/1.1 413"), path
    answer = lab.api.raw("GET", "/?" + "x" * 20000)
    assert answer.status == 431
    session = Session(lab, **lab.endpoints["operator"])
    assert session.change("POST", "/bypass", {"on": "x" * (2 << 20)}).status == 413


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
    asset = lab.api.raw("GET", names[0])
    assert asset.status == 200 and "immutable" in asset.headers["cache-control"]
    again = lab.api.raw("GET", names[0], None, {"If-None-Match": asset.headers["etag"]})
    assert again.status == 304 and again.body == ""


def test_slow_requests_are_ended(lab, slow):
    """Also where a byte comes now and then: the time is for the whole request."""
    opened, begun = slow
    ended = {}

    def look():
        for name, one in opened.items():
            if name in ended:
                continue
            try:
                if name == "half a head":
                    one.sendall(b"y")
                one.settimeout(0.05)
                if one.recv(1) == b"":
                    ended[name] = time.monotonic() - begun
            except TimeoutError:
                pass
            except OSError:
                ended[name] = time.monotonic() - begun
        return len(ended) == len(opened)

    wait_for(look, 60, "the end of slow requests")
    assert lab.api.raw("GET", "/readyz").status == 200
