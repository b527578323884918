"""Places, and who is next for one.

The one thing a reader would get wrong: a place that comes back goes straight to the first in the queue, without being
free in between, so nobody overtakes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.units import Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencySettings:
    max: int = 100  # requests in flight
    queue: int = 100  # calls that may wait for a place
    max_wait: Seconds = 1.0


class Waiter:
    """A call in the queue; `admit` is called once, when it has a place."""

    __slots__ = ("admit",)

    def __init__(self, admit: Callable[[], None]) -> None:
        self.admit = admit


class Gate:
    """One upstream's places. Whoever got one, by `enter` or by `admit`, gives it back with one `leave`."""

    __slots__ = ("_max", "_queue", "_room", "in_flight")

    def __init__(self, settings: ConcurrencySettings) -> None:
        self._queue: dict[Waiter, None] = {}  # in the order of arrival; never any while a place is free
        self.in_flight = 0
        self.adopt(settings)

    def adopt(self, settings: ConcurrencySettings) -> None:
        """Goes on with another number of places: more admit those who wait, fewer take none away."""
        self._max = settings.max
        self._room = settings.queue
        self._admit_waiting()

    @property
    def queued(self) -> int:
        """Calls that wait for a place."""
        return len(self._queue)

    def enter(self) -> bool:
        """True if there was a place, which is now taken."""
        if self.in_flight >= self._max:
            return False
        self.in_flight += 1
        return True

    def join(self, admit: Callable[[], None]) -> Waiter | None:
        """The last place in the queue; None if it is full."""
        if len(self._queue) >= self._room:
            return None
        waiter = Waiter(admit)
        self._queue[waiter] = None
        return waiter

    def give_up(self, waiter: Waiter) -> None:
        """The call waits no longer. If it was admitted at the same moment, its place goes to the next."""
        if waiter in self._queue:
            del self._queue[waiter]
        else:
            self.leave()

    def leave(self) -> None:
        """One place comes back."""
        self.in_flight -= 1
        if self._queue:
            self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self._queue and self.in_flight < self._max:
            waiter = next(iter(self._queue))
            del self._queue[waiter]
            self.in_flight += 1
            waiter.admit()
