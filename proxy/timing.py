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
TICK = 0.018  # seconds; alarms within one tick share a timer of the loop. With LEAST still under 20 ms late


class Clock(NamedTuple):
    """`now`: monotonic seconds, the loop's own time. `wall`: Unix seconds."""

    now: Callable[[], float]
    wall: Callable[[], float]


class Alarms:
    """Timeouts that cost a set entry each and one timer per tick, because almost none of them ever rings."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ticks: dict[int, set[Alarm]] = {}

    def at(self, when: float) -> Alarm:
        """A context manager whose block ends with `TimeoutError` at `when` (the loop's time; infinity: never)."""
        return Alarm(self, when)

    def add(self, alarm: Alarm) -> int:
        """Puts the alarm into its tick and says which."""
        if alarm.when == math.inf:
            return -1
        tick = tick_of(alarm.when)
        alarms = self._ticks.get(tick)
        if alarms is None:
            alarms = self._ticks[tick] = set()
            self._loop.call_at(tick * TICK, self._ring, tick)
        alarms.add(alarm)
        return tick

    def remove(self, tick: int, alarm: Alarm) -> None:
        """Takes the alarm out of its tick."""
        alarms = self._ticks.get(tick)
        if alarms is not None:
            alarms.discard(alarm)

    def _ring(self, tick: int) -> None:
        if self._loop.time() < tick * TICK:  # uvloop rounds a timer to the nearest millisecond
            self._loop.call_at(tick * TICK + LEAST, self._ring, tick)
            return
        for alarm in self._ticks.pop(tick, ()):
            alarm.ring()


class Alarm:
    """One running timeout. It cancels the task that entered it, and turns that cancellation into `TimeoutError`."""

    __slots__ = ("_alarms", "_cancels", "_task", "_tick", "rang", "when")

    def __init__(self, alarms: Alarms, when: float) -> None:
        self._alarms = alarms
        self._task: asyncio.Task[object] | None = None
        self._cancels = 0
        self._tick = -1
        self.when = when
        self.rang = False

    def move(self, when: float) -> None:
        """Rings at `when` instead; later costs nothing now."""
        earlier = when < self.when
        self.when = when
        if self._task is not None and (earlier or self._tick < 0):
            self._alarms.remove(self._tick, self)
            self._tick = self._alarms.add(self)

    def ring(self) -> None:
        """Cancels the task, unless the alarm was moved to a later time meanwhile."""
        if self._task is None:
            return
        if tick_of(self.when) > self._tick:
            self._tick = self._alarms.add(self)
            return
        self.rang = True
        self._task.cancel()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None  # noqa: S101 - alarms are set inside tasks only
        self._cancels = self._task.cancelling()
        self._tick = self._alarms.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        self._alarms.remove(self._tick, self)
        if self.rang and task is not None and task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error


def tick_of(when: float) -> int:
    """The first tick at which it is `when` for certain: a start that was read from a slow clock was really later."""
    return math.ceil((when + LEAST) / TICK)


class Waits:
    """Every wait of a call goes through here, so that a drain can end at once those that would outlast it.

    `until` is infinity while serving, and the end of the grace once draining.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[tuple[float, asyncio.Future[bool]]] = set()
        self.until = math.inf

    async def sleep_until(self, when: float) -> None:
        """Returns at `when` (the loop's time), never before. Raises `Refusal` `draining` if that is after the grace."""
        await self.wait(self._loop.create_future(), when)

    async def wait(self, signal: asyncio.Future[bool], when: float, *, ends: float | None = None) -> bool:
        """True when someone set `signal`'s result, False when it is `when`. Raises `Refusal` `draining`.

        `ends`: when the signal is expected, where that is known; a drain then asks about that and not about `when`.
        """
        entry = (when if ends is None else ends, signal)
        if entry[0] > self.until:
            raise draining()
        timer = None if when == math.inf else self._loop.call_at(when, self._over, signal, when)
        self._waiting.add(entry)
        try:
            return await signal
        finally:
            self._waiting.discard(entry)
            if timer is not None:
                timer.cancel()

    def drain(self, until: float) -> None:
        """No wait may go on beyond `until` from now on; those that would are refused."""
        self.until = until
        for when, signal in tuple(self._waiting):
            if when > until and not signal.done():
                signal.set_exception(draining())

    def _over(self, signal: asyncio.Future[bool], when: float) -> None:
        if signal.done():
            return
        if self._loop.time() < when:  # uvloop rounds a timer to the nearest millisecond, so every second one is early
            self._loop.call_at(when + LEAST, self._over, signal, when)
        else:
            signal.set_result(False)


def draining() -> Refusal:
    """The refusal of a wait that a shutdown cuts short."""
    return Refusal("draining", "Outrigger is shutting down.", retry_after=1.0)
