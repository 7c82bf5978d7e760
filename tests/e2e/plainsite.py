"""A mail server as many have it, without Sekimori: real Postfix and Dovecot on loopback, accounts in
PostfixAdmin's tables in SQLite. What `sekimori attach` is put in front of.

With `root` it lives in a Debian system of its own below that folder (debootstrap), and its programs
run chrooted there; ports are this machine's all the same.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import smtplib
import socket
import sqlite3
import subprocess

from labkit import HOST, ROOT, free_port_base, wait_for

DOMAIN = "plain.example"
ACCOUNT = f"trial@{DOMAIN}"
PASSWORD = "correct horse battery"
PORTS = ("mx", "submission", "imap", "policy", "auth", "web", "sink", "doveadm")

MAIN_CF = """compatibility_level = {level}
queue_directory = {spool}
data_directory = {home}/data
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.plain.example
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
disable_dns_lookups = yes
default_transport = discard:
recipient_delimiter = +
notify_classes =
in_flow_delay = 0s

virtual_mailbox_domains = proxy:{maps}:{etc}/postfix/sql/domains.cf
virtual_mailbox_maps = proxy:{maps}:{etc}/postfix/sql/mailboxes.cf
virtual_alias_maps = proxy:{maps}:{etc}/postfix/sql/aliases.cf
virtual_transport = lmtp:unix:private/dovecot-lmtp

smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = none
smtpd_tls_auth_only = no
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
    permit_mynetworks,
# the operator's own words stay where they are
    permit_sasl_authenticated,
    reject_unauth_destination
"""

MASTER_CF = """{mx}      inet  n       -       {chroot}       -       -       smtpd
127.0.0.1:{submission} inet n  -       {chroot}       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
pickup    unix  n       -       {chroot}       60      1       pickup
cleanup   unix  n       -       {chroot}       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       {chroot}       -       -       trivial-rewrite
bounce    unix  -       -       {chroot}       -       0       bounce
defer     unix  -       -       {chroot}       -       0       bounce
trace     unix  -       -       {chroot}       -       0       bounce
verify    unix  -       -       {chroot}       -       1       verify
flush     unix  n       -       {chroot}       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       {chroot}       -       -       smtp
relay     unix  -       -       {chroot}       -       -       smtp
showq     unix  n       -       {chroot}       -       -       showq
error     unix  -       -       {chroot}       -       -       error
retry     unix  -       -       {chroot}       -       -       error
discard   unix  -       -       {chroot}       -       -       discard
lmtp      unix  -       -       {chroot}       -       -       lmtp
anvil     unix  -       -       {chroot}       -       1       anvil
scache    unix  -       -       {chroot}       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""

SQL = {
    "domains": "SELECT domain FROM domain WHERE domain = '%s' AND active = '1'",
    "mailboxes": "SELECT maildir FROM mailbox WHERE username = '%s' AND active = '1'",
    "aliases": "SELECT goto FROM alias WHERE address = '%s' AND active = '1'",
}

# Debian's layout: everything in conf.d.
DOVECOT = """{version}base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log/mail.log
listen = 127.0.0.1
{protocols}
!include conf.d/*.conf
"""

CONF_D = {
    "2.3": {
        "10-auth.conf": """disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = no
passdb {{
  driver = sql
  args = {etc}/dovecot/dovecot-sql.conf.ext
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={home}/mail/%u
}}
""",
        "10-mail.conf": "mail_location = maildir:~/Maildir\nfirst_valid_uid = 1\n",
    },
    "2.4": {
        "10-auth.conf": """auth_allow_cleartext = yes
auth_mechanisms = plain login
auth_failure_delay = 0
ssl = no
passdb sql {{
  driver = sql
  sql_driver = sqlite
  sqlite_path = {etc}/accounts.db
  default_password_scheme = CRYPT
  passdb_sql_query = SELECT username AS user, password FROM mailbox \\
    WHERE username = '%{{user}}' AND active = 1
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {home}/mail/%{{user}}
  }}
}}
""",
        "10-mail.conf": "mail_driver = maildir\nmail_path = ~/Maildir\nfirst_valid_uid = 1\n",
    },
}

MASTER = """service auth {{
  unix_listener {spool}/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  unix_listener {spool}/private/dovecot-lmtp {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""

SETTINGS = """# The operator's own words.
[server]
name = "mx.plain.example"
mode = "enforce"
state_dir = "{state}"

[policy]
listen = ["127.0.0.1:{policy}"]

[auth_policy]
listen = ["127.0.0.1:{auth}"]

[events]
listen = ["127.0.0.1:{auth}"]

[guard]
database = "{guard}"

[store]
database = "sqlite://{state}/sekimori.db"

[journal]
directory = "{state}/journal"

[snapshot]
directory = "{state}/snapshots"

[dovecot]
doveadm_url = "http://127.0.0.1:{doveadm}/doveadm/v1"
doveadm_key_file = "{own}/doveadm.key"

[helper]
socket = "{own}/helper.sock"

[web]
listen = ["127.0.0.1:{web}"]
control_socket = "{state}/control.sock"
"""


def hash_of(password):
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True,
                          capture_output=True, check=True)
    return done.stdout.strip()


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


class PlainSite:
    maps = "sqlite"  # of Postfix

    def __init__(self, own, root="", version="2.3", level="3.6"):
        """`own` is this machine's folder for Sekimori's part; the mail server lives in it, too,
        unless it has a root. `version` is Dovecot's, `level` Postfix's compatibility level."""
        self.own = pathlib.Path(own)
        self.root = str(root)
        self.version = version
        self.level = level
        self.home = "/srv/plain" if root else str(self.own / "site")
        base = free_port_base()
        self.port = {name: base + i for i, name in enumerate(PORTS)}
        self.etc = f"{self.home}/etc"
        self.spool = f"{self.home}/spool"
        (self.own / "etc").mkdir(mode=0o755)
        self.config = self.own / "etc/sekimori.toml"
        self.daemons = []
        self._write()

    # ---- files ----
    def path(self, inside):
        return pathlib.Path(self.root + str(inside))

    def run(self, *words, check=True, timeout=120):
        command = [*(["/usr/sbin/chroot", self.root] if self.root else []), *map(str, words)]
        # To a file: what a start leaves behind would hold a pipe open.
        log = self.own / "command.log"
        with open(log, "w+", encoding="utf-8") as out:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  timeout=timeout)
        text = log.read_text(errors="replace")
        assert not check or done.returncode == 0, (command, text)
        return done.returncode, text

    def _put(self, inside, text, mode=0o644, owner="root:root"):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        if owner != "root:root":
            self.run("chown", owner, inside)

    def _write(self):
        values = self.port | {"home": self.home, "etc": self.etc, "spool": self.spool,
                              "chroot": "y", "maps": self.maps, "level": self.level}
        for folder in ("log", "run", "state", "mail", "data", "spool"):
            self.path(f"{self.home}/{folder}").mkdir(parents=True, exist_ok=True)
        # As rsyslog makes it; Postfix's own postlogd would keep it from everybody else.
        self._put(f"{self.home}/log/mail.log", "")
        self.run("chown", "postfix", f"{self.home}/data")
        self.run("chown", "nobody", f"{self.home}/mail")
        self._put(f"{self.etc}/postfix/main.cf", MAIN_CF.format(**values))
        self._put(f"{self.etc}/postfix/master.cf", MASTER_CF.format(**values))
        for name, query in SQL.items():
            self._put(f"{self.etc}/postfix/sql/{name}.cf",
                      f"{self._map_place()}query = {query}\n", 0o640, "root:postfix")
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(self.path(f"/etc/postfix/{name}"), self.path(f"{self.etc}/postfix/{name}"))
        for name in ("dynamicmaps.cf.d", "postfix-files.d"):
            if self.path(f"/etc/postfix/{name}").exists():
                shutil.copytree(self.path(f"/etc/postfix/{name}"),
                                self.path(f"{self.etc}/postfix/{name}"), dirs_exist_ok=True)
        new = self.version == "2.4"
        header = ("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
                  if new else "")
        protocols = "protocols {\n  imap = yes\n  lmtp = yes\n}" if new else "protocols = imap lmtp"
        self._put(f"{self.etc}/dovecot/dovecot.conf",
                  DOVECOT.format(version=header, protocols=protocols, **values))
        for name, text in CONF_D[self.version].items():
            self._put(f"{self.etc}/dovecot/conf.d/{name}", text.format(**values))
        self._put(f"{self.etc}/dovecot/conf.d/10-master.conf", MASTER.format(**values))
        if not new:
            self._put(f"{self.etc}/dovecot/dovecot-sql.conf.ext",
                      f"{self._dovecot_place()}"
                      "default_pass_scheme = CRYPT\n"
                      "password_query = SELECT username AS user, password FROM mailbox "
                      "WHERE username = '%u' AND active = '1'\n", 0o640, "root:dovecot")
        self._accounts()
        self.state = self.own / "state"
        self.state.mkdir(mode=0o755)
        shutil.chown(self.state, "sekimori", "sekimori")
        guard = self.path("/var/lib/sekimori/guard/guard.db") if self.root \
            else self.own / "guard/guard.db"
        self.guard = guard
        key = self.own / "doveadm.key"
        key.write_text(os.urandom(24).hex() + "\n")
        key.chmod(0o640)
        shutil.chown(key, "root", "sekimori")
        self.config.write_text(SETTINGS.format(state=self.state, own=self.own, guard=guard,
                                               **self.port))

    def _map_place(self):
        return f"dbpath = {self.etc}/accounts.db\n"

    def _dovecot_place(self):
        return f"driver = sqlite\nconnect = {self.etc}/accounts.db\n"

    def _accounts(self):
        path = self.path(f"{self.etc}/accounts.db")
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript((ROOT / "lab/postfixadmin-sqlite.sql").read_text())
            with database:
                database.execute("INSERT INTO domain(domain, description, transport, created, "
                                 "modified) VALUES(?, '', 'virtual', '2026-01-01', '2026-01-01')",
                                 (DOMAIN,))
                database.execute(
                    "INSERT INTO mailbox(username, password, name, maildir, quota, local_part, "
                    "domain, created, modified, phone, email_other) "
                    "VALUES(?, ?, '', ?, 0, 'trial', ?, '2026-01-01', '2026-01-01', '', '')",
                    (ACCOUNT, hash_of(PASSWORD), f"{DOMAIN}/trial/", DOMAIN))
                database.execute("INSERT INTO alias(address, goto, domain, created, modified) "
                                 "VALUES(?, ?, ?, '2026-01-01', '2026-01-01')",
                                 (ACCOUNT, ACCOUNT, DOMAIN))
        path.chmod(0o644)

    def fingerprint(self):
        """path → (mode, owner, group, hash) of all the mail server's configuration."""
        out = {}
        for path in sorted(self.path(self.etc).rglob("*")):
            info = path.lstat()
            text = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            out[str(path)] = (info.st_mode, info.st_uid, info.st_gid, text)
        return out

    # ---- servers ----
    def start(self):
        self.run("/usr/sbin/postfix", "-c", f"{self.etc}/postfix", "check")
        for name in ("resolv.conf", "services", "hosts", "localtime", "nsswitch.conf"):
            source = self.path(f"/etc/{name}")
            if source.exists():
                self.path(f"{self.spool}/etc").mkdir(exist_ok=True)
                shutil.copyfile(source, self.path(f"{self.spool}/etc/{name}"))
        self.run("/usr/sbin/dovecot", "-c", f"{self.etc}/dovecot/dovecot.conf")
        self.run("/usr/sbin/postfix", "-c", f"{self.etc}/postfix", "start")
        wait_for(lambda: answers(self.port["submission"]) and answers(self.port["imap"]), 20,
                 "the plain mail server")

    def stop(self):
        for process in self.daemons:
            process.terminate()
        for process in self.daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
        self.daemons = []
        self.run("/usr/sbin/postfix", "-c", f"{self.etc}/postfix", "stop", check=False)
        self.run("/usr/bin/doveadm", "-c", f"{self.etc}/dovecot/dovecot.conf", "stop", check=False)

    def start_sekimori(self):
        """The helper and the daemon, as their units run them."""
        program = ROOT / "build/sekimori"
        for word in ("helper", "serve"):
            with open(self.own / f"{word}.log", "ab") as out:
                self.daemons.append(subprocess.Popen(
                    [program, word, "--config", self.config], stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, cwd="/"))
        wait_for(lambda: answers(self.port["policy"]) and answers(self.port["web"])
                 and (self.own / "helper.sock").exists(), 60, "Sekimori")

    # ---- clients ----
    def submit(self, password=PASSWORD):
        """One message of the account to itself; returns the reply that ended it."""
        with smtplib.SMTP(HOST, self.port["submission"], "client.example", timeout=60) as smtp:
            try:
                smtp.login(ACCOUNT, password)
                smtp.sendmail(ACCOUNT, [ACCOUNT], f"Subject: x\r\n\r\nx\r\n")
            except smtplib.SMTPResponseException as error:
                return error.smtp_code, error.smtp_error.decode(errors="replace")
            except smtplib.SMTPRecipientsRefused as error:
                code, text = error.recipients[ACCOUNT]
                return code, text.decode(errors="replace")
            return 250, ""

    def delivered(self):
        folder = self.path(f"{self.home}/mail/{ACCOUNT}/Maildir/new")
        return len(list(folder.iterdir())) if folder.exists() else 0

    def sekimori(self, command, *words, stdin=None, root_options=True, timeout=240):
        options = ["--postfix", f"{self.etc}/postfix", "--dovecot",
                   f"{self.etc}/dovecot/dovecot.conf", "--backup", str(self.own / "kept")]
        if self.root:
            options += ["--root", self.root]
        done = subprocess.run(
            [ROOT / "build/sekimori", command, "--config", self.config,
             *(options if root_options else []), *map(str, words)],
            input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, text=True,
            capture_output=True, timeout=timeout, env={"PATH": os.environ["PATH"]})
        return done


def settings_value(path, name):
    found = re.search(rf"^{name} = (.*)$", pathlib.Path(path).read_text(), re.MULTILINE)
    return found and found[1]
