"""Passwords guessed over real Dovecot: strangers are refused, the owner at home is not, and each ban
can be seen, explained and ended."""

import http.client
import imaplib
import json
import pathlib
import time
import urllib.parse

import pytest

from labkit import wait_for

HOME = "192.0.2.10"


def networks(count, first=0):
    """Addresses of a mobile carrier, each in a network of its own."""
    return [f"100.{64 + n // 256}.{n % 256}.7" for n in range(first, first + count)]


def refusal(lab, login, client, password=None):
    """What IMAP says to a sign-in that must be refused."""
    with pytest.raises(imaplib.IMAP4.error) as told:
        lab.imap(login, client, password=password)
    return str(told.value)


def works(lab, login, client):
    imap = lab.imap(login, client)
    imap.logout()
    return True


def guess(lab, login, client, times, word="guess"):
    for number in range(times):
        refusal(lab, login, client, password=f"{word}-{number}")


def guessing(lab, account):
    return lab.api.get(f"/accounts/{urllib.parse.quote(account)}/guessing")


def ban_of(lab, client):
    answer = lab.api.ask("GET", f"/bans/{urllib.parse.quote(client, safe='')}")
    if answer.status == 404:
        return None
    assert answer.status == 200, answer.body
    return answer.json if answer.json["ended"] is None else None


class Dovecot:
    """Dovecot's questions and reports, as fast as one connection takes them."""

    def __init__(self, lab):
        url = urllib.parse.urlsplit(lab.endpoints["auth_policy_url"])
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)

    def ask(self, command, **fields):
        self.connection.request("POST", f"/?command={command}", json.dumps(fields))
        return json.loads(self.connection.getresponse().read())

    def wrong(self, login, client, pwhash):
        status = self.ask("allow", login=login, remote=client, protocol="imap",
                          pwhash=pwhash)["status"]
        self.ask("report", login=login, remote=client, protocol="imap", pwhash=pwhash,
                 success=False, policy_reject=status < 0)
        return status


@pytest.fixture
def clean(lab):
    """Ends all bans at the end, so that no other test meets them."""
    yield
    for ban in lab.api.get("/bans?limit=1000")["items"]:
        lab.api.call("DELETE", f"/bans/{ban['id']}", {"reason": "a test's end"})


def test_strangers_are_refused_and_the_owner_goes_on_at_home(lab, people, clean):
    owner = people[0]
    assert works(lab, owner, HOME)
    for number, client in enumerate(networks(12)):
        refusal(lab, owner, client, password=f"guess-{number}")
    assert not guessing(lab, owner)["closed_to_strangers"]
    dovecot = Dovecot(lab)
    refused = sum(dovecot.wrong(owner, client, f"{number % 4000:04x}") < 0
                  for number, client in enumerate(networks(3000, 12)))
    assert refused > 2900
    seen = guessing(lab, owner)
    assert seen["closed_to_strangers"] and seen["addresses"] > 2900, seen
    assert seen["text"]["ja"] and "usual places" in seen["text"]["en"]
    wait_for(lambda: any(entry["action"] == "guessing_begins" for entry in lab.api.audit(owner)),
             10, "the account's history saying so")
    # Even the right password opens nothing elsewhere now, in words that say why.
    told = refusal(lab, owner, "198.51.100.5")
    assert "places it was used from before" in told
    # At home everything works, over every service.
    assert works(lab, owner, HOME)
    lab.sink.wait_for(subject=lab.send(owner, "friend@far.example", client=HOME))
    # The neighbours do not notice.
    assert works(lab, people[1], "198.51.100.5")


def test_the_same_wrong_password_is_one_count_and_others_ban(lab, people, clean):
    owner, other = people[:2]
    device, thief = "192.0.2.40", "198.51.100.170"
    assert works(lab, owner, device)
    for _ in range(14):
        refusal(lab, owner, device, password="last year's")
    assert ban_of(lab, device) is None
    assert works(lab, owner, device)
    [forgotten] = wait_for(lambda: guessing(lab, owner)["forgotten"], 10, "it noticed")
    assert forgotten["known_place"] and forgotten["ip"] == device
    assert "One of your devices" in forgotten["text"]["en"] and forgotten["text"]["ja"]

    wait_for(lambda: any(entry["action"] == "forgotten_setting" for entry in lab.api.audit(owner)),
             10, "the account's history saying so")
    # The owner is told which device it is, once, and nothing of the password.
    wait_for(lambda: any("古いパスワード" in subject for subject in lab.subjects(owner)), 20,
             "the letter")
    letter = lab.newest(owner).get_content()
    assert device in letter and "IMAP" in letter and "One of your devices" in letter, letter
    assert "last year" not in letter
    assert wait_for(lambda: guessing(lab, owner)["forgotten"][0]["told"], 10, "it kept")

    guess(lab, other, thief, 11)
    ban = wait_for(lambda: ban_of(lab, thief), 10, "the ban")
    assert (ban["kind"], ban["country"], ban["by"]) == ("guessing", "NG", "machine")
    assert ban["asn"] == 64507 and "Nigeria" in ban["operator"]
    assert "wrong passwords" in ban["why"]["en"] and ban["why"]["ja"] and ban["until"]
    told = refusal(lab, owner, thief)
    assert "wrong passwords came from this network" in told
    listed = wait_for(lambda: [one for one in lab.api.get("/bans?search=198.51.100.170")["items"]],
                      10, "it listed")
    assert listed[0]["hits"] >= 1
    shown = lab.sekimori("ip", "show", thief)
    assert shown.returncode == 0 and thief in shown.stdout, shown.stderr
    assert thief in lab.sekimori("ip", "bans").stdout
    # Mail from there waits, too.
    code, text = lab.mx(thief).docmd("MAIL", "FROM:<x@far.example>")
    with lab.mx(thief) as mx:
        mx.docmd("MAIL", "FROM:<x@far.example>")
        code, text = mx.docmd("RCPT", f"TO:<{owner}>")
    assert code == 450 and b"guess passwords" in text, (code, text)
    ended = lab.sekimori("ip", "unban", thief, "--reason", "it was our own test")
    assert ended.returncode == 0, ended.stderr
    assert works(lab, other, thief)
    assert lab.api.ask("DELETE", f"/bans/{thief}", {"reason": "again"}).status == 409


def test_a_right_guess_behind_many_wrong_ones_stops_the_account(lab, clean):
    people = lab.hire(7)
    thief = "198.19.40.9"
    for person in people[:6]:
        refusal(lab, person, thief, password="Summer2026")
    assert works(lab, people[6], thief)
    wait_for(lambda: lab.api.account(people[6])["standing"] == "restricted", 20, "it stopped")
    account = lab.api.account(people[6])
    assert thief in json.dumps(account, ensure_ascii=False)
    lab.api.change("restore", "account", people[6], reason="a test's end")


def test_bans_stand_after_a_kill_and_people_live_behind_some(lab, people, clean):
    made = lab.api.ask("POST", "/bans", {"network": "198.19.40.160/28", "reason": "a test",
                                         "minutes": 60})
    assert made.status == 201 and made.json["reach"] == "packets", made.body
    thief = "198.19.40.150"
    guess(lab, people[0], thief, 11)
    wait_for(lambda: ban_of(lab, thief), 10, "the ban")
    wait_for(lambda: lab.api.get(f"/bans?search={thief}")["total"] == 1, 10, "it kept")
    # What has led to no ban yet is counted on behind a kill.
    other_thief = "198.19.40.155"
    guess(lab, people[1], other_thief, 8)
    counted = pathlib.Path(lab.endpoints["config"]).parent.parent / "state/guess-counters"
    said = time.time()
    wait_for(lambda: counted.stat().st_mtime > said, 10, "the counters kept")
    lab.kill_daemon()
    lab.start_daemon()
    assert ban_of(lab, other_thief) is None
    guess(lab, people[1], other_thief, 3, word="more")
    wait_for(lambda: ban_of(lab, other_thief), 10, "eleven counted across the kill")
    assert "paused" in refusal(lab, people[0], thief)
    assert "paused" in refusal(lab, people[0], "198.19.40.166")
    assert ban_of(lab, thief)["since"]

    # A line that many share: whoever is known there goes on, and nobody is shut out.
    shared = "100.127.1.1"
    crowd = lab.hire(5)
    for person in crowd:
        assert works(lab, person, shared)
    answer = lab.api.ask("POST", "/bans", {"network": shared, "reason": "a test"})
    assert answer.status == 409 and answer.json["error"]["collateral"] == 5, answer.body
    dovecot = Dovecot(lab)
    for number in range(12):
        dovecot.wrong(f"nobody{number}@{crowd[0].partition('@')[2]}", shared, f"{number + 1:04x}")
    ban = wait_for(lambda: ban_of(lab, shared), 10, "the ban")
    assert (ban["reach"], ban["collateral"]) == ("delay", 5)
    assert works(lab, crowd[0], shared)


def test_lists_come_in_and_go_out(lab, tmp_path, clean):
    path = tmp_path / "drop.txt"
    path.write_text("; Spamhaus DROP List\n233.252.0.0/24 ; SBL256894\nnonsense\n"
                    "2001:db8:ffff::/48 ; SBL7\n")
    done = lab.sekimori("ip", "import-bans", str(path), "--name", "DROP", "--reason", "weekly")
    assert done.returncode == 0 and "3" in done.stdout, (done.stdout, done.stderr)
    assert "SBL256894" in ban_of(lab, "233.252.0.9")["reason"]
    plain = lab.api.ask("GET", "/ban-list").body.split()
    assert "233.252.0.0/24" in plain and "2001:db8:ffff::/48" in plain
    zone = lab.api.ask("GET", "/ban-list?format=rbldnsd").body
    assert "233.252.0.0/24" in zone and "2001:db8" not in zone
    listed = json.loads(lab.sekimori("--json", "ip", "export-bans", "--format", "json").stdout)
    assert {"233.252.0.0/24", "2001:db8:ffff::/48"} <= {one["network"] for one in listed}
    totals = lab.api.get("/ban-totals")
    assert totals["in_force"] >= 2 and totals["enforced"] and not totals["firewall_wanted"]
