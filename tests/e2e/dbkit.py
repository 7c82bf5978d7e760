"""Real database servers of a test's own: PostgreSQL and MariaDB, on sockets in a folder, no ports."""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from labkit import wait_for


def _run_as(user):
    """PostgreSQL refuses to be root."""
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


def _wait(check, server, log):
    def answers():
        if server.poll() is not None:
            raise RuntimeError(f"{check[0]}: the server ended at once\n{log.read_text()[-2000:]}")
        return subprocess.run(check, capture_output=True).returncode == 0

    wait_for(answers, 60, "the database server answering")


@contextlib.contextmanager
def _folder():
    # A socket's path may hold 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sekimori-db-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Process:
    def __init__(self, command, check, log):
        self.command, self.check, self.log = command, check, log
        self.server = None

    def start(self):
        with self.log.open("ab") as out:
            self.server = subprocess.Popen(self.command, stdout=out, stderr=out,
                                           start_new_session=True)
        _wait(self.check, self.server, self.log)

    def stop(self):
        """SIGINT: PostgreSQL ends its connections, MariaDB does so with any signal's end."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGINT if "postgres" in str(self.command)
                      else signal.SIGTERM)
        self.server.wait(60)


@contextlib.contextmanager
def _running(command, check, log):
    process = Process(command, check, log)
    process.start()
    try:
        yield process
    finally:
        process.stop()


class PostgreSQL:
    scheme = "postgresql"

    def __init__(self, folder, process):
        self.folder, self.process = folder, process
        self.user = "postgres"

    def url(self, name):
        return f"postgresql://{self.user}@localhost/{name}?socket={self.folder}"

    def sql(self, text, name="postgres"):
        done = subprocess.run(["psql", "-h", self.folder, "-U", self.user, "-d", name, "-qAtX",
                               "-v", "ON_ERROR_STOP=1"], input=text, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def make(self, name):
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")


class MariaDB:
    scheme = "mysql"

    def __init__(self, folder, process):
        self.folder, self.process = folder, process
        self.user = "root"

    @property
    def socket(self):
        return self.folder / "s"

    def url(self, name):
        return f"mysql://{self.user}@localhost/{name}?socket={self.socket}"

    def sql(self, text, name="mysql"):
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-u",
                               self.user, "-N", "-B", name], input=text, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def make(self, name):
        self.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")


@contextlib.contextmanager
def postgresql():
    """Slow disks' safety off: what it holds is of a test."""
    programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
    me = _run_as("postgres")
    with _folder() as folder:
        if me:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        os.chmod(folder, 0o755)
        data = folder / "data"
        subprocess.run([*me, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust",
                        "-E", "UTF8", "--no-locale", "-N"], check=True, capture_output=True,
                       cwd="/")
        with _running([*me, programs / "postgres", "-D", data, "-k", folder, "-c",
                       "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"],
                      [programs / "pg_isready", "-q", "-h", folder], folder / "log") as process:
            yield PostgreSQL(folder, process)


@contextlib.contextmanager
def mariadb():
    with _folder() as folder:
        os.chmod(folder, 0o755)
        data = folder / "data"
        me = pwd.getpwuid(os.geteuid()).pw_name
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}",
                        f"--user={me}", "--skip-test-db", "--auth-root-authentication-method=normal"],
                       check=True, capture_output=True)
        socket = folder / "s"
        with _running(["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket}",
                       f"--user={me}", "--skip-networking", f"--pid-file={folder / 'pid'}",
                       "--innodb-flush-log-at-trx-commit=2", "--default-time-zone=+09:00"],
                      ["mariadb", "--no-defaults", f"--socket={socket}", "-u", "root", "-e",
                       "SELECT 1"], folder / "log") as process:
            yield MariaDB(folder, process)
