"""The one thread that writes the debug log: from a bounded queue, in batches, and a quarter of the time at most.

The one thing a reader would get wrong: it shares the interpreter with the event loop, so it rests after each batch, and
in a flood calls are dropped and counted instead of slowing down the others.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proxy.config.schema import DebugLogSettings
from proxy.edges.debug_records import Record
from proxy.edges.debug_refused import RefusedRecord
from proxy.edges.private_files import make_folder, open_private
from proxy.rules.redaction import Redactor

MOST_RECORDS = 1_000  # that may wait to be written
MOST_BYTES = 16 << 20
BATCH = 64  # in one transaction
REST = 3.0  # times as long as the batch took
AGE_CHECK = 60.0  # seconds between two looks for what is too old
VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, upstream TEXT NOT NULL, method TEXT NOT NULL,
  target TEXT NOT NULL, status INTEGER, code TEXT, attempts INTEGER NOT NULL, started REAL NOT NULL,
  duration_ms REAL NOT NULL, upstream_request_id TEXT, stopped TEXT, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS calls_by_id ON calls (id);
CREATE INDEX IF NOT EXISTS calls_by_start ON calls (started);
"""
_INSERT = "INSERT INTO calls VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

Settled = Callable[[], None]
Kept = Record | RefusedRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Whom the thread tells, from within it. `failed`: for people; `lost`: the upstream of each call not written."""

    failed: Callable[[str], None]
    lost: Callable[[str], None]


class DebugWriter:
    """`put` and `when_settled` are for the loop's thread, the rest runs in its own."""

    def __init__(
        self, settings: DebugLogSettings, redactor: Redactor, *, wall: Callable[[], float], reports: Reports
    ) -> None:
        self._path = Path(settings.path)
        self._max_size, self._max_age = settings.max_size, settings.max_age
        self._redactor = redactor
        self._wall = wall
        self._reports = reports
        self._queue: deque[Kept | Settled] = deque()
        self._bytes = 0
        self._waited_for = 0  # callbacks in the queue: somebody waits, so no rest
        self._closing = False
        self._changed = threading.Condition()
        self._failing = False
        self._aged = -AGE_CHECK
        self._thread = threading.Thread(target=self._run, name="debug-log", daemon=True)

    def start(self) -> None:
        """Makes the file, if need be, and starts the thread. Raises `OSError`, which names the key and the path."""
        try:
            _open(self._path).close()
        except (sqlite3.Error, OSError) as error:
            why = error.sqlite_errorname if isinstance(error, sqlite3.Error) else error.strerror or error
            raise OSError(f"debug_log.path: {self._path} cannot be used as the debug log ({why})") from None
        self._thread.start()

    def put(self, record: Kept) -> bool:
        """False: there is no room, and the record is not kept."""
        size = record.size
        with self._changed:
            if len(self._queue) >= MOST_RECORDS or (self._queue and self._bytes + size > MOST_BYTES):
                return False
            self._queue.append(record)
            self._bytes += size
            self._changed.notify()
        return True

    def when_settled(self, settled: Settled) -> None:
        """Calls `settled`, in the writer's thread, once all that was put before is written or lost."""
        with self._changed:
            self._queue.append(settled)
            self._waited_for += 1
            self._changed.notify()

    def close(self) -> None:
        """Writes what is in the queue and ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        database: sqlite3.Connection | None = None
        while batch := self._next():
            began = time.monotonic()
            records = [one for one in batch if isinstance(one, Kept)]
            try:
                database = database or _open(self._path)
                self._write(database, records)
                self._failing = False
            except (sqlite3.Error, OSError) as error:
                self._fail(error, records)
                if database is not None:
                    database.close()
                database = None
            for one in batch:
                if not isinstance(one, Kept):
                    one()
            self._rest(REST * (time.monotonic() - began))
        if database is not None:
            database.close()

    def _next(self) -> list[Kept | Settled]:
        """What to do next; nothing: the end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            for one in batch:
                if isinstance(one, Kept):
                    self._bytes -= one.size
                else:
                    self._waited_for -= 1
            return batch

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._waited_for > 0, timeout=seconds)

    def _write(self, database: sqlite3.Connection, records: list[Kept]) -> None:
        with database:
            database.executemany(_INSERT, filter(None, map(self._row, records)))
        now = self._wall()
        if now - self._aged >= AGE_CHECK:
            self._aged = now
            _forget(database, "started < ?", now - self._max_age)
        while _size(database) > self._max_size and _forget(database, _OLDEST):
            pass

    def _row(self, record: Kept) -> tuple[object, ...] | None:
        try:
            return record.row(self._redactor)
        except Exception as error:  # noqa: BLE001 - what cannot be redacted is not written, and the next one may be
            self._reports.failed(f"a call could not be encoded for the debug log ({type(error).__name__})")
            self._reports.lost(record.upstream)
            return None

    def _fail(self, error: sqlite3.Error | OSError, records: list[Kept]) -> None:
        if not self._failing:  # once per outage, the counter tells the rest
            self._failing = True
            reason = error.sqlite_errorname if isinstance(error, sqlite3.Error) else error.strerror
            self._reports.failed(f"the debug log cannot be written ({reason}): {self._path}")
        for record in records:
            self._reports.lost(record.upstream)


_OLDEST = "seq <= (SELECT min(seq) + (max(seq) - min(seq)) / 10 FROM calls)"


def _open(path: Path) -> sqlite3.Connection:
    make_folder(path.parent)
    os.close(open_private(path))
    database = sqlite3.connect(path, timeout=5, check_same_thread=False)
    try:
        _prepare(database, path)
    except BaseException:  # a file that is no database: what was opened is closed again
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA journal_size_limit = 4194304")
    if database.execute("PRAGMA user_version").fetchone()[0] not in {0, VERSION}:
        raise OSError(0, "another version of Outrigger wrote it", str(path))
    database.executescript(_SCHEMA)
    database.execute(f"PRAGMA user_version = {VERSION}")


def _size(database: sqlite3.Connection) -> int:
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _forget(database: sqlite3.Connection, condition: str, *values: object) -> int:
    """Deletes, and leaves nothing of it in the file or in its log."""
    with database:
        gone = database.execute(f"DELETE FROM calls WHERE {condition}", values).rowcount  # noqa: S608 - one of two constants
    if gone:
        database.execute("PRAGMA incremental_vacuum").fetchall()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return gone
