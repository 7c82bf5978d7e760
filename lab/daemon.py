"""What else a lab runs: the sink, Sekimori's privileged helper and Sekimori itself.

Each is one process with a pid file; `fresh` settings or programs restart it, otherwise a running
one is left alone.
"""

import filecmp
import os
import pathlib
import shutil
import sys

from lab import accounts, files, process
from lab.layout import ROOT
from lab.postfix import MAIL_HOST

# Another build than the tree's own is tried by naming it.
BINARY = pathlib.Path(os.environ.get("SEKIMORI_BINARY", ROOT / "build/sekimori"))
SINK_USER = "nobody"


def sekimori_toml(lab, secret_files):
    port = lab.port
    state = lab.state

    def local(name):
        return f"127.0.0.1:{port(name)}"

    return f"""# Written by scripts/up at every start.
[server]
name = "{MAIL_HOST}"
mode = "enforce"
language = "ja"
state_dir = "{state}"
user = "sekimori"

[policy]
listen = ["{local('policy')}"]

# On loopback and without a key: whoever tries the lab speaks to it as Dovecot does, and Dovecot's
# event exporter can send no header.
[auth_policy]
listen = ["{local('auth_policy')}"]

[events]
listen = ["{local('auth_policy')}"]

# A second door to the same decision; the office and the webmail of whoever tries them.
[weakforced]
listen = ["{local('wforce')}"]
password_file = "{secret_files['wforce']}"
windows = ["key=login_ip count=failed seconds=60 windows=10 limit=40 action=refuse",
           "key=ip count=passwords seconds=3600 windows=1 limit=1000000 action=delay delay=1"]

# Tests look at what is in a mailbox: only the test of these letters wants them.
[encryption]
tell_owners = false

[networks]
own = ["198.18.0.0/24"]
webmail = ["198.18.1.25"]

[maillog]
path = "{lab.log}/mail.log"

[postfix]
config_directory = "{lab.etc}/postfix"

[dovecot]
doveadm_url = "http://{local('doveadm')}/doveadm/v1"
doveadm_key_file = "{secret_files['doveadm']}"

[helper]
socket = "{lab.run}/helper.sock"

[accounts]
database = "sqlite://{lab.data}/accounts.db"
# A lab's account is known soon after somebody made it.
refresh_interval = "2s"

[guard]
database = "{lab.guard}/guard.db"

[store]
database = "sqlite://{state}/sekimori.db"

# The second Postfix of a test comes again after seconds, not minutes.
[waiting]
retry_least = "2s"

[journal]
directory = "{state}/journal"

[snapshot]
directory = "{state}/snapshots"

[web]
listen = ["{local('web')}"]
public_url = "http://{local('web')}/portal"
api_token_file = "{secret_files['api_token']}"
control_socket = "{lab.run}/daemon/control.sock"
# Tests ask again and again until something is so, all from one address.
requests_per_minute = 60000

[geoip]
country = "{lab.geoip}/lab-country.mmdb"
asn = "{lab.geoip}/lab-asn.mmdb"

# Where a new password is tried, as its owner's mail program would.
[recovery]
smtp_url = "smtp://{local('submission')}"
imap_url = "imap://{local('imap')}"
watch_interval = "1s"

[profile]
imap_host = "imap.lab-ja.example"
smtp_host = "smtp.lab-ja.example"
smtp_port = 587
smtp_starttls = true

[reports]
mailbox = "{accounts.REPORTS}"
imap_url = "imap://{local('imap')}"
password_file = "{secret_files['reports']}"
poll_interval = "1s"
unstamped = ["lab-ja.example"]
addresses = ["192.0.2.25"]
contact = "postmaster@lab-en.example"
forged_notice = 3

[ways]
watch_interval = "1s"

# Minutes at a site.
[watchdog]
held_alarm = "10s"
interval = "2s"

[notices]
from = "sekimori@lab-en.example"
operators = ["postmaster@lab-en.example"]
smtp = "{local('reinject')}"
provider_name = "ラボのメールサービス"
help_url = "http://{local('web')}/portal"
help_phone = "0120-000-000"
help_hours = "平日 9:00〜17:00"
webhook_urls = ["http://{local('webhook')}/notices"]
webhook_secret_file = "{secret_files['webhook']}"
# Tests contain many accounts within an hour.
digest_after = 1000
recipients_per_minute = 6000
"""


def secrets_of(lab):
    """Makes the lab's secrets and returns (name → path, name → text)."""
    directory = lab.etc / "secrets"
    files.directory(directory, 0o750, "root", "sekimori")
    paths = {name: directory / name
             for name in ("api_token", "doveadm", "auth_policy_nonce", "webhook",
                          "wforce")}
    texts = {name: files.secret(path, "sekimori", "sekimori") for name, path in paths.items()}
    paths["reports"] = directory / "reports"
    files.write(paths["reports"], accounts.passwords(lab)[accounts.REPORTS] + "\n", 0o600,
                "sekimori", "sekimori")
    return paths, texts


class Background:
    """One background process with a pid file."""

    ports = ()

    def __init__(self, lab, key):
        self.lab = lab
        self.pid_file = process.PidFile(lab.pid_path(key))
        self.log = lab.log / f"{key}.log"

    def running(self):
        return self.pid_file.pid() is not None

    def healthy(self):
        return self.running() and all(process.answers(self.lab.port(name)) for name in self.ports)

    def launch(self, command, ready, deadline_s=30, **options):
        child = process.spawn(command, self.log, self.pid_file, **options)

        def settled():
            if child.poll() is not None:
                raise process.LabError(f"{self.name} ended at once; its last words ({self.log}):\n"
                                       + self.last_words())
            return ready()

        process.wait_until(f"{self.name} answering (see {self.log})", settled, deadline_s)

    def last_words(self):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
        except OSError:
            return ""

    def stop(self):
        pid = self.pid_file.pid()
        if pid is not None:
            process.end(pid)
        for pid in self.strays():
            process.end(pid)
        self.pid_file.clear()

    def strays(self):
        return []


class Sink(Background):
    name = "the sink"
    ports = ("sink", "webhook")

    def __init__(self, lab):
        super().__init__(lab, "sink")
        self.script = ROOT / "lab/sink.py"

    def configure(self):
        files.directory(self.lab.sink, 0o755, SINK_USER, "nogroup")
        return False

    def start(self):
        port = self.lab.port("sink")
        self.launch([sys.executable, "-B", self.script, str(port), self.lab.sink, SINK_USER,
                     str(self.lab.port("webhook"))],
                    lambda: process.answers(port))

    def strays(self):
        return process.strays([str(self.lab.sink)], (os.path.realpath(sys.executable),))


class Helper(Background):
    name = "Sekimori's helper"

    def __init__(self, lab):
        super().__init__(lab, "helper")

    def start(self):
        socket = self.lab.run / "helper.sock"
        socket.unlink(missing_ok=True)
        self.launch([self.lab.bin / "sekimori", "helper", "--config", config_path(self.lab)],
                    socket.exists)

    def strays(self):
        return [pid for pid in _sekimori(self.lab) if _word(pid) == "helper"]


class Daemon(Background):
    name = "Sekimori"
    ports = ("policy", "auth_policy", "web", "wforce")

    def __init__(self, lab):
        super().__init__(lab, "sekimori")

    def start(self):
        self.launch([self.lab.bin / "sekimori", "serve", "--config", config_path(self.lab)],
                    lambda: all(process.answers(self.lab.port(name)) for name in self.ports),
                    deadline_s=60, user="sekimori")

    def strays(self):
        return [pid for pid in _sekimori(self.lab) if _word(pid) == "serve"]


def _sekimori(lab):
    return process.strays([str(config_path(lab))], (str(lab.bin / "sekimori"),))


def _word(pid):
    words = process.command_line(pid)
    return words[1] if len(words) > 1 else ""


def config_path(lab):
    return lab.etc / "sekimori.toml"


def configure(lab, secret_files):
    """Writes sekimori.toml and takes over a new build; returns whether either changed.

    The program is copied because the daemon's user may have no way into the source tree.
    """
    files.directory(lab.state, 0o750, "sekimori", "sekimori")
    # The daemon itself makes its socket there.
    files.directory(lab.run / "daemon", 0o755, "sekimori", "sekimori")
    changed = files.write(config_path(lab), sekimori_toml(lab, secret_files))
    copy = lab.bin / "sekimori"
    if BINARY.exists() and not (copy.exists() and filecmp.cmp(BINARY, copy, shallow=False)):
        shutil.copy(BINARY, copy.with_name("sekimori.new"))
        copy.with_name("sekimori.new").rename(copy)
        changed = True
    return changed
