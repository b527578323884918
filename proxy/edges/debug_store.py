"""The debug log: hears how calls end, keeps those that were sampled, and hands them to the writer's thread.

The one thing a reader would get wrong: when a call ends, the attempt inside it has not been closed yet. So it is taken
at the loop's next step, not at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from proxy.config.schema import DebugLogSettings
from proxy.edges.debug_reader import DebugReader, Wanted
from proxy.edges.debug_records import Record
from proxy.edges.debug_writer import DebugWriter, Kept, Reports
from proxy.events import Events
from proxy.model import Call
from proxy.rules.redaction import NO_MARKS, DebugSettings, Redactor
from proxy.rules.sensitive import Marks, marks
from proxy.stages.capture import Exchange
from proxy.timing import Clock

_UNKNOWN = (DebugSettings(), NO_MARKS)
Answer = TypeVar("Answer")
_PLAIN = frozenset({"ok", "upstream_error"})


class DebugStore(Events):
    """A listener, and the `Keeper` of the capture stage. `report` is told what was dropped and what went wrong."""

    def __init__(self, settings: DebugLogSettings, redactor: Redactor, *, clock: Clock, report: Events) -> None:
        self._clock = clock
        self._report = report
        self._loop: asyncio.AbstractEventLoop | None = None
        self._upstreams: dict[str, tuple[DebugSettings, Marks]] = {}
        self._attempts: dict[Call, list[Exchange]] = {}
        reports = Reports(failed=self._tell(report.warned), lost=self._tell(report.debug_dropped))
        self._writer = DebugWriter(settings, redactor, wall=clock.wall, reports=reports)
        self._reader = DebugReader(Path(settings.path))

    def adopt(self, upstream: str, settings: DebugSettings, injected: tuple[str, ...] = ()) -> None:
        """How calls of this upstream are kept from now on. `injected`: names of header and query fields put in."""
        self._upstreams[upstream] = (settings, marks(settings.redact, injected))

    async def start(self) -> None:
        """Makes the file and starts the writer. Raises `OSError`."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(None, self._writer.start)

    async def close(self) -> None:
        """Writes what is waiting, and ends."""
        await asyncio.sleep(0)  # calls that ended in this step of the loop are taken in the next
        await asyncio.get_running_loop().run_in_executor(None, self._writer.close)

    def attempts_of(self, call: Call) -> list[Exchange]:
        return self._attempts.setdefault(call, [])

    def call_ended(self, call: Call, status: int, outcome: str, seconds: float) -> None:
        if not call.sampled:
            return
        exchanges = self._attempts.pop(call, [])
        settings, own = self._upstreams.get(call.upstream, _UNKNOWN)
        if not _wanted(settings, call, outcome):
            return
        record = Record(
            id=call.id,
            upstream=call.upstream,
            method=call.method,
            target=call.target,
            status=status or None,
            code=None if outcome in _PLAIN else outcome,
            attempts=call.attempts,
            started=self._clock.wall() - (self._clock.now() - call.started),
            seconds=seconds,
            provider_id=call.provider_id,
            stopped=call.stopped,
            decisions=[(when - call.started, stage, text) for when, stage, text in call.decisions or ()],
            exchanges=exchanges,
            marks=own,
            max_body=settings.max_body,
        )
        asyncio.get_running_loop().call_soon(self._take, record)

    def keep(self, record: Kept) -> None:
        """Writes it down soon; where there is no room for it, that is counted."""
        if not self._writer.put(record):
            self._report.debug_dropped(record.upstream)

    async def requests(self, wanted: Wanted) -> dict[str, object]:
        """`DebugReader.requests`, with every call in it that has ended."""
        return await self._read(partial(self._reader.requests, wanted))

    async def request(self, id: str) -> dict[str, object] | None:
        """`DebugReader.request`, found as soon as the call has ended."""
        return await self._read(partial(self._reader.request, id))

    async def settled(self) -> None:
        """Returns once every call that has ended is written, or counted as lost."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        await asyncio.sleep(0)
        self._writer.when_settled(partial(_tell_loop, loop, done))
        await done

    async def _read(self, question: Callable[[], Answer]) -> Answer:
        await self.settled()
        return await asyncio.get_running_loop().run_in_executor(None, question)

    def _take(self, record: Record) -> None:
        for exchange in record.exchanges:
            if exchange.outcome == "cancelled":
                exchange.outcome = _ended_by(exchange, record)
        self.keep(record)

    def _tell(self, hear: Callable[[str], None]) -> Callable[[str], None]:
        def tell(text: str) -> None:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(hear, text)

        return tell


def _wanted(settings: DebugSettings, call: Call, outcome: str) -> bool:
    if settings.when == "retry":
        return call.attempts > 1
    return settings.when == "all" or outcome != "ok"


def _ended_by(exchange: Exchange, record: Record) -> str:
    """What cancelled an attempt: the call's own end, if it was the last one, else the time that it was given."""
    last = exchange is record.exchanges[-1]
    return record.code if last and record.code in {"client_gone", "deadline_exceeded"} else "upstream_timeout"


def _tell_loop(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    loop.call_soon_threadsafe(_set, done)


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
