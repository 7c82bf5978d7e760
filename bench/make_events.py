#!/usr/bin/env python3
"""Writes N events of an ordinary mail server's life (one seed, one file): what `replay` is timed on."""

import json
import random
import sys


def main():
    count, path = int(sys.argv[1]), sys.argv[2]
    rng = random.Random(20261122)
    accounts = [f"user{i}@domain{i % 50}.example" for i in range(max(10, count // 50))]
    t = 1_750_000_000.0
    with open(path, "w", encoding="utf-8") as out:
        for i in range(count):
            t += rng.expovariate(count / (30 * 86400))
            who = rng.randrange(len(accounts))
            event = {"t": round(t, 6), "account": accounts[who], "id": f"e{i}", "host": "mx1"}
            ip = f"10.{who >> 8 & 255}.{who & 255}.{rng.randrange(4)}"
            dice = rng.random()
            if dice < 0.15:
                event |= {"kind": "login", "result": "ok", "service": "imap", "ip": ip, "tls": True}
            elif dice < 0.30:
                event |= {"kind": "received", "from": f"friend{rng.randrange(30)}@partner.example"}
            elif dice < 0.50:
                event |= {"kind": "delivery", "queue_id": f"4Q{i - 1}", "status": "sent",
                          "to": f"friend{rng.randrange(9)}@partner{who % 300}.example", "dsn": "2.0.0"}
            else:
                to = [f"friend{rng.randrange(9)}@partner{who % 300}.example"
                      for _ in range(rng.choice((1, 1, 1, 2, 4)))]
                event |= {"kind": "submission", "ip": ip, "helo": "pc.example",
                          "from": accounts[who], "to": to, "size": rng.randrange(900, 200_000),
                          "queue_id": f"4Q{i}", "message_id": f"<{i}@pc.example>"}
            out.write(json.dumps(event) + "\n")


main()
