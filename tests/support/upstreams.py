"""Upstreams on real sockets that say and do what a test wants, and transports that lead to them."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Self

from proxy.body import Body, Stream, Whole
from proxy.edges.http1.connect import Address
from proxy.edges.http1.pool import Resolver, Transport
from proxy.model import Call, Headers, Request, Response
from proxy.rules.egress import EgressSettings
from proxy.timing import Alarms, Clock
from proxy.upstream import TimeoutSettings, TlsSettings

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENT = TimeoutSettings(connect=5.0, idle=5.0)


class Upstream:
    """A server that plays `play` on each connection, and cuts it when the play is over."""

    def __init__(self, play: Play, context: ssl.SSLContext | None = None) -> None:
        self._play = play
        self._context = context
        self._server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 20, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with contextlib.suppress(OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._play(reader, writer)
        finally:
            self.tasks.discard(task)
            writer.transport.abort()


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next request; chunks as they stand on the wire."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    if b"transfer-encoding" in fields:
        return head, await reader.readuntil(b"0\r\n\r\n")
    return head, await reader.readexactly(int(fields.get(b"content-length", b"0")))


def cut(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset."""
    opened = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def saying(*answers: bytes, then: str = "wait") -> Play:
    """Each request gets the next of `answers`, on whichever connection; the last one again and again.

    `then`: what follows each answer, `wait` for the next request, `close` or `cut`.
    """
    left = list(answers)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            if then == "close":
                await writer.drain()
                writer.close()
                return
            if then == "cut":
                await writer.drain()
                cut(writer)
                return

    return play


@contextlib.asynccontextmanager
async def transport_to(
    url: str,
    *,
    timeout: TimeoutSettings = PATIENT,  # noqa: ASYNC109 - settings, not a timeout of this function
    tls: TlsSettings = TlsSettings(),  # noqa: B008 - frozen
    allow: Sequence[str] = ("127.0.0.0/8", "::1/128"),
    lookup: Callable[[str, int], Sequence[Address]] | None = None,
) -> AsyncIterator[Transport]:
    """A transport as the program makes it; at the end it must have closed all its connections."""
    loop = asyncio.get_running_loop()
    resolver = Resolver(lookup)
    transport = Transport(
        url,
        timeout=timeout,
        tls=tls,
        egress=EgressSettings(allow=tuple(allow)),
        resolver=resolver,
        clock=Clock(loop.time, time.time),
        alarms=Alarms(loop),
        loop=loop,
    )
    try:
        yield transport
    finally:
        transport.retire()
        resolver.close()
        await settled(lambda: transport.open == 0)


async def settled(condition: Callable[[], bool]) -> None:
    """Returns when `condition` holds, after as many turns of the loop as that takes."""
    until = asyncio.get_running_loop().time() + 5.0
    while not condition():
        assert asyncio.get_running_loop().time() < until, "this never happened"
        await asyncio.sleep(0.001)


def request(
    method: str = "GET", target: bytes = b"/", headers: Headers = (), body: Body | None = None, *, fresh: bool = False
) -> Request:
    """A request of a call that nobody watches."""
    return Request(method, target, headers, body, Call("test", 0.0), fresh=fresh)


def whole(content: bytes) -> Body:
    """A body of known length that is all here."""
    return Body(Whole(content), len(content), keep=1 << 20)


async def body_of(response: Response) -> bytes:
    """The body to its end, and the answer closed; raises where the body breaks off."""
    pieces = []
    try:
        while piece := await response.body.read():
            pieces.append(piece)
    finally:
        response.close()
    return b"".join(pieces)


class Pieces:
    """A body that comes piece by piece, as the test hands them out; None is its end, an error breaks it off."""

    def __init__(self, *pieces: bytes | BaseException) -> None:
        self._left: asyncio.Queue[bytes | BaseException] = asyncio.Queue()
        self.waits = False  # somebody reads, and nothing is here
        for piece in pieces:
            self._left.put_nowait(piece)

    @property
    def ready(self) -> bool:
        return not self._left.empty()

    def put(self, piece: bytes | BaseException) -> None:
        self._left.put_nowait(piece)

    async def read(self) -> bytes:
        self.waits = self._left.empty()
        piece = await self._left.get()
        self.waits = False
        if isinstance(piece, BaseException):
            raise piece
        return piece


def chunked(stream: Stream) -> Body:
    """A body whose length nobody knows."""
    return Body(stream, None)


def patient(**changes: float) -> TimeoutSettings:
    """Timeouts that only a stuck test would meet, but for `changes`."""
    return replace(PATIENT, **changes)
