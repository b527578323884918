"""One connection of an application or sender: bytes to `Request`, `Response` to bytes, one request at a time.

What bytes mean is read in `request_reader.py`; here is the state of a connection and when it ends. The one thing a
reader would get wrong: an application that half-closes counts as gone, since a vanished one sends nothing else.
"""

from __future__ import annotations

import asyncio

from proxy.body import Body, Whole
from proxy.edges.http1.request_reader import Chunks, Head, find_head
from proxy.edges.http1.response_writer import BROKEN, CUT, OPEN, Writer
from proxy.edges.http1.service import Service, host_of
from proxy.edges.http1.wire import HIGH_WATER, Inbox, left_unheard, reset
from proxy.errors import ClientGone, Refusal
from proxy.model import Request, Response
from proxy.pipeline import Handler
from proxy.rules.recent import MOST_BYTES

# | state   | bytes that arrive                          | leaves by                                         |
# | IDLE    | begin a head                               | the first byte                                    |
# | HEAD    | are kept, unparsed, until the head is whole | refused: LINGER; body or not: LENGTH, CHUNKED, BUSY |
# | LENGTH  | counted, to the inbox                      | the count is 0: BUSY, or IDLE if the answer is out |
# | CHUNKED | parsed, to the inbox                       | the last chunk: BUSY; broken or followed: LINGER  |
# | BUSY    | are kept, unparsed; over 64 KiB: paused    | the answer is out: IDLE, LINGER or CLOSED         |
# | LINGER  | are dropped                                | 1 MiB, 2 s, the peer's FIN: CLOSED                |
# | CLOSED  | none come                                  | the write buffer is empty, or its time is over    |
IDLE, HEAD, LENGTH, CHUNKED, BUSY, LINGER, CLOSED = range(7)

LINGER_TIME = 2.0  # seconds in which an early answer may be read before the connection is closed
DRAIN_TIME = 1.0  # seconds for the first request of a connection that a drain found new
LINGER_BYTES = 1 << 20
READ_AWAY = 65_536  # bytes of a body that nobody wants and that are read to keep the connection
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ServerConnection(asyncio.Protocol):
    """The states above; the task that answers a request lives and dies with the connection."""

    _transport: asyncio.Transport
    _writer: Writer

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._local = self._peer = ""
        self._state = IDLE
        self._since = service.now()  # when this state began
        self._rest = b""  # a head that is not whole, or bytes that nobody has looked at
        self._left = 0  # LENGTH: bytes to come; LINGER: bytes that may still come
        self._keep = False  # another request may follow the one at hand
        self._current = True  # the request at hand can be answered in chunks
        self._expecting = False  # the application waits for a word before it sends its body, ours or an unknown one
        self._answered = False  # the head of the answer is out
        self._refusing = self._half_closed = False  # the answer on its way is a refusal; nothing more is sent to us
        self._inbox: Inbox | None = None
        self._chunks: Chunks | None = None
        self._task: asyncio.Task[None] | None = None

    # what the transport says

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # streams only
        self._transport = transport
        self._writer = Writer(transport, self._service, self._loop)
        self._local = host_of(transport.get_extra_info("sockname"))
        self._peer = host_of(transport.get_extra_info("peername"))
        self._service.connections.add(self)

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state <= HEAD:
            self._collect(data)
        elif state == LENGTH:
            self._count(data)
        elif state == CHUNKED:
            self._parse(data)
        elif state == BUSY:
            self._hold(data)
        elif state == LINGER:
            self._drop(data)

    def eof_received(self) -> bool | None:
        self._half_closed = self._refusing and self._task is not None
        if not self._half_closed:
            self._leave()
        return self._half_closed or None  # a refusal on its way is no work for one who left

    def connection_lost(self, _error: Exception | None) -> None:
        self._leave()
        self._service.connections.discard(self)
        self._service.left()

    def pause_writing(self) -> None:
        self._writer.pause()

    def resume_writing(self) -> None:
        self._writer.resume()

    def sweep(self, now: float) -> None:
        """Ends what has taken too long in its state."""
        limits, state, age = self._service.limits, self._state, now - self._since
        if state == IDLE:
            if age > (DRAIN_TIME if self._service.draining else limits.idle_time):
                self._close()
        elif state == HEAD:
            if age > limits.head_time:
                self._refuse(Refusal("request_timeout", "The request head was not complete in time."), self._rest)
        elif state == CLOSED or self._task is not None:
            if age > limits.idle if state == CLOSED else left_unheard(self._transport):
                reset(self._transport)
        elif age > (LINGER_TIME if state == LINGER else limits.head_time):
            self._close()  # LENGTH without a task: the rest of a body that nobody wants does not come

    def drain(self, before: float) -> None:
        """Ends a connection that has been idle since `before` or longer; a busy one ends with its answer."""
        if self._state == IDLE and self._since <= before:
            self._close()

    def cut(self) -> None:
        """Ends the connection and what it is doing, at once and visibly."""
        reset(self._transport)

    # bytes in

    def _collect(self, data: bytes) -> None:
        known = None if self._rest or len(data) > MOST_BYTES else self._service.heads.known.get(data)
        if known is not None:  # a whole head, and one that came before
            return self._begin(known, b"")
        seen, raw = len(self._rest), self._rest + data if self._rest else data
        try:
            span = find_head(raw, seen, self._service.limits)
            if span is None:
                if self._state == IDLE:
                    self._state, self._since = HEAD, self._service.now()
                self._rest = raw
                return None
            head = self._service.heads.read(raw[span[0] : span[1]])
        except Refusal as refusal:
            return self._refuse(refusal, raw)
        return self._begin(head, raw[span[1] :])

    def _begin(self, head: Head, rest: bytes) -> None:
        method, target, headers, framing, self._keep = head
        length, asks, self._current, sure = framing
        self._rest, body = b"", None
        if length is not None and len(rest) >= length:  # no body, or all of it came with its head
            self._state, arrived = BUSY, self._hold
            if length:
                body, rest = Body(Whole(rest[:length]), length), rest[length:]
        else:
            self._expecting = asks or not sure
            self._inbox = inbox = Inbox(self._transport, self._ask if asks else None)
            body = Body(inbox, length)
            if length is None:
                self._state, self._chunks, arrived = CHUNKED, Chunks(inbox), self._parse
            else:
                self._state, self._left, arrived = LENGTH, length, self._count
        call = self._service.new_call()
        call.local, call.peer = self._local, self._peer
        self._start(self._service.handler, Request(method, target, headers, body, call))
        if rest:
            arrived(rest)

    def _count(self, data: bytes) -> None:
        self._expecting = False
        piece = data[: self._left]
        self._left -= len(piece)
        if self._inbox is not None:
            self._inbox.put(piece)
        if self._left:
            return
        if self._inbox is not None:
            self._inbox.end()
        rest = data[len(piece) :]
        if self._task is None:  # the answer is out: this was only read away
            self._await_next(rest)
        else:
            self._state = BUSY
            self._hold(rest)

    def _parse(self, data: bytes) -> None:
        self._expecting = False
        chunks = self._chunks
        assert chunks is not None  # noqa: S101 - the state says so
        chunks.feed(data)
        if chunks.over:
            self._state = BUSY if chunks.clean else LINGER
            self._chunks = None

    def _hold(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > HIGH_WATER:
            self._transport.pause_reading()  # until the answer is out

    def _drop(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0 and self._task is None:
            self._close()

    def _ask(self) -> None:
        if self._expecting and not self._answered and not self._transport.is_closing():
            self._expecting = False
            self._transport.write(_CONTINUE)

    # answers

    def _refuse(self, refusal: Refusal, raw: bytes) -> None:
        async def refused(request: Request) -> Response:
            return self._service.refuse(refusal, request.call)

        self._state, self._rest, self._keep = LINGER, b"", False
        self._current = self._refusing = True
        method = "HEAD" if raw.lstrip(b"\r\n").startswith(b"HEAD ") else ""  # it alone changes how an answer is sent
        self._start(refused, Request(method, b"", (), None, self._service.new_call()))

    def _start(self, handler: Handler, request: Request) -> None:
        self._answered = False
        self._task = task = self._loop.create_task(self._answer(handler, request))
        self._service.tasks.add(task)

    async def _answer(self, handler: Handler, request: Request) -> None:
        task = self._task
        try:
            response = await handler(request)
            keep, self._answered, writer = self._may_keep(), True, self._writer
            ending = await writer.deliver(response, request.method, current=self._current, keep=keep)
            self._keep = ending == OPEN
            if ending == BROKEN:
                self._close()
            elif ending == CUT or (self._keep and writer.writable is not None and not await writer.drained()):
                self._cut_off()  # one who pipelines and reads nothing fills no memory
            else:
                self._finish()
        except Exception as error:  # noqa: BLE001 - handlers answer every error, bodies break with ours: this is a bug
            self._service.bug("http1", error)
            self._cut_off()
        except BaseException:
            self._cut_off()
            raise
        finally:
            self._service.tasks.discard(task)

    def _may_keep(self) -> bool:
        """True if the connection can wait for another request, as far as the one at hand is concerned."""
        if not self._keep or self._service.draining:
            return False
        if self._state == LENGTH:  # answered before its body was here
            return self._left <= READ_AWAY and not self._expecting
        return self._state == BUSY

    def _finish(self) -> None:
        self._task = self._inbox = self._chunks = None
        if self._transport.is_closing():
            return None
        if self._state == LENGTH and self._keep:
            self._since = self._service.now()
            return self._resume()
        if self._keep:
            return self._await_next(self._rest)
        if self._half_closed or (self._state == BUSY and not self._rest):
            return self._close()
        return self._linger()

    # ends

    def _await_next(self, rest: bytes) -> None:
        self._state, self._since, self._rest = IDLE, self._service.now(), b""
        self._resume()
        if rest:
            self._collect(rest)
        elif self._service.draining:
            self._close()

    def _resume(self) -> None:
        if not self._transport.is_reading():
            self._transport.resume_reading()

    def _linger(self) -> None:
        """Says that we are done and drops what comes: a close with bytes unread would be a reset for our answer."""
        self._state, self._since, self._left, self._rest = LINGER, self._service.now(), LINGER_BYTES, b""
        self._resume()
        self._transport.write_eof()

    def _close(self) -> None:
        self._state, self._since = CLOSED, self._service.now()
        self._transport.close()

    def _cut_off(self) -> None:
        if not self._transport.is_closing():
            reset(self._transport)

    def _leave(self) -> None:
        self._state, self._since = CLOSED, self._service.now()
        if self._inbox is not None:
            self._inbox.fail(ClientGone())
        task, self._task = self._task, None
        if task is not None:
            task.add_done_callback(self._service.tasks.discard)  # one that has not begun takes nothing back itself
            task.cancel()
