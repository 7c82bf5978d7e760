"""The lab's people: an account store as PostfixAdmin makes it, and guard.db beside it.

Made once and then left alone: a second start keeps whatever people, tests or the daemon changed.
Passwords are random per lab; etc/accounts.json keeps them, since the store has only their hashes.
"""

import contextlib
import datetime
import json
import pathlib
import secrets
import sqlite3
import subprocess

from lab import files

HERE = pathlib.Path(__file__).parent

# domain, its description, the language its people speak
DOMAINS = (
    ("lab-ja.example", "日本語のドメイン", "ja"),
    ("lab-en.example", "An English-speaking domain", "en"),
)
# An alias domain: every address of the second under the name of the first.
ALIAS_DOMAIN = ("lab-ja-old.example", "lab-ja.example")

# address, name, phone, address elsewhere (the two ways to reach an owner who cannot sign in)
MAILBOXES = (
    ("taro@lab-ja.example", "山田 太郎", "090-0000-0001", "taro.private@elsewhere.example"),
    ("hanako@lab-ja.example", "佐藤 花子", "090-0000-0002", "hanako.private@elsewhere.example"),
    ("jiro@lab-ja.example", "鈴木 次郎", "090-0000-0003", ""),
    ("sakura@lab-ja.example", "高橋 さくら", "", "sakura.private@elsewhere.example"),
    ("keiri@lab-ja.example", "経理部", "03-0000-0005", ""),
    ("info@lab-ja.example", "お問い合わせ窓口", "03-0000-0006", ""),
    ("drill@lab-ja.example", "訓練用", "", ""),
    ("alice@lab-en.example", "Alice Archer", "+44 20 7946 0001", "alice@elsewhere.example"),
    ("bob@lab-en.example", "Bob Baker", "+44 20 7946 0002", "bob@elsewhere.example"),
    ("carol@lab-en.example", "Carol Cooper", "+44 20 7946 0003", ""),
    ("dave@lab-en.example", "Dave Dyer", "", "dave@elsewhere.example"),
    ("postmaster@lab-en.example", "Postmaster", "", ""),
    ("reports@lab-en.example", "Reports", "", ""),
)
# Bounces and complaints come here; Sekimori reads it.
REPORTS = "reports@lab-en.example"
ALIASES = (
    ("sales@lab-ja.example", ("hanako@lab-ja.example",)),
    ("postmaster@lab-ja.example", ("postmaster@lab-en.example",)),
    ("all@lab-ja.example", ("taro@lab-ja.example", "hanako@lab-ja.example", "jiro@lab-ja.example",
                            "sakura@lab-ja.example")),
    ("contact@lab-en.example", ("alice@lab-en.example",)),
    ("abuse@lab-en.example", ("postmaster@lab-en.example",)),
    ("all@lab-en.example", ("alice@lab-en.example", "bob@lab-en.example", "carol@lab-en.example")),
)
OPERATOR = "operator@lab-en.example"
# May see one domain only.
DOMAIN_ADMIN = "kanri@lab-ja.example"
QUOTA_BYTES = 1024 * 1024 * 1024


def language(address):
    domain = address.rpartition("@")[2]
    return next(spoken for name, _, spoken in DOMAINS if name == domain)


def _hash(password):
    """SHA512-CRYPT, as PostfixAdmin's php_crypt writes it (without a {SCHEME} in front)."""
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password + "\n", text=True,
                          capture_output=True, check=True)
    return done.stdout.strip()


def _new_password():
    # 15 random bytes: no one guesses it, and it is typed without trouble.
    return secrets.token_urlsafe(15)


def passwords(lab):
    """address → password of every mailbox and administrator; made at the first call."""
    path = lab.etc / "accounts.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    wanted = [address for address, *_ in MAILBOXES] + [OPERATOR, DOMAIN_ADMIN]
    if any(address not in known for address in wanted):
        known = {address: known.get(address) or _new_password() for address in wanted}
        files.write(path, json.dumps(known, indent=1) + "\n", 0o600)
    return known


def _fill(database, known):
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
    insert = database.execute

    def domain(name, description, transport="virtual"):
        insert("INSERT INTO domain(domain, description, transport, created, modified) "
               "VALUES(?, ?, ?, ?, ?)", (name, description, transport, now, now))

    def alias(address, targets):
        insert("INSERT INTO alias(address, goto, domain, created, modified) VALUES(?, ?, ?, ?, ?)",
               (address, ",".join(targets), address.rpartition("@")[2], now, now))

    def admin(address, superadmin, of_domain):
        insert("INSERT INTO admin(username, password, superadmin, created, modified) "
               "VALUES(?, ?, ?, ?, ?)", (address, _hash(known[address]), superadmin, now, now))
        insert("INSERT INTO domain_admins(username, domain, created) VALUES(?, ?, ?)",
               (address, of_domain, now))

    domain("ALL", "", "")
    for name, description, _ in DOMAINS:
        domain(name, description)
    domain(ALIAS_DOMAIN[0], "以前のドメイン名")
    insert("INSERT INTO alias_domain(alias_domain, target_domain, created, modified) "
           "VALUES(?, ?, ?, ?)", (*ALIAS_DOMAIN, now, now))
    for address, name, phone, elsewhere in MAILBOXES:
        local, _, of_domain = address.rpartition("@")
        insert("INSERT INTO mailbox(username, password, name, maildir, quota, local_part, domain, "
               "created, modified, phone, email_other) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               (address, _hash(known[address]), name, f"{of_domain}/{local}/", QUOTA_BYTES, local,
                of_domain, now, now, phone, elsewhere))
        alias(address, [address])
    for address, targets in ALIASES:
        alias(address, targets)
    admin(OPERATOR, 1, "ALL")
    admin(DOMAIN_ADMIN, 0, DOMAINS[0][0])


def _own_database(path):
    for part in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        if part.exists():
            files.own(part, 0o660, "sekimori", "postfix")


def make(lab):
    """Makes what is missing and puts the rights right. Postfix and Dovecot read both databases, in
    WAL mode also when nobody else has them open: hence a directory that group postfix may write."""
    known = passwords(lab)
    for directory in (lab.data, lab.guard):
        files.directory(directory, 0o2770, "sekimori", "postfix")
    path = lab.data / "accounts.db"
    if not path.exists():
        unfinished = path.with_name("accounts.new")
        unfinished.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(unfinished)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript((HERE / "postfixadmin-sqlite.sql").read_text())
            with database:
                _fill(database, known)
        unfinished.rename(path)
    guard = lab.guard / "guard.db"
    with contextlib.closing(sqlite3.connect(guard)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript((HERE / "guard.sql").read_text())
    _own_database(path)
    _own_database(guard)
    return known
