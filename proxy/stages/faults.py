"""Strikes attempts with faults that somebody asked for, in the transport's place.

The one thing a reader would get wrong: everything further out takes a fault for real. It is counted, repeated and
opens the breaker as the upstream's own would; that it was made here stands in one header of the answer.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from proxy.body import Whole
from proxy.errors import UpstreamFailure
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.faults import Faults, FaultSettings
from proxy.timing import Clock, Dice

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class FaultsStage:
    """Innermost; what it lets through goes to the upstream."""

    def __init__(self, faults: Faults, *, clock: Clock, dice: Dice) -> None:
        self._faults = faults
        self._now = clock.now
        self._dice = dice

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        call = request.call
        fault = self._faults.strike(request.method, request.place, self._now(), self._dice)
        call.fault = fault is not None
        if fault is None:
            return await call_next(request)
        call.decide(self._now(), "faults", f"struck by {fault}")
        if fault.delay:
            call.progress()  # as if the request had been sent: `first_byte` runs from here
            await asyncio.sleep(fault.delay)
        if fault.reset:
            raise UpstreamFailure("upstream_reset", "A fault was asked for: reset.", sent=True)
        return await call_next(request) if fault.status is None else _answer(fault, fault.status)


def _answer(fault: FaultSettings, status: int) -> Response:
    headers = tuple((name.encode(), value.encode()) for name, value in fault.headers.items())
    return Response(status, _REASONS.get(status, b""), headers, Whole(), 0)
