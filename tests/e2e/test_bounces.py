"""Mail that comes back: what the account really sent is told apart from what a stranger sent in its
name, a complaint leads to whoever sent the mail, and a request to a blacklist says what happened."""

import base64
import datetime
import email.utils
import re
import time
import urllib.parse
import uuid

from labkit import wait_for

HOME = "192.0.2.10"
OUTSIDE = "203.0.113.7"
REPORTS = "reports@lab-en.example"
STAMP = "X-Sekimori-Account"


def bounces(lab, person):
    return lab.api.get(f"/accounts/{urllib.parse.quote(person)}/bounces")


def counts(lab, person):
    return bounces(lab, person)["counts"]


def notices(lab, person, kind):
    rows = lab.api.get("/notices?" + urllib.parse.urlencode({"account": person}))["items"]
    return [row for row in rows if row["kind"] == kind]


def returned(lab, person):
    """A bounce as a real Postfix writes it: the account wrote to somebody who does not exist."""
    lab.send(person, "bounce-nobody@far.example", client=HOME,
             Date=email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc)))
    lab.wait_in_mailbox(person, "Undelivered Mail Returned to Sender")
    # Its bytes as they are: what Python writes anew is folded anew.
    imap = lab.imap(person)
    try:
        imap.select("INBOX", readonly=True)
        [_, raw], _ = imap.fetch("*", "(BODY.PEEK[])")[1]
    finally:
        imap.logout()
    return raw


def forged(bounce):
    """The same, of a mail that went another way, from another's hands."""
    bounce = re.sub(rb"(?m)^" + STAMP.encode() + rb":.*(\r?\n[ \t].*)*\r?\n", b"", bounce)
    bounce = bounce.replace(b"mx.lab.example", b"relay.evil.example")
    bounce = re.sub(rb"(?mi)^(message-id:\s*)<[^>]*>",
                    lambda found: found[1] + f"<{uuid.uuid4().hex}@evil.example>".encode(), bounce)
    return re.sub(rb"(?m)(with \w+ id )\S+", rb"\g<1>4Evil0000000000", bounce)


def come_back(lab, person, bounce):
    """As another server returns it. Returns how long our Postfix took for it."""
    bounce = re.sub(rb"(?mi)\A(.*?^message-id:\s*)<[^>]*>",
                    lambda found: found[1] + f"<{uuid.uuid4().hex}@far.example>".encode(), bounce,
                    count=1, flags=re.S)
    with lab.mx(OUTSIDE) as smtp:
        began = time.monotonic()
        smtp.sendmail("", [person], bounce)
        return time.monotonic() - began


def test_ours_and_forged_are_told_apart_and_the_owner_hears_it_once(lab, people):
    person, other = people[0], people[1]
    before = lab.api.metrics()
    bounce = returned(lab, person)
    assert STAMP.encode() in bounce
    assert come_back(lab, person, bounce) < 2
    wait_for(lambda: counts(lab, person)["ours"] == 1, 30, "our own mail recognised")
    for number in range(2):
        come_back(lab, person, forged(bounce))
        wait_for(lambda: counts(lab, person)["forged"] == number + 1, 30, "a forged one recognised")
    assert not notices(lab, person, "spoofed"), "two are not yet a reason to write"
    come_back(lab, person, forged(bounce))
    told = wait_for(lambda: notices(lab, person, "spoofed"), 30, "the owner told")
    seen = bounces(lab, person)
    assert seen["counts"] == {"ours": 1, "forged": 3, "unknown": 0, "feedback": 0}
    assert seen["last"][0]["first_hop"] == "relay.evil.example"
    assert seen["last"][0]["status"] == "5.1.1" and seen["last"][0]["hard"]
    assert "no sign of a broken-into account" in seen["verdict"]["en"]
    assert all("relay.evil.example" in row["summary"]["en"] for row in told)
    wait_for(lambda: any("乗っ取りではありません" in subject
                         for subject in lab.subjects(person)), 30, "the letter in the mailbox")
    come_back(lab, person, forged(bounce))
    wait_for(lambda: counts(lab, person)["forged"] == 4, 30, "a fourth")
    assert len(notices(lab, person, "spoofed")) == len(told), "the same was told again"
    # The account got every bounce itself; another's mail was neither read nor kept waiting.
    wait_for(lambda: len([s for s in lab.subjects(person) if "Undelivered" in (s or "")]) == 6, 20,
             "all bounces in the mailbox, too")
    lab.wait_in_mailbox(other, lab.deliver("friend@elsewhere.example", other, client=OUTSIDE))
    after = lab.api.metrics()
    read = "sekimori_reports_read_total"
    assert after[read] - before[read] == 5, "only bounces are copied"
    assert counts(lab, other) == {"ours": 0, "forged": 0, "unknown": 0, "feedback": 0}
    shown = lab.sekimori("account", "bounces", person)
    assert shown.returncode == 0 and "relay.evil.example" in shown.stdout


def test_a_complaint_leads_to_the_sender_and_to_nobody_elses_eyes(lab, people):
    person, other = people[0], people[1]
    subject = lab.send(person, "reader@far.example", client=HOME, body="untouched\n")
    [mail] = lab.sink.wait_for(subject=subject)
    stamp = mail.content[STAMP]
    assert re.fullmatch(r"[\w-]{70}", stamp)
    assert person.partition("@")[0].encode() not in base64.urlsafe_b64decode(stamp + "==")
    assert mail.content.get_content().splitlines() == ["untouched"]
    assert len(mail.content.get_all(STAMP)) == 1
    [second] = lab.sink.wait_for(subject=lab.send(person, "reader@far.example", client=HOME))
    assert second.content[STAMP] != stamp, "two mails of one account could be linked"
    [bare] = lab.sink.wait_for(subject=lab.send("taro@lab-ja.example", "reader@far.example",
                                              client=HOME))
    assert STAMP not in bare.content, "a domain that wants no stamp"
    report = (f"From: fbl@isp.example\r\nTo: {REPORTS}\r\nSubject: complaint\r\n"
              f"Message-ID: <{uuid.uuid4().hex}@isp.example>\r\nMIME-Version: 1.0\r\n"
              "Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n"
              "--x\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
              "--x\r\nContent-Type: message/feedback-report\r\n\r\n"
              "Feedback-Type: abuse\r\nUser-Agent: isp/1\r\nVersion: 1\r\n\r\n"
              "--x\r\nContent-Type: text/rfc822-headers\r\n\r\n"
              f"From: redacted@redacted.example\r\n{STAMP}: {{}}\r\n\r\n--x--\r\n")
    # It comes while the account is contained: it is part of that incident.
    lab.api.change("restrict", "account", person, reason="a test")
    incident = lab.api.account(person)["incident"]["id"]
    with lab.mx(OUTSIDE) as smtp:
        smtp.sendmail("fbl@isp.example", [REPORTS], report.format(stamp))
        forged_stamp = ("B" if stamp[0] == "A" else "A") + stamp[1:]
        smtp.sendmail("fbl@isp.example", [REPORTS],
                      report.replace("Message-ID: <", "Message-ID: <x").format(forged_stamp))
    wait_for(lambda: counts(lab, person)["feedback"] == 1, 30, "the complaint charged")
    assert counts(lab, other)["feedback"] == 0
    assert bounces(lab, person)["last"][0]["reason"] == "abuse"
    wait_for(lambda: notices(lab, person, "complained"), 20, "the operators told")
    wait_for(lambda: lab.api.metrics()["sekimori_reports_unassigned_total"] >= 1, 20,
             "a stamp that is not ours is nobody's")
    notes = lab.api.get(f"/incidents/{incident}")["notes"]
    assert [note["action"] for note in notes] == ["complaint"] and "abuse" in notes[0]["words"]["en"]
    damage = lab.api.get(f"/incidents/{incident}/damage")
    assert [one["type"] for one in damage["complaints"]] == ["abuse"]
    assert "complaint" in [moment["kind"] for moment in damage["timeline"]]
    lab.api.change("restore", "account", person, reason="a test's end")


def test_a_request_to_a_blacklist_rests_on_facts(lab, people):
    person = people[2]
    lab.sink.wait_for(subject=lab.send(person, "reader@far.example", client=HOME))
    lab.api.change("suspend", "account", person, reason="a thief is in it")
    incident = lab.api.account(person)["incident"]["id"]

    def contained():
        made = lab.api.get(f"/incidents/{incident}/delisting")
        return made if "contained" in [done["what"] for done in made["actions"]] else None

    made = wait_for(contained, 20, "the containment among what was done")
    assert made["server"] == "mx.lab.example" and made["addresses"] == ["192.0.2.25"]
    assert person not in made["text"]["en"] and person.partition("@")[2] in made["account"]
    assert "sending from the account was stopped" in made["text"]["en"]
    assert "送信を止めました" in made["text"]["ja"]
    named = lab.sekimori("incident", "delisting", str(incident), "--named")
    assert named.returncode == 0 and person in named.stdout and "192.0.2.25" in named.stdout
    lab.api.change("restore", "account", person, reason="a test's end")
