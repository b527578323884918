"""From addresses to a connected transport: the race between addresses, TLS, and what errors are called.

The one thing a reader would get wrong: a socket that failed is closed here, because uvloop leaves it open when the peer
resets during the handshake; and uvloop closes it itself when it fails before that.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from proxy.errors import UpstreamFailure
from proxy.upstream import TlsSettings

CERTIFICATE_ERROR = "tls_certificate_error"  # of RFC 9209
HEAD_START = 0.25  # seconds that an address has before the next one is tried beside it (RFC 8305)

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CERTIFICATE_FAULTS = {  # OpenSSL's numbers
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "comes from an authority that is not trusted",
    20: "comes from an authority that is not trusted",
    21: "comes from an authority that is not trusted",
    23: "was revoked",
    62: "is for another name",
    64: "is for another address",
}


P = TypeVar("P", bound=asyncio.Protocol)


class Address(NamedTuple):
    """Where a socket may connect to; `where` as the family wants it, without a zone in its text."""

    family: socket.AddressFamily
    where: tuple[str, int] | tuple[str, int, int, int]


async def first_connected(loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]) -> socket.socket:
    """A socket connected to whichever address answers first; raises the last `OSError` if none does."""
    if len(addresses) == 1:
        return await _connected(loop, addresses[0])
    return await _Race(loop, _interleaved(addresses)).run()


class _Race:
    """Addresses one after the other, each next one when the one before has failed or had its head start."""

    def __init__(self, loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]) -> None:
        self._loop = loop
        self._addresses = list(addresses)
        self._running: set[asyncio.Task[socket.socket]] = set()
        self._error: BaseException = OSError("no address")

    async def run(self) -> socket.socket:
        try:
            while self._addresses or self._running:
                if self._addresses:
                    self._running.add(self._loop.create_task(_connected(self._loop, self._addresses.pop(0))))
                winner = await self._next()
                if winner is not None:
                    return winner
            raise self._error
        finally:
            for task in self._running:
                task.cancel()
                task.add_done_callback(_close_loser)

    async def _next(self) -> socket.socket | None:
        """The first socket, None when another address is due."""
        while self._running:
            patience = HEAD_START if self._addresses else None
            done, self._running = await asyncio.wait(
                self._running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            winners = [task for task in done if task.exception() is None]
            self._running.update(winners[1:])
            if winners:
                return winners[0].result()
            for task in done:
                self._error = task.exception() or self._error
            if self._addresses:
                return None
        return None


async def _connected(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    opened = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)  # noqa: FBT003 - the library's own signature
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(opened, address.where)
    except BaseException:
        opened.close()
        raise
    return opened


def _interleaved(addresses: Sequence[Address]) -> list[Address]:
    """The families in turns, the resolver's first choice first."""
    first = [one for one in addresses if one.family == addresses[0].family]
    others = [one for one in addresses if one.family != addresses[0].family]
    pairs = itertools.zip_longest(first, others)
    return [one for pair in pairs for one in pair if one is not None]


def _close_loser(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


class Tls:
    """How connections to `host` are secured; the context is made once, when it is first needed."""

    def __init__(self, settings: TlsSettings, host: str) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self.name = settings.server_name or host.removesuffix(".")  # asked for, and verified

    @property
    def context(self) -> ssl.SSLContext:
        """Raises `UpstreamFailure` where a file of the settings cannot be used."""
        if self._context is None:
            try:
                self._context = self._made()
            except OSError:
                raise UpstreamFailure("tls_error", "A file under `tls` cannot be used.", sent=False) from None
        return self._context

    def _made(self) -> ssl.SSLContext:
        settings = self._settings
        # what `ssl.create_default_context` makes, but for the file that SSLKEYLOGFILE names: it would be opened, and
        # would come to hold every secret
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca)
        context.minimum_version = _VERSIONS[settings.min_version]
        if settings.cert is not None:
            context.load_cert_chain(settings.cert, settings.key, password="")  # else it asks on the terminal
        return context


async def established(
    loop: asyncio.AbstractEventLoop, opened: socket.socket, make: Callable[[], P], tls: Tls | None, rest: float
) -> P:
    """The protocol that `make` makes, on `opened`, after the handshake that may take `rest` seconds."""
    identity = _identity(opened)
    try:
        if tls is None:
            _, protocol = await loop.create_connection(make, sock=opened)
        else:
            _, protocol = await loop.create_connection(
                make, sock=opened, ssl=tls.context, server_hostname=tls.name, ssl_handshake_timeout=max(rest, 0.001)
            )
    except BaseException:
        if _identity(opened) == identity:
            opened.close()
        else:  # uvloop has closed it, behind the back of its owner: the number may be another's by now
            opened.detach()
        raise
    return protocol


def _identity(opened: socket.socket) -> int | None:
    try:
        return os.fstat(opened.fileno()).st_ino
    except OSError:
        return None


def failure_of(error: OSError, *, securing: bool) -> UpstreamFailure:
    """What an error is called that came while connecting, or (`securing`) once there was a connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, "cannot be verified")
        return UpstreamFailure("tls_error", f"The upstream's certificate {fault}.", sent=False, token=CERTIFICATE_ERROR)
    if isinstance(error, TimeoutError) or (securing and isinstance(error, ConnectionAbortedError)):
        return UpstreamFailure("connect_timeout", "Connecting to the upstream took too long.", sent=False)
    if securing:
        return UpstreamFailure("tls_error", "The upstream broke off the TLS handshake.", sent=False)
    return UpstreamFailure("connect_refused", "No address of the upstream took the connection.", sent=False)
