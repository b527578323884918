"""One connection to an upstream: a request goes out, its answer comes in, and then perhaps the next.

The one thing a reader would get wrong: the connection is free again when the answer is closed, not when its last byte
came; and it is never free again with an answer outstanding, whatever ended the wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Protocol, cast

from proxy.body import Stream, Whole
from proxy.edges.http1.bodies import Arriving, Patience, Upload, application_stalls, upstream_takes_nothing
from proxy.edges.http1.reader import DONE, HEAD, UNTIL_CLOSE, AnswerReader
from proxy.edges.http1.wire import HIGH_WATER, Inbox, content_length, request_head, reset
from proxy.errors import ProxyError, StaleConnection, UpstreamFailure
from proxy.model import Call, Headers, Request, Response
from proxy.rules.upstream_heads import Heads

_EMPTY = {method: content_length(0) for method in ("POST", "PUT", "PATCH")}  # without a body they say so
_STALLS = frozenset(["request_timeout", "upstream_timeout"])


class Owner(Protocol):
    """What the connections of one pool share. Each is `freed` any number of times, then `lost` once."""

    loop: asyncio.AbstractEventLoop
    heads: Heads
    patience: Patience
    secure: bool

    def freed(self, connection: UpstreamConnection) -> None: ...
    def lost(self, connection: UpstreamConnection) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """`since`: when it became free; what the pool notes there. `is_closing()`: it can carry nothing any more."""

    __slots__ = (
        "_busy",
        "_inbox",
        "_owner",
        "_pump",
        "_reader",
        "_reused",
        "_sent",
        "_transport",
        "_waiter",
        "_writable",
        "is_closing",
        "since",
    )

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._reader = AnswerReader(owner.heads)
        self._busy = False  # a request was begun, and its answer is not over
        self._reused = False
        self._sent = False  # something of the request was written
        self._writable: asyncio.Future[None] | None = None  # while the transport takes no more
        self._waiter: asyncio.Future[Response] | None = None  # until the head is here
        self._inbox: Inbox | None = None  # for a body that was not complete when its head was
        self._pump: asyncio.Task[None] | None = None
        self.since = 0.0

    async def send(self, request: Request, target: bytes, headers: Headers) -> Response:
        """One exchange: `request` as `target` with `headers`, whose framing fields are ours to add.

        Raises `UpstreamFailure`, and what the request's body raises. Whatever it raises, the connection is cut.
        """
        self._busy = True
        self._sent = False
        self._reader.begin(for_head=request.method == "HEAD")
        waiter: asyncio.Future[Response] = self._owner.loop.create_future()
        self._waiter = waiter
        try:
            if request.body is None:
                self._write(request_head(request.method, target, headers, _EMPTY.get(request.method, b"")))
                request.call.progress()
            else:
                await self._send_with_body(request, target, headers, Upload(request.body))
            return await waiter
        except BaseException:
            self.abort()
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # it came as the task was cancelled: the loop need not miss who asks for it
            raise
        finally:
            self._waiter = None

    def abort(self) -> None:
        """Cuts the connection; a body that still comes breaks off."""
        self._stop_pump()
        if self._inbox is not None:
            self._inbox.fail(_lost())
        self._transport.abort()

    # Bytes out

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise self._never_answered()
        self._sent = True
        self._transport.write(data)

    async def _send_with_body(self, request: Request, target: bytes, headers: Headers, upload: Upload) -> None:
        pieces = [request_head(request.method, target, headers, upload.framing)]
        size = 0
        while not upload.done and upload.ready and size < HIGH_WATER:
            pieces.append(await upload.next())
            size += len(pieces[-1])
        self._write(b"".join(pieces))
        request.call.progress()
        if not upload.done:
            self._pump = self._owner.loop.create_task(self._pump_rest(upload, request.call))
            self._pump.add_done_callback(self._pump_ended)

    async def _pump_rest(self, upload: Upload, call: Call) -> None:
        patience = self._owner.patience
        while not upload.done:
            if self._writable is not None:
                await patience.wait(self._writable, upstream_takes_nothing)
            piece = await (upload.next() if upload.ready else patience.wait(upload.next(), application_stalls))
            self._transport.write(piece)
            call.progress()
        self._pump = None

    def _pump_ended(self, pump: asyncio.Task[None]) -> None:
        error = None if pump.cancelled() else pump.exception()
        waits = self._waiter is not None
        if error is None or (not waits and getattr(error, "code", "") in _STALLS):
            return  # an answer that has begun outlives a request body that stalls
        self._fail(error)
        reset(self._transport)
        if not waits and not isinstance(error, ProxyError):
            raise error  # a bug that no caller is told of: the loop's handler is

    def _stop_pump(self) -> None:
        """A request that was not sent to its end leaves a connection that nobody can use."""
        if self._pump is not None:
            self._pump.cancel()
            self._reader.keep = False

    def pause_writing(self) -> None:
        self._writable = self._owner.loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # Bytes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_closing = transport.is_closing
        self._transport.set_write_buffer_limits(high=HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if not self._busy:  # nobody asked for it: it may not be read as the next answer
            self.abort()
            return
        try:
            reader.feed(data)
        except ProxyError as error:
            self._pass_on()
            self._fail(error)
            self._transport.abort()
            return
        self._pass_on()

    def eof_received(self) -> None:
        """The upstream will send no more; a transport that still had to write would wait for a reader in vain."""
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and self._busy and self._reader.state != DONE:
            self._hear_out()
        self._ended(error)
        self._reader.close()
        self._owner.lost(self)

    def _hear_out(self) -> None:
        """Takes in what came before a write failed: an upstream that wants no more of a body says so, and closes.

        The transport gives up at the failed write, whatever it had not read yet.
        """
        opened = self._transport.get_extra_info("socket")  # both loops close it after they told of the loss
        if opened is not None and not self._owner.secure:
            with contextlib.suppress(OSError):  # nothing had come
                came = os.read(opened.fileno(), HIGH_WATER)
                if came:
                    self.data_received(came)

    def _pass_on(self) -> None:
        """Hands over what was read: the head to who waits for it, then pieces of the body, then its end."""
        reader = self._reader
        if reader.state == HEAD:
            return
        waiter, inbox = self._waiter, self._inbox
        if waiter is not None and not waiter.done():
            waiter.set_result(self._respond())
        elif inbox is not None:
            self._fill(inbox)

    def _respond(self) -> Response:
        reader = self._reader
        if reader.state == DONE:
            pieces, reader.pieces = reader.pieces, []
            body: Stream = Whole(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        else:
            self._inbox = Inbox(self._transport)
            self._fill(self._inbox)
            body = Arriving(self._inbox, self._owner.patience)
        until_close = reader.state == UNTIL_CLOSE and self._owner.secure
        response = Response(reader.status, reader.reason, reader.headers, body, reader.length, until_close=until_close)
        response.on_close(self._release)
        return response

    def _fill(self, inbox: Inbox) -> None:
        reader = self._reader
        pieces, reader.pieces = reader.pieces, []
        for piece in pieces:
            inbox.put(piece)
        if reader.state == DONE:
            inbox.end()

    def _release(self, _failure: ProxyError | None) -> None:
        """The answer is over: the connection is free if nothing is left in it, either way."""
        if self._pump is not None:
            self._stop_pump()
        transport, reader = self._transport, self._reader
        if reader.state != DONE or not reader.keep or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
            return
        if self._inbox is not None:
            self._inbox = None
            transport.resume_reading()  # whoever left pieces unread left it paused, and a paused one hears nothing
        self._busy = False
        self._reused = True
        self._owner.freed(self)

    def _ended(self, error: Exception | None) -> None:
        self._stop_pump()
        if not self._busy:
            return
        if error is None and self._reader.end():
            self._pass_on()
        else:
            self._fail(_lost() if self._reader.heard else self._never_answered())

    def _never_answered(self) -> UpstreamFailure:
        return StaleConnection(sent=self._sent) if self._reused else _lost(sent=self._sent)

    def _fail(self, error: BaseException) -> None:
        """Tells whoever waits for the head, or reads the body; it does nothing to an answer that is complete."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        elif self._inbox is not None:
            self._inbox.fail(error if isinstance(error, ProxyError) else _lost())


def _lost(*, sent: bool = True) -> UpstreamFailure:
    return UpstreamFailure("upstream_reset", "The upstream closed the connection too early.", sent=sent)
