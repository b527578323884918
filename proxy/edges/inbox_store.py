"""The inbox by its URL: `sqlite:PATH` for one Outrigger, `postgresql://…` for several on one inbox.

The one thing a reader would get wrong: an event that is read back does not carry what told it from a repeat. Its
dedupe key and its nonce are remembered apart from it, and longer or shorter than it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from proxy.config.schema import InboxSettings
from proxy.edges import inbox_arrivals as arrivals
from proxy.edges import inbox_queries as queries
from proxy.edges import inbox_turns as turns
from proxy.edges.inbox_backend import Backend, Connection, Fault, Reports
from proxy.edges.inbox_tables import Change, Work
from proxy.edges.inbox_worker import Worker
from proxy.events import Events
from proxy.timing import Clock
from proxy.webhooks.inbox import UNDELIVERED, Arrival, Inbox, InboxUnavailable, Kept, Page, State, Stats, Stored

T = TypeVar("T")
RECOUNT = 5.0  # seconds after which counts of an inbox that others write to as well are asked for anew
SHARE = 50.0  # times as long as a count took, at least, until the next: a fiftieth of the reader's time


class OpenInbox(Inbox, Protocol):
    """An inbox that is open."""

    @property
    def pending(self) -> int:
        """Undelivered events, without asking the store: for `inbox.max_pending` on every request.

        What others do to a shared inbox is seen some seconds later.
        """


class Place(Protocol):
    """Where the events are."""

    @property
    def name(self) -> str:
        """For people; holds no password."""

    @property
    def shared(self) -> bool:
        """Others write to it as well."""

    def hold(self) -> None:
        """Before all else. Raises `Fault`."""

    def free(self) -> None:
        """After all else."""

    @property
    def writing(self) -> Backend:
        """Connections that write."""

    @property
    def reading(self) -> Backend:
        """Connections that read."""


async def open_inbox(settings: InboxSettings, *, clock: Clock, report: Events) -> OpenInbox:
    """The inbox that `settings.url` names, made where there is none yet. To be called in the running loop.

    `report.warned` hears when the store stops to work and when it works again. Raises `InboxUnavailable`, with a text
    for people, for what no waiting can put right: a foreign or damaged file, a newer version, another Outrigger on it,
    a driver that is not installed. A store that is only locked, full or down is opened all the same and heals.
    """
    store = InboxStore(_place(settings), clock=clock, report=report)
    try:
        await store.start()
    except BaseException:
        await store.close()
        raise
    return store


def _place(settings: InboxSettings) -> Place:
    scheme, _, rest = settings.url.partition(":")
    if scheme == "sqlite":
        from proxy.edges.inbox_sqlite import SqliteFile  # noqa: PLC0415 - loaded only where it is used

        return SqliteFile(rest, settings.min_free)
    try:
        from proxy.edges.inbox_postgres import PostgresServer  # noqa: PLC0415 - as above, and an extra
    except ImportError:
        text = "the PostgreSQL driver is not installed: pip install 'outrigger-proxy[postgres]'"
        raise InboxUnavailable(f"inbox.url: {text}") from None
    return PostgresServer(settings.url)


class InboxStore:
    """`Inbox` on either store: a thread that writes, and one that reads."""

    def __init__(self, place: Place, *, clock: Clock, report: Events) -> None:
        self.pending = 0
        self._place = place
        self._clock = clock
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._fault: Fault | None = None
        self._counts: Counter[tuple[str, State]] = Counter()
        self._counted = self._loop.time()
        self._between = RECOUNT  # longer where counting takes long: others wait for the reader meanwhile
        self._recounting: asyncio.Task[Stats] | None = None
        self._latest: dict[str, float] = {}  # webhook: the wall clock of its latest claim
        self._fresh = not place.shared  # what is claimed was claimed by a process that is gone
        self._writer = Worker("inbox", place.writing, Reports(self._connected, self._add, self._failed))
        self._reader = Worker("inbox-reader", place.reading, Reports(_unheard, _unheard, _unheard))

    async def start(self) -> None:
        """Makes what is missing. Raises `InboxUnavailable` where no waiting helps."""
        try:
            await self._loop.run_in_executor(None, self._place.hold)
            await self._writer.do(_nothing)
        except Fault as fault:
            raise InboxUnavailable(f"inbox {self._place.name}: {fault}") from None
        except InboxUnavailable:
            if self._fault is not None and self._fault.lasting:
                raise InboxUnavailable(f"inbox {self._place.name}: {self._fault}") from None

    async def close(self) -> None:
        """Ends what is queued and lets go of the store."""
        if self._recounting is not None:
            self._recounting.cancel()
        await self._writer.close()
        await self._reader.close()
        self._place.free()

    def put(self, arrival: Arrival) -> Awaitable[Kept]:
        if self._place.shared:
            self._count_anew()
        return self._writer.store(arrival)

    async def seen(self, arrival: Arrival) -> Kept:
        return await self._reader.do(lambda work: arrivals.seen(work.database, arrival))

    async def remember(self, arrival: Arrival) -> None:
        await self._writer.do(lambda work: arrivals.remember(work, [arrival]))

    async def claim(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        return await self._claim(turns.Due(webhook, limit, wall, until))

    async def lease(self, webhook: str, limit: int, wall: float, until: float) -> Sequence[Stored]:
        return await self._claim(turns.Due(webhook, limit, wall, until, pull=True))

    async def finish(self, id: str, wall: float, status: int | None) -> bool:
        return await self._writer.do(lambda work: turns.finish(work, id, wall, status))

    async def fail(self, id: str, wall: float, next_at: float | None, status: int | None, error: str) -> None:
        await self._writer.do(lambda work: turns.miss(work, turns.Miss(id, wall, next_at, error, status)))

    async def release(self, id: str, wall: float, next_at: float | None, error: str) -> None:
        await self._writer.do(lambda work: turns.miss(work, turns.Miss(id, wall, next_at, error, counts=False)))

    async def next_due(self, webhook: str) -> float | None:
        wall = self._clock.wall()
        if wall < self._latest.get(webhook, wall) - turns.CLOCK_SLACK:
            return wall  # the clock was set back: the next claim moves what is due back with it
        return await self._reader.do(lambda work: queries.next_due(work.database, webhook))

    async def get(self, id: str) -> Stored | None:
        return await self._reader.do(lambda work: queries.get(work.database, id))

    async def list(self, webhook: str | None, state: State | None, limit: int, after: str | None) -> Page:
        return await self._reader.do(lambda work: queries.page(work.database, webhook, state, limit, after))

    async def redeliver(self, id: str, wall: float) -> bool:
        return await self._writer.do(lambda work: turns.redeliver(work, id, wall))

    async def route(self, webhook: str, *, pull: bool, wall: float, limit: int) -> int:
        return await self._writer.do(lambda work: turns.route(work, turns.Route(webhook, pull, wall, limit)))

    async def purge(self, delivered_before: float, dead_before: float, seen_before: float, limit: int) -> int:
        ended: dict[State, float] = {"delivered": delivered_before, "dead": dead_before}
        gone = await self._writer.do(lambda work: queries.purge(work, ended, seen_before, limit))
        if gone:
            await self._writer.do(lambda work: work.database.shrink())
        return gone

    async def stats(self) -> Stats:
        if not self._place.shared:
            oldest = await self._reader.do(lambda work: queries.oldest(work.database))
            return Stats({place: many for place, many in self._counts.items() if many}, oldest)
        began = self._loop.time()
        stats = await self._reader.do(lambda work: Stats(queries.counts(work.database), queries.oldest(work.database)))
        self._between = max(RECOUNT, SHARE * (self._loop.time() - began))
        self._count(stats.counts)
        return stats

    async def _claim(self, due: turns.Due) -> Sequence[Stored]:
        latest = self._latest.get(due.webhook)
        back = latest is None or due.wall < latest - turns.CLOCK_SLACK

        def step(work: Work) -> Sequence[Stored]:
            if back:
                turns.rewind(work, due.webhook, due.wall)
            return turns.claim(work, due)

        claimed = await self._writer.do(step)
        self._latest[due.webhook] = due.wall
        return claimed

    def _count_anew(self) -> None:
        """Others write to a shared inbox, so what is known of it grows old."""
        now = self._loop.time()
        if now - self._counted >= self._between and (self._recounting is None or self._recounting.done()):
            self._counted = now
            self._recounting = self._loop.create_task(self.stats())
            self._recounting.add_done_callback(_look_at)

    def _count(self, counts: Mapping[tuple[str, State], int]) -> None:
        self._counts = Counter(counts)
        self._counted = self._loop.time()
        self.pending = sum(many for (_, state), many in counts.items() if state in UNDELIVERED)

    def _add(self, changes: Sequence[Change]) -> None:
        for webhook, state, more in changes:
            self._counts[webhook, state] += more
            if state in UNDELIVERED:
                self.pending += more

    # What the writer's thread calls.

    def _connected(self, connection: Connection) -> None:
        connection.begin()
        if self._fresh:
            turns.start_anew(connection)
        counts = queries.counts(connection)
        connection.commit()
        self._fresh = False
        self._tell(self._count, counts)

    def _failed(self, fault: Fault | None) -> None:
        before, self._fault = self._fault, fault
        if fault is not None and (before is None or str(before) != str(fault)):
            self._tell(self._report.warned, f"the inbox does not work ({fault}): {self._place.name}")
        elif fault is None and before is not None:
            self._tell(self._report.warned, f"the inbox works again: {self._place.name}")

    def _tell(self, hear: Callable[[T], None], what: T) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(hear, what)


def _nothing(_: Work) -> None:
    return None


def _unheard(_: object) -> None:
    return None


def _look_at(task: asyncio.Task[Stats]) -> None:
    if not task.cancelled():
        task.exception()  # the writer says what is wrong
