"""A thread with a connection of its own: it does all that is queued in one transaction and then answers all at once.

The one thing a reader would get wrong: who gave up waiting may have got what it asked for. What was not begun by then
is never done; what was begun may be committed. So a sender that was told 503 comes again, and is found to be a repeat.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from proxy.edges.inbox_arrivals import put
from proxy.edges.inbox_tables import Change, Database, Step, Work
from proxy.timing import LEAST
from proxy.webhooks.inbox import Arrival, InboxUnavailable, Kept

T = TypeVar("T")
BATCH = 256  # in one transaction
BATCH_BYTES = 4 << 20
PATIENCE = 5.0  # seconds that anybody waits


class Fault(Exception):
    """Something is wrong with the store. `everywhere`: whatever else was asked would fail as well.

    `lasting`: no waiting can put it right. `reopen`: the connection is of no use any more. The text is for people.
    """

    def __init__(self, reason: str, *, everywhere: bool = True, lasting: bool = False, reopen: bool = True) -> None:
        super().__init__(reason)
        self.everywhere, self.lasting, self.reopen = everywhere, lasting, reopen


class Connection(Database, Protocol):
    """A connection to a store."""

    def begin(self) -> None:
        """Begins a transaction."""

    def commit(self) -> None:
        """Returns when all is on disk."""

    def rollback(self) -> None:
        """Undoes all since `begin`."""

    def close(self) -> None:
        """Lets go."""

    def cut(self) -> None:
        """Ends, from another thread, what this one waits for."""


class Backend(Protocol):
    """One kind of store. What it raises is translated by `fault`."""

    def connect(self) -> Connection:
        """A new connection."""

    def fault(self, error: Exception) -> Fault | None:
        """What an exception says of the store; None: nothing, it is a bug of ours."""

    def full(self) -> Fault | None:
        """Why nothing more should be stored now."""


@dataclass(slots=True)
class Job:
    """An arrival to be stored, or a step, and who waits for it, until when (the loop's time)."""

    work: Arrival | Step
    answer: asyncio.Future[Any]
    until: float


class Reports(NamedTuple):
    """Whom the thread tells, from within it, but `changed`: that is told in the loop. `failed` None: it works again."""

    connected: Callable[[Connection], None]
    changed: Callable[[Sequence[Change]], None]
    failed: Callable[[Fault | None], None]


class Worker:
    """`do` is for the loop's thread, the rest runs in its own."""

    def __init__(self, name: str, backend: Backend, reports: Reports) -> None:
        self._backend = backend
        self._reports = reports
        self._loop = asyncio.get_running_loop()
        self._coming: list[Job] = []  # asked for in this turn of the loop
        self._waiting: deque[Job] = deque()  # handed over, oldest first
        self._timer: asyncio.TimerHandle | None = None  # while somebody may be waiting
        self._queue: deque[Job] = deque()
        self._ready = threading.Condition()
        self._closing = False
        self._connection: Connection | None = None
        self._began: float | None = None  # since when a batch is worked on
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def do(self, step: Callable[[Work], T]) -> T:
        """What the step returns, once it is committed. Raises `InboxUnavailable`, at the latest after `PATIENCE`."""
        return cast("T", await self._ask(step))

    def store(self, arrival: Arrival) -> asyncio.Future[Kept]:
        """What `put` says of the arrival, once it is committed."""
        return self._ask(arrival)

    async def close(self) -> None:
        """Does what is queued, as far as it can be done in time, and ends the thread."""
        self._hand_over()
        with self._ready:
            self._closing = True
            self._ready.notify()
        end = self._loop.time() + PATIENCE
        while self._thread.is_alive() and self._loop.time() < end:
            await self._loop.run_in_executor(None, self._thread.join, 0.5)
        if self._thread.is_alive():
            self._cut()
        if self._timer is not None:
            self._timer.cancel()

    def _ask(self, work: Arrival | Step) -> asyncio.Future[Any]:
        if self._closing:
            raise InboxUnavailable("it is closed")
        answer = self._loop.create_future()
        if not self._coming:
            self._loop.call_soon(self._hand_over)  # behind all that is asked for in this turn: one wake-up, one batch
        self._coming.append(Job(work, answer, self._loop.time() + PATIENCE))
        return answer

    def _hand_over(self) -> None:
        coming, self._coming = self._coming, []
        with self._ready:
            self._queue += coming
            self._ready.notify()
        self._waiting += coming
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        """Answers those who have waited too long. One timer for all: almost nobody ever does."""
        now, late = self._loop.time() + LEAST, False
        while self._waiting and (self._waiting[0].answer.done() or self._waiting[0].until <= now):
            job = self._waiting.popleft()
            if not job.answer.done():
                late = True
                job.answer.set_exception(InboxUnavailable(f"it did not answer within {PATIENCE:g} s"))
        began = self._began
        if late and began is not None and time.monotonic() - began >= PATIENCE:
            self._cut()
        again = self._waiting and not self._closing
        self._timer = self._loop.call_at(self._waiting[0].until, self._give_up) if again else None

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.cut()

    def _run(self) -> None:
        while batch := self._next():
            self._began = time.monotonic()
            changes: list[Change] = []
            answers = self._answers(batch, changes)
            self._began = None
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._release, batch, answers, changes)
        self._drop()

    def _release(self, batch: list[Job], answers: list[object], changes: list[Change]) -> None:
        if changes:
            self._reports.changed(changes)
        for job, answer in zip(batch, answers, strict=True):
            if job.answer.done():
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()

    def _next(self) -> list[Job]:
        """What to do in one transaction; nothing: the end."""
        batch: list[Job] = []
        size = 0
        with self._ready:
            while not batch:
                while not self._queue and not self._closing:
                    self._ready.wait()
                if not self._queue:
                    break
                while self._queue and len(batch) < BATCH and size < BATCH_BYTES:
                    job = self._queue.popleft()
                    if not job.answer.done():  # it was given up, and must not be done after that
                        batch.append(job)
                        size += len(job.work.body) if isinstance(job.work, Arrival) else 0
        return batch

    def _answers(self, batch: list[Job], changes: list[Change]) -> list[object]:
        """Each one's answer; an exception is one too. `changes`: is told what was committed."""
        full = self._backend.full()
        refused = [full is not None and isinstance(job.work, Arrival) for job in batch]
        rest = self._tried([job for job, no in zip(batch, refused, strict=True) if not no], changes)
        if not any(isinstance(answer, InboxUnavailable) for answer in rest):
            self._reports.failed(full)
        answers = iter(rest)
        return [_unavailable(full) if no and full else next(answers) for no in refused]

    def _tried(self, batch: list[Job], changes: list[Change]) -> list[object]:
        if not batch:
            return []
        try:
            return self._once(batch, changes)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer of those who wait
            failure = self._failed(error)
        if len(batch) == 1 or (isinstance(failure, Fault) and failure.everywhere):
            return [_unavailable(failure) for _ in batch]
        return self._one_by_one(batch, changes)

    def _one_by_one(self, batch: list[Job], changes: list[Change]) -> list[object]:
        answers: list[object] = []
        for job in batch:
            try:
                answers += self._once([job], changes)
            except Exception as error:  # noqa: BLE001 - as above
                failure = self._failed(error)
                answers.append(_unavailable(failure))
                if isinstance(failure, Fault) and failure.everywhere:
                    return answers + [_unavailable(failure) for _ in batch[len(answers) :]]
        return answers

    def _once(self, batch: list[Job], changes: list[Change]) -> list[object]:
        connection = self._connection
        if connection is None:
            connection = self._connect()
        work = Work(connection)
        connection.begin()
        answers = _all(work, batch)
        connection.commit()
        changes += work.changes
        return answers

    def _connect(self) -> Connection:
        connection = self._backend.connect()
        try:
            self._reports.connected(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _failed(self, error: Exception) -> Exception:
        fault = error if isinstance(error, Fault) else self._backend.fault(error)
        if self._connection is not None:
            try:
                self._connection.rollback()
            except Exception:  # noqa: BLE001 - then it is of no use
                self._drop()
        if fault is None:
            return error
        if fault.reopen:
            self._drop()
        self._reports.failed(fault)
        return fault

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be broken already
                connection.close()


def _all(work: Work, batch: list[Job]) -> list[object]:
    """Deliveries first: what they lock is then never waited for by somebody whose new event they wait for."""
    answers: dict[int, object] = {}
    for place, job in enumerate(batch):
        if not isinstance(job.work, Arrival):
            answers[place] = job.work(work)
    arrivals = {place: job.work for place, job in enumerate(batch) if isinstance(job.work, Arrival)}
    if arrivals:
        answers.update(zip(arrivals, put(work, list(arrivals.values())), strict=True))
    return [answers[place] for place in range(len(batch))]


def _unavailable(failure: Exception) -> Exception:
    return InboxUnavailable(str(failure)) if isinstance(failure, Fault) else failure
