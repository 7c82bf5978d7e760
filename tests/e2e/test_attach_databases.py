"""sekimori attach where Postfix and Dovecot read their accounts from PostgreSQL or MariaDB, with a
password: it finds the database, keeps the password out of everything but a file of its own, every
lever is proved, the daemon reads the accounts, and undo takes all of it back."""

import json
import pathlib
import shutil
import tempfile
import tomllib

import dbkit
import pytest
from labkit import ROOT, wait_for
from plainsite import ACCOUNT, DOMAIN, PASSWORD, PlainSite, hash_of
from test_attach import LEVERS, attached, need_users

USER = "postfix"
DATABASE_PASSWORD = "s3cr%t@/:x"  # every character that an URL would take for its own


class ServerSite(PlainSite):
    def __init__(self, own, database):
        self.database = database
        self.maps = "pgsql" if database.scheme == "postgresql" else "mysql"
        super().__init__(own)

    @property
    def place(self):
        return self.database.folder if self.maps == "pgsql" else self.database.socket

    def _map_place(self):
        return (f"hosts = unix:{self.place}\nuser = {USER}\npassword = {DATABASE_PASSWORD}\n"
                "dbname = mail\n")

    def _dovecot_place(self):
        return (f"driver = {self.maps}\nconnect = host={self.place} dbname=mail user={USER} "
                f"password={DATABASE_PASSWORD}\n")

    def _accounts(self):
        server = self.database
        server.make("mail")
        schema = (ROOT / f"lab/postfixadmin-{server.scheme}.sql").read_text()
        server.sql(schema, "mail")
        if self.maps == "pgsql":
            # "trust" is for the tests' own sessions.
            rules = server.folder / "data/pg_hba.conf"
            rules.write_text(f"local mail {USER} scram-sha-256\n" + rules.read_text())
            server.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{DATABASE_PASSWORD}';\n"
                       f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {USER};\n"
                       f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {USER};\n"
                       "SELECT pg_reload_conf();\n", "mail")
        else:
            server.sql(f"CREATE USER {USER}@localhost IDENTIFIED BY '{DATABASE_PASSWORD}';\n"
                       f"GRANT ALL ON mail.* TO {USER}@localhost;\n")
        server.sql(
            "INSERT INTO domain(domain, description, transport) VALUES"
            f"('{DOMAIN}', '', 'virtual');\n"
            "INSERT INTO mailbox(username, password, name, maildir, quota, local_part, domain, "
            f"phone, email_other) VALUES('{ACCOUNT}', '{hash_of(PASSWORD)}', '', "
            f"'{DOMAIN}/trial/', 0, 'trial', '{DOMAIN}', '', '');\n"
            "INSERT INTO alias(address, goto, domain) VALUES"
            f"('{ACCOUNT}', '{ACCOUNT}', '{DOMAIN}');\n", "mail")


@pytest.mark.parametrize("server", [dbkit.postgresql, dbkit.mariadb],
                         ids=["postgresql", "mariadb"])
def test_attach_reaches_the_accounts_as_postfix_does(server):
    need_users()
    own = tempfile.mkdtemp(prefix="sekimori-attach-")
    pathlib.Path(own).chmod(0o755)
    with server() as database:
        site = ServerSite(own, database)
        try:
            site.start()
            before = site.fingerprint()
            assert site.submit() == (250, "")

            report = attached(site)
            assert {one["name"]: one["state"] for one in report["trials"]} == \
                dict.fromkeys(LEVERS, "proved")
            settings = tomllib.loads(site.config.read_text())["accounts"]
            assert settings["database"] == \
                f"{database.scheme}://{USER}@localhost/mail?socket={site.place}"
            secret = pathlib.Path(settings["database_password_file"])
            assert secret.read_text() == DATABASE_PASSWORD + "\n"
            assert (secret.stat().st_mode & 0o777, secret.group()) == (0o640, "sekimori")
            for text in (json.dumps(report), site.config.read_text()):
                assert DATABASE_PASSWORD not in text
            assert attached(site)["files"] == []

            site.start_sekimori()

            def accounts():
                done = site.sekimori("account", "list", "--json", root_options=False)
                return [one["address"] for one in json.loads(done.stdout)["items"]] \
                    if done.returncode == 0 else []

            wait_for(lambda: accounts() == [ACCOUNT], 30, "the daemon reading the accounts")
            found = json.loads(site.sekimori("doctor", "--json").stdout)["checks"]
            assert {one["name"]: one["level"] for one in found}["daemon.account_store"] == "ok"
            assert site.submit() == (250, "")

            assert site.sekimori("attach", "--undo").returncode == 0
            assert site.fingerprint() == before and not secret.exists()
            assert site.submit() == (250, "")
        finally:
            site.stop()
            shutil.rmtree(own)
