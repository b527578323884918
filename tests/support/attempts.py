"""A retry stage over the stages of an attempt, a scripted provider behind them, and all that was heard of it."""

import asyncio
from collections.abc import Callable, Sequence

from proxy.body import Body
from proxy.events import Events
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import Stage, onion
from proxy.rules.classify import Classifier
from proxy.rules.retry import Budget, RetrySettings
from proxy.stages.attempt_timeout import AttemptTimeoutStage
from proxy.stages.judge import JudgeStage
from proxy.stages.retry import RetryStage
from proxy.timing import Alarms, Waits
from tests.support.provider import Line, Provider, clock

Piece = bytes | float | BaseException


class Pieces:
    """A body that comes as its list says: bytes, pauses in seconds, and errors that break it off."""

    ready = False

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, BaseException):
                raise piece
            await asyncio.sleep(piece)
        return b""


def streamed(status: int, *pieces: Piece, headers: Headers = ()) -> Response:
    """An answer whose body is still coming."""
    return Response(status, b"", headers, Pieces(*pieces), None)


class Heard(Events):
    """Remembers what the stages of a call say, in order; the upstream's name left out."""

    def __init__(self) -> None:
        self.all: list[tuple[object, ...]] = []

    def of(self, kind: str) -> list[tuple[object, ...]]:
        """The particulars of every event of one kind."""
        return [event[1:] for event in self.all if event[0] == kind]

    def call_started(self, upstream: str) -> None:
        self.all.append(("started", upstream))

    def call_ended(self, call: Call, status: int, outcome: str, seconds: float) -> None:
        self.all.append(("ended", status, outcome, seconds))

    def attempt_ended(self, upstream: str, outcome: str, seconds: float) -> None:
        self.all.append(("attempt", outcome, seconds))

    def retried(self, upstream: str, reason: str, wait: float, *, told: bool) -> None:
        self.all.append(("retried", reason, wait, told))

    def retry_stopped(self, upstream: str, reason: str) -> None:
        self.all.append(("stopped", reason))

    def wait_unreadable(self, upstream: str, count: int) -> None:
        self.all.append(("unreadable", count))

    def credential_refused(self, upstream: str, secrets: Sequence[str]) -> None:
        self.all.append(("credential", *secrets))


class Attempts:
    """`inner` stages stand before the attempt's timeout, `innermost` behind it. Without a word, dice show one half."""

    def __init__(
        self,
        *script: Line,
        settings: RetrySettings | None = None,
        inner: Sequence[Stage] = (),
        innermost: Sequence[Stage] = (),
        allows: Callable[[float], bool] | None = None,
        safe: Callable[[Request], bool] | None = None,
        renew: Callable[[Call], bool] | None = None,
        total: float = 60.0,
        first_byte: float = 30.0,
        idle: float = 30.0,
        classifier: Classifier | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings or RetrySettings()
        self.heard = Heard()
        self.waits = Waits(self.loop)
        self.provider = Provider(self.loop, script)
        self.call = Call("c0ffee", self.loop.time(), total=total, deadline=self.loop.time() + total)
        times, alarms = clock(self.loop), Alarms(self.loop)
        retry = RetryStage(
            "stripe",
            self.settings,
            2.0,
            Budget(self.settings.budget),
            allows=allows,
            safe=safe or (lambda _: False),
            clock=times,
            waits=self.waits,
            alarms=alarms,
            dice=lambda: 0.5,
            events=self.heard,
            renew=renew,
        )
        timeout = AttemptTimeoutStage(
            "stripe", first_byte=first_byte, connect=2.0, clock=times, alarms=alarms, events=self.heard
        )
        judge = JudgeStage(
            "stripe",
            self.settings.statuses,
            injects=True,
            clock=times,
            events=self.heard,
            secrets=["api_key"],
            classifier=classifier,
            idle=idle,
        )
        self.judge = onion([judge], self.provider)
        self.handler = onion([retry, *inner, timeout, *innermost, judge], self.provider)

    async def __call__(self, method: str = "GET", headers: Headers = (), body: Body | None = None) -> Response:
        return await self.handler(Request(method, b"/v1/charges", headers, body, self.call))
