"""What colleagues noted of an account, and how full its mailbox is, on the command line: over the
same API as the panel."""

import uuid

import pytest

from clikit import done, sekimori
from labkit import wait_for


def test_notes_are_listed_and_added(lab, people):
    person, other, _ = people
    assert "ありません" in sekimori(lab, "account", "notes", person, "--lang", "ja").out
    first, second = (f"電話しました {uuid.uuid4().hex}\n折り返し待ち。", f"done {uuid.uuid4().hex}")
    said = sekimori(lab, "account", "note", person, first, "--lang", "ja")
    assert said.code == 0 and person in said.out, said.err
    done(lab, "account", "note", person.upper(), second)
    items = done(lab, "account", "notes", person)["items"]
    assert [one["text"] for one in items] == [second, first]
    assert items == lab.api.get(f"/accounts/{person}/notes")["items"]
    shown = sekimori(lab, "account", "notes", person)
    assert shown.code == 0 and shown.out.index(second) < shown.out.index(first)
    assert items[0]["who"] in shown.out
    # Nobody else's, and who is not here has none.
    assert done(lab, "account", "notes", other)["items"] == []
    assert sekimori(lab, "account", "note", "no@where.example", "x").code == 1
    assert sekimori(lab, "account", "note", person, "").code == 2
    assert sekimori(lab, "account", "note", person).code == 2


# Whole KiB: Dovecot rounds a limit up to them.
@pytest.mark.parametrize("quota, of", [(30_720, "31 KB"), (0, "no limit")])
def test_the_quota_is_shown(lab, people, quota, of):
    person = people[0]
    lab.store_rows("UPDATE mailbox SET quota = ? WHERE username = ?", quota, person)
    lab.deliver("friend@far.example", person, body="x" * 28_000)

    def use():
        found = done(lab, "account", "show", person)["mailbox"]
        return found if (found["used_bytes"] or 0) > 28_000 else None

    assert wait_for(use, 30, "the message counted")["limit_bytes"] == quota
    line = next(line for line in sekimori(lab, "account", "show", person).out.splitlines()
                if line.startswith("mailbox"))
    assert f"/ {of}" in line, line
    assert ("full" in line) == (quota != 0), line
