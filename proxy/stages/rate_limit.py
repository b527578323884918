"""Waits for the moment at which an attempt fits into the rate, or refuses it."""

from __future__ import annotations

from proxy.errors import Refusal
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler
from proxy.rules.rate_limit import Gcra, RateLimitSettings, Turn
from proxy.stages.queue import Queue
from proxy.timing import Clock, Waits


class RateLimitStage:
    """Every attempt counts, a repeat as well as a first one."""

    __slots__ = ("_clock", "_limiter", "_queue", "_settings", "_upstream", "_waits")

    def __init__(
        self,
        upstream: str,
        settings: RateLimitSettings,
        limiter: Gcra,
        *,
        clock: Clock,
        waits: Waits,
        events: Events,
    ) -> None:
        self._upstream = upstream
        self._settings = settings
        self._limiter = limiter
        self._clock = clock
        self._waits = waits
        self._queue = Queue(upstream, clock, events)

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        if request.fresh:  # the same attempt once more, behind a stale connection: it has had its turn
            return await call_next(request)
        call, now = request.call, self._clock.now()
        limit = now
        if self._settings.mode == "wait":
            limit = min(now + self._settings.max_wait, call.deadline)
        turn = self._limiter.take(now, limit)
        if turn.at > limit:
            detail = f"The rate limit of {self._upstream} leaves no room for this call in time."
            call.decide(now, "rate_limit", f"{detail} It would fit in {turn.at - now:.3f} s.")
            raise Refusal("rate_limited", detail, retry_after=turn.at - now)
        if turn.at > now:
            await self._wait(call, turn, now)
        return await call_next(request)

    async def _wait(self, call: Call, turn: Turn, now: float) -> None:
        call.decide(now, "rate_limit", f"Waits {turn.at - now:.3f} s for its turn.")
        try:
            with self._queue.holding(call):
                await self._waits.sleep_until(turn.at)
        except BaseException:
            self._limiter.give_back(turn)
            raise
