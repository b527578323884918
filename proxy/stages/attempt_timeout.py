"""Counts attempts, and bounds each with one alarm: the next thing that must happen, and the call's deadline.

The one thing a reader would get wrong: `first_byte` starts when the request's head was sent, and again whenever its
body moves. Until then the alarm leaves room for the connection, whose own limit the transport keeps.
"""

from __future__ import annotations

import math
from functools import partial

from proxy.errors import Refusal, StaleConnection, UpstreamFailure
from proxy.events import Events
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.outcome import attempt_outcome
from proxy.timing import Alarm, Alarms, Clock, too_late


class AttemptTimeoutStage:
    """Ends an attempt that has no head in time: `upstream_timeout`, or `deadline_exceeded` where the call's time is up.

    `first_byte`, `connect`: seconds; `first_byte` 0: only the deadline ends an attempt. A request on a fresh connection
    is the same attempt once more, and a stale connection is none.
    """

    def __init__(
        self, upstream: str, *, first_byte: float, connect: float, clock: Clock, alarms: Alarms, events: Events
    ) -> None:
        self._upstream = upstream
        self._first_byte = first_byte or math.inf
        self._connect = connect
        self._now = clock.now
        self._alarms = alarms
        self._ended = events.attempt_ended

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        call = request.call
        now = self._now()
        deadline = call.deadline
        if now >= deadline:
            raise too_late()
        if not request.fresh:
            call.attempts += 1
        alarm = self._alarms.at(min(now + self._connect + self._first_byte, deadline))
        call.progress = partial(self._moved, alarm, deadline)  # holds no call: the call holds it
        try:
            with alarm:
                response = await call_next(request)
        except TimeoutError:
            if not alarm.rang:
                raise
            error = self._too_slow(deadline)
            call.unanswered = error.code
            self._note(request, error, now)
            raise error from None
        except (Refusal, UpstreamFailure) as error:
            if isinstance(error, UpstreamFailure) and error.sent:
                call.unanswered = error.code
            self._note(request, error, now)
            raise
        self._ended(self._upstream, attempt_outcome(response.status), self._now() - now)
        return response

    def _moved(self, alarm: Alarm, deadline: float, limit: float | None = None, /) -> None:
        alarm.move(min(self._now() + (self._first_byte if limit is None else limit), deadline))

    def _too_slow(self, deadline: float) -> Refusal | UpstreamFailure:
        if self._now() >= deadline:
            return too_late()
        return UpstreamFailure("upstream_timeout", "No answer within timeout.first_byte.", sent=True)

    def _note(self, request: Request, error: Refusal | UpstreamFailure, began: float) -> None:
        if error.code == "secret_unavailable":  # without its credential nothing was tried
            request.call.attempts -= not request.fresh
        elif not isinstance(error, StaleConnection):
            self._ended(self._upstream, error.code, self._now() - began)
