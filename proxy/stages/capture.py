"""Keeps each attempt as it was sent and received, for the debug log, before secrets are added.

The one thing a reader would get wrong: nothing is copied, waited for or redacted here. Pieces that pass are referred
to, and whoever writes them down redacts them. `Host` and the fields that frame a body belong to the ends of the wire,
which no stage sees; they are written down from what is known of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from proxy.body import Stream
from proxy.errors import ProxyError
from proxy.model import Call, Headers, Request, Response
from proxy.pipeline import Handler
from proxy.rules.outcome import attempt_outcome
from proxy.rules.redaction import DebugSettings
from proxy.timing import Clock

_SAYS_EMPTY = frozenset({"POST", "PUT", "PATCH"})  # these have a length even where they have no body
_CHUNKED = ((b"Transfer-Encoding", b"chunked"),)
MARGIN = 16 << 10  # bytes kept beyond max_body, so that a secret at the cut is still recognised as a whole


class Taken:
    """The first bytes of a body that passed."""

    __slots__ = ("_room", "pieces", "truncated")

    def __init__(self, limit: int) -> None:
        self.pieces: list[bytes] = []
        self.truncated = False  # there was more than fits
        self._room = limit

    def add(self, piece: bytes) -> None:
        """Keeps what fits of the next piece."""
        if len(piece) <= self._room:
            self._room -= len(piece)
            if piece:
                self.pieces.append(piece)
        else:
            self.truncated = True
            if self._room:
                self.pieces.append(piece[: self._room])
                self._room = 0


@dataclass(slots=True, eq=False)
class Exchange:
    """One attempt. Times are seconds; `started` counts from the call's start. `status` 0: no head came.

    `outcome`: `ok`, `4xx`, `5xx`, `429`, a code of `CODES`, or `cancelled` where a stage further out ended the attempt.
    """

    attempt: int
    started: float
    method: str
    target: bytes
    headers: Headers
    sent: Taken
    received: Taken
    seconds: float = 0.0
    outcome: str = "cancelled"
    status: int = 0
    response_headers: Headers = field(default=())


class Keeper(Protocol):
    """Where attempts are kept until their call is over."""

    def attempts_of(self, call: Call) -> list[Exchange]:
        """The list to which this call's attempts are added."""


class CaptureStage:
    """Records the attempts of calls that are `sampled`.

    `hosts`: the authority of the upstream (None) and of its further hosts; empty where nothing leaves the machine.
    """

    def __init__(
        self,
        upstream: str,  # noqa: ARG002 - every stage is told its upstream's name; the call knows it too
        settings: DebugSettings,
        store: Keeper,
        *,
        clock: Clock,
        hosts: Mapping[str | None, bytes] | None = None,
    ) -> None:
        self._hosts = hosts or {}
        self._limit = settings.max_body + MARGIN
        self._store = store
        self._now = clock.now

    async def __call__(self, request: Request, call_next: Handler) -> Response:
        call = request.call
        if not call.sampled:
            return await call_next(request)
        attempts = self._store.attempts_of(call)
        began = self._now()
        if request.fresh and attempts:
            attempts.pop()  # on a connection that was already closed: this is the same attempt once more
        exchange = self._begun(request, len(attempts) + 1, began)
        attempts.append(exchange)
        try:
            response = await call_next(request)
        except BaseException as error:
            exchange.seconds = self._now() - began
            if isinstance(error, ProxyError):
                exchange.outcome = error.code
            raise
        self._answered(exchange, response, began)
        return response

    def _begun(self, request: Request, attempt: int, began: float) -> Exchange:
        sent, received = Taken(self._limit), Taken(self._limit)
        if request.body is not None:
            request.body.watch = sent.add
        started = began - request.call.started
        host = self._hosts.get(request.origin)
        headers = (*(() if host is None else ((b"Host", host),)), *request.headers, *_framing_of_request(request))
        return Exchange(attempt, started, request.method, request.target, headers, sent, received)

    def _answered(self, exchange: Exchange, response: Response, began: float) -> None:
        exchange.seconds = self._now() - began
        exchange.status = response.status
        exchange.response_headers = (*response.headers, *_framing_of_response(exchange.method, response))
        exchange.outcome = attempt_outcome(response.status)
        response.body = _Watched(response.body, exchange.received)

        def over(failure: ProxyError | None) -> None:
            exchange.seconds = self._now() - began
            if failure is not None:
                exchange.outcome = failure.code

        response.on_close(over)


def _framing_of_request(request: Request) -> Headers:
    if request.body is None:
        return _length(0) if request.method in _SAYS_EMPTY else ()
    return _CHUNKED if request.body.length is None else _length(request.body.length)


def _framing_of_response(method: str, response: Response) -> Headers:
    if method == "HEAD" or response.status in (204, 304) or response.until_close:
        return ()
    return _CHUNKED if response.length is None else _length(response.length)


def _length(length: int) -> Headers:
    return ((b"Content-Length", b"%d" % length),)


class _Watched:
    """A body of an answer whose pieces are kept as they pass; never asks for one by itself."""

    __slots__ = ("_body", "_taken")

    def __init__(self, body: Stream, taken: Taken) -> None:
        self._body = body
        self._taken = taken

    @property
    def ready(self) -> bool:
        return self._body.ready

    async def read(self) -> bytes:
        piece = await self._body.read()
        self._taken.add(piece)
        return piece
