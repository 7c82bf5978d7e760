"""sekimori analyze over the laboratory's own mail log: the hijacked account is named, its owner's
neighbours are not; also packed and through a pipe, and as a page for a browser."""

import gzip
import json
import pathlib
import re
import subprocess

from labkit import message

ABROAD = [f"198.51.100.{first}" for first in (65, 97, 129, 161, 193)]  # as lab/make_geoip.pl says
MESSAGES, RECIPIENTS = 40, 15


def analyze(lab, *words, stdin=None):
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    done = subprocess.run([program, "--config", lab.endpoints["config"], *map(str, words)],
                          input=stdin, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_names_the_hijacked_account_and_no_neighbour(lab, tmp_path):
    thief, *neighbours = lab.hire(3)
    for turn in range(3):
        for number, person in enumerate(neighbours):
            lab.send(person, neighbours[1 - number], client=f"192.0.2.{60 + number}")
    # Nobody stops it: what the log shows then is the whole run.
    lab.api.call("POST", "/bypass", {"on": True})
    try:
        for turn in range(MESSAGES):
            to = [f"v{turn}x{k}@far{k}.example" for k in range(RECIPIENTS)]
            with lab.submission(thief, ABROAD[turn % len(ABROAD)]) as smtp:
                smtp.send_message(message(thief, "undisclosed-recipients:;"), thief, to)
    finally:
        lab.api.call("POST", "/bypass", {"on": False})
    lab.wait_in_maillog(rf"to=<v{MESSAGES - 1}x{RECIPIENTS - 1}@far.*status=")

    log = tmp_path / "mail.log"
    log.write_text(lab.maillog())
    told = json.loads(analyze(lab, "--json", "analyze", log))
    totals = told["totals"]
    assert totals["lines"] == log.read_text().count("\n")
    assert totals["unknown_lines"] == 0, told["unknown"]
    for status in ("sent", "deferred", "bounced"):
        assert totals[status] == len(re.findall(rf" to=<.* status={status} ", log.read_text()))
    for key in ("connects", "rejected", "submissions", "auth_failures"):
        assert isinstance(totals[key], int)
    accounts = {account["address"]: account for account in told["accounts"]}
    hijacked = accounts[thief]
    assert hijacked["verdict"] == "hijacked" and hijacked["reasons"]
    assert hijacked["submissions"] == MESSAGES and hijacked["addresses"] == len(ABROAD)
    assert hijacked["recipients"] == MESSAGES * RECIPIENTS
    assert [accounts[person]["verdict"] for person in neighbours] == ["normal", "normal"]

    def figures(text):
        again = json.loads(text)
        return again["totals"], again["accounts"], again["guessers"]

    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    expected = (totals, told["accounts"], told["guessers"])
    assert figures(analyze(lab, "--json", "analyze", packed)) == expected
    assert figures(analyze(lab, "--json", "analyze", "--threads", 1,
                           stdin=log.read_bytes())) == expected

    page = tmp_path / "report.html"
    words = analyze(lab, "--lang", "en", "analyze", log, "--html", page)
    assert f"hijacked  {thief}" in words
    html = page.read_text()
    assert thief in html and "<script" not in html and "http://" not in html
    missing = lab.sekimori("analyze", log, tmp_path / "none")
    assert missing.returncode == 3 and str(tmp_path / "none") in missing.stderr
    assert lab.sekimori("analyze", tmp_path / "none").returncode == 1
