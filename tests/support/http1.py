"""Our HTTP/1.1 server with a scripted handler: on a real socket, or on a transport that only remembers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import h11

from proxy.body import Stream, Whole
from proxy.edges.http1.listener import PROXY, Limits, Listener
from proxy.edges.http1.request_reader import Heads
from proxy.edges.http1.server import ServerConnection
from proxy.edges.http1.service import Service
from proxy.errors import CODES, ProxyError, Refusal
from proxy.model import Call, Request, Response
from proxy.timing import Alarms, Clock

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def refuse(refusal: Refusal, call: Call) -> Response:
    """An answer that says the code and nothing else."""
    return answer(refusal.code.encode(), CODES[refusal.code].status)


def answer(content: bytes = b"", status: int = 200) -> Response:
    """A whole answer."""
    return Response(status, b"X", (), Whole(content), len(content))


async def content_of(request: Request) -> bytes:
    """The request's whole body."""
    return b"" if request.body is None else await rest_of(request.body.open())


async def rest_of(stream: Stream) -> bytes:
    """All that is still to come."""
    pieces = []
    while piece := await stream.read():
        pieces.append(piece)
    return b"".join(pieces)


@dataclass
class Echo:
    """Answers each request with its own words, like a gateway: a body that breaks is answered by its code."""

    seen: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        start = f"{request.method} {request.target.decode('latin-1')}"
        try:
            words = f"{start} {(await content_of(request)).decode('latin-1')}"
        except ProxyError as error:
            self.seen.append(f"{start} !{error.code}")
            if not isinstance(error, Refusal):
                raise
            return refuse(error, request.call)
        self.seen.append(words)
        return answer(words.encode("latin-1"))


class Pieces:
    """A body that comes when it is told to: a `Stream` of items, some of them waited for, or an error."""

    def __init__(self, *items: bytes | Awaitable[object] | BaseException) -> None:
        self._items = list(items)

    @property
    def ready(self) -> bool:
        return not self._items or isinstance(self._items[0], bytes | BaseException)

    async def read(self) -> bytes:
        while self._items:
            item = self._items.pop(0)
            if isinstance(item, bytes):
                return item
            if isinstance(item, BaseException):
                raise item
            await item
        return b""


@asynccontextmanager
async def listening(
    handler: Callable[[Request], Awaitable[Response]],
    address: str = "127.0.0.1:0",
    *,
    grace: float = 0.0,
    bugs: list[BaseException] | None = None,
    clock: Clock | None = None,
    **limits: float,
) -> AsyncIterator[tuple[Listener, str]]:
    """A listener and where it listens, closed after the block. A bug fails the test, unless `bugs` is there for it."""
    loop = asyncio.get_running_loop()
    found: list[BaseException] = [] if bugs is None else bugs
    listener = Listener(
        handler,
        limits=replace(PROXY, **limits),
        refuse=refuse,
        new_call=lambda: Call("id", loop.time()),
        clock=clock or Clock(loop.time, loop.time),
        alarms=Alarms(loop),
        bug=lambda where, error: found.append(error),
    )
    bound = await listener.start(address)
    try:
        yield listener, bound
    finally:
        await listener.close(loop.time() + grace)
    assert bugs is not None or found == []


async def connect(bound: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw client of what a listener said it had bound."""
    if bound.startswith("unix:"):
        return await asyncio.open_unix_connection(bound.removeprefix("unix:"))
    host, _, port = bound.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


async def exchange(bound: str, sent: bytes) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await connect(bound)
    writer.write(sent)
    try:
        return await reader.read()
    finally:
        writer.close()


@dataclass
class Answered:
    """One answer as a strict client reads it. `whole`: its body ended as it said."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    whole: bool


def answers(raw: bytes, methods: tuple[str, ...] = (), *, closed: bool = True) -> list[Answered]:
    """The answers in `raw`. `methods` of the requests, where one is not GET; `closed`: the connection has ended."""
    found: list[Answered] = []
    while raw:
        client = h11.Connection(h11.CLIENT)
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(raw)
        if closed:
            client.receive_data(b"")
        found.append(_next_answer(client))
        raw = client.trailing_data[0]
        if not found[-1].whole:
            break
    return found


def _next_answer(client: h11.Connection) -> Answered:
    got = Answered(0, [], b"", whole=False)
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            return got
        if isinstance(event, h11.Response):
            got.status, got.headers = event.status_code, list(event.headers)
        elif isinstance(event, h11.Data):
            got.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            got.whole = True
            return got
        elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
            return got


class Remembering(asyncio.Transport):
    """A transport without a socket. `told`: what was asked of it, in order; `full`: it holds what is written."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop, self._protocol = loop, protocol
        self.written = b""
        self.writes: list[bytes] = []
        self.held = 0
        self.full = False
        self.told: list[str] = []
        self.reading = True
        self.closing = False
        self.over = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.2", 99)}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def get_write_buffer_size(self) -> int:
        return self.held

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False
        self.told.append("pause")

    def resume_reading(self) -> None:
        self.reading = True
        self.told.append("resume")

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.written += data
        self.writes.append(data)
        if self.full:
            was, self.held = self.held, self.held + len(data)
            if was <= self.high < self.held:
                self._protocol.pause_writing()

    def take(self, count: int) -> None:
        """The peer reads `count` bytes of what is held."""
        was, self.held = self.held, max(0, self.held - count)
        if was > self.high // 4 >= self.held:
            self._protocol.resume_writing()
        if self.closing and self.held == 0:
            self._lose()

    def write_eof(self) -> None:
        self.told.append("eof")

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self._end("close", at_once=self.held == 0)

    def abort(self) -> None:
        self._end("abort", at_once=True)

    def _end(self, how: str, *, at_once: bool) -> None:
        self.told.append(how)
        self.closing = True
        if at_once:
            self._lose()

    def _lose(self) -> None:
        if not self.over:
            self.over = True
            self._loop.call_soon(self._protocol.connection_lost, None)


class Bench:
    """A connection on a `Remembering` transport."""

    def __init__(
        self, handler: Callable[[Request], Awaitable[Response]], limits: Limits = PROXY, **changed: float
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.bugs: list[BaseException] = []
        limits = replace(limits, **changed)
        self.service = Service(
            handler=handler,
            limits=limits,
            refuse=refuse,
            new_call=lambda: Call("id", loop.time()),
            now=loop.time,
            alarms=Alarms(loop),
            bug=lambda where, error: self.bugs.append(error),
            heads=Heads(limits),
            left=lambda: None,
        )
        self.connection, self.transport = self.another()

    def another(self) -> tuple[ServerConnection, Remembering]:
        """One more connection of the same service."""
        connection = ServerConnection(self.service, self._loop)
        transport = Remembering(self._loop, connection)
        connection.connection_made(transport)
        return connection, transport

    async def send(self, *pieces: bytes) -> None:
        """Pieces arrive one by one; between them everything that can happen does."""
        for piece in pieces:
            if self.transport.closing:
                return
            self.connection.data_received(piece)
            await settled()


async def settled() -> None:
    """Lets everything happen that needs no time."""
    for _ in range(8):
        await asyncio.sleep(0)
