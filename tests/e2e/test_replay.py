"""A replay on the events' own clock: what it pools, what its circuit breaker does, and that it repeats."""

import json
import pathlib
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "build/sekimori"
DAY = 86400
START = 1_700_000_000 // DAY * DAY


def mail(t, account, to, ip, sketch=None):
    event = {"t": t, "kind": "submission", "account": account, "ip": ip, "helo": "h",
             "from": account, "to": to, "size": 4000 + t % 977, "queue_id": f"Q{account}{t}",
             "message_id": f"<{t}@pc>"}
    return {**event, "sketch": sketch} if sketch else event


def quiet_owners(count):
    """Six weeks of their mail."""
    return [mail(START + day * DAY + 9 * 3600 + n * 61, f"user{n}@example.jp",
                 [f"friend{(day + n) % 9}@partner.example"], f"192.0.2.{n}")
            for day in range(42) for n in range(count)]


def spray(account, t, messages, sketch):
    return [mail(t + 20 * i, account, [f"v{account}{i}-{k}@far{k}.example" for k in range(3)],
                 "198.51.100.66", sketch) for i in range(messages)]


def replayed(tmp_path, events, config=""):
    path, out, settings = tmp_path / "e.ndjson", tmp_path / "d.ndjson", tmp_path / "c.toml"
    path.write_text("".join(json.dumps(e) + "\n" for e in sorted(events, key=lambda e: e["t"])))
    settings.write_text(config)
    options = ["--config", settings] if config else []
    done = subprocess.run([PROGRAM, "replay", path, "--decisions", out, "--hash", *options],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return lines[:-1], lines[-1]


def test_pools_what_two_victims_share(tmp_path):
    attacked = START + 42 * DAY
    victims = (spray("user0@example.jp", attacked, 10, "00000000feed0001")
               + spray("user1@example.jp", attacked + 600, 10, "00000000feed0001"))
    suspicion = {}
    for sketch in ("00000000feed0003", "0123456789abcdef"):
        third = mail(attacked + 1800, "user2@example.jp", ["one@far.example"], "192.0.2.2", sketch)
        events = quiet_owners(12) + victims + [third]
        lines, summary = replayed(tmp_path, events)
        assert replayed(tmp_path, events)[1]["state_hash"] == summary["state_hash"]
        suspicion[sketch] = [line["log_r"] for line in lines if line["kind"] == "answer"
                             and line["account"] == "user2@example.jp"][-1]
    near, other = suspicion.values()
    assert near > other + 1.5


def test_holds_where_it_would_stop_too_many(tmp_path):
    attacked = START + 42 * DAY
    events = quiet_owners(30)
    for n in range(28):
        events += spray(f"user{n}@example.jp", attacked + 1500 * n, 60, None)
    lines, summary = replayed(tmp_path, events, "[detect]\nbreaker_floor = 20\n")
    assert summary["restrictions"] == 21
    held = [line for line in lines if line.get("rule") == "hold_breaker"]
    assert {line["account"] for line in held} <= {f"user{n}@example.jp" for n in range(21, 28)}
    last = [line for line in lines if line["kind"] == "answer"
            and line["account"] == "user27@example.jp"][-20:]
    assert all(line["accepted"] == 0 for line in last) and last[-1]["held"] == 3
    # A wave of this size is stopped as it is, and so is any without the breaker.
    assert replayed(tmp_path, events)[1]["restrictions"] == 28
    assert replayed(tmp_path, events, "[detect]\nfalse_alarm_budget = 0\n")[1]["restrictions"] == 28
