"""Decides, as a call comes in, whether the debug log keeps it; so outermost, before anyone has something to tell."""

from __future__ import annotations

from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.timing import Dice


class SampleStage:
    """Marks a share of all calls. What is not marked is neither captured nor told about."""

    def __init__(self, share: float, dice: Dice) -> None:
        self._share = share
        self._dice = dice

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        call = request.call
        if self._dice() < self._share:
            call.sampled = True
            call.decisions = []
        return await call_next(request)
