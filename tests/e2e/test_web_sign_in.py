"""Webmail through the same decision: the Roundcube plugin's own functions, run by PHP, and the plain
requests of the documentation."""

import json
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from labkit import ROOT, wait_for
from wforcekit import Wforce

PHP = shutil.which("php")
TRY = ROOT / "packaging/roundcube/try.php"
WEBMAIL = "198.18.1.25"


@pytest.fixture
def roundcube(lab, tmp_path):
    if not PHP:
        pytest.skip("no php")
    secrets = pathlib.Path(lab.inside["home"]) / "etc/secrets"

    def sign_in(address, user, password, ends, url=None):
        done = subprocess.run(
            [PHP, TRY, url or lab.endpoints["wforce_url"], secrets / "wforce",
             secrets / "auth_policy_nonce", address, user, password, ends],
            capture_output=True, text=True, timeout=30, check=True)
        return json.loads(done.stdout)

    for script in (TRY, TRY.parent / "sekimori/sekimori.php"):
        subprocess.run([PHP, "-l", script], check=True, capture_output=True)
    return sign_in


def sign_ins(lab, person):
    return lab.api.get(f"/accounts/{person}/sign-ins")["items"]


def test_roundcube_asks_before_and_tells_after(lab, people, roundcube):
    person = people[0]
    password = lab.passwords[person]
    home = "203.0.113.140"
    done = roundcube(home, person, password, "success")
    assert not done["refused"] and not done["log"] and done["seconds"] < 1
    # The person's own address is told, and the hash that Dovecot makes of the same password.
    wait_for(lambda: [one for one in sign_ins(lab, person) if one["ip"] == home], 20, "the sign-in")
    assert not [one for one in sign_ins(lab, person) if one["ip"] == WEBMAIL]
    lab.imap(person, client=home).logout()
    hashes = wait_for(lambda: {
        line.split('"pwhash":"')[1][:4] for path in journal(lab)
        for line in path.read_text(errors="replace").splitlines()
        if person in line and '"pwhash":"' in line and '"ok"' in line} or None, 10, "its hash")
    assert hashes == {done["pwhash"]}

    # Guessing over webmail: counted for the stranger, and nothing against the webmail itself.
    wforce = Wforce(lab.endpoints)
    thief = "203.0.113.141"
    for number in range(41):
        roundcube(thief, person, f"guess {number}", "failed")
    refused = roundcube(thief, person, "another", "failed")
    assert refused["refused"] and "wait" in refused["error"] and not refused["log"]
    assert not roundcube(home, person, password, "success")["refused"]
    assert not wforce.post("getDBStats", {"ip": WEBMAIL})["stats"]
    # Where the mail server was away, nobody typed a wrong password.
    before = wforce.get("stats")["reports"]
    roundcube(home, person, password, "storage")
    assert wforce.get("stats")["reports"] == before
    wforce.post("reset", {"ip": thief, "login": person})


def journal(lab):
    return (pathlib.Path(lab.inside["home"]) / "state/journal").iterdir()


def test_webmail_goes_on_without_sekimori(lab, people, roundcube):
    password = lab.passwords[people[1]]
    done = roundcube("203.0.113.142", people[1], password, "success", "http://127.0.0.1:1/")
    assert not done["refused"] and len(done["log"]) == 2 and done["seconds"] < 1
    # A server that takes the connection and never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        begun = time.monotonic()
        done = roundcube("203.0.113.142", people[1], password, "success", url)
        assert not done["refused"] and done["seconds"] <= 1.1 and len(done["log"]) == 2
        assert time.monotonic() - begun < 5


def test_the_requests_of_the_documentation(lab, people):
    """docs/operate/web-sign-in.md with curl, as it stands there."""
    text = (ROOT / "docs/operate/web-sign-in.md").read_text()
    script = text.split("```sh\n")[1].split("```")[0]
    secrets = pathlib.Path(lab.inside["home"]) / "etc/secrets"
    script = (script.replace("/etc/webmail/sekimori.password", str(secrets / "wforce"))
              .replace("http://127.0.0.1:8084", lab.endpoints["wforce_url"].rstrip("/"))
              .replace("203.0.113.9", "198.19.41.9")  # nobody else's
              .replace("taro@example.jp", people[2]))
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()
    assert json.loads(first) == {"msg": "", "r_attrs": {}, "status": 0}
    assert json.loads(second) == {"status": "ok"}
