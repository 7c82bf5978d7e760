"""The SQL by which Postfix and Dovecot look into guard.db and the account store.

One place, because both must mean the same by "this account's standing": the login in lower case
with a +extension taken off, its domain, or the whole server; and nothing at all while bypass is on.
`key` is the mail server's own placeholder for the address ('%s' in Postfix, '%u' in Dovecot); both
escape what they put there.
"""


_KEY = """(SELECT address, CASE WHEN instr(address, '+') BETWEEN 2 AND instr(address, '@')
                           THEN substr(address, 1, instr(address, '+') - 1)
                                || substr(address, instr(address, '@'))
                           ELSE address END AS plain
           FROM (SELECT lower('{key}') AS address))"""


def standing(columns, flag, key, kinds=("account", "domain", "server")):
    """SELECT `columns` of the nearest standing that has `flag` set, for the address `key`."""
    tests = {
        "account": "(kind = 'account' AND id = plain)",
        "domain": "(kind = 'domain' AND id = substr(address, instr(address, '@') + 1))",
        "server": "kind = 'server'",
    }
    return " ".join(f"""
        SELECT {columns} FROM standing, {_KEY.format(key=key)}
        WHERE {flag} = 1 AND instr(address, '@') > 1
          AND NOT EXISTS (SELECT 1 FROM bypass WHERE on_off = 1)
          AND ({' OR '.join(tests[kind] for kind in kinds)})
        ORDER BY CASE kind WHEN 'account' THEN 0 WHEN 'domain' THEN 1 ELSE 2 END LIMIT 1
        """.split())


def inactive(column, key):
    """SELECT `column` where another panel has set the mailbox `key` inactive and its mail waits."""
    return " ".join(f"""
        SELECT {column} FROM inactive, {_KEY.format(key=key)}
        WHERE inactive.address = plain AND waits = 1
          AND NOT EXISTS (SELECT 1 FROM bypass WHERE on_off = 1) LIMIT 1
        """.split())


def _either(first, second):
    """What the first query finds, else what the second finds."""
    return f"SELECT * FROM ({first}) UNION ALL SELECT * FROM ({second}) LIMIT 1"


SUSPENDED_REPLY = "450 4.2.1 mailbox temporarily suspended, please try again later"


def postfix_maps(accounts, guard):
    """name → (database, query) of every Postfix map, the account queries being PostfixAdmin's."""
    return {
        # check_sasl_access: who may not send.
        "senders": (guard, standing(
            "CASE reply WHEN '' THEN '525 5.7.13 sending is suspended for this account'"
            " ELSE reply END", "no_send", "%s")),
        # check_recipient_access, for mail from outside: answered 450, so that it waits there.
        "recipients": (guard, _either(standing(f"'{SUSPENDED_REPLY}'", "no_receive", "%s"),
                                      inactive(f"'{SUSPENDED_REPLY}'", "%s"))),
        # virtual_alias_maps, the last of them: an inactive mailbox, whose alias PostfixAdmin sets
        # inactive with it, is no unknown one, so that what is handed in locally is taken and waits.
        "inactive": (guard, inactive("'%s'", "%s")),
        # transport_maps: mail that came in by an alias, a list, an authenticated sender or
        # sendmail(1) waits in our own queue.
        "waiting": (guard, _either(
            standing("'retry:4.2.1 mailbox temporarily suspended'", "no_receive", "%s"),
            inactive("'retry:4.2.1 mailbox temporarily inactive'", "%s"))),
        # transport_maps: our own domains are delivered whatever the next map says.
        "local": (accounts, "SELECT 'lmtp:unix:private/dovecot-lmtp' FROM domain "
                            "WHERE domain = substr('%s', instr('%s', '@') + 1) AND active = 1 "
                            "AND domain <> 'ALL'"),
        # transport_maps: the whole server's sending is stopped, pickup included. Not by a '*'
        # entry, which trivial-rewrite remembers for 30 s.
        "outside": (guard, "SELECT 'retry:4.7.1 sending from this server is stopped' FROM standing "
                           "WHERE instr('%s', '@') > 0 AND kind = 'server' AND no_send = 1 "
                           "AND NOT EXISTS (SELECT 1 FROM bypass WHERE on_off = 1) LIMIT 1"),
        "domains": (accounts, "SELECT domain FROM domain WHERE domain = '%s' AND active = 1 "
                              "AND domain <> 'ALL'"),
        "mailboxes": (accounts, "SELECT maildir FROM mailbox WHERE username = '%s' AND active = 1"),
        "mailboxes_by_alias_domain": (accounts,
            "SELECT maildir FROM mailbox, alias_domain WHERE alias_domain.alias_domain = '%d' "
            "AND mailbox.username = '%u' || '@' || alias_domain.target_domain "
            "AND mailbox.active = 1 AND alias_domain.active = 1"),
        "aliases": (accounts, "SELECT goto FROM alias WHERE address = '%s' AND active = 1"),
        "aliases_by_alias_domain": (accounts,
            "SELECT goto FROM alias, alias_domain WHERE alias_domain.alias_domain = '%d' "
            "AND alias.address = '%u' || '@' || alias_domain.target_domain "
            "AND alias.active = 1 AND alias_domain.active = 1"),
    }


# Dovecot. %s is the service ('smtp' when Postfix asks), %u the login.
# A passdb with deny=yes refuses whoever it finds: SMTP AUTH of a suspended account, since nologin
# does not stop Postfix.
DOVECOT_DENY_SMTP = "SELECT * FROM (" + standing("'' AS password", "no_login", "%u") + \
    ") WHERE '%s' = 'smtp'"
# A passdb that only adds fields, asked after the real one took the password: who
# knows it reads why the login is refused, who does not learns nothing.
DOVECOT_NOLOGIN = "SELECT * FROM (" + standing(
    "NULL AS password, 'Y' AS nologin, CASE reason WHEN '' THEN "
    "'This account is suspended.' ELSE reason END AS reason", "no_login", "%u") + \
    ") WHERE '%s' <> 'smtp'"
DOVECOT_PASSWORD = ("SELECT username AS user, password FROM mailbox "
                    "WHERE username = '%u' AND active = 1")


def dovecot_user(mail, user_id, group_id):
    return (f"SELECT '{mail}/' || domain || '/' || local_part AS home, {user_id} AS uid, "
            f"{group_id} AS gid, '*:bytes=' || quota AS quota_rule FROM mailbox "
            "WHERE username = '%u' AND active = 1")
