"""What a breaker remembers of the outcomes it was told: counts over a window, and the row of failures at its end.

The one thing a reader would get wrong: a success may be withdrawn, and then counts as if it had never been. So the row
is not one number: for every place between two failures it is known how many successes stand there.
"""

from __future__ import annotations

import math
from collections import deque

BUCKETS = 10  # of a window: what is older than it falls out a tenth at a time
PLACES = 1_000  # between failures that are remembered; a row longer than this opens any breaker
SHORTEST = 0.001  # seconds of a window; none at all would be a division by zero


class Counts:
    """How many outcomes there were, how many of them failures, and how many took long."""

    __slots__ = ("failures", "outcomes", "slow")

    def __init__(self) -> None:
        self.outcomes = self.failures = self.slow = 0


Note = tuple[Counts, int, bool]  # where a success was counted, in case it is withdrawn: bucket, place, was it slow


class Outcomes:
    """Successes and failures as they come in. Times are monotonic seconds and never go back.

    `seen`: what the window holds, as of the last outcome or `look`.
    """

    __slots__ = ("_bucket", "_buckets", "_ends", "_failures", "_number", "_places", "_stands", "_width", "seen")

    def __init__(self, window: float) -> None:
        self._width = max(window, SHORTEST) / BUCKETS
        self._number = 0  # of the bucket in use: the time divided by the width
        self._ends = 0.0
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.seen = Counts()
        self._bucket = Counts()
        self._buckets = deque([self._bucket], BUCKETS)
        self._failures = 0
        self._places: dict[int, int] = {}  # failures before a place -> successes that stand there; oldest first
        self._stands = 0  # failures before the last success that stands

    @property
    def row(self) -> int:
        """Failures since the last success that stands."""
        return self._failures - self._stands

    def success(self, now: float, *, slow: bool = False) -> Note:
        """Counts a success; keep the note as long as it may have to be withdrawn."""
        if now >= self._ends:
            self.look(now)
        bucket, seen, place = self._bucket, self.seen, self._failures
        bucket.outcomes += 1
        seen.outcomes += 1
        if slow:
            bucket.slow += 1
            seen.slow += 1
        self._places[place] = self._places.get(place, 0) + 1
        self._stands = place
        return bucket, place, slow

    def failure(self, now: float, *, slow: bool = False) -> None:
        """Counts a failure."""
        self.look(now)
        for counts in (self._bucket, self.seen):
            counts.outcomes += 1
            counts.failures += 1
            counts.slow += slow
        self._failures += 1
        if len(self._places) > PLACES:
            del self._places[next(iter(self._places))]

    def withdraw(self, note: Note) -> None:
        """Takes a success back as if it had never been: the row that it broke is one row again."""
        bucket, place, slow = note
        if any(bucket is one for one in self._buckets):  # else it fell out of the window long ago
            for counts in (bucket, self.seen):
                counts.outcomes -= 1
                counts.slow -= slow
        standing = self._places.get(place, 0) - 1
        if standing > 0:
            self._places[place] = standing
        elif standing == 0:
            del self._places[place]
            self._stands = max(self._places, default=0)

    def look(self, now: float) -> Counts:
        """What the window holds at `now`."""
        number = math.floor(now / self._width)
        for _ in range(min(number - self._number, BUCKETS)):
            if len(self._buckets) == BUCKETS:
                self._drop(self._buckets[0])
            self._bucket = Counts()
            self._buckets.append(self._bucket)
        self._number = number
        self._ends = (number + 1) * self._width
        return self.seen

    def _drop(self, old: Counts) -> None:
        self.seen.outcomes -= old.outcomes
        self.seen.failures -= old.failures
        self.seen.slow -= old.slow

    def resize(self, window: float) -> None:
        """Goes on with another length of the window; what was counted stays, in buckets of the new width."""
        began = self._number * self._width
        self._width = max(window, SHORTEST) / BUCKETS
        self._number = math.floor(began / self._width)
        self._ends = (self._number + 1) * self._width
