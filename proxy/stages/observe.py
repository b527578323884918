"""Says that a call started and how it ended; nothing else sees every call.

The one thing a reader would get wrong: a call ends when its body is over, so an answer of 200 may still end badly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from proxy.errors import CODES, ClientGone, ProxyError, UpstreamFailure
from proxy.events import Events
from proxy.model import Call, Request, Response
from proxy.pipeline import Handler
from proxy.timing import Clock

COMMON_IDS = (  # where providers put their own id of a call
    "request-id",
    "x-request-id",
    "twilio-request-id",
    "x-slack-req-id",
    "x-github-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-ms-request-id",
    "x-correlation-id",
    "cf-ray",
)
_MEMO_LIMIT = 1024  # names are the provider's choice: memory must not be


class ObserveStage:
    """Tells `events` of every call exactly once that it started and ended, and notes the provider's id of it.

    `id_headers`: where this provider puts it; empty: where providers commonly do, the first name in the list wins.
    """

    def __init__(self, upstream: str, *, clock: Clock, events: Events, id_headers: Sequence[str] = ()) -> None:
        self._upstream = upstream
        self._now = clock.now
        self._events = events
        self._started, self._call_ended = events.call_started, events.call_ended  # looked up once, not for each call
        names = [name.lower().encode() for name in id_headers or COMMON_IDS]
        self._ids = {name: rank for rank, name in enumerate(names)}
        self._ranks: dict[bytes, int] = {}  # by name as providers write it, which they do the same way every time

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        call = request.call
        self._started(self._upstream)
        try:
            response = await call_next(request)
        except BaseException as error:
            self._ended_without_head(call, error)
            raise
        self._note_id(call, response)
        response.on_close(partial(self._ended, call, response.status, response.made_here))
        return response

    def _note_id(self, call: Call, response: Response) -> None:
        best = len(self._ids)
        for name, value in response.headers:
            rank = self._ranks.get(name)
            if rank is None:
                rank = self._rank(name)
            if rank < best:
                best = rank
                call.provider_id = value.decode("latin-1")

    def _rank(self, name: bytes) -> int:
        rank = self._ids.get(name.lower(), len(self._ids))
        if len(self._ranks) < _MEMO_LIMIT:
            self._ranks[name] = rank
        return rank

    def _ended_without_head(self, call: Call, error: BaseException) -> None:
        if isinstance(error, ClientGone | asyncio.CancelledError):
            status, outcome = 0, "client_gone"
        else:
            outcome = "internal_error"
            if isinstance(error, ProxyError):
                outcome, call.reason = error.code, error.detail
            status = CODES[outcome].status
        self._call_ended(call, status, outcome, self._now() - call.started)

    def _ended(self, call: Call, status: int, made_here: str | None, failure: ProxyError | None) -> None:
        outcome = made_here or ("ok" if status < 400 else "upstream_error")
        if failure is not None:
            outcome, call.reason = failure.code, failure.detail
        if isinstance(failure, UpstreamFailure) and call.stopped is None:  # too late for a header, not for the log
            call.stopped = "response_started"
            self._events.retry_stopped(self._upstream, call.stopped)
        self._call_ended(call, status, outcome, self._now() - call.started)
