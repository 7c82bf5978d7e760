"""The outside world: takes every message and keeps it as one .eml file.

    sink.py PORT DIRECTORY USER

Recipients at `bounce.example` or named `bounce-…` are refused for good (550 5.1.1), those named
`defer-…` for now (451 4.3.0). A file appears under its name only when it is whole (rename). The
envelope stands on top in X-Envelope-From (`<>` for none) and X-Envelope-To (comma-separated).
"""

import asyncio
import itertools
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


async def serve(port, directory):
    sink = Sink(directory)

    def session():
        return SMTP(sink, hostname="outside.example", ident="sink", enable_SMTPUTF8=True,
                    data_size_limit=MESSAGE_BYTES_MAX)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", port, backlog=512)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()


def main():
    port, directory, user = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pwd.getpwnam(sys.argv[3])
    # Only now: this file itself may lie where that user may not read.
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.umask(0o022)
    asyncio.run(serve(port, directory))


if __name__ == "__main__":
    main()
