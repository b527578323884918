"""Takes a permit for an attempt, and tells the breaker what came of it.

The one thing a reader would get wrong: an answer is good news at its head, and may turn into bad news at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from proxy.errors import ProxyError, Refusal, StaleConnection, UpstreamFailure
from proxy.events import Events
from proxy.model import Evidence, Request, Response
from proxy.pipeline import Handler
from proxy.rules.breaker import CLOSED, Breaker, Permit
from proxy.rules.outcome import evidence_of_failure

_SUCCESS, _NEUTRAL = Evidence.SUCCESS, Evidence.NEUTRAL  # looking up an enum's member costs as much as a call


class BreakerStage:
    """`now`: monotonic seconds. Several stages may share one breaker: after a reload the old one's calls go on."""

    __slots__ = ("_breaker", "_events", "_now", "_upstream")

    def __init__(self, upstream: str, breaker: Breaker, now: Callable[[], float], events: Events) -> None:
        self._upstream = upstream
        self._breaker = breaker
        self._now = now
        self._events = events

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        breaker = self._breaker
        before = breaker.generation
        permit = breaker.admit(self._now())
        if permit.state != CLOSED:
            self._look(request, permit, moved=breaker.generation != before)
        waited = request.call.waited
        try:
            response = await call_next(request)
        except UpstreamFailure as failure:
            stale = isinstance(failure, StaleConnection)
            evidence = _NEUTRAL if stale else evidence_of_failure(failure.code)
            self._report(permit, evidence, request.call.waited - waited)
            raise
        except BaseException:  # refused further in, or cancelled: says nothing about the upstream
            self._breaker.give_back(permit)
            raise
        evidence = response.verdict.evidence
        self._report(permit, evidence, request.call.waited - waited)
        if evidence is _SUCCESS:
            response.on_close(partial(self._closed, permit))
        return response

    def _look(self, request: Request, permit: Permit, *, moved: bool) -> None:
        """Tells that the breaker became half-open, and refuses what may not go."""
        if moved:
            self._tell()
        if permit.wait is not None:
            detail = f"The breaker of {self._upstream} is {permit.state.replace('_', '-')}."
            request.call.decide(permit.taken_at, "breaker", f"{detail} Next probe in {permit.wait:.0f} s.")
            raise Refusal("circuit_open", detail, retry_after=permit.wait)

    def _report(self, permit: Permit, evidence: Evidence, waited: float) -> None:
        now, breaker = self._now(), self._breaker
        before = breaker.generation
        breaker.report(permit, evidence, now, now - permit.taken_at - waited)  # our own queues are not its slowness
        if breaker.generation != before:
            self._tell()

    def _closed(self, permit: Permit, failure: ProxyError | None) -> None:
        if isinstance(failure, UpstreamFailure):
            breaker = self._breaker
            before = breaker.generation
            breaker.broke_off(permit, self._now())
            if breaker.generation != before:
                self._tell()

    def _tell(self) -> None:
        self._events.breaker_moved(self._upstream, self._breaker.state, by_hand=False)
