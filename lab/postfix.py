"""The lab's own Postfix: its configuration, start, repair and stop.

It shares the programs with the system's Postfix and nothing else: configuration, queue, data and
log are the lab's. Services run chrooted as Debian's master.cf has them.
"""

import os
import pathlib
import shutil

from lab import files, maps, process

PROGRAMS = ("/usr/lib/postfix/",)
MAIL_HOST = "mx.lab.example"


def _main_cf(lab):
    sql = lab.etc / "postfix/sql"
    table = {name: f"proxy:sqlite:{sql}/{name}.cf" for name in maps.postfix_maps("", "")}
    policy = (f"check_policy_service {{ inet:127.0.0.1:{lab.port('policy')}, timeout=1s, "
              "try_limit=1, request_limit=1, default_action=DUNNO }")
    sasl = f"check_sasl_access {table['senders']}"
    tls = lab.etc / "tls"
    return f"""# Written by scripts/up at every start.
compatibility_level = 3.6
queue_directory = {lab.spool}/postfix
data_directory = {lab.spool}/postfix-data
maillog_file = {lab.log}/mail.log
maillog_file_prefixes = {lab.log}
mail_owner = postfix
setgid_group = postdrop
enable_long_queue_ids = yes
smtputf8_enable = yes

myhostname = {MAIL_HOST}
mydomain = lab.example
myorigin = {MAIL_HOST}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = all
# A test speaks from 127.0.0.1 for the whole world, so nothing is trusted for coming from there.
mynetworks = [::1]/128
smtpd_client_event_limit_exceptions = 127.0.0.0/8
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_peername_lookup = no
disable_dns_lookups = yes
recipient_delimiter = +
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
notify_classes =
smtpd_banner = $myhostname ESMTP

# The outside world is the sink.
default_transport = smtp:[127.0.0.1]:{lab.port('sink')}
relay_transport = $default_transport
smtp_tls_security_level = none

virtual_mailbox_domains = {table['domains']}
virtual_mailbox_maps = {table['mailboxes']}, {table['mailboxes_by_alias_domain']}
virtual_alias_domains = {MAIL_HOST}
virtual_alias_maps = inline:{{
    {{ postmaster@{MAIL_HOST} = postmaster@lab-en.example }},
    {{ root@{MAIL_HOST} = postmaster@lab-en.example }} }},
  {table['aliases']}, {table['aliases_by_alias_domain']}, {table['inactive']}
virtual_transport = lmtp:unix:private/dovecot-lmtp
transport_maps = {table['waiting']}, {table['local']}, {table['outside']}

proxy_read_maps = {' '.join(table.values())}

smtpd_tls_cert_file = {tls}/cert.pem
smtpd_tls_key_file = {tls}/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_loglevel = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_auth_enable = no
smtpd_sasl_security_options = noanonymous

# One policy stanza, spelled alike everywhere: a connection per distinct stanza. The map before it
# holds also while the daemon is away. A bare `postmaster` meets only the two at DATA.
smtpd_policy_service_policy_context = {lab.name}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
  {sasl},
  {policy},
  permit_sasl_authenticated,
  reject_unauth_destination,
  check_recipient_access {table['recipients']}
submission_recipient_restrictions =
  {sasl},
  {policy},
  permit_sasl_authenticated,
  reject
smtpd_data_restrictions =
  {sasl},
  {policy},
  reject_unauth_pipelining
smtpd_end_of_data_restrictions =
  {policy}

# Tests wait for these.
in_flow_delay = 0s
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 10s
transport_retry_time = 5s
default_destination_concurrency_limit = 50
"""


def _master_cf(lab):
    port = lab.port
    return f"""# service  type  private unpriv chroot wakeup maxproc command
127.0.0.1:{port('smtp')}  inet  n - y - - smtpd
127.0.0.1:{port('submission')}  inet  n - y - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=$submission_recipient_restrictions
  -o milter_macro_daemon_name=ORIGINATING
# Mail that Dovecot sends for a person's Sieve rule. Nobody signs in here, so nobody is judged.
127.0.0.1:{port('reinject')}  inet  n - y - - smtpd
  -o syslog_name=postfix/reinject
  -o mynetworks=127.0.0.0/8
  -o smtpd_authorized_xclient_hosts=
  -o smtpd_relay_restrictions=permit_mynetworks,reject
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
  -o smtpd_data_restrictions=
  -o smtpd_end_of_data_restrictions=
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


class Postfix:
    name = "Postfix"
    ports = ("smtp", "submission", "reinject")

    def __init__(self, lab):
        self.lab = lab
        self.config = lab.etc / "postfix"
        self.queue = lab.spool / "postfix"

    def configure(self):
        """Writes the configuration; returns whether anything in it changed."""
        self.config.mkdir(exist_ok=True)
        (self.config / "sql").mkdir(exist_ok=True)
        files.directory(self.lab.spool / "postfix-data", 0o750, "postfix", "postfix")
        changed = files.write(self.config / "main.cf", _main_cf(self.lab) + self._stopped())
        changed |= files.write(self.config / "master.cf", _master_cf(self.lab))
        accounts, guard = self.lab.data / "accounts.db", self.lab.guard / "guard.db"
        for name, (database, query) in maps.postfix_maps(accounts, guard).items():
            text = f"dbpath = {database}\nquery = {query}\n"
            changed |= files.write(self.config / f"sql/{name}.cf", text, 0o640, "root", "postfix")
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(f"/etc/postfix/{name}", self.config / name)
        for name in ("dynamicmaps.cf.d", "postfix-files.d"):
            shutil.copytree(f"/etc/postfix/{name}", self.config / name, dirs_exist_ok=True)
        self._fill_queue_directory()
        return changed

    def _stopped(self):
        """The line by which Sekimori's helper has stopped all sending, if it has: a new start of
        the lab must not let it go."""
        main_cf = self.config / "main.cf"
        if not main_cf.exists():
            return ""
        return "".join(line for line in main_cf.read_text().splitlines(keepends=True)
                       if line.startswith("defer_transports"))

    def _fill_queue_directory(self):
        """What a chrooted service looks for under /etc, as Debian's init script copies it."""
        files.directory(self.queue, 0o755, "root", "root")
        (self.queue / "etc").mkdir(exist_ok=True)
        for name in ("localtime", "services", "resolv.conf", "hosts", "host.conf", "nsswitch.conf"):
            source = pathlib.Path("/etc") / name
            if source.exists():
                shutil.copyfile(source, self.queue / "etc" / name)
        # Dovecot's sockets for us lie in the queue directory; this short way leads there.
        link = self.lab.run / "queue"
        if not link.is_symlink() or os.readlink(link) != str(self.queue):
            link.unlink(missing_ok=True)
            link.symlink_to(self.queue)

    def _postfix(self, command):
        return process.attempt(["/usr/sbin/postfix", "-c", self.config, command])

    def prepare(self):
        """Makes the queue's directories, so that Dovecot can put its sockets there."""
        status, words = self._postfix("check")
        if status != 0:
            raise process.LabError(f"postfix check failed: {words}")

    def running(self):
        return self.config.exists() and self._postfix("status")[0] == 0

    def healthy(self):
        return self.running() and all(process.answers(self.lab.port(name)) for name in self.ports)

    def start(self):
        status, words = self._postfix("start")
        if status != 0:
            raise process.LabError(f"Postfix did not start: {words}\nSee {self.lab.log}/mail.log")
        for name in self.ports:
            process.wait_until(f"Postfix answering on port {self.lab.port(name)}",
                               lambda: process.answers(self.lab.port(name)), 20)

    def stop(self):
        if self.running():
            self._postfix("stop")
        for pid in self.strays():
            process.end(pid)

    def strays(self):
        return process.strays([str(self.config), str(self.queue)], PROGRAMS)
