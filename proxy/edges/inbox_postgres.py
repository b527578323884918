"""The inbox in a PostgreSQL database, which several Outriggers may share. Needs the extra `postgres`.

The one thing a reader would get wrong: the library's messages may quote the URL, and with it the password. None of them
gets further than this file; what people read is made of the SQLSTATE and of words of ours.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from proxy.edges.inbox_backend import Fault
from proxy.edges.inbox_tables import TABLES, UNDELIVERED, VERSION

CONNECT = 4  # seconds until a server that does not answer counts as lost …
STATEMENT, LOCK = 4_000, 2_000  # … and milliseconds for a statement and for a lock; all less than anybody waits
_KINDS = {
    "seq": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "bytes": "BYTEA",
    "real": "DOUBLE PRECISION",
    "compact": "",
}
_SCHEMA_LOCK, _ORDER_LOCK = 0x4F757401, 0x4F757402  # advisory locks: making the tables; turns of order keys
_OUTAGE = Fault("the server cannot be reached")
_POOLED = Fault("a pooler in between changes connections at each transaction; have it pool sessions", lasting=True)
_FAULTS = {  # SQLSTATE or its class: what people are told, and what follows from it
    "08": _OUTAGE,
    "26000": _POOLED,  # a prepared statement that is not there …
    "42P05": _POOLED,  # … or is there already: another connection's
    "25006": Fault("the server is read-only"),
    "28": Fault("the server refuses the user or the password", lasting=True),
    "3D": Fault("the server has no such database", lasting=True),
    "3F": Fault("the database has no such schema; see the search path of the user", lasting=True),
    "42501": Fault("the user may not use the tables; grant it to them", lasting=True),
    "40": Fault("two transactions were in each other's way", everywhere=False, reopen=False),
    "42": Fault("the tables are not those of an inbox", lasting=True),
    "53100": Fault("the server's disk is full"),
    "53300": Fault("the server has no connection left"),
    "53": Fault("the server has no room left"),
    "55": Fault("the server has locked the tables", reopen=False),
    "57014": Fault("the server is too slow", reopen=False),
    "57": Fault("the server is shutting down or starting"),
    "58": Fault("the server's disk fails"),
    "XX": Fault("the database is damaged"),
}
_ODD = Fault("it does not take this", everywhere=False, reopen=False)
_POOLER = "08P01"  # what PgBouncer says of everything
_BY_TEXT = {  # it, and libpq at connect, tell only by the text; that is looked at, and never repeated
    "no encryption": Fault("the server refuses the user without TLS; see sslmode", lasting=True),
    "authentication failed": _FAULTS["28"],
    "no pg_hba.conf entry": _FAULTS["28"],
    "no password supplied": _FAULTS["28"],
    'role "': _FAULTS["28"],
    "no such user": _FAULTS["28"],
    'database "': _FAULTS["3D"],
    "no such database": _FAULTS["3D"],
    "does not match host": Fault("the server's TLS certificate is for another name than inbox.url has", lasting=True),
    "verify failed": Fault(
        "the server's TLS certificate is not signed by one in sslrootcert of inbox.url", lasting=True
    ),
    "root certificate file": Fault("TLS: sslrootcert of inbox.url names no file with certificates", lasting=True),
    "private key file": Fault("TLS: sslkey of inbox.url names no key that is ours alone", lasting=True),
    "certificate": Fault("TLS with the server fails", lasting=True),
    "does not support SSL": Fault("the server does not speak TLS, which the URL asks for", lasting=True),
    "invalid ": Fault("inbox.url holds a value that makes no sense for its key", lasting=True),
    "too many clients": _FAULTS["53300"],
    "too many connections": _FAULTS["53300"],
    "unsupported startup parameter": Fault("the pooler does not take a parameter of inbox.url", lasting=True),
    "statement pooling": Fault("the pooler pools statements; have it pool transactions or sessions", lasting=True),
    "starting up": _FAULTS["57"],
    "shutting down": _FAULTS["57"],
}


class PostgresServer:
    """Where the events are; both of the worker's backends. `url` as libpq reads it, `sslmode` and all."""

    shared = True

    def __init__(self, url: str) -> None:
        self.name = "postgresql"
        self.writing = self.reading = self
        self._given: dict[str, Any] | None = None
        with suppress(psycopg.Error):  # `hold` says so, without the text
            self._given = conninfo_to_dict(url)
            self.name = _name(self._given)

    def hold(self) -> None:
        """Raises `Fault` for a URL that cannot be read."""
        if self._given is None:
            raise Fault("inbox.url is no postgresql://user:password@host/database", lasting=True)

    def free(self) -> None:
        """Others use it as they like."""

    def connect(self) -> PostgresConnection:
        return PostgresConnection(psycopg.connect(**{**_DEFAULTS, **(self._given or {})}))

    def full(self) -> Fault | None:
        """The server looks after its disk."""
        return None

    @staticmethod
    def fault(error: Exception) -> Fault | None:
        """What an exception of the library says of the server."""
        if not isinstance(error, psycopg.Error):
            return _OUTAGE if isinstance(error, OSError) else None
        code = error.sqlstate
        if code is None or code == _POOLER:
            return _by_text(error)
        known = _FAULTS.get(code) or _FAULTS.get(code[:2], _ODD)
        return Fault(f"{known} ({code})", everywhere=known.everywhere, lasting=known.lasting, reopen=known.reopen)


_LIMITS = f"""SELECT set_config('statement_timeout', '{STATEMENT}', ?), set_config('lock_timeout', '{LOCK}', ?),
  set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), ?)"""  # none is lost
_DEFAULTS: dict[str, Any] = {  # where the URL does not say otherwise
    "application_name": "outrigger",
    "connect_timeout": CONNECT,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": CONNECT * 1000,
}


def _name(given: dict[str, Any]) -> str:
    return f"postgresql://{given.get('host', '')}/{given.get('dbname', '')}"


def _by_text(error: psycopg.Error) -> Fault:
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return _ODD  # a value that the library itself does not take
    text = str(error)
    return next((fault for sign, fault in _BY_TEXT.items() if sign in text), _OUTAGE)


class PostgresConnection:
    """`Connection` of the worker; the server begins a transaction with the first statement.

    Behind a pooler the next transaction may be another server process's: nothing may be left with one, and nothing
    looked for there. It is told by the number of the process, for which a pooler gives one of its own.
    """

    skip = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._ordered = False
        try:
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            self._pooled = connection.info.backend_pid != self.rows("SELECT pg_backend_pid()")[0][0]
            if self._pooled:
                connection.prepare_threshold = None
            self._limit()
            _prepare(self)
            connection.commit()
        except BaseException:
            connection.close()
            raise

    def begin(self) -> None:
        self._ordered = False
        if self._pooled:
            self._limit()

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def cut(self) -> None:
        """Ends the socket under the thread that waits for it: a server that stands still would hold it for ever."""
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(_own(sql), values).fetchall()

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        return self._connection.execute(_own(sql), values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[object]]) -> list[int]:
        """In one go: the answers are waited for once, not row by row."""
        own = _own(sql)
        with self._connection.pipeline():
            cursors = [self._connection.execute(own, values) for values in rows]
        return [cursor.rowcount for cursor in cursors]

    def insert(self, sql: str, rows: Sequence[Sequence[object]]) -> int:
        return sum(self.many(sql, rows))

    def lock_order(self) -> None:
        if self._ordered:
            return
        if self.rows(f"SELECT 1 FROM events WHERE order_key IS NOT NULL AND {UNDELIVERED} LIMIT 1"):  # noqa: S608 - constants
            self.rows("SELECT pg_advisory_xact_lock(?)", (_ORDER_LOCK,))
            self._ordered = True

    def shrink(self) -> None:
        """The server's own vacuum does it."""

    def _limit(self) -> None:
        """For good, or behind a pooler for this transaction."""
        self.rows(_LIMITS, (self._pooled,) * 3)


def _prepare(connection: PostgresConnection) -> None:
    """Makes the tables where there are none. Raises `Fault` where they are not ours."""
    if _version(connection) == VERSION:
        return
    connection.rows("SELECT pg_advisory_xact_lock(?)", (_SCHEMA_LOCK,))  # others may start at the same time
    version = _version(connection)
    if version is not None and version > VERSION:
        text = "a newer version of Outrigger made it; run that version, or name another database in inbox.url"
        raise Fault(text, lasting=True)
    if version is None:
        if _has(connection, "events") or _has(connection, "seen"):
            text = "it has tables `events` or `seen` of another program; name a database of its own in inbox.url"
            raise Fault(text, lasting=True)
        for table in TABLES:
            connection.run(table.format(**_KINDS))
        connection.run("CREATE TABLE outrigger_inbox (version INTEGER NOT NULL)")
        connection.run("INSERT INTO outrigger_inbox VALUES (?)", (VERSION,))


def _version(connection: PostgresConnection) -> int | None:
    if not _has(connection, "outrigger_inbox"):
        return None
    return int(connection.rows("SELECT version FROM outrigger_inbox")[0][0])


def _has(connection: PostgresConnection, table: str) -> bool:
    # `to_regclass` would answer from a cache that is older than the lock
    sql = "SELECT 1 FROM pg_tables WHERE schemaname = ANY(current_schemas(false)) AND tablename = ?"
    return bool(connection.rows(sql, (table,)))


def _own(sql: str) -> str:
    """The statement with the library's own sign for a value."""
    return sql.replace("?", "%s")
