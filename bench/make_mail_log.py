#!/usr/bin/env python3
"""Writes a mail log of a made-up server: bench/make_mail_log.py MEGABYTES OUT [SEED].

The mix is that of a provider with Postfix and Dovecot: mail in and out, sign-ins, sessions,
guessers, greylisting, bounces, and one hijacked account. RFC 3164 stamps, long queue ids, seeded."""
import datetime
import random
import sys

PEOPLE = 3000
DOMAINS = ["example.jp", "example.com", "example.net", "example.org"]
ALPHABET = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def main():
    size = int(float(sys.argv[1]) * 1_000_000)
    dice = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    people = [f"user{i}@{DOMAINS[i % 4]}" for i in range(PEOPLE)]
    homes = [f"203.0.{dice.randrange(256)}.{dice.randrange(1, 255)}" for _ in people]
    friends = [[f"friend{dice.randrange(20000)}@remote{dice.randrange(900)}.example"
                for _ in range(dice.randrange(3, 25))] for _ in people]
    guessers = [f"198.51.100.{i}" for i in range(1, 200)]
    clock = datetime.datetime(2026, 11, 1)
    written = 0
    pid = 1000
    out = open(sys.argv[2], "w", encoding="utf-8", buffering=1 << 20)
    thief = people[7]

    def say(program, text):
        nonlocal written, stamp
        line = f"{stamp} mx1 {program}[{pid}]: {text}\n"
        written += len(line)
        out.write(line)

    def queue_id():
        return "4" + "".join(dice.choices(ALPHABET, k=8)) + "z" + "".join(dice.choices(ALPHABET, k=5))

    def delivered(q, to, relay, dice_value):
        if dice_value < 0.9:
            what = "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xk1jd2Gz3z9sP)"
        elif dice_value < 0.96:
            what = (f"dsn=4.7.1, status=deferred (host {relay}[192.0.2.9] said: 450 4.7.1 <{to}>: "
                    "Recipient address rejected: Greylisted (in reply to RCPT TO command))")
        else:
            what = (f"dsn=5.1.1, status=bounced (host {relay}[192.0.2.9] said: 550 5.1.1 <{to}>: "
                    "Recipient address rejected: User unknown (in reply to RCPT TO command))")
        say("postfix/smtp", f"{q}: to=<{to}>, relay={relay}[192.0.2.9]:25, delay=1.3, "
            f"delays=0.1/0.01/0.5/0.7, {what}")

    def submit(who, home, recipients, n):
        q = queue_id()
        say("postfix/submission/smtpd", f"connect from unknown[{home}]")
        say("postfix/submission/smtpd", f"Anonymous TLS connection established from unknown[{home}]: "
            "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)")
        say("postfix/submission/smtpd", f"{q}: client=unknown[{home}], sasl_method=PLAIN, "
            f"sasl_username={who}")
        say("postfix/cleanup", f"{q}: message-id=<{n}.{q}@{who.split('@')[1]}>")
        say("postfix/qmgr", f"{q}: from=<{who}>, size={dice.randrange(900, 90000)}, "
            f"nrcpt={len(recipients)} (queue active)")
        say("postfix/submission/smtpd", f"disconnect from unknown[{home}] ehlo=2 starttls=1 auth=1 "
            f"mail=1 rcpt={len(recipients)} data=1 quit=1 commands=8")
        for to in recipients:
            delivered(q, to, "mx." + to.split("@")[1], dice.random())
        say("postfix/qmgr", f"{q}: removed")

    n = 0
    step = datetime.timedelta(days=9) / max(1, size // 700)  # about 700 bytes a turn
    while written < size:
        n += 1
        clock += step
        stamp = clock.strftime("%b %e %H:%M:%S")
        pid = 1000 + n % 29000
        turn = dice.random()
        i = dice.randrange(PEOPLE)
        if turn < 0.12:
            submit(people[i], homes[i], dice.sample(friends[i], k=1 if turn < 0.09 else 2), n)
        elif turn < 0.42:  # mail comes in
            q = queue_id()
            ip = f"192.0.2.{dice.randrange(1, 255)}"
            sender = dice.choice(friends[i])
            say("postfix/postscreen", f"CONNECT from [{ip}]:{dice.randrange(1024, 65000)} to [192.0.2.1]:25")
            say("postfix/postscreen", f"PASS OLD [{ip}]:{dice.randrange(1024, 65000)}")
            say("postfix/smtpd", f"connect from mx.remote.example[{ip}]")
            say("postfix/smtpd", f"{q}: client=mx.remote.example[{ip}]")
            say("postfix/cleanup", f"{q}: message-id=<{n}.in@remote.example>")
            say("postfix/qmgr", f"{q}: from=<{sender}>, size={dice.randrange(900, 90000)}, nrcpt=1 (queue active)")
            say("postfix/smtpd", f"disconnect from mx.remote.example[{ip}] ehlo=1 mail=1 rcpt=1 "
                "data=1 quit=1 commands=5")
            say("dovecot", f"lmtp({people[i]})<{pid}><AbCdEf{n}>: sieve: msgid=<{n}.in@remote.example>: "
                "stored mail into mailbox 'INBOX'")
            say("postfix/lmtp", f"{q}: to=<{people[i]}>, relay=mx1[private/dovecot-lmtp], delay=0.2, "
                f"delays=0.1/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <{people[i]}> AbCdEf{n} Saved)")
            say("postfix/qmgr", f"{q}: removed")
        elif turn < 0.72:  # somebody reads
            session = f"S{n:x}AAAA"
            say("dovecot", f"imap-login: Login: user=<{people[i]}>, method=PLAIN, rip={homes[i]}, "
                f"lip=192.0.2.1, mpid={pid}, TLS, session=<{session}>")
            say("dovecot", f"imap({people[i]})<{pid}><{session}>: Logged out in=1234 out=56789 deleted=0 "
                "expunged=0 trashed=0 hdr_count=12 hdr_bytes=3456 body_count=3 body_bytes=45678")
        elif turn < 0.88:  # guessers
            ip = dice.choice(guessers)
            name = dice.choice(["info", "admin", "test", people[i]])
            if turn < 0.80:
                say("postfix/smtpd", f"connect from unknown[{ip}]")
                say("postfix/smtpd", f"warning: unknown[{ip}]: SASL LOGIN authentication failed: "
                    f"UGFzc3dvcmQ6, sasl_username={name}")
                say("postfix/smtpd", f"lost connection after AUTH from unknown[{ip}]")
                say("postfix/smtpd", f"disconnect from unknown[{ip}] ehlo=1 auth=0/1 commands=1/2")
            else:
                say("dovecot", f"imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): "
                    f"user=<{name}>, method=PLAIN, rip={ip}, lip=192.0.2.1, TLS, session=<G{n:x}BBBB>")
        elif turn < 0.98:  # refused
            ip = f"192.0.2.{dice.randrange(1, 255)}"
            say("postfix/smtpd", f"connect from unknown[{ip}]")
            say("postfix/smtpd", f"NOQUEUE: reject: RCPT from unknown[{ip}]: 554 5.7.1 Service unavailable; "
                f"Client host [{ip}] blocked using zen.spamhaus.org; from=<spam@bad.example> "
                f"to=<{people[i]}> proto=ESMTP helo=<bad.example>")
            say("postfix/smtpd", f"disconnect from unknown[{ip}] ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4")
        else:
            say("postfix/anvil", f"statistics: max connection rate 1/60s for (smtpd:{homes[i]}) at {stamp}")
            say("CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
        # From the sixth day on a thief sends as well.
        if clock.day >= 7 and n % 40 == 0:
            submit(thief, f"45.{dice.randrange(200)}.{dice.randrange(256)}.{dice.randrange(1, 255)}",
                   [f"victim{dice.randrange(10 ** 7)}@remote{dice.randrange(900)}.example" for _ in range(10)], n)
    out.close()


main()
