"""scripts/up and scripts/down, once the packages are there and the program is built."""

import argparse
import os
import pathlib
import signal
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.remove(str(pathlib.Path(__file__).resolve().parent))

from lab import accounts, layout  # noqa: E402
from lab.lab import Lab  # noqa: E402
from lab.process import LabError  # noqa: E402

DEFAULT_DIR = layout.ROOT / "var/lab"
# The lab's ports, all below 65536 and out of the system's own range.
PORT_BASE_MIN, PORT_BASE_MAX = 1024, 65000


def port_base(text):
    number = int(text)
    if not PORT_BASE_MIN <= number <= PORT_BASE_MAX:
        raise argparse.ArgumentTypeError(f"choose {PORT_BASE_MIN} to {PORT_BASE_MAX}")
    return number


def arguments():
    parser = argparse.ArgumentParser(prog="scripts")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", prog="scripts/up", help="start a guarded mail server here",
                             description="Starts a whole guarded mail server on 127.0.0.1.")
    up.add_argument("--port-base", type=port_base, default=20000, metavar="N",
                    help="first of its ports (default 20000)")
    up.add_argument("--detach", action="store_true", help="return once it runs")
    # For scripts/up: wrong usage is told before minutes of installing and building.
    up.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    down = commands.add_parser("down", prog="scripts/down", help="end it; its data stays",
                               description="Ends a lab; its data stays.")
    for command in (up, down):
        command.add_argument("--dir", type=pathlib.Path, default=DEFAULT_DIR,
                             help="where it keeps its data (default var/lab)")
    return parser.parse_args()


def greet(lab):
    place = lab.layout
    port = place.port
    panel = f"http://127.0.0.1:{port('web')}/"
    operator, password = accounts.OPERATOR, accounts.passwords(place)[accounts.OPERATOR]
    print(f"""
メールサーバーが動いています。 / The mail server is up.

  管理画面 / panel      {panel}
                        {operator} / {password}
  ポータル / portal     {panel}portal
  SMTP {port('smtp')}  submission {port('submission')}  IMAP {port('imap')}  \
POP3 {port('pop3')}  ManageSieve {port('sieve')}   (127.0.0.1)
  アカウントと鍵 / accounts and keys   {place.dir}/endpoints.json
  ログ / log                           {place.dir}/log/mail.log, sekimori.log
  外の世界に届いたメール / mail that left   {place.dir}/sink

次に試すこと / Try next:
  build/sekimori drill --config {place.etc}/sekimori.toml
      乗っ取りの訓練を最初から最後まで再生します。 / Plays a hijack from beginning to end.
  build/sekimori account list --config {place.etc}/sekimori.toml
      アカウントの状態を一覧します。 / Lists the accounts and their standing.
""", flush=True)


def watch(lab):
    """Stays until Ctrl-C (or scripts/down elsewhere), telling when a part dies. Mail flows on
    without Sekimori: the others are left as they are."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    print("Ctrl-C で終了します。 / Ctrl-C ends it.", flush=True)
    alive = [part for part in lab.parts if part.running()]
    while not ended.wait(1.0):
        if not lab.layout.run.exists():
            print("scripts/down ended it.", flush=True)
            return
        for part in [part for part in alive if not part.running()]:
            alive.remove(part)
            if not lab.layout.run.exists():
                continue
            print(f"{part.name} が終了しました。もう一度 scripts/up で直せます。 / {part.name} has "
                  "died; the other parts run on. scripts/up again repairs it.", flush=True)
            if part is lab.daemon:
                print(part.last_words(), flush=True)
    print("\n終了しています… / Ending…", flush=True)
    lab.down()


def main():
    given = arguments()
    if given.command == "up" and given.check_arguments:
        return
    if os.geteuid() != 0:
        sys.exit("Postfix and Dovecot need root: sudo scripts/" + given.command)
    try:
        if given.command == "down":
            ran = Lab(layout.Layout(given.dir)).down()
            print("ended: " + ", ".join(ran) if ran else "nothing ran there")
            return
        lab = Lab(layout.Layout(given.dir, given.port_base))
        started = lab.up()
        print("started: " + ", ".join(started) if started else "already up, nothing to do")
        greet(lab)
        if not given.detach:
            watch(lab)
    except LabError as error:
        sys.exit(f"scripts/{given.command}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
