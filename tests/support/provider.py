"""A scripted upstream for tests of stages: it answers, fails or stalls as its list says, and remembers what came."""

import asyncio
from collections.abc import Callable, Sequence

from proxy.body import Whole
from proxy.model import Headers, Request, Response
from proxy.timing import Clock

EPOCH = 1_790_000_000.0  # the Unix time of second 0 of a jumping loop

Line = Response | BaseException | float | Callable[[Request], Response]


def clock(loop: asyncio.AbstractEventLoop) -> Clock:
    """The loop's own time, and a Unix time that moves with it."""
    return Clock(now=loop.time, wall=lambda: EPOCH + loop.time())


def answer(status: int = 200, body: bytes = b"", headers: Headers = ()) -> Response:
    """A whole answer of an upstream."""
    return Response(status, b"", headers, Whole(body), len(body))


class Provider:
    """A transport: a line of the script for each attempt; a float is a pause before the next line; the last repeats."""

    def __init__(self, loop: asyncio.AbstractEventLoop, script: Sequence[Line]) -> None:
        self._loop = loop
        self._script = list(script)
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.bodies: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        self.times.append(self._loop.time())
        self.bodies.append(await _read(request))
        line = self._next()
        while isinstance(line, float):
            await asyncio.sleep(line)
            line = self._next()
        if isinstance(line, BaseException):
            raise line
        if isinstance(line, Response):
            return line
        return line(request)

    def _next(self) -> Line:
        return self._script.pop(0) if len(self._script) > 1 else self._script[0]


async def _read(request: Request) -> bytes:
    if request.body is None:
        return b""
    stream, pieces = request.body.open(), []
    while piece := await stream.read():
        pieces.append(piece)
    return b"".join(pieces)
