"""A proven request on its way to the application while its sender waits: `deliver.mode: sync`.

The one thing a reader would get wrong: only the query goes into the target; the path is that of `deliver.url`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from proxy.body import Body, Stream, Whole
from proxy.config.schema import DeliverSettings
from proxy.errors import ProxyError, UpstreamFailure
from proxy.model import Headers, Request, Response
from proxy.rules.headers import HeaderPass
from proxy.rules.incoming import Incoming
from proxy.rules.signatures import Naming
from proxy.timing import Alarms

_PLAIN = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")

Deliver = Callable[[Request], Awaitable[Response]]


class AppUnavailable(Exception):
    """The application did not answer within `deliver.timeout`. The text is for the log."""


class Forward:
    """Passes one webhook's events on and the answers back, at most `deliver.concurrency` at a time."""

    def __init__(self, deliver: Deliver, settings: DeliverSettings, now: Callable[[], float], alarms: Alarms) -> None:
        self._deliver = deliver
        self._timeout = settings.timeout
        self._places = asyncio.Semaphore(settings.concurrency)
        self._now = now
        self._alarms = alarms
        self._hygiene = HeaderPass()

    async def __call__(self, request: Request, incoming: Incoming, stamps: Headers) -> Response:
        """The application's answer, its body still coming. Raises `AppUnavailable`."""
        until = self._now() + self._timeout
        try:
            with self._alarms.at(until):
                await self._places.acquire()
                response = await self._call(self._outgoing(request, incoming, stamps))
        except TimeoutError:
            raise AppUnavailable(f"no answer within {self._timeout:g} s") from None
        except ProxyError as error:
            raise AppUnavailable(error.code) from None
        response.body = _Timed(response.body, self._alarms, until)
        return response

    async def _call(self, outgoing: Request) -> Response:
        try:
            response = await self._deliver(outgoing)
        except BaseException:
            self._places.release()
            raise
        response.on_close(lambda _: self._places.release())
        return response

    def _outgoing(self, request: Request, incoming: Incoming, stamps: Headers) -> Request:
        content = incoming.body
        body = None if request.body is None else Body(Whole(content), len(content), keep=len(content))
        target = b"" if incoming.query is None else b"?" + incoming.query
        onward, _ = self._hygiene(incoming.headers)
        headers = onward + stamps
        return Request(incoming.method, target, headers, body, request.call)


class _Timed:
    """A body that must be over at a given time."""

    __slots__ = ("_alarms", "_source", "_until")

    def __init__(self, source: Stream, alarms: Alarms, until: float) -> None:
        self._source = source
        self._alarms = alarms
        self._until = until

    @property
    def ready(self) -> bool:
        return self._source.ready

    async def read(self) -> bytes:
        if self._source.ready:
            return await self._source.read()
        try:
            with self._alarms.at(self._until):
                return await self._source.read()
        except TimeoutError:
            raise UpstreamFailure("upstream_timeout", "The application's answer did not end.", sent=True) from None


def stamps(webhook: str, incoming: Incoming, naming: Naming, secret: str, wall: float) -> Headers:
    """The `Outrigger-*` fields of a first delivery. `wall`: Unix seconds of receipt."""
    fields = [
        (b"Outrigger-Webhook", webhook.encode()),
        (b"Outrigger-Event-Id", event_id(incoming, naming)),
        (b"Outrigger-Attempt", b"1"),
        (b"Outrigger-Received", _rfc3339(wall).encode()),
        (b"Outrigger-Key", secret.encode()),
    ]
    if naming.type is not None and _PLAIN.fullmatch(naming.type):  # a sender's bytes in a header of ours
        fields.insert(2, (b"Outrigger-Event-Type", naming.type))
    return tuple(fields)


def event_id(incoming: Incoming, naming: Naming) -> bytes:
    """The sender's id, its digest where it cannot stand in a header, or where there is none the digest of what came."""
    if naming.id is None:
        digest = hashlib.sha256(b"%b\n%b\n" % (incoming.method.encode(), incoming.query or b""))
        digest.update(incoming.body)
        return b"sha256:" + digest.hexdigest().encode()
    if _PLAIN.fullmatch(naming.id):
        return naming.id
    return b"sha256:" + hashlib.sha256(naming.id).hexdigest().encode()


def _rfc3339(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
