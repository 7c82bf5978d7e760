"""Everyone concerned hears of a containment, once, whatever dies meanwhile: the owner outside and in
the mailbox, the domain's admin, the operators, a webhook; and who cannot be written to is called."""

import contextlib
import hashlib
import hmac
import json
import pathlib
import secrets
import sqlite3
import subprocess

import pytest

from labkit import wait_for

OPERATORS = "postmaster@lab-en.example"


class Person:
    """A fresh mailbox with a name, a contact and a domain admin of its own."""

    def __init__(self, lab, contact=True):
        self.lab = lab
        self.address, self.admin, *_ = lab.hire(2)
        self.domain = self.address.partition("@")[2]
        self.elsewhere = f"{secrets.token_hex(5)}@elsewhere.example" if contact else ""
        # As if it had stood there for long: a contact written after the takeover is not believed.
        with contextlib.closing(sqlite3.connect(lab.endpoints["database"], timeout=10)) as store:
            with store:
                store.execute("UPDATE mailbox SET name = '山田 太郎', phone = '090-0000-0009', "
                              "email_other = ?, modified = datetime('now', '-30 days') "
                              "WHERE username = ?", (self.elsewhere, self.address))
                store.execute("UPDATE domain SET description = '顧客番号 A-1024' WHERE domain = ?",
                              (self.domain,))
                store.execute("INSERT INTO admin(username, password, created, modified) "
                              "VALUES(?, 'x', datetime(), datetime())", (self.admin,))
                store.execute("INSERT INTO domain_admins(username, domain, created) "
                              "VALUES(?, ?, datetime())", (self.admin, self.domain))

    def change(self, what, reason="a test of telling"):
        return self.lab.api.change(what, "account", self.address, reason=reason)

    def outside(self):
        return self.lab.sink.mails(to=self.elsewhere)

    def told(self, login):
        """Subjects in a mailbox here that name this person."""
        return [subject for subject in self.lab.subjects(login) if self.address in subject]

    def rows(self):
        """(kind, channel, audience, state) of the outbox, oldest first."""
        database = pathlib.Path(self.lab.inside["home"]) / "state/sekimori.db"
        with contextlib.closing(sqlite3.connect(database, timeout=10)) as store:
            return store.execute("SELECT told, channel, audience, state FROM notice "
                                 "WHERE subject = ? ORDER BY id", (self.address,)).fetchall()

    def hooks(self):
        """Webhook requests about this person, oldest first."""
        found = [json.loads(path.read_text()) for path in sorted(
            (self.lab.sink.directory / "webhooks").glob("*.json"))]
        return [hook for hook in found
                if json.loads(hook["body"])["subject"]["id"] == self.address]

    def all_delivered(self):
        def done():
            rows = self.rows()
            return rows and all(state != "waiting" for *_, state in rows)
        wait_for(done, 40, f"all notices about {self.address} delivered: {self.rows()}")


@pytest.fixture
def person(lab):
    return Person(lab)


def test_a_restriction_is_told_to_everybody_once(lab, person):
    for _ in range(3):
        person.change("restrict")
    person.all_delivered()
    [mail] = lab.sink.wait_for(to=person.elsewhere)
    assert wait_for(lambda: len(person.told(person.address)) == 1, 20)
    assert wait_for(lambda: len(person.told(person.admin)) == 1, 20)
    assert wait_for(lambda: len(person.told(OPERATORS)) == 1, 20)
    # What the owner reads: whom, what, why, what to do and where to ask, in both languages.
    text = mail.content.get_content()
    for said in ("山田 太郎 様", person.address, "a test of telling", "ウイルスチェック",
                 lab.endpoints["portal_url"], "新しいパスワード", "0120-000-000",
                 "Check your computers"):
        assert said in text, (said, text)
    assert mail.content["Auto-Submitted"] == "auto-generated"
    assert mail.content["From"].addresses[0].addr_spec == "sekimori@lab-en.example"
    assert "ラボのメールサービス" in str(mail.content["From"])
    raw = mail.path.read_bytes()
    assert raw.isascii() and max(len(line) for line in raw.splitlines()) <= 998
    assert not mail.content.defects
    # In the mailbox the same words and nothing secret.
    inside = lab.newest(person.address).get_content()
    assert lab.passwords[person.address] not in inside and "確認コード" not in inside

    # Killed and started again, asked again: still once.
    lab.kill_daemon()
    lab.start_daemon()
    person.change("restrict")
    person.all_delivered()
    assert len(person.outside()) == 1
    assert len(person.told(person.address)) == 1 and len(person.told(person.admin)) == 1

    person.change("restore")
    person.all_delivered()
    assert len(lab.sink.wait_for(to=person.elsewhere, count=2)) == 2
    restored = person.outside()[-1]
    assert "元どおり" in restored.subject and "1 通送って" in restored.content.get_content()
    assert wait_for(lambda: len(person.told(person.address)) == 2, 20)

    # Contained again says so.
    person.change("restrict")
    again = lab.sink.wait_for(to=person.elsewhere, count=3)[-1]
    assert "再び" in again.subject
    person.change("restore")


def test_a_notice_survives_kill_9_at_once(lab, person):
    person.change("suspend")
    lab.kill_daemon()  # whatever it was just doing
    lab.start_daemon()
    person.all_delivered()
    ids = {mail.content["Message-ID"] for mail in lab.sink.wait_for(to=person.elsewhere)}
    assert len(ids) == 1  # at least once, and if twice then as the same message
    assert wait_for(lambda: person.told(OPERATORS), 20)
    person.change("restore")


def test_who_cannot_be_written_to_is_called(lab):
    person = Person(lab, contact=False)
    person.change("suspend")
    wait_for(lambda: ("suspended", "call", "owner", "sent") in person.rows(), 20)
    person.all_delivered()
    # Nothing goes into a mailbox that cannot be read, nor to nobody.
    assert not [row for row in person.rows() if row[2] == "mailbox"]
    [subject] = wait_for(lambda: person.told(OPERATORS), 20)
    assert "call-sheet" in lab.newest(OPERATORS).get_content()
    health = {item["name"]: item for item in lab.api.get("/health")["items"]}
    assert health["notices"]["level"] == "warning"
    person.change("restore")
    wait_for(lambda: ("suspended", "call", "owner", "acknowledged") in person.rows(), 20)


def test_a_webhook_is_signed_and_tried_again(lab, person):
    answers = lab.sink.directory / "webhooks/answers"
    answers.write_text("500 503")
    answers.chmod(0o666)
    person.change("restrict")
    hooks = wait_for(lambda: len(found := person.hooks()) >= 3 and found, 40)
    assert [hook["status"] for hook in hooks] == [500, 503, 200]
    secret = (pathlib.Path(lab.inside["home"]) / "etc/secrets/webhook").read_bytes().strip()
    for hook in hooks:
        parts = dict(part.split("=", 1) for part in hook["headers"]["x-sekimori-signature"].split(","))
        expected = hmac.new(secret, f"{parts['t']}.{hook['body']}".encode(), hashlib.sha256)
        assert hmac.compare_digest(parts["v1"], expected.hexdigest())
    assert len({hook["headers"]["x-sekimori-delivery"] for hook in hooks}) == 1
    body = json.loads(hooks[-1]["body"])
    assert body["kind"] == "restricted" and body["summary"]["ja"]
    person.change("restore")


def test_postfix_that_is_down_gets_them_later(lab, person):
    postfix = ["/usr/sbin/postfix", "-c", lab.inside["postfix"]]
    subprocess.run([*postfix, "stop"], check=True, capture_output=True, timeout=60)
    try:
        person.change("restrict")
        wait_for(lambda: any(row[1] == "mail" and row[3] == "waiting" for row in person.rows()), 20)

        def failing():
            health = {item["name"]: item for item in lab.api.get("/health")["items"]}
            return health["notices"]["level"] == "failing"
        wait_for(failing, 20, "health saying that notices fail")
    finally:
        subprocess.run([*postfix, "start"], check=True, capture_output=True, timeout=60)
    person.all_delivered()
    assert len(lab.sink.wait_for(to=person.elsewhere)) == 1
    person.change("restore")


def test_own_texts_are_checked(lab, tmp_path):
    config = tmp_path / "sekimori.toml"
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "restricted.owner.ja.txt").write_text("Subject: x\n\n{adress} さま\n")
    config.write_text(f'[notices]\ntemplate_dir = "{texts}"\n')
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    done = subprocess.run([program, "config", "check", config], text=True, capture_output=True,
                          timeout=30)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "restricted.owner.ja.txt:3" in said and "{adress}" in said
    assert "did you mean address?" in said or "「address」" in said


def test_mail_that_waits_for_a_person_is_told_once(lab, person):
    strangers = [f"s{number}@strangers{number % 5}.example" for number in range(60)]
    lab.send(person.address, strangers, client="192.0.2.10")
    [hold] = wait_for(lambda: lab.api.holds(person.address), 20, "it held")
    try:
        assert hold["kind"] == "asked" and hold["incident"]
        person.all_delivered()
        told = [row for row in person.rows() if row[0] == "held_asked"]
        assert {audience for _, _, audience, _ in told} >= {"owner", "operators"}, told
        assert len(person.outside()) == 1
        # Another life of the daemon tells nobody again.
        lab.kill_daemon()
        lab.start_daemon()
        person.all_delivered()
        assert [row for row in person.rows() if row[0] == "held_asked"] == told
    finally:
        lab.api.call("POST", f"/holds/{hold['queue_id']}/delete", {"reason": "a test's end"})
