"""What both ends of HTTP/1.1 share: a body that arrives, field codes, heads as bytes, a visible break.

The one thing a reader would get wrong: a transport that an `Inbox` has paused hears nothing, not even that its peer
left; whoever stops reading an inbox ends the connection or resumes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
import struct
from collections.abc import Callable

from proxy.errors import ProxyError
from proxy.model import Headers
from proxy.rules.framing import FIELDS, OTHER

HIGH_WATER = 65_536  # bytes kept for a reader before the transport is paused; also the limit of a write buffer
CLOSE = b"Connection: close\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_MEMO = 1_024  # names remembered; a peer that invents more pays for each with a call
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LINE_END = b"\r\n"
_colon = b": ".join  # in `map` it runs without a frame of Python for each field: half the time of a comprehension
_RESET = struct.pack("ii", 1, 0)
_PEER_LEFT = getattr(select, "POLLRDHUP", 0)  # Linux alone tells of a FIN behind unread bytes, others of a reset


class Inbox:
    """A body on its way in: a `Stream` whose `read()` hands over all that has arrived, joined.

    Pauses `transport` (None: there is nothing to pause) while over 64 KiB wait, resumes it when they were read.
    `on_wait` is called once, when a reader first has to wait: the time to ask for the body.
    """

    __slots__ = ("_end", "_on_wait", "_paused", "_pieces", "_size", "_transport", "_waiter")

    def __init__(self, transport: asyncio.Transport | None, on_wait: Callable[[], None] | None = None) -> None:
        self._transport = transport
        self._on_wait = on_wait
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._end: bool | ProxyError = False  # True: complete; an error: broke off
        self._waiter: asyncio.Future[None] | None = None

    @property
    def ready(self) -> bool:
        """True if `read()` would not wait."""
        return bool(self._pieces) or self._end is not False

    @property
    def complete(self) -> bool:
        """True once the last byte has arrived, read or not."""
        return self._end is True

    def put(self, piece: bytes) -> None:
        """Takes in what arrived; nothing any more once the body has ended."""
        if self._end is not False or not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            if not self._transport.is_closing():
                self._transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """The body is complete."""
        if self._end is False:
            self._end = True
            self._wake()

    def fail(self, error: ProxyError) -> None:
        """The body broke off: readers get what came before, then `error`."""
        if self._end is False:
            self._end = error
            self._wake()

    async def read(self) -> bytes:
        """All that is here, b"" at the end. Raises what `fail()` was given. One reader at a time."""
        while not self._pieces:
            if self._end is True:
                return b""
            if self._end is not False:
                raise self._end
            await self._wait()
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._size = 0
        if self._paused:
            self._paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return piece

    async def _wait(self) -> None:
        on_wait, self._on_wait = self._on_wait, None
        if on_wait is not None:
            on_wait()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class FieldCodes(dict[bytes, int]):
    """Field name as written to its code in `rules/framing.py`: one look-up for each name, whatever its case.

    One for each listener and pool; it stops growing at 1,024 names.
    """

    def __missing__(self, name: bytes) -> int:
        code = FIELDS.get(name.lower(), OTHER)
        if len(self) < _MEMO and len(name) < 64:
            self[name] = code
        return code


def has_controls(value: bytes) -> bool:
    """True if a field's value or a reason holds a byte that may not be written: controls but for the tab, and DEL."""
    return _CONTROL.search(value) is not None


def content_length(length: int) -> bytes:
    """The framing field of a body of `length` bytes."""
    return b"Content-Length: %d\r\n" % length


def request_head(method: str, target: bytes, headers: Headers, framing: bytes = b"") -> bytes:
    """A request's head as it goes out. `framing`: whole lines, `content_length(n)`, `CHUNKED` or nothing.

    Everything in `headers` was read by the strict parser or passed `has_controls()`; they hold no framing field.
    """
    start = b"%b %b HTTP/1.1" % (method.encode("ascii"), target)
    return _LINE_END.join((start, *map(_colon, headers), framing + _LINE_END))


def response_head(status: int, reason: bytes, headers: Headers, framing: bytes = b"") -> bytes:
    """An answer's head as it goes out, always as HTTP/1.1. `framing`: whole lines, `CLOSE` among them."""
    start = b"HTTP/1.1 %03d %b" % (status, reason)
    return _LINE_END.join((start, *map(_colon, headers), framing + _LINE_END))


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body; `piece` is not empty, since an empty chunk is the last."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def reset(transport: asyncio.Transport) -> None:
    """Cuts the connection so that the peer sees a reset, where a plain close would look like the end of a body."""
    opened = transport.get_extra_info("socket")
    if opened is not None:
        with contextlib.suppress(OSError):  # it was closed meanwhile: nothing is left to be cut
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def left_unheard(transport: asyncio.Transport) -> bool:
    """True if reading is paused, so that nothing tells of it, and the peer has closed or reset the connection."""
    opened = None if transport.is_reading() else transport.get_extra_info("socket")
    if opened is None or opened.fileno() < 0:
        return False
    asked = select.poll()
    asked.register(opened.fileno(), _PEER_LEFT)
    return bool(asked.poll(0))
