"""Repeats a failed attempt where that is safe and useful, and waits in between.

The one thing a reader would get wrong: it decides before it lets go of an answer. Only when another attempt will be
made is the answer read and kept, so that its connection and place are free during the wait; it goes back to the
application if no later attempt gets a real answer.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.errors import Refusal, StaleConnection, UpstreamFailure
from proxy.events import Events
from proxy.model import Call, Repeat, Request, Response
from proxy.pipeline import Handler
from proxy.rules.outcome import attempt_outcome, repeat_of_failure
from proxy.rules.retry import (
    Again,
    Budget,
    Ending,
    RetrySettings,
    Situation,
    again,
    idempotent,
    key_of,
    spare_time,
)
from proxy.timing import Alarms, Clock, Dice, Waits

KEPT = 64 << 10  # bytes of an answer that are kept across a wait
KEEP_TIME = 1.0  # seconds to read them in
KEYED = frozenset({"POST", "PATCH"})  # methods that need a key to be repeated


class RetryStage:
    """The loop around the stages of an attempt; always there, since it also replaces stale connections.

    `connect`: seconds that connecting may take. `allows`: whether the breaker would let an attempt go now, None without
    one. `safe`: whether the integration names an operation as one that may be repeated. `renew`: reads the secrets of
    this upstream anew and says whether a repeat would carry another; None where they cannot be read anew.
    """

    def __init__(  # noqa: PLR0913 - what a loop over attempts needs to know
        self,
        upstream: str,
        settings: RetrySettings,
        connect: float,
        budget: Budget,
        *,
        allows: Callable[[float], bool] | None,
        safe: Callable[[Request], bool],
        clock: Clock,
        waits: Waits,
        alarms: Alarms,
        dice: Dice,
        events: Events,
        renew: Callable[[Call], bool] | None = None,
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._connect = connect
        self._budget = budget
        self._allows = allows
        self._safe = safe
        self._now = clock.now
        self._waits = waits
        self._alarms = alarms
        self._dice = dice
        self._events = events
        self._renew = renew
        keys = settings.idempotency
        self._key = keys.header.encode() if keys.generate and keys.header else None

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        self._budget.call(request.call.started)
        if self._key is not None and request.method in KEYED:
            request = _keyed(request, self._key)
        end: Response | UpstreamFailure
        try:
            end = await call_next(request)
        except UpstreamFailure as failure:
            end = failure
        else:
            if end.verdict.repeat is Repeat.NEVER and not end.verdict.renewable:
                return end
        if isinstance(end, StaleConnection):
            end = await self._replaced(request, call_next, end)
        return await self._persist(request, call_next, end)

    async def _persist(self, request: Request, call_next: Handler, end: Response | UpstreamFailure) -> Response:
        """What the call gets whose first attempt came to `end`."""
        call = request.call
        kept: Response | None = None  # the last real answer, while another one is tried for
        while True:
            now = self._now()
            ending, decision = self._decided(request, end, kept, now)
            if decision.wait is None:
                return self._given(call, end, kept, decision.stopped)
            self._tell(call, end, ending, decision.wait)
            if isinstance(end, Response):
                kept = await self._keep(end, min(now + KEEP_TIME, call.deadline - self._spare(call)))
            try:
                await self._pause(call, now, decision.wait)
                end = await self._attempt(request, call_next)
            except Refusal as refusal:
                word = "deadline" if refusal.code == "deadline_exceeded" else refusal.code
                return self._given(call, refusal, kept, word)

    async def _attempt(self, request: Request, call_next: Handler) -> Response | UpstreamFailure:
        try:
            return await call_next(request)
        except UpstreamFailure as failure:
            end = failure
        return await self._replaced(request, call_next, end) if isinstance(end, StaleConnection) else end

    async def _replaced(
        self, request: Request, call_next: Handler, stale: StaleConnection
    ) -> Response | UpstreamFailure:
        """What the same attempt comes to on a new connection, or the failure that it was where it cannot be had."""
        if not _replayable(request) or (stale.sent and not self._idempotent(request)):
            self._events.attempt_ended(self._upstream, stale.code, 0.0)  # an attempt after all; how long is not known
            return stale
        request.call.decide(self._now(), "retry", "the kept connection was closed; at once on a new one")
        try:
            return await call_next(request.on_fresh_connection())
        except UpstreamFailure as failure:
            return failure

    def _decided(
        self, request: Request, end: Response | UpstreamFailure, kept: Response | None, now: float
    ) -> tuple[Ending, Again]:
        """Decides while the answer is still held, and closes it if that goes wrong."""
        try:
            ending = self._ending(request.call, end, kept)
            return ending, self._decide(request, ending, now)
        except BaseException:
            if isinstance(end, Response):
                end.close()
            raise

    def _ending(self, call: Call, end: Response | UpstreamFailure, kept: Response | None) -> Ending:
        if not isinstance(end, Response):
            return Ending(repeat_of_failure(end.code), sent=end.sent)
        verdict = end.verdict
        repeat = verdict.repeat
        tried = kept is not None and kept.verdict.renewable
        if verdict.renewable and repeat is Repeat.NEVER and not tried and self._renewed(call):
            repeat = Repeat.ALWAYS  # it was turned away at the door: nothing was done
        return Ending(repeat, verdict.told, verdict.says_no, guessed=verdict.guessed)

    def _renewed(self, call: Call) -> bool:
        wanted = call.wants_retry and call.attempts < self._settings.attempts
        return wanted and self._renew is not None and self._renew(call)

    def _decide(self, request: Request, ending: Ending, now: float) -> Again:
        call = request.call
        at = Situation(
            attempts=call.attempts,
            wanted=call.wants_retry,
            safe=ending.repeat is Repeat.SAFE and ending.sent and self._idempotent(request),
            replayable=_replayable(request),
            now=now,
            deadline=call.deadline,
            spare=self._spare(call),
            in_budget=self._budget.left(now) >= 1,
            let_through=self._allows is None or self._allows(now),
        )
        decision = again(ending, at, self._settings, self._dice)
        if decision.wait is None:
            return decision
        if now + decision.wait > self._waits.until:
            return Again(None, "draining")
        self._budget.take(now)
        return decision

    def _idempotent(self, request: Request) -> bool:
        return idempotent(request, self._settings.idempotency, self._safe)

    def _spare(self, call: Call) -> float:
        return spare_time(self._connect, call.total)

    def _tell(self, call: Call, end: Response | UpstreamFailure, ending: Ending, wait: float) -> None:
        reason = _reason(end)
        self._events.retried(self._upstream, reason, wait, told=ending.told is not None and not ending.guessed)
        if call.decisions is not None:
            call.decide(self._now(), "retry", f"attempt {call.attempts} ended with {reason}; again in {wait:.3f} s")

    async def _keep(self, response: Response, until: float) -> Response | None:
        """The answer without its connection; None if it is too large, too slow or broken."""
        try:
            with self._alarms.at(until):
                return await response.keep(KEPT)
        except (TimeoutError, UpstreamFailure):
            return None

    async def _pause(self, call: Call, since: float, wait: float) -> None:
        try:
            await self._waits.sleep_until(since + wait)
        finally:
            call.waited += self._now() - since

    def _given(
        self, call: Call, end: Response | UpstreamFailure | Refusal, kept: Response | None, stopped: str | None
    ) -> Response:
        """The last real answer; where there is none, `end` is raised."""
        if stopped is not None:
            call.stopped = stopped
            self._events.retry_stopped(self._upstream, stopped)
            if call.decisions is not None:
                call.decide(self._now(), "retry", f"{_reason(end)} after attempt {call.attempts}; stopped: {stopped}")
        if isinstance(end, Response):
            return end
        if kept is not None:
            return kept
        raise end


def _replayable(request: Request) -> bool:
    return request.body is None or request.body.replayable


def _reason(end: Response | UpstreamFailure | Refusal) -> str:
    """The attempt's label in the metrics; a 2xx that the integration reads as a failure goes by that outcome."""
    if not isinstance(end, Response):
        return end.code
    outcome = attempt_outcome(end.status)
    return end.verdict.outcome if outcome == "ok" else outcome


def _keyed(request: Request, name: bytes) -> Request:
    """The request with an idempotency key, the same for each attempt: the call's id, unless the application has one."""
    lowered = name.lower()
    if key_of(request.headers, lowered):
        return request
    others = tuple(field for field in request.headers if field[0].lower() != lowered)
    return request.with_headers((*others, (name, request.call.id.encode())))
