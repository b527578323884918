"""The inbox in one SQLite file, for one Outrigger.

The one thing a reader would get wrong: SQLite goes on writing into a file that was deleted or moved away, and never
notices. So the file is looked at before each transaction, and again before anybody is told that it is committed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from proxy.edges.inbox_backend import Fault
from proxy.edges.inbox_tables import TABLES, VERSION
from proxy.edges.private_files import make_folder, open_private, sync

BUSY = 2.0  # seconds to wait for another program that has locked the file
LOOK = 1.0  # seconds between two looks at the free space
SHRINK = 1000  # pages that are given back at a time
TOGETHER = 32  # rows in one statement at most: each number of them is a statement of its own to be kept ready
_APPLICATION = 0x4F757472  # "Outr", in the file's head
_MARKS = re.compile(r"VALUES (\([?, ]+\))")
_KINDS = {"seq": "INTEGER PRIMARY KEY", "bytes": "BLOB", "real": "REAL", "compact": "WITHOUT ROWID"}
_DAMAGED = "the file is damaged or no inbox; move it away, or restore it from a backup"
_GONE = "the file is gone; put it back, or restart to begin an empty one"
_FAULTS = {  # primary result code: what people are told, and what follows from it
    sqlite3.SQLITE_BUSY: Fault("another program has locked it", reopen=False),
    sqlite3.SQLITE_LOCKED: Fault("another program has locked it", reopen=False),
    sqlite3.SQLITE_INTERRUPT: Fault("the disk is too slow", reopen=False),
    sqlite3.SQLITE_FULL: Fault("the disk is full", everywhere=False, reopen=False),
    sqlite3.SQLITE_READONLY: Fault("it is read-only"),
    sqlite3.SQLITE_IOERR: Fault("the disk fails to read or write"),
    sqlite3.SQLITE_CANTOPEN: Fault("it cannot be opened"),
    sqlite3.SQLITE_PERM: Fault("it may not be opened", lasting=True),
    sqlite3.SQLITE_AUTH: Fault("it may not be opened", lasting=True),
    sqlite3.SQLITE_NOMEM: Fault("there is no memory left"),
    sqlite3.SQLITE_CORRUPT: Fault(_DAMAGED, lasting=True),
    sqlite3.SQLITE_NOTADB: Fault(_DAMAGED, lasting=True),
}
_ODD = Fault("it does not take this", everywhere=False, reopen=False)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _fault(error: Exception) -> Fault | None:
    """What an exception of SQLite or of the system says of the file."""
    if isinstance(error, OSError):
        return _of_system(error)
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    known = _FAULTS.get(code & 0xFF, _ODD)
    reason = f"{known} ({error.sqlite_errorname})"
    return Fault(reason, everywhere=known.everywhere, lasting=known.lasting, reopen=known.reopen)


class SqliteFile:
    """A file that this process alone may use as an inbox, from `hold` to `free`."""

    shared = False

    def __init__(self, path: str, min_free: int) -> None:
        self.path = Path(path)
        self.name = f"sqlite:{path}"
        self.writing, self.reading = Writing(self), Reading(self)
        self._min_free = min_free
        self._lock: int | None = None
        self._looked = -LOOK
        self._scarce: Fault | None = None

    def hold(self) -> None:
        """Makes the file where there is none, and keeps other processes off it. Raises `Fault`."""
        try:
            make_folder(self.path.parent)
            self._lock = open_private(self.path.with_name(self.path.name + ".lock"))
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(open_private(self.path))
            sync(self.path.parent)
        except BlockingIOError:
            self.free()
            text = "another Outrigger uses it; give each its own file, or all one PostgreSQL inbox"
            raise Fault(text, lasting=True) from None
        except OSError as error:
            self.free()
            raise _of_system(error) from None

    def free(self) -> None:
        """Lets others use the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def full(self) -> Fault | None:
        """Set while the disk has less than `min_free` left. Looks once a second."""
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            self._scarce = self._look()
        return self._scarce

    def _look(self) -> Fault | None:
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return Fault(_GONE)
        if disk.f_bavail * disk.f_frsize >= self._min_free:
            return None
        return Fault(f"the disk has less than {self._min_free >> 20} MiB left (inbox.min_free)")


class Writing:
    """Opens the connection that writes."""

    fault = staticmethod(_fault)

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self.full = file.full

    def connect(self) -> SqliteConnection:
        return SqliteConnection(self._file.path, writes=True)


class Reading:
    """Opens the connection that reads."""

    fault = staticmethod(_fault)

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def connect(self) -> SqliteConnection:
        return SqliteConnection(self._file.path, writes=False)

    def full(self) -> Fault | None:
        """It stores nothing."""
        return None


class SqliteConnection:
    """`Connection` of the worker."""

    skip = ""

    def __init__(self, path: Path, *, writes: bool) -> None:
        if not path.exists():
            raise Fault(_GONE)
        self._path = str(path)
        self._shrinks = False
        self._begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        uri = f"{path.absolute().as_uri()}?mode=rw"  # never makes the file: that is `hold`'s
        self._database = sqlite3.connect(
            uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _prepare(self._database) if writes else self._database.execute("PRAGMA query_only = ON")
            self._wal = f"{path}-wal"
            self._database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            self._files = self._seen()
        except BaseException:
            self._database.close()
            raise

    def begin(self) -> None:
        self._look()
        self._database.execute(self._begin)

    def commit(self) -> None:
        self._database.execute("COMMIT")
        self._look()
        if self._shrinks:
            self._shrinks = False
            with suppress(sqlite3.Error):  # what was asked for is committed; there will be another time
                # `execute` would end the pragma after its first page, and `executescript` ends a transaction
                self._database.executescript(f"PRAGMA incremental_vacuum({SHRINK})")

    def rollback(self) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def close(self) -> None:
        self._database.close()

    def cut(self) -> None:
        self._database.interrupt()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        return self._database.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> list[int]:
        execute = self._database.execute
        return [execute(sql, values).rowcount for values in rows]

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        changed = 0  # many rows a statement: each lets go of the interpreter, and waits until the loop does so too
        for place in range(0, len(rows), TOGETHER):
            some = rows[place : place + TOGETHER]
            changed += self._database.execute(_for_rows(sql, len(some)), [*chain.from_iterable(some)]).rowcount
        return changed

    def lock_order(self) -> None:
        """Nobody else writes."""

    def shrink(self) -> None:
        self._shrinks = True

    def _look(self) -> None:
        if self._seen() != self._files:
            raise Fault(_GONE)

    def _seen(self) -> tuple[int, int, int]:
        try:
            file, wal = os.stat(self._path), os.stat(self._wal)  # noqa: PTH116 - at every commit; `Path.stat` costs more
        except OSError:
            raise Fault(_GONE) from None
        return file.st_dev, file.st_ino, wal.st_ino


@lru_cache(maxsize=256)
def _for_rows(sql: str, many: int) -> str:
    row = _MARKS.search(sql)
    assert row is not None  # noqa: S101 - every insert of ours ends so
    return f"{sql[: row.start()]}VALUES {', '.join([row[1]] * many)}{sql[row.end() :]}"


def _prepare(database: sqlite3.Connection) -> None:
    """Raises `Fault` for a file that is not ours."""
    ask = database.execute
    version, application = ask("PRAGMA user_version").fetchone()[0], ask("PRAGMA application_id").fetchone()[0]
    tables = ask("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and application != _APPLICATION:
        raise Fault("the file is another program's database; name another file in inbox.url", lasting=True)
    if version > VERSION:
        text = "a newer version of Outrigger wrote it; run that version, or name another file in inbox.url"
        raise Fault(text, lasting=True)
    if not tables:
        ask("PRAGMA auto_vacuum = INCREMENTAL")
    if ask("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise Fault("its file system cannot hold a SQLite log (WAL); name a local disk in inbox.url", lasting=True)
    ask("PRAGMA synchronous = FULL")
    ask("PRAGMA cache_size = -8000")  # KiB: providers' ids are random, so each new one is another page of `seen`
    ask("PRAGMA journal_size_limit = 16777216")
    if version < VERSION:
        ask("BEGIN IMMEDIATE")
        for table in TABLES:
            ask(table.format(**_KINDS))
        ask(f"PRAGMA application_id = {_APPLICATION}")
        ask(f"PRAGMA user_version = {VERSION}")
        ask("COMMIT")


def _of_system(error: OSError) -> Fault:
    if error.errno in _FULL:
        return Fault("the disk is full")
    if error.errno == errno.ELOOP:
        return Fault("it is a symbolic link; name the file itself in inbox.url", lasting=True)
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return Fault(f"it cannot be opened ({name})", lasting=error.errno != errno.EIO)
