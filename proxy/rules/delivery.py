"""What becomes of an event after a try to deliver it: done, due again after which wait, or dead.

The one thing a reader would get wrong: a try that did not reach the application is no attempt. It moves nothing but the
time of the next try, and its event dies of age, not of attempts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from proxy.units import Ratio, Seconds

LONGEST_TOLD = 86400.0  # seconds; an application that asks for more is asked again after a day
BETWEEN_PROBES = 30.0  # seconds at most, while nothing answers at the application's address
GONE = 410  # the application wants no more of this event
TELLING = frozenset((429, 503))  # statuses whose Retry-After counts
BETWEEN_GROUPS = 0.1  # seconds until the next group goes even if no head has come in

Dice = Callable[[], float]  # uniform in [0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSettings:
    """After each attempt that failed, the wait before the next; after the last one the event is dead."""

    waits: tuple[Seconds, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 43200.0, 86400.0)
    jitter: Ratio = 0.1  # each wait is so much longer or shorter, by the dice


class Tried(NamedTuple):
    """How a try ended. `status` None: without an answer. `told`: seconds that the answer asked to wait.

    `reached` False: nothing was sent, because there was no connection.
    """

    status: int | None
    told: float | None = None
    reached: bool = True


class Next(NamedTuple):
    """`outcome` of the try; `after`: seconds until the event is due again, None if it never is."""

    outcome: Literal["delivered", "failed", "dead"]
    after: float | None


def after_try(tried: Tried, attempts: int, age: float, settings: WaitSettings, dice: Dice) -> Next:
    """What comes next. `attempts`: those that reached the application, with this one; `age`: seconds since receipt."""
    if not tried.reached:
        if age >= sum(settings.waits):
            return Next("dead", None)
        return Next("failed", 0.0)  # it stays due: `Flow` says when somebody tries again
    status = tried.status
    if status is not None and 200 <= status < 300:
        return Next("delivered", None)
    if status == GONE or attempts > len(settings.waits):
        return Next("dead", None)
    wait = jittered(settings.waits[attempts - 1], settings.jitter, dice)
    if status in TELLING and tried.told is not None:
        wait = max(wait, min(tried.told, LONGEST_TOLD))
    return Next("failed", wait)


def jittered(wait: float, jitter: float, dice: Dice) -> float:
    """`wait` seconds, more or less by up to the share `jitter`."""
    return wait * (1 + jitter * (2 * dice() - 1))


class Flow:
    """How many deliveries of one webhook may be on their way. Times are monotonic seconds.

    While nothing answers at the application's address one event probes, at the waits, and all others stay due. When it
    gets through they follow as after a cooldown: in groups that double, a group per head received or per 100 ms.
    """

    __slots__ = ("_dice", "_grown_at", "_most", "_probes", "_settings", "_until", "_window")

    def __init__(self, settings: WaitSettings, most: int, dice: Dice) -> None:
        self._dice = dice
        self._window: float = math.inf  # places of the group that may go; infinite: nobody is held back
        self._until = -math.inf  # nobody goes before
        self._grown_at = math.inf  # when the last group was let go; infinite: the first one has no head yet
        self._probes = 0  # in a row that did not get through
        self.adopt(settings, most)

    def adopt(self, settings: WaitSettings, most: int) -> None:
        """Goes on under new settings."""
        self._settings = settings
        self._most = most

    def room(self, now: float, on_their_way: int) -> int:
        """How many more may go at once."""
        if now < self._until:
            return 0
        while now - self._grown_at >= BETWEEN_GROUPS and self._window < self._most:
            self._grow(self._grown_at + BETWEEN_GROUPS)
        return max(0, int(min(self._window, self._most)) - on_their_way)

    def changes_at(self, now: float) -> float:
        """When `room` may be more without anything having happened; infinity: never."""
        if now < self._until:
            return self._until
        return self._grown_at + BETWEEN_GROUPS if self._window < self._most else math.inf

    def hold(self) -> None:
        """From now on one event goes first, and the others follow when it got through."""
        self._window, self._grown_at = 1, math.inf

    def answered(self, now: float) -> None:
        """The application was reached."""
        self._until, self._probes = -math.inf, 0
        if self._window < self._most:
            self._grow(now)

    def refused(self, now: float) -> None:
        """There was no connection. Those that were on their way together are one probe."""
        self.hold()
        if now < self._until:
            return
        waits = self._settings.waits or (BETWEEN_PROBES,)
        wait = min(waits[min(self._probes, len(waits) - 1)], BETWEEN_PROBES)
        self._until = now + min(jittered(wait, self._settings.jitter, self._dice), BETWEEN_PROBES)
        self._probes += 1

    def _grow(self, now: float) -> None:
        self._window, self._grown_at = self._window * 2, now
        if self._window >= self._most:
            self._window, self._grown_at = math.inf, math.inf
