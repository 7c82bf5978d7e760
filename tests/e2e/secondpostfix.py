"""Another mail server of the outside world: a second real Postfix that relays to a lab's MX."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile

from labkit import HOST, free_port_base, wait_for

MAIN_CF = """compatibility_level = 3.6
queue_directory = {home}/spool
data_directory = {home}/data
maillog_file = {home}/mail.log
maillog_file_prefixes = {home}
mail_owner = postfix
setgid_group = postdrop
enable_long_queue_ids = yes
myhostname = outside.example
mydomain = outside.example
mydestination = outside.example
local_transport = discard:
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
disable_dns_lookups = yes
relayhost = [127.0.0.1]:{mx}
smtp_tls_security_level = none
smtp_helo_name = outside.example
in_flow_delay = 0s
# A site's queue waits minutes; a test waits seconds.
queue_run_delay = 2s
minimal_backoff_time = 3s
maximal_backoff_time = 6s
notify_classes =
"""

MASTER_CF = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class SecondPostfix:
    def __init__(self, home, mx_port):
        self.home = pathlib.Path(home)
        self.config = self.home / "etc"
        self.log = self.home / "mail.log"
        self.port = free_port_base()
        for name in ("etc", "spool"):
            (self.home / name).mkdir()
        (self.home / "data").mkdir()
        shutil.chown(self.home / "data", "postfix")
        (self.config / "main.cf").write_text(MAIN_CF.format(home=self.home, mx=mx_port))
        (self.config / "master.cf").write_text(MASTER_CF.format(port=self.port))
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(f"/etc/postfix/{name}", self.config / name)

    def postfix(self, command):
        # Its output goes to a file: what it leaves running would hold a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(["/usr/sbin/postfix", "-c", self.config, command],
                                  stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  timeout=60)
            output.seek(0)
            assert done.returncode == 0, output.read()

    def queue(self):
        done = subprocess.run(["/usr/sbin/postqueue", "-c", self.config, "-j"], text=True,
                              capture_output=True, check=True, timeout=30)
        return done.stdout.splitlines()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@contextlib.contextmanager
def second_postfix(mx_port):
    home = tempfile.mkdtemp(prefix="sekimori-second-")
    pathlib.Path(home).chmod(0o755)
    second = SecondPostfix(home, mx_port)
    try:
        second.postfix("start")
        wait_for(lambda: _answers(second.port), 20, "the second Postfix")
        yield second
    finally:
        with contextlib.suppress(AssertionError):
            second.postfix("stop")
        shutil.rmtree(home)


def _answers(port):
    with socket.create_connection((HOST, port), timeout=1):
        return True
