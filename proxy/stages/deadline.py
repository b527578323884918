"""Writes `call.deadline`, which bounds every later wait and attempt; the application can only shorten it."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Any

from proxy.errors import Refusal
from proxy.model import Request, Response
from proxy.pipeline import Handler

_SECONDS = re.compile(rb"[ \t]*(\d+(?:\.\d+)?|\.\d+)[ \t]*")
_DAY = 86400.0


class DeadlineStage:
    """Gives a call `total` seconds from its start on, or what `Outrigger-Timeout` says if that is less."""

    def __init__(self, total: float) -> None:
        self._total = total

    def __call__(self, request: Request, call_next: Handler) -> Coroutine[Any, Any, Response]:
        """Not `async`: nothing waits here, so the inner handler's coroutine is handed on as it is."""
        call = request.call
        wish = call.notes.get(b"outrigger-timeout")
        call.total = self._total if wish is None else min(self._total, wished_seconds(wish))
        call.deadline = call.started + call.total
        return call_next(request)


def wished_seconds(value: bytes) -> float:
    """Seconds of an `Outrigger-Timeout`, over 0 and up to a day. Raises `Refusal` `bad_request` for anything else."""
    found = _SECONDS.fullmatch(value)
    seconds = 0.0 if found is None else float(found[1])
    if not 0 < seconds <= _DAY:
        raise Refusal("bad_request", "Outrigger-Timeout is a number of seconds over 0 and up to 86400, such as 2.5.")
    return seconds
