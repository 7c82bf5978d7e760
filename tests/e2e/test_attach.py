"""sekimori attach and doctor against a real mail server that knew nothing of Sekimori: it is shown
what would change, every lever is tried, and undo puts each byte back."""

import json
import pathlib
import re
import shutil
import smtplib
import socket
import sys
import tempfile

import pytest

from labkit import ROOT, wait_for
from plainsite import ACCOUNT, DOMAIN, PASSWORD, PlainSite, settings_value

sys.path.insert(0, str(ROOT))
from lab import lab as labs  # noqa: E402  why: the lab's own code, found by the line above
from lab import maps  # noqa: E402

LEVERS = ["policy", "auth_policy", "sign_in", "send", "receive", "hold"]


def need_users():
    labs._need_user("sekimori", "Sekimori", ("postfix", "adm"))


@pytest.fixture(scope="module")
def plain():
    need_users()
    own = tempfile.mkdtemp(prefix="sekimori-attach-")
    pathlib.Path(own).chmod(0o755)
    site = PlainSite(own)
    try:
        site.start()
        yield site
    finally:
        site.stop()
        shutil.rmtree(own)


def attached(site, *words, code=0):
    done = site.sekimori("attach", "--yes", "--json", "--trial-account", ACCOUNT,
                         "--password-stdin", *words, stdin=PASSWORD + "\n")
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def check_attach_and_undo(site):
    """The whole story, on one server; used for each version of Postfix and Dovecot there is."""
    before = site.fingerprint()
    assert site.submit() == (250, "")

    # Shown only: a diff, and no byte is changed.
    shown = site.sekimori("attach", "--dry-run", "--lang", "ja")
    assert shown.returncode == 0, shown.stderr
    assert "+++ " in shown.stdout and "check_policy_service" in shown.stdout
    assert site.fingerprint() == before
    # Asked, and nobody said yes.
    assert site.sekimori("attach").returncode == 1
    assert site.fingerprint() == before

    report = attached(site)
    assert report["applied"]
    assert {one["name"]: one["state"] for one in report["trials"]} == dict.fromkeys(LEVERS, "proved")
    words = {one["name"]: one["words"]["en"] for one in report["trials"]}
    assert "535" in words["sign_in"] and "525 5.7.13" in words["send"]
    assert "4.2.1" in words["receive"]
    # No secret is shown.
    secrets = site.path(f"{site.etc}/dovecot/sekimori-secrets.conf")
    assert secrets.stat().st_mode & 0o777 == 0o600
    for name in ("auth_policy_hash_nonce", "doveadm_api_key"):
        value = settings_value(secrets, name)
        assert len(value) == 48 and value not in json.dumps(report)
    # It begins by watching, and the operator's own words stay.
    assert settings_value(site.config, "mode") == '"observe"'
    assert site.config.read_text().startswith("# The operator's own words.\n")
    assert settings_value(site.config, "database").startswith('"')
    main_cf = site.path(f"{site.etc}/postfix/main.cf").read_text()
    assert "# the operator's own words stay where they are\n" in main_cf
    # Mail still flows, with nobody there to answer.
    assert site.submit() == (250, "")
    assert site.submit("wrong")[0] == 535

    # A second time there is nothing to do.
    again = attached(site)
    assert again["files"] == [], again["diff"]
    assert {one["state"] for one in again["trials"]} == {"proved"}

    # Somebody edits: undo says so and changes nothing.
    edited = site.path(f"{site.etc}/postfix/main.cf")
    edited.write_text(main_cf + "always_bcc = x@plain.example\n")
    now = site.fingerprint()
    refused = site.sekimori("attach", "--undo")
    assert refused.returncode == 1
    assert "+always_bcc = x@plain.example" in refused.stdout and "main.cf" in refused.stderr
    assert site.fingerprint() == now
    edited.write_text(main_cf)

    undone = site.sekimori("attach", "--undo", "--json")
    assert undone.returncode == 0, undone.stderr
    assert site.fingerprint() == before
    assert not (site.own / "kept").exists()
    assert site.submit() == (250, "")
    assert site.sekimori("attach", "--undo").returncode == 1


def test_attach_proves_every_lever_and_undo_puts_each_byte_back(plain):
    check_attach_and_undo(plain)


def test_attach_writes_the_queries_of_the_lab(plain):
    attached(plain)
    ours = maps.postfix_maps("", "")
    for name in ("senders", "recipients", "inactive", "waiting"):
        text = plain.path(f"{plain.etc}/postfix/sekimori/{name}.cf").read_text()
        written = re.search(r"^query = (.*)$", text, re.MULTILINE)[1]
        assert " ".join(written.split()) == " ".join(ours[name][1].split()).replace("( ", "(") \
            .replace(" )", ")"), name
    assert plain.sekimori("attach", "--undo").returncode == 0


def test_a_lost_edit_is_kept_when_undo_is_forced(plain):
    before = plain.fingerprint()
    attached(plain)
    master = plain.path(f"{plain.etc}/postfix/master.cf")
    edited = master.read_text() + "# mine\n"
    master.write_text(edited)
    assert plain.sekimori("attach", "--undo", "--force").returncode == 0
    kept = master.with_name("master.cf.sekimori-edited")
    assert kept.read_text() == edited
    kept.unlink()
    assert plain.fingerprint() == before


def test_what_would_break_the_server_is_put_back(plain):
    """Another passdb before the gate would let suspended accounts in: refused, and all as before."""
    other = plain.path(f"{plain.etc}/dovecot/conf.d/00-other.conf")
    other.write_text("passdb {\n  driver = passwd-file\n  args = /nonexistent\n}\n")
    before = plain.fingerprint()
    try:
        done = plain.sekimori("attach", "--yes")
        assert done.returncode == 1 and "passdb" in done.stderr
        assert plain.fingerprint() == before
    finally:
        other.unlink()


def test_a_webmail_host_says_for_whom_it_speaks_and_nobody_else_may(plain):
    before = plain.fingerprint()
    attached(plain, "--webmail", "127.0.0.9")

    def may_speak_for_others(source):
        with smtplib.SMTP("127.0.0.1", plain.port["submission"], timeout=30,
                          source_address=(source, 0)) as smtp:
            smtp.ehlo()
            return "xclient" in smtp.esmtp_features

    def seen_as(source, claimed):
        with socket.create_connection(("127.0.0.1", plain.port["imap"]), 30, (source, 0)) as imap:
            imap.sendall(f'a ID ("x-originating-ip" "{claimed}")\r\n'
                         f'b LOGIN "{ACCOUNT}" "{PASSWORD}"\r\nc LOGOUT\r\n'.encode())
            while imap.recv(4096):
                pass
        log = plain.path(f"{plain.home}/log/mail.log")
        return lambda: re.search(rf"Login: user=<{ACCOUNT}>.*rip={claimed}\b", log.read_text())

    # A server process that already waited for its next client may still serve it as before.
    wait_for(lambda: may_speak_for_others("127.0.0.9"), 20, "XCLIENT for the webmail host")
    assert not may_speak_for_others("127.0.0.1")
    stranger = seen_as("127.0.0.1", "198.51.100.8")
    wait_for(seen_as("127.0.0.9", "198.51.100.7"), 20, "the claimed address in the log")
    assert not stranger()
    assert plain.sekimori("attach", "--undo").returncode == 0
    assert plain.fingerprint() == before
    wait_for(lambda: not may_speak_for_others("127.0.0.9"), 20, "the end of XCLIENT")


def test_attach_learns_from_the_logs_there_are(plain):
    """Of mail that went before Sekimori came, with the daemon not running yet."""
    assert plain.submit() == (250, "")
    log = plain.path(f"{plain.home}/log/mail.log")
    wait_for(lambda: re.search(r"to=<.*status=sent", log.read_text()), 20, "the message in the log")
    done = plain.sekimori("attach", "--yes", "--json", "--learn")
    assert done.returncode == 0, (done.stdout, done.stderr)
    attach, learned = map(json.loads, done.stdout.splitlines())
    assert attach["applied"] and learned["submissions"] >= 1 and learned["report"]["accounts"] == 1
    assert any((plain.own / "state").rglob("*")), "nothing is kept"
    assert plain.sekimori("attach", "--undo").returncode == 0


def test_the_doctor_finds_all_well_and_what_is_not(plain):
    attached(plain)
    plain.start_sekimori()

    def checks():
        done = plain.sekimori("doctor", "--json")
        found = json.loads(done.stdout)
        return done.returncode, {one["name"]: one for one in found["checks"]}

    def levels(wanted):
        code, found = checks()
        return {name: found[name]["level"] for name in wanted}, code, found

    levers = ["daemon", "postfix", "policy_lists", "default_action", "policy_timeout", "sasl_map",
              "waiting_map", "inactive_map", "queue_ids", "maps", "dovecot", "auth_policy",
              "auth_nonce", "auth_timeout", "gate", "events", "policy_asked", "attach", "guard",
              "doveadm", "log", "mail_loop", "queue", "daemon.guard_db", "daemon.account_store"]
    wait_for(lambda: checks()[1].get("daemon.account_store", {}).get("level") == "ok", 20,
             "the account store read")
    found, code, whole = levels(levers)
    assert found == dict.fromkeys(levers, "ok"), {name: whole[name] for name in levers
                                                  if whole[name]["level"] != "ok"}
    assert code == 0, [one for one in whole.values() if one["level"] in ("failing", "unknown")]

    # Signing in and sending go through the daemon now.
    assert plain.submit() == (250, "")
    assert attached(plain)["files"] == []

    # One lever is taken out: the doctor names it, and the command that mends it.
    main_cf = plain.path(f"{plain.etc}/postfix/main.cf")
    whole_text = main_cf.read_text()
    main_cf.write_text(whole_text.replace("default_action=DUNNO", "default_action=DEFER")
                       .replace("smtpd_data_restrictions = $sekimori_submission",
                                "smtpd_data_restrictions ="))
    found, code, whole = levels(["default_action", "policy_lists", "attach"])
    main_cf.write_text(whole_text)
    assert found == {"default_action": "failing", "policy_lists": "failing", "attach": "warning"}
    assert code == 1
    assert whole["default_action"]["mend"]["en"] == "sekimori attach"
    assert "smtpd_data_restrictions" in whole["policy_lists"]["verdict"]["en"]

    # For people: words, in Japanese, too.
    said = plain.sekimori("doctor", "--lang", "ja")
    assert said.returncode == 0 and "良好" in said.stdout and DOMAIN not in said.stderr
