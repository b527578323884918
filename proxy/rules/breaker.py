"""The breaker: it stops the calls to an upstream that fails, and finds out with a few probes when it works again.

The one thing a reader would get wrong: no timer moves it. It is the next attempt after the recovery timeout that makes
an open breaker half-open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from proxy.model import Evidence
from proxy.rules.evidence import Note, Outcomes
from proxy.units import Ratio, Seconds

State = Literal["closed", "open", "half_open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half_open"

TRIP: Final = "trip"  # a row of failures, a share of failures or a share of slow answers is large enough
WAIT: Final = "wait"  # the recovery timeout is over, and an attempt asks
SUCCESS: Final = "success"  # as many successes as there are probes
FAILURE: Final = "failure"

NEXT: dict[tuple[State, str], State] = {  # a pair that is not here changes nothing
    (CLOSED, TRIP): OPEN,
    (OPEN, WAIT): HALF_OPEN,
    (HALF_OPEN, SUCCESS): CLOSED,
    (HALF_OPEN, FAILURE): OPEN,
}

_SUCCEEDED, _FAILED = Evidence.SUCCESS, Evidence.FAILURE  # looking up an enum's member costs as much as a call

LONGEST_BY_CHANCE = 50  # failures; no share of failures explains a longer row
LEAST_SHARE = 0.01  # a past without a failure proves no more than this
UNLIKELY = 1e6  # a row is taken for chance if it would be seen more than once in so many windows
LONGEST_OPEN = 600.0  # seconds between two probes, unless the recovery timeout itself is longer
MOST_TIMES = 10.0  # and at most so many recovery timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    failure_threshold: int = 5  # failures in a row
    recovery_timeout: Seconds = 60.0  # open before a probe is let through
    probes: int = 1  # attempts at a time while half-open, and successes that close it
    failure_rate: Ratio = 0.5  # of the outcomes in the window
    min_requests: int = 20  # outcomes in the window before a share of them means anything
    window: Seconds = 30.0
    slow_after: Seconds | None = None  # to the response head; None: slowness is no evidence
    slow_rate: Ratio = 0.8


class Permit:
    """An attempt's leave to go, or the refusal of it.

    `wait`: None if it may go, else whole seconds until the next probe.
    """

    __slots__ = ("generation", "note", "state", "taken_at", "wait")

    def __init__(self, state: State, generation: int, taken_at: float, wait: float | None = None) -> None:
        self.state = state
        self.generation = generation
        self.taken_at = taken_at
        self.wait = wait
        self.note: Note | None = None  # where its success was counted, as long as that can be taken back


class Breaker:
    """One upstream's breaker. Times are monotonic seconds.

    `generation` is raised at each change of state; what was permitted in an earlier one is no evidence any more.
    `by_hand`: an operator holds it as it is. `permit_life`: seconds after which a probe is given up for lost.
    """

    __slots__ = (
        "_after_hold",
        "_life",
        "_opened_at",
        "_outcomes",
        "_probes",
        "_reopened",
        "_settings",
        "_slow_after",
        "_successes",
        "by_hand",
        "generation",
        "state",
    )

    def __init__(self, settings: BreakerSettings, permit_life: float) -> None:
        self.state: State = CLOSED
        self.generation = 0
        self.by_hand = False
        self._after_hold: State = CLOSED
        self._outcomes = Outcomes(settings.window)
        self._probes: set[Permit] = set()  # on their way
        self._successes = 0  # of probes
        self._opened_at = 0.0
        self._reopened = 0  # times that a probe failed since it was closed
        self.adopt(settings, permit_life)

    def adopt(self, settings: BreakerSettings, permit_life: float) -> None:
        """Goes on under new settings; state and counts stay."""
        self._settings = settings
        self._life = permit_life
        self._slow_after = math.inf if settings.slow_after is None else settings.slow_after
        self._outcomes.resize(settings.window)

    def admit(self, now: float) -> Permit:
        """A permit for one attempt; look at its `wait` before going."""
        if self.state == CLOSED:
            return Permit(CLOSED, self.generation, now)
        wait = self.wait(now)
        if wait is not None:
            return Permit(self.state, self.generation, now, wait)
        self._step(WAIT, now)
        permit = Permit(HALF_OPEN, self.generation, now)
        self._probes = {probe for probe in self._probes if self._is_alive(probe, now)}
        self._probes.add(permit)
        return permit

    def report(self, permit: Permit, evidence: Evidence, now: float, took: float = 0.0) -> None:
        """What came of the attempt, once per permit. `took`: seconds to the response head, or to the failure."""
        if permit.generation != self.generation or permit.wait is not None:
            return
        if permit.state == HALF_OPEN:
            if permit not in self._probes:  # it was given up for lost, and another has its place
                return
            self._probes.discard(permit)
        slow = took > self._slow_after
        if evidence is _FAILED:
            self._failed(now, slow=slow)
        elif evidence is _SUCCEEDED:
            permit.note = self._outcomes.success(now, slow=slow)
            seen = self._outcomes.seen
            if seen.failures or seen.slow or permit.state == HALF_OPEN:
                self._succeeded(now)

    def broke_off(self, permit: Permit, now: float) -> None:
        """The body ended early: the success noted at its head is a failure, as if it had never been a success."""
        note, permit.note = permit.note, None
        if note is None or permit.generation != self.generation:
            return
        self._outcomes.withdraw(note)
        self._failed(now, slow=note[2])

    def give_back(self, permit: Permit) -> None:
        """The attempt says nothing about the upstream: it was refused further in, or its caller went away."""
        self._probes.discard(permit)

    def allows(self, now: float) -> bool:
        """True if an attempt would be let through; asking changes nothing."""
        return self.wait(now) is None

    def wait(self, now: float) -> float | None:
        """Whole seconds until the next probe, at least 1; None where an attempt would be let through.

        Nobody knows when an operator lets go: then it is the recovery timeout.
        """
        if self.state == CLOSED:
            return None
        if self.by_hand:
            return _whole(self._settings.recovery_timeout)
        if self.state == OPEN:
            probe_at = self._opened_at + self._pause()
            return None if now >= probe_at else _whole(probe_at - now)
        on_their_way = sum(self._is_alive(probe, now) for probe in self._probes)
        return None if on_their_way < self._settings.probes else 1.0

    def hold(self, state: Literal["open", "closed"] | None, now: float) -> None:
        """By hand: stays `state` until None lets it go.

        Let go, it is closed, unless it had opened by itself before it was held open: then the next attempt is a probe.
        """
        if state is not None:
            if CLOSED in {state, self.state}:
                self._after_hold = CLOSED
            elif not self.by_hand:
                self._after_hold = HALF_OPEN
        to = state or (self._after_hold if self.by_hand else self.state)
        self.by_hand = state is not None
        if to != self.state:
            self._move(to, now)

    def threshold(self, now: float) -> int:
        """How long a row of failures must be at `now` to open it."""
        seen = self._outcomes.look(now)
        in_row = min(self._outcomes.row, seen.failures)  # the row is the end of all failures, and so is the window
        before = seen.outcomes - in_row
        least = self._settings.failure_threshold
        if before < max(self._settings.min_requests, 1):
            return least
        return max(least, longest_by_chance(before, seen.failures - in_row))

    def counts(self, now: float) -> tuple[int, int, int]:
        """Outcomes, failures and slow ones in the window."""
        seen = self._outcomes.look(now)
        return seen.outcomes, seen.failures, seen.slow

    def _succeeded(self, now: float) -> None:
        if self.state == HALF_OPEN:
            self._successes += 1
            if self._successes >= self._settings.probes:
                self._step(SUCCESS, now)
        else:
            self._consider(now)  # it may be the one that makes the outcomes enough for a share of them to count

    def _failed(self, now: float, *, slow: bool) -> None:
        self._outcomes.failure(now, slow=slow)
        if self.state == HALF_OPEN:
            self._reopened += 1
            self._step(FAILURE, now)
        else:
            self._consider(now)

    def _consider(self, now: float) -> None:
        """Opens it if what was counted is reason enough."""
        if not self.by_hand and (self._is_long_enough(now) or self._is_bad_enough()):
            self._step(TRIP, now)

    def _is_long_enough(self, now: float) -> bool:
        row = self._outcomes.row
        return row >= self._settings.failure_threshold and row >= self.threshold(now)

    def _is_bad_enough(self) -> bool:
        settings, seen = self._settings, self._outcomes.seen
        if seen.outcomes < max(settings.min_requests, 1):
            return False
        if seen.failures / seen.outcomes >= settings.failure_rate:
            return True
        return settings.slow_after is not None and seen.slow / seen.outcomes >= settings.slow_rate

    def _is_alive(self, probe: Permit, now: float) -> bool:
        return now - probe.taken_at < self._life

    def _pause(self) -> float:
        """Seconds from opening to the next probe: doubled by each probe that failed."""
        once = self._settings.recovery_timeout
        times = min(2.0 ** min(self._reopened, 10), MOST_TIMES)
        return max(once, min(once * times, LONGEST_OPEN))

    def _step(self, event: str, now: float) -> None:
        to = NEXT.get((self.state, event))
        if to is not None:
            self._move(to, now)

    def _move(self, to: State, now: float) -> None:
        self.state = to
        self.generation += 1
        self._probes.clear()
        self._successes = 0
        if to == OPEN:
            self._opened_at = now
        elif to == CLOSED:
            self._reopened = 0
            self._outcomes.clear()


def longest_by_chance(outcomes: int, failures: int) -> int:
    """Failures in a row that an upstream with this past shows by mere chance, at most once in 10⁶ windows; at most 50.

    With a share p of failures, a row of k begins at one of n outcomes with probability n · p^k; this is the k at which
    that falls to 10⁻⁶.
    """
    share = max(failures / outcomes, LEAST_SHARE)
    if share >= 1:
        return LONGEST_BY_CHANCE
    return min(math.ceil(math.log(UNLIKELY * outcomes) / math.log(1 / share)), LONGEST_BY_CHANCE)


def _whole(seconds: float) -> float:
    """Whole seconds, rounded up but for the last bits of a float, at least 1."""
    return float(max(1, math.ceil(seconds - 1e-6)))
