"""Where everything of one lab lies: its directories, its ports, its short socket directory.

The servers run as users of their own (postfix, dovecot, sekimori …), so every directory above the
lab's data must let strangers pass. Where it does not (a clone under /root), the data lives in
/var/lib/sekimori-lab-HASH and DIR holds links to it. Unix sockets live in /run/sekimori-lab-HASH,
because a socket's path ends at 107 characters (unix(7)) while DIR may be as deep as one likes.
"""

import hashlib
import json
import os
import pathlib
import shutil
import stat

from lab.process import LabError

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Offsets from the port base. The first five are the mail server, the rest is what stands behind it.
PORTS = {
    "smtp": (0, "SMTP, mail from outside (MX)"),
    "submission": (1, "submission, STARTTLS and AUTH"),
    "imap": (2, "IMAP"),
    "pop3": (3, "POP3"),
    "sieve": (4, "ManageSieve"),
    "policy": (5, "Sekimori: Postfix policy"),
    "auth_policy": (6, "Sekimori: Dovecot auth policy and events"),
    "web": (7, "Sekimori: panel, portal, REST"),
    "sink": (8, "the outside world (sink)"),
    "doveadm": (9, "Dovecot's doveadm over HTTP"),
    "webhook": (11, "the outside world: a receiver of webhooks"),
    "wforce": (12, "Sekimori: weakforced's commands, web sign-ins"),
    "reinject": (10, "mail that Dovecot itself sends (Sieve redirect, vacation)"),
}

DIRECTORIES = ("etc", "log", "data", "guard", "state", "sink", "geoip", "mail", "spool", "bin")


def _passable(path):
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in (path, *path.parents))


class Layout:
    def __init__(self, directory, port_base=None):
        """Finds the lab of `directory`; makes nothing. port_base None: that of the last start."""
        self.dir = pathlib.Path(os.path.abspath(directory))
        resolved = self.dir.resolve()
        mark = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:12]
        self.name = f"sekimori-lab-{mark}"
        self.run = pathlib.Path("/run") / self.name
        self._outside = pathlib.Path("/var/lib") / self.name
        self._link = self.dir / "home"
        self.home = self._outside if self._link.is_symlink() else resolved
        if port_base is None:
            try:
                port_base = json.loads(self.state_file.read_text())["port_base"]
            except (OSError, ValueError, KeyError):
                port_base = 20000
        self.port_base = port_base

    def __getattr__(self, name):
        # lab.etc, lab.log, lab.data … are the directories of that name.
        if name in DIRECTORIES:
            return self.home / name
        raise AttributeError(name)

    @property
    def state_file(self):
        return self.home / "lab.json"

    @property
    def endpoints(self):
        return self.home / "endpoints.json"

    def port(self, name):
        return self.port_base + PORTS[name][0]

    def pid_path(self, name):
        return self.run / f"{name}.pid"

    def make(self):
        """Makes the directories, choosing where the data lives. Call as root."""
        self.dir.mkdir(parents=True, exist_ok=True)
        if self.home == self.dir.resolve() and not _passable(self.home):
            if self.state_file.exists():
                raise LabError(
                    f"{self.home} holds a lab, but the mail servers' users cannot go there.\n"
                    f"Open the way (chmod o+x, also above it) or use another --dir")
            # What an earlier DIR of the same name left behind belongs to nobody.
            if self._outside.exists():
                shutil.rmtree(self._outside)
            self.home = self._outside
            self.home.mkdir(mode=0o755)
            self._link.symlink_to(self.home)
        self.home.mkdir(mode=0o755, exist_ok=True)
        for path in (self.run, self.etc, self.log, self.bin, self.geoip, self.mail, self.spool):
            path.mkdir(mode=0o755, exist_ok=True)
        self.state_file.write_text(json.dumps({"port_base": self.port_base}) + "\n")

    def publish(self):
        """Links the data's entries into DIR where the data lives elsewhere."""
        if self._link.is_symlink():
            for entry in self.home.iterdir():
                place = self.dir / entry.name
                if not place.is_symlink() and not place.exists():
                    place.symlink_to(entry)
