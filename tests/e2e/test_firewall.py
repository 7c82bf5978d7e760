"""Bans in the kernel: a whole lab in a network of its own, the real helper, the real nftables. Packets
of a banned address are dropped at the mail ports and nowhere else, let through after an unban, and
dropped again by a daemon that was killed and a table that somebody took away."""

import ctypes
import json
import os
import socket
import subprocess
import tempfile

import pytest

import faultkit
import labkit
from labkit import wait_for

CLONE_NEWNET = 0x40000000
THIEF, NEIGHBOUR = "203.0.113.150", "203.0.113.151"
LISTED = "198.51.103.77"
TABLE = "sekimori_lab"
LIBC = ctypes.CDLL(None, use_errno=True)


def enter_own_network():
    """This thread, and what it starts, in a network with nothing but loopback; None: not allowed."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if LIBC.unshare(CLONE_NEWNET) != 0:
        os.close(home)
        return None
    return home


@pytest.fixture(scope="module")
def walled():
    """A lab whose mail ports a firewall guards, in a network of its own."""
    home = enter_own_network()
    if home is None:
        pytest.skip("no network of one's own here (CAP_NET_ADMIN)")
    directory = tempfile.mkdtemp(prefix="sekimori-walled-")
    os.chmod(directory, 0o755)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for address in (THIEF, NEIGHBOUR, LISTED):
            subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True)
        if subprocess.run(["nft", "list", "tables"], capture_output=True).returncode != 0:
            pytest.skip("no nftables here")
        site = faultkit.Site(labkit.start_lab(directory))
        ports = [str(site.lab.endpoints[name]) for name in ("imap_port", "submission_port")]
        with site.config.open("a") as config:
            config.write(f'\n[firewall]\nenabled = true\ntable = "{TABLE}"\n'
                         f"ports = {json.dumps(ports)}\n")
        site.stop()
        restart_helper(site)
        site.start()
        yield site
    finally:
        labkit.discard_lab(directory)
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)


def restart_helper(site):
    pid_file = faultkit.process.PidFile(site.run / "helper.pid")
    faultkit.process.end(pid_file.pid())
    (site.run / "helper.sock").unlink(missing_ok=True)
    child = faultkit.process.spawn([site.home / "bin/sekimori", "helper", "--config", site.config],
                                   site.home / "log/helper.log", pid_file)
    site._reap(child)
    wait_for((site.run / "helper.sock").exists, 10, "the helper's socket")


def reaches(site, client, port="imap_port", patience=0.6):
    """Does a connection from this very address come to be?"""
    with socket.socket() as one:
        one.settimeout(patience)
        one.bind((client, 0))
        try:
            one.connect(("127.0.0.1", site.lab.endpoints[port]))
        except TimeoutError:
            return False
        return True


def elements(name):
    done = subprocess.run(["nft", "-j", "list", "set", "inet", TABLE, name], capture_output=True,
                          text=True)
    if done.returncode != 0:
        return None
    for item in json.loads(done.stdout)["nftables"]:
        if "set" in item:
            return item["set"].get("elem", [])
    return None


def totals(site):
    return site.lab.api.get("/ban-totals")


def test_packets_are_dropped_let_through_and_dropped_again(walled):
    site, lab = walled, walled.lab
    wait_for(lambda: totals(site)["firewall_works"], 20, "the table made")
    [person] = lab.hire(1)
    assert reaches(site, THIEF)
    for number in range(11):
        with pytest.raises(Exception):
            lab.imap(person, THIEF, password=f"guess-{number}")
    wait_for(lambda: not reaches(site, THIEF), 10, "its packets dropped")
    assert not reaches(site, THIEF, "submission_port")
    assert reaches(site, THIEF, "smtp_port"), "no port but the named ones"
    assert reaches(site, NEIGHBOUR)
    ban = lab.api.ask("GET", f"/bans/{THIEF}").json
    assert ban["in_firewall"] and ban["reach"] == "packets", ban
    [there] = elements("hosts4")
    assert there["elem"]["val"] == THIEF and 0 < there["elem"]["expires"] <= 900, there
    said = {one["name"]: one for one in json.loads(lab.sekimori("doctor", "--json").stdout)["checks"]}
    for name in ("bans", "firewall", "ip_rules", "weakforced"):
        assert said[name]["level"] == "ok", said[name]
    assert "has 1 of" in said["firewall"]["verdict"]["en"], said["firewall"]
    # The lab relays nothing for loopback: that is no fault of the policy's.
    assert said["policy_asked"]["level"] == "unknown", said["policy_asked"]

    assert lab.sekimori("ip", "unban", THIEF, "--reason", "a test").returncode == 0
    wait_for(lambda: reaches(site, THIEF), 10, "its packets let through")
    assert elements("hosts4") == []

    # Whom a rule lets in the firewall spares, banned or not.
    lab.api.ask("POST", "/bans", {"network": THIEF, "reason": "a test", "minutes": 60})
    wait_for(lambda: not reaches(site, THIEF), 10, "dropped by a person's word")
    rule = lab.api.call("POST", "/ip-rules", {"network": "203.0.113.144/29", "action": "allow",
                                              "use": "login", "reason": "a test"})["id"]
    wait_for(lambda: reaches(site, THIEF), 20, "spared")
    lab.api.ask("DELETE", f"/ip-rules/{rule}")


def test_the_kernel_has_them_again_after_a_kill_and_after_a_flush(walled):
    site, lab = walled, walled.lab
    wait_for(lambda: totals(site)["firewall_works"], 20, "the table made")
    lab.api.ask("POST", "/bans", {"network": THIEF, "reason": "a test", "minutes": 60})
    # A list of networks goes in as a batch, and those that hold each other as the widest.
    drop = "".join(f"45.{n // 256}.{n % 256}.0/24 ; SBL{n}\n" for n in range(4608, 6608))
    drop += "198.51.100.0/22 ; SBL1\n198.51.100.0/24 ; SBL2\n"
    done = lab.api.ask("POST", "/ban-list", {"list": drop, "name": "DROP", "reason": "weekly"})
    assert done.status in (200, 201) and done.json["banned"] == 2002, done.body
    wait_for(lambda: not reaches(site, LISTED, patience=0.3), 30, "the networks dropped")
    wait_for(lambda: not reaches(site, THIEF), 10, "the address dropped")

    def whole():
        nets, hosts = elements("nets4"), elements("hosts4")
        return nets is not None and len(nets) == 2001 and len(hosts or []) == 1

    wait_for(whole, 20, "all networks in the kernel, without those within another")
    site.kill()
    assert not reaches(site, LISTED), "what is in the kernel holds without the daemon"
    subprocess.run(["nft", "delete", "table", "inet", TABLE], check=True)
    assert reaches(site, LISTED) and reaches(site, THIEF)
    site.start()
    wait_for(whole, 30, "rebuilt into the kernel at the start")
    assert not reaches(site, LISTED) and not reaches(site, THIEF) and reaches(site, NEIGHBOUR)

    # Somebody flushes all rules; the helper dies and comes back.
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    wait_for(whole, 30, "made again after a flush")
    restart_helper(site)
    subprocess.run(["nft", "delete", "table", "inet", TABLE], check=True)
    wait_for(whole, 30, "made again through another helper")
    for ban in lab.api.get("/bans?search=198.51.100.0")["items"]:
        lab.api.call("DELETE", f"/bans/{ban['id']}", {"reason": "a test's end"})
    wait_for(lambda: reaches(site, LISTED), 30, "networks taken out in one batch")
    assert not reaches(site, THIEF)
    health = {item["name"]: item["level"] for item in lab.api.get("/health")["items"]}
    assert health["firewall"] == "ok", health
