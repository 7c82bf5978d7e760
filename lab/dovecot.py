"""The lab's own Dovecot: its configuration, start, repair and stop."""

import grp
import pwd

from lab import files, maps, process

PROGRAMS = ("/usr/sbin/dovecot", "/usr/lib/dovecot/")
MAIL_USER = "sekimori-mail"

# What the daemon hears through Dovecot's event exporter.
EVENTS = ("auth_request_finished", "imap_command_finished", "managesieve_command_finished",
          "sieve_script_activated", "sieve_action_finished", "mail_delivery_finished",
          "smtp_submit_finished")


def _events(lab):
    metrics = "\n".join(f"""metric {name} {{
  exporter = sekimori
  filter = event={name}
}}""" for name in EVENTS)
    return f"""event_exporter sekimori {{
  format = json
  format_args = time-rfc3339
  transport = http-post
  transport_args = http://127.0.0.1:{lab.port('auth_policy')}/dovecot
}}
{metrics}
"""


def _conf(lab, nonce, doveadm_key):
    sql = lab.etc / "dovecot"
    tls = lab.etc / "tls"
    port = lab.port
    return f"""# Written by scripts/up at every start.
base_dir = {lab.run}/dovecot
state_dir = {lab.spool}/dovecot
instance_name = {lab.name}
# One log with Postfix, as syslog would keep it.
log_path = {lab.log}/mail.log
log_timestamp = "%b %d %H:%M:%S mx dovecot: "
protocols = imap pop3 lmtp sieve
listen = 127.0.0.1
ssl = yes
ssl_cert = <{tls}/cert.pem
ssl_key = <{tls}/key.pem
disable_plaintext_auth = no
# A test claims any client address (IMAP ID, XCLIENT in POP3 and ManageSieve).
login_trusted_networks = 127.0.0.1
auth_mechanisms = plain login
auth_username_format = %Lu
# On, as on a busy server, so that forgetting to flush it would show.
auth_cache_size = 10M
auth_cache_ttl = 1h
auth_cache_negative_ttl = 1h
# A test must not wait for what a wrong password costs.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}

mail_location = maildir:~/Maildir
mail_plugins = quota notify mail_log
first_valid_uid = 1
mail_max_userip_connections = 200
recipient_delimiter = +
lda_mailbox_autocreate = yes
submission_host = 127.0.0.1:{port('reinject')}
sendmail_path = /bin/false
hostname = mx.lab.example
postmaster_address = postmaster@lab-en.example
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
  mailbox Trash {{
    auto = subscribe
    special_use = \\Trash
  }}
  mailbox Junk {{
    auto = subscribe
    special_use = \\Junk
  }}
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
# What was wiped from which mailbox.
plugin {{
  mail_log_events = expunge mailbox_delete
  mail_log_fields = uid box
}}
protocol imap {{
  mail_plugins = $mail_plugins imap_quota
}}
protocol lmtp {{
  mail_plugins = $mail_plugins sieve
}}

# Whom Postfix may not let in, then the accounts, then (the password being right) whom the others
# may not let in and why. The third leaves everybody it does not find as the second decided.
passdb {{
  driver = sql
  args = {sql}/deny-smtp.conf
  deny = yes
}}
passdb {{
  driver = sql
  args = {sql}/accounts.conf
  result_success = continue-ok
  result_failure = return-fail
  result_internalfail = return-fail
}}
passdb {{
  driver = sql
  args = {sql}/nologin.conf
  result_success = continue-ok
  result_failure = continue
  result_internalfail = continue
}}
userdb {{
  driver = sql
  args = {sql}/accounts.conf
}}

auth_policy_server_url = http://127.0.0.1:{port('auth_policy')}/
# Dovecot asks twice before it lets a person in, and after a refused connection it waits this out
# each time (its HTTP client backs off): with Sekimori dead a login costs twice this, no more.
# Sekimori answers within 200 ms or says 0.
auth_policy_server_timeout_msecs = 300
auth_policy_hash_mech = sha256
auth_policy_hash_nonce = {nonce}
auth_policy_hash_truncate = 12

doveadm_api_key = {doveadm_key}

service auth {{
  client_limit = 8192
  unix_listener {lab.run}/queue/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
# Reads guard.db and accounts.db, which belong to group postfix.
service auth-worker {{
  user = $default_internal_user
  extra_groups = postfix
}}
service lmtp {{
  process_min_avail = 1
  unix_listener {lab.run}/queue/private/dovecot-lmtp {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
service imap-login {{
  service_count = 0
  client_limit = 2000
  inet_listener imap {{
    port = {port('imap')}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  service_count = 0
  client_limit = 2000
  inet_listener pop3 {{
    port = {port('pop3')}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  service_count = 0
  client_limit = 2000
  inet_listener sieve {{
    port = {port('sieve')}
  }}
}}
service doveadm {{
  inet_listener http {{
    address = 127.0.0.1
    port = {port('doveadm')}
  }}
}}

{_events(lab)}"""


class Dovecot:
    name = "Dovecot"
    ports = ("imap", "pop3", "sieve", "doveadm")

    def __init__(self, lab):
        self.lab = lab
        self.config = lab.etc / "dovecot/dovecot.conf"
        self.base = lab.run / "dovecot"

    def configure(self, nonce, doveadm_key):
        """Writes the configuration; returns whether anything in it changed."""
        lab = self.lab
        (lab.etc / "dovecot").mkdir(exist_ok=True)
        files.directory(lab.spool / "dovecot", 0o755, "root", "root")
        mail_user = pwd.getpwnam(MAIL_USER)
        mail_group = grp.getgrgid(mail_user.pw_gid).gr_name
        files.directory(lab.mail, 0o750, MAIL_USER, mail_group)
        accounts, guard = lab.data / "accounts.db", lab.guard / "guard.db"
        queries = {
            "deny-smtp": f"connect = {guard}\npassword_query = {maps.DOVECOT_DENY_SMTP}\n",
            "nologin": f"connect = {guard}\npassword_query = {maps.DOVECOT_NOLOGIN}\n",
            "accounts": f"connect = {accounts}\ndefault_pass_scheme = CRYPT\n"
                        f"password_query = {maps.DOVECOT_PASSWORD}\n"
                        f"user_query = "
                        f"{maps.dovecot_user(lab.mail, mail_user.pw_uid, mail_user.pw_gid)}\n",
        }
        changed = False
        for name, text in queries.items():
            changed |= files.write(lab.etc / f"dovecot/{name}.conf", "driver = sqlite\n" + text,
                                   0o640, "root", "dovecot")
        # It holds the nonce and the keys.
        return files.write(self.config, _conf(lab, nonce, doveadm_key), 0o600) or changed

    def running(self):
        pid = self._master()
        return pid is not None

    def _master(self):
        try:
            pid = int((self.base / "master.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if pid in self.strays() else None

    def healthy(self):
        return self.running() and all(process.answers(self.lab.port(name)) for name in self.ports)

    def start(self):
        status, words = process.attempt(["/usr/sbin/dovecot", "-c", self.config])
        if status != 0:
            raise process.LabError(f"Dovecot did not start: {words}\nSee {self.lab.log}/mail.log")
        for name in self.ports:
            process.wait_until(f"Dovecot answering on port {self.lab.port(name)}",
                               lambda: process.answers(self.lab.port(name)), 20)

    def stop(self):
        master = self._master()
        if master is not None:
            process.end(master)
        for pid in self.strays():
            process.end(pid, patience_s=3)

    def strays(self):
        # The master by its configuration; its children by the title Dovecot gives them. An auth
        # process outlives its master while an smtpd is connected, with its old cache and settings.
        return process.strays([str(self.config), f"dovecot-{self.lab.name}"], PROGRAMS)
