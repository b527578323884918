"""PgBouncer in front of a test's PostgreSQL server: fewer connections to the server than there are clients."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.support.ports import free_port
from tests.support.postgres import NoPostgres, PostgresServer

PATIENCE = 30.0  # seconds for it to come up


class Pooler:
    """`with Pooler(server, "transaction") as pooler`; `pooler.url(url)` leads through it."""

    def __init__(self, server: PostgresServer, mode: str, connections: int = 2) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            raise NoPostgres("pgbouncer is not installed: Debian's `pgbouncer`")
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="outrigger-pgbouncer-"))
        (self._folder / "users").write_text(f'"clerk" "{server.PASSWORD}"\n')
        (self._folder / "pgbouncer.ini").write_text(f"""\
[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = plain
auth_file = {self._folder}/users
pool_mode = {mode}
default_pool_size = {connections}
""")
        command = [program, str(self._folder / "pgbouncer.ini")]
        if server.user:  # it refuses root too
            for path in (self._folder, *self._folder.iterdir()):
                shutil.chown(path, server.user, server.user)
            command[1:1] = ["-u", server.user]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - Debian's

    def url(self, url: str) -> str:
        """The same database, through here."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.port}"))

    def __enter__(self) -> Self:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert time.monotonic() < until, "pgbouncer does not come up"
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
