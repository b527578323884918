"""A proven request on its way to the application while its sender waits: `deliver.mode: sync`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.body import Stream
from proxy.config.schema import DeliverSettings
from proxy.errors import ProxyError, UpstreamFailure
from proxy.model import Request, Response
from proxy.timing import Alarms
from proxy.webhooks.inbox import Arrival
from proxy.webhooks.outgoing import Unsigned
from proxy.webhooks.post import Deliver, post
from proxy.webhooks.trying import Write


class AppUnavailable(Exception):
    """The application did not answer within `deliver.timeout`. The text is for the log."""


class Forward:
    """Passes one webhook's events on and the answers back, at most `deliver.concurrency` at a time."""

    def __init__(
        self, deliver: Deliver, write: Write, settings: DeliverSettings, now: Callable[[], float], alarms: Alarms
    ) -> None:
        self._deliver = deliver
        self._write = write
        self._timeout = settings.timeout
        self._places = asyncio.Semaphore(settings.concurrency)
        self._now = now
        self._alarms = alarms

    async def __call__(self, arrival: Arrival, request: Request) -> Response:
        """The application's answer, its body still coming. Raises `AppUnavailable`."""
        until = self._now() + self._timeout
        try:
            outgoing = self._write(arrival, 1, request.call)
            with self._alarms.at(until):
                await self._places.acquire()
                response = await self._call(outgoing)
        except TimeoutError:
            raise AppUnavailable(f"no answer within {self._timeout:g} s") from None
        except ProxyError as error:
            raise AppUnavailable(error.code) from None
        except Unsigned as error:
            raise AppUnavailable(str(error)) from None
        response.body = _Timed(response.body, self._alarms, until)
        return response

    async def _call(self, outgoing: Request) -> Response:
        try:
            response = await post(self._deliver, outgoing)
        except BaseException:
            self._places.release()
            raise
        response.on_close(lambda _: self._places.release())
        return response


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
