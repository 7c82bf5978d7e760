"""A newsletter to sixty strangers: held when nobody was asked, delivered when somebody approved it
beforehand, up to what was approved and by nobody else, whatever happens to the daemon."""

import json
import urllib.parse

import pytest

from labkit import wait_for

READERS = 60
HOME = "192.0.2.10"


@pytest.fixture
def sender(lab, people):
    """An owner who writes to his contacts from home, as on any day."""
    for contact in ("one@contacts.example", "two@contacts.example"):
        lab.sink.wait_for(subject=lab.send(people[0], contact, client=HOME))
    yield people[0]
    if not lab.daemon_runs():
        lab.start_daemon()
    lab.api.call("POST", "/release-all", {"reason": "a test's end"})
    wait_for(lambda: not lab.queued(people[0]), 20, "it gone from the queue")


def readers(name, count=READERS):
    return [f"{name}{number}@readers{number % 7}.example" for number in range(count)]


def approvals(lab, person):
    return lab.api.get(f"/accounts/{urllib.parse.quote(person)}/approvals")["items"]


def approve(lab, person, **terms):
    return lab.api.call("POST", f"/accounts/{urllib.parse.quote(person)}/approvals",
                        {"reason": "spring news", **terms})


def arrived(lab, subject, recipients):
    """All of them have it, once."""
    def whole():
        found = [one for mail in lab.sink.mails(subject=subject) for one in mail.recipients]
        return found if len(found) >= len(recipients) else None

    assert sorted(wait_for(whole, 30, f"{subject} with everybody")) == sorted(recipients)


def held(lab, person):
    return [hold for hold in lab.api.holds(person) if hold["state"] == "held"]


def test_without_approval_it_waits(lab, sender):
    subject = lab.send(sender, readers("w"), client=HOME)
    wait_for(lambda: held(lab, sender), 20, "it held")
    assert not lab.sink.mails(subject=subject)
    assert approvals(lab, sender) == []


def test_approved_it_is_delivered_and_beyond_it_is_held(lab, sender):
    before = lab.api.metrics()
    made = approve(lab, sender, recipients=100, per_message=60)
    assert made["state"] == "active" and made["open_since"]
    subject = lab.send(sender, readers("a"), client=HOME)
    arrived(lab, subject, readers("a"))
    account = lab.api.account(sender)
    assert account["standing"] == "normal" and not account["holds"]
    [seen] = approvals(lab, sender)
    assert seen["used"]["recipients"] == READERS and seen["used"]["messages"] == 1
    # Forty are left of it; sixty more wait for a person.
    beyond = lab.send(sender, readers("b"), client=HOME)
    wait_for(lambda: held(lab, sender), 20, "what goes beyond it held")
    assert not lab.sink.mails(subject=beyond)
    after = lab.api.metrics()
    grown = "sekimori_approved_recipients_total"
    assert after[grown] - before[grown] == READERS
    told = [entry for entry in lab.api.audit(sender) if entry["action"] == "approve"]
    assert [entry["why"] for entry in told] == ["spring news"]


def test_it_stays_in_force_over_a_restart_and_kill_9(lab, sender):
    made = approve(lab, sender, recipients=200, per_message=60)
    arrived(lab, lab.send(sender, readers("r"), client=HOME), readers("r"))
    for end in (lab.kill_daemon, lab.stop_daemon):
        before = lab.quiet_state_hash()
        end()
        lab.start_daemon()
        assert lab.recovered_state_hash() == before
    [seen] = approvals(lab, sender)
    assert (seen["id"], seen["state"]) == (made["id"], "active")
    assert seen["used"]["recipients"] == READERS
    arrived(lab, lab.send(sender, readers("s"), client=HOME), readers("s"))
    lab.kill_daemon()
    lab.start_daemon()
    [seen] = approvals(lab, sender)
    assert seen["used"]["recipients"] == 2 * READERS
    # Given anew after a crash it has a number of its own.
    assert approve(lab, sender, recipients=5)["id"] > made["id"]


def test_a_thief_elsewhere_gains_nothing(lab, sender):
    approve(lab, sender, recipients=500, per_message=60)
    subject = lab.send(sender, readers("t"), client="203.0.113.77")
    wait_for(lambda: held(lab, sender) or lab.api.account(sender)["standing"] != "normal", 20,
             "it stopped")
    assert not lab.sink.mails(subject=subject)
    [seen] = approvals(lab, sender)
    assert (seen["state"], seen["cause"]) == ("suspended", "new_place")
    assert seen["cause_text"]["ja"] and seen["cause_text"]["en"]
    wait_for(lambda: any(entry["action"] == "approval_suspend" and entry["who"] == "machine"
                         for entry in lab.api.audit(sender)), 20, "the audit saying so")


def test_a_containment_suspends_it_until_somebody_looked(lab, sender):
    made = approve(lab, sender, recipients=500, per_message=60)
    lab.api.change("restrict", "account", sender, reason="a test")
    lab.api.change("restore", "account", sender, reason="a test")
    [seen] = approvals(lab, sender)
    assert (seen["state"], seen["cause"]) == ("suspended", "contained")
    lab.send(sender, readers("c"), client=HOME)
    wait_for(lambda: held(lab, sender), 20, "the newsletter held")
    lab.kill_daemon()
    lab.start_daemon()
    assert approvals(lab, sender)[0]["state"] == "suspended"
    again = lab.api.call("POST", f"/approvals/{made['id']}/resume", {"reason": "it was his"})
    assert again["state"] == "active"
    arrived(lab, lab.send(sender, readers("g"), client=HOME), readers("g"))


def test_the_command_line_speaks_of_them(lab, sender):
    def run(*words):
        done = lab.sekimori(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    told = run("--lang", "ja", "account", "approve", sender, "--recipients", "120",
               "--per-message", "60", "--repeat", "monthly", "--days", "1,last", "--start",
               "09:00", "--minutes", "240", "--zone", "Asia/Tokyo", "--reason", "毎月のお知らせ")
    assert "毎月 1 日・末日" in told and "有効" in told
    [made] = json.loads(run("--json", "account", "approvals", sender))["items"]
    assert made["zone"] == "Asia/Tokyo" and made["days"] == ["1", "last"]
    assert "each month on 1, last" in run("--lang", "en", "account", "approvals", sender)
    assert "active" in run("--lang", "en", "account", "approvals", sender)
    assert run("--lang", "en", "account", "approval-suggestions", sender)
    run("account", "approval-end", str(made["id"]), "--reason", "over")
    assert "ended" in run("--lang", "en", "account", "approvals", sender)
    wrong = lab.sekimori("account", "approve", sender, "--recipients", "10", "--zone",
                         "Mars/Olympus")
    assert wrong.returncode != 0 and "Mars/Olympus" in wrong.stderr
    gone = lab.sekimori("account", "approval-resume", str(made["id"]))
    assert gone.returncode != 0


def test_replay_shows_what_an_approval_would_change(lab, tmp_path):
    def line(**keys):
        return json.dumps({"account": "news@old.example", **keys})

    def newsletter(minute, name):
        return line(t=f"2026-03-02T01:{minute}:00Z", kind="submission", queue_id=name, size=20000,
                    ip=HOME, to=readers(name))

    words = {"kind": "approval", "number": 1, "recipients": 100, "each": 60, "zone": "+09:00",
             "from": "2026-03-01T00:00:00Z", "until": "2026-12-01T00:00:00Z", "repeat": "monthly",
             "days": "2", "start": "09:00", "minutes": 120}
    events = [line(t="2026-03-02T00:59:00Z", **words), newsletter("00", "first"),
              newsletter("30", "second"),
              line(t="2026-03-02T01:40:00Z", kind="settings", what="forward"),
              newsletter("59", "third")]

    def rules(lines):
        (tmp_path / "events.ndjson").write_text("\n".join(lines) + "\n")
        done = lab.sekimori("replay", tmp_path / "events.ndjson")
        assert done.returncode == 0, done.stderr
        told = [json.loads(each) for each in done.stdout.splitlines()]
        return ([each["rule"] for each in told if each["kind"] == "answer"],
                [each["cause"] for each in told if each["kind"] == "approval"])

    answers, causes = rules(events)
    assert answers == ["approved", "hold_asked", "hold_asked"] and causes == ["settings"]
    assert rules(events[1:])[0][0] == "hold_asked"
