"""A listener of the data path: its socket, a paused accept, the sweep that ends what stalls, and the drain.

The one thing a reader would get wrong: over the limit of connections nothing is refused; they wait in the kernel.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from proxy.edges.http1.request_reader import Heads
from proxy.edges.http1.server import ServerConnection
from proxy.edges.http1.service import Refuse, Service
from proxy.edges.sockets import listening_socket
from proxy.model import Call
from proxy.pipeline import Handler
from proxy.timing import LEAST, Alarms, Clock
from proxy.units import Bytes, Seconds

_uvloop: ModuleType | None
try:
    import uvloop as _uvloop
except ImportError:  # a platform that it is not built for
    _uvloop = None

SWEEP = 1.0  # seconds between two looks at all connections: the most by which their timers are late
AT_ONCE = 64  # connections taken in together at most
FULL_PAUSE = 1.0  # seconds until the next try when no descriptor is left
SETTLE = 0.01  # seconds in which a request that has reached the kernel is still taken when a drain begins
LULL = 0.1  # seconds between an answer and the next request of an application that is busy; it may not know of a drain
UNDO = 1.0  # seconds that a cancelled call has to undo what it did

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may use, by the page on security, section 15."""

    line: Bytes  # request line, without its line end
    field: Bytes  # one field, name and value
    fields: int
    head: Bytes
    head_time: Seconds = 10.0  # first byte to the end of the head
    idle_time: Seconds  # between two requests
    connections: int
    idle: Seconds = 30.0  # a client that takes nothing of an answer


PROXY = Limits(line=16_384, field=16_384, fields=128, head=65_536, idle_time=75.0, connections=4_096)
WEBHOOKS = Limits(line=8_192, field=16_384, fields=100, head=65_536, idle_time=30.0, connections=1_000)


class Listener:
    """Serves HTTP/1.1 on one address: each request to `handler`, what may not reach it to `refuse`."""

    def __init__(  # noqa: PLR0913 - what the connections need from outside, by name
        self,
        handler: Handler,
        *,
        limits: Limits,
        refuse: Refuse,
        new_call: Callable[[], Call],
        clock: Clock,
        alarms: Alarms,
        bug: Callable[[str, BaseException], None],
    ) -> None:
        self._service = Service(
            handler=handler,
            limits=limits,
            refuse=refuse,
            new_call=new_call,
            now=clock.now,
            alarms=alarms,
            bug=bug,
            heads=Heads(limits),
            left=self._left,
        )
        self._limits = limits
        self._bug = bug
        self._path: Path | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._admitting = False
        self._full = False  # no descriptor was left at the last try
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None  # of who waits for a connection to go: accept, later close

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._service.connections)

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return len(self._service.tasks)

    async def start(self, address: str) -> str:
        """Listens on `host:port`, `[v6]:port` or `unix:/path`, and says what was bound in the same spelling.

        Port 0 picks a free one. Raises `OSError` where the address cannot be had, `ValueError` where it is none.
        """
        loop = asyncio.get_running_loop()
        listening, address = await listening_socket(loop, address)
        if address.startswith("unix:"):
            self._path = Path(address.removeprefix("unix:"))
        self._accepting = loop.create_task(self._accept(loop, listening))
        self._timer = loop.call_later(SWEEP, self._sweep, loop)
        await asyncio.sleep(0)  # a task that is cancelled before it began would not close its socket
        return address

    def drain(self) -> None:
        """Accepts no more, ends the connections that wait for a request, and lets every further answer close."""
        service = self._service
        if service.draining:
            return
        service.draining = True
        if self._accepting is not None and not self._admitting:
            self._accepting.cancel()
        loop = asyncio.get_running_loop()
        began = service.now()
        loop.call_later(SETTLE, self._end_idle, loop, began - LULL, 2)
        loop.call_later(LULL, self._end_idle, loop, began, 2)

    async def close(self, until: float) -> None:
        """Drains, waits until `until` (the loop's time) for what is in flight, and resets what is left then."""
        loop = asyncio.get_running_loop()
        self.drain()
        if self._accepting is not None:
            await asyncio.wait({self._accepting})
        timer = loop.call_at(until + LEAST, self._cut)  # uvloop rounds to a millisecond: never early
        while self._service.connections:
            self._waiter = loop.create_future()
            await self._waiter
        timer.cancel()
        if self._service.tasks:  # cancelled with their connections
            await asyncio.wait(tuple(self._service.tasks), timeout=UNDO)
        if self._timer is not None:
            self._timer.cancel()

    async def _accept(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        try:
            while not self._service.draining:
                await self._accept_some(loop, listening)
        except asyncio.CancelledError:
            if not self._service.draining:
                raise
        else:
            return
        finally:
            await self._unbind(loop, listening)

    async def _accept_some(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        while self._room() <= 0:
            self._waiter = loop.create_future()
            await self._waiter
        try:
            accepted = self._who_came(listening)
        except BlockingIOError:
            return await _readable(loop, listening)
        except OSError as error:
            if error.errno not in _NO_ROOM:  # one client's, who left before it was accepted
                return await asyncio.sleep(0)
            if not self._full:
                self._bug("accept", error)
            self._full = True
            return await asyncio.sleep(FULL_PAUSE)
        self._full = False
        self._admitting = True
        try:
            if len(accepted) == 1:
                await self._admit(loop, accepted[0])
            else:
                await asyncio.gather(*(self._admit(loop, one) for one in accepted))
        finally:
            self._admitting = False

    def _who_came(self, listening: socket.socket) -> list[socket.socket]:
        """All who have connected by now: one accept takes turns of the loop, which are long while it is busy."""
        first, _ = listening.accept()
        return [first, *_connected(listening, min(AT_ONCE, self._room()) - 1)]

    def _room(self) -> int:
        return self._limits.connections - len(self._service.connections)

    async def _admit(self, loop: asyncio.AbstractEventLoop, accepted: socket.socket) -> None:
        try:
            accepted.settimeout(0)
            if accepted.family != socket.AF_UNIX:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio forgets it for these
            await loop.connect_accepted_socket(lambda: ServerConnection(self._service, loop), accepted)
        except OSError:  # it left meanwhile
            accepted.close()
        except Exception as error:  # noqa: BLE001 - one connection's bug must not keep all others out for ever
            accepted.close()
            self._bug("accept", error)
        except BaseException:
            accepted.close()
            raise

    async def _unbind(self, loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
        """Closes, and takes in those whom the kernel had connected by then: a request of theirs may be under way.

        Nobody else: clients that come again as soon as they are answered would keep a drain from ever ending.
        """
        try:
            connected = _connected(listening, self._room())
        finally:
            listening.close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)
        await asyncio.gather(*(self._admit(loop, one) for one in connected))

    def _left(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(SWEEP, self._sweep, loop)
        now = self._service.now()
        for connection in tuple(self._service.connections):
            self._guarded(connection.sweep, now)

    def _guarded(self, sweep: Callable[[float], None], now: float) -> None:
        try:
            sweep(now)
        except Exception as error:  # noqa: BLE001 - one connection's bug must not keep the others open for ever
            self._bug("sweep", error)

    def _end_idle(self, loop: asyncio.AbstractEventLoop, before: float, turns: int) -> None:
        if turns:  # in which the loop reads what has arrived, however late it is
            loop.call_soon(self._end_idle, loop, before, turns - 1)
            return
        for connection in tuple(self._service.connections):
            connection.drain(before)

    def _cut(self) -> None:
        for connection in tuple(self._service.connections):
            connection.cut()


def _connected(listening: socket.socket, most: int) -> list[socket.socket]:
    """Those who have connected and wait to be taken in, without waiting for any."""
    found: list[socket.socket] = []
    with suppress(OSError):  # nobody is left, or what the next accept says again
        while len(found) < most:
            found.append(listening.accept()[0])
    return found


async def _readable(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
    """Waits until somebody has connected, and takes nobody: a cancelled `sock_accept` loses whom it has taken."""
    somebody = asyncio.Event()
    loop.add_reader(listening, somebody.set)
    try:
        await somebody.wait()
    finally:
        loop.remove_reader(listening)


def loop_factory(*, uvloop: bool = True) -> asyncio.AbstractEventLoop:
    """A new event loop: uvloop's where it is installed and wanted, else asyncio's own."""
    if uvloop and _uvloop is not None:
        loop: asyncio.AbstractEventLoop = _uvloop.new_event_loop()
        return loop
    return asyncio.new_event_loop()
