"""GCRA: one number says when the next call may go.

The number is the moment at which all that was ever let through is paid off, at `rate` calls per second. A call may go
while that lies less than `burst` calls ahead; a call that may not is given the moment at which it may.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from proxy.units import Rate, Seconds

GRAIN = 1e-6  # seconds; the rounding in a sum of floats must not refuse the last call of a burst


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitSettings:
    rate: Rate  # calls per second
    burst: int = 25
    mode: Literal["wait", "reject"] = "wait"
    max_wait: Seconds = 5.0


class Turn(NamedTuple):
    """A call's moment: `at`, in monotonic seconds, at once if that is not in the future.

    `before` and `after`: the limiter's number without this call and with it; equal where nothing was taken.
    """

    at: float
    before: float
    after: float


class Gcra:
    """One upstream's rate. Moments are handed out in order, and each to one call only."""

    __slots__ = ("_interval", "_paid_at", "_slack", "_stretch")

    def __init__(self, settings: RateLimitSettings) -> None:
        self._paid_at = -math.inf
        self._stretch = 1.0
        self._interval = 1 / settings.rate
        self.adopt(settings)

    def adopt(self, settings: RateLimitSettings) -> None:
        """Goes on under another rate or burst; the calls that are not paid off yet are paid off at the new rate."""
        interval = 1 / settings.rate
        self._stretch *= interval / self._interval
        self._interval = interval
        self._slack = interval * (max(settings.burst, 1) - 1) + GRAIN

    def take(self, now: float, limit: float) -> Turn:
        """The next moment; where that is after `limit`, nothing is taken and `at` says when one would have been."""
        if self._stretch != 1.0:
            self._paid_at = now + max(0.0, self._paid_at - now) * self._stretch
            self._stretch = 1.0
        before = self._paid_at
        start = max(before, now)
        at = start - self._slack
        if at > limit:
            return Turn(at, before, before)
        self._paid_at = start + self._interval
        return Turn(at, before, self._paid_at)

    def give_back(self, turn: Turn) -> None:
        """The call does not go. Its moment is free again if it was the last; else those behind it keep theirs."""
        if self._paid_at == turn.after:
            self._paid_at = turn.before
