"""The command line on a real lab: what it says, and that Postfix and Dovecot do it."""

import imaplib
import json
import os
import pathlib
import signal
import smtplib
import subprocess
import uuid

import pytest

import labkit
from clikit import done, sekimori
from labkit import wait_for

# The people that no other test of the run restricts at the same time.
KEIRI = "keiri@lab-ja.example"
INFO = "info@lab-ja.example"
DAVE = "dave@lab-en.example"


def sending_answer(lab, login):
    """The code of RCPT for this login, or of AUTH where that is refused."""
    try:
        with lab.submission(login) as smtp:
            smtp.mail(login)
            return smtp.rcpt("a@far.example")[0]
    except smtplib.SMTPAuthenticationError as refused:
        return refused.smtp_code


def signs_in(lab, login, **options):
    try:
        lab.imap(login, **options).logout()
        return True
    except imaplib.IMAP4.error:
        return False


def hold_a_message(lab, login):
    """Sends a message that the guard holds; returns (subject, queue id)."""
    token = uuid.uuid4().hex[:8]
    before = {hold["queue_id"] for hold in held(lab, login)}
    subject = lab.send(login, [f"r{n}@held-{token}.example" for n in range(30)])
    new = wait_for(lambda: {hold["queue_id"] for hold in held(lab, login)} - before, 10,
                   "a held message")
    assert len(new) == 1
    return subject, new.pop()


def held(lab, login):
    return done(lab, "hold", "list", "--account", login, "--limit", "1000")["items"]


# Looking


def test_lists_and_shows_accounts(lab):
    listed = done(lab, "account", "list")
    assert {item["address"] for item in listed["items"]} >= set(lab.passwords)
    assert listed["total"] == len(listed["items"])
    some = done(lab, "account", "list", "--domain", "lab-en.example", "--limit", "2")
    assert len(some["items"]) == 2 and some["total"] >= 5
    assert [item["address"] for item in done(lab, "account", "list", "--search", "経理")["items"]] \
        == [KEIRI]
    shown = done(lab, "account", "show", KEIRI.upper())
    assert shown["address"] == KEIRI and shown["standing"] == "normal"
    japanese = sekimori(lab, "account", "list", LANG="ja_JP.UTF-8")
    assert "通常" in japanese.out and "経理部" in japanese.out
    english = sekimori(lab, "account", "show", KEIRI, "--lang", "en")
    assert "standing" in english.out and "normal" in english.out


def test_health_version_and_settings(lab):
    report = done(lab, "health")
    assert {item["name"] for item in report["items"]} >= {"queue_helper", "doveadm", "guard_db"}
    assert "guard_db" in sekimori(lab, "health").out
    assert done(lab, "version")["version"] in sekimori(lab, "version").out
    assert done(lab, "config", "check") == {"file": lab.endpoints["config"], "usable": True,
                                            "findings": []}
    shown = {item["name"]: item for item in done(lab, "config", "show")["settings"]}
    assert shown["server.mode"]["value"] == '"enforce"'
    assert shown["policy.idle_timeout"]["source"] == "default"
    assert "[policy]" in sekimori(lab, "config", "example").out
    assert "policy" in sekimori(lab, "config", "reference", "--lang", "ja").out


def test_a_faulty_settings_file_is_named(lab, tmp_path):
    faulty = tmp_path / "faulty.toml"
    faulty.write_text('[policy]\nlisen = ["127.0.0.1:1"]\n')
    checked = sekimori(lab, "config", "check", faulty)
    assert checked.code == 1
    assert f"{faulty}:2" in checked.out and "policy.listen" in checked.out
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    for words in (["serve"], ["account", "list"], ["bypass", "on"]):
        refused = subprocess.run([program, *words, "--config", faulty], capture_output=True,
                                 text=True, timeout=30)
        assert refused.returncode == 1 and "policy.lisen" in refused.stderr, words


def test_exit_codes(lab):
    assert sekimori(lab).code == 2
    unknown = sekimori(lab, "acount", "list")
    assert unknown.code == 2 and "acount" in unknown.err
    assert sekimori(lab, "account", "show").code == 2
    assert sekimori(lab, "account", "show", "no-address").code == 2
    missing = sekimori(lab, "account", "show", "nobody@lab-ja.example", LANG="ja_JP.UTF-8")
    assert missing.code == 1 and "見つかりません" in missing.err
    as_json = sekimori(lab, "account", "show", "nobody@lab-ja.example", "--json")
    assert as_json.code == 1 and as_json.json["error"]["code"] == "not_found"
    assert sekimori(lab, "incident", "show", "999999").code == 1
    assert sekimori(lab, "hold", "release", "0123456789AB").code == 1
    assert sekimori(lab, "ip", "deny", "0.0.0.0/0", "--reason", "x").code == 2
    assert sekimori(lab, "--help").code == 0


def test_only_root_and_the_daemon_may(lab):
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    refused = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup",
                              "--clear-groups", program, "account", "list", "--config",
                              lab.endpoints["config"]], capture_output=True, text=True, timeout=30)
    assert refused.returncode == 1 and "sudo" in refused.stderr, refused.stderr


# Standings


def test_restrict_and_restore(lab):
    outcome = done(lab, "account", "restrict", KEIRI, "--reason", "見知らぬ送信")
    try:
        assert outcome["standing"] == "restricted" and outcome["changed"]
        assert sending_answer(lab, KEIRI) == 525
        assert signs_in(lab, KEIRI)
        assert not done(lab, "account", "restrict", KEIRI)["changed"]
        shown = done(lab, "incident", "show", outcome["incident"])
        assert shown["subject"] == {"kind": "account", "id": KEIRI}
        assert shown["by"].startswith("cli:")
        assert any(item["id"] == outcome["incident"]
                   for item in done(lab, "incident", "list", "--state", "contained")["items"])
        note = done(lab, "incident", "note", outcome["incident"], "電話で確認中")
        assert note["why"] == "電話で確認中"
        still = sekimori(lab, "incident", "close", outcome["incident"])
        assert still.code == 1, "its subject is still contained"
    finally:
        assert done(lab, "account", "restore", KEIRI)["standing"] == "normal"
    assert sending_answer(lab, KEIRI) == 250
    assert done(lab, "incident", "close", outcome["incident"])["state"] == "closed"
    assert [note["why"] for note in done(lab, "incident", "show", outcome["incident"])["notes"]] \
        == ["電話で確認中"]


def test_suspend_and_restore(lab):
    reading = lab.imap(INFO)
    assert done(lab, "account", "suspend", INFO, "--reason", "試験です")["standing"] == "suspended"
    try:
        wait_for(lambda: not signs_in(lab, INFO), 10, "no login")
        assert sending_answer(lab, INFO) == 535
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            for _ in range(200):
                reading.noop()
        with lab.mx() as smtp:
            smtp.mail("friend@far.example")
            assert smtp.rcpt(INFO)[0] == 450
        found = done(lab, "account", "list", "--standing", "suspended")["items"]
        assert INFO in [item["address"] for item in found]
    finally:
        assert done(lab, "account", "restore", INFO, "--probation")["standing"] == "probation"
        assert done(lab, "account", "restore", INFO)["standing"] == "normal"
    wait_for(lambda: signs_in(lab, INFO), 10, "a login")
    wait_for(lambda: sending_answer(lab, INFO) == 250, 10, "sending")


def test_a_domain_and_the_server(lab):
    assert done(lab, "domain", "restrict", "lab-en.example")["standing"] == "restricted"
    try:
        assert sending_answer(lab, DAVE) == 525
        assert sending_answer(lab, KEIRI) == 250
    finally:
        assert done(lab, "domain", "restore", "lab-en.example")["standing"] == "normal"
    assert sending_answer(lab, DAVE) == 250
    assert done(lab, "server", "stop-sending", "--reason", "試験")["standing"] == "restricted"
    try:
        assert sending_answer(lab, KEIRI) == 525
    finally:
        assert done(lab, "server", "resume-sending")["standing"] == "normal"
    assert sending_answer(lab, KEIRI) == 250
    assert sekimori(lab, "domain", "restrict", "far.example").code == 1


# Accounts


def test_add_an_account_and_change_its_password(lab):
    address = f"new-{uuid.uuid4().hex[:8]}@lab-ja.example"
    added = done(lab, "account", "add", address, "--name", "新しい 人", "--password-stdin",
                 stdin="Hatsuyuki-no-asa-41\n")
    assert added["address"] == address and "password" not in added
    assert signs_in(lab, address, password="Hatsuyuki-no-asa-41")
    wait_for(lambda: sekimori(lab, "account", "show", address).code == 0, 10, "the daemon knows it")
    assert done(lab, "account", "show", address)["name"] == "新しい 人"
    assert sekimori(lab, "account", "add", address, "--generate").code == 1, "taken"
    assert sekimori(lab, "account", "add", "x@far.example", "--generate").code == 1, "no domain"
    assert sekimori(lab, "account", "add", address, "--password-stdin", stdin="short\n").code == 1
    assert sekimori(lab, "account", "add", address).code == 1, "no terminal to ask at"

    made = done(lab, "account", "password", address, "--generate")
    assert len(made["password"]) == 19 and made["cache_flushed"]
    assert "ハイフン" in made["reading"]["ja"] and "hyphen" in made["reading"]["en"].lower()
    assert signs_in(lab, address, password=made["password"])
    with lab.submission(address, password=made["password"]) as smtp:
        smtp.noop()
    refused = sekimori(lab, "account", "password", address, "--password-stdin", "--json",
                       stdin=f"{address}\n")
    assert refused.code == 1
    assert "contains_address" in [one["code"] for one in refused.json["error"]["problems"]]
    again = done(lab, "account", "password", address, "--password-stdin", stdin="Kumo-to-tsuki-83\n")
    assert "password" not in again
    # At once, although Dovecot's cache holds the old one for an hour.
    assert not signs_in(lab, address, password=made["password"])
    assert signs_in(lab, address, password="Kumo-to-tsuki-83")
    assert sekimori(lab, "account", "password", "nobody@lab-ja.example", "--generate").code == 1


def test_recovery_code(lab):
    code = done(lab, "account", "recovery-code", KEIRI)
    assert len(code["code"]) >= 12
    assert code["code"] != done(lab, "account", "recovery-code", KEIRI)["code"]
    assert sekimori(lab, "account", "recovery-code", "nobody@lab-ja.example").code == 1


# Held mail


def test_release_and_delete_held_mail(lab):
    login = "carol@lab-en.example"
    subject, queue_id = hold_a_message(lab, login)
    assert queue_id in sekimori(lab, "hold", "list").out
    assert not lab.sink.mails(subject=subject)
    assert done(lab, "hold", "release", queue_id, "--reason", "確認済み")["state"] == "released"
    lab.sink.wait_for(subject=subject)
    assert sekimori(lab, "hold", "release", queue_id).code == 1, "released already"

    gone, gone_id = hold_a_message(lab, login)
    assert done(lab, "hold", "delete", gone_id)["state"] == "deleted"
    wait_for(lambda: gone_id not in [entry["queue_id"] for entry in lab.queue()], 10, "deleted")
    assert not lab.sink.mails(subject=gone)
    done(lab, "account", "restore", login)


def test_release_all_with_the_daemon(lab):
    login = "bob@lab-en.example"
    subject, queue_id = hold_a_message(lab, login)
    foreign = lab.send(DAVE, "a@far.example")
    report = done(lab, "release-all", "--reason", "試験")
    assert report["released"] >= 1 and report["failed"] == 0 and report["complete"]
    lab.sink.wait_for(subject=subject)
    lab.sink.wait_for(subject=foreign)
    assert queue_id not in [hold["queue_id"] for hold in held(lab, login)]
    done(lab, "account", "restore", login)


# Rules and handles


def test_address_rules(lab):
    stranger = "198.51.100.77"
    assert signs_in(lab, KEIRI, client=stranger)
    rule = done(lab, "ip", "deny", "198.51.100.64/27", "--reason", "試験", "--expires", "24h")
    try:
        assert rule["action"] == "deny" and rule["expires"]
        wait_for(lambda: not signs_in(lab, KEIRI, client=stranger), 10, "refused from there")
        assert signs_in(lab, KEIRI, client="192.0.2.20")
        assert [r["network"] for r in done(lab, "ip", "list")["items"]] == ["198.51.100.64/27"]
        done(lab, "ip", "allow", stranger, "--reason", "試験")
        wait_for(lambda: signs_in(lab, KEIRI, client=stranger), 10, "the longer prefix decides")
    finally:
        done(lab, "ip", "unblock", "198.51.100.64/27")
    done(lab, "ip", "unblock", stranger)
    assert done(lab, "ip", "list")["items"] == []
    assert sekimori(lab, "ip", "unblock", stranger).code == 1
    assert sekimori(lab, "ip", "deny", stranger, "--reason", "x", "--expires", "soon").code == 2


def test_bypass_with_the_daemon(lab):
    done(lab, "account", "suspend", DAVE)
    try:
        wait_for(lambda: not signs_in(lab, DAVE), 10, "suspended")
        assert done(lab, "bypass", "on", "--reason", "試験") == {"bypass": True}
        try:
            wait_for(lambda: signs_in(lab, DAVE), 10, "lifted")
            assert sending_answer(lab, DAVE) == 250
            assert "bypass on" in sekimori(lab, "health", "--lang", "en").out
        finally:
            assert done(lab, "bypass", "off") == {"bypass": False}
        wait_for(lambda: not signs_in(lab, DAVE), 10, "in force again")
    finally:
        done(lab, "account", "restore", DAVE)


def test_replay_without_a_lab(lab, tmp_path):
    events = tmp_path / "events.ndjson"
    events.write_text("".join(json.dumps(
        {"t": 1_700_000_000 + n * 60, "kind": "submission", "account": "a@b.example",
         "ip": "192.0.2.1", "helo": "h", "from": "a@b.example", "to": [f"r{n}@far.example"],
         "size": 1000, "queue_id": f"Q{n}"}) + "\n" for n in range(3)))
    out = tmp_path / "decisions.ndjson"
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    first = subprocess.run([program, "replay", events, "--decisions", out, "--hash"], timeout=60)
    assert first.returncode == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["accepted"] for line in lines if line.get("kind") == "answer"] == [1, 1, 1]
    with open(events, "a") as file:
        file.write("not JSON\n")
    second = subprocess.run([program, "replay", events, "--decisions", out], timeout=60,
                            capture_output=True, text=True)
    assert second.returncode == 3 and ":4:" in second.stderr
    assert subprocess.run([program, "replay", tmp_path / "none"], timeout=60,
                          capture_output=True).returncode == 1


# With the daemon dead


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """A lab whose daemon was killed while it held a message."""
    directory = tmp_path_factory.mktemp("dead") / "lab"
    lab = labkit.start_lab(directory)
    try:
        lab.held = [hold_a_message(lab, "jiro@lab-ja.example")]
        lab.kill_daemon()
        yield lab
    finally:
        labkit.stop_lab(directory)


def test_dead_lists_and_shows(dead):
    assert len(done(dead, "account", "list")["items"]) == len(dead.passwords)
    assert done(dead, "account", "show", KEIRI)["standing"] == "normal"
    assert [hold["queue_id"] for hold in held(dead, "jiro@lab-ja.example")] \
        == [queue_id for _, queue_id in dead.held]
    assert done(dead, "incident", "list")["total"] >= 0


def test_dead_release_all(dead):
    for subject, _ in dead.held:
        assert not dead.sink.mails(subject=subject)
    report = done(dead, "release-all", "--reason", "試験")
    assert report["released"] == len(dead.held) and report["complete"]
    for subject, _ in dead.held:
        dead.sink.wait_for(subject=subject)
    assert held(dead, "jiro@lab-ja.example") == []


def test_dead_standings(dead):
    done(dead, "account", "restore", "jiro@lab-ja.example")
    warm = dead.imap(KEIRI)
    outcome = done(dead, "account", "restrict", KEIRI, "--reason", "試験")
    assert outcome["standing"] == "restricted" and outcome["by"] == "cli:root"
    assert sending_answer(dead, KEIRI) == 525
    assert done(dead, "account", "suspend", KEIRI)["standing"] == "suspended"
    assert not signs_in(dead, KEIRI)
    with pytest.raises((imaplib.IMAP4.error, OSError)):
        for _ in range(200):
            warm.noop()
    assert done(dead, "account", "show", KEIRI)["standing"] == "suspended"
    waiting = dead.send(DAVE, KEIRI)
    wait_for(lambda: dead.queue(), 10, "mail waiting in the queue")
    # On a server without other mail, Postfix's qmgr remembers the last address it asked about for
    # 30 s (resolve_clnt), so the first try after the restore may still be put off: the daemon looks
    # again, and a command without it says that this step waits (exit status 3).
    restored = sekimori(dead, "account", "restore", KEIRI, "--json")
    assert restored.code in (0, 3) and restored.json["standing"] == "normal", restored.err
    assert signs_in(dead, KEIRI) and sending_answer(dead, KEIRI) == 250
    dead.wait_in_mailbox(KEIRI, waiting, deadline=60)
    steps = done(dead, "incident", "show", outcome["incident"])["steps"]
    assert {"write_guard", "flush_auth_cache", "kick_sessions"} \
        <= {step["kind"] for step in steps if step["state"] == "done"}
    assert any(step["kind"] == "requeue_waiting" and step["tries"] > 0 for step in steps), steps
    assert done(dead, "domain", "restrict", "lab-en.example")["standing"] == "restricted"
    assert sending_answer(dead, DAVE) == 525
    assert done(dead, "domain", "restore", "lab-en.example")["standing"] == "normal"


def test_dead_bypass(dead):
    done(dead, "account", "suspend", DAVE)
    assert not signs_in(dead, DAVE)
    assert done(dead, "bypass", "on") == {"bypass": True}
    assert signs_in(dead, DAVE) and sending_answer(dead, DAVE) == 250
    assert done(dead, "bypass", "off") == {"bypass": False}
    assert not signs_in(dead, DAVE)
    done(dead, "account", "restore", DAVE)


def hold_by_hand(lab, sender):
    """A message that somebody else put into the hold queue; returns its subject."""
    subprocess.run(["/usr/sbin/postconf", "-c", lab.inside["postfix"], "-e",
                    "smtpd_end_of_data_restrictions=", "defer_transports=smtp"], check=True)
    subprocess.run(["/usr/sbin/postfix", "-c", lab.inside["postfix"], "reload"], check=True,
                   capture_output=True)
    try:
        subject = lab.send(sender, "a@far.example")
        queue_id = wait_for(lambda: lab.queue(), 10, "it in the queue")[0]["queue_id"]
        subprocess.run(["/usr/sbin/postsuper", "-c", lab.inside["postfix"], "-h", queue_id],
                       check=True, capture_output=True)
    finally:
        subprocess.run(["/usr/sbin/postconf", "-c", lab.inside["postfix"], "-X",
                        "defer_transports"], check=True)
        subprocess.run(["/usr/sbin/postfix", "-c", lab.inside["postfix"], "reload"], check=True,
                       capture_output=True)
    return subject


def test_dead_with_helper_and_state_database_dead_too(dead):
    helper = int(pathlib.Path(dead.inside["run"], "helper.pid").read_text().split()[0])
    os.kill(helper, signal.SIGKILL)
    foreign = hold_by_hand(dead, DAVE)
    # What is not ours stays, unless every message is asked for.
    assert done(dead, "release-all")["released"] == 0
    assert [entry["queue_name"] for entry in dead.queue()] == ["hold"]

    database = pathlib.Path(dead.inside["home"]) / "state/sekimori.db"
    kept = database.read_bytes()
    database.write_bytes(os.urandom(8192))
    try:
        assert done(dead, "bypass", "on") == {"bypass": True}
        assert done(dead, "bypass", "off") == {"bypass": False}
        plain = sekimori(dead, "release-all", LANG="ja_JP.UTF-8")
        assert plain.code == 1 and "--every" in plain.err
        report = sekimori(dead, "release-all", "--every", "--json")
        assert report.code == 3, "without the record it is done in part"
        assert report.json["others"] == 1
    finally:
        database.write_bytes(kept)
    dead.sink.wait_for(subject=foreign)


def test_dead_and_up_again_agree(dead):
    """What the command line did without the daemon is what the daemon starts from."""
    done(dead, "account", "restrict", KEIRI, "--reason", "試験")
    repaired = labkit.run_script("up", "--detach", "--dir", dead.directory, "--port-base",
                                 dead.endpoints["smtp_port"])
    assert repaired.returncode == 0, repaired.stdout
    dead.reload()
    assert done(dead, "account", "show", KEIRI)["standing"] == "restricted"
    assert sending_answer(dead, KEIRI) == 525
    assert held(dead, "jiro@lab-ja.example") == []
    assert done(dead, "account", "restore", KEIRI)["standing"] == "normal"
    assert sending_answer(dead, KEIRI) == 250
