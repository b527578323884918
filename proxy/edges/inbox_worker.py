"""A thread with a connection of its own: it does all that was asked for in one transaction and answers all at once.

Each commit has a price of its own, whatever is in it. So the next one is not begun while one is under way, nor while
every turn of the loop brings more, nor, for a moment, while fewer have come than senders were just answered.

The one thing a reader would get wrong: who gave up waiting may have got what it asked for. What was not begun by then
is never done; what was begun may be committed. So a sender that was told 503 comes again, and is found to be a repeat.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from proxy.edges.inbox_arrivals import put
from proxy.edges.inbox_backend import Backend, Connection, Fault, Reports
from proxy.edges.inbox_tables import Change, Step, Work
from proxy.timing import LEAST
from proxy.webhooks.inbox import Arrival, InboxUnavailable, Kept

T = TypeVar("T")
BATCH = 256  # in one transaction
BATCH_BYTES = 4 << 20
PATIENCE = 5.0  # seconds that anybody waits
GATHER = 0.004  # seconds at most in which more is waited for
LULL = 0.002  # seconds of them for senders who were just answered


@dataclass(slots=True)
class Job:
    """An arrival to be stored, or a step, and who waits for it, until when (the loop's time)."""

    work: Arrival | Step
    answer: asyncio.Future[Any]
    until: float


class Worker:
    """`do` is for the loop's thread, the rest runs in its own."""

    def __init__(self, name: str, backend: Backend, reports: Reports) -> None:
        self._backend = backend
        self._reports = reports
        self._loop = asyncio.get_running_loop()
        self._coming: list[Job] = []  # asked for, and not handed over
        self._look: asyncio.Handle | None = None  # at what has come: due in the next turn of the loop, or after a lull
        self._lull = False  # that look is after a lull
        self._expected = 0  # whose event was stored last, and who waited then: as many may be there again soon
        self._busy = False  # the thread has a batch
        self._waiting: deque[Job] = deque()  # oldest first, those with the thread among them
        self._timer: asyncio.TimerHandle | None = None  # while somebody may be waiting
        self._batches: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()  # an empty one ends the thread
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
        self._closing = True
        while self._coming:
            self._hand_over()
        self._batches.put([])
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
        job = Job(work, answer, self._loop.time() + PATIENCE)
        self._coming.append(job)
        self._waiting.append(job)
        if self._timer is None:
            self._timer = self._loop.call_at(job.until, self._give_up)
        if self._look is None and not self._busy:
            self._look_from(0)
        elif self._look is not None and self._lull and len(self._coming) >= self._expected:
            self._look.cancel()
            self._look_from(0)
        return answer

    def _look_from(self, seen: int) -> None:
        """Looks in the next turn whether more than `seen` have come by then."""
        self._lull = False
        self._look = self._loop.call_soon(self._gather, seen)

    def _gather(self, seen: int) -> None:
        self._look = None
        if not self._coming:  # all of them have given up
            return
        came = len(self._coming)
        left = GATHER - (self._loop.time() - (self._coming[0].until - PATIENCE))
        if left > 0 and seen < came < BATCH:
            self._look_from(came)
        elif left > 0 and came < min(self._expected, BATCH) and not self._lull:
            self._lull = True
            self._look = self._loop.call_later(min(LULL, left), self._gather, came)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Gives the thread what is to be done in one transaction."""
        size, many = 0, 0
        for job in self._coming:
            if many == BATCH or size >= BATCH_BYTES:
                break
            many += 1
            size += len(job.work.body) if isinstance(job.work, Arrival) else 0
        batch, self._coming = self._coming[:many], self._coming[many:]
        wanted = [job for job in batch if not job.answer.done()]  # what was given up must not be done after that
        if wanted:
            self._busy = True
            self._batches.put(wanted)
        elif self._coming:
            self._look_from(0)

    def _give_up(self) -> None:
        """Answers those who have waited too long. One timer for all: almost nobody ever does."""
        now, late = self._loop.time() + LEAST, False
        while self._waiting and (self._waiting[0].answer.done() or self._waiting[0].until <= now):
            job = self._waiting.popleft()
            if not job.answer.done():
                late = True
                job.answer.set_exception(InboxUnavailable(f"it did not answer within {PATIENCE:g} s"))
        if late:
            self._coming = [job for job in self._coming if not job.answer.done()]  # with the bodies that they hold
        began = self._began
        if late and began is not None:  # begun later than it was asked for, it is cut later, though nothing more comes
            self._loop.call_later(max(0.0, began + PATIENCE - time.monotonic()), self._cut_if_since, began)
        again = self._waiting and not self._closing
        self._timer = self._loop.call_at(self._waiting[0].until, self._give_up) if again else None

    def _cut_if_since(self, began: float) -> None:
        if self._began == began:
            self._cut()

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.cut()

    def _run(self) -> None:
        while batch := self._batches.get():
            self._began = time.monotonic()
            changes: list[Change] = []
            answers = self._answers(batch, changes)
            self._began = None
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._release, batch, answers, changes)
        self._drop()

    def _release(self, batch: list[Job], answers: list[object], changes: list[Change]) -> None:
        self._busy = False
        self._expected = sum(isinstance(job.work, Arrival) for job in batch) + len(self._coming)
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
        if self._coming and self._look is None:
            self._look_from(0)

    def _answers(self, batch: list[Job], changes: list[Change]) -> list[object]:
        """Each one's answer; an exception is one too. `changes`: is told what was committed."""
        full = self._backend.full()
        refused = [full is not None and isinstance(job.work, Arrival) for job in batch]
        wanted = batch if full is None else [job for job, no in zip(batch, refused, strict=True) if not no]
        rest = self._tried(wanted, changes)
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
