"""Every route of the description against the living server: who may, and what comes."""

import datetime
import json
import os
import re
import socket
import stat
import subprocess
import urllib.parse

import pytest

from labkit import ROOT, wait_for

PLAIN = ("/metrics", "/livez", "/readyz", "/", "/portal", "/api/v1/openapi.json",
         "/api/v1/diagnosis/questions")
# Open to anybody, and they want to know who knocks.
DOORS = (("POST", "/api/v1/owner/session"), ("POST", "/api/v1/owner/contact-code"),
         ("POST", "/api/v1/session"), ("POST", "/api/v1/owner/enquiries"),
         ("POST", "/api/v1/owner/enquiries/read"))
# Open to anybody, and no form of ours: test_portal.py reads them.
FILES = ("/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml",
         "/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml",
         "/portal/mail.mobileconfig", "/portal/status", "/api/v1/mail-profile")


@pytest.fixture(scope="module")
def description(lab):
    answer = lab.api.raw("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    return answer.json


def misfit(value, schema, document, where="$"):
    """What does not fit the schema, and where; None when all does. No key may be undescribed."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if value is None:
        return None if schema.get("nullable") else f"{where} is null"
    if "allOf" in schema:
        return misfit(value, schema["allOf"][0], document, where)
    if "enum" in schema and value not in schema["enum"]:
        return f"{where}: {value!r} is not of the enum"
    kind = schema.get("type")
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
             "number": (int, float)}
    if kind and (not isinstance(value, types[kind]) or
                 (kind in ("integer", "number") and isinstance(value, bool))):
        return f"{where} is no {kind}: {value!r}"
    if kind == "object":
        missing = set(schema.get("required", ())) - set(value)
        if missing:
            return f"{where} lacks {sorted(missing)}"
        known = schema.get("properties", {})
        for key, part in value.items():
            if key not in known:
                if schema.get("additionalProperties"):
                    continue
                return f"{where}.{key} is not described"
            if problem := misfit(part, known[key], document, f"{where}.{key}"):
                return problem
    if kind == "array":
        for number, part in enumerate(value):
            if problem := misfit(part, schema["items"], document, f"{where}[{number}]"):
                return problem
    if schema.get("format") == "date-time":
        datetime.datetime.fromisoformat(value)
    if "minimum" in schema and value < schema["minimum"]:
        return f"{where} is below its minimum"
    return None


def routes(document):
    return [(method.upper(), path) for path, methods in document["paths"].items()
            for method in methods]


def test_without_a_token_nothing_but_the_open_pages_answers(lab, description):
    """Whoever goes on guessing is answered 429, while the right token goes on working."""
    statuses = []
    for headers in ({}, {"Authorization": f"Basic {lab.api.token}"},
                    {"Authorization": "Bearer wrong-token-wrong-token"}):
        for method, path in routes(description):
            answer = lab.api.raw(method, re.sub(r"\{\w+\}", "1", path), None, headers)
            if path in PLAIN or path.startswith("/assets/"):
                found = 200 if path in PLAIN else 404
                assert answer.status == found or headers, (method, path, answer.status)
                continue
            if path in FILES:
                assert answer.status in (200, 400, 401, 429), (method, path, answer.status)
                continue
            expected = 400 if (method, path) in DOORS else 401
            assert answer.status in (expected, 429), (method, path, answer.status)
            assert not misfit(answer.json, {"$ref": "/Error"}, description)
            if (method, path) not in DOORS:
                statuses.append(answer.status)
    assert statuses[0] == 401 and statuses[-1] == 429
    lab.api.get("/accounts?limit=1")
    assert lab.api.get("/server")["standing"] == "normal" and not lab.api.get("/health")["bypass"]


def test_every_route_answers_as_described(lab, description, people):
    person = people[0]
    domain = person.partition("@")[2]
    lab.sink.wait_for(subject=lab.send(person, "a@far.example", client="192.0.2.10"))
    recipients = [f"s{number}@strangers.example" for number in range(25)]
    held = []
    for _ in range(3):
        lab.send(person, recipients, client="192.0.2.10")
        recipients = [f"x{recipient}" for recipient in recipients]
    held = [hold["queue_id"] for hold in wait_for(
        lambda: lab.api.holds(person) if len(lab.api.holds(person)) == 3 else None, 20,
        "three held messages")]
    asked = set()

    def ask(method, path, body=None, status=200, **words):
        """Asks the route `path` (as described), filled in, and holds the answer to its schema."""
        asked.add((method, path))
        target = path
        for word, value in words.items():
            target = target.replace(f"{{{word}}}", urllib.parse.quote(value, safe=""))
        query = words.get("query", "")
        answer = lab.api.ask(method, target.removeprefix("/api/v1") + query, body)
        assert answer.status == status, (method, target, answer.status, answer.body)
        schema = description["paths"][path][method.lower()]["responses"][str(status)]
        problem = misfit(answer.json, schema["content"]["application/json"]["schema"], description)
        assert not problem, (method, target, problem)
        assert answer.headers.get("cache-control") == "no-store"
        return answer.json

    v1 = "/api/v1"
    page = ask("GET", f"{v1}/accounts", query="?limit=5")
    assert len(page["items"]) == 5 and page["total"] >= 12
    [only] = ask("GET", f"{v1}/accounts", query=f"?search={person}")["items"]
    assert only["address"] == person and only["held"] == 3
    assert ask("GET", f"{v1}/accounts/{{address}}", address=person)["standing"] == "normal"
    done = ask("POST", f"{v1}/accounts/{{address}}/restrict", {"reason": "why"}, address=person)
    assert done["changed"] and done["standing"] == "restricted"
    number = str(done["incident"])
    assert not ask("POST", f"{v1}/accounts/{{address}}/restrict", address=person)["changed"]
    assert ask("POST", f"{v1}/accounts/{{address}}/suspend", {}, address=person)["changed"]
    code = ask("POST", f"{v1}/accounts/{{address}}/recovery-code", status=201, address=person)
    assert len(code["code"]) >= 8
    items = ask("GET", f"{v1}/accounts", query="?standing=suspended")["items"]
    assert person in [item["address"] for item in items]
    [incident] = ask("GET", f"{v1}/incidents", query=f"?account={person}&limit=1")["items"]
    assert str(incident["id"]) == number
    ask("POST", f"{v1}/incidents/{{id}}/note", {"text": "called: 電話しました"}, 201, id=number)
    details = ask("GET", f"{v1}/incidents/{{id}}", id=number)
    assert [note["why"] for note in details["notes"]] == ["called: 電話しました"]
    assert {"write_guard", "flush_auth_cache"} <= {step["kind"] for step in details["steps"]}
    assert lab.api.ask("POST", f"/incidents/{number}/close", {}).status == 409
    ask("POST", f"{v1}/accounts/{{address}}/restore", {"probation": True}, address=person)
    assert lab.api.account(person)["standing"] == "probation"
    ask("POST", f"{v1}/accounts/{{address}}/restore", {}, address=person)
    closed = ask("POST", f"{v1}/incidents/{{id}}/close", {"reason": "over"}, id=number)
    assert closed["state"] == "closed"

    for what, standing in (("restrict", "restricted"), ("suspend", "suspended"),
                           ("restore", "normal")):
        ask("POST", f"{v1}/domains/{{domain}}/{what}", {}, domain=domain)
        assert ask("GET", f"{v1}/domains/{{domain}}", domain=domain)["standing"] == standing
    ask("POST", f"{v1}/server/restrict", {"reason": "a test"})
    assert ask("GET", f"{v1}/server")["standing"] == "restricted"
    ask("POST", f"{v1}/server/restore", {})

    assert ask("GET", f"{v1}/holds", query=f"?account={person}")["total"] == 3
    ask("POST", f"{v1}/holds/{{queue_id}}/release", {}, queue_id=held[0])
    ask("POST", f"{v1}/holds/{{queue_id}}/delete", {}, queue_id=held[1])
    assert ask("POST", f"{v1}/release-all", {})["released"] >= 1
    assert ask("GET", f"{v1}/holds", query=f"?account={person}")["total"] == 0

    rule = ask("POST", f"{v1}/ip-rules", {"network": "203.0.113.64/26", "action": "deny", "reason": "a test",
                                          "expires": "2099-01-01T00:00:00Z"}, 201)
    assert rule["id"] in [one["id"] for one in ask("GET", f"{v1}/ip-rules")["items"]]
    ask("DELETE", f"{v1}/ip-rules", query="?network=203.0.113.64/26")
    assert ask("POST", f"{v1}/bypass", {"on": True})["bypass"]
    assert ask("GET", f"{v1}/health")["bypass"]
    assert not ask("POST", f"{v1}/bypass", {"on": False})["bypass"]
    assert ask("GET", f"{v1}/health")["mode"] == "enforce"
    actions = [entry["action"] for entry in
               ask("GET", f"{v1}/audit", query=f"?account={person}")["items"]]
    assert {"restrict", "suspend", "restore", "recovery_code", "release",
            "delete_held"} <= set(actions), actions

    with lab.api.stream() as stream:
        assert stream.content_type.startswith("text/event-stream")
        asked.add(("GET", f"{v1}/stream"))
    for path in PLAIN:
        assert lab.api.raw("GET", path).status == 200
        asked.add(("GET", path))
    # test_way_back_cli.py, test_learn.py, test_approvals.py, test_queue.py, test_bounces.py,
    # test_sign_in.py, test_second_postfix.py, test_damage.py, test_ways.py, test_casework.py and
    # test_diagnosis.py, test_portal.py, test_encryption.py, test_policy.py, test_lists.py and
    # test_switches.py do.
    elsewhere = re.compile(r"/owner/|/ip-check$|/ip-rules/|\}/(password|recovery|call-sheet)(/|$)"
                            r"|/notices|/history"
                           r"|/approval|/queue|/bounces$|/delisting$|/sessions?(/|$)|/operators"
                           r"|^/assets/|/waiting$|/damage|/recipients\.csv$|/note-to-recipients"
                           r"|/ways|\}/diagnosis$|/enquiries|\}/customer$|/feedback$|/investigation$"
                           r"|^/portal/|\.xml$|/mail-profile$|/figures$|/sign-ins$|/notes$|/mailbox$"
                           r"|/encryption|/bans?(/|-|$)|/guessing$"
                           r"|/switches$|/policy|^/api/v1/domains$|/admins$|/settings|/notice-texts")
    assert {route for route in routes(description) if not elsewhere.search(route[1])} == asked


@pytest.mark.parametrize("method, path, body, status", [
    ("GET", "/accounts/nobody@nowhere.example", None, 404),
    ("GET", "/accounts/no-address", None, 400),
    ("GET", "/accounts?limit=minus", None, 400),
    ("GET", "/accounts?standing=cheerful", None, 400),
    ("POST", "/accounts/nobody@nowhere.example/suspend", {}, 404),
    ("POST", "/accounts/taro@lab-ja.example/suspend", {"reason": "x" * 100000}, 400),
    ("POST", "/accounts/taro@lab-ja.example/suspend", {"reason": 5}, 400),
    ("POST", "/domains/nowhere.example/restrict", {}, 404),
    ("GET", "/incidents/999999", None, 404), ("GET", "/incidents/x", None, 400),
    ("POST", "/holds/nothing/release", {}, 404), ("POST", "/holds/..%2Fetc/release", {}, 400),
    ("POST", "/ip-rules", {"network": "0.0.0.0/0", "action": "deny"}, 400),
    ("POST", "/ip-rules", {"network": "1.2.3.4/99"}, 400), ("POST", "/ip-rules", {}, 400),
    ("POST", "/bypass", {}, 400), ("GET", "/nothing", None, 404), ("PUT", "/accounts", {}, 405),
    ("POST", "/accounts", {}, 405)])
def test_mistakes_are_told_and_change_nothing(lab, description, method, path, body, status):
    answer = lab.api.ask(method, path, body)
    assert answer.status == status, answer.body
    assert not misfit(answer.json, {"$ref": "/Error"}, description)
    assert answer.json["error"]["message_ja"] and answer.json["error"]["message_en"]
    assert lab.api.account("taro@lab-ja.example")["standing"] == "normal"


def test_bodies_that_are_no_json(lab):
    token = {"Authorization": f"Bearer {lab.api.token}"}
    where = "/api/v1/accounts/taro@lab-ja.example/suspend"
    json_type = {"Content-Type": "application/json"}
    assert lab.api.raw("POST", where, "a=b", token | {
        "Content-Type": "application/x-www-form-urlencoded"}).status == 415
    assert lab.api.raw("POST", where, "{", token | json_type).status == 400
    assert lab.api.raw("POST", where, "[]", token | json_type).status == 400
    assert lab.api.raw("POST", where, "{" + " " * (2 << 20) + "}", token | json_type).status == 413
    assert lab.api.account("taro@lab-ja.example")["standing"] == "normal"


def test_metrics_are_good_prometheus(lab):
    answer = lab.api.raw("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    types, series, families = {}, set(), []
    for line in answer.body.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
        elif not line.startswith("#"):
            name, labels, value = re.fullmatch(
                r"([a-z_:][a-z0-9_:]*)(\{[^}]*\})? (\S+)", line).groups()
            float(value)
            assert (name, labels) not in series, f"{name}{labels} stands there twice"
            series.add((name, labels))
            family = name if name in types else re.sub(r"_(bucket|count|sum)$", "", name)
            assert family in types, f"{name} has no type"
            assert not families or families[-1] == family or family not in families, \
                f"{family} is not in one piece"
            families.append(family)
    histograms = [name for name, kind in types.items() if kind == "histogram"]
    assert histograms
    for name in histograms:
        buckets = [labels for one, labels in series if one == f"{name}_bucket"]
        assert '{le="+Inf"}' in buckets
        assert {(f"{name}_count", None), (f"{name}_sum", None)} <= series
    # It names no person.
    assert "@" not in answer.body


def test_live_and_ready(lab):
    for path in ("/livez", "/readyz"):
        answer = lab.api.raw("GET", path)
        assert answer.status == 200 and answer.body == "ok\n"


def policy_of(answer):
    """The Content-Security-Policy: directive → its sources."""
    assert answer.headers["content-security-policy"].count("default-src") == 1
    return {name: sources.split() for name, _, sources in (
        part.strip().partition(" ") for part in
        answer.headers["content-security-policy"].split(";"))}


def test_every_page_is_sealed(lab, description, people):
    """Whatever is HTML runs nothing but this server's own files, in no frame, and says nothing of
    where its reader came from."""
    person = people[1]
    lab.api.change("restrict", "account", person, reason="a page about it")
    incident = lab.api.account(person)["incident"]["id"]
    form = urllib.parse.urlencode({"address": person, "password": "<b>wrong</b>", "language": "ja"})
    forms = {"Content-Type": "application/x-www-form-urlencoded"}
    token = {"Authorization": f"Bearer {lab.api.token}"}
    asked = {"/": ("GET", "/", None, {}), "/portal": ("GET", "/portal", None, {}),
             "/portal/status": ("POST", "/portal/status", form, forms),
             "/incidents/{id}/damage.html": (
                 "GET", f"/api/v1/incidents/{incident}/damage.html", None, token)}
    # A page that is described and not tried here is to be added.
    described = {path for path, methods in description["paths"].items()
                 for method in methods.values() if isinstance(method, dict)
                 for answer in method.get("responses", {}).values()
                 if "text/html" in answer.get("content", {})}
    assert {path.removeprefix("/api/v1") for path in described} == set(asked)
    for page, (method, path, body, headers) in asked.items():
        answer = lab.api.raw(method, path, body, headers)
        assert answer.headers["content-type"].startswith("text/html"), page
        assert answer.headers["content-security-policy"].isascii()
        policy = policy_of(answer)
        assert policy["default-src"] == ["'none'"] and policy["frame-ancestors"] == ["'none'"], page
        assert policy["base-uri"] == ["'none'"] and policy["form-action"], page
        for name, sources in policy.items():
            for source in sources:
                assert source in ("'none'", "'self'", "data:") or source.startswith("'sha256-"), \
                    (page, name, source)
                assert source != "data:" or name == "img-src", (page, name)
        # What the policy would not let run is not there either.
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.body), page
        assert not re.search(r"<[^>]*\s(?:on\w+|style)\s*=", answer.body), page
        assert ("<style" in answer.body) == any(
            source.startswith("'sha256-") for source in policy.get("style-src", [])), page
        assert "<b>wrong" not in answer.body
        assert re.search("[ぁ-ん]", answer.body), page
        assert {name: answer.headers[name] for name in (
            "x-content-type-options", "x-frame-options", "referrer-policy",
            "cross-origin-resource-policy", "cross-origin-opener-policy")} == {
                "x-content-type-options": "nosniff", "x-frame-options": "DENY",
                "referrer-policy": "no-referrer", "cross-origin-resource-policy": "same-origin",
                "cross-origin-opener-policy": "same-origin"}, page
        assert "access-control-allow-origin" not in answer.headers, page
    lab.api.change("restore", "account", person, reason="the test's end")


def control_socket(lab):
    text = open(lab.endpoints["config"]).read()
    return re.search(r'^control_socket = "(.*)"', text, re.M)[1]


def test_the_control_socket_is_for_root_and_the_daemon_only(lab):
    path = control_socket(lab)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    ask = ("import http.client, socket, sys\n"
           "s = socket.socket(socket.AF_UNIX)\n"
           "try:\n  s.connect(sys.argv[1])\nexcept PermissionError:\n  sys.exit(13)\n"
           "c = http.client.HTTPConnection('x')\nc.sock = s\n"
           "c.request('GET', '/api/v1/accounts?limit=1')\nprint(c.getresponse().status)\n")

    def status_as(user):
        done = subprocess.run(["/usr/bin/python3", "-c", ask, path], user=user, text=True,
                              capture_output=True, cwd="/", extra_groups=[])
        return 13 if done.returncode == 13 else int(done.stdout or 0)

    assert status_as("root") == 200 and status_as("sekimori") == 200
    assert status_as("nobody") in (13, 401, 403, 0)
    helper = f"{lab.inside['run']}/helper.sock"
    owner = os.stat(helper)
    assert stat.S_ISSOCK(owner.st_mode) and not owner.st_mode & stat.S_IRWXO


def test_secrets_are_nobody_elses(lab):
    """Nothing that names a password or a token is readable by others, nor in any log."""
    home = lab.inside["home"]
    assert not os.stat(f"{home}/endpoints.json").st_mode & 0o077
    token = lab.api.token.encode()
    for root, _, names in os.walk(f"{home}/log"):
        for name in names:
            with open(os.path.join(root, name), "rb") as log:
                assert token not in log.read(), name
    for root, _, names in os.walk(f"{home}/etc/secrets"):
        for name in names:
            assert not os.stat(os.path.join(root, name)).st_mode & 0o077, name
    assert not os.stat(f"{home}/state").st_mode & stat.S_IRWXO


def test_slow_and_broken_clients_harm_nobody(lab):
    half = [socket.create_connection((lab.api.host, lab.api.port), timeout=10) for _ in range(50)]
    try:
        for number, one in enumerate(half):
            one.sendall(b"GET /api/v1/accounts HTTP/1.1\r\nX-Slow: " + b"y" * number)
        assert lab.api.raw("GET", "/livez", timeout=5).status == 200
    finally:
        for one in half:
            one.close()
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\r\n" * 100,
                    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 100000 + b"\r\n\r\n"):
        with socket.create_connection((lab.api.host, lab.api.port), timeout=10) as one:
            one.sendall(garbage)
            one.shutdown(socket.SHUT_WR)
            answer = one.makefile("rb").read()
            assert not answer or answer.startswith(b"HTTP/1.1 4"), answer[:100]
    assert lab.api.raw("GET", "/readyz").status == 200


def test_the_stream_takes_up_where_it_was_left(lab, people):
    def standings(stream):
        return [event for event in stream.events() if event["event"] == "standing"
                and event["data"]["subject"]["id"] == people[0]]

    with lab.api.stream() as stream:
        lab.api.change("restrict", "account", people[0])
        [first] = wait_for(lambda: standings(stream), 20, "the change on the stream")
    lab.api.change("restore", "account", people[0])
    with lab.api.stream(first["id"]) as stream:
        wait_for(lambda: [event["data"]["standing"] for event in standings(stream)] == ["normal"],
                 20, "what was missed")


def test_the_description_is_the_one_in_the_tree(lab, description):
    assert description == json.loads((ROOT / "web/openapi.json").read_text())
