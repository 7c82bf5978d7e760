"""Blacklists in the DNS, asked of a real rbldnsd: refused, marked, put off, healed, gone."""

import contextlib
import imaplib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from labkit import wait_for
from wforcekit import Wforce

SOA = "$SOA 60 ns.test. root.test. 1 600 300 86400 5\n"
WELL = "127.0.0.2 :127.0.0.2:test\n"
KEY = "k3yk3yk3yk3yk3yk3yk3yk3yk3y"


class Blacklists:
    """rbldnsd on loopback over zones that a test may rewrite."""

    def __init__(self, zones):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sekimori-rbl-"))
        os.chmod(self.directory, 0o755)
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["/usr/sbin/rbldnsd", "-n", "-f", "-q", "-c", "0", "-b", f"127.0.0.1/{self.port}"]
        for name, lines in zones.items():
            self.write(name, lines)
            kind = "ip6trie" if name.startswith("v6/") else "ip4trie"
            words.append(f"{name.removeprefix('v6/')}:{kind}:{self.directory / name}")
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self, zone, lines):
        (self.directory / zone).parent.mkdir(exist_ok=True)
        (self.directory / zone).write_text(SOA + lines)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.resume()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory)


def health(lab):
    return {item["name"]: item["level"] for item in lab.api.get("/health")["items"]
            if item["name"].startswith("blacklist ")}


@pytest.fixture
def lists(site):
    """The site's daemon with blacklists; as it was afterwards."""
    made = Blacklists({
        "good.test": WELL + "203.0.113.0/24 :127.0.0.4:Bots from $, see https://good.test/$\n",
        "light.test": WELL + "198.51.100.0/24 :127.0.0.2:\n",
        "dead.test": "0.0.0.0/0 :127.0.0.2:for sale\n",
        "later.test": WELL + "198.51.100.128/25 :127.0.0.3:\n",
        "slow.test": WELL + "198.51.100.40 :127.0.0.2:\n",
        f"{KEY}.keyed.test": WELL + "198.51.100.9 :127.0.0.20:\n",
        "six.test": WELL,
        "v6/six.test": "2001:db8:5::/48 :127.0.0.2:six\n0:0:0:0:0:ffff:7f00:2/128 :127.0.0.2:x\n"})
    key = site.config.with_name("dqs.key")
    key.write_text(KEY + "\n")
    shutil.chown(key, "sekimori")
    key.chmod(0o600)
    made.observed = site.lab.hire(1)[0]
    config = site.config.with_name("with-blacklists.toml")
    config.write_text(site.config.read_text() + f"""
[dnsbl]
lists = ["good.test weight=5 v6=no url=https://good.test/{{ip}}", "light.test weight=3 v6=no",
         "dead.test weight=9", "gone.test weight=9", "six.test weight=5",
         "later.test weight=1 v6=no"]
defer_score = 4
login_lists = ["{{key}}.keyed.test name=attackers weight=5 v6=no codes=127.0.0.20 key_file={key}",
               "slow.test weight=3 v6=no"]
login_refuse_score = 5
login_delay = "2s"
servers = ["127.0.0.1:{made.port}"]
timeout = "500ms"
test_interval = "2s"

[mode]
accounts = {{ "{made.observed}" = "observe" }}
""")
    site.stop()
    try:
        site.start(config=config)
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            made.resume()
        site.stop()
        site.start()
        made.close()
        config.unlink()
        key.unlink()


def rcpt(lab, client, person):
    with contextlib.closing(lab.mx(client)) as smtp:
        smtp.mail("friend@far.example")
        return smtp.rcpt(person)


def test_mail_is_refused_marked_and_flows_without_dns(site, lists):
    lab = site.lab
    person = lab.hire(1)[0]
    wait_for(lambda: health(lab) == {
        "blacklist good.test": "ok", "blacklist light.test": "ok", "blacklist attackers": "ok",
        "blacklist dead.test": "warning", "blacklist gone.test": "warning",
        "blacklist six.test": "ok", "blacklist later.test": "ok", "blacklist slow.test": "ok"},
        30, "every list tested")
    code, text = rcpt(lab, "203.0.113.9", person)
    assert code == 554, (code, text)
    said = b"Bots from 203.0.113.9, see https://good.test/203.0.113.9"
    assert b"good.test" in text and said in text
    assert rcpt(lab, "192.0.2.9", person)[0] == 250
    assert rcpt(lab, "2001:db8:5::9", person)[0] == 554
    assert rcpt(lab, "2001:db8:6::9", person)[0] == 250

    subject = lab.deliver("friend@far.example", person, client="198.51.100.77")
    lab.wait_in_mailbox(person, subject, 30)
    with contextlib.closing(lab.imap(person, "192.0.2.10")) as imap:
        imap.select("INBOX")
        [number] = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        headers = imap.fetch(number, "(BODY[HEADER])")[1][0][1].decode()
    assert "X-Sekimori-Blacklist: score=3.0 lists=light.test" in headers

    # Two light lists together put off; for whom is only observed, mail goes on and the log says it.
    code, text = rcpt(lab, "198.51.100.200", person)
    assert code == 450 and b"198.51.100.200" in text, (code, text)
    assert rcpt(lab, "203.0.113.9", lists.observed)[0] == 250
    assert rcpt(lab, "198.51.100.200", lists.observed)[0] == 250
    lab.wait_in_maillog(rf"warn: RCPT from .*203\.0\.113\.9.*{lists.observed}")

    # An allow rule goes first; a denied neighbour is refused by rule, not by list.
    rule = lab.api.call("POST", "/ip-rules", {"network": "203.0.113.9", "action": "allow",
                                              "use": "both", "reason": "a test"})["id"]
    assert rcpt(lab, "203.0.113.9", person)[0] == 250
    lab.api.ask("DELETE", f"/ip-rules/{rule}")
    assert rcpt(lab, "203.0.113.9", person)[0] == 554

    # Who signed in is not asked about, and a sign-in from an attacker's address is refused.
    with contextlib.closing(lab.submission(person, client="203.0.113.9")) as smtp:
        smtp.mail(person)
        assert smtp.rcpt("friend@far.example")[0] == 250
    with pytest.raises(imaplib.IMAP4.error, match="attackers"):
        lab.imap(person, "198.51.100.9")
    lab.imap(person, "198.51.100.10").logout()
    # The same behind weakforced's commands; what weighs less makes a sign-in slow, at both doors.
    wforce = Wforce(lab.endpoints)
    refused = wforce.allow(person, "198.51.100.9")
    assert refused["status"] == -1 and "attackers" in refused["msg"], refused
    assert wforce.allow(person, "198.51.100.40")["status"] == 2
    assert wforce.allow(person, "198.51.100.10")["status"] == 0
    assert wforce.allow(lists.observed, "198.51.100.9")["status"] == 0
    began = time.monotonic()
    lab.imap(person, "198.51.100.40").logout()
    assert time.monotonic() - began >= 2
    assert KEY not in lab.daemon_log() and KEY not in str(lab.api.get("/health"))

    # The list that listed everything is well again, and then asked.
    lists.write("dead.test", WELL + "192.0.2.200 :127.0.0.2:\n")
    lists.reload()
    wait_for(lambda: health(lab)["blacklist dead.test"] == "ok", 30, "the dead list healed")
    assert rcpt(lab, "192.0.2.200", person)[0] == 554

    # DNS is gone: mail flows, without waiting once that is known, and health says so.
    lists.pause()
    began = time.monotonic()
    assert rcpt(lab, "203.0.113.77", person)[0] == 250
    assert time.monotonic() - began < 5
    wait_for(lambda: set(health(lab).values()) == {"warning"}, 30, "health says that DNS is gone")
    began = time.monotonic()
    assert rcpt(lab, "203.0.113.78", person)[0] == 250
    assert time.monotonic() - began < 0.5
    lists.resume()
    wait_for(lambda: health(lab)["blacklist good.test"] == "ok", 90, "the lists asked again")
    wait_for(lambda: rcpt(lab, "203.0.113.78", person)[0] == 554, 30, "what was unknown is forgotten")
    metrics = lab.api.metrics()
    assert metrics['sekimori_blacklist_questions_total{use="mail",what="refused"}'] >= 3
