"""The SQLite inbox alone: events stored a second, as a share of bare group commits of the same rows on one disk."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

from proxy.config.schema import InboxSettings
from proxy.edges.http1.listener import loop_factory
from proxy.edges.inbox_arrivals import put
from proxy.edges.inbox_rows import NEW, row_of
from proxy.edges.inbox_sqlite import SqliteFile
from proxy.edges.inbox_store import OpenInbox, open_inbox
from proxy.edges.inbox_tables import Work
from proxy.events import Events
from proxy.timing import Clock
from proxy.webhooks.inbox import Arrival

T = TypeVar("T")
ROUNDS, EVENTS, TOGETHER, FEW, SINGLE = 3, 4_000, 32, 8, 200
NOON = 1_790_000_000.0
HEADERS = tuple((f"X-Header-{number}".encode(), b"v" * 40) for number in range(12))


class Figures(NamedTuple):
    """Events a second by the store at 32 at once, and by bare commits of 32; seconds of one bare commit; p99 at 8."""

    stored: float
    events: float
    rows: float
    commit: float
    p99: float


class Bare(NamedTuple):
    """Events a second by commits of 32, into the inbox's own tables and into one plain table without an index.

    `commit`: seconds of a commit of one row, `p99` of the slowest hundredth of commits of 8; both of the plain table.
    """

    events: float
    rows: float
    commit: float
    p99: float


def inbox(folder: Path) -> str:
    """A line of figures; rounds of store and bare file alternate."""
    rounds = [_round(folder / f"inbox-{number}") for number in range(ROUNDS)]
    middle = Figures(*(statistics.median(values) for values in zip(*rounds, strict=True)))
    return (
        f"inbox_put      {middle.stored:,.0f}/s at {TOGETHER} at once  ÷ bare commits of {TOGETHER} "
        f"{middle.stored / middle.events:.2f} (one plain table: {middle.stored / middle.rows:.2f})  "
        f"p99 at {FEW} {middle.p99 * 1e3:.1f} ms = {middle.p99 * middle.events / TOGETHER:.1f} of these commits, "
        f"{middle.p99 / middle.commit:.1f} of one row in {middle.commit * 1e3:.2f} ms"
    )


def _round(folder: Path) -> Figures:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        stored, waits = runner.run(_store(folder))
    alone = bare(folder)
    return Figures(stored, alone.events, alone.rows, alone.commit, sorted(waits)[int(len(waits) * 0.99)])


def bare(folder: Path) -> Bare:
    """What the disk gives to a new file in `folder` that nobody else writes to."""
    events = EVENTS / sum(_own_commits(folder, [_event(number) for number in range(EVENTS)]))
    with closing(_bare_file(folder / "bare.db")) as database:
        rows = [row_of(_event(number)) for number in range(2 * EVENTS + SINGLE)]
        together = _commits(database, rows[:EVENTS], TOGETHER)
        one = _commits(database, rows[EVENTS : EVENTS + SINGLE], 1)
        few = sorted(_commits(database, rows[EVENTS + SINGLE :], FEW))
        return Bare(events, EVENTS / sum(together), sum(one) / len(one), few[len(few) * 99 // 100])


async def _store(folder: Path) -> tuple[float, list[float]]:
    settings = InboxSettings(url=f"sqlite:{folder / 'inbox.db'}")
    clock = Clock(asyncio.get_running_loop().time, lambda: NOON)
    store = await open_inbox(settings, clock=clock, report=Events())
    events = iter([_event(number) for number in range(EVENTS + EVENTS // 4)])
    began = time.perf_counter()
    await asyncio.gather(*(_send(store, events, EVENTS // TOGETHER) for _ in range(TOGETHER)))
    took = time.perf_counter() - began
    waits = await asyncio.gather(*(_send(store, events, EVENTS // 4 // FEW) for _ in range(FEW)))
    await store.close()
    return EVENTS / took, [wait for one in waits for wait in one]


async def _send(store: OpenInbox, events: Iterator[Arrival], count: int) -> list[float]:
    waits = []
    for _ in range(count):
        event = next(events)
        began = time.perf_counter()
        await store.put(event)
        waits.append(time.perf_counter() - began)
    return waits


def _bare_file(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"CREATE TABLE events ({NEW.replace('id,', 'id TEXT PRIMARY KEY,', 1)})")
    return database


def _own_commits(folder: Path, events: list[Arrival]) -> list[float]:
    """Seconds of each: what the inbox's thread does for 32, with no loop and nobody who asks beside it."""
    file = SqliteFile(str(folder / "own.db"), min_free=0)
    file.hold()
    with closing(file.writing.connect()) as connection:

        def commit(some: list[Arrival]) -> None:
            connection.begin()
            put(Work(connection), some)
            connection.commit()

        took = _timed(commit, events, TOGETHER)
    file.free()
    return took


def _commits(database: sqlite3.Connection, rows: list[tuple[object, ...]], together: int) -> list[float]:
    """Seconds of each."""
    insert = f"INSERT INTO events VALUES ({', '.join('?' * len(rows[0]))})"

    def commit(some: list[tuple[object, ...]]) -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany(insert, some)
        database.execute("COMMIT")

    return _timed(commit, rows, together)


def _timed(commit: Callable[[list[T]], None], all_of_them: list[T], together: int) -> list[float]:
    took = []
    for place in range(0, len(all_of_them), together):
        began = time.perf_counter()
        commit(all_of_them[place : place + together])
        took.append(time.perf_counter() - began)
    return took


def random_id() -> str:
    """Providers' ids are in no order, which costs an index more than a sequence does."""
    return f"evt_{os.urandom(12).hex()}"


def _event(number: int) -> Arrival:
    event_id = random_id()
    return Arrival(
        id=f"01890000-0000-7000-8000-{number:012d}",
        webhook="stripe",
        event_id=event_id,
        type="charge.paid",
        method="POST",
        query=None,
        headers=HEADERS,
        body=b"x" * 1024,
        key_name="stripe_key",
        received_at=NOON + number * 1e-4,
        state="pending",
        next_at=NOON,
        dedupe_key=event_id,
    )
