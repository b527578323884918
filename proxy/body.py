"""Bodies on their way: a stream of pieces, one that is all here, and a request's, which may have to be sent again.

The one thing a reader would get wrong: a body is pulled, never pushed; who does not read holds its sender back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from proxy.errors import Refusal


class Stream(Protocol):
    """A body in pieces, pulled one by one. A cancelled read loses nothing: the next one goes on from there."""

    @property
    def ready(self) -> bool:
        """True if `read()` would not wait: what is here goes out in one write with the head."""

    async def read(self) -> bytes:
        """The next piece; b"" is the end. Raises `UpstreamFailure` or `Refusal` where the body breaks off."""


class Whole:
    """A body that is all here: a `Stream` of one piece."""

    __slots__ = ("_left",)
    ready = True

    def __init__(self, content: bytes = b"") -> None:
        self._left = content

    async def read(self) -> bytes:
        return self.take()

    def take(self) -> bytes:
        """The same as `read()`, for who knows that there is nothing to wait for: no coroutine, no turn of one."""
        piece, self._left = self._left, b""
        return piece


class Body:
    """A request body: read once from the application, sent once per attempt while it fits into what may be kept.

    `length` is what the application declared, None for a chunked body. `watch` sees each piece that is read.
    """

    __slots__ = ("_begun", "_ended", "_kept", "_most", "_passed", "_reader", "_room", "_source", "length", "watch")

    def __init__(self, source: Stream, length: int | None, keep: int = 0) -> None:
        self.length = length
        self.watch: Callable[[bytes], None] | None = None
        self._source = source
        self._most: float = math.inf
        self._passed = 0
        self._begun = self._ended = False
        self._reader: _Reader | None = None
        self._room = keep
        self._kept: list[bytes] | None = [] if (length or 0) <= keep else None

    def admit(self, *, keep: int, most: float = math.inf) -> None:
        """Says, before the first read, how many bytes may be kept for a repeat and how many are accepted at all."""
        self._room, self._most = keep, most
        self._kept = [] if (self.length or 0) <= keep else None

    @property
    def replayable(self) -> bool:
        """True while another attempt could send the whole body."""
        return self._kept is not None or not self._begun

    @property
    def kept(self) -> list[bytes] | None:
        """The pieces read so far, None where they were too many to keep."""
        return self._kept

    @property
    def complete(self) -> bool:
        """True once the application's last byte was read."""
        return self._ended

    def open(self) -> Stream:
        """The body from its start, for one attempt; an earlier attempt's reader is cut off."""
        self._reader = _Reader(self)
        return self._reader

    def take(self) -> bytes | None:
        """All of it at once, where it came with its head and was not begun; None where it has to be read."""
        source = self._source
        if self._begun or self.length is None or type(source) is not Whole:
            return None
        self._begun = self._ended = True
        self._kept = None
        return source.take()

    async def _pull(self) -> bytes:
        if self._ended:
            return b""
        self._begun = True
        piece = await self._source.read()
        self._passed += len(piece)
        self._ended = not piece or self._passed == self.length
        if self._passed > self._most:
            raise Refusal("request_too_large", "The request body is over body.max.")
        self._room -= len(piece)
        if self._room < 0:
            self._kept = None  # too large to repeat; this attempt goes on
        elif self._kept is not None and piece:
            self._kept.append(piece)
        return piece


def whole_body(content: bytes) -> Body:
    """A request's body that is all here, for as many attempts as it takes."""
    return Body(Whole(content), len(content), keep=len(content))


class _Reader:
    __slots__ = ("_body", "_place")

    def __init__(self, body: Body) -> None:
        self._body = body
        self._place = 0  # pieces already handed out; counts on when they are no longer kept

    @property
    def ready(self) -> bool:
        body = self._body
        kept = body._kept
        return body._ended or (kept is not None and self._place < len(kept)) or body._source.ready

    async def read(self) -> bytes:
        body = self._body
        if body._reader is not self:
            raise RuntimeError("this attempt's body was given to a later attempt")
        kept = body._kept
        if kept is not None and self._place < len(kept):
            piece = kept[self._place]
        else:
            piece = await body._pull()
        self._place += 1
        if body.watch is not None:
            body.watch(piece)
        return piece
