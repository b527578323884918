"""Until when the provider said wait, for which part of it, and in which order those who waited go on.

The one thing a reader would get wrong: the end of a cooldown lets one call go, not all. Only when its head has arrived
without a new wait do the others follow, in groups that double.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from proxy.units import Seconds

LONGEST_GUESS = 30.0  # seconds, where the provider says "wait" but not how long; the first guess is one second
BETWEEN_GROUPS = 0.1  # seconds until the next group goes even if no head has come in
MOST_KEYS = 1_000  # parts of one upstream with a cooldown of their own
GO, TOO_LONG = True, False


@dataclass(frozen=True, slots=True, kw_only=True)
class CooldownSettings:
    mode: Literal["wait", "reject", "pass"] = "wait"
    scope: Literal["upstream", "credential", "path"] = "upstream"
    max_wait: Seconds = 60.0
    queue: int = 100  # calls that may wait at a time


class Ticket:
    """A call's turn: first in a queue, then on its way to the provider.

    `limit`: when it stops being worth the wait. `tell` is called at most once: with `GO`, or with `TOO_LONG` when the
    provider has asked for a wait that goes beyond the limit.
    """

    __slots__ = ("_lane", "key", "limit", "tell")

    def __init__(self, key: bytes, limit: float, tell: Callable[[bool], None], lane: _Lane) -> None:
        self.key = key
        self.limit = limit
        self.tell = tell
        self._lane = lane


class Cooldown:
    """The cooldowns of one upstream, by key (one key, or one for each path). Times are monotonic seconds."""

    __slots__ = ("_lanes", "_settings", "waiting")

    def __init__(self, settings: CooldownSettings) -> None:
        self._settings = settings
        self._lanes: dict[bytes, _Lane] = {}  # a key that is not here goes at once
        self.waiting = 0  # calls in all queues

    def adopt(self, settings: CooldownSettings) -> None:
        """Goes on under new settings; ends and queues stay."""
        self._settings = settings

    @property
    def is_idle(self) -> bool:
        """True while there is nothing to ask: no key has a cooldown, a queue or a guess to remember."""
        return not self._lanes

    def ends(self, key: bytes, now: float) -> float | None:
        """When the cooldown of `key` is over; None if it has none."""
        lane = self._lanes.get(key)
        return None if lane is None or now >= lane.until else lane.until

    def latest(self, now: float) -> float | None:
        """When the last of all cooldowns is over; None if there is none."""
        ends = max((lane.until for lane in self._lanes.values()), default=now)
        return ends if ends > now else None

    def is_free(self, key: bytes, now: float) -> bool:
        """True if a call may go at once: no cooldown, and nobody who waited is still to go first."""
        lane = self._lanes.get(key)
        return lane is None or (now >= lane.until and lane.is_quiet)

    def join(self, key: bytes, limit: float, tell: Callable[[bool], None]) -> Ticket | None:
        """The last place in the queue of `key`, which must not be free; None if it ends too late or there is no room.

        Whoever has a ticket gives it to `arrived` or to `leave` in the end.
        """
        lane = self._lanes[key]
        if lane.until > limit or self.waiting >= self._settings.queue:
            return None
        ticket = Ticket(key, limit, tell, lane)
        lane.queue[ticket] = None
        self.waiting += 1
        return ticket

    def lead(self, key: bytes, tell: Callable[[bool], None]) -> Ticket | None:
        """A ticket to go first and alone, for a call that sat out its wait and finds `key` free; None if it just goes.

        Those that were told to wait by the same provider come back at the same time, although they are in no queue.
        """
        lane = self._lanes.get(key)
        if lane is None or lane.group > 1:  # since the wait somebody has had a head without another
            return None
        lane.first = Ticket(key, math.inf, tell, lane)
        return lane.first

    def due(self, key: bytes) -> float | None:
        """When `turn` must be called for those who wait; None if nobody waits, or for a head to come in first."""
        lane = self._lanes.get(key)
        if lane is None or not lane.queue or lane.first is not None:
            return None
        return max(lane.until, lane.next_group)

    def turn(self, key: bytes, now: float) -> None:
        """Lets go those whose turn it is."""
        lane = self._lanes.get(key)
        if lane is not None:
            self._release(lane, now)

    def arrived(self, ticket: Ticket, now: float) -> None:
        """The head of this call's answer is in; if it asks for a wait, `begin` was called before."""
        lane = ticket._lane
        if lane.first is ticket:
            lane.first, lane.group = None, 2
        lane.next_group = -math.inf
        self._release(lane, now)

    def leave(self, ticket: Ticket, now: float) -> None:
        """The call ends without a head, or does not wait any longer."""
        lane = ticket._lane
        if ticket in lane.queue:
            self._take(lane, ticket)
        elif lane.first is ticket:
            lane.first = None
            self._release(lane, now)

    def begin(self, key: bytes, told: float | None, now: float) -> float:
        """An answer asks for a wait: seconds for whoever got it.

        `told`: what the answer said; None is guessed: 1 s, and twice the last guess if that was sat out in vain.
        """
        lane = self._lanes.get(key) or self._new_lane(key)
        wait = lane.guess(now) if told is None else told
        lane.until = max(lane.until, now + wait)
        lane.first, lane.group, lane.next_group = None, 1, -math.inf
        for ticket in [ticket for ticket in lane.queue if ticket.limit < lane.until]:
            self._take(lane, ticket)
            ticket.tell(TOO_LONG)
        return wait

    def answered(self, key: bytes, now: float) -> None:
        """An answer without a wait came in: the next guess starts at one second again."""
        lane = self._lanes.get(key)
        if lane is not None:
            lane.guesses = 0
            if now >= lane.until and lane.is_quiet:
                del self._lanes[key]

    def _new_lane(self, key: bytes) -> _Lane:
        lane = _Lane()
        if len(self._lanes) >= MOST_KEYS:
            quiet = [(other.until, name) for name, other in self._lanes.items() if other.is_quiet]
            if not quiet:  # calls wait for every one of them: this wait is not shared
                return lane
            _, oldest = min(quiet)
            del self._lanes[oldest]
        self._lanes[key] = lane
        return lane

    def _release(self, lane: _Lane, now: float) -> None:
        if lane.first is not None or now < lane.until or now < lane.next_group:
            return
        going = list(islice(lane.queue, lane.group))
        for ticket in going:
            self._take(lane, ticket)
        if going and lane.group == 1:
            lane.first = going[0]
        elif going:
            lane.group *= 2
            lane.next_group = now + BETWEEN_GROUPS
        for ticket in going:
            ticket.tell(GO)

    def _take(self, lane: _Lane, ticket: Ticket) -> None:
        del lane.queue[ticket]
        self.waiting -= 1


class _Lane:
    """One key's cooldown, the calls that wait for its end, and how far their release has come."""

    __slots__ = ("first", "group", "guesses", "next_group", "queue", "until")

    def __init__(self) -> None:
        self.until = -math.inf
        self.guesses = 0  # in a row
        self.queue: dict[Ticket, None] = {}  # in the order of arrival
        self.first: Ticket | None = None  # on its way alone; nobody else goes until its head is in
        self.group = 1  # how many go next
        self.next_group = -math.inf

    @property
    def is_quiet(self) -> bool:
        return not self.queue and self.first is None

    def guess(self, now: float) -> float:
        """Doubled once for each cooldown, not for each of the calls in flight that hear of it."""
        if now >= self.until or not self.guesses:
            self.guesses += 1
        return min(2.0 ** min(self.guesses - 1, 10), LONGEST_GUESS)
