"""Bodies on their way: a request's out to an upstream, an answer's in, and how long either may stand still.

The one thing a reader would get wrong: a body that ends early never gets a last chunk, since that would make it whole.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from proxy.body import Body
from proxy.edges.http1.wire import CHUNKED, LAST_CHUNK, Inbox, chunk, content_length
from proxy.errors import ProxyError, Refusal, UpstreamFailure
from proxy.timing import Alarms, Clock

T = TypeVar("T")


class Patience:
    """How long a peer may let pass between two pieces of a body. `limit`: seconds, infinity for ever."""

    def __init__(self, clock: Clock, alarms: Alarms, limit: float) -> None:
        self._now = clock.now
        self._alarms = alarms
        self._limit = limit

    async def wait(self, awaitable: Awaitable[T], error: Callable[[], ProxyError]) -> T:
        """What `awaitable` gives; raises `error()` when it takes too long."""
        try:
            with self._alarms.at(self._now() + self._limit):
                return await awaitable
        except TimeoutError:
            raise error() from None


class Upload:
    """One attempt's body. `framing`: the field that says how it is framed. `done`: its last byte was handed out."""

    __slots__ = ("_left", "_stream", "done", "framing")

    def __init__(self, body: Body) -> None:
        self._stream = body.open()
        self._left = body.length
        self.done = body.length == 0
        self.framing = CHUNKED if body.length is None else content_length(body.length)

    @property
    def ready(self) -> bool:
        """True if `next()` would not wait."""
        return self._stream.ready

    async def next(self) -> bytes:
        """The next bytes for the wire. Raises what the body raises, and `Refusal` where it is shorter than it said."""
        piece = await self._stream.read()
        if self._left is None:
            if piece:
                return chunk(piece)
            self.done = True
            return LAST_CHUNK
        self._left -= len(piece)
        if self._left < 0 or not piece:
            raise Refusal("bad_request", "The request body is not as long as its Content-Length.")
        self.done = not self._left
        return piece


class Arriving:
    """The body of an answer that still comes."""

    __slots__ = ("_inbox", "_patience")

    def __init__(self, inbox: Inbox, patience: Patience) -> None:
        self._inbox = inbox
        self._patience = patience

    @property
    def ready(self) -> bool:
        """True if `read()` would not wait."""
        return self._inbox.ready

    async def read(self) -> bytes:
        """All that is here, b"" at the end. Raises `UpstreamFailure` where the body breaks off or stands still."""
        if self._inbox.ready:
            return await self._inbox.read()
        try:
            return await self._patience.wait(self._inbox.read(), upstream_gives_nothing)
        except UpstreamFailure as failure:
            self._inbox.fail(failure)  # for ever, should it be read again
            raise


def application_stalls() -> ProxyError:
    """The failure of a call whose application stops in the middle of its request."""
    return Refusal("request_timeout", "The application stopped sending its request body.")


def upstream_takes_nothing() -> ProxyError:
    """The failure of an attempt whose upstream stops reading."""
    return UpstreamFailure("upstream_timeout", "The upstream stopped taking the request body.", sent=True)


def upstream_gives_nothing() -> ProxyError:
    """The failure of an answer that stops in the middle."""
    return UpstreamFailure("upstream_timeout", "The upstream stopped sending its answer.", sent=True)
