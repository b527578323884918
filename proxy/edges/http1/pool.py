"""The transport of one upstream: its connections, where they lead, and which of them the next request takes.

The one thing a reader would get wrong: names are looked up here and not by the loop, because the address that was
judged must be the address that is connected to.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from proxy.edges.http1.bodies import Patience
from proxy.edges.http1.client import UpstreamConnection
from proxy.edges.http1.connect import Address, Tls, established, failure_of, first_connected
from proxy.errors import UpstreamFailure
from proxy.model import Headers, Request, Response
from proxy.rules.egress import EgressSettings, allowed, literal, networks
from proxy.rules.upstream_heads import Heads, OwnFields
from proxy.timing import Alarms, Clock
from proxy.upstream import TimeoutSettings, TlsSettings

LOOKUPS = 16  # at a time; further names wait
KEPT_FREE = 15.0  # seconds that a connection may stay unused
_PORTS = {"http": 80, "https": 443}

Lookup = Callable[[str, int], Sequence[Address]]


class Resolver:
    """Addresses of names, looked up in threads of its own: one that hangs must not stop other upstreams.

    `lookup` blocks, and raises `OSError` or `UnicodeError` for a name that it does not find.
    """

    def __init__(self, lookup: Lookup | None = None) -> None:
        self._lookup = system_lookup if lookup is None else lookup
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """What the lookup says; calls that ask for the same name at a time share one."""
        key = (host, port)
        asked = self._asked.get(key)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
            self._asked[key] = asked
            asked.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Starts no more lookups; one that hangs is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, key: tuple[str, int], done: asyncio.Future[Sequence[Address]]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # all who asked may have left


def system_lookup(host: str, port: int) -> list[Address]:
    """What the system's resolver says of `host`, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = []
    for family, _, _, _, where in found:
        name, *rest = where
        addresses.append(Address(family, (str(name).partition("%")[0], *rest)))
    return addresses


class Pool:
    """The connections of one upstream: the one that became free last is taken first, so that the others may end."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, now: Callable[[], float], patience: Patience, *, secure: bool
    ) -> None:
        self.loop = loop
        self.heads = Heads()
        self.patience = patience
        self.secure = secure
        self.free: list[UpstreamConnection] = []
        self.all: set[UpstreamConnection] = set()
        self._now = now
        self._retired = False

    def take(self) -> UpstreamConnection | None:
        """A free connection that is still open, None if there is none."""
        while self.free:
            connection = self.free.pop()
            if not connection.is_closing():
                return connection
        return None

    def add(self, connection: UpstreamConnection) -> UpstreamConnection:
        """Counts a new connection until it is lost."""
        if not connection.is_closing():
            self.all.add(connection)
        return connection

    def freed(self, connection: UpstreamConnection) -> None:
        if self._retired:
            connection.abort()
        else:
            connection.since = self._now()
            self.free.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        self.all.discard(connection)
        if connection in self.free:
            self.free.remove(connection)

    def sweep(self, now: float) -> None:
        """Closes what was free for too long."""
        old = [connection for connection in self.free if connection.since < now - KEPT_FREE]
        del self.free[: len(old)]  # they are in the order in which they became free
        for connection in old:
            connection.abort()

    def retire(self) -> None:
        """Closes what is free, and from now on each connection when its answer is over."""
        self._retired = True
        free, self.free = self.free, []
        for connection in free:
            connection.abort()


class Transport:
    """The end of a pipeline: requests to one `url`. Whoever made it calls `sweep()` once a second.

    Raises `ValueError` for a `url` or a block of `egress.allow` that cannot be used.
    """

    def __init__(  # noqa: PLR0913 - what one upstream says, and what all share
        self,
        url: str,
        *,
        timeout: TimeoutSettings,
        tls: TlsSettings,
        egress: EgressSettings,
        resolver: Resolver,
        clock: Clock,
        alarms: Alarms,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("url: an http or https address")
        self._name = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._path = parts.path.rstrip("/").encode("ascii")
        self._host = (b"Host", parts.netloc.rpartition("@")[2].encode("ascii"))
        self._tls = Tls(tls, parts.hostname) if parts.scheme == "https" else None
        self._networks = networks(egress.allow, parts.hostname)
        self._resolver = resolver
        self._connect_timeout = timeout.connect
        self._own = OwnFields()
        self._clock = clock
        self._alarms = alarms
        patience = Patience(clock, alarms, timeout.idle or math.inf)
        self._pool = Pool(loop, clock.now, patience, secure=self._tls is not None)

    def __call__(self, request: Request) -> Coroutine[Any, Any, Response]:
        """The answer's head, with a body that may still come. To be awaited at once: it holds a connection.

        Raises `UpstreamFailure`, and what the request's body raises.
        """
        own = self._own
        headers = (self._host, *[field for field in request.headers if not own[field[0]]])
        target = self._path + request.target
        if not target.startswith(b"/"):
            target = b"/" + target
        connection = None if request.fresh else self._pool.take()
        if connection is None:
            return self._send_on_new(request, target, headers)
        return connection.send(request, target, headers)  # not `async`: a frame less, in which nothing would wait

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return len(self._pool.free)

    @property
    def open(self) -> int:
        """All connections."""
        return len(self._pool.all)

    def sweep(self, now: float) -> None:
        """Closes connections that were unused for 15 s. `now`: monotonic."""
        self._pool.sweep(now)

    def retire(self) -> None:
        """Closes idle connections now, the others when their call ends."""
        self._pool.retire()

    async def _send_on_new(self, request: Request, target: bytes, headers: Headers) -> Response:
        connection = await self._connect()
        return await connection.send(request, target, headers)

    async def _connect(self) -> UpstreamConnection:
        pool = self._pool
        until = self._clock.now() + self._connect_timeout
        securing = False
        try:
            with self._alarms.at(until):
                addresses = self._permitted(await self._addresses())
                opened = await first_connected(pool.loop, addresses)
                securing = self._tls is not None
                rest = until - self._clock.now()
                made = await established(pool.loop, opened, lambda: UpstreamConnection(pool), self._tls, rest)
                return pool.add(made)
        except OSError as error:
            raise failure_of(error, securing=securing) from None

    async def _addresses(self) -> Sequence[Address]:
        address = literal(self._name)
        if address is not None:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            return [Address(family, (str(address), self._port))]
        try:
            found = await self._resolver.addresses(self._name, self._port)
        except (OSError, UnicodeError):
            found = ()
        if not found:
            raise UpstreamFailure("dns_error", "The upstream's name was not found.", sent=False)
        return found

    def _permitted(self, addresses: Sequence[Address]) -> list[Address]:
        permitted = [address for address in addresses if allowed(address.where[0], self._networks)]
        if not permitted:
            raise UpstreamFailure("egress_denied", "The upstream's name leads where it may not.", sent=False)
        return permitted
