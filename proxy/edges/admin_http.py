"""The admin listener's HTTP; with its connections the one place of the running program that knows aiohttp.

The one thing a reader would get wrong: the library's own server forgets all limits when one keyword is unknown to it,
and never counts its connections. Both are replaced here.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from functools import partial

from aiohttp import http_parser, web

from proxy.edges.admin_api import BODY, AdminApi
from proxy.edges.admin_connection import PRIVATE, Connection, Request, refused, response_of
from proxy.edges.admin_server import Program
from proxy.edges.admin_words import Answer, Ask
from proxy.edges.sockets import listening_socket, unbind
from proxy.errors import Refusal
from proxy.rules.framing import FIELDS, OTHER, SoundHosts, framing_of
from proxy.timing import Alarms, Clock

CONNECTIONS = 64
BODY_TIME = 10.0  # seconds
GRACE = 2.0  # seconds for requests in progress when the listener closes
_VERSIONS = {(1, 1): b"1\r\n", (1, 0): b"0\r\n"}


async def listen(address: str, program: Program, alarms: Alarms, clock: Clock) -> AdminListener:
    """A listener that serves. Raises `OSError`, and `RuntimeError` where the library is not what we know."""
    if http_parser.HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise RuntimeError("aiohttp without its C parser reads requests in ways that are not checked here")
    if missing := [name for owner, name in PRIVATE if not hasattr(owner, name)]:
        raise RuntimeError(f"this aiohttp has no {', '.join(missing)}")
    loop = asyncio.get_running_loop()
    listening, bound = await listening_socket(loop, address)
    return AdminListener(loop, listening, bound, _Server(loop, program, alarms, clock))


class AdminListener:
    """Accepts as long as there is room, and pauses while there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listening: socket.socket, bound: str, server: _Server) -> None:
        self.bound = bound
        self._loop = loop
        self._listening = listening
        self._server = server
        self._accepting = loop.create_task(self._accept())

    async def close(self) -> None:
        """Ends all connections; requests in progress get two seconds."""
        self._accepting.cancel()
        await asyncio.wait({self._accepting})
        unbind(self._listening, self.bound)
        self._server.pre_shutdown()
        await self._server.shutdown(GRACE)

    async def _accept(self) -> None:
        while True:
            await self._server.room()
            try:
                accepted, _ = await self._loop.sock_accept(self._listening)
            except OSError:  # one client's, who left; or no descriptor is left
                await asyncio.sleep(0.1)
                continue
            try:
                if accepted.family != socket.AF_UNIX:
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await self._loop.connect_accepted_socket(self._server, accepted)
            except OSError:  # it left meanwhile
                accepted.close()


class _Server(web.Server):
    """Makes a connection for each client, with its limits or not at all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, program: Program, alarms: Alarms, clock: Clock) -> None:
        factory = partial(Request, loop=loop, client_max_size=BODY)
        super().__init__(self._serve, request_factory=factory, handler_cancellation=True, loop=loop)
        self._own_loop = loop
        self._api = AdminApi(program)
        self._bug = program.bug
        self._alarms = alarms
        self._now = clock.now
        self._hosts = SoundHosts()
        self._open = 0
        self._left: asyncio.Future[None] | None = None

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self, self._own_loop, count=self.count, bug=self._bug
        )  # an unknown keyword is an error, not a loss of limits

    async def room(self) -> None:
        """Returns when another connection may be taken."""
        while self._open >= CONNECTIONS:
            self._left = self._own_loop.create_future()
            await self._left

    def count(self, change: int) -> None:
        """A connection came or went."""
        self._open += change
        if change < 0 and self._left is not None and not self._left.done():
            self._left.set_result(None)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection) and isinstance(request, Request)  # noqa: S101, PT018 - made by __call__
        connection.begin(request.content)
        last = True
        try:
            answer = await self._answered(request, connection)
            last = answer.last or not await self._read_away(request)
            return response_of(replace(answer, last=last))
        finally:
            connection.end(last=last)

    async def _answered(self, request: Request, connection: Connection) -> Answer:
        target = request.raw_path.encode("utf-8", "surrogateescape")
        method = request.method.encode()
        version = _VERSIONS.get((request.spoken.major, request.spoken.minor), b"")
        codes = {name: FIELDS.get(name.lower(), OTHER) for name, _ in request.raw_headers}
        line = b"%b %b HTTP/1.%b" % (method, target, version)
        expects = [value.lower() for name, value in request.raw_headers if name.lower() == b"expect"]
        if line not in connection.seen:  # the parser passes RTSP/1.0 as HTTP/1.0
            line = b""
        try:
            framing = framing_of(line, method, target, request.raw_headers, codes, self._hosts)
            if expects not in ([], [b"100-continue"]):
                raise Refusal("expectation_failed", "Only 100-continue is expected here.")
        except Refusal as refusal:
            return refused(refusal)
        local = request.get_extra_info("sockname")
        read = partial(self._read, request, framing.length, expects=framing.expects)
        return await self._api(
            Ask(
                method=request.method,
                target=target,
                headers=request.raw_headers,
                local=str(local[0]) if isinstance(local, tuple) else "",
                read=read,
            )
        )

    async def _read_away(self, request: web.BaseRequest) -> bool:
        """True once nothing of this request is left to come: the library cuts off a client that still sends."""
        left = BODY
        try:
            with self._alarms.at(self._now() + GRACE):
                while not request.content.at_eof():
                    if left < 0 or "Expect" in request.headers:  # it waits for our word
                        return False
                    left -= len(await request.content.readany())
        except (TimeoutError, web.RequestPayloadError):
            return False
        return True

    async def _read(self, request: web.BaseRequest, length: int | None, *, expects: bool) -> bytes:
        if (length or 0) > BODY:
            raise Refusal("request_too_large", "The request body is over 64 KiB.")
        if expects and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        pieces, size = [], 0
        try:
            with self._alarms.at(self._now() + BODY_TIME):
                while piece := await request.content.readany():
                    size += len(piece)
                    if size > BODY:
                        raise Refusal("request_too_large", "The request body is over 64 KiB.")
                    pieces.append(piece)
        except TimeoutError:
            raise Refusal("request_timeout", "The request body did not come in time.") from None
        except web.RequestPayloadError:
            raise Refusal("bad_request", "The request body is malformed.") from None
        return b"".join(pieces)
