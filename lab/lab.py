"""A lab as a whole: bring up, repair, take down, and what endpoints.json tells of it."""

import contextlib
import fcntl
import grp
import json
import os
import pwd
import shutil

from lab import accounts, daemon, files, process
from lab.dovecot import MAIL_USER, Dovecot
from lab.layout import PORTS, ROOT
from lab.postfix import MAIL_HOST, Postfix


def _need_user(name, comment, groups=()):
    """Makes the system user where there is none, and a member of `groups`."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        process.run(["useradd", "--system", "--user-group", "--no-create-home",
                     "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin",
                     "--comment", comment, name])
    for group in groups:
        if name not in grp.getgrnam(group).gr_mem:
            process.run(["usermod", "--append", "--groups", group, name])


def _make_certificate(directory):
    """A self-signed certificate for Postfix and Dovecot, good for ten years."""
    directory.mkdir(exist_ok=True)
    key, certificate = directory / "key.pem", directory / "cert.pem"
    if key.exists() and certificate.exists():
        return
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "3650", "-subj", f"/CN={MAIL_HOST}",
                 "-addext", f"subjectAltName=DNS:{MAIL_HOST},DNS:localhost,IP:127.0.0.1",
                 "-keyout", key, "-out", certificate])
    files.own(key, 0o600, "root", "root")


def _make_geoip(directory):
    if not (directory / "lab-asn.mmdb").exists():
        process.run(["/usr/bin/perl", ROOT / "lab/make_geoip.pl", directory])


class Lab:
    def __init__(self, layout):
        self.layout = layout
        self._assemble()

    def _assemble(self):
        # In the order of their start. Dovecot goes before Postfix, whose smtpd asks its socket.
        layout = self.layout
        self.sink, self.dovecot = daemon.Sink(layout), Dovecot(layout)
        self.helper, self.daemon = daemon.Helper(layout), daemon.Daemon(layout)
        self.postfix = Postfix(layout)
        self.parts = [self.sink, self.dovecot, self.helper, self.daemon, self.postfix]

    @contextlib.contextmanager
    def _alone(self):
        """One up or down at a time."""
        self.layout.run.mkdir(mode=0o755, exist_ok=True)
        with open(self.layout.run / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def up(self):
        with self._alone():
            return self._up()

    def _up(self):
        layout = self.layout
        # Group postfix, since a -wal file of guard.db may be one that Postfix made.
        _need_user("sekimori", "Sekimori mail guard", groups=["postfix"])
        _need_user(MAIL_USER, "Mailboxes of Sekimori labs")
        layout.make()
        self._assemble()
        _make_certificate(layout.etc / "tls")
        _make_geoip(layout.geoip)
        known = accounts.make(layout)
        # Made here, so that the daemon may read what Postfix and Dovecot write there as root.
        mail_log = layout.log / "mail.log"
        mail_log.touch()
        files.own(mail_log, 0o640, "root", "sekimori")
        secret_files, secret = daemon.secrets_of(layout)

        changed = {self.sink: self.sink.configure(), self.postfix: self.postfix.configure()}
        changed[self.dovecot] = self.dovecot.configure(
            secret["auth_policy_nonce"], secret["doveadm"])
        changed[self.helper] = changed[self.daemon] = daemon.configure(layout, secret_files)

        wanted = [part for part in self.parts if self._has_program(part)]
        down = [part for part in wanted if changed[part] or not part.healthy()]
        for part in reversed(down):
            part.stop()
        for part in down:
            for name in part.ports:
                if name == "auth_policy" and self.helper.running():
                    continue  # the helper's stand-in answers there until the daemon lives
                process.need_port(layout.port(name), PORTS[name][1])
        started = []
        try:
            for part in down:
                if part is self.dovecot:
                    self.postfix.prepare()
                started.append(part)
                part.start()
        except BaseException:
            for part in reversed(started):
                with contextlib.suppress(process.LabError):
                    part.stop()
            raise
        self._write_endpoints(known, secret)
        layout.publish()
        return [part.name for part in down]

    def _has_program(self, part):
        return part not in (self.helper, self.daemon) or (self.layout.bin / "sekimori").exists()

    def _write_endpoints(self, known, secret):
        layout = self.layout
        port = layout.port
        web = f"http://127.0.0.1:{port('web')}"
        auth = f"http://127.0.0.1:{port('auth_policy')}"
        endpoints = {
            "smtp_port": port("smtp"),
            "submission_port": port("submission"),
            "imap_port": port("imap"),
            "pop3_port": port("pop3"),
            "sieve_port": port("sieve"),
            "policy": f"127.0.0.1:{port('policy')}",
            "auth_policy_url": f"{auth}/",
            "wforce_url": f"http://127.0.0.1:{port('wforce')}/",
            "wforce_password": secret["wforce"],
            "events_url": f"{auth}/dovecot",
            "panel_url": f"{web}/",
            "portal_url": f"{web}/portal",
            "api_url": f"{web}/api/v1",
            "api_token": secret["api_token"],
            "sink_dir": str(layout.sink),
            "maillog": str(layout.log / "mail.log"),
            "database": str(layout.data / "accounts.db"),
            "config": str(daemon.config_path(layout)),
            "pid": self.daemon.pid_file.pid(),
            "accounts": [{"address": address, "password": known[address],
                          "language": accounts.language(address)}
                         for address, *_ in accounts.MAILBOXES],
            "operator": {"login": accounts.OPERATOR, "password": known[accounts.OPERATOR]},
            # Beyond what other programs rely on: what the lab's own tests look into.
            "lab": {"home": str(layout.home), "run": str(layout.run),
                    "postfix": str(self.postfix.config), "dovecot": str(self.dovecot.config),
                    "guard": str(layout.guard / "guard.db"),
                    "doveadm_url": f"http://127.0.0.1:{port('doveadm')}/doveadm/v1"},
        }
        files.write(layout.endpoints, json.dumps(endpoints, indent=2, ensure_ascii=False) + "\n",
                    0o600)
        # It holds passwords: for the person who asked, through sudo or not, and nobody else.
        if "SUDO_UID" in os.environ:
            os.chown(layout.endpoints, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))

    def down(self):
        """Ends every part, running or half dead. Returns the names of those that ran."""
        with self._alone():
            ran = []
            for part in reversed(self.parts):
                if part.running() or part.strays():
                    ran.append(part.name)
                part.stop()
            shutil.rmtree(self.layout.run, ignore_errors=True)
            return ran
