"""The stores' own tests on real servers, as they run on SQLite: PostgreSQL and MariaDB."""
import os
import re
import subprocess
import urllib.parse

import dbkit
import pytest
from labkit import ROOT, wait_for

# Tests of SQLite itself (its locks, its file), and of the account store's SQLite tables: the
# others', as PostfixAdmin makes them, are in AccountConformanceTest.
ON_SERVERS = ("StateStoreTest*:StateApprovals.*:DeskStoreTest.*:Notices.*:RecoveryStoreTest.*:"
              "WaysStoreTest.*:DamageStoreTest.*:WaitingStore.*:Returned.*:OperatorStoreTest.*:"
              "CaseStoreTest.*:Rules.*:RuleMigration.*:FigureStoreTest.*:BanStoreTest.*:"
              "EncryptionStoreTest.*:PolicyStoreTest.*:SwitchStoreTest.*:Migrations.*:"
              "AccountConformanceTest.*:"
              "-*OfPostfixadmin*")


ON_BOTH = pytest.mark.parametrize("server", [dbkit.postgresql, dbkit.mariadb],
                                  ids=["postgresql", "mariadb"])


@ON_BOTH
def test_the_stores_do_the_same_on_a_server(server):
    with server() as database:
        database.make("test")
        environment = dict(os.environ, SEKIMORI_TEST_DATABASE=database.url("test"))
        done = subprocess.run([ROOT / "build/store/store_test", f"--gtest_filter={ON_SERVERS}",
                               "--gtest_brief=1"], env=environment, text=True, capture_output=True,
                              timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    assert "PASSED" in done.stdout


@ON_BOTH
def test_the_daemon_keeps_its_records_on_a_server(site, server):
    """A containment, then the server away: mail flows, it is said, and what was decided meanwhile is
    there when it is back."""
    lab = site.lab
    first, second, friend = lab.hire()
    with server() as database:
        database.make("sekimori")
        config = site.config.with_name("on-a-server.toml")
        text, count = re.subn(r'^(\[store\]\n(?:.*\n)*?database = )".*"$',
                              rf'\1"{database.url("sekimori")}"', site.config.read_text(),
                              flags=re.M)
        assert count == 1
        config.write_text(text)
        site.stop()
        site.start(config=config)
        try:
            def standing(account):
                return database.sql("SELECT standing FROM standing WHERE id = "
                                    f"'{account}'", "sekimori")

            lab.api.change("suspend", "account", first, reason="a test")
            wait_for(lambda: standing(first) == ["suspended"], 20, "the standing in the server's database")
            site.settled()
            database.process.stop()
            subject = lab.send(second, friend, client="192.0.2.51")
            lab.wait_in_mailbox(friend, subject, 30)
            answer = lab.api.ask("POST", f"/accounts/{urllib.parse.quote(second)}/restrict",
                                 {"reason": "while it is away"})
            assert answer.status == 503 and "it is in force" in answer.body, answer.body
            assert lab.api.account(second)["standing"] == "restricted"
            wait_for(lambda: "state_db" in site.unwell(), 60, "the health report saying so")
            database.process.start()
            wait_for(lambda: standing(second) == ["restricted"], 90, "what was decided meanwhile")
            wait_for(lambda: not site.unwell(), 60, "all well again")
            for account in (first, second):
                lab.api.change("restore", "account", account, reason="a test's end")
            wait_for(lambda: standing(first) == ["normal"] or standing(first) == [], 20, "normal")
            assert lab.api.account(site.suspended)["standing"] == "suspended"
        finally:
            site.stop()
            site.start()
