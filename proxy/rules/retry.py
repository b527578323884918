"""Again or not, after how long, and the word for why not; backoff; budget.

The one thing a reader would get wrong: a told wait is a lower bound, so its jitter only adds to it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from proxy.body import Body
from proxy.model import Headers, Repeat, Request
from proxy.rules import json_pointer
from proxy.units import Ratio, Seconds

Dice = Callable[[], float]  # uniform in [0, 1)

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2, without TRACE: nobody asks us
WINDOW = 10  # seconds of a budget
SLACK = 1e-9  # a tenth put in ten times is a whole one


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffSettings:
    base: Seconds = 0.2
    max: Seconds = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencySettings:
    """What makes a repeat safe: a header, or a field of a JSON body."""

    header: str | None = "Idempotency-Key"  # None ("none" in the file): no header does
    json: str | None = None  # a JSON pointer whose presence in the body does
    generate: bool = False  # add the header to a POST or PATCH that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    ratio: Ratio = 0.2  # retries per call
    min_per_second: float = 1.0  # retries that flow in steadily


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySettings:
    attempts: int = 3  # in all, the first among them
    statuses: frozenset[int] = frozenset({408, 425, 429, 500, 502, 503, 504})
    backoff: BackoffSettings = BackoffSettings()
    max_retry_after: Seconds = 60.0  # a longer told wait is not sat out
    idempotency: IdempotencySettings = IdempotencySettings()
    budget: BudgetSettings = BudgetSettings()


class Ending(NamedTuple):
    """How an attempt ended, as far as another one is concerned: the part of a verdict or failure that is read here.

    `guessed`: the provider refused and said no time, and `told` is what the cooldown takes for it: as long a wait, but
    nothing that was told.
    """

    repeat: Repeat
    told: float | None = None
    says_no: bool = False
    sent: bool = True  # False: no byte can have reached the provider
    guessed: bool = False


class Situation(NamedTuple):
    """What is true of the call and its upstream as an attempt ends. Times are monotonic."""

    attempts: int  # made so far
    wanted: bool  # the application did not switch repeats off
    safe: bool  # to do it twice does what doing it once does
    replayable: bool
    now: float
    deadline: float
    spare: float  # seconds that must be left after the wait, for an answer to come in
    in_budget: bool
    let_through: bool  # by the breaker


class Again(NamedTuple):
    """`wait`: seconds until the next attempt, None if there is none. `stopped`: why not, None if there is no need."""

    wait: float | None
    stopped: str | None


def again(ending: Ending, at: Situation, settings: RetrySettings, dice: Dice) -> Again:
    """Whether an ended attempt is repeated: the questions in their order, the first "no" gives the word.

    That no byte of the answer has gone out is not asked: whoever decides holds the whole answer, and a body that
    breaks off later is no attempt's end any more.
    """
    if ending.repeat is Repeat.NEVER:
        return Again(None, None)
    wait = pause(at.attempts, ending, settings.backoff, dice)
    questions = (
        ("provider_says_no", not ending.says_no),
        ("off", at.wanted and settings.attempts > 1),
        ("attempts", at.attempts < settings.attempts),
        ("not_idempotent", ending.repeat is Repeat.ALWAYS or not ending.sent or at.safe),
        ("body_not_replayable", at.replayable),
        ("retry_after_too_long", ending.guessed or (ending.told or 0.0) <= settings.max_retry_after),
        ("deadline", at.now + wait + at.spare <= at.deadline),
        ("budget", at.in_budget),
        ("circuit_open", at.let_through),
    )
    for word, yes in questions:
        if not yes:
            return Again(None, word)
    return Again(wait, None)


def spare_time(connect: float, total: float) -> float:
    """Seconds that a repeat must leave before the deadline: it could not get an answer in less."""
    return min(connect, total / 10)


def pause(attempt: int, ending: Ending, backoff: BackoffSettings, dice: Dice) -> float:
    """Seconds between the end of attempt number `attempt` and the next one, never less than told."""
    if ending.told:
        return told_jitter(ending.told, dice)
    return full_jitter(attempt, backoff.base, backoff.max, dice)


def full_jitter(attempt: int, base: float, limit: float, dice: Dice) -> float:
    """Seconds to wait before attempt number `attempt` + 1: uniform in [0, min(limit, base * 2 ** (attempt - 1)))."""
    return dice() * min(limit, base * 2.0 ** min(attempt - 1, 60))  # 60: a float stays finite


def told_jitter(told: float, dice: Dice) -> float:
    """`told` seconds and up to a tenth more, at most 1 s: those who were told the same do not come back as one."""
    return told + dice() * min(told / 10, 1.0)


def idempotent(request: Request, settings: IdempotencySettings, safe: Callable[[Request], bool]) -> bool:
    """True if sending this request twice does what sending it once does, by its method, its key or somebody's word.

    `safe`: whether the integration names this operation as one that may be repeated.
    """
    return (
        request.method in IDEMPOTENT
        or request.call.vouched
        or (settings.header is not None and key_of(request.headers, settings.header.lower().encode()) != b"")
        or (settings.json is not None and _present(request.body, settings.json))
        or safe(request)
    )


def key_of(headers: Headers, name: bytes) -> bytes:
    """The idempotency key under the lower-case `name`, b"" if there is none."""
    for written, value in headers:
        if written.lower() == name:
            return value.strip()
    return b""


def _present(body: Body | None, pointer: str) -> bool:
    """True if the JSON in a body that was read and kept whole has a value at `pointer` (RFC 6901)."""
    if body is None or not body.complete or body.kept is None:
        return False
    try:
        found = json_pointer.found(json.loads(b"".join(body.kept)), json_pointer.parse(pointer))
    except (ValueError, RecursionError):
        return False
    return any(value is not None and value != "" for value in found)


class Budget:
    """How many repeats an upstream can bear: a share of its calls, and a few per second.

    What calls put in is gone after 10 s; what flows in steadily is kept up to 10 s of it.
    """

    def __init__(self, settings: BudgetSettings) -> None:
        self._settings = settings
        self._steady = WINDOW * settings.min_per_second
        self._flowed = 0.0  # when the steady part was last brought up to date
        self._second = 0
        self._put: deque[float] = deque([0.0] * WINDOW, maxlen=WINDOW)  # by calls, per second, the latest last

    def adopt(self, settings: BudgetSettings) -> None:
        """Goes on under other settings; what is in the bucket stays, as far as it fits."""
        self._settings = settings

    def call(self, now: float) -> None:
        """A call of the application puts its share in."""
        second = int(now)
        if second > self._second:  # once a second; every call comes this way
            self._turn(second)
        self._put[-1] += self._settings.ratio

    def left(self, now: float) -> float:
        """Repeats that could be taken now."""
        self._turn(int(now))
        rate = self._settings.min_per_second
        self._steady = min(WINDOW * rate, self._steady + max(0.0, now - self._flowed) * rate)
        self._flowed = max(now, self._flowed)
        return self._steady + sum(self._put) + SLACK

    def take(self, now: float) -> bool:
        """Takes one repeat out; False, and nothing is taken, if there is less than one."""
        if self.left(now) < 1:
            return False
        wanted = 1.0
        for second, put in enumerate(self._put):  # what is gone soonest is used first
            taken = min(put, wanted)
            self._put[second] -= taken
            wanted -= taken
        self._steady = max(0.0, self._steady - wanted)
        return True

    def _turn(self, second: int) -> None:
        if second > self._second:
            self._put.extend([0.0] * min(WINDOW, second - self._second))
            self._second = second
