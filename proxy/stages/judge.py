"""Reads the head of each answer once and gives it its verdict; breaker, cooldown and retry read only that."""

from __future__ import annotations

from dataclasses import replace

from proxy.events import Events
from proxy.model import FINE, Headers, Repeat, Request, Response, Verdict
from proxy.pipeline import Handler
from proxy.rules.outcome import plain_verdicts, verdict_for
from proxy.rules.retry_after import told_wait
from proxy.timing import Clock

_SHOULD_RETRY = frozenset({b"x-should-retry", b"stripe-should-retry"})


class JudgeStage:
    """`statuses`: worth another attempt. `injects`: a 401 is about a credential of ours."""

    def __init__(self, upstream: str, statuses: frozenset[int], *, injects: bool, clock: Clock, events: Events) -> None:
        self._upstream = upstream
        self._statuses = statuses
        self._injects = injects
        self._plain = plain_verdicts(statuses, injects=injects)
        self._clock = clock
        self._events = events

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        response = await call_next(request)
        if response.status < 400:
            response.verdict = self._plain.get(response.status, FINE)
        else:
            response.verdict = self._judged(request, response)
        return response

    def _judged(self, request: Request, response: Response) -> Verdict:
        told = told_wait(response.status, response.headers, self._clock.wall())
        if told.seconds is None and not told.unreadable:
            verdict = self._plain[response.status]
        else:
            verdict = verdict_for(
                response.status,
                told=told.seconds,
                statuses=self._statuses,
                injects=self._injects,
                unreadable=told.unreadable,
            )
        if told.unreadable:
            self._events.wait_unreadable(self._upstream, told.unreadable)
        if verdict.outcome == "auth_failed":
            self._events.credential_refused(self._upstream)
        verdict = _by_the_providers_word(verdict, response.headers)
        if request.call.decisions is not None:
            wait = "" if verdict.told is None else f", told to wait {verdict.told:g} s"
            request.call.decide(self._clock.now(), "judge", f"{response.status} is {verdict.outcome}{wait}")
        return verdict


def _by_the_providers_word(verdict: Verdict, headers: Headers) -> Verdict:
    """`X-Should-Retry` and its like: `false` forbids a repeat, `true` makes the answer worth one; false wins."""
    words = {value.strip().lower() for name, value in headers if name.lower() in _SHOULD_RETRY}
    if b"false" in words:
        return replace(verdict, says_no=True)
    if b"true" in words and verdict.repeat is Repeat.NEVER:
        return replace(verdict, repeat=Repeat.SAFE)
    return verdict
