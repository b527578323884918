"""Reads each answer once and gives it its verdict; breaker, cooldown and retry read only that.

The one thing a reader would get wrong: the body is looked at only where a rule of the integration may depend on it.
Then the head is held back until the body ends or is too long to be looked at, and what was read goes on as it came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from proxy.body import Stream, Whole
from proxy.errors import UpstreamFailure
from proxy.events import Events
from proxy.model import FINE, Headers, Repeat, Request, Response, Verdict
from proxy.pipeline import Handler
from proxy.rules.finding import SILENT, Finding
from proxy.rules.limits import longest
from proxy.rules.outcome import plain_verdicts, verdict_for, verdict_of
from proxy.rules.retry_after import Told, told_wait
from proxy.timing import Clock

if TYPE_CHECKING:
    from proxy.rules.classify import Classifier
    from proxy.rules.limits import Limits

_SHOULD_RETRY = frozenset({b"x-should-retry", b"stripe-should-retry"})


class JudgeStage:
    """`statuses`: worth another attempt. `injects`: a 401 is about a credential of ours, made of `secrets`.

    `classifier`, `limits`: the integration's rules and rate limits, None where it has none. `idle`: seconds for which a
    head is held back at most, as long as pieces of its body come; 0: no limit.
    """

    def __init__(  # noqa: PLR0913 - what a verdict depends on, and who hears of it
        self,
        upstream: str,
        statuses: frozenset[int],
        *,
        injects: bool,
        clock: Clock,
        events: Events,
        secrets: Sequence[str] = (),
        classifier: Classifier | None = None,
        limits: Limits | None = None,
        idle: float = 0.0,
    ) -> None:
        self._upstream = upstream
        self._statuses = statuses
        self._injects = injects
        self._secrets = secrets
        self._plain = plain_verdicts(statuses, injects=injects)
        self._classifier = classifier
        self._limits = limits
        self._idle = idle or math.inf
        self._clock = clock
        self._events = events

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        response = await call_next(request)
        fields = None if self._limits is None else self._limits.found(response.headers, self._clock.wall())
        finding = None if self._classifier is None else await self._found(self._classifier, request, response)
        if finding is None and response.status < 400:
            response.verdict = self._plain.get(response.status, FINE)
            if self._limits is not None and fields:
                self._look_ahead(self._limits, fields, request, response)
        else:
            response.verdict = self._judged(request, response, finding or SILENT)
        return response

    async def _found(self, classifier: Classifier, request: Request, response: Response) -> Finding | None:
        """What the rules say, None for nothing; closes the answer where its body breaks off or the call is over."""
        if not classifier.concerns(response.status):
            return None
        body = None
        if classifier.wants_body(response.status, response.headers) and not _asks_for_a_range(request.headers):
            try:
                body = await self._peeked(classifier.peek, request, response)
            except UpstreamFailure as failure:
                response.close(failure)
                raise
            except BaseException:
                response.close()
                raise
        found = classifier.find(response.status, response.headers, body, self._clock.wall())
        return None if found is SILENT else found

    async def _peeked(self, most: int, request: Request, response: Response) -> bytes | None:
        """The whole body, which is put back; None where it is longer than `most` or takes its time."""
        if response.length is not None and response.length > most:
            return None
        request.call.progress(math.inf)  # the head is here: from now on `idle` bounds each piece, and the deadline all
        until = self._clock.now() + self._idle
        pieces: list[bytes] = []
        size = 0
        while piece := await response.body.read():
            pieces.append(piece)
            size += len(piece)
            if size > most or self._clock.now() > until:
                response.body = _PutBack(pieces, response.body)
                return None
        content = b"".join(pieces)
        response.body = Whole(content)
        return content

    def _look_ahead(self, limits: Limits, fields: Mapping[bytes, bytes], request: Request, response: Response) -> None:
        """A limit that this answer used up holds the next requests, before one of them is refused."""
        told = limits.spent(fields, self._clock.wall())
        if told.seconds:
            response.verdict = replace(response.verdict, told=told.seconds, cools=True)
            request.call.decide(self._clock.now(), "judge", f"a limit is used up for {told.seconds:g} s")

    def _judged(self, request: Request, response: Response, finding: Finding) -> Verdict:
        told = self._told(response, finding)
        verdict = self._verdict(response.status, told, finding)
        if told.unreadable:
            self._events.wait_unreadable(self._upstream, told.unreadable)
        if verdict.outcome == "auth_failed" and self._injects:
            self._events.credential_refused(self._upstream, self._secrets)
        verdict = _by_the_providers_word(verdict, response.headers)
        if request.call.decisions is not None:
            wait = "" if verdict.told is None else f", told to wait {verdict.told:g} s"
            code = "" if verdict.code is None else f" ({verdict.code})"
            request.call.decide(self._clock.now(), "judge", f"{response.status} is {verdict.outcome}{code}{wait}")
        return verdict

    def _told(self, response: Response, finding: Finding) -> Told:
        """The longest wait that headers and the rules' own place ask for."""
        headers, wall = response.headers, self._clock.wall()
        limited = finding.outcome == "rate_limited"
        told = told_wait(response.status, headers, wall, limits_speak=limited)
        waits = [told, finding.told]
        if self._limits is not None and told.seconds is None and (limited or response.status == 429):
            waits.append(self._limits.spent(self._limits.found(headers, wall), wall))
        return longest(waits)

    def _verdict(self, status: int, told: Told, finding: Finding) -> Verdict:
        if finding.outcome is not None:
            verdict = verdict_of(
                finding.outcome,
                told=told.seconds,
                retry=finding.retry,
                code=finding.code,
                unreadable=told.unreadable,
            )
            return verdict if self._injects else replace(verdict, renewable=False)
        if told.seconds is None and not told.unreadable:
            verdict = self._plain[status]
        else:
            verdict = verdict_for(
                status, told=told.seconds, statuses=self._statuses, injects=self._injects, unreadable=told.unreadable
            )
        return verdict if finding is SILENT else _modified(verdict, finding)


class _PutBack:
    """A body whose beginning was read already."""

    __slots__ = ("_pieces", "_rest")

    def __init__(self, pieces: list[bytes], rest: Stream) -> None:
        self._pieces = pieces
        self._rest = rest

    @property
    def ready(self) -> bool:
        return bool(self._pieces) or self._rest.ready

    async def read(self) -> bytes:
        if not self._pieces:
            return await self._rest.read()
        begun, self._pieces = b"".join(self._pieces), []
        return begun


def _asks_for_a_range(headers: Headers) -> bool:
    return any(name.lower() == b"range" for name, _ in headers)


def _modified(verdict: Verdict, finding: Finding) -> Verdict:
    """The verdict of the status with what rules without an outcome add to it."""
    if finding.retry == "never":
        return replace(verdict, code=finding.code, says_no=True)
    repeat = verdict.repeat if finding.retry is None else Repeat(finding.retry)
    return replace(verdict, code=finding.code, repeat=repeat)


def _by_the_providers_word(verdict: Verdict, headers: Headers) -> Verdict:
    """`X-Should-Retry` and its like: `false` forbids a repeat, `true` makes the answer worth one; false wins."""
    words = {value.strip().lower() for name, value in headers if name.lower() in _SHOULD_RETRY}
    if b"false" in words:
        return replace(verdict, says_no=True)
    if b"true" in words and verdict.repeat is Repeat.NEVER and not verdict.says_no:
        return replace(verdict, repeat=Repeat.SAFE)
    return verdict
