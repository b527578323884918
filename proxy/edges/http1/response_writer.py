"""An answer as bytes: how it is framed, and pieces that wait for a slow reader.

The one thing a reader would get wrong: what came before a break is still written, and the break must show. With a
length or chunks a plain close shows it; without, only a reset.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.body import Stream, Whole
from proxy.edges.http1.wire import CHUNKED, CLOSE, HIGH_WATER, LAST_CHUNK, chunk, content_length, response_head
from proxy.errors import ClientGone, ProxyError, Refusal
from proxy.model import Response

if TYPE_CHECKING:
    from proxy.edges.http1.service import Service

# How an answer ended: whole, with the connection open for another request or not; broken off, and a close will show
# it; broken off so that only a reset shows it, or given up, since nobody takes it.
OPEN, WHOLE, BROKEN, CUT = range(4)
_NOT_AS_LONG = "a body that is not as long as its head says"
_BODILESS = frozenset({204, 304})
LAST = frozenset({400, 408})  # of our own answers: what follows such a request may not be one


# How one answer is sent: its head; whether a body follows; whether in chunks; the body's length, None where chunks or a
# close tell; whether a plain close shows that the body broke off; whether the connection stays open behind it.
Plan = tuple[bytes, bool, bool, int | None, bool, bool]


def plan_for(response: Response, method: str, *, current: bool, keep: bool) -> Plan:
    """How to send `response`. RFC 9112, 6.

    `method`: the request's. `current`: it was HTTP/1.1 and can read chunks. `keep`: nothing else is against it.
    """
    framing, chunked, visible, length = b"", False, True, response.length
    has_body = method != "HEAD" and response.status not in _BODILESS
    keep = keep and (response.made_here is None or response.status not in LAST)
    if not has_body:
        length = None
    elif response.until_close or (length is None and not current):
        keep = visible = False
        length = None
    elif length is not None:
        framing = content_length(length)
    else:
        framing, chunked = CHUNKED, True
    if not keep:
        framing += CLOSE
    head = response_head(response.status, response.reason, response.headers, framing)
    return head, has_body, chunked, length, visible, keep


class Writer:
    """The sending side of a connection. `writable`: None, or a future that is done once there is room again."""

    __slots__ = ("_loop", "_service", "_transport", "writable")

    def __init__(self, transport: asyncio.Transport, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self._transport = transport
        self._service = service
        self._loop = loop
        self.writable: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """The transport holds more than it should."""
        self.writable = self._loop.create_future()

    def resume(self) -> None:
        """There is room again."""
        writable, self.writable = self.writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def write(self, pieces: list[bytes]) -> None:
        """Sends `pieces` in one system call. Raises `ClientGone` where nobody is there any more."""
        if self._transport.is_closing():
            raise ClientGone
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    async def deliver(self, response: Response, method: str, *, current: bool, keep: bool) -> int:
        """Sends an answer and closes it, whatever happens. Says how that went: `OPEN`, `WHOLE`, `BROKEN` or `CUT`."""
        failure: ProxyError | None = None
        try:
            head, has_body, chunked, length, visible, keep = plan_for(response, method, current=current, keep=keep)
            body = response.body
            try:
                if not has_body:
                    self.write([head])
                elif type(body) is Whole and length is not None:  # nearly every answer: one write, nothing to wait for
                    content = body.take()
                    if len(content) != length:
                        raise ValueError(_NOT_AS_LONG)
                    if self._transport.is_closing():
                        raise ClientGone
                    self._transport.write(head + content)
                else:
                    await self._send([head], body, length, chunked=chunked)
            except ProxyError as error:
                failure = error
                return BROKEN if visible and not isinstance(error, ClientGone) else CUT
            return OPEN if keep else WHOLE
        except asyncio.CancelledError:
            failure = ClientGone()
            raise
        except Exception:
            failure = Refusal("internal_error")
            raise
        finally:
            response.close(failure)

    async def _send(self, pieces: list[bytes], body: Stream, length: int | None, *, chunked: bool) -> None:
        """Sends head and body; what is ready goes out with the head in one write. Raises what the body raises."""
        try:
            sent = await self._pass_on(body, pieces, chunked=chunked)
        except ProxyError:
            if pieces:
                self.write(pieces)
            raise
        if length is not None and sent != length:
            raise ValueError(_NOT_AS_LONG)
        if chunked:
            pieces.append(LAST_CHUNK)
        return self.write(pieces)

    async def _pass_on(self, body: Stream, pieces: list[bytes], *, chunked: bool) -> int:
        """The length of `body`; what is left in `pieces` has not been written yet."""
        sent = held = 0
        while True:
            if pieces and (held >= HIGH_WATER or not body.ready):
                self.write(pieces)
                pieces.clear()
                held = 0
                if not await self.drained():
                    raise ClientGone
            piece = await body.read()
            if not piece:
                return sent
            sent += len(piece)
            held += len(piece)
            pieces.append(chunk(piece) if chunked else piece)

    async def drained(self) -> bool:
        """True once there is room for more; False after `idle` seconds in which the application took nothing."""
        while self.writable is not None:
            left = self._transport.get_write_buffer_size()
            try:
                with self._service.alarms.at(self._service.now() + self._service.limits.idle):
                    await self.writable
            except TimeoutError:
                if self._transport.get_write_buffer_size() >= left:
                    return False
                self.pause()  # slow, but it reads; the alarm took the future with it
        return True
