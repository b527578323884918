"""Clock, dice, cheap timeouts and the waits of calls: everything that needs to know what time it is.

The one thing a reader would get wrong: an alarm is up to 20 ms late, and never early.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from proxy.errors import Refusal

Dice = Callable[[], float]  # uniform in [0, 1)
LEAST = 0.001  # seconds; uvloop's clock and timers know no less, and its clock may be that much behind
LOOK = 0.016  # seconds at most until a new alarm is sorted
LAST_WORDS = 0.1  # seconds before the end of a grace that are left to an answer
TICK = 0.018  # seconds; alarms within one tick share a timer of the loop. With LEAST still under 20 ms late


class Clock(NamedTuple):
    """`now`: monotonic seconds, the loop's own time. `wall`: Unix seconds."""

    now: Callable[[], float]
    wall: Callable[[], float]


class Alarms:
    """Timeouts that cost a set entry each, because almost none of them ever rings.

    A new alarm is only put among the young ones. All that are still there a tick later, which few are, are put where
    their time says: those of one tick share a timer of the loop. So the usual alarm is never sorted, and moving it is
    an assignment.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.young: set[Alarm] = set()
        self.awake = False  # somebody will look at the young ones
        self._ticks: dict[int, set[Alarm]] = {}

    def at(self, when: float) -> Alarm:
        """A context manager whose block ends with `TimeoutError` at `when` (the loop's time; infinity: never)."""
        return Alarm(self, when)

    def wake(self) -> None:
        """Sees to it that young alarms are looked at soon."""
        self.awake = True
        self.loop.call_at(self.loop.time() + LOOK, self._look)

    def join(self, alarm: Alarm) -> set[Alarm]:
        """Puts the alarm among those of its time, and returns these."""
        tick = math.ceil((alarm.when + LEAST) / TICK)  # a start that was read from a slow clock was really later
        alarms = self._ticks.get(tick)
        if alarms is None:
            alarms = self._ticks[tick] = set()
            self.loop.call_at(tick * TICK, self._ring, tick)
        alarms.add(alarm)
        return alarms

    def _look(self) -> None:
        self.awake = False
        young, self.young = self.young, set()
        for alarm in young:
            alarm.grow()

    def _ring(self, tick: int) -> None:
        if self.loop.time() < tick * TICK:  # uvloop rounds a timer to the nearest millisecond
            self.loop.call_at(tick * TICK + LEAST, self._ring, tick)
            return
        for alarm in self._ticks.pop(tick, ()):
            alarm.ring()


class Alarm:
    """One running timeout. It cancels the task that entered it, and turns that cancellation into `TimeoutError`.

    Once it is grown it is looked at when it is `_due`, which is never after `when`; if it was moved it is put off then.
    """

    __slots__ = ("_alarms", "_among", "_cancels", "_due", "_task", "rang", "when")

    def __init__(self, alarms: Alarms, when: float) -> None:
        self._alarms = alarms
        self._among: set[Alarm] | None = None  # those that are looked at together with it; None: never looked at
        self._task: asyncio.Task[object] | None = None
        self._due = -math.inf  # while it is young nothing is before the next look
        self.when = when
        self.rang = False

    def move(self, when: float) -> None:
        """Rings at `when` instead; anything that is not before the next look costs nothing now."""
        self.when = when
        if when < self._due and self._task is not None:
            if self._among is not None:
                self._among.discard(self)
            self.grow()

    def grow(self) -> None:
        """Takes its place among the alarms of its time."""
        self._due = self.when
        self._among = None if self.when == math.inf else self._alarms.join(self)

    def ring(self) -> None:
        """Cancels the task, unless the alarm is set to a later time."""
        if self._task is None:
            return
        if self.when > self._due:
            self.grow()
            return
        self.rang = True
        self._task.cancel()

    def __enter__(self) -> Self:
        alarms = self._alarms
        task = asyncio.current_task(alarms.loop)
        assert task is not None  # noqa: S101 - alarms are set inside tasks only
        self._task = task
        self._cancels = task.cancelling()
        if not alarms.awake:
            alarms.wake()
        self._among = alarms.young
        alarms.young.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._among is not None:
            self._among.discard(self)
        task, self._task = self._task, None
        if self.rang and task is not None and task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error


class Waits:
    """Every wait of a call goes through here, so that a drain can end at once those that would outlast it.

    `until` is infinity while serving, and the end of the grace once draining.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[tuple[float, float, asyncio.Future[bool]]] = set()  # expected end, limit, signal
        self.until = math.inf

    async def sleep_until(self, when: float) -> None:
        """Returns at `when` (the loop's time), never before. Raises `Refusal` `draining` if that is after the grace."""
        await self.wait(self._loop.create_future(), when)

    async def wait(self, signal: asyncio.Future[bool], when: float, *, ends: float | None = None) -> bool:
        """True when someone set `signal`'s result, False when it is `when`. Raises `Refusal` `draining`.

        `ends`: when the signal is to be expected at the earliest, where that is known; a drain then asks about that and
        not about `when`, and ends the wait only shortly before the grace is over.
        """
        expected = when if ends is None else ends
        if expected > self.until:
            raise draining()
        entry = (expected, when, signal)
        timer = None if when == math.inf else self._loop.call_at(when, self._over, signal, when)
        self._waiting.add(entry)
        if self.until != math.inf:
            self._end_early(when, signal)
        try:
            return await signal
        finally:
            self._waiting.discard(entry)
            if timer is not None:
                timer.cancel()

    def drain(self, until: float) -> None:
        """No wait may go on beyond `until` from now on; those that would are refused."""
        self.until = until
        for expected, when, signal in tuple(self._waiting):
            if expected > until:
                _refuse(signal)
            else:
                self._end_early(when, signal)

    def _end_early(self, when: float, signal: asyncio.Future[bool]) -> None:
        """One that may end in the grace, and may not, is refused while there is still time to say so."""
        if when > self.until:
            self._loop.call_at(self.until - LAST_WORDS, _refuse, signal)

    def _over(self, signal: asyncio.Future[bool], when: float) -> None:
        if signal.done():
            return
        if self._loop.time() < when:  # uvloop rounds a timer to the nearest millisecond, so every second one is early
            self._loop.call_at(when + LEAST, self._over, signal, when)
        else:
            signal.set_result(False)


def _refuse(signal: asyncio.Future[bool]) -> None:
    if not signal.done():
        signal.set_exception(draining())


def too_late() -> Refusal:
    """The refusal of a call whose deadline passes before it has an answer's head."""
    return Refusal("deadline_exceeded", "The time allowed for this call passed before an answer came.")


def draining() -> Refusal:
    """The refusal of a wait that a shutdown cuts short."""
    return Refusal("draining", "Outrigger is shutting down.", retry_after=1.0)
