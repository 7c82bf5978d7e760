"""The account over time: what was sent and who signed in is there within seconds, counted once also
where the daemon is killed in between."""

import urllib.parse

from labkit import wait_for

HOME = "192.0.2.61"


def figures(lab, account, **query):
    query = urllib.parse.urlencode(query)
    return lab.api.get(f"/accounts/{urllib.parse.quote(account)}/figures?{query}")


def sent(lab, account):
    items = figures(lab, account, steps=2)["items"]
    return (sum(one["messages"] for one in items), sum(one["recipients"] for one in items),
            sum(one["new_recipients"] for one in items))


def test_mail_and_sign_ins_are_counted_once(lab):
    account = lab.hire(1)[0]
    for to in ("one@friends.example", "two@friends.example", "one@friends.example"):
        lab.send(account, to, client=HOME)
    lab.imap(account).logout()
    wait_for(lambda: sent(lab, account) == (3, 3, 2), 30, "the figures of three messages")
    lab.kill_daemon()
    lab.start_daemon()
    lab.send(account, "three@friends.example", client=HOME)
    wait_for(lambda: sent(lab, account) == (4, 4, 3), 30, "the fourth beside the three")

    days = figures(lab, account, step="day", steps=3)
    assert len(days["items"]) == 3
    assert sum(one["recipients"] for one in days["items"]) == 4
    networks = {one["network"]: sum(one["counts"]) for one in days["networks"]}
    assert networks["192.0.2.0"] >= 4

    listed = lab.api.get(f"/accounts/{urllib.parse.quote(account)}/sign-ins")
    assert listed["total"] == len(listed["items"])
    home = [one for one in listed["items"] if one["ip"] == HOME and one["service"] == "smtp"]
    assert sum(one["count"] for one in home) == 4
    assert all(one["result"] == "ok" for one in home)
    assert lab.api.ask("GET", f"/accounts/{urllib.parse.quote(account)}/figures?step=year"
                       ).status == 400
    assert lab.api.ask("GET", "/accounts/nobody@nowhere.example/figures").status == 404
