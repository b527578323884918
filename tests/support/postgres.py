"""A real PostgreSQL server in a folder of its own, for the tests of one session. Fast, not safe: it never syncs."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path

from tests.support.ports import free_port

try:
    import psycopg
except ImportError:
    psycopg = None

PATIENCE = 30.0  # seconds for the server to come up


class NoPostgres(Exception):
    """There is no server on this machine; the text says what is missing."""


class PostgresServer:
    """Listens on loopback and on a socket in `folder`, where anybody is let in as `postgres`.

    The user `clerk` has to give `PASSWORD`.
    """

    PASSWORD = "p4ss-of-the-clerk"

    def __init__(self) -> None:
        if psycopg is None:
            raise NoPostgres("its driver is not installed: pip install 'psycopg[binary]'")
        self._programs = _programs()
        self._names = count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="outrigger-pg-"))
        self.user = _user()
        if self.user:
            shutil.chown(self.folder, self.user, self.user)
        self._data = self.folder / "data"
        try:
            self._do(
                "initdb",
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C",
            )
        except subprocess.CalledProcessError as error:
            raise NoPostgres(f"initdb failed: {error.stderr}") from None
        self.port = free_port()
        self.start()
        self.ask(f"CREATE ROLE clerk LOGIN PASSWORD '{self.PASSWORD}' CREATEDB")

    def give(self, name: str, content: bytes) -> None:
        """Puts a file of the server's own into `folder`."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        if self.user:
            shutil.chown(path, self.user, self.user)

    def start(self, *, only_tls: bool = False) -> None:
        host = "hostssl" if only_tls else "host"
        rules = f"local all postgres trust\n{host} all clerk 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(rules)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "40",
            "shared_buffers": "16MB",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._do(
            "pg_ctl",
            "-D",
            str(self._data),
            "-l",
            str(self.folder / "log"),
            "-w",
            "-t",
            str(int(PATIENCE)),
            "-o",
            options,
            "start",
        )

    def stop(self) -> None:
        """As by an operator who does not wait."""
        self._do("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def freeze(self, *, on: bool) -> None:
        """All its processes stand still, as on a machine that hangs, until they go on."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP if on else signal.SIGCONT)

    def close(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self) -> str:
        """The URL of a new and empty one."""
        name = f"inbox_{next(self._names)}"
        self.ask(f"CREATE DATABASE {name} OWNER clerk")
        return f"postgresql://clerk:{self.PASSWORD}@127.0.0.1:{self.port}/{name}"

    def schema(self) -> str:
        """The URL of an empty part of one database: quicker to make, and as good for most tests."""
        name = f"inbox_{next(self._names)}"
        self.ask(f"CREATE SCHEMA {name} AUTHORIZATION clerk")
        address = f"127.0.0.1:{self.port}/postgres?options=-csearch_path%3D{name}"
        return f"postgresql://clerk:{self.PASSWORD}@{address}"

    def ask(self, sql: str, database: str = "postgres") -> None:
        """Does something as the superuser."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True
        ) as one:
            one.execute(sql)

    def _processes(self) -> list[int]:
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def _do(self, program: str, *arguments: str) -> None:
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        command = [*as_user, str(self._programs / program), *arguments]
        out = subprocess.DEVNULL  # what is started would keep a pipe open
        with tempfile.TemporaryFile("w+") as wrong:
            done = subprocess.run(  # noqa: S603 - programs of the server
                command, stdout=out, stderr=wrong, cwd=self.folder, check=False, timeout=2 * PATIENCE
            )
            if done.returncode:
                wrong.seek(0)
                raise subprocess.CalledProcessError(done.returncode, program, stderr=wrong.read())


def _programs() -> Path:
    """Where `initdb` is; Debian keeps it off the path."""
    found = shutil.which("initdb")
    places = (
        [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    raise NoPostgres("initdb is neither on the PATH nor in /usr/lib/postgresql/*/bin: install Debian's `postgresql`")


def _user() -> str | None:
    """Whom the server runs as: it refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgres("the tests run as root, and there is no user `postgres`") from None
    if not shutil.which("setpriv"):
        raise NoPostgres("the tests run as root, and there is no `setpriv`")
    return "postgres"
