"""The outside world: takes every message and keeps it as one .eml file.

    sink.py PORT DIRECTORY USER WEBHOOK_PORT

Recipients at `bounce.example` or named `bounce-…` are refused for good (550 5.1.1), those named
`defer-…` for now (451 4.3.0). A file appears under its name only when it is whole (rename). The
envelope stands on top in X-Envelope-From (`<>` for none) and X-Envelope-To (comma-separated).

On WEBHOOK_PORT it takes HTTP posts and keeps each as webhooks/NAME.json: {"status", "headers",
"body"}. A file webhooks/answers ("500 503 200") gives the next statuses; without it all is 200.
"""

import asyncio
import itertools
import json
import os
import pathlib
import pwd
import signal
import sys
import time

from aiosmtpd.smtp import SMTP

# Larger than Postfix's own limit in the lab, so that it is never the sink that refuses.
MESSAGE_BYTES_MAX = 100 * 1024 * 1024


class Sink:
    def __init__(self, directory):
        self.directory = directory
        self.unfinished = directory / ".unfinished"
        self.unfinished.mkdir(exist_ok=True)
        self.count = itertools.count()

    async def handle_RCPT(self, server, session, envelope, address, options):
        local, _, domain = address.rpartition("@")
        if domain.lower() == "bounce.example" or local.startswith("bounce-"):
            return "550 5.1.1 no such user here"
        if local.startswith("defer-"):
            return "451 4.3.0 not now, try again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        head = (f"X-Envelope-From: {envelope.mail_from or '<>'}\r\n"
                f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n")
        name = f"{time.time_ns():020d}-{next(self.count):08d}.eml"
        temporary = self.unfinished / name
        with open(temporary, "wb") as file:
            file.write(head.encode("utf-8", "surrogateescape"))
            file.write(envelope.original_content)
        temporary.rename(self.directory / name)
        return "250 2.0.0 kept"


class Webhooks:
    """A receiver of webhooks: one request a connection."""

    def __init__(self, directory):
        self.directory = directory / "webhooks"
        self.directory.mkdir(exist_ok=True)
        self.answers = self.directory / "answers"
        self.count = itertools.count()

    def next_status(self):
        try:
            statuses = self.answers.read_text().split()
        except OSError:
            return 200
        if not statuses:
            return 200
        # Written anew rather than in place: the file may be somebody else's.
        rest = self.answers.with_name("answers.rest")
        rest.write_text(" ".join(statuses[1:]))
        rest.rename(self.answers)
        return int(statuses[0])

    async def serve(self, reader, writer):
        try:
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).decode("latin-1")
            lines = head.split("\r\n")[1:]
            headers = {name.strip().lower(): value.strip()
                       for name, _, value in (line.partition(":") for line in lines if line)}
            size = int(headers.get("content-length", "0"))
            body = (await asyncio.wait_for(reader.readexactly(size), 30)).decode()
            status = self.next_status()
            name = f"{time.time_ns():020d}-{next(self.count):08d}.json"
            unfinished = self.directory / f".{name}"
            unfinished.write_text(json.dumps({"status": status, "headers": headers, "body": body}))
            unfinished.rename(self.directory / name)
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                         .encode())
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError,
                asyncio.TimeoutError):
            pass  # whoever talks nonsense gets no answer
        finally:
            writer.close()


async def serve(port, directory, webhook_port):
    sink = Sink(directory)

    def session():
        return SMTP(sink, hostname="outside.example", ident="sink", enable_SMTPUTF8=True,
                    data_size_limit=MESSAGE_BYTES_MAX)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", port, backlog=512)
    webhooks = await asyncio.start_server(Webhooks(directory).serve, "127.0.0.1", webhook_port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()
    webhooks.close()


def main():
    port, directory, user = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pwd.getpwnam(sys.argv[3])
    # Only now: this file itself may lie where that user may not read.
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(0o022)
    asyncio.run(serve(port, directory, int(sys.argv[4])))


if __name__ == "__main__":
    main()
