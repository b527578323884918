"""Bodies of webhook requests, read whole: so many at a time, so large, and not slower than a modem.

The one thing a reader would get wrong: the pace is an average over all after the first 5 s, so a burst earns a pause.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.body import Body, Stream
from proxy.errors import Refusal
from proxy.timing import Alarms
from proxy.units import Seconds

PLACES = 512  # bodies in memory at once, of all webhooks together
LONGEST: Seconds = 30.0  # for a whole body
GRACE: Seconds = 5.0  # before the pace counts
PACE = 1024  # bytes a second


class Full(Exception):
    """Every place is taken."""


class Intake:
    """The places, shared by all webhooks of a listener, and the reading."""

    def __init__(self, now: Callable[[], float], alarms: Alarms, places: int = PLACES) -> None:
        self._now = now
        self._alarms = alarms
        self._free = places

    def take(self) -> None:
        """Takes a place for one body in memory; whoever got it calls `give_back`. Raises `Full`."""
        if self._free <= 0:
            raise Full
        self._free -= 1

    def give_back(self) -> None:
        """The body is in memory no more."""
        self._free += 1

    async def read(self, body: Body | None, most: int) -> bytes:
        """The whole body. Raises `Refusal`: `request_too_large` over `most` bytes, `request_timeout`, `bad_request`."""
        if body is None:
            return b""
        if body.length is not None and body.length > most:  # before a byte is read
            raise Refusal("request_too_large", f"Content-Length is over the {most} bytes of max_body")
        whole = body.take()
        if whole is not None:  # as with nearly every event: it came with its head
            return whole
        body.admit(keep=0, most=most)
        try:
            return await self._read(body)
        except TimeoutError:
            raise Refusal("request_timeout", f"the body was slower than {PACE} bytes/s or {LONGEST:g} s") from None

    async def _read(self, body: Body) -> bytes:
        stream, pieces = body.open(), []
        while stream.ready and not body.complete:  # no timer for what is here
            pieces.append(await stream.read())
        if not body.complete:
            await self._wait_for(body, stream, pieces)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _wait_for(self, body: Body, stream: Stream, pieces: list[bytes]) -> None:
        started, size = self._now(), sum(map(len, pieces))
        with self._alarms.at(started + GRACE) as alarm:
            while not body.complete:
                alarm.move(started + min(GRACE + size / PACE, LONGEST))
                pieces.append(await stream.read())
                size += len(pieces[-1])
