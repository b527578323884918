"""Refuses what must not use up anything: out of scope, too large, an expectation nobody here fulfils.

It also reads the application's wishes for this call: `Outrigger-Retry` and `Outrigger-Idempotent`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.body import Body
from proxy.errors import Refusal
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.upstream import BodySettings

Check = Callable[[Request], None]


class AdmissionStage:
    """Lets in what the upstream's settings allow.

    `scope`: raises `Refusal` `out_of_scope` for a request outside of it; None: there is no scope.
    """

    def __init__(self, scope: Check | None, body: BodySettings) -> None:
        self._scope = scope
        self._keep = body.replay
        self._most: float = math.inf if body.max is None else body.max

    def __call__(self, request: Request, call_next: Handler) -> Coroutine[Any, Any, Response]:
        """Not `async`: nothing waits here, so the inner handler's coroutine is handed on as it is."""
        call = request.call
        if self._scope is not None:
            self._scope(request)
        notes = call.notes
        if notes:
            if b"expect" in notes and notes[b"expect"].strip().lower() != b"100-continue":
                raise Refusal("expectation_failed", "The only expectation that is met is 100-continue.")
            if b"outrigger-retry" in notes:
                call.wants_retry = notes[b"outrigger-retry"].strip().lower() != b"off"
            if b"outrigger-idempotent" in notes:
                call.vouched = notes[b"outrigger-idempotent"].strip().lower() == b"true"
        if request.body is not None:
            self._admit(request.body)
        return call_next(request)

    def _admit(self, body: Body) -> None:
        if body.length is not None and body.length > self._most:
            raise Refusal("request_too_large", "The request body is over body.max.")
        body.admit(keep=self._keep, most=self._most)
